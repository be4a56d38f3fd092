"""The values a message turns into on its way to a decision: the half page to read first.

    Message + User + now -> facts -> Matched -> Proposal -> Admission -> Decision

Each stage returns a new immutable value. Times are milliseconds since the Unix epoch, amounts are millionths of their
unit. What is made anew for every message is a named tuple: a frozen dataclass of twenty fields takes 4 us to make, a
tuple 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import Any, NamedTuple

LIFE_MS: Mapping[str, int] = {
    "ONE_TIME_PASSWORD": 5 * 60_000,
    "TRANSACTION": 24 * 3_600_000,
    "SERVICE": 24 * 3_600_000,
    "NOTIFICATION": 24 * 3_600_000,
    "REPAYMENT": 48 * 3_600_000,
    "MARKETING": 72 * 3_600_000,
}
"""The default life of each category, from send_after or else acceptance."""

PRIORITY: Mapping[str, str] = {
    "ONE_TIME_PASSWORD": "P0",
    "TRANSACTION": "P1",
    "SERVICE": "P1",
    "NOTIFICATION": "P2",
    "REPAYMENT": "P1",
    "MARKETING": "P3",
}
"""The default priority of each category."""


_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Verdict(IntEnum):
    """Whether a message may go; the numbers are the wire's."""

    SEND = 1
    HOLD = 2
    DROP = 3


class Strategy(IntEnum):
    """How the steps of a plan relate; the numbers are the wire's."""

    CONCURRENT = 1
    SUPPLEMENT = 2
    DISTRIBUTION = 3


class Reason(IntEnum):
    """Why a message or a candidate was refused or held: the one enum of wire, trace, metrics and logs."""

    NONE = 0
    SCHEDULED = 1
    QUIET_HOURS = 2
    EXPIRED = 3
    EXPIRES_FIRST = 4
    NO_ROUTE = 5
    NO_ADDRESS = 6
    NOT_WISHED = 7
    OPTED_OUT = 8
    FORBIDDEN_CONTENT = 9
    BLOCKED = 10
    CHANNEL_UNHEALTHY = 11
    NOT_ELIGIBLE = 12
    COMPLIANCE = 13
    LIMIT_REACHED = 14
    TOO_SOON = 15
    BUDGET_EXHAUSTED = 16
    ACCOUNT_UNKNOWN = 17
    ACCOUNT_UNIT = 18
    PAUSED = 19

    # Enum hashes by name in Python code; these are dictionary keys on the hot path.
    __hash__ = int.__hash__


class Content(NamedTuple):
    """What a message says; `overrides` holds (channel, title, text, html, url), sorted by channel."""

    title: str
    text: str
    html: str
    url: str
    overrides: tuple[tuple[str, str, str, str, str], ...] = ()

    @property
    def length(self) -> int:
        """Characters in all of it."""
        own = len(self.title) + len(self.text) + len(self.html) + len(self.url)
        return own + sum(len(text) for override in self.overrides for text in override)


class Message(NamedTuple):
    """One request to reach one user, checked and in the words of the rules; an empty string means absent."""

    tenant: str
    line: str
    user_id: str
    category: str
    priority: str
    request_id: str = ""
    scene: str = ""
    campaign: str = ""
    owner: str = ""
    department: str = ""
    conversion_goal: str = ""
    content: Content | None = None
    template: str = ""
    params: Mapping[str, Any] = _NOTHING
    addresses: tuple[tuple[str, str], ...] = ()
    wished_channels: tuple[str, ...] = ()
    wished_strategy: str = ""
    occurred_at_ms: int | None = None
    send_after_ms: int | None = None
    expire_at_ms: int | None = None


class User(NamedTuple):
    """What is known of one user. `known` is False for somebody the directory does not list.

    `opt_outs` holds (channel or "" for all, category). `zone` is never empty: an unknown zone has become the default.
    """

    known: bool
    zone: str
    tags: tuple[str, ...] = ()
    language: str = ""
    attributes: Mapping[str, Any] = _NOTHING
    channels: frozenset[str] = frozenset()
    opt_outs: frozenset[tuple[str, str]] = frozenset()

    def opted_out(self, channel: str, category: str) -> bool:
        """Does the user not want this category on this channel?"""
        outs = self.opt_outs
        return bool(outs) and ((channel, category) in outs or ("", category) in outs)


def tenant_name(tenant: str, name: str) -> str:
    """Write the name of something of a tenant's, such as a line, so that no two are written alike."""
    return f"{escape(tenant)}/{escape(name)}"


def split_tenant_name(written: str) -> tuple[str, str]:
    """Read what `tenant_name` wrote: (tenant, name)."""
    tenant, _, name = written.partition("/")
    return unescape(tenant), unescape(name)


def escape(value: str) -> str:
    """Write a value so that "/" can join several of them unmistakably."""
    if "/" in value or "%" in value:
        return value.replace("%", "%25").replace("/", "%2F")
    return value


def unescape(value: str) -> str:
    """Read what `escape` wrote."""
    return value.replace("%2F", "/").replace("%25", "%")


@dataclass(frozen=True, slots=True)
class Breakers:
    """The states of the platform and of the channels that are not NORMAL, and what operators have paused.

    `lines` and `campaigns` hold names as `tenant_name` makes them.
    """

    platform: str = "NORMAL"
    channels: Mapping[str, str] = field(default_factory=dict)
    lines: frozenset[str] = frozenset()
    campaigns: frozenset[str] = frozenset()

    def pauses_line(self, message: Message) -> bool:
        """Has somebody paused this message's line?"""
        return bool(self.lines) and tenant_name(message.tenant, message.line) in self.lines

    def paused(self, message: Message) -> bool:
        """Has somebody paused this message's line or campaign?"""
        if not self.lines and not self.campaigns:
            return False
        return self.pauses_line(message) or tenant_name(message.tenant, message.campaign) in self.campaigns


class Refusal(NamedTuple):
    """Why a message or a candidate does not go now: `rule` is a rule's index, -1 where no rule refused.

    `held`: it may go later, at `until_ms`; 0 where nobody knows when.
    """

    reason: Reason
    rule: int = -1
    held: bool = False
    until_ms: int = 0


class Charge(NamedTuple):
    """An amount to take from an account."""

    account: str
    micros: int
    unit: str


class Admission(NamedTuple):
    """What the state said to a proposal: the candidates taken, and each refusal in the candidates' order."""

    taken: tuple[int, ...]
    refusals: tuple[Refusal | None, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One channel of a plan; `wait_ms` is 0 where nothing waits, `until` is empty then.

    `number` is its place among the routing rule's channels, from 1.
    """

    number: int
    channel: str
    admitted: bool
    wait_ms: int
    until: str
    providers: tuple[str, ...]
    all_addresses: bool
    charges: tuple[Charge, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a message that goes is sent."""

    strategy: Strategy
    priority: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class ChannelRefusal:
    """A candidate that does not take part, by name."""

    channel: str
    reason: Reason
    rule_id: str
    held: bool
    until_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """The answer for one message. Most equal answers are one object (see `Judge.settle`), so it serves as a key.

    `until_ms` of a HOLD is 0 where nobody knows until when.
    """

    verdict: Verdict
    reason: Reason
    until_ms: int
    plan: Plan | None
    decided_by: str
    refusals: tuple[ChannelRefusal, ...]
    version: str
