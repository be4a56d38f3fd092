"""Evaluate: judge messages against a given state, asking the rules process for what no memo knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Protocol

from engine.decision.facts import Values
from engine.decision.judge import Judge
from engine.decision.ledger_model import LedgerModel
from engine.decision.session import Batch, Item, Judgement, Session, State, Unknown, in_parts
from engine.errors import MatcherUnavailable, RulesUnavailable
from engine.ruleset.compile import RuleSet
from engine.ruleset.fact_types import Scope
from engine.ruleset.match import Matched


class RulesMatcher(Protocol):
    """The rules process, seen from here."""

    async def match(self, digest: str, program: int, fingerprints: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
        """Return the matching rules of each fingerprint under the version with this digest.

        `program` is the position of the scope in `Scope`. Raises MatcherUnavailable.
        """


Peek = Callable[[LedgerModel, Sequence[Judgement]], Awaitable[None]]
"""Reads what proposals ask for into a ledger."""


class Evaluator:
    """Judges messages by the rule set now in force."""

    def __init__(self, matcher: RulesMatcher, default_zone: str) -> None:
        self._matcher = matcher
        self._judge: Judge | None = None
        self.default_zone = default_zone
        self.fallbacks = 0

    def use(self, ruleset: RuleSet) -> None:
        """Put a rule set in force; whatever is being judged finishes under the one before."""
        self._judge = Judge(ruleset)

    @property
    def judge(self) -> Judge:
        """The rule set in force. Raises RulesUnavailable before there is one."""
        if self._judge is None:
            raise RulesUnavailable("no rule set is loaded yet")
        return self._judge

    def session(self, state: State, explain: bool = False) -> Session:
        """Begin to judge against a state under the rule set now in force."""
        return Session(self.judge, state, explain)

    async def evaluate(self, session: Session, items: Sequence[Item], peek: Peek | None = None) -> list[Judgement]:
        """Judge messages in order; one that cannot be judged has its `error` set and counts nothing.

        `peek` reads into the session's ledger what the proposals of a part ask for, where that is kept elsewhere.
        """
        judged: list[Judgement] = []
        async for batch in self._batches(session, items):
            proposed = batch.propose()
            if peek is not None:
                await peek(session.state.ledger, proposed)
            judged += batch.admit()
        return judged

    async def propose(self, session: Session, items: Sequence[Item]) -> list[Judgement]:
        """Make proposals, which are then to be admitted; a message that cannot be judged has its `error` set."""
        return [one async for batch in self._batches(session, items) for one in batch.propose()]

    async def _batches(self, session: Session, items: Sequence[Item]) -> AsyncIterator[Batch]:
        """Cut messages into batches about which nothing is unknown any more."""
        for number, part in enumerate(in_parts(session, items)):
            if number:
                await asyncio.sleep(0)  # others get their turn, and a call that is cancelled ends here
            batch = session.batch(part)
            while unknown := batch.unknown():
                batch.take(unknown, await self._ask(session, unknown))
            yield batch

    async def match(self, scope: Scope, f: Values, c: Sequence[Any]) -> Matched:
        """Match the rules of any scope, such as those of a breaker, against facts."""
        ruleset = self.judge.ruleset
        matcher = self.judge.matcher(scope)
        fingerprint = matcher.fingerprint(f, c)
        known = matcher.memo.get(fingerprint)
        if known is not None:
            return known
        try:
            (rules,) = await self._matcher.match(ruleset.digest, scope.position, [fingerprint])
        except MatcherUnavailable:
            self.fallbacks += 1
            return matcher.interpret(fingerprint, f, c)
        return matcher.learn(fingerprint, rules, f, c)

    async def _ask(self, session: Session, unknown: Sequence[Unknown]) -> list[tuple[int, ...]] | None:
        digest = session.judge.ruleset.digest
        answers: dict[int, tuple[int, ...]] = {}
        try:
            for scope in (Scope.MESSAGE, Scope.CHANNEL):
                places = [place for place, one in enumerate(unknown) if one.scope is scope]
                if places:
                    asked = [unknown[place].fingerprint for place in places]
                    found = await self._matcher.match(digest, scope.position, asked)
                    answers.update(zip(places, found, strict=True))
        except MatcherUnavailable:
            self.fallbacks += len(unknown)
            return None
        return [answers[place] for place in range(len(unknown))]
