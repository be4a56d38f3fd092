"""Dead letters: listed oldest first, page by page, until they are let go."""

from __future__ import annotations

from engine.state.apply import REMOVED, Change, Changes, SetIndex
from engine.state.connection import Store
from engine.state.dead_letters import DeadLetter, DeadLetters
from tests.state.records import NOW_MS, write_record


async def test_pages_hold_each_letter_once(store: Store) -> None:
    """Pages follow each other without gap or repetition, also where many died at one time."""
    died = []
    for user in range(30):
        message_id = await write_record(store, user)
        at_ms = NOW_MS + user // 10
        index = SetIndex(store.keys.dead(store.keys.partition_of(message_id)), at_ms)
        await Changes(store).apply([Change(message_id, 1, indexes=[index])])
        died.append(DeadLetter(message_id, at_ms))
    letters = DeadLetters(store)

    pages: list[list[DeadLetter]] = [await letters.page(7)]
    while pages[-1]:
        pages.append(await letters.page(7, pages[-1][-1]))

    expected = sorted(died, key=lambda letter: (letter.at_ms, letter.message_id))
    assert [letter for page in pages for letter in page] == expected
    assert [len(page) for page in pages] == [7, 7, 7, 7, 2, 0]
    assert await letters.count() == 30


async def test_a_letter_let_go_is_gone(store: Store) -> None:
    """What is taken out of the index is in no page."""
    message_id = await write_record(store)
    dead = store.keys.dead(store.keys.partition_of(message_id))
    changes = Changes(store)
    await changes.apply([Change(message_id, 1, indexes=[SetIndex(dead, NOW_MS)])])
    await changes.apply([Change(message_id, 1, indexes=[SetIndex(dead, REMOVED)])])

    assert await DeadLetters(store).page(10) == []
