"""Message records as `admit` leaves them, for tests of what comes after it."""

from __future__ import annotations

from typing import Final

from engine.state.apply import Change, Put
from engine.state.connection import Store

NOW_MS: Final = 1_767_585_600_000
DAY_MS: Final = 86_400_000


def id_of(store: Store, user: int) -> str:
    """The id of some user's message."""
    return store.keys.message_id("bank", f"u{user}", "r1")


async def write_record(store: Store, user: int = 1, size: int = 300) -> str:
    """A record of version 1 with one event, whose `size` bytes are unrecorded; return its id."""
    message_id = id_of(store, user)
    keys = store.keys
    fields = {"n": 1, "u": NOW_MS + DAY_MS, "x": NOW_MS + DAY_MS, "b": b"body", "p": b"outline", "a": b"admission"}
    words = [word for field in {**fields, "e": b"\x91\x01", "c": 1, "k": size}.items() for word in field]
    partition = keys.partition_of(message_id)
    await store.pipeline(
        [
            ("HSET", keys.message(message_id), *words),
            ("HINCRBY", keys.load(partition), "unrecorded", size),
            ("XADD", keys.events(partition), "*", "m", message_id),
        ]
    )
    return message_id


def putting(message_id: str, step: int = 1, priority: str = "P2", *, bulk: bool = False) -> Change:
    """A change that enqueues one SMS."""
    return Change(message_id, 1, put=[Put("sms", priority, bulk, step)])
