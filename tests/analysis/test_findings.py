"""What `rules check` finds by asking about all messages at once: planted faults, each with a true witness."""

from __future__ import annotations

import json

import pytest

from engine.analysis.findings.find import find
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


def test_a_good_version_has_nothing_to_tell() -> None:
    """Exceptions before what they are exceptions of, limits of their own, prices for what is sent."""
    assert (
        codes(
            routing=route("large", f"{AMOUNT} >= 200", "sms")
            + route("security", 'message.scene == "security"', "push", "sms")
            + route("small", f"{AMOUNT} < 200", "push")
            + DEFAULT,
            fatigue=limit("weekly", MARKETING, max=1, window="7d")
            + limit("monthly", MARKETING, max=2, window="30d", channel="sms"),
            interception=rule(
                "night", f"{MARKETING} && now.local_hour < 9", "{hold: {until: '09:00', reason: QUIET_HOURS}}"
            ),
            budget=rule("price", MARKETING, "{charge: {account: a, amount: 1, unit: COUNT, channel: sms}}"),
        )
        == []
    )


def test_a_rule_that_two_others_leave_nothing_for_is_unreachable() -> None:
    """Neither takes all of its messages, together they do; they are named."""
    routes = route("a", f"{AMOUNT} >= 200", "sms") + route("b", f"{AMOUNT} < 300", "push")
    (issue,) = found("error", routing=routes + route("c", f"{AMOUNT} > 0", "mail") + DEFAULT)

    assert (issue.code, issue.severity, issue.line) == ("unreachable", Severity.ERROR, 11)
    assert '"a" and "b" before it together take every message' in issue.message
    assert [other.line for other in issue.related] == [3, 7]


def test_a_last_rule_for_everything_may_be_a_net() -> None:
    """When the rules before it take all messages already, that is only noted."""
    routes = route("a", f"{AMOUNT} >= 200", "sms") + route("b", f"!({AMOUNT} >= 200)", "mail") + DEFAULT
    assert codes(routing=routes) == []
    assert ("unreachable", 11) in codes("note", routing=routes)


def test_a_route_for_messages_that_are_all_dropped_is_unreachable() -> None:
    """Interception comes first."""
    drops = rule("none", SERVICE, "{drop: {reason: BLOCKED}}")
    assert codes(interception=drops, routing=route("a", f"{SERVICE} && user.known", "sms") + DEFAULT) == [
        ("unreachable", 3)
    ]


def test_messages_that_no_rule_takes_are_shown() -> None:
    """With one of them; and a last rule without a condition is not needed where the others take all."""
    holes = route("a", f"{AMOUNT} >= 200", "sms") + route(
        "b", f"!has(message.params.amount) || {AMOUNT[30:]} < 100", "push"
    )
    parsed, ruleset = version_of(routing=holes)
    (issue,) = [one for one in find(parsed, ruleset) if one.severity is Severity.WARNING]

    assert issue.code == "no-default-route"
    assert matched_by(ruleset, issue) == frozenset()
    assert codes(routing=holes.replace("< 100", "< 200")) == []


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (f"{AMOUNT} >= 100 && {AMOUNT[30:]} < 300", f"{AMOUNT} >= 200", True),
        (f"{AMOUNT} >= 200", f"{AMOUNT} >= 100", False),
        (f"{AMOUNT} >= 200", f"{AMOUNT} <= 200", True),
        (f"{AMOUNT} >= 200", f"{AMOUNT} < 200", False),
        ('message.line in ["a", "b"]', 'message.line in ["b", "c"]', True),
    ],
)
def test_routes_whose_bounds_overlap_are_shown_with_a_message(first: str, second: str, told: bool) -> None:
    """Two rules about the same facts that cover each other in part; an exception inside a rule is as it should be."""
    parsed, ruleset = version_of(routing=route("a", first, "sms") + route("b", second, "mail") + DEFAULT)
    issues = [issue for issue in find(parsed, ruleset) if issue.severity is Severity.WARNING]

    assert [issue.code for issue in issues] == ["overlap"] * told
    for issue in issues:
        assert issue.line == 7
        assert {"a", "b"} <= matched_by(ruleset, issue)


