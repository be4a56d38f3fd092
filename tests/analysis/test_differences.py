"""Numbers that are compared with one another: what is said to be impossible is, by looking through small ones."""

from __future__ import annotations

import math
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.analysis.differences import ZERO, Apart, Wish, contradiction, exactly, room
from engine.analysis.intervals import Interval, interval
from engine.analysis.sums import number_of
from engine.ruleset.arithmetic import operation
from engine.ruleset.syntax import Call, Expr, Fact, Literal, Type

NAMES = ("a", "b", "c")
Side = str | None
Wanted = list[tuple[Side, Side, int]]
ANY: st.SearchStrategy[Side] = st.sampled_from([*NAMES, ZERO])
WISHES: st.SearchStrategy[Wanted] = st.lists(st.tuples(ANY, ANY, st.integers(-3, 3)), max_size=5)
APART: st.SearchStrategy[Wanted] = st.lists(st.tuples(ANY, ANY, st.integers(-2, 2)), max_size=3)
BOUNDS = [wish for name in NAMES for wish in (Wish(name, ZERO, 3, False), Wish(ZERO, name, 3, False))]


def fulfilled(wishes: list[Wish], apart: list[Apart]) -> list[dict[str, int]]:
    """All small numbers that fulfil wishes."""
    found = []
    for values in product(range(-3, 4), repeat=len(NAMES)):
        of: dict[object, int] = {**dict(zip(NAMES, values, strict=True)), ZERO: 0}
        kept = all(of[w.left] - of[w.right] <= w.by for w in wishes)
        if kept and all(of[one.left] - of[one.right] != one.by for one in apart):
            found.append({name: of[name] for name in NAMES})
    return found


@given(WISHES, APART)
@settings(max_examples=300)
def test_wishes_contradict_each_other_where_no_numbers_fulfil_them(wishes: Wanted, apart: Wanted) -> None:
    """And so do those alone that are named as the reason."""
    made = [Wish(left, right, by, False, frozenset({n})) for n, (left, right, by) in enumerate(wishes)]
    differing = [Apart(left, right, by, True, frozenset({n + 9})) for n, (left, right, by) in enumerate(apart)]

    reasons = contradiction([*BOUNDS, *made], differing)

    if reasons is None:
        assert fulfilled([*BOUNDS, *made], []) != []
    else:
        named = [wish for wish in made if wish.reasons <= reasons]
        assert fulfilled([*BOUNDS, *named], [one for one in differing if one.reasons <= reasons]) == []


@given(WISHES)
@settings(max_examples=150)
def test_each_number_in_the_room_left_is_possible(wishes: Wanted) -> None:
    """And no other is."""
    made = [*BOUNDS, *(Wish(left, right, by, False) for left, right, by in wishes)]
    if contradiction(made) is None:
        free = room("a", made)
        assert {n for n in range(-5, 6) if free.holds(n)} == {values["a"] for values in fulfilled(made, [])}


def test_what_is_strict_is_told_from_what_is_not() -> None:
    """a < b, b <= a is impossible; a <= b, b <= a is a == b, unless they are to differ."""
    both = [Wish("a", "b", 0, False), Wish("b", "a", 0, False)]

    assert contradiction([*both, Wish("a", "b", 0, True, frozenset({1}))]) == frozenset({1})
    assert contradiction(both) is None
    assert contradiction(both, [Apart("a", "b", 0, False, frozenset({2}))]) == frozenset({2})
    assert contradiction([*both, *exactly("a", 7), *exactly("b", 7)]) is None


@given(st.text(), st.text())
def test_texts_have_their_order_as_numbers(a: str, b: str) -> None:
    """Letter by letter, and the shorter one first."""
    first, second = number_of(a), number_of(b)
    assert first is not None
    assert second is not None
    assert (first < second, first == second) == (a < b, a == b)


X, Y = Fact("x", Type.DOUBLE, 0, 0), Fact("y", Type.DOUBLE, 0, 0)
DOUBLES = st.floats(allow_nan=False, allow_infinity=False)
LEAVES: st.SearchStrategy[Expr] = st.one_of(
    st.sampled_from([X, Y]), DOUBLES.map(lambda value: Literal(value, Type.DOUBLE, 0, 0))
)
EXPRESSIONS: st.SearchStrategy[Expr] = st.recursive(
    LEAVES,
    lambda parts: st.builds(
        lambda op, a, b: Call(op, (a, b), Type.DOUBLE, 0, 0), st.sampled_from(["+", "-", "*", "/"]), parts, parts
    ),
    max_leaves=4,
)


def calculated(expr: Expr, x: float, y: float) -> float:
    """The value as the interpreter has it."""
    match expr:
        case Call(op=op, args=args):
            return float(operation(op, [Type.DOUBLE, Type.DOUBLE])(*(calculated(arg, x, y) for arg in args)))
        case Fact(path=path):
            return {"x": x, "y": y}[path]
        case Literal(value=float(value)):
            return value
    raise AssertionError("nothing else is calculated with")


@given(EXPRESSIONS, st.lists(DOUBLES, min_size=2, max_size=4), st.lists(DOUBLES, min_size=2, max_size=4))
@settings(max_examples=500)
def test_calculated_numbers_keep_to_their_bounds(expr: Expr, xs: list[float], ys: list[float]) -> None:
    """Rounding, infinities and all: what is calculated of numbers between bounds lies between the bounds found."""
    between: dict[str, Interval] = {"x": (min(xs), max(xs)), "y": (min(ys), max(ys))}

    found = interval(expr, lambda leaf: between[leaf.path] if isinstance(leaf, Fact) else None)

    if found is not None:
        values = [calculated(expr, x, y) for x, y in product(xs, ys)]
        assert all(found[0] <= value <= found[1] for value in values)
        assert not any(math.isnan(value) for value in values)
