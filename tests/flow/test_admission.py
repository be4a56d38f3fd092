"""Admitting while the records, which alone know what money there is, are away: only those who need some must wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from engine.decision.model import Admission as Taken
from engine.decision.model import Charge
from engine.errors import RecordsUnavailable
from engine.flow.admission import Admission, Want
from engine.flow.bell import Bell
from engine.state.admit import AdmitRequest, Admitted, Kind
from engine.state.keys import Keys
from tests.state.proposals import message, proposal

KEYS = Keys(4, 64)
ADMITTED = Admitted(Kind.ADMITTED, Taken((0,), (None,)))
SHORT = Admitted(Kind.SHORT, short=(Charge("cards/sms", 5, "CNY"),))


class Slices:
    """An admitter to which the messages of the user poor are short of money until it is there, or surely nowhere."""

    def __init__(self) -> None:
        self.filled = False

    async def admit(self, requests: Sequence[AdmitRequest], stamp_ms: int | None) -> list[Admitted]:
        return [SHORT if one.user == b"poor" and not (self.filled or one.asked) else ADMITTED for one in requests]


class Records:
    """Who fills slices: away at first."""

    def __init__(self, slices: Slices, trouble: str) -> None:
        self.slices = slices
        self.trouble = trouble
        self.asked = 0

    async def refill(self, wants: Sequence[Want]) -> set[Want]:
        self.asked += 1
        if self.trouble == "away":
            raise RecordsUnavailable("locked")
        if self.trouble == "silent":
            await asyncio.Event().wait()
        self.slices.filled = True
        return set()
