"""Rule tests: each case is decided as a message would be, and what was expected of the decision is compared.

The command line, pytest and every load of a version run cases through here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from engine.decision.breaker import judge_window
from engine.decision.case_given import read_items, read_now, read_state, read_user
from engine.decision.case_reading import WINDOW_KEYS, Case, read_cases
from engine.decision.model import Decision, Step, User
from engine.decision.moment import iso_time, local_time, parse_local
from engine.decision.session import Ask, Judge, Judgement, Unknown, judge_now
from engine.decision.trace import Trace, explain, uses_before
from engine.errors import InvalidInput
from engine.ruleset.compile import RuleSet
from engine.ruleset.fact_types import BREAKER_SCOPES, STATES, Scope
from engine.ruleset.issues import Issue, Issues
from engine.ruleset.match import Matched
from engine.ruleset.temporal import parse_duration

_MICROS = 1_000_000
_WINDOW_EXPECTS: Final = ("state", "speed", "back", "decided_by", "matched")


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one case: `differences` is empty when it passed; `trace` explains a decision."""

    name: str
    file: str
    line: int
    differences: tuple[str, ...]
    trace: Trace | None = None

    @property
    def passed(self) -> bool:
        """Was everything as expected?"""
        return not self.differences


@dataclass(frozen=True, slots=True)
class CaseReport:
    """What became of all cases; `matched` are the ids of the rules that some case made match."""

    results: tuple[CaseResult, ...]
    issues: tuple[Issue, ...]
    matched: frozenset[str] = field(default_factory=frozenset)

    @property
    def passed(self) -> int:
        """How many cases passed."""
        return sum(result.passed for result in self.results)

    @property
    def failed(self) -> int:
        """How many did not, counting each problem that kept cases from being read."""
        return len(self.results) - self.passed + len(self.issues)


def run_cases(ruleset: RuleSet, files: Mapping[str, bytes], ask: Ask) -> CaseReport:
    """Run every case of these files against a rule set; `ask` matches fingerprints."""
    runner = CaseRunner(ruleset, ask)
    issues = Issues()
    results = tuple(runner.run(case) for case in read_cases(files, issues))
    return CaseReport(results, issues.sorted(), frozenset(runner.matched))


class CaseRunner:
    """Runs cases against one rule set, sharing what it learns of matching."""

    def __init__(self, ruleset: RuleSet, ask: Ask) -> None:
        self._ruleset = ruleset
        self._ask = ask
        self._judge = Judge(ruleset)
        self._windows = {scope: ruleset.matcher(scope) for scope in BREAKER_SCOPES.values()}
        self.matched: set[str] = set()

    def run(self, case: Case) -> CaseResult:
        """Decide one case and compare."""
        subjects = [name for name in BREAKER_SCOPES if name in case.given]
        try:
            if subjects:
                return self._run_window(case, subjects[0])
            return self._run_message(case)
        except (ValueError, TypeError, AttributeError, InvalidInput) as error:
            return CaseResult(case.name, case.file, case.line, (f"the case cannot be judged: {error}",))

    def _run_message(self, case: Case) -> CaseResult:
        user = read_user(case.given, self._ruleset)
        *before, item = read_items(case.given, user, self._ruleset)
        message, now_ms = item
        state = read_state(case.given, message, user, now_ms, self._ruleset)
        session = self._judge.session(state)
        for judged in judge_now(session, before, self._ask):
            _sure(judged)
        uses = uses_before(state.ledger, message.tenant, message.user_id)
        judgement = _sure(judge_now(session, [item], self._ask)[0])
        trace = explain(judgement, uses, self._ruleset)
        self.matched |= {one.rule.id for one in trace.rules if not one.erred}
        differences = compare(case.expect, judgement.decision, user, trace)
        return CaseResult(case.name, case.file, case.line, tuple(differences), trace)

    def _run_window(self, case: Case, subject: str) -> CaseResult:
        scope = BREAKER_SCOPES[subject]
        facts = _window_facts(case.given[subject] or {}, subject, self._ruleset, scope)
        reader = WindowReader(self._ruleset)
        user = read_user(case.given, self._ruleset)
        f = reader.message_part(user.zone, read_now(case.given, user.zone))
        matched = self._match_window(scope, f, facts)
        verdict = judge_window(matched)
        self.matched |= {self._ruleset.rules[index].id for index in matched.rules}
        found: dict[str, Any] = {"state": "NORMAL", "speed": None, "back": None, "decided_by": ""}
        if verdict is not None:
            found = {"state": verdict.state, "speed": verdict.speed or None, "back": None}
            found["decided_by"] = self._ruleset.rules[verdict.rule].id
            if verdict.back_windows:
                found["back"] = {"windows": verdict.back_windows, "error_rate_below": verdict.back_error_rate}
        found["matched"] = sorted(self._ruleset.rules[index].id for index in matched.rules)
        differences = list(_window_differences(case.expect, found))
        return CaseResult(case.name, case.file, case.line, tuple(differences))

    def _match_window(self, scope: Scope, f: list[Any], c: list[Any]) -> Matched:
        matcher = self._windows[scope]
        fingerprint = matcher.fingerprint(f, c)
        known = matcher.memo.get(fingerprint)
        if known is not None:
            return known
        answers = self._ask([Unknown(scope, fingerprint, f, c)])
        if answers is None:
            return matcher.interpret(fingerprint, f, c)
        return matcher.learn(fingerprint, answers[0], f, c)


