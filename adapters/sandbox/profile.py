"""How the simulated carrier behaves, as numbers: three named profiles, of which settings override single numbers.

    perfect   everything is accepted and delivered at once
    usual     a good carrier on an ordinary day: about one call in a hundred is refused, some receipts fail, come late,
              twice, or never
    rough     a bad day: everything that can happen happens often

Shares are from 0 to 1, times are milliseconds; a pair is a range, drawn from evenly.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from adapters.base import Outcome, Traits
from engine.errors import ConfigurationError

_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE

DEFAULT: Final = "usual"


def _in_order(pair: tuple[int, int]) -> tuple[int, int]:
    if not 0 <= pair[0] <= pair[1]:
        raise ValueError("a range is [least, most], neither below 0")
    return pair


Share = Annotated[float, Field(ge=0, le=1)]
RangeMs = Annotated[tuple[int, int], AfterValidator(_in_order)]


class Outage(BaseModel):
    """A time in which every call is refused. `until` no longer belongs to it."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    since: AwareDatetime = Field(alias="from")
    until: AwareDatetime
    outcome: Outcome = Outcome.RETRY

    def holds(self, now_ms: int) -> bool:
        """Is it this time now?"""
        return self.since.timestamp() * 1000 <= now_ms < self.until.timestamp() * 1000


class SandboxProfile(BaseModel):
    """The behaviour of one simulated carrier; the defaults are those of `perfect`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    seed: int = Field(0, description="Another seed, another course of events; the same seed, the same.")

    # The call.
    answer_ms: RangeMs = Field((0, 0), description="How long an answer takes, in real time.")
    timeout_ms: int = Field(5_000, ge=1, description="How long an answer is waited for.")
    concurrency: int = Field(64, ge=1, description="Calls under way at once.")
    max_rate: float | None = Field(None, gt=0, description="Calls per second that workers keep to; absent = no bound.")
    throttle_above: float | None = Field(None, gt=0, description="Calls per second beyond which it refuses (THROTTLE).")
    throttle_wait_ms: int = Field(1_000, ge=0, description="The pause that a THROTTLE asks for.")
    outages: tuple[Outage, ...] = Field((), description="Times in which it refuses everything.")

    # What a call is refused with: a share of the calls, for dead and optout a share of the addresses.
    retry: Share = 0.0
    throttle: Share = 0.0
    auth: Share = 0.0
    budget: Share = 0.0
    content: Share = 0.0
    config: Share = 0.0
    dead: Share = 0.0
    optout: Share = 0.0

    # Silence.
    unreached: Share = Field(0.0, description="Share of calls that never arrive, and nobody says so.")
    unanswered: Share = Field(0.0, description="Share of calls that are accepted, but the answer is lost.")
    query: bool = Field(True, description="May it be asked what became of a call?")

    # What becomes of an accepted call.
    receipts: bool = Field(True, description="Does it tell what became of a message?")
    receipt_wait_ms: int = Field(10 * _MINUTE, ge=0, description="How long to wait for that before giving up.")
    receipt_ms: RangeMs = Field((0, 0), description="From the call to delivery or failure, and the receipt about it.")
    failed: Share = Field(0.0, description="Share of accepted calls that are not delivered.")
    lost: Share = Field(0.0, description="Share of those receipts that are never told.")
    late: Share = Field(0.0, description="Share of those receipts that are told late_ms after the fact.")
    late_ms: RangeMs = (1 * _MINUTE, 9 * _MINUTE)
    repeated: Share = Field(0.0, description="Share of those receipts that are told again within a minute.")
    read: Share = Field(0.0, description="Share of delivered messages that are read, read_ms after delivery.")
    read_ms: RangeMs = (5_000, 6 * _HOUR)
    clicked: Share = Field(0.0, description="Share of messages read that are clicked, click_ms after reading.")
    click_ms: RangeMs = (1_000, 5 * _MINUTE)
    unsubscribed: Share = Field(0.0, description="Share of delivered MARKETING that is answered with an opt-out.")

    @model_validator(mode="after")
    def _at_most_all(self) -> Self:
        if sum(share for _, share in self.refusals) > 1:
            names = ", ".join(outcome.value.lower() for outcome, _ in self.refusals)
            raise ValueError(f"{names} are shares of the same calls and may not exceed 1 together")
        return self

    @property
    def refusals(self) -> tuple[tuple[Outcome, float], ...]:
        """The outcomes that a call may be refused with whatever its address, and how often."""
        return (
            (Outcome.RETRY, self.retry),
            (Outcome.THROTTLE, self.throttle),
            (Outcome.AUTH, self.auth),
            (Outcome.BUDGET, self.budget),
            (Outcome.CONTENT, self.content),
            (Outcome.CONFIG, self.config),
        )

    @property
    def traits(self) -> Traits:
        """What the worker must know."""
        return Traits(
            receipts=self.receipts,
            receipt_wait_ms=self.receipt_wait_ms,
            query=self.query,
            max_rate=self.max_rate,
            concurrency=self.concurrency,
            timeout_ms=self.timeout_ms,
            simulated=True,
        )


PROFILES: Final[Mapping[str, Mapping[str, Any]]] = {
    "perfect": {},
    "usual": {
        "answer_ms": (5, 60),
        "receipt_ms": (200, 8_000),
        "retry": 0.004,
        "throttle": 0.001,
        "content": 0.0005,
        "dead": 0.003,
        "optout": 0.001,
        "unreached": 0.0005,
        "unanswered": 0.0005,
        "failed": 0.01,
        "lost": 0.01,
        "late": 0.02,
        "repeated": 0.02,
        "read": 0.1,
        "clicked": 0.2,
    },
    "rough": {
        "answer_ms": (20, 800),
        "timeout_ms": 2_000,
        "receipt_ms": (500, 60_000),
        "retry": 0.05,
        "throttle": 0.02,
        "auth": 0.0005,
        "budget": 0.0005,
        "content": 0.005,
        "config": 0.0005,
        "dead": 0.01,
        "optout": 0.005,
        "unreached": 0.01,
        "unanswered": 0.01,
        "failed": 0.03,
        "lost": 0.05,
        "late": 0.08,
        "repeated": 0.1,
        "read": 0.1,
        "clicked": 0.2,
        "unsubscribed": 0.002,
    },
}
"""What each named profile changes in the defaults."""


def profile_of(settings: Mapping[str, Any]) -> SandboxProfile:
    """Return the profile that `settings` describe: a named one (`profile`, else usual) with single numbers replaced.

    Raises ConfigurationError with every wrong key and value, and what was perhaps meant.
    """
    own = dict(settings)
    name = own.pop("profile", DEFAULT)
    if name not in PROFILES:
        raise ConfigurationError(f'profile: "{name}" is not known; the profiles are {", ".join(PROFILES)}')
    try:
        return SandboxProfile.model_validate({**PROFILES[name], **own})
    except ValidationError as error:
        raise ConfigurationError("; ".join(_sentence(problem) for problem in error.errors())) from error


def _sentence(problem: Mapping[str, Any]) -> str:
    place = ".".join(map(str, problem["loc"]))
    if problem["type"] != "extra_forbidden":
        return f"{place}: {problem['msg']}" if place else str(problem["msg"])
    near = get_close_matches(place, [*SandboxProfile.model_fields, "profile", "log"], n=1)
    return f"{place} is no setting of the sandbox" + (f"; did you mean {near[0]}?" if near else "")
