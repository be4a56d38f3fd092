"""The names that conditions may use: every fact with its type, its slot, and whether it can be missing.

Facts at run time are two flat lists indexed by slot: the message's, and the subject's (a candidate channel, or the
provider, channel or platform whose window a breaker rule judges).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from engine.ruleset.coercion import coerce
from engine.ruleset.documents import Node
from engine.ruleset.fact_types import (
    ABSENT,
    MESSAGE_FACTS,
    NOW_FACTS,
    UNREACHABLE,
    FactType,
    Scope,
    channel_state_facts,
    subject_facts,
)
from engine.ruleset.facts_document import Budget, Channel, Declarations, Declared, read_declarations, read_definitions
from engine.ruleset.issues import Issues
from engine.ruleset.syntax import Literal, Type
from engine.ruleset.temporal import EPOCH

__all__ = [
    "ABSENT", "UNREACHABLE", "Budget", "Channel", "FactType", "FactsSchema", "Scope", "coerce", "read_definitions",
]  # fmt: skip

Facts = Sequence[Any]
"""One of the two flat lists; the type of each slot's value is told by its FactType."""


@dataclass(frozen=True)
class FactsSchema:
    """All facts of one rule set. Made once, then only read; it travels between processes."""

    channels: tuple[Channel, ...]
    budgets: tuple[Budget, ...]
    definitions: MappingType[str, Literal]
    facts: tuple[FactType, ...]
    """The facts of the message list, in the order of their slots."""

    @classmethod
    def build(cls, document: Node, issues: Issues) -> FactsSchema | None:
        """The schema that facts.yaml declares, or None when an error was found in it."""
        mine = Issues()
        declarations = read_declarations(document, mine)
        facts = _message_facts(declarations, mine)
        issues.extend(mine.sorted())
        if mine.has_errors:
            return None
        channels, budgets = tuple(declarations.channels), tuple(declarations.budgets)
        return cls(channels, budgets, declarations.definitions, tuple(_slotted(facts)))

    def __post_init__(self) -> None:
        names = tuple(channel.name for channel in self.channels)
        subjects = {scope: tuple(_slotted(subject_facts(scope, names), True)) for scope in Scope}
        by_scope = {
            scope: {fact.path: fact for fact in (*self._message_part(scope), *subjects[scope])} for scope in Scope
        }
        self.__dict__.update(_subjects=subjects, _by_scope=by_scope)

    def _message_part(self, scope: Scope) -> Iterable[FactType]:
        if scope in (Scope.MESSAGE, Scope.CHANNEL):
            return self.facts
        return (fact for fact in self.facts if fact.path.startswith("now."))

    def with_lists(self, names: Iterable[str]) -> FactsSchema:
        """The same schema with `content.hits.<name>` for every list, in the order of their names."""
        hits = (FactType(f"content.hits.{name}", Type.INT, False, low=0, high=9) for name in sorted(names))
        return replace(self, facts=tuple(_slotted((*self.facts, *hits))))

    def fact(self, path: str, scope: Scope) -> FactType | None:
        """The fact of that path that a rule of this scope may read, or None."""
        return self._scoped(scope).get(path)

    def paths(self, scope: Scope) -> tuple[str, ...]:
        """Every path that a rule of this scope may read."""
        return tuple(self._scoped(scope))

    def facts_of(self, scope: Scope) -> tuple[FactType, ...]:
        """Every fact that a rule of this scope may read."""
        return tuple(self._scoped(scope).values())

    def subjects(self, scope: Scope) -> tuple[FactType, ...]:
        """The facts of the subject list of a scope, in the order of their slots."""
        found: tuple[FactType, ...] = self.__dict__["_subjects"][scope]
        return found

    def _scoped(self, scope: Scope) -> dict[str, FactType]:
        found: dict[str, FactType] = self.__dict__["_by_scope"][scope]
        return found

    @property
    def size(self) -> int:
        """The length of the message list."""
        return len(self.facts)

    @property
    def params(self) -> tuple[FactType, ...]:
        """What facts.yaml declares under message.params; an object comes before what it holds."""
        return tuple(fact for fact in self.facts if fact.path.startswith("message.params."))

    @property
    def attributes(self) -> tuple[FactType, ...]:
        """What facts.yaml declares under user.attributes; an object comes before what it holds."""
        return tuple(fact for fact in self.facts if fact.path.startswith("user.attributes."))

    def nested(self, f: Facts, c: Facts, scope: Scope) -> dict[str, Any]:
        """The facts as nested dicts, absent ones left out, times as datetime and timedelta: what CEL sees."""
        made: dict[str, Any] = {}
        for fact in self._scoped(scope).values():
            value = (c if fact.subject else f)[fact.slot]
            if value is UNREACHABLE:
                continue
            *holders, last = fact.path.split(".")
            holder = made
            for word in holders:  # what holds a reachable fact is there, even with nothing in it
                holder = holder.setdefault(word, {})
            if value is not ABSENT:
                holder[last] = _readable(fact.type, value)
        return made


