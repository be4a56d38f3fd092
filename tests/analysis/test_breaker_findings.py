"""What `rules check` finds by asking about all windows of a subject: planted faults, each with a true window."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.analysis.mutation.outcomes import Outcomes
from engine.analysis.window_counts import Counts, is_window
from engine.decision.cases import interpreted, run_cases
from engine.ruleset.compile import RuleSet
from engine.ruleset.issues import Issue, render
from tests.analysis.finding_versions import codes, found, rule, version_of
from tests.analysis.test_windows import CONDITIONS, written

SLOW = "{set: {state: SLOW, speed: 0.5}}"
SLOWER = "{set: {state: SLOW, speed: 0.2}}"
PAUSED = "{set: {state: PAUSED}}"
BACK = "{set: {state: PAUSED, back: {windows: 3, error_rate_below: 0.05}}}"
W = "provider.window"
MANY = f"{W}.count >= 50"

GOOD = (
    rule("slow", f"{MANY} && {W}.error_rate > 0.08", SLOW)
    + rule("slower", f"{MANY} && {W}.error_rate > 0.2", SLOWER)
    + rule("paused", f"{MANY} && {W}.error_rate > 0.5 || {W}.consecutive_timeouts >= 10", BACK)
    + rule("calm-nights", f"{W}.count >= 20 && {W}.error_rate > 0.4 && now.local_hour < 6", SLOW)
    + rule("carrier-a", f'provider.name == "carrier-a" && {W}.count >= 30 && {W}.timeout_rate >= 0.3', SLOW)
    + rule("channel-slow", "channel.window.count >= 50 && channel.window.error_rate > 0.08", SLOW)
    + rule("channel-sms", 'channel.name == "sms" && channel.window.errors > 40', PAUSED)
    + rule("all", "platform.window.errors >= 1000 && platform.window.error_rate > 0.9", PAUSED)
)


def test_a_good_file_has_nothing_to_tell() -> None:
    """Levels that escalate, rules for one provider, the nights, rates and counts of all three subjects."""
    assert codes("error warning note", breaker=GOOD) == codes("error warning note")


@pytest.mark.parametrize(
    ("when", "code", "column"),
    [
        (f"{W}.errors > {W}.count", "never-true", 5),
        (f"{MANY} && {W}.timeouts > 5 && {W}.consecutive_timeouts == 0", "never-true", 5),
        (f"{W}.count < 10 && {W}.error_rate > 0.0 && {W}.error_rate < 0.1", "never-true", 5),
        (f"{W}.timeout_rate <= {W}.error_rate", "always-true", 5),
        (f"{MANY} && ({W}.errors > {W}.count || {W}.timeouts > 3)", "never-true", 37),
        (f"{MANY} && {W}.errors <= {W}.count", "always-true", 36),
        (f"{MANY} && ({W}.error_rate > 0.3 || {W}.count < 20)", "never-true", 73),
    ],
)
def test_what_never_or_always_holds_is_told_where_it_stands(when: str, code: str, column: int) -> None:
    """Whole conditions are errors, parts of them warnings; what binds counts and rates counts."""
    (issue,) = found(breaker=rule("planted", when, SLOW))

    assert (issue.code, issue.column) == (code, column), issue.message
    assert issue.severity.value == ("error" if column == 5 else "warning")


@pytest.mark.parametrize(
    ("rules", "line", "named"),
    [
        # The state that always wins.
        (rule("strict", f"{W}.count > 10", PAUSED) + rule("mild", f"{W}.count > 20", SLOW), 7, ["strict"]),
        (rule("mild", f"{W}.count > 20", SLOW) + rule("strict", f"{W}.count > 10", PAUSED), 3, ["strict"]),
        # Of several SLOW the slowest.
        (rule("half", f"{W}.errors > 20", SLOW) + rule("slower", f"{W}.errors > 10", SLOWER), 3, ["slower"]),
        # Rates bind counts: more than 8 % of 50 are more than 4.
        (
            rule("paused", f"{W}.errors >= 5", PAUSED) + rule("slow", f"{MANY} && {W}.error_rate > 0.08", SLOW),
            7,
            ["paused"],
        ),
        # Two that leave nothing together, and a third that has nothing to do with it.
        (
            rule("often", f"{W}.count > 10 && {W}.error_rate > 0.2", PAUSED)
            + rule("else", f"{W}.count > 10 && {W}.error_rate <= 0.2", SLOWER)
            + rule("other", f"{W}.timeouts > 100", PAUSED)
            + rule("mild", f"{W}.count > 20", SLOW),
            15,
            ["often", "else"],
        ),
        # Equals: the second asks nothing new.
        (rule("one", f"{W}.errors > 20", BACK) + rule("two", f"{W}.errors >= 21", BACK), 7, ["one"]),
        # One inside another that asks the same.
        (
            rule("narrow", f"{MANY} && {W}.error_rate > 0.5", SLOW) + rule("wide", f"{W}.error_rate > 0.2", SLOW),
            3,
            ["wide"],
        ),
        # Of equals the first decides, and so its way back.
        (rule("first", f"{W}.errors > 10", BACK) + rule("second", f"{W}.errors > 20", PAUSED), 7, ["first"]),
    ],
)
def test_a_rule_without_which_nothing_would_change_is_redundant(rules: str, line: int, named: list[str]) -> None:
    """Whatever stands first in the file, the strictest state wins, of several SLOW the slowest, of equals the first."""
    _, ruleset = version_of(breaker=rules)
    (issue,) = found("error warning note", breaker=rules)

    assert (issue.code, issue.line) == ("redundant", line)
    assert all(f'"{name}"' in issue.message for name in named)
    assert len(issue.related) == len(named)
    assert len(matched_by(ruleset, issue)) > 1


def matched_by(ruleset: RuleSet, issue: Issue) -> frozenset[str]:
    """The rules that match the window of a finding, pasted into a rule test."""
    case = {"name": "witness", "given": json.loads(issue.witness), "expect": {"matched": []}}
    report = run_cases(ruleset, {"w.yaml": json.dumps([case]).encode()}, interpreted)
    assert report.issues == (), render(report.issues, False)
    assert report.failed == 0
    return report.matched


def test_two_ways_back_from_one_state_overlap() -> None:
    """Both pause, the file's order says which way back counts: a warning, or a note where other facts are asked."""
    first = rule("first", f"{W}.errors > 20", BACK)
    _, ruleset = version_of(breaker=first + rule("second", f"{W}.errors > 3 && {W}.errors < 30", PAUSED))
    (issue,) = found("error warning note", breaker=first + rule("second", f"{W}.errors > 3 && {W}.errors < 30", PAUSED))

    assert (issue.code, issue.line, issue.severity.value) == ("overlap", 7, "warning")
    assert matched_by(ruleset, issue) == {"first", "second"}
    assert codes("note", breaker=first + rule("second", f"{W}.timeouts > 3", PAUSED)) == [("overlap", 3)]
    assert codes("error warning note", breaker=first + rule("second", f"{W}.errors > 3", PAUSED)) == []
    assert codes("error warning note", breaker=first + rule("second", f"{W}.timeouts > 3", SLOW)) == []


