"""ChannelService as its callers see it, on real pauses and breakers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import pytest

from engine.errors import FailedPrecondition, InvalidInput
from engine.flow.operating import Advanced
from engine.service.channels import ChannelParts, ChannelServicer, Provider
from engine.state.breakers import BreakerState, Subject, SubjectKind
from engine.state.connection import Store
from engine.state.control import Control
from signalbox.v1 import channel_service_pb2 as contract
from signalbox.v1 import state_pb2
from tests.decision.rulesets import HOUR, NOON

PROVIDERS = (
    Provider("carrier-a", "sandbox", "sms"),
    Provider("carrier-b", "sandbox", "sms"),
    Provider("fax-1", "x", "fax"),
)


class Lanes:
    """Lanes with a few steps in them."""

    async def depths(self) -> Mapping[tuple[str, str], int]:
        return {("sms", "P3"): 7, ("push", "P0"): 1, ("sms", "P0"): 2}


class Timeline:
    """The messages' clock before its first message, and what it was told to do."""

    def __init__(self) -> None:
        self.now_ms: int | None = None
        self.rests = 0

    def now(self) -> int | None:
        return self.now_ms

    async def advance(self, until_ms: int | None) -> Advanced:
        self.now_ms = until_ms or NOON + HOUR
        return Advanced(self.now_ms, until_ms is not None, 3)

    async def at_rest(self, act: Callable[[], Awaitable[None]]) -> None:
        self.rests += 1
        await act()


@pytest.fixture
def control(store: Store) -> Control:
    """Pauses and breakers, none set."""
    return Control(store)


def servicer(control: Control, timeline: Timeline | None = None) -> ChannelServicer:
    """A servicer on these."""
    parts = ChannelParts(control, Lanes(), lambda: ("push", "sms"), PROVIDERS, timeline)
    return ChannelServicer(parts, lambda: NOON)


def scope(**which: str | bool) -> contract.PauseScope:
    """What is meant; a line or a campaign as "tenant/name"."""
    wire = contract.PauseScope()
    for kind, name in which.items():
        if kind in ("line", "campaign"):
            tenant, _, own = str(name).partition("/")
            getattr(wire, kind).CopyFrom(contract.TenantName(tenant=tenant, name=own))
        else:
            setattr(wire, kind, name)
    return wire


async def test_channels_are_told_with_their_providers_and_what_waits(control: Control) -> None:
    """Those of the rules in their order, then those that only have a provider."""
    await control.swap_breaker(
        Subject(SubjectKind.PROVIDER, "carrier-b"), None, BreakerState("SLOW", 0.5, by="level-1", since_ms=NOON)
    )

    told = await servicer(control).ListChannels(contract.ListChannelsRequest(), None)

    assert [channel.name for channel in told.channels] == ["push", "sms", "fax"]
    sms = told.channels[1]
    assert [(one.name, one.type) for one in sms.providers] == [("carrier-a", "sandbox"), ("carrier-b", "sandbox")]
    assert dict(sms.queued) == {"P0": 2, "P3": 7}
    normal, slow = (one.breaker for one in sms.providers)
    assert normal == contract.BreakerStatus(state=state_pb2.BREAKER_STATE_NORMAL) == told.platform
    assert (slow.state, slow.speed, slow.rule_id, slow.forced) == (state_pb2.BREAKER_STATE_SLOW, 0.5, "level-1", False)
    assert slow.since.ToMilliseconds() == NOON


@pytest.mark.parametrize(
    "what",
    [
        scope(provider="carrier-a"),
        scope(channel="sms"),
        scope(line="t/cards"),
        scope(campaign="t/spring"),
        scope(everything=True),
    ],
)
async def test_whatever_is_paused_is_listed_until_it_is_resumed(control: Control, what: contract.PauseScope) -> None:
    """With who did it, why and since when; a second pause changes nothing of that."""
    where = servicer(control)
    first = await where.Pause(contract.PauseRequest(scope=what, by="me", reason="fire"), None)
    again = await where.Pause(contract.PauseRequest(scope=what, by="you"), None)
    listed = await where.ListChannels(contract.ListChannelsRequest(), None)
    resumed = await where.Resume(contract.ResumeRequest(scope=what), None)
    nothing = await where.Resume(contract.ResumeRequest(scope=what), None)
    after = await where.ListChannels(contract.ListChannelsRequest(), None)

    assert first == again
    assert list(listed.pauses) == [first.pause]
    assert (first.pause.scope, first.pause.by, first.pause.reason) == (what, "me", "fire")
    assert first.pause.since.ToMilliseconds() == NOON
    assert (resumed.was_paused, nothing.was_paused, list(after.pauses)) == (True, False, [])


