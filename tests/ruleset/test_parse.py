"""Reading a version whole: what good files mean, and that no file at all can make it fail."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.ruleset.check import check
from engine.ruleset.effects import (
    ChannelChoice,
    Charge,
    Drop,
    Effect,
    Exclude,
    Hold,
    Limit,
    Route,
    SetState,
)
from engine.ruleset.facts_schema import Scope
from engine.ruleset.files import digest_of
from engine.ruleset.issues import MAX_ISSUES, Issue, render
from engine.ruleset.parse import Parsed, parse_version

FACTS = """
channels:
  push: {receipts: true}
  sms: {receipts: true}
"""
ROUTING = "family: routing\nrules: [{id: default, then: {distribute: {to: push}}}]\n"
FAMILIES = ("interception", "fatigue", "budget", "breaker")


def version(**files: str | bytes) -> dict[str, bytes]:
    """Return a small good version with some files replaced; a keyword is a file's name without .yaml."""
    texts: dict[str, str | bytes] = {"facts": FACTS, "routing": ROUTING}
    texts |= {family: f"family: {family}\nrules: []\n" for family in FAMILIES}
    texts |= files
    return {f"{name}.yaml": text.encode() if isinstance(text, str) else text for name, text in texts.items()}


def parsed(**files: str | bytes) -> Parsed:
    """Parse and check that version."""
    return check(parse_version("1.0", version(**files)))


def effect_of(family: str, then: str, when: str = "") -> Effect:
    """Return what one rule with this `then:` means."""
    condition = f", when: '{when}'" if when else ""
    found = parsed(**{family: f"family: {family}\nrules: [{{id: one, then: {then}{condition}}}]\n"})
    assert not found.has_errors, render(found.issues, color=False)
    return next(rule.effect for rule in found.rules if rule.id == "one")


WINDOW = "provider.window.count > 9"


@pytest.mark.parametrize(
    ("family", "then", "meant"),
    [
        ("routing", "{concurrent: [push, sms]}", Route("CONCURRENT", (ChannelChoice("push"), ChannelChoice("sms")))),
        (
            "routing",
            "{supplement: [{channel: push, wait: 90s, until: read}, sms], priority: P0}",
            Route("SUPPLEMENT", (ChannelChoice("push", (), False, 90_000, "READ"), ChannelChoice("sms")), "P0"),
        ),
        (
            "routing",
            "{distribute: {to: {channel: sms, providers: [carrier-b, carrier-a], address: all}, otherwise: [push]}}",
            Route("DISTRIBUTION", (ChannelChoice("sms", ("carrier-b", "carrier-a"), True), ChannelChoice("push"))),
        ),
        ("interception", "{drop: {reason: COMPLIANCE}}", Drop("COMPLIANCE")),
        ("interception", '{hold: {until: "07:30", reason: QUIET_HOURS}}', Hold(450, "QUIET_HOURS")),
        ("interception", "{hold: {until: 21:00, reason: BLOCKED, channels: [sms]}}", Hold(1260, "BLOCKED", ("sms",))),
        ("interception", "{exclude: {reason: OPTED_OUT, channels: [sms]}}", Exclude("OPTED_OUT", ("sms",))),
        (
            "fatigue",
            "{limit: {name: a, per: [content, user], max: 3, window: 36h, min_interval: 1500ms}}",
            Limit("a", ("user", "content"), None, 3, 129_600_000, 1_500, False),
        ),
        (
            "fatigue",
            "{limit: {name: a, per: [user], max: unlimited, window: day, min_interval: 2m, otherwise: hold}}",
            Limit("a", ("user",), None, None, 0, 120_000, True),
        ),
        (
            "budget",
            '{charge: {account: "{line}/x", amount: 0.045, unit: CNY, times: segments, channel: sms}}',
            Charge("{line}/x", 45_000, "CNY", True, "sms"),
        ),
        ("budget", "{charge: {account: x, amount: 1, unit: COUNT, times: 1}}", Charge("x", 1_000_000, "COUNT")),
    ],
)
def test_an_effect_means_what_is_written(family: str, then: str, meant: Effect) -> None:
    """Durations are milliseconds, times minutes, amounts exact millionths; what is left out has its default."""
    assert effect_of(family, then) == meant


