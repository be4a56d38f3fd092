"""The mistakes made in effects and in the order of rules; each list is all that is made of it."""

from __future__ import annotations

import pytest

from engine.analysis.mutation.mutants import mutants_of
from engine.ruleset.effects import Route
from tests.analysis.mutation_versions import changes, version

OF_CONDITIONS = {"boundary", "operator", "constant", "negation", "part"}


def effect_changes(family: str, rule: str) -> list[str]:
    """What is made of the effect of the rule `r`, and of the rule as such."""
    rest = "\n- {id: rest, then: {distribute: {to: push}}}" if family == "routing" else ""
    parsed = version(**{family: rule + rest})
    return changes(parsed, "r", *({mutant.kind for mutant in mutants_of(parsed, "r")} - OF_CONDITIONS - {"order"}))


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        (
            "{distribute: {to: sms, otherwise: [push, {channel: mail}]}, priority: P1}",
            [
                "distribute -> concurrent",
                "channel sms -> (left out)",
                "channel push -> (left out)",
                "channel mail -> (left out)",
                "channel sms, push -> push, sms",
                "channel push, mail -> mail, push",
                "priority P1 -> (left out)",
                "priority P1 -> P2",
                "the rule -> (left out)",
            ],
        ),
        (
            "{concurrent: [sms, push]}",
            [
                "concurrent -> distribute",
                "channel sms -> (left out)",
                "channel push -> (left out)",
                "channel sms, push -> push, sms",
                "the rule -> (left out)",
            ],
        ),
        (
            "{supplement: [{channel: push, wait: 60s}, {channel: sms, providers: [a, b]}]}",
            [
                "supplement -> concurrent",
                "channel push -> (left out)",
                "channel sms -> (left out)",
                "channel push, sms -> sms, push",
                "wait 60s -> 61s",
                "wait 60s -> 59s",
                "providers [a, b] -> [b]",
                "providers [a, b] -> [a]",
                "providers [a, b] -> [b, a]",
                "the rule -> (left out)",
            ],
        ),
        (
            "{supplement: [{channel: push, wait: 60s, until: read, address: all}, {channel: sms, address: newest}]}",
            [
                "supplement -> concurrent",
                "channel push -> (left out)",
                "channel sms -> (left out)",
                "channel push, sms -> sms, push",
                "address all -> newest",
                "wait 60s -> 61s",
                "wait 60s -> 59s",
                "until read -> delivered",
                "address newest -> all",
                "the rule -> (left out)",
            ],
        ),
        (
            "{distribute: {to: sms}, priority: P3}",
            ["priority P3 -> (left out)", "priority P3 -> P2", "the rule -> (left out)"],
        ),
    ],
)
def test_what_is_made_of_a_route(then: str, expected: list[str]) -> None:
    """Strategy, each channel, neighbours, waits, providers and priority; receipts and addresses if they are written."""
    assert effect_changes("routing", f"- {{id: r, when: user.known, then: {then}}}") == expected


def test_exchanged_steps_of_a_supplement_leave_the_waits_where_they_are() -> None:
    """Else the last step would wait and the one before not, which the check refuses."""
    rule = "- {id: r, then: {supplement: [{channel: push, wait: 60s, until: read}, {channel: sms, providers: [a]}]}}"

    (mutant,) = [one for one in mutants_of(version(routing=rule), "r") if one.after == "channel sms, push"]

    route = mutant.changed[0].effect
    assert isinstance(route, Route)
    assert [(one.channel, one.wait_ms, one.until, one.providers) for one in route.choices] == [
        ("sms", 60_000, "READ", ("a",)),
        ("push", 0, "DELIVERED", ()),
    ]


