"""The adapters that keep the contract. A new adapter is added to `CASES`, with a peer that can be put into moods.

A mood is what the provider's other side does to every call: `accepts`; `silent` (takes it and never answers);
`unreachable` (the request is lost and never answered); or the name of the outcome with which it is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from adapters.base import Adapter, Outcome, Surroundings
from tests.adapters.making import carrier

TIMEOUT_MS = 150

Make = Callable[[Surroundings], Adapter]


@dataclass(frozen=True)
class Case:
    """An adapter, and how to make it with a peer in each mood that it can be brought into."""

    name: str
    moods: dict[str, Make]


def _sandbox(**settings: object) -> Make:
    return lambda surroundings: carrier(surroundings, {"profile": "perfect", "timeout_ms": TIMEOUT_MS, **settings})


REFUSALS = [outcome for outcome in Outcome if outcome not in (Outcome.OK, Outcome.AMBIGUOUS)]

CASES = [
    Case(
        "sandbox",
        {
            "accepts": _sandbox(),
            "silent": _sandbox(unanswered=1),
            "unreachable": _sandbox(unreached=1),
            **{outcome.value: _sandbox(**{outcome.value.lower(): 1}) for outcome in REFUSALS},
        },
    ),
]


def with_mood(*moods: str) -> list[tuple[Case, str]]:
    """Each adapter with each of these moods that its peer knows; without any named, with all."""
    return [(case, mood) for case in CASES for mood in case.moods if not moods or mood in moods]
