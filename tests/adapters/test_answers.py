"""Answers as the pure function that they are: whatever is told, in whatever order, the books of a step stay right."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.answers import Answer, Answers
from adapters.base import Outcome, Result
from adapters.dispatch import Dispatch
from adapters.registry import Providers
from adapters.retry import RetryPolicy
from engine.clock import HandClock
from engine.decision import transitions
from engine.decision.change import Change, TimerKind
from engine.decision.life import Life, State, Step
from engine.decision.model import Charge
from engine.state.receipt_index import Early
from tests.adapters.rig import HOUR, NO_RECEIPTS, NOON, Scripted

CHARGE = Charge("sms/cash", 45_000, "CNY")
GONE = (State.DELIVERED, State.UNCONFIRMED, State.UNKNOWN)

outcomes = st.sampled_from(list(Outcome))
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("answer"), st.integers(-1, 2), outcomes, st.booleans()),
        st.tuples(st.just("receipt"), st.integers(-1, 2), st.sampled_from(["DELIVERED", "FAILED", "READ"])),
        st.tuples(st.just("attempt")),
        st.tuples(st.just("wait over")),
    ),
    max_size=25,
)


class Books:
    """One step, everything that happens to it, and what became of its charge."""

    def __init__(self, category: str, receipts: bool, life_ms: int = HOUR) -> None:
        providers = [Scripted("carrier-a"), Scripted("carrier-b")]
        if not receipts:
            for each in providers:
                each.traits = NO_RECEIPTS
        dispatch = Dispatch(Providers(providers), HandClock(NOON), RetryPolicy(tries=4))
        self.answers = Answers(dispatch, lambda: 0.5)
        self.life = Life("CONCURRENT", "default", "P2", False, category, NOON, NOON + life_ms, NOON)
        self.step = Step(1, "sms", (), False, 0, "", State.QUEUED, NOON, charges=[(1, CHARGE)])
        self.life.steps = [self.step]
        self.life.paid = {(CHARGE.account, 1)}
        self.spent = self.given_back = 0
        self.timers: dict[str, int] = {}
        self.in_hand = True

    def happens(self, what: str, *about: Any) -> None:
        """Something happens, if it can."""
        change, at_once = self._change(what, *about)
        if change is None:
            return
        self.spent += len(change.spend)
        self.given_back += len(change.give_back)
        for kind, _, due_ms in change.timers:
            if due_ms is None:
                self.timers.pop(kind, None)
            else:
                self.timers[kind] = due_ms
        if what == "answer":
            self.in_hand = at_once

    def _number(self, back: int) -> int:
        """The number of the last attempt, or one so far back; -1 is one that never was."""
        return len(self.step.attempts) - back

    def _change(self, what: str, *about: Any) -> tuple[Change | None, bool]:
        if what == "answer":
            back, outcome, unsure = about
            answer = Answer(1, self._number(back), "carrier-a", Result(outcome), (), unsure)
            return self.answers.take(self.life, answer, NOON) or (None, False)
        if what == "receipt":
            back, kind = about
            return transitions.receipt(self.life, 1, self._number(back), kind, NOON, NOON), False
        if what == "wait over":
            over = transitions.receipt_wait_over(self.life, 1, NOON) if TimerKind.RECEIPT in self.timers else None
            return over, False
        change = Change(self.life, NOON)
        if what == "attempt" and self.step.state is State.QUEUED and len(self.step.attempts) < 6:
            self.timers.pop(TimerKind.RETRY, None)  # it came due
            transitions.attempt(change, self.step, "carrier-a")
            self.in_hand = True
            return change, False
        return None, False


@settings(max_examples=500)
@given(st.sampled_from(["ONE_TIME_PASSWORD", "MARKETING"]), st.booleans(), st.sampled_from([100, HOUR]), happenings)
def test_the_books_stay_right(category: str, receipts: bool, life_ms: int, told: list[tuple[Any, ...]]) -> None:
    """A charge is spent or given back once and never both; a final state stays; an open step always has somebody or
    something that brings it on."""
    books = Books(category, receipts, life_ms)
    for one in told:
        before = books.step.state
        books.happens(*one)
        state = books.step.state

        assert state is before or not before.is_final
        assert books.spent + books.given_back + len(books.step.charges) == 1
        if state.is_final:
            assert not books.step.charges
        if state is State.FAILED and one[0] == "answer" and not before.is_final:
            assert not books.step.may_have_gone_out or "FAILED" in books.step.attempts[-1].receipts
        if state in GONE:
            assert books.spent == 1
        if state is State.QUEUED:
            assert books.in_hand or TimerKind.RETRY in books.timers
        if state is State.SENT:
            assert TimerKind.RECEIPT in books.timers
        if state is State.SENDING:
            assert books.step.attempt is not None or TimerKind.RECEIPT in books.timers


@given(outcomes, st.sampled_from(["DELIVERED", "READ", "FAILED"]))
def test_early_receipts_are_part_of_the_answer(outcome: Outcome, kind: str) -> None:
    """What was told before the answer counts with it: an arrival ends an accepted or doubtful step as DELIVERED."""
    books = Books("MARKETING", receipts=True)
    books.happens("attempt")

    answer = Answer(1, 1, "carrier-a", Result(outcome), [Early(kind, NOON - 1)])
    assert books.answers.take(books.life, answer, NOON) is not None

    assert books.step.attempts[0].receipts == [kind]
    if outcome in (Outcome.OK, Outcome.AMBIGUOUS):
        assert books.step.state is (State.FAILED if kind == "FAILED" else State.DELIVERED)


def test_what_was_known_changes_nothing() -> None:
    """An answer that comes twice, or about an attempt that there never was, changes nothing."""
    books = Books("MARKETING", receipts=True)
    books.happens("attempt")
    books.happens("answer", 0, Outcome.OK, False)

    for number in (1, 2, 0):
        again = Answer(1, number, "carrier-a", Result(Outcome.RETRY))
        assert books.answers.take(books.life, again, NOON) is None
