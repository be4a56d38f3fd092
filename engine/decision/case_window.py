"""Rule tests of the breaker family: a window's facts in, the state that the rules ask for out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.decision.breaker import judge_window
from engine.decision.case_compare import differs, missing
from engine.decision.case_reading import WINDOW_KEYS
from engine.decision.moment import local_time
from engine.ruleset.compile import RuleSet
from engine.ruleset.fact_types import STATES, Scope
from engine.ruleset.match import Matched

_EXPECTS: Final = ("state", "speed", "back", "decided_by", "matched")


def window_facts(given: Mapping[str, Any], subject: str, ruleset: RuleSet, scope: Scope) -> list[Any]:
    """Return the subject list of a case. Raises ValueError for a state that there is not."""
    window = {key: given.get("window", {}).get(key) for key in WINDOW_KEYS}
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


def compare_window(expect: Mapping[str, Any], matched: Matched, ruleset: RuleSet) -> Iterator[str]:
    """Say what is not as expected."""
    found = _found(matched, ruleset)
    for key, expected in expect.items():
        if key not in _EXPECTS:
            yield f"{key}: a case of a breaker can expect only {', '.join(_EXPECTS)}"
        elif key == "matched":
            yield from missing(expected, found["matched"])
        elif expected != found[key]:
            yield differs(key, expected, found[key])


def _found(matched: Matched, ruleset: RuleSet) -> dict[str, Any]:
    rules = sorted(ruleset.rules[index].id for index in matched.rules)
    verdict = judge_window(matched)
    if verdict is None:
        return {"state": "NORMAL", "speed": None, "back": None, "decided_by": "", "matched": rules}
    back = {"windows": verdict.back_windows, "error_rate_below": verdict.back_error_rate}
    return {
        "state": verdict.state,
        "speed": verdict.speed or None,
        "back": back if verdict.back_windows else None,
        "decided_by": ruleset.rules[verdict.rule].id,
        "matched": rules,
    }