@pytest.mark.parametrize(
    ("what", "field"),
    [
        (contract.PauseScope(), "scope"),
        (scope(everything=False), "scope.everything"),
        (scope(provider="carrier-c"), "scope.provider"),
        (scope(channel="smss"), "scope.channel"),
        (scope(line="t/"), "scope.line.name"),
        (scope(campaign="/c"), "scope.campaign.tenant"),
    ],
)
async def test_a_pause_that_would_stop_nothing_is_refused(
    control: Control, what: contract.PauseScope, field: str
) -> None:
    """A misspelt name is told what is near it."""
    with pytest.raises(InvalidInput) as caught:
        await servicer(control).Pause(contract.PauseRequest(scope=what), None)

    (violation,) = caught.value.violations
    assert violation.field == field
    if what.WhichOneof("scope") in ("provider", "channel"):
        assert "did you mean" in violation.description


async def test_what_has_left_the_settings_can_be_resumed(control: Control) -> None:
    """It was paused while it was there."""
    answer = await servicer(control).Resume(contract.ResumeRequest(scope=scope(provider="gone")), None)

    assert not answer.was_paused


async def test_a_breaker_is_set_by_hand_and_given_back(control: Control) -> None:
    """It says so, and no rule is named."""
    where, what = servicer(control), scope(channel="sms")
    slow = contract.SetBreakerRequest(scope=what, state=state_pb2.BREAKER_STATE_SLOW, speed=0.25, by="me")

    forced = (await where.SetBreaker(slow, None)).breaker
    listed = await where.ListChannels(contract.ListChannelsRequest(), None)
    given_back = (await where.SetBreaker(contract.SetBreakerRequest(scope=what), None)).breaker

    assert (forced.state, forced.speed, forced.forced, forced.rule_id) == (state_pb2.BREAKER_STATE_SLOW, 0.25, True, "")
    assert listed.channels[1].breaker == forced
    assert given_back == contract.BreakerStatus(state=state_pb2.BREAKER_STATE_NORMAL)
    assert await control.breakers() == {}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (contract.SetBreakerRequest(scope=scope(line="t/cards"), state=state_pb2.BREAKER_STATE_PAUSED), "scope.line"),
        (contract.SetBreakerRequest(scope=scope(channel="sms"), state=state_pb2.BREAKER_STATE_SLOW), "speed"),
        (contract.SetBreakerRequest(scope=scope(channel="sms"), state=state_pb2.BREAKER_STATE_SLOW, speed=2), "speed"),
        (contract.SetBreakerRequest(scope=scope(channel="sms"), state=3, speed=0.5), "speed"),
        (contract.SetBreakerRequest(scope=scope(channel="sms"), state=9), "state"),  # type: ignore[arg-type]
        (contract.SetBreakerRequest(scope=scope(channel="x"), state=3), "scope.channel"),
    ],
)
async def test_a_breaker_that_makes_no_sense_is_refused(
    control: Control, wrong: contract.SetBreakerRequest, field: str
) -> None:
    """Nothing is set."""
    with pytest.raises(InvalidInput) as caught:
        await servicer(control).SetBreaker(wrong, None)

    assert [violation.field for violation in caught.value.violations] == [field]
    assert await control.breakers() == {}


async def test_nobody_moves_the_real_clock(control: Control) -> None:
    """It can be told, and the remedy is named."""
    where = servicer(control)

    told = await where.GetClock(contract.GetClockRequest(), None)
    with pytest.raises(FailedPrecondition, match='source = "messages"'):
        await where.AdvanceClock(contract.AdvanceClockRequest(), None)

    assert (told.messages_clock, told.now.ToMilliseconds()) == (False, NOON)


async def test_the_messages_clock_has_no_time_before_the_first_message_and_can_be_moved(control: Control) -> None:
    """A call that comes back early says so."""
    where = servicer(control, Timeline())
    until = contract.AdvanceClockRequest()
    until.until.FromMilliseconds(NOON)

    before = await where.GetClock(contract.GetClockRequest(), None)
    there = await where.AdvanceClock(until, None)
    early = await where.AdvanceClock(contract.AdvanceClockRequest(), None)

    assert (before.messages_clock, before.HasField("now")) == (True, False)
    assert (there.now.ToMilliseconds(), there.done, there.unfinished) == (NOON, True, 3)
    assert (early.now.ToMilliseconds(), early.done) == (NOON + HOUR, False)


async def test_on_the_messages_clock_time_stands_still_while_somebody_pauses(control: Control) -> None:
    """A pause, a resume and a breaker each take a rest."""
    timeline = Timeline()
    where, what = servicer(control, timeline), scope(channel="sms")

    await where.Pause(contract.PauseRequest(scope=what), None)
    await where.SetBreaker(contract.SetBreakerRequest(scope=what, state=state_pb2.BREAKER_STATE_PAUSED), None)
    resumed = await where.Resume(contract.ResumeRequest(scope=what), None)

    assert (timeline.rests, resumed.was_paused) == (3, True)