@pytest.mark.parametrize(
    ("when", "then", "expected"),
    [
        (
            "user.known",
            "{drop: {reason: BLOCKED}}",
            [
                "reason BLOCKED -> CHANNEL_UNHEALTHY",
                'drop -> hold until "09:00"',
                "the rule -> (left out)",
            ],
        ),
        (
            "user.known",
            '{hold: {until: "00:00", reason: QUIET_HOURS}}',
            [
                "reason QUIET_HOURS -> OPTED_OUT",
                "hold -> drop",
                'until "00:00" -> "00:01"',
                'until "00:00" -> "23:59"',
                "the rule -> (left out)",
            ],
        ),
        (
            "channel.opted_out",
            "{exclude: {reason: OPTED_OUT}}",
            ["reason OPTED_OUT -> FORBIDDEN_CONTENT", 'exclude -> hold until "09:00"', "the rule -> (left out)"],
        ),
        (
            "user.known",
            "{exclude: {channels: [sms], reason: COMPLIANCE}}",
            ["reason COMPLIANCE -> QUIET_HOURS", "exclude -> drop", "channel sms -> mail", "the rule -> (left out)"],
        ),
        (
            "user.known",
            '{hold: {channels: [sms, push], until: "08:30", reason: QUIET_HOURS}}',
            [
                "reason QUIET_HOURS -> OPTED_OUT",
                "hold -> exclude",
                'until "08:30" -> "08:31"',
                'until "08:30" -> "08:29"',
                "channel sms -> (left out)",
                "channel push -> (left out)",
                "the rule -> (left out)",
            ],
        ),
    ],
)
def test_what_is_made_of_an_interception(when: str, then: str, expected: list[str]) -> None:
    """Reason, the effect itself, the end of a hold, and the channels it names; never what the check refuses."""
    assert effect_changes("interception", f"- {{id: r, when: {when}, then: {then}}}") == expected


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (
            "{name: n, per: [user], max: 1, window: day}",
            [
                "max 1 -> 2",
                "max 1 -> 0",
                "window day -> 24h",
                "no otherwise -> otherwise hold",
                "per [user] -> [user, line]",
            ],
        ),
        (
            "{name: n, per: [user, line], channel: sms, max: 3, window: 24h, min_interval: 1h, otherwise: hold}",
            [
                "max 3 -> 4",
                "max 3 -> 2",
                "window 24h -> day",
                "window 24h -> 25h",
                "window 24h -> 23h",
                "min_interval 1h -> (left out)",
                "min_interval 1h -> 2h",
                "min_interval 1h -> 59m",
                "otherwise hold -> (left out)",
                "per [user, line] -> [user]",
                "per [user, line] -> [user, line, scene]",
                "channel sms -> (left out)",
                "channel sms -> mail",
            ],
        ),
        (
            "{name: n, per: [user, content], max: unlimited, window: 7d, min_interval: 60s}",
            [
                "window 7d -> 8d",
                "window 7d -> 6d",
                "min_interval 60s -> 61s",
                "min_interval 60s -> 59s",
                "no otherwise -> otherwise hold",
                "per [user, content] -> [user]",
                "per [user, content] -> [user, line, content]",
            ],
        ),
    ],
)
def test_what_is_made_of_a_limit(limit: str, expected: list[str]) -> None:
    """The number, window and interval by one, a day for 24 hours, the keys, the channel, holding or dropping."""
    found = effect_changes("fatigue", f"- {{id: r, when: user.known, then: {{limit: {limit}}}}}")

    assert found == [*expected, "the rule -> (left out)"]


def test_a_shared_counter_is_changed_only_where_the_rules_may_differ() -> None:
    """Rules that share a name agree on per, channel and window, or the check refuses them."""
    parsed = version(
        fatigue="""
            - {id: r, when: user.known, then: {limit: {name: n, per: [user], max: 3, window: day}}}
            - {id: other, when: content.has_url, then: {limit: {name: n, per: [user], max: 2, window: day}}}
        """
    )

    found = changes(parsed, "r", "max", "window", "per", "channel", "otherwise")

    assert found == ["max 3 -> 4", "max 3 -> 2", "no otherwise -> otherwise hold"]


