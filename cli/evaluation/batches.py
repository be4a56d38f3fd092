"""Messages in time order to batches that one state can describe.

In one request a user is one thing and a breaker is in one state. So a batch ends early where a user has become another
(a balance made them high-value) or a breaker changes; the answers never depend on how large batches are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from cli.mapping.messages import Prepared, Rejected
from cli.mapping.model import BreakerTime
from signalbox.v1 import state_pb2


@dataclass(slots=True)
class Batch:
    """Messages to judge together; `users` holds everybody the batch touches, None for somebody unknown."""

    messages: list[Prepared] = field(default_factory=list)
    users: dict[str, state_pb2.User | None] = field(default_factory=dict)
    breakers: state_pb2.Breakers | None = None


def in_batches(
    stream: Iterable[Prepared | Rejected],
    size: int,
    breakers: tuple[BreakerTime, ...] | None,
    reject: Callable[[Rejected], None],
    begins: Callable[[Prepared], bool] | None = None,
) -> Iterator[Batch]:
    """Collect messages into batches of at most `size`; what the map rejects goes to `reject` at once.

    A message for which `begins` holds is the first of its batch.
    """
    states = BreakerStates(breakers)
    batch = Batch()
    for message in stream:
        if isinstance(message, Rejected):
            reject(message)
            continue
        now = states.at(message.at_ms)
        known = batch.users.get(message.user_id, message.user)
        cut = len(batch.messages) >= size or known is not message.user or batch.breakers is not now
        if cut or (begins is not None and begins(message)):
            if batch.messages:
                yield batch
            batch = Batch(breakers=now)
        batch.messages.append(message)
        batch.users[message.user_id] = message.user
    if batch.messages:
        yield batch


class BreakerStates:
    """The breakers' states along the time; equal times give one object."""

    def __init__(self, times: tuple[BreakerTime, ...] | None) -> None:
        self._times = times
        self._made: dict[tuple[BreakerTime, ...], state_pb2.Breakers] = {}

    def at(self, now_ms: int) -> state_pb2.Breakers | None:
        """Return the states at a moment; None where the map leaves them to the server. The last entry wins."""
        if self._times is None:
            return None
        acting = tuple(time for time in self._times if time.since_ms <= now_ms < time.until_ms)
        if acting not in self._made:
            states = state_pb2.Breakers()
            for time in acting:
                if time.channel:
                    states.channels[time.channel] = time.state  # type: ignore[assignment]
                else:
                    states.platform = time.state  # type: ignore[assignment]
            self._made[acting] = states
        return self._made[acting]
