"""Breakers: set by rules when a window closes, over after calm windows, forced by operators; they refuse nothing."""

from __future__ import annotations

from tests.acceptance.box import Box


def test_a_provider_that_fails_is_slowed_and_recovers(box: Box) -> None:
    """Six of six fail in one window of ten seconds: SLOW at half speed; after three calm windows it is NORMAL again."""
    for n in range(6):
        box.send("flaky", user=f"{box.user}-{n}", at="09:59:41")
    assert box.health("sms-busy-mornings") == "NORMAL"
    box.advance("09:59:50")
    assert box.health("sms-busy-mornings") == "SLOW 0.5 level-1-slow"
    assert box.health("sms") == "NORMAL"

    box.advance("10:29:59")  # all retries are made by then; some may have been in calm windows
    for window in range(3):
        box.send("flaky", at=f"10:30:{window}5")
        box.advance(f"10:30:{window}9")
    box.advance("10:30:30")
    assert box.health("sms-busy-mornings") == "NORMAL"


def test_a_channel_that_fails_is_paused_and_taken_up_again(box: Box) -> None:
    """PAUSED after one bad window, NORMAL after two silent ones; what waited in its lane goes then, by itself."""
    for n in range(6):
        box.send("wechat-mornings", user=f"{box.user}-{n}", at="09:59:41")
    box.advance("09:59:50")
    waiting = box.send("only-wechat", at="09:59:51")
    assert (str(waiting), box.life(waiting.id).state) == ("SEND wechat", "QUEUED")
    box.advance("10:00:09")
    assert box.life(waiting.id).state == "QUEUED"
    box.advance("10:00:10")

    assert box.life(waiting.id).state == "DELIVERED"
    assert box.life(waiting.id).told("ATTEMPTED") == ["10:00:10 1 ATTEMPTED wechat"]


def test_few_failures_say_nothing(box: Box) -> None:
    """Four of four, and the rule wants five."""
    for n in range(4):
        box.send("mornings", user=f"{box.user}-{n}", at="09:30")
    box.advance("09:31")

    assert box.health("sms-closed-mornings") == "NORMAL"


def test_slow_sends_all_the_same(box: Box) -> None:
    """A slowed provider refuses nothing."""
    box.breaker("SLOW", 0.5, provider="push")
    sent = [box.send(text=str(n)) for n in range(5)]

    assert {box.life(one.id).state for one in sent} == {"DELIVERED"}
    box.breaker(provider="push")


def test_a_paused_channel_is_a_fact(box: Box) -> None:
    """A rule may keep marketing off it; what no rule refuses waits in its lane."""
    box.breaker("PAUSED", channel="sms")
    marketing = box.send("only-sms", category="MARKETING", at="12:00")
    other = box.send("only-sms")

    assert (str(marketing), marketing.decided_by) == ("DROP CHANNEL_UNHEALTHY", "off-unhealthy")
    assert (str(other), box.life(other.id).state) == ("SEND sms", "QUEUED")
    box.breaker(channel="sms")
    assert box.life(other.id).state == "DELIVERED"


def test_what_an_operator_has_paused_is_a_fact_too(box: Box) -> None:
    """Paused by hand or by a breaker: the channel's state says PAUSED to the rules."""
    box.pause(channel="sms")

    assert str(box.send("only-sms", category="MARKETING", at="12:00")) == "DROP CHANNEL_UNHEALTHY"
    box.resume(channel="sms")
    assert str(box.send("only-sms", category="MARKETING")) == "SEND sms"


def test_a_later_step_may_outwait_a_breaker(box: Box) -> None:
    """Unhealthy at the decision, well when its turn comes: the second step of a supplement goes."""
    box.breaker("SLOW", 0.5, channel="sms")
    sent = box.send("silent-then-sms", category="MARKETING", at="12:00")
    assert str(sent) == "SEND push+sms"
    box.breaker(channel="sms")
    box.advance("12:01")

    assert box.life(sent.id).steps == {"push": "SENT", "sms": "DELIVERED"}


def test_the_platform_paused_stops_everything(box: Box) -> None:
    """Every channel waits; given back to the rules, everything goes."""
    box.breaker("PAUSED", everything=True)
    sent = box.send("everywhere")
    assert set(box.life(sent.id).steps.values()) == {"QUEUED"}
    box.breaker(everything=True)

    assert set(box.life(sent.id).steps.values()) == {"DELIVERED"}


def test_what_is_forced_stays(box: Box) -> None:
    """The rules do not change what an operator has set: calm windows do not end it, failures do not begin another."""
    box.breaker("NORMAL", provider="sms-busy-mornings")
    for n in range(6):
        box.send("flaky", user=f"{box.user}-{n}", at="09:59:41")
    box.advance("10:01")
    assert box.health("sms-busy-mornings") == "NORMAL forced"

    box.breaker("SLOW", 0.25, provider="sms")
    for second in range(0, 60, 10):
        box.send("only-sms", text=str(second), at=f"11:00:{second:02d}")
    box.advance("11:05")
    assert box.health("sms") == "SLOW 0.25 forced"
    for provider in ("sms", "sms-busy-mornings"):
        box.breaker(provider=provider)
