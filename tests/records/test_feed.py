"""The stream of changes: every event once, in order, from wherever one left it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from engine.errors import InvalidInput
from engine.records.database import Database
from engine.records.feed import Feed
from engine.records.rows import tell
from engine.records.writing import write_told
from tests.decision.rulesets import NOON
from tests.records.lives import record_of, request


async def write(database: Database, numbers: Sequence[int]) -> None:
    """Record a message for each number; the odd ones belong to a campaign."""
    made = [record_of(request(number, campaign="c" if number % 2 else ""), NOON + number) for number in numbers]
    await database.write(lambda connection: write_told(connection, [tell(one) for one in made]))


async def test_a_stream_goes_on_where_it_was_left(database: Database) -> None:
    """Cursors of any change lead to the next one; the first event brings its decision."""
    feed = Feed(database)
    start = await feed.end()
    await write(database, range(6))
    every = await feed.after(start, "t")
    rest = await feed.after(every.changes[3].cursor, "t")

    assert [change.message_id for change in every.changes] == [f"p00-ur{number}" for number in range(6)]
    assert [change.cursor for change in every.changes[4:]] == [change.cursor for change in rest.changes]
    assert {(change.event.kind, change.state) for change in every.changes} == {("DECIDED", "QUEUED")}
    assert every.changes[0].event.decision is not None
    assert every.cursor == rest.cursor == await feed.end()


async def test_what_is_not_wanted_moves_the_cursor_on(sqlite: Database) -> None:
    """A look ends after some events, also when none of them is of this campaign, line or tenant."""
    feed = Feed(sqlite, look=4)
    start = await feed.end()
    await write(sqlite, range(10))
    found, cursor = [], start
    while cursor != await feed.end():
        changes = await feed.after(cursor, "t", campaign="c")
        assert changes.cursor != cursor
        cursor = changes.cursor
        found += [change.message_id for change in changes.changes]

    assert found == [f"p00-ur{number}" for number in (1, 3, 5, 7, 9)]
    assert (await feed.after(start, "other")).changes == (await feed.after(start, "t", line="loans")).changes == ()


async def test_who_follows_is_woken(sqlite: Database) -> None:
    """What is recorded while somebody follows comes at once, without waiting for the next look."""
    feed = Feed(sqlite, idle_s=3_600)
    await write(sqlite, [1])
    following = aiter(feed.follow("", "t"))
    coming = asyncio.ensure_future(anext(following))
    async with asyncio.timeout(10):
        number = 1
        while not coming.done():
            number += 1
            await write(sqlite, [number])
            feed.wake()
            await asyncio.sleep(0)
    changes = await coming
    await following.aclose()  # type: ignore[attr-defined]  # it is a generator

    assert "p00-ur1" < changes.changes[0].message_id <= f"p00-ur{number}"


async def test_others_are_seen_after_a_while(sqlite: Database) -> None:
    """What another process recorded is found without being woken."""
    feed = Feed(sqlite, idle_s=0.01)
    following = aiter(feed.follow(await feed.end(), "t"))
    coming = asyncio.ensure_future(anext(following))
    await write(sqlite, [1])
    async with asyncio.timeout(10):
        changes = await coming
    await following.aclose()  # type: ignore[attr-defined]  # it is a generator

    assert len(changes.changes) == 1


@pytest.mark.parametrize("cursor", ["7", "e", "e-1", "e²", "e1 ", "e" + 40 * "9"])
async def test_a_cursor_is_one_of_ours(sqlite: Database, cursor: str) -> None:
    """Anything else is refused."""
    with pytest.raises(InvalidInput, match="cursor"):
        await Feed(sqlite).after(cursor, "t")