def table(fields: str, *rows: str) -> str:
    columns = "[provider.window.count, provider.window.error_rate, then.set.state, then.set.speed]"
    lines = "".join(f"\n      - {row}" for row in rows)
    return f"\n- id: levels\n  {fields}\n  table:\n    columns: {columns}\n    rows:{lines}"


def test_what_a_table_of_windows_promises_is_held() -> None:
    """Rows for one window where the table says that there are none, and windows that no row is for."""
    rows = ['[">= 50", "> 0.5", PAUSED, ""]', '[">= 20", "> 0.2", SLOW, 0.5]']
    unique, complete = table("hit: unique", *rows), table("complete: true", *rows)
    (both,) = found(breaker=unique)
    (none,) = found(breaker=complete)

    assert (both.code, both.severity.value) == ("table-overlap", "error")
    assert matched_by(version_of(breaker=unique)[1], both) == {"levels-1", "levels-2"}
    assert (none.code, none.severity.value) == ("table-gap", "warning")
    assert matched_by(version_of(breaker=complete)[1], none) == frozenset()
    assert codes(breaker=table("doc: as it is", *rows)) == []


def test_what_cannot_be_told_is_said() -> None:
    """Remainders can only be tried: neither proved nor shown is a note, and no rule is called needless for it."""
    odd = f"{W}.count % 4 == 1 && {W}.count % 2 == 0"
    told = found("error warning note", breaker=rule("odd", odd, PAUSED))

    assert [issue.code for issue in told] == ["undecided"]
    assert f"{W}.count" in told[0].message


WINDOWS = [Counts(*one) for one in product(range(8), repeat=4) if is_window(Counts(*one))]
EFFECTS = st.sampled_from([SLOW, SLOWER, PAUSED, BACK])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(CONDITIONS, EFFECTS), min_size=2, max_size=4))
def test_what_is_called_redundant_changes_no_window(rules: list[tuple[str, str]]) -> None:
    """All that are told may be removed together: every small window is judged as before."""
    texts = [rule(f"r{number}", when, then) for number, (when, then) in enumerate(rules)]
    try:
        _, before = version_of(breaker="".join(texts))
    except AssertionError:
        assume(False)  # a load refuses one of the conditions, since it never or always holds
    told = {(issue.line - 3) // 4 for issue in found("warning", breaker="".join(texts)) if issue.code == "redundant"}
    _, after = version_of(breaker="".join(text for number, text in enumerate(texts) if number not in told) or "[]")

    assert states(before) == states(after)


def states(ruleset: RuleSet) -> list[dict[str, Any]]:
    """What the rules ask for, window by window, without who asks for it."""
    outcomes = Outcomes(ruleset)
    return [{**(outcomes.of(written(one)) or {}), "decided_by": ""} for one in WINDOWS]
