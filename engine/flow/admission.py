"""Admitting with money: who is short of it is admitted once more when the slices have been filled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from engine.decision.model import Breakers, Reason, tenant_name
from engine.decision.propose import Proposal
from engine.errors import ClockDiffers, RecordsUnavailable
from engine.flow.bell import Bell
from engine.state.admit import AdmitRequest, Admitted, Admitter, Kind
from engine.state.keys import Keys

log = logging.getLogger(__name__)

ROUNDS: Final = 3
"""How often slices are filled for one message before its accounts count as exhausted.

Others may empty a slice between its filling and the second call, but not a slice that has all there is.
"""

SLOW_MS: Final = 500
"""A call that waited so long in a queue carries an old time, which is no fault of this machine's clock."""


PATIENCE_S: Final = 1.0
"""How long filling slices may take: others, who need no money, are answered together with those who do."""

REST_S: Final = 3.0
"""For how long nobody asks for money again while the records, which have it, are away."""


class Want(NamedTuple):
    """A partition needs so much more of an account than it has."""

    partition: int
    tenant: str
    account: str
    micros: int


class Refiller(Protocol):
    """Fills the slices of accounts."""

    async def refill(self, wants: Sequence[Want]) -> set[Want]:
        """Fill slices; return those for which there is not enough anywhere: SQL and the other slices were asked."""


class Admission:
    """Admits proposals. `stamp_ms` tells the clock by which they were made; None on the messages' clock."""

    def __init__(
        self, admitter: Admitter, refiller: Refiller, keys: Keys, bell: Bell, stamp_ms: Callable[[], int] | None
    ) -> None:
        self._admitter = admitter
        self._refiller = refiller
        self._keys = keys
        self._bell = bell
        self._stamp_ms = stamp_ms
        self._away_until_s = float("-inf")

    async def admit(self, requests: Sequence[AdmitRequest]) -> list[Admitted]:
        """Admit requests, in order. Raises StateUnavailable and ClockDiffers.

        While the records are away, those whose slices have too little stay SHORT; for them nothing was done.
        """
        admitted = await self._admit(requests)
        if any(one.admission is not None and one.admission.taken for one in admitted):
            self._bell.ring()
        return admitted

    async def _admit(self, requests: Sequence[AdmitRequest]) -> list[Admitted]:
        admitted = await self._call(requests)
        for _ in range(ROUNDS):
            short = [place for place, one in enumerate(admitted) if one.kind is Kind.SHORT]
            if not short:
                return admitted
            wants = {place: self._wants(requests[place], admitted[place]) for place in short}
            exhausted = await self._refill([want for place in short for want in wants[place]])
            if exhausted is None:
                return admitted
            again = [
                requests[place]._replace(
                    asked=(requests[place].asked or frozenset())
                    | {want.account for want in wants[place] if want in exhausted}
                )
                for place in short
            ]
            for place, one in zip(short, await self._call(again), strict=True):
                admitted[place] = one
        short = [place for place, one in enumerate(admitted) if one.kind is Kind.SHORT]
        for place, one in zip(short, await self._call([requests[p]._replace(asked=None) for p in short]), strict=True):
            admitted[place] = one
        return admitted

    async def _refill(self, wants: Sequence[Want]) -> set[Want] | None:
        """Fill slices; None while the records are away. Then only some wait for them, and not for long."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._away_until_s:
            return None
        try:
            # On the messages' clock nobody else waits, and the same year has to come out the same on any disk.
            async with asyncio.timeout(PATIENCE_S if self._stamp_ms is not None else None):
                return await self._refiller.refill(wants)
        except (RecordsUnavailable, TimeoutError) as error:
            log.warning("messages wait for money that only the records can give: %s", str(error) or "they are slow")
            self._away_until_s = loop.time() + REST_S
            return None

    async def _call(self, requests: Sequence[AdmitRequest]) -> list[Admitted]:
        if self._stamp_ms is None:
            return await self._admitter.admit(requests, None)
        stamp_ms = self._stamp_ms()
        try:
            return await self._admitter.admit(requests, stamp_ms)
        except ClockDiffers:
            if self._stamp_ms() - stamp_ms < SLOW_MS:
                raise
            return await self._admitter.admit(requests, self._stamp_ms())

    def _wants(self, request: AdmitRequest, admitted: Admitted) -> list[Want]:
        partition = self._keys.partition(request.user)
        tenant = request.proposal.message.tenant
        return [Want(partition, tenant, charge.account, charge.micros) for charge in admitted.short]


def held_in(proposal: Proposal, breakers: Breakers, keys: Keys, message_id: str) -> str | None:
    """Return the index that lists what a pause holds, for a proposal that one holds."""
    if proposal.refusal is None or proposal.refusal.reason is not Reason.PAUSED:
        return None
    message = proposal.message
    scope, name = ("line", message.line) if breakers.pauses_line(message) else ("campaign", message.campaign)
    return keys.held(keys.partition_of(message_id), scope, tenant_name(message.tenant, name))
