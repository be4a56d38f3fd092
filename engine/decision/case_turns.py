"""The messages of a case that are judged and compared, one after the other: its own, or that of each step.

What a step says of the user, of breakers and of accounts holds from it on; its message and its facts are its own. The
limits that earlier steps used and the money they spent stay used and spent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.decision.case_facts import with_facts
from engine.decision.case_given import (
    read_accounts,
    read_before,
    read_breakers,
    read_ledger,
    read_message,
    read_now,
    read_user,
)
from engine.decision.case_reading import HELD_ON, Case, CaseStep
from engine.decision.facts import Values
from engine.decision.judge import Judge
from engine.decision.ledger_model import LedgerModel
from engine.decision.model import Message, User
from engine.decision.moment import iso_time
from engine.decision.session import Item, Session, State
from engine.ruleset.compile import RuleSet


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a case with all that it is judged against. `seen` are values the rules see in place of its own.

    `step` is the number of the step, 0 when the case has none; `before` are the messages judged ahead of it.
    """

    step: int
    expect: Mapping[str, Any]
    message: Message
    now_ms: int
    user: User
    state: State
    seen: Mapping[int, Any]
    before: tuple[Item, ...] = ()


def turns_of(case: Case, ruleset: RuleSet) -> Iterator[Turn]:
    """Return the turns of a case in order; the state of each is the one before's, as that has left it.

    Raises ValueError, naming the field, when it comes to what cannot be understood.
    """
    if not case.steps:
        yield _turn(case.given, case.expect, ruleset)
        return
    given, last = dict(case.given), None
    if any(path.startswith("now.") for path in given.get("facts") or ()):
        raise ValueError("facts: now.* belongs into the steps, each of which has its own time")
    for step in case.steps:
        given = _held_on(given, step)
        last = _turn(_of_step(given, step), step.expect, ruleset, last, step)
        given["now"] = iso_time(last.now_ms, last.user.zone)
        yield last


def _held_on(given: Mapping[str, Any], step: CaseStep) -> dict[str, Any]:
    """Return what holds from this step on: fields that it gives take the place of those before."""
    held = dict(given)
    for part in HELD_ON:
        held[part] = _over(given.get(part), step.given.get(part))
    channels = [(one.get("breakers") or {}).get("channels") for one in (given, step.given)]
    held["breakers"]["channels"] = _over(*channels)
    return held


def _of_step(given: Mapping[str, Any], step: CaseStep) -> dict[str, Any]:
    made = dict(given)
    for part in ("message", "facts"):
        made[part] = _over(given.get(part), step.given.get(part))
    made["now"] = step.given.get("at") or given.get("now")
    if step.number > 1:
        made["accounts"] = step.given.get("accounts")
    else:
        both = (given.get("accounts"), step.given.get("accounts"))
        made["accounts"] = None if both == (None, None) else _over(*both)
    return made


def _over(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> dict[str, Any]:
    return {**(before or {}), **(after or {})}


def _turn(
    written: Mapping[str, Any],
    expect: Mapping[str, Any],
    ruleset: RuleSet,
    last: Turn | None = None,
    step: CaseStep | None = None,
) -> Turn:
    put = with_facts(written, ruleset)
    given = put.given
    user = read_user(given, ruleset)
    message = read_message(given.get("message") or {}, user.zone, ruleset)
    now_ms = read_now(given, user.zone, "now" if step is None else "at")
    if last is None:
        ledger, before = read_ledger(given, message, user, now_ms, ruleset), read_before(given, user, ruleset)
    else:
        now_ms, before = _later(now_ms, last), []
        ledger = _carried(last, given, message)
    users = {(message.tenant, message.user_id): user} if user.known else {}
    state = State(users, ledger, read_breakers(given, message.tenant, ruleset), user.zone)
    number = step.number if step is not None else 0
    return Turn(number, expect, message, now_ms, user, state, put.seen, tuple(before))


def _later(now_ms: int, last: Turn) -> int:
    if now_ms < last.now_ms // 1000 * 1000:  # a time that is taken over is written to the second
        raise ValueError("at: lies before the time of the step before")
    return max(now_ms, last.now_ms)


def _carried(last: Turn, given: Mapping[str, Any], message: Message) -> LedgerModel:
    ledger, accounts = last.state.ledger, read_accounts(given, message.tenant)
    if accounts is not None:
        ledger.accounts = {**(ledger.accounts or {}), **accounts}
    return ledger


class TurnSession(Session):
    """A session in which the rules see some values in place of a message's own."""

    def __init__(self, judge: Judge, turn: Turn) -> None:
        super().__init__(judge, turn.state, explain=True)
        self._seen = turn.seen

    def read(self, message: Message, user: User, now_ms: int) -> Values:
        """Return the facts of one message, some put in the place of what it says."""
        f = super().read(message, user, now_ms)
        for slot, value in self._seen.items():
            f[slot] = value
        return f
