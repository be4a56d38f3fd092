"""The ledger: what is read of it without counting, how small it is, and what is freed."""

from __future__ import annotations

import asyncio

import pytest

from engine.decision.ledger_model import Use
from engine.state.admit import Admitter
from engine.state.connection import Store
from engine.state.keys import user_digest
from engine.state.ledger import Asked, Ledger, use_key
from engine.state.limit_ids import LimitIds
from tests.state.proposals import DAY, HOUR, MINUTE, NOW, blueprint, candidate, limit, proposal, request

LIMITS = blueprint(candidate("sms", [limit("a", window_ms=DAY, min_interval_ms=2 * DAY), limit("b", use=1)]))


async def touch(store: Store, user_id: str, now_ms: int, request_id: str, key: str = "cards") -> None:
    """Count one message in the limits a (per line) and b."""
    what = proposal(LIMITS, user_id, now_ms, uses=[("a", key), ("b", "")])
    (admitted,) = await Admitter(store, LimitIds(store)).admit([request(store.keys, what, request_id)], None)
    assert admitted.admission is not None


async def test_a_peek_tells_what_is_used_of_the_limits_asked_for(store: Store) -> None:
    """Each user's uses of these limits, and of no others; asking counts nothing, and may be done twice."""
    ledger = Ledger(store, LimitIds(store))
    await touch(store, "u", NOW, "r1")
    await touch(store, "u", NOW + MINUTE, "r2", key="loans")
    cards = Use(NOW, NOW + DAY, 1, NOW, NOW + 2 * DAY)
    both = Use(NOW, NOW + HOUR, 2, NOW + MINUTE, NOW + HOUR)

    for _ in range(2):
        found = await ledger.peek(
            [Asked(("t", "u"), [("a", "cards")]), Asked(("t", "u"), [("b", "")]), Asked(("t", "v"), [("b", "")])]
        )
        assert {("t", "u"): {("a", "cards"): cards, ("b", ""): both}, ("t", "v"): {}} == found


async def test_peeks_of_one_moment_travel_together(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred single peeks at once are a few exchanges with Redis, and each gets its own answer."""
    ledger = Ledger(store, LimitIds(store))
    for n in range(3):
        await touch(store, f"u{n}", NOW, "r")
    await ledger.peek([Asked(("t", "u"), [("a", "cards")])])
    sizes: list[int] = []
    pipeline = store.pipeline

    async def counted(commands, **options):
        sizes.append(len(commands))
        return await pipeline(commands, **options)

    monkeypatch.setattr(store, "pipeline", counted)
    found = await asyncio.gather(*(ledger.peek([Asked(("t", f"u{n}"), [("a", "cards")])]) for n in range(100)))

    assert sizes == [100]
    assert [len(each["t", f"u{n}"]) for n, each in enumerate(found)] == [1] * 3 + [0] * 97


async def test_what_has_expired_goes_with_the_next_touch(store: Store) -> None:
    """A record does not grow with history: windows that are over are dropped when the user is next counted."""
    ledger = Ledger(store, LimitIds(store))
    for n in range(5):
        await touch(store, "u", NOW + n * 3 * DAY, f"r{n}", key=f"line{n}")

    uses = [("a", f"line{n}") for n in range(5)]
    found = (await ledger.peek([Asked(("t", "u"), uses)]))["t", "u"]

    assert list(found) == [("a", "line4")]


async def test_a_sweep_frees_users_who_never_come_again(store: Store) -> None:
    """Somebody of whom nothing counts any more is taken away, somebody of whom one limit still counts is not."""
    ledger = Ledger(store, LimitIds(store))
    await touch(store, "u", NOW, "r")
    await touch(store, "v", NOW + 1, "r")

    assert await ledger.sweep(NOW + 2 * DAY - 1, store.keys.buckets) == 0
    assert await ledger.sweep(NOW + 2 * DAY, store.keys.buckets) == 1

    digests = [user_digest("t", user) for user in ("u", "v")]
    keys = store.keys
    held = [await store.call("HGET", keys.ledger(keys.partition(d), d), d) for d in digests]
    assert [one is None for one in held] == [True, False]


async def test_a_few_buckets_are_swept_at_a_time(store: Store) -> None:
    """Sweeping goes on where it stopped, so that all buckets have their turn however few are swept at a time."""
    ledger = Ledger(store, LimitIds(store))
    for n in range(20):
        await touch(store, f"u{n}", NOW, "r")

    swept = [await ledger.sweep(NOW + 2 * DAY, 1) for _ in range(store.keys.buckets)]

    assert sum(swept) == 20
    assert len([count for count in swept if count]) > 1


async def test_four_limits_take_a_hundred_bytes(store: Store) -> None:
    """A user's record with four live limits, three of them with a key, stays within 96 bytes."""
    asks = blueprint(candidate("sms", [limit(name, use=use, window_ms=DAY) for use, name in enumerate("abcd")]))
    uses = [("a", ""), ("b", "cards"), ("c", "trade"), ("d", "some text")]
    admitter = Admitter(store, LimitIds(store))
    await admitter.admit([request(store.keys, proposal(asks, uses=uses), "r1")], None)
    await admitter.admit([request(store.keys, proposal(asks, now_ms=NOW + HOUR, uses=uses), "r2")], None)

    digest = user_digest("t", "u")
    held = await store.call("HGET", store.keys.ledger(store.keys.partition(digest), digest), digest)

    assert len(held) <= 96


def test_the_key_of_the_user_alone_is_nothing() -> None:
    """A limit per user has no key to store; any other key is eight bytes, also one that is no text for a wire."""
    assert use_key("") == 0
    assert [len(use_key(key) or b"") for key in ("cards", "\ud800")] == [8, 8]
