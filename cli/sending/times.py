"""When messages are sent: on the messages' clock at the time of their rows, on the real one now.

A server tells which clock it runs on. On the real one the row's own time is over as a rule, so what a message says
about its future (not before, of no use after) is moved to now; when the thing told of happened stays as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

from cli.mapping.messages import Prepared
from cli.sending.calls import CALL_SECONDS, Calls
from signalbox.v1 import channel_service_pb2, message_service_pb2

MOVED: Final = ("message.send_after", "message.expire_at")
"""The fields that are another when the same row is sent again on the real clock."""


class Times(Protocol):
    """How a server's clock is dealt with."""

    own: bool
    """Does the server run on the messages' clock?"""

    under_way: int
    """How many batches may be under way at once."""

    def request(self, message: Prepared, not_before_ms: int = 0) -> message_service_pb2.SendRequest:
        """Return the request for a message; one that was refused for a while may be later than its row."""

    def reach(self, at_ms: int) -> None:
        """Let everything happen that is due until then."""


class MessagesTime:
    """The messages' clock: `now_ms` is the last time that is known of it."""

    own = True
    under_way = 1

    def __init__(self, calls: Calls, now_ms: int) -> None:
        self._calls, self.now_ms = calls, now_ms

    def request(self, message: Prepared, not_before_ms: int = 0) -> message_service_pb2.SendRequest:
        """Return the request, with the row's time."""
        made = message_service_pb2.SendRequest(message=message.evaluation.message, now=message.evaluation.now)
        if message.at_ms < not_before_ms:
            made.now.FromMilliseconds(not_before_ms)
        self.now_ms = max(self.now_ms, message.at_ms)
        return made

    def reach(self, at_ms: int) -> None:
        """Move the clock on."""
        if at_ms > self.now_ms:
            self.now_ms = at_ms
            self._advance(at_ms, lambda answer: None)

    def finish(self, told: Callable[[channel_service_pb2.AdvanceClockResponse], None]) -> int:
        """Move the clock on until nothing more can happen by itself; return how many messages are not final then."""
        return self._advance(None, told)

    def _advance(self, until_ms: int | None, told: Callable[[channel_service_pb2.AdvanceClockResponse], None]) -> int:
        request = channel_service_pb2.AdvanceClockRequest()
        if until_ms is not None:
            request.until.FromMilliseconds(until_ms)
        while True:
            answer = self._calls.make(lambda server: server.channels.AdvanceClock(request, timeout=CALL_SECONDS))
            told(answer)
            if answer.done:
                return int(answer.unfinished)


class RealTime:
    """The real clock. `now_ms` says what it is."""

    own = False
    under_way = 4

    def __init__(self, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._now_ms = now_ms

    def request(self, message: Prepared, not_before_ms: int = 0) -> message_service_pb2.SendRequest:
        """Return the request, with its future moved to now."""
        made = message_service_pb2.SendRequest(message=message.evaluation.message)
        later_ms = self._now_ms() - message.at_ms
        for name in ("send_after", "expire_at"):
            if made.message.HasField(name):
                stamp = getattr(made.message, name)
                stamp.FromMilliseconds(stamp.ToMilliseconds() + later_ms)
        return made

    def reach(self, at_ms: int) -> None:
        """Time passes by itself."""


def times_of(calls: Calls) -> Times:
    """Ask a server which clock it runs on."""
    request = channel_service_pb2.GetClockRequest()
    clock = calls.make(lambda server: server.channels.GetClock(request, timeout=CALL_SECONDS))
    if not clock.messages_clock:
        return RealTime()
    return MessagesTime(calls, clock.now.ToMilliseconds() if clock.HasField("now") else 0)
