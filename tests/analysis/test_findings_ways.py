"""What `rules check` finds by asking which ways messages can go: dropped, held, excluded, routed, counted."""

from __future__ import annotations

import json

import pytest

from engine.analysis.findings.find import find
from engine.decision.cases import run_cases
from engine.ruleset.issues import Severity
from tests.analysis.finding_versions import (
    AMOUNT,
    DEFAULT,
    MARKETING,
    SERVICE,
    codes,
    found,
    limit,
    matched_by,
    route,
    rule,
    version_of,
)

NIGHT = rule("night", f"{MARKETING} && now.local_hour < 9", "{hold: {until: '09:00', reason: QUIET_HOURS}}")
NO_SMS = rule("no-links", "content.has_url", "{exclude: {channels: [sms], reason: COMPLIANCE}}")


def test_a_route_for_messages_that_are_all_held_is_unreachable() -> None:
    """When the hold is over they are decided anew, and then they are not for it; who holds them is named."""
    early = route("early", f"{MARKETING} && now.local_hour < 6", "sms") + DEFAULT
    (issue,) = found(interception=NIGHT, routing=early)

    assert (issue.code, issue.severity, issue.line) == ("unreachable", Severity.WARNING, 3)
    assert '"night" holds every message that reaches it' in issue.message
    assert codes(interception=NIGHT, routing=early.replace("< 6", "< 10")) == []


def test_what_is_held_has_no_row_and_no_route_to_miss() -> None:
    """It is not routed before the hold is over; what the table does not name then is told as ever."""
    table = """
- id: by-hour
  when: message.category == "MARKETING"
  table:
    columns: [now.local_hour, then.distribute.to]
    rows: [["[9..)", sms]]
"""
    default = rule("default", f"!({MARKETING})", "{distribute: {to: push, otherwise: [mail]}}")
    assert codes(interception=NIGHT, routing=table + default) == []
    assert {code for code, _ in codes(routing=table + default)} == {"table-gap", "no-default-route"}


@pytest.mark.parametrize(
    ("limits", "dead"),
    [
        (limit("a", f"{MARKETING} && now.local_hour < 6"), True),
        (limit("a", f"{MARKETING} && content.has_url", channel="sms"), True),
        (limit("a", f"{MARKETING} && content.has_url && channel.name == 'sms'"), True),
        (limit("a", f"{MARKETING} && content.has_url", channel="push"), False),
        (limit("a", f"{MARKETING} && content.has_url"), False),
    ],
)
def test_a_limit_on_what_is_held_or_excluded_is_dead(limits: str, dead: bool) -> None:
    """Neither is ever counted."""
    assert [code for code, _ in codes(interception=NIGHT + NO_SMS, fatigue=limits)] == ["dead-limit"] * dead


def test_a_price_of_a_channel_that_is_always_excluded_has_no_effect() -> None:
    """Nothing is charged for a channel that may not be used."""
    price = rule("price", "content.has_url", "{charge: {account: a, amount: 1, unit: COUNT, channel: sms}}")
    assert [code for code, _ in codes(interception=NO_SMS, budget=price)] == ["no-effect"]
    assert codes(interception=NO_SMS, budget=price.replace("content.has_url", "content.length > 5")) == []


def test_what_a_later_step_meets_is_no_fault() -> None:
    """Its turn comes hours after it was routed: an exclusion, a limit and a price for that time do show."""
    steps = rule("s", "now.local_hour < 22", "{supplement: [{channel: push, wait: 3h}, sms]}")
    rest = rule("default", "", "{distribute: {to: push, otherwise: [mail]}}").replace("  when: >-\n    \n", "")
    late = "now.local_hour >= 22"
    exclude = rule("late", f"{late} && user.known", "{exclude: {channels: [sms], reason: QUIET_HOURS}}")
    price = rule("price", late, "{charge: {account: a, amount: 1, unit: COUNT, channel: sms}}")
    sms = limit("evening", late, channel="sms")

    assert codes(routing=steps + rest, interception=exclude, budget=price, fatigue=sms) == []
    at_once = steps.replace("supplement: [{channel: push, wait: 3h}, sms]", "distribute: {to: sms, otherwise: [push]}")
    assert codes(routing=at_once + rest, interception=exclude) == []  # a step that waits in its lane is decided again
    assert [code for code, _ in codes(routing=at_once + rest, budget=price, fatigue=sms)] == ["no-effect", "dead-limit"]


def test_an_exclusion_of_a_channel_that_such_messages_never_had_has_no_effect() -> None:
    """What a message is about does not change, whenever a step of it is decided again."""
    steps = rule("s", f"{SERVICE} && now.local_hour < 22", "{supplement: [{channel: push, wait: 3h}, mail]}")
    rest = rule("marketing", MARKETING, "{distribute: {to: sms}}") + route("default", "user.known", "push", "mail")
    exclude = rule("x", SERVICE, "{exclude: {channels: [sms], reason: COMPLIANCE}}")
    told = [code for code, _ in codes(routing=steps + rest, interception=exclude)]
    assert told.count("no-effect") == 1