def test_a_breaker_rule_sets_a_state() -> None:
    """A share of the usual speed and the way back are kept as written."""
    back = "{set: {state: SLOW, speed: 0.25, back: {windows: 3, error_rate_below: 0.05}}}"
    assert effect_of("breaker", back, WINDOW) == SetState("SLOW", 0.25, 3, 0.05)
    assert effect_of("breaker", "{set: {state: PAUSED}}", WINDOW) == SetState("PAUSED")


@pytest.mark.parametrize(
    ("family", "then", "when", "scope", "per_step"),
    [
        ("interception", "{exclude: {reason: OPTED_OUT}}", "channel.opted_out", Scope.CHANNEL, True),
        ("interception", "{exclude: {reason: OPTED_OUT, channels: [sms]}}", "user.known", Scope.MESSAGE, True),
        ("interception", "{drop: {reason: BLOCKED}}", "channels.sms.opted_out", Scope.MESSAGE, False),
        ("fatigue", "{limit: {name: a, per: [user], max: 1, window: 1d}}", "user.known", Scope.MESSAGE, False),
        ("fatigue", "{limit: {name: a, per: [user, channel], max: 1, window: 1d}}", "user.known", Scope.MESSAGE, True),
        ("breaker", "{set: {state: PAUSED}}", WINDOW, Scope.PROVIDER, False),
        ("breaker", "{set: {state: PAUSED}}", "channel.window.count > 9", Scope.CHANNEL_WINDOW, False),
        ("breaker", "{set: {state: PAUSED}}", "platform.window.count > 9", Scope.PLATFORM, False),
    ],
)
def test_a_rule_knows_what_it_is_judged_against(
    family: str, then: str, when: str, scope: Scope, per_step: bool
) -> None:
    """Mentioning channel.* asks the rule of each channel; naming a channel makes its refusal one channel's."""
    found = parsed(**{family: f"family: {family}\nrules: [{{id: one, then: {then}, when: '{when}'}}]\n"})
    assert not found.has_errors, render(found.issues, color=False)
    one = next(rule for rule in found.rules if rule.id == "one")
    assert (scope, per_step) == (one.scope, one.per_step)


def test_only_a_routing_rule_may_lack_a_value() -> None:
    """A routing condition that reads an optional fact is accepted and marked; any other family's is refused."""
    found = parsed(
        routing=ROUTING.replace("[{", "[{id: a, when: message.scene != user.language, then: {concurrent: [sms]}}, {")
    )
    assert [rule.can_err for rule in found.rules] == [True, False]
    assert not found.has_errors


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    """Files saved by an editor that writes a UTF-8 mark, or with Windows line ends, are read like any other."""
    files = version(routing=b"\xef\xbb\xbf" + ROUTING.replace("\n", "\r\n").encode())
    assert parse_version("1.0", files).issues == ()


def test_a_folder_that_could_not_be_read_is_not_called_missing() -> None:
    """A file that is there but unreadable causes no second complaint."""
    files = version()
    del files["budget.yaml"]
    assert [issue.code for issue in parse_version("1.0", files).issues] == ["missing-file"]
    assert parse_version("1.0", files, unreadable=["budget.yaml"]).issues == ()


def test_the_digest_depends_on_names_and_contents() -> None:
    """Two versions have one digest only if they have the same files; the order does not matter."""
    files = version()
    assert parse_version("1.0", files).digest == digest_of(dict(reversed(files.items())))
    assert digest_of({"a": b"bc"}) != digest_of({"ab": b"c"})
    assert digest_of({"a": b"", "b": b""}) != digest_of({"a": b"\0"})


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "-1", "1\n", "x" * 65, "版本"])
def test_a_version_is_named_plainly(name: str) -> None:
    """A name that could lead out of the rules folder or confuse a log is refused."""
    assert [issue.code for issue in parse_version(name, version()).issues] == ["bad-version"]


def test_a_thousand_mistakes_are_counted_not_listed() -> None:
    """A file with very many mistakes tells the first hundred and how many more there are."""
    rules = "".join(f"  - {{id: r{i}, then: {{drop: {{reason: WHY}}}}}}\n" for i in range(1_000))
    found = parsed(interception=f"family: interception\nrules:\n{rules}")
    assert len(found.issues) == MAX_ISSUES + 1
    assert found.issues[-1].message.startswith("900 more")


