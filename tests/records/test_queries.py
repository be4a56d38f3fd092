"""Lists of recorded messages: everything once, newest first, whatever is asked for and however it is cut into pages."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decision.model import Message
from engine.errors import InvalidInput
from engine.records.database import Database
from engine.records.queries import Queries, Wanted
from engine.records.rows import tell
from engine.records.writing import write_told
from tests.decision.rulesets import NOON
from tests.records.lives import record_of, request

Made = tuple[Message, int, str]
"""A message, when it was accepted, its id."""


async def written(database: Database, made: Sequence[Made]) -> Queries:
    """Record these messages, and give what answers questions about them; a page looks at seven rows."""
    told = [tell(record_of(*one)) for one in made]
    await database.write(lambda connection: write_told(connection, told))
    return Queries(database, look=7)


async def ids(queries: Queries, wanted: Wanted, size: int = 3) -> list[str]:
    """The ids of all pages."""
    found, token = [], ""
    for _ in range(100):
        page = await queries.page(wanted, size, token)
        assert len(page.messages) <= size
        found += [one.message_id for one in page.messages]
        token = page.next
        if not token:
            return found
    raise AssertionError("the pages do not end")


def is_wanted(one: Made, wanted: Wanted) -> bool:
    """The same question, asked of the message itself."""
    message, at_ms, _ = one
    verdict, state = ("DROP", "DROPPED") if message.category == "MARKETING" else ("SEND", "QUEUED")
    has = {"tenant": message.tenant, "user_id": message.user_id, "line": message.line, "campaign": message.campaign}
    has |= {"verdict": verdict, "state": state}
    named = all(getattr(wanted, name) in ("", value) for name, value in has.items())
    return named and (wanted.since_ms or 0) <= at_ms < (wanted.until_ms or NOON + 99)


MESSAGES = st.lists(
    st.tuples(
        st.sampled_from(["SERVICE", "MARKETING"]),
        st.sampled_from(["u", "v"]),
        st.sampled_from(["cards", "loans"]),
        st.sampled_from(["", "spring"]),
        st.integers(0, 6),
    ),
    max_size=30,
)
QUESTIONS = st.builds(
    Wanted,
    tenant=st.sampled_from(["t", "t", "t", "other"]),
    user_id=st.sampled_from(["", "u"]),
    line=st.sampled_from(["", "cards"]),
    campaign=st.sampled_from(["", "spring"]),
    verdict=st.sampled_from(["", "SEND", "DROP"]),
    state=st.sampled_from(["", "QUEUED", "FAILED"]),
    since_ms=st.none() | st.integers(NOON, NOON + 6),
    until_ms=st.none() | st.integers(NOON, NOON + 6),
)


@settings(max_examples=25)
@given(specs=MESSAGES, wanted=st.lists(QUESTIONS, min_size=1, max_size=4), size=st.integers(1, 5))
async def test_pages_tell_everything_once(
    specs: list[tuple[str, str, str, str, int]], wanted: list[Wanted], size: int
) -> None:
    """For any messages and any question: the pages together are what was asked for, the newest first."""
    made: list[Made] = [
        (request(n, category=c, user_id=u, line=line, campaign=campaign), NOON + at, f"p00-{n:04}")
        for n, (c, u, line, campaign, at) in enumerate(specs)
    ]
    with tempfile.TemporaryDirectory() as folder:
        database = await Database.open(None, Path(folder))
        queries = await written(database, made)
        found = [await ids(queries, one, size) for one in wanted]
        await database.close()

    newest_first = sorted(made, key=lambda one: (-one[1], [-ord(letter) for letter in one[2]]))
    assert found == [[one[2] for one in newest_first if is_wanted(one, asked)] for asked in wanted]


async def test_lists_in_every_database(database: Database) -> None:
    """By user, line, campaign, time, verdict, state; messages that come in between disturb no page."""
    made = [(request(n, campaign="c" if n % 2 else "", user_id="uv"[n % 2]), NOON + n // 2, "") for n in range(20)]
    queries = await written(database, made)
    first = await queries.page(Wanted("t"), 5)
    later: list[Made] = [(request(50), NOON + 50, ""), (request(51), NOON + 3, "")]
    await written(database, later)
    second = await queries.page(Wanted("t"), 100, first.next)

    assert [one.message.request_id for one in first.messages] == ["r19", "r18", "r17", "r16", "r15"]
    assert [one.message.request_id for one in second.messages][:3] == ["r14", "r13", "r12"]
    assert len(second.messages) == 15 + 1
    assert len(await ids(queries, Wanted("t", user_id="v", campaign="c", state="QUEUED", verdict="SEND"))) == 10
    assert len(await ids(queries, Wanted("t", since_ms=NOON + 2, until_ms=NOON + 4))) == 4 + 1


async def test_a_token_belongs_to_its_list(sqlite: Database) -> None:
    """Nonsense, and the token of another question, are refused."""
    queries = await written(sqlite, [(request(n), NOON, f"p00-{n}") for n in range(4)])
    token = (await queries.page(Wanted("t"), 2)).next
    for wanted, text in (
        (Wanted("other"), token),
        (Wanted("t"), "x"),
        (Wanted("t"), "bm8"),
        (Wanted("t"), "é" + token),
    ):
        with pytest.raises(InvalidInput, match="page_token"):
            await queries.page(wanted, 2, text)


async def test_nobody_is_nobody(sqlite: Database) -> None:
    """Of an id that was never used nothing is known."""
    assert await Queries(sqlite).get("p00-" + 32 * "0") is None
    assert await Queries(sqlite).trace("p00-" + 32 * "0") is None


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Wanted("t", user_id="u", state="FAILED"), "messages_by_user"),
        (Wanted("t", line="l", verdict="DROP"), "messages_by_line"),
        (Wanted("t", campaign="c", line="l"), "messages_by_campaign"),
        (Wanted("t", state="FAILED", since_ms=1), "messages_by_time"),
    ],
)
async def test_every_list_has_an_index(sqlite: Database, wanted: Wanted, index: str) -> None:
    """A page walks along one index from where the last one ended; nothing is sorted or read through."""
    from engine.records import queries

    indexed, _ = queries._conditions(wanted)
    asked = queries.select(*queries._KEY).where(*indexed, queries._is_before((5, "m"))).order_by(*queries._NEWEST_FIRST)
    text = str(asked.limit(9).compile(compile_kwargs={"literal_binds": True}))
    plan = await sqlite.read(lambda connection: connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all())

    assert len(plan) == 1
    assert index in plan[0][3]
    assert plan[0][3].count("accepted_ms") >= 1