def test_only_what_is_needed_to_make_a_rule_superfluous_is_named() -> None:
    """And nothing else is told of that rule, though it has no effect either."""
    drops = "{drop: {reason: BLOCKED}}"
    rules = (
        rule("words", "content.length > 300", drops)
        + rule("service", f"{SERVICE} && message.line == 'a'", drops)
        + rule(
            "late", f"{SERVICE} && message.line == 'a' && user.known", "{hold: {until: '09:00', reason: QUIET_HOURS}}"
        )
    )
    (issue,) = found(interception=rules)
    assert issue.code == "redundant"
    assert '"service" drops every message' in issue.message
    assert [other.line for other in issue.related] == [7]


def test_rows_for_one_channel_overlap_only_where_it_may_be_used() -> None:
    """A row is asked of candidates; the message that is shown has the channel among them."""
    table = """
- id: costs
  hit: unique
  then: {charge: {unit: COUNT, amount: 1}}
  table:
    columns: [channel.name, message.category, then.charge.account]
    rows:
      - [sms, "-", a]
      - [sms, SERVICE, b]
"""
    routes = route("service", SERVICE, "push", "mail") + DEFAULT
    assert [code for code, _ in codes(budget=table, routing=routes)] == ["no-effect"]
    parsed, ruleset = version_of(budget=table, routing=routes.replace("[push, mail]", "[push, sms]"))
    (issue,) = [one for one in find(parsed, ruleset) if one.code == "table-overlap"]
    assert {"costs-1", "costs-2"} <= matched_by(ruleset, issue)


def test_a_row_that_is_never_reached_is_not_told_to_overlap() -> None:
    """One fault, one finding: the rows before it take all of its messages together."""
    table = """
- id: by-amount
  complete: false
  table:
    columns: [message.params.amount, then.distribute.to]
    rows:
      - ["[0..100)", sms]
      - ["[100..300)", push]
      - ["[50..200)", mail]
"""
    assert codes(routing=table + DEFAULT) == [("unreachable", 10)]


def test_a_fault_is_told_however_much_was_given_precedence() -> None:
    """Two hundred rules before many others are one note; the bound that is wrong behind them is told."""
    rows = "".join(f"      - [line-{number}, {('sms', 'push')[number % 2]}]\n" for number in range(200))
    table = (
        "\n- id: lines\n  complete: false\n  table:\n    columns: [message.line, then.distribute.to]\n    rows:\n"
        + rows
    )
    bounds = route("few", f"{AMOUNT} <= 3", "mail") + route("many", f"{AMOUNT} >= 3", "push")
    parsed, ruleset = version_of(routing=table + bounds + DEFAULT)
    issues = find(parsed, ruleset)

    assert [(one.code, one.line) for one in issues if one.severity is Severity.WARNING] == [("overlap", 213)]
    (note,) = [one for one in issues if one.code == "overlap" and one.severity is Severity.NOTE]
    assert note.line == 3
    assert '200 rows of this table, "lines-1" the first, and "few" and "many" too' in note.message
    assert {"lines-1", "few"} <= matched_by(ruleset, note)


def test_rules_that_stand_before_the_same_others_are_noted_once() -> None:
    """With how many they are, and the last of them."""
    lines = "".join(route(name, f"message.line == '{name}'", "sms") for name in ("a", "b", "c"))
    (note,) = found("note", routing=lines + route("service", SERVICE, "mail") + DEFAULT)
    assert 'this rule, or one of 2 more to "c", and "service" too; each of these stands first' in note.message


@pytest.mark.parametrize(
    ("when", "line"),
    [
        (f"{AMOUNT} != 0 && ({AMOUNT[30:]} >= 5 || {AMOUNT[30:]} < 10)", 5),
        (f"{AMOUNT} != 0 && ({AMOUNT[30:]} >= 10 || {AMOUNT[30:]} < 5)", 0),
        ("has(message.scene) && (message.scene != 'a' || message.scene != 'b')", 5),
    ],
)
def test_alternatives_that_leave_nothing_out_are_told_though_the_fact_may_be_absent(when: str, line: int) -> None:
    """Mostly an && was meant; that they have no value without the fact says nothing for them."""
    rules = rule("a", f"{SERVICE} && {when}", "{drop: {reason: BLOCKED}}")
    assert codes(interception=rules) == [("always-true", line)] * bool(line)


KNOWN = f"{SERVICE} && user.known"