def test_many_rules_are_read_in_bearable_time() -> None:
    """Two thousand rules are read; one more is refused before it costs anything."""
    one = '  - {{id: r{0}, when: message.line == "x{0}", then: {{concurrent: [sms]}}}}\n'
    rules = "".join(one.format(i) for i in range(2_001))
    found = parsed(routing=f"family: routing\nrules:\n{rules}")
    assert [issue.code for issue in found.issues] == ["too-many-rules"]


# ---- nothing makes it fail ----

GOOD = version(
    interception="""family: interception
rules:
  - id: quiet
    when: >-
      message.category == "MARKETING" &&
      (now.local_hour < 9 || now.local_hour >= 20)
    then: {hold: {until: "09:00", reason: QUIET_HOURS}}
  - {id: out, when: channel.opted_out, then: {exclude: {reason: OPTED_OUT}}}
""",
    fatigue="family: fatigue\nrules: [{id: a, then: {limit: {name: a, per: [user], max: 1, window: 7d}}}]\n",
    budget='family: budget\nrules: [{id: b, then: {charge: {account: "{line}", amount: 0.1, unit: CNY}}}]\n',
) | {"lists/forbidden.txt": "casino\t9\n赌场\t3\n".encode()}
NAMES = sorted(GOOD)
PIECES = [
    b"",
    b"\t",
    b"\n",
    b" ",
    b'"',
    b"'",
    b"[",
    b"}",
    b": ",
    b"- ",
    b"!",
    b"&a ",
    b"*a",
    b"#",
    b"\\",
    b"\0",
    b"\xff",
]
PIECES += [b"when:", b"then: {", b"id: a", b">-\n", b"(", b"&&", b"=", b"9" * 40, b"null", b"\xe8\xb5", "“".encode()]


def assert_explained(files: dict[str, bytes]) -> None:
    """Assert that parsing ends soon, raises nothing, and points at places that exist."""
    began = time.process_time()
    found = check(parse_version("1.0", files))
    assert time.process_time() - began < 20
    for issue in found.issues:
        assert_placed(issue, files)
    render(found.issues, color=True)


def assert_placed(issue: Issue, files: dict[str, bytes]) -> None:
    """Assert that an issue's line is in its file and that its carets stand below its excerpt."""
    assert issue.message
    assert issue.width >= 1
    assert issue.caret >= 1
    text = files.get(issue.file, b"").decode("utf-8", "replace").removeprefix("\ufeff")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert 1 <= issue.line <= max(1, len(lines)), issue
    assert issue.column >= 1
    if "\ufffd" not in text:
        assert issue.column <= len(lines[issue.line - 1]) + 1, issue


@given(name=st.sampled_from(NAMES), content=st.binary(max_size=200))
@settings(max_examples=150)
def test_any_bytes_are_explained(name: str, content: bytes) -> None:
    """Whatever bytes stand in a file, the answer is issues with places, never an exception."""
    assert_explained(GOOD | {name: content})


@given(name=st.sampled_from(NAMES), data=st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_any_mutation_is_explained(name: str, data: st.DataObject) -> None:
    """A good file with pieces cut out, put in or doubled is accepted or explained."""
    content = GOOD[name]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(len(content), start + 20)))
        content = content[:start] + data.draw(st.sampled_from([*PIECES, content[start:end] * 2])) + content[end:]
    assert_explained(GOOD | {name: content})


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 500_000,
        b"{a: " * 200_000,
        b"- " * 400_000,
        b"family: budget\nrules:\n" + b"  - {id: a}\n" * 60_000,
        b"family: budget\nrules:\n  - {id: a, when: '" + b"(" * 3_990 + b"'}\n",
        b"family: budget\nrules:\n  - {id: a, when: '" + b"!" * 3_990 + b"a'}\n",
        b"family: budget\nrules:\n  - {id: a, when: '\"" + b"\\\\" * 1_990 + b"'}\n",
        b'family: budget\ndoc: "' + b"x" * 900_000 + b'"\nrules: []\n',
        b"family: budget\n" + b"".join(b"k%d: 1\n" % i for i in range(80_000)),
    ],
    ids=range(9),
)
def test_hostile_files_are_refused_soon(content: bytes) -> None:
    """Deep, long and repeated structures cost seconds at most, and no stack."""
    assert_explained(GOOD | {"budget.yaml": content})
