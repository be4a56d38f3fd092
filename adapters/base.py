"""The one contract between Signalbox and a provider: an attempt goes in, a typed result comes out, receipts come later.

    worker -> send(attempt) -> Result                      at once, within `traits.timeout_ms`
    provider's callback -> ReceiptSink([Receipt, ...])     later, perhaps never, perhaps twice, in any order
    worker -> query(reference) -> Result                   where nobody knows whether an attempt arrived

Whoever writes an adapter translates the provider's words into these and does nothing else: no retries, no queue, no
fail-over and no pacing of its own. The worker does them for all alike, from `traits` and the outcomes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from adapters.schedule import Schedule
from engine.clock import Clock
from engine.decision.model import Content

GRACE_MS = 500
"""How much longer than `traits.timeout_ms` the worker waits for `send` before it cancels the call."""


class Outcome(StrEnum):
    """What a provider said to one attempt. What follows from each stands in `retry.py`.

    Judge by what the provider documents, not by HTTP status alone: many answer 200 and put the verdict into the body.
    Take AMBIGUOUS whenever a byte of the request may have gone out and no answer could be read; if the connection was
    never made it is RETRY. An unknown code is RETRY for a server error and CONTENT for a client error.
    """

    OK = "OK"
    """Accepted. It says nothing about delivery; that is what receipts are for."""
    RETRY = "RETRY"
    """Not accepted for a passing cause; the same call may succeed later."""
    THROTTLE = "THROTTLE"
    """Not accepted, we are too fast; honour `retry_after_ms`."""
    AUTH = "AUTH"
    """Our credential was refused (and renewing it once did not help): nothing goes this way until somebody acts."""
    BUDGET = "BUDGET"
    """Our quota or balance with the provider is used up."""
    CONTENT = "CONTENT"
    """This rendering is refused, whoever receives it; it must never be sent again."""
    DEAD = "DEAD"
    """The address reaches nobody; its binding is invalidated."""
    OPTOUT = "OPTOUT"
    """The receiver does not want this; the address stays valid."""
    CONFIG = "CONFIG"
    """Template, signature, topic or permission is set up wrong: somebody must act."""
    AMBIGUOUS = "AMBIGUOUS"
    """The request went out and no answer came: it may or may not have been accepted."""


class Result(NamedTuple):
    """The answer to one attempt.

    `provider_id` is the provider's name for the message, if it gives one; `code` is the provider's own code, `detail`
    its text (no personal data: both are logged and traced). `retry_after_ms` is the provider's hint, 0 for none. `dead`
    are those of the attempt's addresses that reach nobody; with several addresses some may be dead and the outcome OK.
    """

    outcome: Outcome
    provider_id: str = ""
    code: str = ""
    detail: str = ""
    retry_after_ms: int = 0
    dead: tuple[str, ...] = ()


_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Attempt(NamedTuple):
    """One call to be made, for one step of one message.

    `reference` is ours (see `reference_of`): hand it to the provider as its own key where it removes duplicates, and
    wherever it is echoed in receipts. `number` counts the attempts of the step from 1, over all its providers.
    `addresses` are one, or all of the user's on this channel; one of them reached is success. Either `content`, already
    the wording of this channel (its `overrides` are empty), or the provider's own `template` with `params`. After
    `expire_ms` the message is worth nothing: pass it on as the time to live where the provider takes one.
    """

    reference: str
    message_id: str
    step: int
    number: int
    channel: str
    addresses: tuple[str, ...]
    category: str
    priority: str
    expire_ms: int
    tenant: str
    line: str
    content: Content | None = None
    template: str = ""
    params: Mapping[str, Any] = _NOTHING


class ReceiptKind(StrEnum):
    """What became of a message later, as the provider or the receiver tells."""

    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    READ = "READ"
    CLICKED = "CLICKED"
    CONVERTED = "CONVERTED"
    OPTED_OUT = "OPTED_OUT"


class Receipt(NamedTuple):
    """What came back later about one attempt.

    It names the attempt by our `reference` where the provider echoes it, else by its own `provider_id`; at least one of
    them is set. `at_ms` is when it happened by the provider's clock, which can be long before it is told. `code` and
    `detail` as in `Result`.
    """

    provider: str
    kind: ReceiptKind
    at_ms: int
    reference: str = ""
    provider_id: str = ""
    code: str = ""
    detail: str = ""


ReceiptSink = Callable[[Sequence[Receipt]], Awaitable[None]]
"""Takes receipts in. When it returns they are on disk; when it raises, none may be taken as received: a callback is
then answered with an error, so that the provider tells them again. A repeated receipt does no harm."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What the worker must know of a provider.

    `receipts`: does it tell what became of a message? Then a step waits `receipt_wait_ms` for it and is UNCONFIRMED
    after that; without receipts it is UNCONFIRMED with its OK. `query`: can it be asked about a call? `max_rate`: calls
    per second that it allows, None for no bound; `concurrency`: calls under way at once; `timeout_ms`: how long `send`
    may take. `simulated`: nobody is reached, and its time is the clock that it was given.
    """

    receipts: bool
    receipt_wait_ms: int
    query: bool = False
    max_rate: float | None = None
    concurrency: int = 64
    timeout_ms: int = 10_000
    simulated: bool = False


class Adapter(Protocol):
    """Speaks to one provider. Made by the registry, started once, used by many tasks at once, stopped at the end."""

    @property
    def name(self) -> str:
        """The provider's name in the settings, such as carrier-a: rules, receipts and traces call it so."""
        ...

    @property
    def channel(self) -> str:
        """The one channel it serves."""
        ...

    @property
    def traits(self) -> Traits:
        """What the worker must know of it; never changes."""
        ...

    async def start(self, receipts: ReceiptSink) -> None:
        """Open connections; receipts go to this sink from now on, also such as were missed before.

        Raises ConfigurationError when the provider can never be used as it is set up. A provider that is merely away
        is no error here: `send` will say so.
        """
        ...

    async def send(self, attempt: Attempt) -> Result:
        """Make one call and say how it went, within `traits.timeout_ms`.

        Raises nothing whatever the provider answers (CancelledError apart): every failure has an outcome. Before
        `start` and after `stop` that is RETRY. A call that is cancelled counts as AMBIGUOUS.
        """
        ...

    async def query(self, reference: str) -> Result | None:
        """Ask what became of the attempt with this reference; raises nothing.

        OK: it was accepted. RETRY: it surely never arrived, so making it again cannot double it. Another outcome: it
        was refused so. None: the provider cannot tell, now or ever (`traits.query` is False).
        """
        ...

    async def stop(self) -> None:
        """Close everything; may be called twice, and without a start. Receipts not yet taken in come another time."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every adapter is given: the time, a way to have things done later, and the folder for what it keeps."""

    clock: Clock
    schedule: Schedule
    data_dir: Path


class ProviderSpec(NamedTuple):
    """A provider as the settings describe it. `settings` is the adapter's own business."""

    name: str
    type: str
    channel: str
    settings: Mapping[str, Any] = _NOTHING


AdapterFactory = Callable[[ProviderSpec, Surroundings], Adapter]
"""Makes an adapter from its settings, without I/O. Raises ConfigurationError, or pydantic's ValidationError, with what
is wrong in them."""


def reference_of(message_id: str, step: int, number: int) -> str:
    """Return our name for an attempt: `<message_id>.<step>.<number>`."""
    return f"{message_id}.{step}.{number}"


def read_reference(reference: str) -> tuple[str, int, int]:
    """Return (message_id, step, number) of a reference; raises ValueError for anything that is none of ours."""
    message_id, *numbers = reference.split(".")
    if not message_id or len(numbers) != 2 or not all(n.isascii() and n.isdigit() and len(n) < 10 for n in numbers):
        raise ValueError(f'"{reference[:80]}" is no reference of an attempt; one reads <message_id>.<step>.<number>')
    step, number = numbers
    return message_id, int(step), int(number)
