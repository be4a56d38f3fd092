"""Which version serves: rollout.yaml. To name a version there is the commit point of a release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from engine.ruleset.documents import read_yaml
from engine.ruleset.files import decode, is_version_name
from engine.ruleset.issues import Issue, Issues, Severity
from engine.ruleset.reading import read
from engine.ruleset.scalars import Written, describe, wrong
from engine.ruleset.written import Form


def _version(value: object) -> str:
    expected = "the name of a version's folder: letters, digits, dots and dashes, at most 64"
    if isinstance(value, Written) and not value.empty and is_version_name(value):
        return str(value)
    raise wrong(describe(value), expected, "write the name of a folder beside rollout.yaml", "bad-version")


_VERSION: Final = WithJsonSchema({"type": ["string", "number"], "pattern": "^[0-9A-Za-z][0-9A-Za-z.-]{0,63}$"})


class RolloutFile(Form):
    """The fields of rollout.yaml."""

    stable: Annotated[str, BeforeValidator(_version), _VERSION] = Field(
        description="the name of the version's folder to serve"
    )


@dataclass(frozen=True, slots=True)
class Rollout:
    """The version to serve to everybody (None if the file does not say so) and the problems of the file."""

    stable: str | None
    issues: tuple[Issue, ...] = ()

    @property
    def has_errors(self) -> bool:
        """True if the file cannot be obeyed."""
        return any(issue.severity is Severity.ERROR for issue in self.issues)


def parse_rollout(name: str, content: bytes | None, found: tuple[Issue, ...] = ()) -> Rollout:
    """Read the content of rollout.yaml; None = it could not be read, as the issues `found` earlier tell."""
    issues = Issues()
    issues.extend(found)
    source = None if content is None else decode(name, content, issues)
    node = None if source is None else read_yaml(source, issues)
    form = None if node is None else read(node, RolloutFile, "rollout.yaml", issues)
    stable = None if form is None or issues.has_errors else form.stable
    return Rollout(stable, issues.sorted())
