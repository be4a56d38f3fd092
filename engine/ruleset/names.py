"""The names a condition may use, and what to say of one that it may not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.ruleset.condition_text import ConditionText
from engine.ruleset.fact_types import BREAKER_SCOPES, ROOTS, FactType, Scope
from engine.ruleset.facts_schema import FactsSchema
from engine.ruleset.issues import Issue, did_you_mean
from engine.ruleset.source import Span
from engine.ruleset.syntax import Literal


@dataclass(frozen=True)
class NamedCondition:
    """A condition of a `define:`: its text with those it names written out, and the paths of the facts it reads.

    `problems` are what is wrong with it by itself; they are what is wrong with every condition that uses it.
    """

    name: str
    place: Span
    text: ConditionText
    reads: tuple[str, ...] = ()
    problems: tuple[Issue, ...] = ()


@dataclass
class Room:
    """How many characters the named conditions of a version may still take where they are written out."""

    left: int = 500_000


@dataclass(frozen=True)
class Names:
    """What a condition may name. `family` decides which facts; `used` gathers the definitions that were named."""

    schema: FactsSchema
    family: str
    definitions: Mapping[str, Literal]
    used: set[str] = field(default_factory=set)
    conditions: Mapping[str, NamedCondition] = field(default_factory=dict)
    room: Room = field(default_factory=Room)

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes a condition of this family can turn out to have."""
        if self.family == "breaker":
            return tuple(BREAKER_SCOPES.values())
        return (Scope.MESSAGE,) if self.family == "routing" else (Scope.MESSAGE, Scope.CHANNEL)

    def fact(self, path: str) -> FactType | None:
        """The fact of that path, or None."""
        return next((fact for scope in self.scopes if (fact := self.schema.fact(path, scope))), None)

    def defines(self, name: str) -> bool:
        """Whether a `define:` gives the name to something."""
        return name in self.definitions or name in self.conditions

    def paths(self) -> list[str]:
        """Every path this family may read."""
        return list(dict.fromkeys(path for scope in self.scopes for path in self.schema.paths(scope)))


def unknown_name(name: str, names: Names) -> tuple[str, str]:
    """What to say of a name that is neither a fact nor a constant here."""
    shown = name[:80]
    paths = names.paths()
    inside = [path for path in paths if path.startswith(name + ".")]
    if inside:
        return f'"{shown}" is no value of its own', "name one of its facts, such as " + ", ".join(sorted(inside)[:3])
    root = name.partition(".")[0]
    if root in names.conditions:
        return f'"{shown}": {root} is a condition and has no fields', f"write {root}"
    if names.family == "routing" and root == "channel":
        return f'"{shown}": routing chooses the channels, so it cannot read channel.*', "read channels.<name>.state"
    if names.family == "breaker" and root in ROOTS and not any(path.startswith(root + ".") for path in paths):
        return (
            f'"{shown}": a breaker rule reads a window and the time only',
            "known: provider.* channel.* platform.* now.*",
        )
    return f'unknown fact "{shown}"', _hint(name, [*paths, *names.definitions, *names.conditions])


def _hint(name: str, known: list[str]) -> str:
    """What to write instead of an unknown name: the nearest known one, or where such names come from."""
    if name.startswith(("message.params.", "user.attributes.")):
        # Two params are alike by their first words alone; what counts is what their own names have in common.
        start = ".".join(name.split(".")[:2]) + "."
        near = did_you_mean(name.removeprefix(start), [one.removeprefix(start) for one in known if start in one])
        declare = "declare it in facts.yaml, under facts:"
        return near.replace('"', f'"{start}', 1) + f" Else {declare}" if near else declare
    if name.lower() in ("true", "false"):
        return f"write {name.lower()}, in small letters"
    near = did_you_mean(name, known)
    if near or "." in name:
        return near or ("facts of one's own are declared in facts.yaml" * name.startswith(("message.", "user.")))
    whole = [path for path in known if path.endswith(f".{name}")]
    if len(whole) == 1 or (whole and whole[0].startswith("message.")):
        return f'did you mean "{whole[0]}"?'
    constant = "; a constant is defined under define:" if "_" in name else ""
    return f'a text stands in quotes: "{name[:80]}"{constant}'
