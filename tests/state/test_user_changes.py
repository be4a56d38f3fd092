"""What a change makes of a user: renewal, validity, versions, bounds."""

from __future__ import annotations

import pytest

from engine.errors import TooLarge, VersionDiffers
from engine.state.user_changes import (
    MOST_BINDINGS,
    MOST_OPT_OUTS,
    GivenBinding,
    GivenUser,
    bind,
    invalidate,
    opt_in,
    opt_out,
    put,
    unbind,
)
from engine.state.user_record import UNKNOWN, Binding, OptOut, UserRecord

BOUND = bind(GivenBinding("sms", "1", 10))(UNKNOWN)


def many(count: int, valid: bool = True) -> UserRecord:
    return UserRecord(1, bindings=tuple(Binding("sms", str(number), number, 1, valid) for number in range(count)))


def test_a_change_makes_the_next_version() -> None:
    """And one that changes nothing hands back the very same record."""
    assert UserRecord(1, bindings=(Binding("sms", "1", 10, 1),)) == BOUND

    assert bind(GivenBinding("sms", "2", 5))(BOUND).version == 2
    for nothing in (
        bind(GivenBinding("sms", "1", 10)),
        bind(GivenBinding("sms", "1", 9)),
        unbind("sms", "2"),
        unbind("push", "1"),
        invalidate("sms", "2", 1),
        opt_in("sms", "MARKETING"),
    ):
        assert nothing(BOUND) is BOUND


def test_a_later_binding_renews_an_address() -> None:
    """It is valid again, and of a version of its own, so that older verdicts do not touch it."""
    dead = invalidate("sms", "1", 1)(BOUND)
    assert dead.bindings == (Binding("sms", "1", 10, 1, valid=False),)

    renewed = bind(GivenBinding("sms", "1", 11))(dead)

    assert renewed == UserRecord(3, bindings=(Binding("sms", "1", 11, 3),))
    assert invalidate("sms", "1", 1)(renewed) is renewed


def test_the_same_list_again_revives_no_dead_address() -> None:
    """Only a later time, or saying `valid` outright, does."""
    dead = invalidate("sms", "1", 1)(BOUND)
    assert bind(GivenBinding("sms", "1", 10))(dead) is dead

    assert bind(GivenBinding("sms", "1", 0, valid=True))(dead).bindings == (Binding("sms", "1", 10, 3),)
    assert bind(GivenBinding("sms", "1", 0, valid=False))(BOUND).bindings == (Binding("sms", "1", 10, 2, False),)


def test_put_adds_and_replace_takes_away() -> None:
    """The profile is what is given; what is not listed stays, unless the list is meant to be whole."""
    before = put(
        GivenUser(
            "t", "u", "UTC", "en", ("a",), {"x": 1}, (GivenBinding("sms", "1", 1),), (OptOut("", "MARKETING", 5),)
        )
    )(UNKNOWN)
    also = GivenUser("t", "u", tags=("b",), bindings=(GivenBinding("push", "2", 2),))

    added = put(also)(before)
    assert (added.version, added.zone, added.tags, added.attributes) == (2, "", ("b",), b"")
    assert [one.value for one in added.bindings] == ["1", "2"]
    assert added.opt_outs == before.opt_outs

    replaced = put(also._replace(replace=True))(added)
    assert replaced == added._replace(version=3, bindings=(Binding("push", "2", 2, 2),), opt_outs=())


def test_put_makes_a_user_known_and_repeats_change_nothing() -> None:
    """A user of whom nothing is said is known all the same, in version 1, and stays in it."""
    known = put(GivenUser("t", "u"))(UNKNOWN)
    assert known == UserRecord(1)
    assert put(GivenUser("t", "u"))(known) is known


def test_an_expected_version_is_held() -> None:
    """Whoever read an older state is told so."""
    assert put(GivenUser("t", "u", "UTC", version=1))(BOUND).version == 2
    with pytest.raises(VersionDiffers, match="version 1, not 2"):
        put(GivenUser("t", "u", version=2))(BOUND)


def test_an_opt_out_keeps_its_first_time() -> None:
    """Until it is taken back; exactly the one named is."""
    out = opt_out(OptOut("", "MARKETING", 5))(BOUND)
    assert opt_out(OptOut("", "MARKETING", 9))(out) is out
    assert opt_in("sms", "MARKETING")(out) is out

    again = opt_out(OptOut("", "MARKETING", 9))(opt_in("", "MARKETING")(out))
    assert again.opt_outs == (OptOut("", "MARKETING", 9),)
    assert again.version == 4


def test_bindings_and_opt_outs_are_bounded() -> None:
    """At the bound the oldest dead binding makes room; where all are valid, or for opt-outs, it is refused."""
    full = many(MOST_BINDINGS)
    with pytest.raises(TooLarge, match="unbind one first"):
        bind(GivenBinding("push", "x"))(full)

    half_dead = full._replace(bindings=(*many(3).bindings, *many(MOST_BINDINGS, valid=False).bindings[3:]))
    made = bind(GivenBinding("push", "x"))(half_dead)
    assert len(made.bindings) == MOST_BINDINGS
    assert made.binding("sms", "3") is None

    outs = UserRecord(1, opt_outs=tuple(OptOut(str(number), "SERVICE", 1) for number in range(MOST_OPT_OUTS)))
    with pytest.raises(TooLarge, match="opt-outs"):
        opt_out(OptOut("", "SERVICE", 1))(outs)