@pytest.mark.parametrize(
    ("limits", "dead"),
    [
        # Several together: of both of which one always applies, no more than their sum.
        (limit("a", KNOWN, max=2, window="day") + limit("b", f"{SERVICE} && !user.known", max=3, window="day")
         + limit("c", SERVICE, max=5, window="day"), ["c"]),
        (limit("a", KNOWN, max=2, window="day") + limit("b", f"{SERVICE} && !user.known", max=3, window="day")
         + limit("c", SERVICE, max=4, window="day"), []),
        (limit("a", KNOWN, max=2) + limit("b", f"{SERVICE} && !user.known", max=3) + limit("c", SERVICE, max=8), ["c"]),
        (limit("a", KNOWN, max=2) + limit("b", f"{SERVICE} && !user.known", max=3) + limit("c", SERVICE, max=7), []),
        (limit("a", KNOWN, max=0) + limit("b", f"{SERVICE} && !user.known", max=3) + limit("c", SERVICE, max=4), []),
        # Under one key only those count that are for its value.
        (limit("a", SERVICE, max=2) + limit("b", MARKETING, max=2)
         + limit("c", f"{SERVICE} || {MARKETING}", max=3, per="[user, category]"), ["c"]),
        (limit("a", SERVICE, max=2) + limit("b", MARKETING, max=2)
         + limit("c", f"user.known && ({SERVICE} || {MARKETING})", max=2, per="[user, category]"), []),
        (limit("a", SERVICE, max=2) + limit("b", MARKETING, max=2)
         + limit("c", f"{SERVICE} || {MARKETING}", max=5), []),
        # A counter that is kept apart by what the condition fixes is one counter.
        (limit("a", SERVICE, max=3, per="[user, line]")
         + limit("b", f"{SERVICE} && message.line == 'x'", max=3), ["b"]),
        (limit("a", SERVICE, max=3, per="[user, line]") + limit("b", f"{SERVICE} && message.line == 'x'", max=2), []),
        (limit("a", SERVICE, max=3, per="[user, line]")
         + limit("b", f"{SERVICE} && message.line in ['x', 'y']", max=4), []),
        (limit("a", SERVICE, max=3, per="[user, channel]")
         + limit("b", f"{SERVICE} && channel.name == 'sms'", max=3), ["b"]),
        (limit("a", SERVICE, max=3, per="[user, channel]") + limit("b", SERVICE, max=3, channel="sms"), ["b"]),
        (limit("a", SERVICE, max=3, per="[user, channel]")
         + limit("b", f"{SERVICE} && channel.name != 'mail'", max=3), []),
        # One message by two channels at once is one touch of a limit of messages, and two of one that counts steps.
        (limit("a", SERVICE, max=3) + limit("b", f"{SERVICE} && channel.name != 'mail'", max=5), []),
        (limit("a", SERVICE, max=3) + limit("b", f"{SERVICE} && channel.name == 'sms'", max=5), ["b"]),
        (limit("a", SERVICE, max=3)
         + limit("b", f"{SERVICE} && channel.name != 'mail'", max=5, per="[user, channel]"), ["b"]),
        # What is dropped counts nothing, so nothing has to stand before it.
        (limit("a", f"{SERVICE} && content.length <= 300", max=3) + limit("b", SERVICE, max=3), ["b"]),
        (limit("a", f"{SERVICE} && content.length <= 299", max=3) + limit("b", SERVICE, max=3), []),
    ],
)  # fmt: skip
def test_more_ways_in_which_a_limit_never_refuses(limits: str, dead: list[str]) -> None:
    """Each one proved from what is counted under one key in one window, and not told where it is one touch short."""
    drops = rule("long", "content.length > 300", "{drop: {reason: BLOCKED}}")
    told = found(interception=drops, fatigue=limits)
    assert [(issue.code, issue.excerpt.split("name: ")[1][0]) for issue in told] == [
        ("dead-limit", one) for one in dead
    ]


def test_a_limit_without_an_effect_is_told_once() -> None:
    """That it refuses nothing by itself is said by every load; that others refuse first is no second fault."""
    limits = limit("a", SERVICE, max=3) + limit("b", SERVICE, max="unlimited")
    assert [code for code, _ in codes(fatigue=limits)] == []


def test_a_message_that_no_rule_takes_is_one_that_is_routed() -> None:
    """Not one that is held now: what is shown is dropped for want of a route."""
    parsed, ruleset = version_of(
        interception=NIGHT, routing=rule("a", f"!({MARKETING})", "{distribute: {to: push, otherwise: [sms, mail]}}")
    )
    (issue,) = [one for one in find(parsed, ruleset) if one.code == "no-default-route"]
    case = {"name": "w", "given": json.loads(issue.witness), "expect": {"verdict": "DROP", "reason": "NO_ROUTE"}}
    report = run_cases(ruleset, {"w.yaml": json.dumps([case]).encode()}, lambda unknown: None)
    assert [result.passed for result in report.results] == [True]
