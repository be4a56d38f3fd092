"""Rule tests of the breaker family: a window's facts in, the state that the rules ask for out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.decision.breaker import judge_window
from engine.decision.case_compare import Difference, compare_matched, shown
from engine.decision.case_shape import WINDOW_KEYS
from engine.decision.moment import local_time
from engine.ruleset.compile import RuleSet
from engine.ruleset.fact_types import STATES, Scope
from engine.ruleset.match import Matched

_EXPECTS: Final = ("state", "speed", "back", "decided_by", "matched", "not_matched")


def window_facts(given: Mapping[str, Any], subject: str, ruleset: RuleSet, scope: Scope) -> list[Any]:
    """Return the subject list of a case. Raises ValueError for a state that there is not."""
    window: dict[str, Any] = {key: (given.get("window") or {}).get(key) for key in WINDOW_KEYS}
    counted = {key: window[key] or 0 for key in ("count", "errors", "timeouts", "consecutive_timeouts")}
    rates: dict[str, float] = {}
    for rate, key in (("error_rate", "errors"), ("timeout_rate", "timeouts")):
        share = counted[key] / counted["count"] if counted["count"] else 0.0
        rates[rate] = float(share if window[rate] is None else window[rate])
    channel = given.get("channel") or ruleset.channels[0]
    values = {
        f"{subject}.name": given.get("name") or channel,
        f"{subject}.channel": channel,
        f"{subject}.state": given.get("state") or "NORMAL",
        **{f"{subject}.window.{key}": value for key, value in {**counted, **rates}.items()},
    }
    if values[f"{subject}.state"] not in STATES:
        raise ValueError(f"{subject}.state: must be one of {', '.join(STATES)}")
    return [values[fact.path] for fact in ruleset.schema.subjects(scope)]


def time_facts(ruleset: RuleSet, zone: str, now_ms: int) -> list[Any]:
    """Return the message list as breaker rules may see it: nothing but `now.*` is in it."""
    f: list[Any] = [None] * ruleset.schema.size
    local = local_time(zone, now_ms)._asdict()
    for fact in ruleset.schema.facts:
        if fact.path == "now.timestamp":
            f[fact.slot] = now_ms * 1000
        elif fact.path.startswith("now.local_"):
            f[fact.slot] = local[fact.path.removeprefix("now.local_")]
    return f


def compare_window(expect: Mapping[str, Any], matched: Matched, ruleset: RuleSet) -> Iterator[Difference]:
    """Say what is not as expected."""
    found = asked_state(matched, ruleset)
    for key, expected in expect.items():
        if key not in _EXPECTS:
            note = f"only {', '.join(_EXPECTS)} can be expected of it"
            yield Difference(key, shown(expected), "a window", note)
        elif key in ("matched", "not_matched"):
            yield from compare_matched(key, expected, {ruleset.rules[index].id: [] for index in matched.rules})
        elif expected != found[key] and (expected or found[key]):
            yield Difference(key, shown(expected), shown(found[key]))


def asked_state(matched: Matched, ruleset: RuleSet) -> dict[str, Any]:
    """Write the state that matched breaker rules ask for as what a case could expect of it."""
    verdict = judge_window(matched)
    if verdict is None:
        return {"state": "NORMAL", "speed": None, "back": None, "decided_by": ""}
    back = {"windows": verdict.back_windows, "error_rate_below": verdict.back_error_rate}
    return {
        "state": verdict.state,
        "speed": verdict.speed or None,
        "back": back if verdict.back_windows else None,
        "decided_by": ruleset.rules[verdict.rule].id,
    }
