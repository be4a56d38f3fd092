"""Who sends a step: the first of its providers that is well, has not given up on it, and is not asked to rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from adapters.base import Adapter, Outcome
from adapters.gate import CLOSED_MS, Gate
from adapters.registry import Providers
from adapters.retry import DEFAULT_POLICY, RetryPolicy, Try, next_provider
from engine.clock import Clock
from engine.decision.life import Step
from engine.state.control import ControlView

LONGEST_AWAY_MS: Final = 300_000
"""The longest time after which a step looks again whether one of its providers has recovered."""


class Bounds(NamedTuple):
    """What the settings say of a provider; None leaves it to what the adapter knows."""

    rate: float | None = None
    concurrency: int | None = None
    timeout_ms: int | None = None


class Away(NamedTuple):
    """Nobody can send it now; look again in so many milliseconds."""

    for_ms: int


class Dispatch:
    """The providers with the doors to them. `timeless`: on the messages' clock, where nothing waits for a time."""

    def __init__(
        self,
        providers: Providers,
        clock: Clock,
        policy: RetryPolicy = DEFAULT_POLICY,
        bounds: Mapping[str, Bounds] | None = None,
        timeless: bool = False,
    ) -> None:
        self.providers = providers
        self.policy = policy
        self._bounds = bounds or {}
        self._view: ControlView | None = None
        self.gates: dict[str, Gate] = {}
        for adapter in providers:
            own, traits = self._bounds.get(adapter.name, Bounds()), adapter.traits
            rate, most = own.rate or traits.max_rate, own.concurrency or traits.concurrency
            self.gates[adapter.name] = Gate(rate, most, clock, timeless)

    def look(self, view: ControlView) -> None:
        """Take in what operators and breakers have stopped or slowed."""
        if view is self._view:  # equal pictures are one object
            return
        self._view = view
        for adapter in self.providers:
            self.gates[adapter.name].set_speed(view.speed(adapter.name, adapter.channel))

    def timeout_ms(self, adapter: Adapter) -> int:
        """How long a call may take."""
        return self._bounds.get(adapter.name, Bounds()).timeout_ms or adapter.traits.timeout_ms

    def appetite(self, channel: str) -> int:
        """How many steps of a channel may be in hand: under way, or to begin within a second."""
        return sum(self.gates[adapter.name].appetite() for adapter in self.providers.of(channel))

    def is_open(self, channel: str) -> bool:
        """Is somebody well who serves this channel?"""
        return any(not self.gates[adapter.name].closed_ms() for adapter in self.providers.of(channel))

    def names(self, step: Step) -> list[str]:
        """The providers that may serve a step, in the order in which they are tried."""
        return [adapter.name for adapter in self.providers.of(step.channel, step.providers)]

    def open_names(self, step: Step) -> list[str]:
        """Those of them that can be used now."""
        return [name for name in self.names(step) if not self.gates[name].closed_ms()]

    def choose(self, step: Step, age_ms: int) -> Adapter | Away | None:
        """Return who is to make the next attempt; None when its tries, or its providers, are used up.

        `age_ms` is how long ago the message was accepted: the longer it waits for a provider that is away, the more
        seldom it looks.
        """
        every = self.names(step)
        if not step.attempts and every and not self.gates[every[0]].closed_ms():
            return self.providers.get(every[0])  # as nearly always
        tries = tries_of(step)
        if next_provider(every, tries, self.policy) is None:
            return None
        name = next_provider(self.open_names(step), tries, self.policy)
        if name is not None:
            return self.providers.get(name)
        waits = [self._away_ms(each, age_ms) for each in every if next_provider([each], tries, self.policy)]
        return Away(max(1, min(waits)))

    def _away_ms(self, name: str, age_ms: int) -> int:
        gate = self.gates[name]
        return min(max(age_ms, CLOSED_MS), LONGEST_AWAY_MS) if gate.paused else gate.closed_ms()

    def send_away(self) -> None:
        """Whoever waits at a door shall not wait any longer."""
        for gate in self.gates.values():
            gate.send_away()


def tries_of(step: Step) -> Sequence[Try]:
    """The attempts that count, as the retry policy reads them."""
    return [Try(one.provider, Outcome(one.outcome)) for one in step.tries if one.outcome]
