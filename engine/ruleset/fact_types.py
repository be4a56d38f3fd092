"""What a fact is, whose facts a rule reads, and the facts every message has without being declared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from engine.ruleset.syntax import Type

ABSENT: Final = None
"""What the slot of an absent fact holds; an empty string and an empty list count as absent."""


class _Unreachable:
    """The one value of a slot whose declared parent object is absent; CEL's `has()` errs on it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNREACHABLE"

    def __reduce__(self) -> str:
        return "UNREACHABLE"  # by its name, so that it stays one object across processes


UNREACHABLE: Final = _Unreachable()


class Scope(Enum):
    """What a rule is judged against, and so which facts it may read."""

    MESSAGE = "message"
    """Once per message."""
    CHANNEL = "channel"
    """Once per candidate channel: the message's facts and `channel.*`."""
    PROVIDER = "provider"
    """Family breaker: a provider's window."""
    CHANNEL_WINDOW = "channel_window"
    """Family breaker: a channel's window."""
    PLATFORM = "platform"
    """Family breaker: the platform's window."""

    @property
    def position(self) -> int:
        """Its place among all scopes: how a matcher calls its program."""
        return _POSITIONS[self]


_POSITIONS: Final = {scope: position for position, scope in enumerate(Scope)}


BREAKER_SCOPES: Final = {"provider": Scope.PROVIDER, "channel": Scope.CHANNEL_WINDOW, "platform": Scope.PLATFORM}
"""The subject of a breaker rule by the first word of the facts it reads."""


@dataclass(frozen=True, slots=True)
class FactType:
    """One fact: where it is read and what it can be.

    `slot` is its index in the message's list, or in the subject's list when `subject` holds. `parent` is the slot of
    the object whose absence makes it UNREACHABLE. `values` is its closed set; `low` and `high` bound an int, or a
    timestamp in microseconds.
    """

    path: str
    type: Type
    optional: bool
    slot: int = -1
    subject: bool = False
    values: tuple[str, ...] | None = None
    parent: int | None = None
    low: int | None = None
    high: int | None = None
    doc: str = ""


CATEGORIES: Final = ("ONE_TIME_PASSWORD", "TRANSACTION", "SERVICE", "NOTIFICATION", "REPAYMENT", "MARKETING")
PRIORITIES: Final = ("P0", "P1", "P2", "P3")
STRATEGIES: Final = ("CONCURRENT", "SUPPLEMENT", "DISTRIBUTION")
STATES: Final = ("NORMAL", "SLOW", "PAUSED")

ROOTS: Final = ("message", "user", "content", "now", "channels", "channel", "budget", "platform", "provider")
"""The first words of all paths; a `define:` may not take them."""

RESERVED: Final = frozenset(
    "as break const continue else false for function if import in let loop namespace null package return true var void "
    "while".split()
)
"""Words of CEL that cannot be names."""

LATEST: Final = 221_845_392_000_000_000
"""The year 9000 in microseconds: no time of a message is later or before 1970, so that adding hours to one is safe."""

_S, _I, _D, _B, _T = Type.STRING, Type.INT, Type.DOUBLE, Type.BOOL, Type.TIMESTAMP


def _always(path: str, kind: Type, values: tuple[str, ...] | None = None) -> FactType:
    return FactType(path, kind, False, values=values)


def _maybe(path: str, kind: Type, values: tuple[str, ...] | None = None) -> FactType:
    return FactType(path, kind, True, values=values)


def _number(path: str, low: int, high: int | None = None) -> FactType:
    return FactType(path, _I, False, low=low, high=high)


def _time(path: str, optional: bool) -> FactType:
    return FactType(path, _T, optional, low=0, high=LATEST)


MESSAGE_FACTS: Final = (
    _always("message.tenant", _S),
    _always("message.line", _S),
    _always("message.user_id", _S),
    _maybe("message.request_id", _S),
    _always("message.category", _S, CATEGORIES),
    _always("message.priority", _S, PRIORITIES),
    _maybe("message.scene", _S),
    _maybe("message.campaign", _S),
    _maybe("message.owner", _S),
    _maybe("message.department", _S),
    _maybe("message.conversion_goal", _S),
    _maybe("message.template", _S),
    _time("message.occurred_at", True),
    _time("message.send_after", True),
    _time("message.expire_at", True),
    _maybe("message.wishes.strategy", _S, STRATEGIES),
    _maybe("message.wishes.channels", Type.LIST_STRING),
    _always("user.known", _B),
    _maybe("user.tags", Type.LIST_STRING),
    _always("user.zone", _S),
    _maybe("user.language", _S),
    _number("content.length", 0),
    _number("content.segments", 0),
    _always("content.has_url", _B),
    _always("platform.state", _S, STATES),
)
"""The facts of a message that need no declaration. Narrowed and joined by what facts.yaml declares."""

NOW_FACTS: Final = (
    _number("now.local_hour", 0, 23),
    _number("now.local_minute", 0, 59),
    _number("now.local_weekday", 1, 7),
    _number("now.local_day", 1, 31),
    _always("now.local_date", _S),
    _time("now.timestamp", False),
)
"""The time of the decision in the user's zone; breaker rules may read them too."""


def channel_state_facts(prefix: str, states_only: bool = False) -> tuple[FactType, ...]:
    """`channels.<name>.*` and `channel.*`: what is known of one channel for this message."""
    state = _always(f"{prefix}.state", _S, STATES)
    if states_only:
        return (state,)
    return (state, _always(f"{prefix}.has_address", _B), _always(f"{prefix}.opted_out", _B))


def subject_facts(scope: Scope, channels: tuple[str, ...]) -> tuple[FactType, ...]:
    """The facts of a scope's subject in the order of their slots; none for MESSAGE."""
    names = channels or None
    if scope is Scope.CHANNEL:
        return (_always("channel.name", _S, names), *channel_state_facts("channel"))
    if scope is Scope.CHANNEL_WINDOW:
        return (_always("channel.name", _S, names), *channel_state_facts("channel", True), *_window("channel"))
    if scope is Scope.PROVIDER:
        own = (_always("provider.name", _S), _always("provider.channel", _S, names))
        return (*own, *channel_state_facts("provider", True), *_window("provider"))
    if scope is Scope.PLATFORM:
        return (*channel_state_facts("platform", True), *_window("platform"))
    return ()


def _window(prefix: str) -> Iterable[FactType]:
    """What a closed window counted; rates are shares from 0 to 1."""
    for name in ("count", "errors", "timeouts", "consecutive_timeouts"):
        yield _number(f"{prefix}.window.{name}", 0)
    yield _always(f"{prefix}.window.error_rate", _D)
    yield _always(f"{prefix}.window.timeout_rate", _D)
