"""A mutant: the rules of a version with one small mistake in them, told in a line that its author understands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from engine.ruleset.effects import Effect, is_per_step
from engine.ruleset.fact_types import Scope
from engine.ruleset.rules import Rule
from engine.ruleset.source import Span

Kind = Literal[
    "boundary", "operator", "constant", "negation", "part", "rule", "order", "channel", "strategy", "providers",
    "address", "wait", "priority", "effect", "reason", "until", "max", "window", "min_interval", "otherwise", "per",
    "amount", "account", "unit", "times", "state", "speed", "back",
]  # fmt: skip
"""What was changed: something in a condition, the rule as such, or the field of its effect that has this name."""

CONDITION_KINDS: Final = ("boundary", "operator", "constant", "negation", "part")
"""The kinds that change a condition and nothing else."""

LEFT_OUT: Final = "(left out)"
"""What stands in place of something that a mutant has not."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One small mistake.

    `rule` is the rule as its author wrote it, `place` where the changed text stands; `changed` are the rules that take
    the places (by their index) of the original's.
    """

    kind: Kind
    rule: Rule
    place: Span
    before: str
    after: str
    changed: tuple[Rule, ...]

    @property
    def text(self) -> str:
        """The mistake in one line, such as `fatigue.yaml:31:52 marketing-sms-weekly: max 1 -> 2`."""
        place = f"{self.place.source.name}:{self.place.line}:{self.place.column}"
        return f"{place} {self.rule.id}: {self.before} -> {self.after.removeprefix(self.label)}"

    @property
    def label(self) -> str:
        """The name of the changed field with the blank behind it, which `before` and `after` begin with; else empty."""
        return f"{self.kind} " if self.before.startswith(f"{self.kind} ") else ""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an effect: the path of the field below `then:`, and the effect with the mistake."""

    kind: Kind
    path: tuple[str | int, ...]
    before: str
    after: str
    effect: Effect


def per_step_of(effect: Effect, scope: Scope) -> bool:
    """Tell whether a refusal by this effect takes away one channel, as `Rule.per_step` says it."""
    return is_per_step(effect, scope is Scope.CHANNEL)
