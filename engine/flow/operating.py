"""What operators may ask of messages that are on their way, and of the clock: the values and who answers.

Cancelling    takes messages back              DeadLetters   what failed for good, and sending it anew
Timeline      the messages' clock
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

T = TypeVar("T")


class Cancelled(NamedTuple):
    """What was taken back: messages of which something was stopped, and messages that were beyond that already."""

    cancelled: int
    too_late: int


class Cancelling(Protocol):
    """Takes messages back; all methods raise StateUnavailable."""

    async def message(self, message_id: str) -> bool | None:
        """Take one message back: was something of it stopped? None when the state knows nothing of it."""

    async def campaign(self, tenant: str, campaign: str) -> Cancelled:
        """Take back the unfinished messages of a campaign."""

    async def line(self, tenant: str, line: str) -> Cancelled:
        """Take back the unfinished messages of a line."""


class DeadLetterName(NamedTuple):
    """A step that failed for good."""

    message_id: str
    step: int


class DeadLetter(NamedTuple):
    """A step that failed for good at `since_ms`, with the provider last tried and its outcome."""

    message_id: str
    step: int
    since_ms: int
    channel: str
    provider: str
    outcome: str


class Redriven(NamedTuple):
    """How many dead letters go again, and how many were none or are over."""

    redriven: int
    too_late: int


class DeadLetters(Protocol):
    """The dead letters of all partitions; all methods raise StateUnavailable."""

    async def page(self, limit: int, after: DeadLetter | None) -> list[DeadLetter]:
        """Return up to `limit`, the oldest first, behind `after` (of which only names and time count)."""

    async def redrive(self, names: Sequence[DeadLetterName]) -> Redriven:
        """Send these anew; each is decided again first."""

    async def redrive_all(self) -> Redriven:
        """Send anew every one there is."""


class Advanced(NamedTuple):
    """Where the clock got to: `done` when it is there, `unfinished` messages are not final."""

    now_ms: int
    done: bool
    unfinished: int


class Timeline(Protocol):
    """The messages' clock: it only moves when somebody says so, and everything due until then happens on the way."""

    def now(self) -> int | None:
        """Its time in milliseconds; None before the first message."""

    async def advance(self, until_ms: int | None) -> Advanced:
        """Move on until a time, or past the last timer and receipt; it may stop early after some seconds of work.

        Raises StateUnavailable.
        """

    async def at_rest(self, act: Callable[[], Awaitable[T]]) -> T:
        """Do something while time stands still, and then what it leads to."""
