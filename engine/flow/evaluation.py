"""Evaluate: judge messages against a given state, asking the rules process for what no memo knows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from engine.decision.judge import Judge
from engine.decision.session import Item, Judgement, Session, State, Unknown, in_parts
from engine.errors import MatcherUnavailable, RulesUnavailable
from engine.ruleset.compile import RuleSet
from engine.ruleset.fact_types import Scope


class RulesMatcher(Protocol):
    """The rules process, seen from here."""

    async def match(self, digest: str, program: int, fingerprints: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
        """Return the matching rules of each fingerprint under the version with this digest.

        `program` is the position of the scope in `Scope`. Raises MatcherUnavailable.
        """


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

    async def evaluate(self, session: Session, items: Sequence[Item]) -> list[Judgement]:
        """Judge messages in order; one that cannot be judged has its `error` set and counts nothing."""
        judged: list[Judgement] = []
        for part in in_parts(session, items):
            if judged:
                await asyncio.sleep(0)  # others get their turn, and a call that is cancelled ends here
            batch = session.batch(part)
            while unknown := batch.unknown():
                batch.take(unknown, await self._ask(session, unknown))
            judged += batch.judge()
        return judged

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
