"""What became of the messages of a run: their states as the server has recorded them, and waiting for the last.

The server is asked by page, never message by message: a thousand messages are one call, and whether anything is still
under way is one call most of the time.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from cli.evaluation.tally import Tally, name_of
from cli.sending.calls import Calls
from cli.sending.records import decision_of, key_of_record, recorded
from signalbox.v1 import message_pb2, message_service_pb2

OPEN: Final = ("HELD", "QUEUED", "SENDING", "SENT")
"""The states in which something may still happen by itself."""

RECORDED_SECONDS: Final = 15.0
"""How long a run that does not wait for final states waits for its messages to be recorded."""

_SHORTEST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 2.0


@dataclass(slots=True)
class Fates:
    """The states of the messages that were found; `missing` are not recorded yet.

    `supplement` is one that went to its second step, `newest` any. `told` are the decisions that no answer told.
    """

    states: Counter[str] = field(default_factory=Counter)
    missing: int = 0
    supplement: str = ""
    newest: str = ""
    told: Tally = field(default_factory=Tally)

    def take_in(self, record: message_service_pb2.MessageRecord, untold: bool) -> None:
        """Count a message."""
        self.states[name_of(message_service_pb2.MessageState, record.state)] += 1
        self.newest = self.newest or record.message_id
        if record.strategy == message_pb2.STRATEGY_SUPPLEMENT and sum(step.attempts > 0 for step in record.steps) > 1:
            self.supplement = self.supplement or record.message_id
        if untold:
            self.told.add(decision_of(record), 1)

    @property
    def unfinished(self) -> int:
        """Messages that are not final, as far as is known."""
        return self.missing + sum(self.states[state] for state in OPEN)

    def as_json(self) -> dict[str, int]:
        """Return the counts, the most frequent first."""
        return dict(self.states.most_common())


@dataclass
class Asking:
    """Asks for the messages of a run: `accepted` by this run, and `before` by those that were broken off.

    They were accepted since `since_ms` and before `until_ms`, None for no such bound. Of `untold` it is not known what
    was decided.
    """

    calls: Calls
    tenant: str
    accepted: set[int]
    untold: set[int]
    before: set[int]
    since_ms: int | None
    until_ms: int | None
    sleep: Callable[[float], None] = time.sleep

    def fates(self) -> Fates:
        """Look at every message once."""
        found = Fates()
        left, before = set(self.accepted), self.before - self.accepted
        for record in self._records(0):
            key = key_of_record(record)
            if key in left:
                left.discard(key)
            elif key in before:
                before.discard(key)
            else:
                continue
            found.take_in(record, key in self.untold)
            if not left and not before:
                break
        found.missing = len(left)
        return found

    def recorded(self, patience_s: float = RECORDED_SECONDS) -> Fates:
        """Look until every message is recorded, or patience ends."""
        deadline = time.monotonic() + patience_s
        while True:
            found = self.fates()
            if not found.missing or time.monotonic() > deadline:
                return found
            self.sleep(_SHORTEST_PAUSE)

    def final(self, told: Callable[[Fates | None], None]) -> Fates:
        """Look until every message is final."""
        pause_s = _SHORTEST_PAUSE
        while True:
            found = None
            if not self._any_open():
                began = time.monotonic()
                found = self.fates()
                if not found.unfinished:
                    return found
                pause_s = max(pause_s, time.monotonic() - began)  # looking is half of the time at most
            told(found)
            self.sleep(pause_s)
            pause_s = max(pause_s, min(_LONGEST_PAUSE, 2 * pause_s))

    def _any_open(self) -> bool:
        numbers = message_service_pb2.MessageState
        ours = (
            key_of_record(record) for state in OPEN for record in self._records(numbers.Value(f"MESSAGE_STATE_{state}"))
        )
        return any(key in self.accepted or key in self.before for key in ours)

    def _records(self, state: int) -> Iterator[message_service_pb2.MessageRecord]:
        return recorded(self.calls, self.tenant, self.since_ms, self.until_ms, state)