class WindowReader:
    """Reads what breaker rules may see of the message list: the time."""

    def __init__(self, ruleset: RuleSet) -> None:
        self._schema = ruleset.schema

    def message_part(self, zone: str, now_ms: int) -> list[Any]:
        """Return the message list with nothing but `now.*` in it."""
        f: list[Any] = [None] * self._schema.size
        local = local_time(zone, now_ms)._asdict()
        for fact in self._schema.facts:
            if fact.path == "now.timestamp":
                f[fact.slot] = now_ms * 1000
            elif fact.path.startswith("now.local_"):
                f[fact.slot] = local[fact.path.removeprefix("now.local_")]
        return f


def _sure(judgement: Judgement) -> Judgement:
    if judgement.error is not None:
        raise judgement.error
    return judgement


def _window_facts(given: Mapping[str, Any], subject: str, ruleset: RuleSet, scope: Scope) -> list[Any]:
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


def _window_differences(expect: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    for key, expected in expect.items():
        if key not in _WINDOW_EXPECTS:
            yield f"{key}: a case of a breaker can expect only {', '.join(_WINDOW_EXPECTS)}"
        elif key == "matched":
            yield from _missing(expected, found["matched"])
        elif expected != found[key]:
            yield _differs(key, expected, found[key])


def compare(expect: Mapping[str, Any], decision: Decision, user: User, trace: Trace) -> Iterator[str]:
    """Say what of a decision is not as expected; only the keys given are compared."""
    for key, expected in expect.items():
        match key:
            case "until":
                yield from _compare_until(expected, decision, user)
            case "refused":
                yield from _compare_refused(expected or {}, decision)
            case "charges":
                yield from _compare_charges(expected or {}, decision)
            case "matched":
                yield from _missing(expected, [one.rule.id for one in trace.rules if not one.erred])
            case "waits":
                yield from _compare_waits(expected or {}, decision)
            case "providers":
                yield from _compare_providers(expected or {}, decision)
            case "state" | "speed" | "back":
                yield f"{key}: only a case that gives provider, channel or platform can expect it"
            case _:
                found = _found(key, decision)
                if found != expected:
                    yield _differs(key, expected, found) + _because(key, decision)


def _found(key: str, decision: Decision) -> Any:
    plan = decision.plan
    match key:
        case "verdict":
            return decision.verdict.name
        case "reason":
            return decision.reason.name
        case "strategy":
            return plan.strategy.name if plan else None
        case "channels":
            return [step.channel for step in plan.steps] if plan else []
        case "priority":
            return plan.priority if plan else None
        case _:
            return decision.decided_by


def _because(key: str, decision: Decision) -> str:
    if key == "decided_by" or not decision.reason:
        return ""
    by = f" by {decision.decided_by}" if decision.decided_by else ""
    return f" ({decision.verdict.name}, {decision.reason.name}{by})"


def _compare_until(expected: Any, decision: Decision, user: User) -> Iterator[str]:
    found = iso_time(decision.until_ms, user.zone) if decision.until_ms else None
    if not decision.until_ms or parse_local(str(expected), user.zone) != decision.until_ms:
        yield _differs("until", expected, found)


def _compare_refused(expected: Mapping[str, Any], decision: Decision) -> Iterator[str]:
    refusals = {refusal.channel: refusal for refusal in decision.refusals}
    for channel, wanted in expected.items():
        refusal = refusals.get(channel)
        if refusal is None:
            yield f"refused.{channel}: expected {wanted}, but it was not refused"
            continue
        found = {"reason": refusal.reason.name, "rule": refusal.rule_id}
        for key, value in (wanted if isinstance(wanted, dict) else {"reason": wanted}).items():
            if found.get(key) != value:
                yield _differs(f"refused.{channel}.{key}", value, found.get(key))


def _compare_charges(expected: Mapping[str, Any], decision: Decision) -> Iterator[str]:
    found: dict[str, int] = {}
    for step in _steps(decision):
        for charge in step.charges:
            found[charge.account] = found.get(charge.account, 0) + charge.micros
    wanted = {account: round(float(amount) * _MICROS) for account, amount in expected.items()}
    if found != wanted:
        yield _differs("charges", expected, {account: micros / _MICROS for account, micros in found.items()})


def _compare_waits(expected: Mapping[str, Any], decision: Decision) -> Iterator[str]:
    found = {step.channel: step.wait_ms for step in _steps(decision) if step.wait_ms}
    wanted = {channel: parse_duration(str(text)) // 1000 for channel, text in expected.items()}
    if found != wanted:
        yield _differs("waits", expected, {channel: f"{wait_ms / 1000:g}s" for channel, wait_ms in found.items()})


def _compare_providers(expected: Mapping[str, Any], decision: Decision) -> Iterator[str]:
    found = {step.channel: list(step.providers) for step in _steps(decision)}
    for channel, providers in expected.items():
        if found.get(channel) != providers:
            yield _differs(f"providers.{channel}", providers, found.get(channel))


def _steps(decision: Decision) -> Sequence[Step]:
    return decision.plan.steps if decision.plan else ()


def _missing(expected: Any, found: Sequence[str]) -> Iterator[str]:
    for rule_id in expected or ():
        if rule_id not in found:
            yield f"matched: {rule_id} did not match"


def _differs(key: str, expected: Any, found: Any) -> str:
    return f"{key}: expected {_shown(expected)}, found {_shown(found)}"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return "nothing" if value in (None, "") else str(value)