def test_precedence_between_rules_about_different_facts_is_only_a_note() -> None:
    """Which of two independent rules stands first is a decision, not a slip."""
    routes = route("a", 'message.scene == "x"', "sms") + route("b", SERVICE, "mail") + DEFAULT
    parsed, ruleset = version_of(routing=routes)
    issues = find(parsed, ruleset)

    assert [(issue.code, issue.severity) for issue in issues] == [("overlap", Severity.NOTE)]
    assert {"a", "b"} <= matched_by(ruleset, issues[0])


def test_a_route_that_changes_nothing_is_noted() -> None:
    """Without it the next rule does the same with its messages."""
    routes = route("a", f"{SERVICE} && user.known", "sms") + route("b", SERVICE, "sms") + DEFAULT
    assert codes("note", routing=routes) == [("redundant", 3)]
    between = (
        route("a", f"{SERVICE} && user.known", "sms") + route("m", "user.known", "mail") + route("b", SERVICE, "sms")
    )
    assert ("redundant", 3) not in codes("note", routing=between)


@pytest.mark.parametrize(
    ("when", "told"),
    [
        (f"{SERVICE} || (message.line == 'a' && message.line == 'b')", [("never-true", 5)]),
        (f"{SERVICE} && (now.local_hour < 12 || now.local_hour >= 10)", [("always-true", 5)]),
        (f"{SERVICE} && now.local_hour >= 0", [("always-true", 5)]),
        (f"{SERVICE} && !(message.scene == 'a' && message.scene.startsWith('b'))", [("never-true", 5)]),
        (f"{SERVICE} && (now.local_hour < 10 || now.local_hour >= 12)", []),
    ],
)
def test_a_part_that_never_or_always_holds_is_told(when: str, told: list[tuple[str, int]]) -> None:
    """Though the whole condition may well hold, or not."""
    assert codes(routing=route("a", when, "sms") + DEFAULT) == told


def test_an_interception_that_others_make_superfluous_is_redundant() -> None:
    """Covered by two rules together, or by a drop; of two that are the same the later one is told of."""
    then = "{exclude: {channels: [sms], reason: BLOCKED}}"
    split = rule("a", f"{SERVICE} && now.local_hour < 12", then) + rule("b", f"{SERVICE} && now.local_hour >= 10", then)
    assert codes(interception=split + rule("c", f"{SERVICE} && user.known", then)) == [("redundant", 11)]
    assert codes(interception=rule("a", SERVICE, then) + rule("b", SERVICE, then)) == [("redundant", 7)]
    drops = rule("d", SERVICE, "{drop: {reason: BLOCKED}}")
    assert ("redundant", 7) in codes(interception=drops + rule("a", f"{SERVICE} && user.known", then))
    assert codes(interception=split) == []


