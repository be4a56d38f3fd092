"""What a run has led to so far, counted; it can be written down, so that a later run goes on counting."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from cli.evaluation.tally import VERDICTS, Tally
from signalbox.v1 import decision_pb2

_COUNTED = ("verdicts", "strategies", "channels", "reasons", "rules")


@dataclass(slots=True)
class Outcome:
    """Counts of messages: read = accepted + rejected.

    `repeated` of the accepted had been accepted before; `untold` of these are known to be, but not what was decided.
    `resumed` of the read, and `accepted_before` of the accepted, were dealt with by a run that was broken off.
    """

    tally: Tally = field(default_factory=Tally)
    repeated: int = 0
    untold: int = 0
    resumed: int = 0
    accepted_before: int = 0
    first_id: str = ""
    last_id: str = ""

    def accepted_one(self, message_id: str, repeated: bool) -> None:
        """Count an answer; its decision is counted by the tally."""
        self.repeated += repeated
        self.first_id = self.first_id or message_id
        self.last_id = message_id or self.last_id

    def count(self, decision: decision_pb2.Decision, times: int) -> None:
        """Count a decision that so many messages got."""
        self.tally.add(decision, times)

    def now_told(self, told: Tally) -> None:
        """What was decided of some of the untold is known now."""
        self.untold -= told.decided
        for name in _COUNTED:
            getattr(self.tally, name).update(getattr(told, name))

    @property
    def accepted(self) -> int:
        """Messages that the server has taken in, now or before."""
        return self.tally.decided + self.untold

    @property
    def read(self) -> int:
        """Messages met; a row that makes none is one."""
        return self.accepted + self.tally.rejected

    def per_second(self, seconds: float) -> float:
        """Messages accepted in each second of this run."""
        return round((self.accepted - self.accepted_before) / seconds, 1) if seconds > 0 else 0.0

    def written(self) -> dict[str, Any]:
        """Return all counts for a file."""
        counts = {name: dict(getattr(self.tally, name)) for name in _COUNTED}
        return counts | {
            "rejected": self.tally.rejected,
            "repeated": self.repeated,
            "untold": self.untold,
            "first_id": self.first_id,
            "last_id": self.last_id,
        }

    @classmethod
    def of(cls, written: dict[str, Any]) -> Outcome:
        """Read what `written` gave. Raises KeyError and TypeError for anything else."""
        tally = Tally(int(written["rejected"]), **{name: Counter(written[name]) for name in _COUNTED})
        made = cls(tally, int(written["repeated"]), int(written["untold"]))
        made.resumed, made.accepted_before = made.read, made.accepted
        made.first_id, made.last_id = str(written["first_id"]), str(written["last_id"])
        return made

    def as_json(self, states: dict[str, int], seconds: float) -> dict[str, Any]:
        """Return the counts as `--json` prints them, the most frequent first."""
        tally = self.tally
        return {
            "read": self.read,
            "accepted": self.accepted,
            "rejected": tally.rejected,
            "verdicts": {verdict: tally.verdicts[verdict] for verdict in VERDICTS},
            "strategies": dict(tally.strategies.most_common()),
            "reasons": dict(tally.reasons.most_common()),
            "states": states,
            "seconds": round(seconds, 3),
            "per_second": self.per_second(seconds),
            "repeated": self.repeated,
            "resumed": self.resumed,
            "channels": dict(tally.channels.most_common()),
            "rules": dict(tally.rules.most_common()),
        }
