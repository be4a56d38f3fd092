"""Calls that are made until they are answered: what a server cannot do for now, it is asked again.

Every request that is sent here may come twice: messages, entries in accounts and users carry their own keys.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click
import grpc
from google.rpc import code_pb2, status_pb2

from cli.client import code_of, explain_error, retry_delay_s, rich_status
from cli.problems import BrokenOff, CannotStart
from cli.servers import Server

CALL_SECONDS: Final = 120.0
"""How long a call may take; on the messages' clock a batch may bring hours of work along."""

LONGEST_PAUSE: Final = 5.0
SAY_AGAIN_SECONDS: Final = 30.0
MOST_STRANGE: Final = 10
"""So often in a row a call is made again that ended in a way which promises nothing."""

MOST_STARTS: Final = 5
"""So often a private server is started again before it has answered once."""

_AGAIN: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
_STRANGE: Final = (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN)

Answer = TypeVar("Answer")


class Calls:
    """Makes calls to a server; `sleep` waits for so many seconds, `chance` draws a number from 0 to 1."""

    def __init__(
        self,
        server: Server,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.server = server
        self._sleep, self._chance = sleep, chance
        self._failures = self._starts = 0
        self._said: float | None = None

    def make(self, ask: Callable[[Server], Answer]) -> Answer:
        """Return the answer to a call, made as often as it takes. Raises BrokenOff where that does not help."""
        while True:
            try:
                answer = ask(self.server)
            except grpc.RpcError as error:
                self.pause_after(error)
            else:
                self.answered()
                return answer

    def pause_after(self, error: grpc.RpcError) -> None:
        """Wait until a failed call may be made again. Raises BrokenOff where that does not help."""
        code = code_of(error)
        if code is grpc.StatusCode.UNIMPLEMENTED:
            raise CannotStart(f"{self.server.name} is too old for this command, or no Signalbox") from error
        strange = code in _STRANGE and self._failures < MOST_STRANGE
        delay = _advised(error)
        if delay is None and code not in _AGAIN and not strange:
            raise BrokenOff(f"{self.server.name} refused: {explain_error(error)}") from error
        self._mend()
        self.pause(explain_error(error), delay)

    def pause(self, why: str, delay_s: float | None) -> None:
        """Wait for as long as the server advises, or else a little longer every time, and say so now and then."""
        now = time.monotonic()
        if self._failures and (self._said is None or now - self._said > SAY_AGAIN_SECONDS):
            self._said = now
            click.echo(f"signalbox: {why}; trying again until it is answered (Ctrl-C ends)", err=True)
        spread = self._chance()
        if delay_s is None:
            delay_s = min(LONGEST_PAUSE, 0.1 * 2 ** min(self._failures, 10)) * spread
        else:
            delay_s += delay_s * spread / 4
        self._failures += 1
        self._sleep(delay_s)

    def answered(self) -> None:
        """The server has answered."""
        if self._said is not None:
            click.echo("signalbox: it answers again", err=True)
        self._failures, self._starts, self._said = 0, 0, None

    def _mend(self) -> None:
        try:
            if not self.server.mend():
                return
        except CannotStart as problem:
            raise BrokenOff(problem.message) from problem
        self._starts += 1
        if self._starts > MOST_STARTS:
            raise BrokenOff("the private server ended again and again; nothing more is sent")
        click.echo("signalbox: the private server had ended and was started again", err=True)


def may_come_again(status: status_pb2.Status) -> bool:
    """Tell whether what was refused for one message may be asked again."""
    if status.code == code_pb2.RESOURCE_EXHAUSTED:
        return retry_delay_s(status) is not None
    return status.code == code_pb2.UNAVAILABLE


def is_too_large(error: grpc.RpcError) -> bool:
    """Tell whether a request is over a bound of the server, and not the server over its own."""
    return code_of(error) is grpc.StatusCode.RESOURCE_EXHAUSTED and _advised(error) is None


def _advised(error: grpc.RpcError) -> float | None:
    status: Any = rich_status(error)
    return None if status is None else retry_delay_s(status)
