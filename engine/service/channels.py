"""ChannelService: how the channels and their providers are, what is paused, and the server's clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from engine.errors import FailedPrecondition
from engine.flow.operating import Timeline
from engine.service.translate import Violations, check_name, read_time
from engine.service.translate_channels import (
    MAX_REASON,
    check_known,
    read_breaker,
    read_scope,
    read_subject,
    write_breaker,
    write_pause,
)
from engine.service.translate_decision import write_time
from engine.state import pauses
from engine.state.breakers import BreakerState, Subject, SubjectKind
from engine.state.control import Control
from engine.state.pauses import PauseScope
from signalbox.v1 import channel_service_pb2 as contract


class Provider(NamedTuple):
    """A provider as the settings have it."""

    name: str
    type: str
    channel: str


class Depths(Protocol):
    """Knows how much waits in the lanes."""

    async def depths(self) -> Mapping[tuple[str, str], int]:
        """How many steps wait or are under way, by (channel, priority)."""


@dataclass(frozen=True, slots=True)
class ChannelParts:
    """Everything that answers for ChannelService.

    `channels` gives those of the rules in force, in their order; `providers` are in the order in which they are tried.
    `timeline` is None on the real clock.
    """

    control: Control
    lanes: Depths
    channels: Callable[[], Sequence[str]]
    providers: Sequence[Provider]
    timeline: Timeline | None


class ChannelServicer:
    """Answers ChannelService. `now_ms` is the server's clock."""

    def __init__(self, parts: ChannelParts, now_ms: Callable[[], int]) -> None:
        self._parts = parts
        self._now_ms = now_ms

    # ---- how things are ----

    async def ListChannels(
        self, request: contract.ListChannelsRequest, context: object
    ) -> contract.ListChannelsResponse:
        """Tell how the sending is."""
        control = self._parts.control
        breakers, depths = await control.breakers(), await self._parts.lanes.depths()
        response = contract.ListChannelsResponse(
            platform=write_breaker(breakers.get(Subject(SubjectKind.PLATFORM, ""))),
            pauses=map(write_pause, await control.pauses()),
        )
        for name in self._channels():
            self._write_channel(name, breakers, response.channels.add())
        for channel in response.channels:
            queued = {rank: depth for (name, rank), depth in depths.items() if name == channel.name}
            channel.queued.update(dict(sorted(queued.items())))
        return response

    def _channels(self) -> list[str]:
        """The channels of the rules, then those that only have a provider."""
        return list(dict.fromkeys([*self._parts.channels(), *(one.channel for one in self._parts.providers)]))

    def _write_channel(self, name: str, breakers: Mapping[Subject, BreakerState], wire: contract.ChannelStatus) -> None:
        wire.name = name
        wire.breaker.CopyFrom(write_breaker(breakers.get(Subject(SubjectKind.CHANNEL, name))))
        for provider in self._parts.providers:
            if provider.channel == name:
                breaker = write_breaker(breakers.get(Subject(SubjectKind.PROVIDER, provider.name)))
                wire.providers.add(name=provider.name, type=provider.type, breaker=breaker)

    # ---- stopping and going on ----

    async def Pause(self, request: contract.PauseRequest, context: object) -> contract.PauseResponse:
        """Stop sending; what is paused already stays so as it is."""
        bad, control = Violations(), self._parts.control
        scope, name = read_scope(request.scope, bad)
        check_known(scope, name, self._known(scope), bad)
        check_name(request.by, "by", bad, required=False)
        check_name(request.reason, "reason", bad, required=False, longest=MAX_REASON)
        bad.check()
        pause = await self._paused(scope, name)
        if pause is None:
            pause = pauses.Pause(scope, name, request.by, request.reason, self._now_ms())
            wanted = pause
            await self._at_rest(lambda: control.pause(scope, name, wanted.by, wanted.reason, wanted.at_ms))
        return contract.PauseResponse(pause=write_pause(pause))

    async def Resume(self, request: contract.ResumeRequest, context: object) -> contract.ResumeResponse:
        """Go on. What is no longer in the settings can be resumed all the same."""
        bad, control = Violations(), self._parts.control
        scope, name = read_scope(request.scope, bad)
        check_name(request.by, "by", bad, required=False)
        bad.check()
        response = contract.ResumeResponse()

        async def resume() -> None:
            response.was_paused = await control.resume(scope, name, self._now_ms())

        await self._at_rest(resume)
        return response

    async def SetBreaker(self, request: contract.SetBreakerRequest, context: object) -> contract.SetBreakerResponse:
        """Set a breaker by hand, or give it back to the rules."""
        bad, control = Violations(), self._parts.control
        scope, name = read_scope(request.scope, bad)
        subject = read_subject(scope, name, bad)
        state = read_breaker(request, self._now_ms(), bad)
        if state is not None:
            check_known(scope, name, self._known(scope), bad)
        check_name(request.by, "by", bad, required=False)
        bad.check()
        await self._at_rest(lambda: control.force_breaker(subject, state))
        return contract.SetBreakerResponse(breaker=write_breaker(state))

    def _known(self, scope: PauseScope) -> list[str]:
        return self._channels() if scope is PauseScope.CHANNEL else [one.name for one in self._parts.providers]

    async def _paused(self, scope: PauseScope, name: str) -> pauses.Pause | None:
        found = await self._parts.control.pauses()
        return next((one for one in found if (one.scope, one.name) == (scope, name)), None)

    async def _at_rest(self, act: Callable[[], Awaitable[None]]) -> None:
        """On the messages' clock, time stands still meanwhile, and what it leads to has happened afterwards."""
        if self._parts.timeline is None:
            await act()
        else:
            await self._parts.timeline.at_rest(act)

    # ---- the clock ----

    async def GetClock(self, request: contract.GetClockRequest, context: object) -> contract.GetClockResponse:
        """Tell the server's clock."""
        timeline = self._parts.timeline
        now_ms = self._now_ms() if timeline is None else timeline.now()
        now = write_time(now_ms) if now_ms is not None else None
        return contract.GetClockResponse(messages_clock=timeline is not None, now=now)

    async def AdvanceClock(
        self, request: contract.AdvanceClockRequest, context: object
    ) -> contract.AdvanceClockResponse:
        """Move the messages' clock on."""
        timeline, bad = self._parts.timeline, Violations()
        if timeline is None:
            raise FailedPrecondition(
                'this server runs on the real clock, which nobody moves; [clock] source = "messages" plays time'
            )
        until_ms = read_time(request.until, "until", bad) if request.HasField("until") else None
        bad.check()
        got = await timeline.advance(until_ms)
        return contract.AdvanceClockResponse(now=write_time(got.now_ms), done=got.done, unfinished=got.unfinished)
