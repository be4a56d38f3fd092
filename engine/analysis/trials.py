"""Situations judged one after the other as messages are: facts, matching, propose, admit, settle; nothing is counted.

Most differ little from one before, so their rules are matched by the classes of the terms that differ: the same answer,
many times faster with many rules. Whoever wants to be sure has the plain interpreter match them. A trial has two
halves, so that whoever keeps the state elsewhere can read, between them, what a proposal asks for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from cachetools import LRUCache

from engine.analysis.situation import Situation
from engine.decision.cases import interpreted
from engine.decision.facts import FactsReader
from engine.decision.judge import Judge
from engine.decision.ledger_model import LedgerModel
from engine.decision.model import Content, Message
from engine.decision.session import Ask, Judgement, Session, State, Unknown
from engine.ruleset.classes import Judgement as Classed
from engine.ruleset.compile import RuleSet
from engine.ruleset.fact_types import Scope
from engine.ruleset.terms import Atom

MEMO_SIZE: Final = 4_096
"""Answers of the rules that are kept; apart from those of messages, which trials must not push out."""

CONTENTS_KEPT: Final = 64
"""Texts of which it is kept what was found in them."""


@dataclass(frozen=True, slots=True)
class Posed:
    """A situation that is to be judged; `surely`: by the plain interpreter, not by what is known of one like it."""

    situation: Situation
    surely: bool = False


class Trials:
    """Judges situations under one rule set."""

    def __init__(self, ruleset: RuleSet) -> None:
        self.ruleset = ruleset
        self._judge, self._sure = _judge(ruleset), _judge(ruleset)
        self._known: dict[tuple[Scope, Any], _Known] = {}
        self._reading = {scope: _rules_by_term(ruleset, scope) for scope in (Scope.MESSAGE, Scope.CHANNEL)}

    def begin(self, posed: Posed) -> Trial:
        """Propose what would become of a situation."""
        if posed.surely:
            return Trial(self._sure, posed.situation, interpreted)
        return Trial(self._judge, posed.situation, self._ask)

    def forget(self) -> None:
        """Begin anew: what follows is like another message."""
        self._known.clear()

    def judged(self, situation: Situation) -> Judgement:
        """Judge a situation by its own state alone, by the plain interpreter."""
        return self.begin(Posed(situation, surely=True)).end()

    def _ask(self, unknown: Sequence[Unknown]) -> list[tuple[int, ...]]:
        return [self._match(one) for one in unknown]

    def _match(self, one: Unknown) -> tuple[int, ...]:
        """Match facts by their classes. Only what reads a term in another class than before is asked again."""
        program = self.ruleset.programs[one.scope]
        classes = program.every_class(one.f, one.c)
        key = (one.scope, one.c[0] if one.c else None)
        known = self._known.get(key)
        if known is None:
            matching = frozenset(rule for rule in program.judgements if program.holds(rule, classes))
            self._known[key] = _Known(classes, matching)
            return tuple(sorted(matching))
        rules = self._reading[one.scope]
        terms = (term for term, (a, b) in enumerate(zip(classes, known.classes, strict=True)) if a != b)
        again = {rule for term in terms for rule in rules[term]}
        return tuple(sorted((known.matching - again) | {rule for rule in again if program.holds(rule, classes)}))


class _Reader(FactsReader):
    """Reads the facts of messages that mostly say the same: what is found in a text is kept, however long it is."""

    def __init__(self, ruleset: RuleSet) -> None:
        super().__init__(ruleset)
        self._found: LRUCache[Content | None, tuple[Any, ...]] = LRUCache(CONTENTS_KEPT)

    def _analyse(self, message: Message) -> tuple[Any, ...]:
        if message.template:
            return super()._analyse(message)  # it is its params that are read then
        found: tuple[Any, ...] | None = self._found.get(message.content)
        if found is None:
            found = self._found[message.content] = super()._analyse(message)
        return found


def _judge(ruleset: RuleSet) -> Judge:
    judge = Judge(ruleset, MEMO_SIZE)
    judge.reader = _Reader(ruleset)
    return judge


class _Known(NamedTuple):
    """The classes of some facts, and the rules that match them."""

    classes: tuple[int, ...]
    matching: frozenset[int]


def _rules_by_term(ruleset: RuleSet, scope: Scope) -> list[set[int]]:
    """The rules that read each term."""
    program = ruleset.programs[scope]
    found: list[set[int]] = [set() for _ in program.terms]
    for rule, judgement in program.judgements.items():
        for term in _terms(judgement):
            found[term].add(rule)
    return found


def _terms(judgement: Classed) -> Iterator[int]:
    if isinstance(judgement, Atom):
        yield judgement.term
    elif not isinstance(judgement, bool):
        for part in judgement[1]:
            yield from _terms(part)


class Trial:
    """One situation, proposed and not yet admitted. `judgement.error` says when it cannot be judged."""

    def __init__(self, judge: Judge, situation: Situation, ask: Ask) -> None:
        message, user = situation.message, situation.user
        self._key = (message.tenant, message.user_id)
        accounts = None if situation.accounts is None else dict(situation.accounts)
        ledger = LedgerModel({self._key: dict(situation.uses)}, accounts)
        self.state = State({self._key: user} if user.known else {}, ledger, situation.breakers, user.zone)
        self._batch = Session(judge, self.state, explain=True).batch([(message, situation.now_ms)])
        while unknown := self._batch.unknown():
            self._batch.take(unknown, ask(unknown))
        (self.judgement,) = self._batch.propose()

    def end(self) -> Judgement:
        """Admit and settle it."""
        if self.judgement.error is None:
            self._own_what_changes()
            self._batch.admit()
        return self.judgement

    def _own_what_changes(self) -> None:
        """Copy what the admission counts and charges: the situation's own is there for the next trial."""
        proposal, ledger = self.judgement.proposal, self.state.ledger
        uses = ledger.uses.get(self._key, {})
        uses |= {key: copy(uses[key]) for key in proposal.uses if key in uses}
        if ledger.accounts is not None:
            names = {(self._key[0], charge.account) for charge in proposal.charges}
            ledger.accounts |= {name: copy(ledger.accounts[name]) for name in names if name in ledger.accounts}
