"""The bound of unrecorded bytes: the least urgent are refused first."""

from __future__ import annotations

import pytest

from engine.state.connection import Store
from engine.state.load import Load
from tests.state.records import write_record


@pytest.mark.parametrize(
    ("unrecorded", "refused"),
    [
        (499, set()),
        (500, {"P3"}),
        (700, {"P3", "P2"}),
        (850, {"P3", "P2", "P1"}),
        (999, {"P3", "P2", "P1"}),
        (1_000, {"P3", "P2", "P1", "P0"}),
    ],
)
async def test_who_is_refused(store: Store, unrecorded: int, refused: set[str]) -> None:
    """P3 is refused at 50 % of the bound, P2 at 70 %, P1 at 85 %, and P0 at all of it."""
    await write_record(store, 1, unrecorded - 100)
    await write_record(store, 2, 100)
    load = Load(store, 1_000)

    assert {f"P{rank}" for rank in range(4) if await load.refuses(f"P{rank}")} == refused
    assert await load.unrecorded() == unrecorded


async def test_the_answer_is_remembered_for_a_moment(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within 250 ms Redis is not asked again; after that it is."""
    monkeypatch.setattr("engine.state.load.LOOK_EVERY_S", 3_600)
    load = Load(store, 1_000)
    assert not await load.refuses("P3")
    await write_record(store, 1, 1_000)
    assert not await load.refuses("P0")

    monkeypatch.setattr("engine.state.load.LOOK_EVERY_S", 0)

    assert await load.refuses("P0")
