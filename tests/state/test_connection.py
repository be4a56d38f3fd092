"""The way to Redis: answers in order, errors of ours, and nothing entrusted to a Redis that forgets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.clock import HandClock
from engine.errors import ClockDiffers, ConfigurationError, SignalboxError, StateFull, StateRefused, StateUnavailable
from engine.state import scripts
from engine.state.connection import Store, StoreOptions, patiently
from engine.state.scripts import Script


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """A script that no Redis knows yet: it counts a key up, or fails on one that is no number."""
    monkeypatch.setattr(scripts, "FOLDER", tmp_path)
    (tmp_path / "count.lua").write_text(f"-- {tmp_path}\nreturn redis.call('INCRBY', KEYS[1], ARGV[1])", "utf-8")
    return Script("count")


# ---- commands and scripts ----


async def test_answers_come_in_order(store: Store) -> None:
    """Each answer of a group is that of its command."""
    answers = await store.pipeline([("SET", "a", b"\xff\0"), ("GET", "a"), ("GET", "b"), ("LPUSH", "l", 1, "x")])

    assert answers == [b"OK", b"\xff\0", None, 2]


async def test_many_callers_share_the_way(store: Store) -> None:
    """What many ask at once is answered to each of them."""
    answers = await asyncio.gather(*(store.call("ECHO", number) for number in range(2_000)))

    assert answers == [str(number).encode() for number in range(2_000)]


async def test_an_error_is_raised_after_the_rest(store: Store) -> None:
    """A group is carried out whole, and then its first error is raised; or it stands among the answers."""
    group = [("SET", "a", "text"), ("INCR", "a"), ("SET", "b", 1)]

    with pytest.raises(StateRefused, match="not an integer") as caught:
        await store.pipeline(group)
    ok, error, last = await store.pipeline(group, raise_on_error=False)

    assert caught.value.code == "ERR"
    assert (ok, last) == (b"OK", b"OK")
    assert isinstance(error, StateRefused)
    assert await store.call("GET", "b") == b"1"


async def test_nothing_asked_nothing_sent(store: Store) -> None:
    """An empty group has no answers."""
    assert await store.pipeline([]) == []


async def test_a_script_is_told_to_a_redis_that_does_not_know_it(store: Store, script: Script) -> None:
    """After a restart, which forgets scripts, a call works as before, alone and in a group."""
    assert await store.run(script, ["n"], [2]) == 2

    await store.call("SCRIPT", "FLUSH")

    assert await store.pipeline([("PING",), script.command(["n"], [1]), script.command(["n"], [1])]) == [b"PONG", 3, 4]
    assert await store.run(script, ["n"], [1]) == 5


async def test_a_script_that_fails_says_why(store: Store, script: Script) -> None:
    """The code of the command that failed in a script comes through."""
    await store.call("LPUSH", "n", 1)

    with pytest.raises(StateRefused) as caught:
        await store.run(script, ["n"], [1])

    assert caught.value.code == "WRONGTYPE"


async def test_a_script_can_say_that_clocks_differ(store: Store) -> None:
    """The gap that a script names is in the error, with its direction in the sentence."""
    with pytest.raises(ClockDiffers, match="1500 ms behind that of Redis") as caught:
        await store.call("EVAL", "return redis.error_reply('CLOCKDIFFERS -1500')", 0)

    assert caught.value.gap_ms == -1500


async def test_no_memory_left_is_an_error_of_its_own(store: Store, script: Script) -> None:
    """A full Redis refuses, throws nothing away, and the error tells what to do."""
    await store.call("SET", "kept", "x")
    await store.call("CONFIG", "SET", "maxmemory", 1)
    try:
        with pytest.raises(StateFull, match="raise its maxmemory"):
            await store.call("SET", "a", 1)
        with pytest.raises(StateFull):
            await store.run(script, ["n"], [1])
        assert await store.call("GET", "kept") == b"x"
    finally:
        await store.call("CONFIG", "SET", "maxmemory", 0)


# ---- what can go wrong on the way ----


async def test_a_caller_that_goes_away_disturbs_nobody(store: Store) -> None:
    """A cancelled call leaves everybody else with their own answers."""
    calls = [asyncio.ensure_future(store.call("ECHO", number)) for number in range(100)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    answers = await asyncio.gather(*calls, return_exceptions=True)

    assert answers[1::2] == [str(number).encode() for number in range(1, 100, 2)]
    assert all(isinstance(answer, asyncio.CancelledError | bytes) for answer in answers[::2])
    assert await store.call("ECHO", "next") == b"next"


async def test_a_lost_connection_is_made_again(store: Store) -> None:
    """Who waits on a lost connection is told at once, and the next call has a new one."""
    mine = await store.call("CLIENT", "ID")

    with pytest.raises(StateUnavailable, match="call again"):
        await store.pipeline([("CLIENT", "KILL", "ID", mine, "SKIPME", "no"), ("PING",)])

    assert await store.call("PING") == b"PONG"
    assert await store.call("CLIENT", "ID") != mine


async def test_a_batch_does_not_hold_up_a_single_call(store: Store) -> None:
    """A call that comes while a large group is under way takes another connection."""
    first = await store.call("CLIENT", "ID")
    large = asyncio.ensure_future(store.pipeline([("SET", "large", b"x" * 100_000)]))
    await asyncio.sleep(0)

    assert await store.call("CLIENT", "ID") != first
    assert await large == [b"OK"]


@pytest.mark.parametrize("url", ["unix:///nobody/listens.sock", "redis://127.0.0.1:1/0"])
async def test_nobody_there(url: str) -> None:
    """Without a Redis the sentence says so, and to call again."""
    with pytest.raises(StateUnavailable, match=r"cannot be reached .*; call again"):
        await Store.open(StoreOptions(url=url))


@pytest.mark.parametrize("url", ["http://example.com", "redis://localhost:port/0", "redis://localhost/?nonsense=1"])
async def test_a_url_that_cannot_be_understood(url: str) -> None:
    """A wrong URL is an error of the configuration."""
    with pytest.raises(ConfigurationError, match="the URL of Redis cannot be used"):
        await Store.open(StoreOptions(url=url))


async def test_a_wrong_password_is_said_to_be_wrong(redis_server: str) -> None:
    """A refused login is an error of the configuration, no reason to call again."""
    with pytest.raises(ConfigurationError, match="its user or password is wrong"):
        await Store.open(StoreOptions(url=f"{redis_server}?username=nobody&password=wrong"))


# ---- what is pinned, and what must be promised ----


@pytest.mark.parametrize(("partitions", "buckets"), [(8, 64), (4, 128)])
async def test_other_numbers_are_refused(store: Store, redis_server: str, partitions: int, buckets: int) -> None:
    """Where things lie was fixed at the first start; another layout would not find them again."""
    with pytest.raises(
        ConfigurationError,
        match=rf"4 partitions and 64 buckets .* not {partitions} and {buckets} .* these numbers again",
    ):
        await Store.open(StoreOptions(url=redis_server, partitions=partitions, buckets=buckets))


async def test_numbers_that_do_not_fit_are_refused(redis_server: str) -> None:
    """The buckets are shared out evenly, or the configuration is wrong."""
    with pytest.raises(ConfigurationError, match="buckets must be a multiple of partitions"):
        await Store.open(StoreOptions(url=redis_server, partitions=4, buckets=63))


@pytest.fixture
async def setting(store: Store) -> AsyncIterator[Store]:
    """A Redis whose settings a test may change."""
    yield store
    for name, value in (("appendonly", "yes"), ("appendfsync", "everysec"), ("maxmemory-policy", "noeviction")):
        await store.call("CONFIG", "SET", name, value)


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("appendonly", "no", "CONFIG SET appendonly yes"),
        ("maxmemory-policy", "allkeys-lru", "CONFIG SET maxmemory-policy noeviction"),
        ("appendfsync", "no", "CONFIG SET appendfsync always"),
    ],
)
async def test_a_redis_that_forgets_is_refused(
    setting: Store, redis_server: str, name: str, value: str, remedy: str
) -> None:
    """A Redis that may lose what was accepted is refused with the setting's name and the command that mends it."""
    await setting.call("CONFIG", "SET", name, value)

    with pytest.raises(
        ConfigurationError, match=f"this Redis has {name} {'off' if value == 'no' else value}|{name} no"
    ) as caught:
        await Store.open(StoreOptions(url=redis_server, partitions=4, buckets=64))

    assert remedy in str(caught.value)