@pytest.mark.parametrize(
    ("charge", "expected"),
    [
        (
            '{account: "{line}/sms", channel: sms, amount: 0.045, unit: CNY, times: segments}',
            [
                "amount 0.045 -> 0.046",
                "amount 0.045 -> 0.044",
                "{line}/sms -> {category}/sms",
                "unit CNY -> USD",
                "times segments -> 1",
                "channel sms -> (left out)",
                "channel sms -> mail",
            ],
        ),
        (
            "{account: all/push, amount: 1, unit: COUNT}",
            [
                "amount 1 -> 2",
                "amount 1 -> 0",
                "all/push -> all/pus",
                "unit COUNT -> USD",
                "times 1 -> segments",
            ],
        ),
        (
            '{account: "{channel}", channel: sms, amount: 2, unit: COUNT}',
            [
                "amount 2 -> 3",
                "amount 2 -> 1",
                "{channel} -> {tenant}",
                "unit COUNT -> USD",
                "times 1 -> segments",
                "channel sms -> mail",
            ],
        ),
    ],
)
def test_what_is_made_of_a_charge(charge: str, expected: list[str]) -> None:
    """The amount in its last digit, the account, the unit, how often it is taken, and its channel."""
    found = effect_changes("budget", f"- {{id: r, when: user.known, then: {{charge: {charge}}}}}")

    assert found == [*expected, "the rule -> (left out)"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (
            "{state: SLOW, speed: 0.5, back: {windows: 3, error_rate_below: 0.05}}",
            [
                "state SLOW -> PAUSED",
                "speed 0.5 -> 0.6",
                "speed 0.5 -> 0.4",
                "back -> (left out)",
                "windows 3 -> windows 4",
                "windows 3 -> windows 2",
                "error_rate_below 0.05 -> error_rate_below 0.06",
                "error_rate_below 0.05 -> error_rate_below 0.04",
            ],
        ),
        ("{state: PAUSED}", ["state PAUSED -> SLOW, speed 0.5"]),
        (
            "{state: SLOW, speed: 0.9, back: {windows: 1, error_rate_below: 1}}",
            [
                "state SLOW -> PAUSED",
                "speed 0.9 -> 0.8",
                "back -> (left out)",
                "windows 1 -> windows 2",
            ],
        ),
    ],
)
def test_what_is_made_of_a_breaker(asked: str, expected: list[str]) -> None:
    """The state, the speed and the way back, within what may be written."""
    found = effect_changes("breaker", f"- {{id: r, when: provider.window.count > 5, then: {{set: {asked}}}}}")

    assert found == [*expected, "the rule -> (left out)"]


def test_neighbouring_routing_rules_are_exchanged_but_for_the_last() -> None:
    """A rule that takes everything may not move up: then the check refuses what stands behind it."""
    parsed = version(
        routing="""
            - {id: a, when: user.known, then: {distribute: {to: sms}}}
            - {id: b, when: content.has_url, then: {distribute: {to: mail}}}
            - {id: rest, then: {distribute: {to: push}}}
        """
    )

    (mutant,) = [one for one in mutants_of(parsed) if one.kind == "order"]

    assert mutant.text == "routing.yaml:3:10 a: stands before b -> stands behind b"
    assert [(rule.index, rule.id) for rule in mutant.changed] == [(0, "b"), (1, "a")]


def test_a_place_of_an_effect_is_that_of_its_field() -> None:
    """The value that is changed, the channel that is left out; what is not written has the place of the effect."""
    parsed = version(fatigue="- {id: r, then: {limit: {name: n, per: [user], channel: sms, max: 1, window: 7d}}}")

    places = {mutant.kind: mutant.text.partition(" ")[0] for mutant in mutants_of(parsed, "r")}

    assert places["max"] == "fatigue.yaml:3:69"
    assert places["channel"] == "fatigue.yaml:3:59"
    assert places["otherwise"] == "fatigue.yaml:3:20"
    assert places["rule"] == "fatigue.yaml:3:10"
