"""Rules as they were read, before those of overrides have found their places among the common ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.ruleset.condition_text import ConditionText
from engine.ruleset.documents import Mapping as Group
from engine.ruleset.effects import Effect, is_per_step
from engine.ruleset.expressions import scope_of
from engine.ruleset.facts_schema import Scope
from engine.ruleset.names import Names
from engine.ruleset.rules import Placed, Rule
from engine.ruleset.source import Span
from engine.ruleset.syntax import Expr
from engine.ruleset.tables import Row


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was read: its text, named conditions written out, and what it means."""

    text: ConditionText
    expr: Expr


@dataclass(frozen=True, slots=True)
class Guard:
    """Which messages an override is for: the values of `message.tenant` and `message.line`, any if there are none.

    `file` is that of the override. `texts` says the same as a condition for each of the two that is given.
    """

    file: str
    tenants: frozenset[str]
    lines: frozenset[str]
    texts: Mapping[str, ConditionText]

    @property
    def level(self) -> int:
        """How particular it is: 0 a tenant's line, 1 a line, 2 a tenant."""
        return 0 if self.tenants and self.lines else 1 if self.lines else 2

    def meets(self, other: Guard) -> bool:
        """Tell whether both can be for one message."""
        pairs = ((self.tenants, other.tenants), (self.lines, other.lines))
        return all(not mine or not theirs or mine & theirs for mine, theirs in pairs)


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule as it was read. `place` is that of its id and `node` the whole rule as a tree.

    `guard` None: a common rule. `replaces` is the id of the common rule in whose place it stands, or empty. Once
    `guards` were put before the condition, `own` is the condition without them. `row` is the row
    of a decision table that it is; `of_channels` that it is asked once for each channel, whatever its condition reads.
    """

    family: str
    id: str
    doc: str
    owner: str
    condition: Condition | None
    effect: Effect
    place: Span
    node: Group
    names: Names
    guard: Guard | None = None
    replaces: str = ""
    own: Condition | None = None
    guards: tuple[ConditionText, ...] = ()
    row: Row | None = None
    of_channels: bool = False

    def rule(self, index: int) -> Rule:
        """Make the rule with this number."""
        when = None if self.condition is None else self.condition.expr
        scope = Scope.CHANNEL if self.of_channels else scope_of(when, self.family)
        return Rule(
            index=index,
            id=self.id,
            doc=self.doc,
            owner=self.owner,
            family=self.family,
            scope=scope,
            when=when,
            effect=self.effect,
            per_step=is_per_step(self.effect, scope is Scope.CHANNEL),
            can_err=False,
            file=self.place.source.name,
            line=self.place.line,
        )

    def placed(self, index: int) -> Placed:
        """Tell where the rule with this number stands."""
        own = self.own if self.guards else self.condition
        return Placed(
            id=self.place,
            when=None if self.condition is None else self.condition.text,
            rule=self.node,
            own=None if own is None else own.text,
            is_special=self.guard is not None,
            is_guarded=bool(self.guards),
            row=None if self.row is None else replace(self.row, rule=index),
        )