async def test_everysec_is_taken_with_a_warning(
    store: Store, redis_server: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An operator who chose speed is told what it can cost."""
    caplog.clear()
    await (await Store.open(StoreOptions(url=redis_server, partitions=4, buckets=64))).close()

    (record,) = caplog.records
    assert record.getMessage().startswith("this Redis has appendfsync everysec: messages of the last second or more")


# ---- clocks ----


@pytest.mark.parametrize("gap_ms", [0, 5_000, -5_000])
async def test_the_gap_between_clocks(store: Store, gap_ms: int) -> None:
    """A clock that is right has a gap of nothing, another one nearly its own."""
    seconds, micros = await store.call("TIME")
    now_ms = int(seconds) * 1000 + int(micros) // 1000

    assert await store.clock_gap_ms(HandClock(now_ms + gap_ms)) == pytest.approx(gap_ms, abs=500)


@pytest.mark.parametrize("gap_ms", [-86_400_000, -3_000, 3_000])
async def test_a_clock_that_is_far_off_is_refused(store: Store, gap_ms: int) -> None:
    """By it nothing may end; one that is a little off will do."""
    seconds, micros = await store.call("TIME")
    now_ms = int(seconds) * 1000 + int(micros) // 1000
    await store.check_clock(HandClock(now_ms + 100))
    with pytest.raises(ClockDiffers):
        await store.check_clock(HandClock(now_ms + gap_ms))


async def test_a_start_waits_for_a_redis_that_is_back_in_a_moment() -> None:
    """While it is away a thing is tried again; any other error is raised at once."""
    answers: list[Exception | None] = [
        StateUnavailable("away"),
        StateUnavailable("away"),
        None,
        StateRefused("ERR", "no"),
    ]
    asked = []

    async def act() -> None:
        answer = answers[len(asked)]
        asked.append(answer)
        if answer is not None:
            raise answer

    await patiently(act)
    assert len(asked) == 3
    with pytest.raises(StateRefused):
        await patiently(act)


def test_every_error_is_ours() -> None:
    """Whoever catches Signalbox's errors catches all of the state's."""
    assert all(issubclass(kind, SignalboxError) for kind in (StateUnavailable, StateFull, StateRefused, ClockDiffers))
