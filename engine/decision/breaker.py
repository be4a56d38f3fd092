"""What a closed window asks of a breaker: COLLECT, the strictest state wins."""

from __future__ import annotations

from dataclasses import dataclass

from engine.ruleset.effects import SetState
from engine.ruleset.match import Matched

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


def judge_window(matched: Matched) -> BreakerVerdict | None:
    """Return the strictest state asked for, of several SLOW the slowest; None when no rule asks for one."""
    asked = [(rule.effect, rule.index) for rule in matched.states if isinstance(rule.effect, SetState)]
    if not asked:
        return None
    effect, index = max(asked, key=lambda one: (_STRICTNESS[one[0].state], -one[0].speed, -one[1]))
    return BreakerVerdict(effect.state, effect.speed, effect.back_windows, effect.back_error_rate, index)
