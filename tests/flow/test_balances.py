"""Balances for those who only look are kept for a moment, and read again after it."""

from __future__ import annotations

from pathlib import Path

from engine.clock import HandClock
from engine.decision.ledger_model import Balance
from engine.flow.balances import KEPT_S, Balances
from engine.flow.refill import Refill
from tests.flow.test_refill import KEY, NOW_MS, ModelSlices, funded, top_up


class Ticking:
    """A timer that moves on each time somebody looks at it."""

    def __init__(self, tick_s: float) -> None:
        self.tick_s = tick_s
        self._now_s = 0.0

    def __call__(self) -> float:
        """The time after one more tick."""
        self._now_s += self.tick_s
        return self._now_s


async def test_a_balance_is_read_again_when_it_is_too_old(tmp_path: Path) -> None:
    """Within a quarter of a second it is the one that was read, later what the books say."""
    database, accounts = await funded(tmp_path, 100)
    timer = Ticking(0.0)
    balances = Balances(accounts, Refill(accounts, ModelSlices(), HandClock(NOW_MS)), timer)
    first = await balances.balances([KEY, ("acme", "other")])
    await accounts.top_up(top_up(50, "e2"), NOW_MS)
    second = await balances.balances([KEY])
    timer.tick_s = KEPT_S
    third = await balances.balances([KEY])
    await database.close()

    assert first == second == {KEY: Balance("COUNT", 100)}
    assert third == {KEY: Balance("COUNT", 150)}


async def test_a_balance_that_grows_too_old_while_it_is_asked_for_is_read(tmp_path: Path) -> None:
    """However little time lies between two looks at the timer, an entry can expire just then."""
    database, accounts = await funded(tmp_path, 100)
    for looks in range(1, 12):
        balances = Balances(accounts, Refill(accounts, ModelSlices(), HandClock(NOW_MS)), Ticking(KEPT_S / looks))
        for _ in range(3 * looks):
            assert await balances.balances([KEY]) == {KEY: Balance("COUNT", 100)}
    await database.close()