def _readable(kind: Type, value: Any) -> Any:
    if kind is Type.TIMESTAMP:
        return EPOCH + timedelta(microseconds=value)
    if kind is Type.DURATION:
        return timedelta(microseconds=value)
    if kind is Type.OBJECT:
        return {}
    return list(value) if isinstance(value, tuple) else value


def _slotted(facts: Iterable[FactType], subject: bool = False) -> Iterable[FactType]:
    """The facts with their slots, and for nested ones the slot of the object that holds them."""
    objects: dict[str, int] = {}
    for slot, fact in enumerate(facts):
        if fact.type is Type.OBJECT:
            objects[fact.path] = slot
        yield replace(fact, slot=slot, subject=subject, parent=objects.get(fact.path.rpartition(".")[0]))


def _message_facts(declarations: Declarations, issues: Issues) -> list[FactType]:
    """Built-in facts first, so that their slots are the same in every rule set; then what this one declares."""
    declared = {fact.path: fact for fact in declarations.facts}
    facts = [_narrowed(fact, declared.pop(fact.path, None)) for fact in (*NOW_FACTS, *MESSAGE_FACTS)]
    for channel in declarations.channels:
        facts += channel_state_facts(f"channels.{channel.name}")
    facts += [FactType(f"budget.{b.name}.left", Type.DOUBLE, True) for b in declarations.budgets]
    return facts + _own_facts(declared, issues)


def _narrowed(fact: FactType, declared: Declared | None) -> FactType:
    if declared is None:
        return fact
    values = declared.values if declared.values is not None else fact.values
    return replace(fact, values=values, optional=fact.optional and not declared.required, doc=declared.doc)


def _own_facts(declared: dict[str, Declared], issues: Issues) -> list[FactType]:
    """Declared facts, parents before children; objects that are only implied are added."""
    own: dict[str, FactType] = {}
    required = {p for fact in declared.values() if fact.required for p in (fact.path, *_holders(fact.path))}
    for path, fact in sorted(declared.items()):
        for holder in _holders(path):
            first = own.setdefault(holder, FactType(holder, Type.OBJECT, holder not in required))
            if first.type is not Type.OBJECT:
                text = f"{holder} is declared as a {first.type.value}, so it cannot hold {path}"
                issues.error("wrong-type", fact.span, text, f"declare {holder} as an object, or choose another name")
        kind = fact.kind or Type.STRING
        own[path] = FactType(path, kind, path not in required, values=fact.values, doc=fact.doc)
    return list(own.values())


def _holders(path: str) -> list[str]:
    """The objects between the first two words and the last: for message.params.a.b.c that is …a and …a.b."""
    words = path.split(".")
    return [".".join(words[:n]) for n in range(3, len(words))]
