"""Names: the same request always has the same id, and all of one user lies in one place."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.state.keys import Keys, address_digest, user_digest

KEYS = Keys(16, 1024)
TEXT = st.text(max_size=8)


def test_an_id_is_the_same_for_ever() -> None:
    """What was stored under an id is found again by every later version."""
    assert KEYS.message_id("bank", "u1", "r1") == "p11-6f2c92fcc79f451e4dd4ad5214d3c360"


@given(TEXT, TEXT, TEXT, TEXT, TEXT, TEXT)
def test_ids_differ_as_the_requests_do(a: str, b: str, c: str, d: str, e: str, f: str) -> None:
    """Two requests have the same id exactly when tenant, user and request are the same."""
    same = (a, b, c) == (d, e, f)

    assert (KEYS.message_id(a, b, c) == KEYS.message_id(d, e, f)) == same


@pytest.mark.parametrize(("one", "other"), [(("ab", "c"), ("a", "bc")), (("", "x"), ("x", "")), (("é", ""), ("e", ""))])
def test_where_a_name_ends_counts(one: tuple[str, str], other: tuple[str, str]) -> None:
    """A tenant and a user cannot be put together so that they look like others."""
    assert user_digest(*one) != user_digest(*other)
    assert address_digest(*one, "sms") != address_digest(*other, "sms")


@given(TEXT, TEXT, TEXT)
def test_an_id_tells_where_the_user_lives(tenant: str, user: str, request: str) -> None:
    """The partition in the id is the user's, and everything of one partition has one tag."""
    digest = user_digest(tenant, user)
    partition = KEYS.partition(digest)
    message_id = KEYS.message_id(tenant, user, request)

    assert partition == KEYS.partition_of(message_id)
    names = [
        KEYS.message(message_id),
        KEYS.ledger(partition, digest),
        KEYS.users(partition, digest),
        KEYS.lane(partition, "sms", "P0", bulk=False),
        KEYS.timers(partition, "P3"),
        KEYS.events(partition),
        KEYS.slices(partition),
        KEYS.held(partition, "line", "bank/cards"),
        KEYS.dead(partition),
        KEYS.load(partition),
    ]
    assert {f"{{p{partition:02d}}}"} == {name.partition(":")[0] for name in names}
    assert len(names) == len(set(names))


def test_names_are_spelled_as_documented() -> None:
    """Who looks into Redis finds what the documentation says."""
    digest = bytes([0, 0, 0, 7, 0, 0, 0, 65, 0, 0])

    assert KEYS.message("p07-" + "ab" * 16) == "{p07}:m:p07-" + "ab" * 16
    assert KEYS.ledger(7, digest) == "{p07}:l:1"
    assert KEYS.users(7, digest) == "{p07}:u:1"
    assert KEYS.addresses(digest) == "{p07}:a:1"
    assert KEYS.lane(7, "sms", "P0", bulk=False) == "{p07}:q:sms:P0:s"
    assert KEYS.lane(7, "sms", "P1", bulk=True) == "{p07}:q:sms:P1:b"
    assert KEYS.timers(7, "P2") == "{p07}:t:P2"
    assert KEYS.held(7, "campaign", "bank/spring") == "{p07}:h:campaign:bank/spring"
    assert KEYS.windows(60_000) == "{control}:windows:60000"
    assert KEYS.lease("recorder") == "{control}:lease:recorder"


def test_users_spread_evenly() -> None:
    """A bucket holds about 64 users when there are 64 times as many users as buckets: it stays one compact block."""
    digests = [user_digest("bank", f"u{number}") for number in range(64 * 256)]
    keys = Keys(4, 256)
    filled = Counter(keys.ledger(keys.partition(digest), digest) for digest in digests)

    assert len(filled) == 256
    assert max(filled.values()) < 2 * 64


def test_more_than_a_hundred_partitions() -> None:
    """The number in an id grows a digit where two do not do, and is read back."""
    keys = Keys(128, 1024)
    ids = [keys.message_id("bank", f"u{number}", "r") for number in range(1000)]

    assert {len(message_id.partition("-")[0]) for message_id in ids} == {3, 4}
    assert all(keys.partition_of(message_id) == int(message_id[1:].partition("-")[0]) for message_id in ids)


@pytest.mark.parametrize(
    "text",
    ["", "p07", "p16-" + "0" * 32, "p007-" + "0" * 32, "p07-" + "0" * 31, "p07-" + "G" * 32, "x", "p０7-" + "0" * 32],
)
def test_what_is_no_id_is_refused(text: str) -> None:
    """A wrong id is told apart from a message that is not there, and an example shows what one looks like."""
    with pytest.raises(ValueError, match=r"is no message id; one looks like p15-0123456789abcdef.* from p00 to p15"):
        KEYS.partition_of(text)


@pytest.mark.parametrize(("partitions", "buckets"), [(0, 16), (5000, 5000), (16, 8), (16, 24)])
def test_numbers_that_do_not_fit_are_refused(partitions: int, buckets: int) -> None:
    """Buckets are shared out evenly over the partitions."""
    with pytest.raises(ValueError, match="must be"):
        Keys(partitions, buckets)
