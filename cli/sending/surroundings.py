"""What a map says beside its messages, put in place on the server: money into accounts, breakers at their times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cli.mapping.model import BreakerTime
from cli.sending.calls import CALL_SECONDS, Calls
from cli.sending.times import Times
from cli.servers import Server
from signalbox.v1 import budget_service_pb2, channel_service_pb2, state_pb2

BY: Final = "signalbox send"
SLOW_SPEED: Final = 0.5
"""The share of the usual rate while the map calls something SLOW; a map has no number for it."""


def grant_accounts(calls: Calls, accounts: Mapping[str, state_pb2.Account], digest: str) -> tuple[int, int]:
    """Put into each account what the map says; return into how many, and how many had it already.

    The entry's key comes from the map's digest and the account, so the same map puts it in once however often it runs.
    """
    made = known = 0
    for name, account in accounts.items():
        if account.left_micros <= 0:
            continue
        request = budget_service_pb2.GrantRequest(
            tenant=account.tenant,
            account=name,
            unit=account.unit,
            micros=account.left_micros,
            entry_id=f"map-{digest[:32]}",
            by=BY,
        )
        answer = calls.make(_granting(request))
        made, known = made + (not answer.repeated), known + answer.repeated
    return made, known


def _granting(
    request: budget_service_pb2.GrantRequest,
) -> Callable[[Server], budget_service_pb2.GrantResponse]:
    return lambda server: server.budget.Grant(request, timeout=CALL_SECONDS)


@dataclass(frozen=True, slots=True)
class _Turn:
    """A time at which breakers change: the state of each channel, "" for the platform; 0 gives it back to the rules."""

    at_ms: int
    states: Mapping[str, int]


class Breakers:
    """Sets the breakers of a map at their times, on the messages' clock."""

    def __init__(self, calls: Calls, times: Times, breakers: tuple[BreakerTime, ...]) -> None:
        self._calls, self._times = calls, times
        self._turns = list(_turns(breakers))
        self._set: dict[str, int] | None = None
        self._channels = {time.channel for time in breakers}

    def reach(self, at_ms: int) -> None:
        """Let the breakers do what they do until a time, each at its own."""
        if self._set is None:
            self._begin(at_ms)
        while self._turns and self._turns[0].at_ms <= at_ms:
            self._turn(self._turns.pop(0))

    def finish(self) -> None:
        """Go on until nothing is forced any more: what waits for a breaker would otherwise wait for ever."""
        while self._turns and any((self._set or {}).values()):
            self._turn(self._turns.pop(0))

    def _begin(self, at_ms: int) -> None:
        """Bring about how things are at the first message, whatever a run that was broken off has left behind."""
        past = [turn for turn in self._turns if turn.at_ms <= at_ms]
        del self._turns[: len(past)]
        self._set = {}
        self._apply({channel: past[-1].states.get(channel, 0) if past else 0 for channel in sorted(self._channels)})

    def _turn(self, turn: _Turn) -> None:
        self._times.reach(turn.at_ms)
        self._apply(turn.states)

    def _apply(self, states: Mapping[str, int]) -> None:
        assert self._set is not None
        for channel, state in states.items():
            if self._set.get(channel) != state:
                self._call(channel, state)
                self._set[channel] = state

    def _call(self, channel: str, state: int) -> None:
        request = channel_service_pb2.SetBreakerRequest(state=state, by=BY)  # type: ignore[arg-type]  # the wire's numbers
        if state == state_pb2.BREAKER_STATE_SLOW:
            request.speed = SLOW_SPEED
        if channel:
            request.scope.channel = channel
        else:
            request.scope.everything = True
        self._calls.make(lambda server: server.channels.SetBreaker(request, timeout=CALL_SECONDS))


def _turns(breakers: tuple[BreakerTime, ...]) -> Iterator[_Turn]:
    """Give the times at which something changes, in order. Of entries that overlap the last one wins."""
    channels = sorted({time.channel for time in breakers})
    for at_ms in sorted({moment for time in breakers for moment in (time.since_ms, time.until_ms)}):
        acting = {time.channel: time.state for time in breakers if time.since_ms <= at_ms < time.until_ms}
        yield _Turn(at_ms, {channel: acting.get(channel, 0) for channel in channels})
