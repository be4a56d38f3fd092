"""What a closed window asks of a breaker: COLLECT, the strictest state wins."""

from __future__ import annotations

from dataclasses import dataclass

from engine.ruleset.effects import SetState
from engine.ruleset.match import Matched
from engine.ruleset.rules import Rule

_STRICTNESS = {"SLOW": 1, "PAUSED": 2}


@dataclass(frozen=True, slots=True)
class BreakerVerdict:
    """The state that the rules ask for. `speed` is the share of the usual rate (SLOW only).

    It ends by itself after `back_windows` windows in a row with an error rate below `back_error_rate`; 0 windows = not
    by itself. `rule` is the index of the deciding rule.
    """

    state: str
    speed: float
    back_windows: int
    back_error_rate: float
    rule: int


def precedence(rule: Rule) -> tuple[int, float, int]:
    """Sort breaker rules by this, and the first that matches decides: the strictest state, of several SLOW the slowest,
    of equals the first in the file."""
    assert isinstance(rule.effect, SetState), "the effect of every breaker rule"
    return -_STRICTNESS[rule.effect.state], rule.effect.speed, rule.index


def judge_window(matched: Matched) -> BreakerVerdict | None:
    """Return the strictest state asked for, of several SLOW the slowest; None when no rule asks for one."""
    rule = min(matched.states, key=precedence, default=None)
    if rule is None or not isinstance(rule.effect, SetState):
        return None
    effect = rule.effect
    return BreakerVerdict(effect.state, effect.speed, effect.back_windows, effect.back_error_rate, rule.index)
