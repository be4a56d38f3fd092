"""A user as stored: packed and back, and the view that rules get of it."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decision.model import User
from engine.errors import StateUnavailable
from engine.state.user_record import (
    Binding,
    OptOut,
    UserRecord,
    pack_attributes,
    pack_record,
    read_attributes,
    unpack_record,
    unpack_view,
    version_mark,
)

RECORD = UserRecord(
    7,
    "Europe/Paris",
    "fr",
    ("high", "北京"),
    pack_attributes({"age": 33.0, "cards": ["gold", "blue"]}),
    (
        Binding("sms", "+861", 10, 2),
        Binding("push", "old", 5, 1),
        Binding("push", "dead", 30, 3, valid=False),
        Binding("push", "new", 20, 4),
        Binding("wechat", "dead", 1, 5, valid=False),
    ),
    (OptOut("sms", "MARKETING", 100), OptOut("", "MARKETING", 200)),
)


def test_a_record_comes_back_as_it_was() -> None:
    """Packed and unpacked nothing is lost, and lists among the attributes stay lists."""
    back = unpack_record(pack_record(RECORD))

    assert back == RECORD
    assert [type(one) for one in (*back.bindings, *back.opt_outs)] == [Binding] * 5 + [OptOut] * 2
    assert read_attributes(back.attributes) == {"age": 33.0, "cards": ["gold", "blue"]}


def test_rules_see_channels_that_can_be_reached() -> None:
    """A channel whose bindings are all dead is none; opt-outs come without their time, no zone is the default one."""
    expected = User(
        True,
        "Europe/Paris",
        ("high", "北京"),
        "fr",
        {"age": 33.0, "cards": ["gold", "blue"]},
        frozenset({"sms", "push"}),
        frozenset({("sms", "MARKETING"), ("", "MARKETING")}),
    )
    assert RECORD.user("Asia/Shanghai") == expected
    assert unpack_view(pack_record(RECORD), "Asia/Shanghai") == expected
    assert User(True, "Asia/Shanghai") == UserRecord(1).user("Asia/Shanghai")


def test_the_newest_valid_binding_comes_first() -> None:
    """Dead ones come last, however new."""
    assert [one.value for one in RECORD.on("push")] == ["new", "old", "dead"]
    assert [one.value for one in RECORD.on("")] == ["new", "+861", "old", "dead", "dead"]


def test_an_opt_out_has_a_time() -> None:
    """Of the channel's own and the one of all channels the later counts."""
    assert RECORD.opted_out_at("sms", "MARKETING") == 200
    assert RECORD.opted_out_at("push", "MARKETING") == 200
    assert RECORD.opted_out_at("sms", "SERVICE") is None


def test_equal_attributes_are_equal_bytes() -> None:
    """The order in which a caller wrote them makes no new version."""
    one = {"a": 1, "b": {"x": [{"p": 1, "q": 2}], "y": None}}
    other = {"b": {"y": None, "x": [{"q": 2, "p": 1}]}, "a": 1}
    assert pack_attributes(one) == pack_attributes(other)
    assert pack_attributes({}) == b""


@given(st.integers(1, 2**53), st.integers(1, 2**53))
def test_the_first_bytes_tell_the_version(one: int, other: int) -> None:
    """A record begins with the mark of its version, and with that of no other."""
    packed = pack_record(RECORD._replace(version=one))
    assert packed.startswith(version_mark(one))
    assert packed.startswith(version_mark(other)) == (one == other)


def test_a_format_of_the_future_is_refused() -> None:
    """It is said that it is newer, instead of reading it wrongly."""
    with pytest.raises(StateUnavailable, match="format 9"):
        unpack_record(msgpack.packb([9, "whatever"]))