@pytest.mark.parametrize(
    ("limits", "dead"),
    [
        (limit("a", MARKETING, max=3) + limit("b", MARKETING, max=5), [7]),
        (limit("a", MARKETING, max=5) + limit("b", MARKETING, max=3), [3]),
        (limit("a", "user.known", max=3) + limit("b", MARKETING, max=5), []),
        (limit("a", MARKETING, max=3) + limit("b", f"{MARKETING} && user.known", max=5), [7]),
        (limit("a", MARKETING, max=3) + limit("b", f"{MARKETING} && user.known", max=4), []),
        (
            limit("a", MARKETING, window="day") + limit("b", f"{MARKETING} && user.known", window="day"),
            [7],
        ),
        (limit("a", MARKETING, max=1, window="7d") + limit("b", MARKETING, max=3, window="1d"), [7]),
        (limit("a", MARKETING, max=3, per="[user, line]") + limit("b", MARKETING, max=5), []),
        (limit("a", MARKETING, max=3) + limit("b", MARKETING, max=5, per="[user, line]"), [7]),
        (limit("a", MARKETING, max=3, channel="sms") + limit("b", MARKETING, max=5), []),
        (limit("a", MARKETING, max=3, otherwise="hold") + limit("b", MARKETING, max=5), []),
        (limit("a", MARKETING, max=3, window="1d", min_interval="24h"), [6]),
        (limit("a", MARKETING, max=1, window="7d", min_interval="24h"), [6]),
        (limit("a", MARKETING, max=3, window="7d", min_interval="24h"), []),
        (limit("a", MARKETING, max=3) + limit("b", MARKETING, name="a", max=5), [7]),
        (limit("a", MARKETING, max=3) + limit("b", "user.known", name="a", max=5), []),
        (limit("a", MARKETING, max=3, otherwise="hold") + limit("b", MARKETING, name="a", max=5), []),
        (limit("a", MARKETING, max=5) + limit("b", MARKETING, name="x") + limit("c", SERVICE, name="x", max=9), []),
        (limit("a", MARKETING, max=3) + limit("b", MARKETING, max=23, window="7d"), [7]),
        (limit("a", MARKETING, max=3) + limit("b", MARKETING, max=22, window="7d"), []),
        (limit("a", MARKETING, max="unlimited", min_interval="1h") + limit("b", MARKETING, max=24), [7]),
        (limit("a", MARKETING, max="unlimited", min_interval="1h") + limit("b", MARKETING, max=23), []),
        (limit("a", MARKETING, max=1, window="7d") + limit("b", MARKETING, max=1, min_interval="2d"), [7]),
        (limit("a", MARKETING, max=3) + limit("b", MARKETING, max=5, channel="sms"), [7]),
        (limit("a", MARKETING, max=2, window="1h", min_interval="40m"), []),
    ],
)
def test_a_limit_that_never_refuses_is_dead(limits: str, dead: list[int]) -> None:
    """Since another refuses first, a rule of the same name is stricter, or its own interval leaves no room."""
    lines = [line for code, line in codes(fatigue=limits) if code == "dead-limit"]
    assert [(line - 3) // 4 for line in lines] == [(line - 3) // 4 for line in dead]


def test_a_limit_of_the_message_does_not_stand_before_a_later_step() -> None:
    """A supplement's next step may go when the message's own window is long over."""
    later = rule("s", MARKETING, "{supplement: [{channel: push, wait: 60s}, sms]}") + DEFAULT
    limits = limit("a", MARKETING, max=3) + limit("b", MARKETING, max=5, channel="sms")
    assert codes(routing=later, fatigue=limits) == []


IMPOSSIBLE = (
    "now.local_date == '2026-01-05' && now.local_weekday == 2",
    "now.local_date > '2026-01-05' && now.local_date < '2026-01-06'",
    "now.local_date == '2026-1-5'",
    "now.local_day == 31 && now.local_date.startsWith('2026-02')",
    "now.timestamp < timestamp('2026-01-01T00:00:00Z') && now.local_date >= '2026-02-01'",
    "message.line == 'abc' && size(message.line) == 4",
    "message.line.startsWith('ab') && message.line.startsWith('cd')",
    "message.line.endsWith('ab') && !message.line.contains('b')",
    "message.line.contains('abcd') && size(message.line) < 4",
    "message.line > 'b' && message.line.startsWith('a')",
    "message.line.lowerAscii() == 'VIP'",
    "message.line.trim() == ' a'",
    "!user.known && has(user.tags)",
    "has(user.tags) && size(user.tags) == 1 && 'a' in user.tags && 'b' in user.tags",
    "has(user.tags) && user.tags.all(t, t.startsWith('vip')) && user.tags.exists(t, t.startsWith('test'))",
    "content.length < 50 && content.segments >= 3",
)


@pytest.mark.parametrize("when", IMPOSSIBLE)
def test_what_facts_exclude_of_each_other_is_never_true_in_every_family(when: str) -> None:
    """A load does not see it, since no fact alone shows it; it is an error all the same, and the only one."""
    drop, hold = "{drop: {reason: BLOCKED}}", "{hold: {until: '09:00', reason: QUIET_HOURS}}"
    assert codes(routing=route("a", when, "sms") + DEFAULT) == [("never-true", 5)]
    assert codes(interception=rule("a", when, drop) + rule("b", when, hold)) == [("never-true", 5), ("never-true", 9)]
    assert codes(fatigue=limit("a", when)) == [("never-true", 5)]


@pytest.mark.parametrize("begin", ["2026-12-3", "2026-1", "9999", "2028-02-29", "2026-12-31"])
def test_a_date_that_begins_so_can_be(begin: str) -> None:
    """What a text begins with is a date's only where it ends with a year, a month or a day."""
    day = {"2026-12-3": 30, "2026-1": 1, "9999": 1, "2028-02-29": 29, "2026-12-31": 31}[begin]
    assert (
        codes(routing=route("a", f"now.local_day == {day} && now.local_date.startsWith('{begin}')", "sms") + DEFAULT)
        == []
    )


def test_what_texts_begin_with_is_part_of_what_rules_take() -> None:
    """All that begins with abc begins with ab."""
    first = route("a", 'message.line.startsWith("ab")', "sms")
    assert codes(routing=first + route("b", 'message.line.startsWith("abc")', "mail") + DEFAULT) == [("unreachable", 7)]
    assert codes(routing=first + route("b", 'message.line.startsWith("b")', "mail") + DEFAULT) == []


def test_an_alternative_that_what_stands_beside_it_excludes_is_told() -> None:
    """In the text of one condition; what the other alternatives of a definition are for is another matter."""
    when = f"{SERVICE} && now.local_hour >= 9 && (now.local_hour < 8 || user.known)"
    assert codes(routing=route("a", when, "sms") + DEFAULT) == [("never-true", 5)]


def test_the_bounds_of_a_range_may_be_those_of_the_fact() -> None:
    """Written out or in a cell, a range from 0 on is no slip."""
    when = f"{SERVICE} && now.local_hour >= 0 && now.local_hour < 6"
    assert codes(routing=route("a", when, "sms") + DEFAULT) == []
    rows = """
- id: t
  then: {hold: {reason: QUIET_HOURS}}
  table:
    columns: [now.local_hour, then.hold.until]
    rows:
      - ["[0..6), [22..24)", "06:00"]
"""
    assert codes(interception=rows) == []


@pytest.mark.parametrize("family", ["routing", "interception", "fatigue"])
def test_what_cannot_be_told_is_said_once(family: str) -> None:
    """Whether there is an amount between two that are rounded is not known, and that is no silence."""
    amount, level = "message.params.amount", "message.params.level"
    when = (
        f"has({amount}) && has({level}) && {amount} * 1.1 > {level} && {level} > {amount} * 2.0 && {amount} + 0.1 > 0.2"
    )
    rules = {
        "routing": route("a", when, "sms") + DEFAULT,
        "interception": rule("a", when, "{drop: {reason: BLOCKED}}"),
        "fatigue": limit("a", when),
    }
    assert codes("error warning note", **{family: rules[family]}) == [("undecided", 5)]


def test_patterns_that_exclude_each_other_are_told() -> None:
    """No text is all digits and all letters; one that is neither is another matter."""
    digits, letters = 'message.line.matches("^[0-9]+$")', 'message.line.matches("^[a-z]+$")'
    assert codes(routing=route("a", f"{digits} && {letters}", "sms") + DEFAULT) == [("never-true", 5)]
    assert codes(routing=route("a", f"!{digits} && !{letters}", "sms") + DEFAULT) == []


def test_rules_with_patterns_are_compared_with_each_other() -> None:
    """Each two of them match some text together, for which one is shown; nothing stays open."""
    shape = 'message.line.matches("^[a-z0-9]{4,12}$")'
    routes = "".join(
        route(f"r{n}", f'message.line.matches("{n:02d}") && {shape}', "sms" if n % 2 else "mail") for n in range(8)
    )
    told = [code for code, _ in codes("error warning note", routing=routes + DEFAULT)]
    assert "overlap" in told
    assert "undecided" not in told


def test_facts_that_cannot_be_compared_so_are_told() -> None:
    """Above the one and below the other, where the other is not above the one."""
    has = "has(message.params.amount) && has(message.params.level)"
    when = f"{has} && message.params.amount > message.params.level && message.params.level >= 100"
    low = f"{when} && message.params.amount < 100.0"
    assert codes(routing=route("a", low, "sms") + DEFAULT) == [("never-true", 5)]
    assert codes(routing=route("a", when, "sms") + route("b", f"{when} && message.params.amount > 200.0", "mail")) != []


def test_many_patterns_and_beginnings_are_told_apart() -> None:
    """A witness need not be as the conditions of others would have it."""
    routes = ""
    for number in range(40):
        begins = f'has(message.campaign) && message.campaign.startsWith("c{number:02d}-")'
        routes += route(f"a{number}", f'{begins} && message.campaign.endsWith("-test")', "mail")
        routes += route(f"b{number}", f'{begins} && message.scene.matches("^[A-Z]{{2}}{number}[0-9]+$")', "sms")
    assert not [code for code, _ in codes("error warning note", routing=routes + DEFAULT) if code == "undecided"]


def test_a_table_asked_of_channels_keeps_its_promise_or_is_told() -> None:
    """`complete: true` holds for every channel that messages go by."""
    rows = """
- id: t
  complete: true
  table:
    columns: [channel.state, channel.name, then.exclude.reason]
    rows:
      - ["PAUSED, NORMAL", -, CHANNEL_UNHEALTHY]
      - [SLOW, mail, BLOCKED]
"""
    parsed, ruleset = version_of(interception=rows)
    (issue,) = [one for one in find(parsed, ruleset) if one.severity is Severity.WARNING]

    assert issue.code == "table-gap"
    assert json.loads(issue.witness)["breakers"] == {"channels": {"push": "SLOW"}}
    assert codes(interception=rows.replace("mail", "-")) == []


def test_an_effect_on_a_channel_that_is_never_used_is_told() -> None:
    """A limit, a price, an exclusion for messages that routing sends another way."""
    routes = route("a", MARKETING, "push") + DEFAULT
    charge = "{charge: {account: a, amount: 1, unit: COUNT, channel: sms}}"
    assert codes(routing=routes, fatigue=limit("l", MARKETING, channel="sms")) == [("dead-limit", 6)]
    assert codes(routing=routes, budget=rule("c", MARKETING, charge)) == [("no-effect", 6)]
    assert codes(routing=routes, budget=rule("c", "user.known", charge)) == []
    excluded = rule("e", f'{MARKETING} && channel.name == "mail"', "{exclude: {reason: BLOCKED}}")
    assert codes(routing=routes, interception=excluded) == [("no-effect", 6)]


TABLE = """
- id: t
  {head}
  table:
    columns: [message.params.amount, message.line, then.distribute.to]
    rows:
"""


def table(*rows: str, head: str = "doc: A table") -> str:
    """A routing table by amount and line."""
    return TABLE.format(head=head) + "".join(f"      - {row}\n" for row in rows)


def test_a_gap_of_a_table_is_shown_with_a_message() -> None:
    """A value between two rows that is in neither; a row for what is absent is a row too."""
    rows = ('["[200..)", -, sms]', '["[0..199]", -, mail]', '["(..0)", -, mail]', "[absent, -, sms]")
    parsed, ruleset = version_of(routing=table(*rows) + DEFAULT[1:])
    (issue,) = [one for one in find(parsed, ruleset) if one.severity is Severity.WARNING]

    assert issue.code == "table-gap"
    assert 199 < json.loads(issue.witness)["message"]["params"]["amount"] < 200
    assert matched_by(ruleset, issue) == {"default"}
    assert codes(routing=table(*rows).replace("199]", "200)") + DEFAULT[1:]) == []
    assert codes(routing=table(*rows, head="complete: false") + DEFAULT[1:]) == []


def test_rows_that_overlap_are_shown_with_a_message() -> None:
    """In part, with other effects: a warning. If the table says unique, any overlap is an error; if first, none is."""
    rows = ('["[200..)", -, sms]', '["[0..200]", -, mail]', "[-, -, push]")
    parsed, ruleset = version_of(routing=table(*rows))
    (issue,) = [one for one in find(parsed, ruleset) if one.severity is Severity.WARNING]

    assert (issue.code, issue.line) == ("table-overlap", 9)
    assert {"t-1", "t-2"} <= matched_by(ruleset, issue)
    assert json.loads(issue.witness)["message"]["params"]["amount"] == 200
    assert codes(routing=table(*rows, head="hit: first")) == []
    assert codes(routing=table(*rows, head="hit: unique")) == [("table-overlap", n) for n in (9, 10, 10)]


def test_a_hole_between_rows_of_limits_is_told_though_not_all_messages_need_one() -> None:
    """Outside of its values a table of another family may say nothing."""
    rows = """
- id: t
  then: {limit: {name: l, per: [user], window: 1d}}
  table:
    columns: [message.params.level, then.limit.max]
    rows:
      - ["[0..10)", 3]
      - ["[11..20)", 5]
"""
    (issue,) = found(fatigue=rows)

    assert issue.code == "table-gap"
    assert json.loads(issue.witness)["message"]["params"]["level"] == 10
    assert codes(fatigue=rows.replace("[11..", "[10..")) == []
