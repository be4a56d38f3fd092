"""What the rules of each family may ask for: the meaning of a `then:`, free of how it was written.

`written.py` reads these values from a rule file; `engine/decision` acts on them and knows nothing of YAML.
Times are milliseconds, amounts are millionths of a unit (micros).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

FAMILIES: Final = ("interception", "fatigue", "budget", "routing", "breaker")
"""Every family has one file, `<family>.yaml`. This is the order in which the rules of a version are numbered."""

EFFECTS: Final = {
    "routing": ("concurrent", "supplement", "distribute"),
    "interception": ("drop", "hold", "exclude"),
    "fatigue": ("limit",),
    "budget": ("charge",),
    "breaker": ("set",),
}
"""The names a `then:` of each family may have."""

PRIORITIES: Final = ("P0", "P1", "P2", "P3")
REASONS: Final = (
    "QUIET_HOURS",
    "OPTED_OUT",
    "FORBIDDEN_CONTENT",
    "BLOCKED",
    "CHANNEL_UNHEALTHY",
    "NOT_ELIGIBLE",
    "COMPLIANCE",
)
"""The reasons that a rule may give; all others belong to the engine."""

LIMIT_KEYS: Final = ("user", "line", "scene", "channel", "category", "content", "campaign")
"""What touches can be counted by, in the order of the contract."""

ACCOUNT_FACTS: Final = ("tenant", "line", "channel", "category", "scene", "campaign", "department")
"""What may stand in braces in the name of an account."""

Until = Literal["DELIVERED", "READ"]


@dataclass(frozen=True, slots=True)
class ChannelChoice:
    """One channel that a message may go through.

    `providers` are in the order they are tried, empty = every provider of the channel. `all_addresses` sends to
    each valid binding as one touch, instead of to the newest. `wait_ms` (supplement only, 0 = last step) is how
    long the next step waits for this one to be confirmed, and `until` is what counts as confirmed.
    """

    channel: str
    providers: tuple[str, ...] = ()
    all_addresses: bool = False
    wait_ms: int = 0
    until: Until = "DELIVERED"


@dataclass(frozen=True, slots=True)
class Route:
    """Routing: the strategy CONCURRENT, SUPPLEMENT or DISTRIBUTION and its channels in order.

    For a distribution the first choice is `to`, the others are `otherwise`. `priority` (P0..P3) replaces the
    message's own, None leaves it.
    """

    strategy: str
    choices: tuple[ChannelChoice, ...]
    priority: str | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """Interception: the message is not sent at all."""

    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Interception: wait until the next `until_minute` (0..1439, the user's local minute of the day).

    `channels` are those that wait; empty = the whole message, or the candidate channel if the rule's condition
    mentions `channel.*`.
    """

    until_minute: int
    reason: str
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exclude:
    """Interception: these channels, or the candidate channel of the condition, may not be used for this message."""

    reason: str
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limit:
    """Fatigue: at most `max` touches per `window_ms` (0 = the calendar day of the user's zone) for one key.

    `per` is the key, sorted as `LIMIT_KEYS`. `max` None = unlimited (only the interval counts), 0 = none at all.
    `min_interval_ms` 0 = touches may follow at once. `hold` waits until the touch would pass instead of dropping.
    """

    name: str
    per: tuple[str, ...]
    channel: str | None
    max: int | None
    window_ms: int
    min_interval_ms: int = 0
    hold: bool = False


@dataclass(frozen=True, slots=True)
class Charge:
    """Budget: take `micros` millionths of `unit` from an account, times the parts of the text if `times_segments`.

    `account` is a template with placeholders of `ACCOUNT_FACTS`; `channel` None = whatever channel is a candidate.
    """

    account: str
    micros: int
    unit: str
    times_segments: bool = False
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class SetState:
    """Breaker: make the judged subject SLOW (at `speed`, the share of its usual rate, 0 < speed < 1) or PAUSED.

    It goes back to NORMAL after `back_windows` windows in a row with an error rate below `back_error_rate`;
    0 windows = the rule does not say, the engine's own way back applies.
    """

    state: str
    speed: float = 0.0
    back_windows: int = 0
    back_error_rate: float = 0.0


Effect = Route | Drop | Hold | Exclude | Limit | Charge | SetState


def channels_of(effect: Effect) -> tuple[str, ...]:
    """Return the channels that an effect names itself, in order; empty if it leaves them open."""
    match effect:
        case Route(choices=choices):
            return tuple(choice.channel for choice in choices)
        case Hold(channels=channels) | Exclude(channels=channels):
            return channels
        case Limit(channel=channel) | Charge(channel=channel):
            return () if channel is None else (channel,)
        case _:
            return ()


def is_per_step(effect: Effect, mentions_channel: bool) -> bool:
    """Tell whether an effect, when it refuses, takes away one candidate channel rather than the whole message.

    `mentions_channel`: the rule's condition mentions `channel.*`.
    """
    match effect:
        case Route() | Drop() | SetState():
            return False
        case Limit(per=per):
            return mentions_channel or "channel" in per or bool(channels_of(effect))
        case _:
            return mentions_channel or bool(channels_of(effect))
