"""What `signalbox rules eval` evaluates on: facts from a file, and what a version of the rules declares."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cli.problems import CannotStart
from cli.rules.eval_names import Defined, defined_in
from cli.rules.versions import versions_of
from engine.flow.folder import read_folder
from engine.ruleset import documents
from engine.ruleset.coercion import coerce
from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.free_values import Instant, Stretch, group_of
from engine.ruleset.issues import Issues, render
from engine.ruleset.source import Source
from engine.ruleset.syntax import Type

LONGEST: Final = 16 << 20
"""Bytes of a file of facts."""


@dataclass(frozen=True)
class Rules:
    """What a version gives to an expression: names, and how facts are typed; nothing if no version is named."""

    defined: Defined = field(default_factory=Defined)
    schema: FactsSchema | None = None

    def typed(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """The facts as values; those the version declares have the declared types. Raises ValueError."""
        made = group_of(facts)
        if self.schema is not None:
            _declare(made, self.schema)
        return made


def rules_of(folder: Path) -> Rules:
    """Read what a version defines and declares."""
    (version,), _ = versions_of(folder)
    if version.compiled is None or version.compiled.ruleset is None:
        raise CannotStart(f"--rules {folder} has errors", f"signalbox rules check {folder}")
    schema = version.compiled.ruleset.schema
    return Rules(defined_in(read_folder(folder.resolve()).files, schema), schema)


def _declare(facts: dict[str, Any], schema: FactsSchema) -> None:
    for scope in Scope:
        for fact in schema.facts_of(scope):
            *holders, last = fact.path.split(".")
            group: Any = facts
            for word in holders:
                group = group.get(word) if isinstance(group, dict) else None
            value = group.get(last) if isinstance(group, dict) else None
            if value is None or fact.type is Type.OBJECT or isinstance(value, Instant | Stretch):
                continue
            try:
                group[last] = _free(coerce(fact, list(value) if isinstance(value, tuple) else value), fact.type)
            except ValueError as problem:
                raise ValueError(f"{fact.path}: {problem}") from None


def _free(value: Any, kind: Type) -> Any:
    """A value of a slot as one that carries its type."""
    if value is None:
        return None
    return {Type.TIMESTAMP: Instant, Type.DURATION: Stretch}[kind](value * 1000) if kind in _TIMES else value


_TIMES = (Type.TIMESTAMP, Type.DURATION)


def facts_of_file(file: Path) -> dict[str, Any]:
    """Read a file of facts. Raises CannotStart when there is none, or when it is neither JSON nor YAML."""
    try:
        with file.open("rb") as opened:
            data = opened.read(LONGEST + 1)
    except OSError as problem:
        raise CannotStart(f"--facts {file} cannot be read: {problem.strerror or problem}") from None
    if len(data) > LONGEST:
        raise CannotStart(f"--facts {file} has more than {LONGEST >> 20} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CannotStart(f"--facts {file} is not UTF-8 text", "save it as UTF-8") from None
    try:
        facts = json.loads(text)
    except RecursionError:
        raise CannotStart(f"--facts {file} nests too deep") from None
    except ValueError:
        facts = _yaml(file, text)
    if not isinstance(facts, dict):
        raise CannotStart(f"--facts {file} holds no object", 'write {"message": {"category": "MARKETING"}}')
    return facts


def _yaml(file: Path, text: str) -> Any:
    issues = Issues()
    document = documents.read_yaml(Source(file.name, text), issues)
    if document is None or issues.has_errors:
        raise CannotStart(f"--facts {file} is neither JSON nor YAML\n{render(issues.sorted(), color=False)}")
    return _plain(document)


def _plain(node: documents.Node) -> Any:
    if isinstance(node, documents.Mapping):
        return {key.text: _plain(value) for key, value in node.entries}
    return [_plain(item) for item in node.items] if isinstance(node, documents.Sequence) else node.value()
