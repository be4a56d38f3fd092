"""One rule set made ready to decide, with everything that is derived from it and kept."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from engine.decision.blueprint import Blueprint, Remaining, draw
from engine.decision.facts import FactsReader
from engine.decision.model import Admission, Decision
from engine.decision.outline import Shape, outline, pack_outline, pack_shape, shape_of, shape_of_refusal
from engine.decision.propose import Proposal
from engine.decision.settle import settle
from engine.ruleset.compile import MEMO_SIZE, RuleSet
from engine.ruleset.fact_types import Scope
from engine.ruleset.match import Matched, ScopeMatcher
from engine.ruleset.memo import Memo

DERIVED_KEPT: Final = 32_768
"""Blueprints, and likewise decisions, that are kept; a blueprint is kept under two keys."""


WINDOWS_KEPT: Final = 1_024
"""Different windows of breakers, by what their rules can tell apart, whose answers are kept."""


class Judge:
    """One rule set made ready to decide; shared by all sessions under it."""

    def __init__(self, ruleset: RuleSet, memo_size: int = MEMO_SIZE) -> None:
        self.ruleset = ruleset
        self.reader = FactsReader(ruleset)
        self.message_matcher = ruleset.matcher(Scope.MESSAGE, memo_size)
        self.channel_matcher = ruleset.matcher(Scope.CHANNEL, memo_size)
        self._window_matchers: dict[Scope, ScopeMatcher] = {}
        self._blueprints: Memo[Hashable, Blueprint] = Memo(DERIVED_KEPT)
        self._decisions: Memo[Hashable, Decision] = Memo(DERIVED_KEPT)
        self._shapes: Memo[Blueprint, bytes] = Memo(DERIVED_KEPT)

    def matcher(self, scope: Scope) -> ScopeMatcher:
        """Return the matcher of a scope."""
        if scope is Scope.MESSAGE:
            return self.message_matcher
        if scope is Scope.CHANNEL:
            return self.channel_matcher
        if scope not in self._window_matchers:
            self._window_matchers[scope] = self.ruleset.matcher(scope, WINDOWS_KEPT)
        return self._window_matchers[scope]

    def seen(self, key: Hashable) -> Blueprint | None:
        """Return the blueprint kept under facts that always lead to it, or None."""
        return self._blueprints.get(key)

    def blueprint(
        self, matched: Matched, candidates: tuple[Matched, ...], seen: Hashable, remaining: Remaining | None
    ) -> Blueprint:
        """Return what these answers ask, and keep it: under them, and under `seen` for the next time.

        `remaining`: the candidates are these steps of an earlier route instead of the matched routing rule's.
        """
        key = (matched, candidates, remaining)
        found = self._blueprints.get(key)
        if found is None:
            found = draw(matched, candidates, remaining)
            self._blueprints.put(key, found)
        if seen is not None:
            self._blueprints.put(seen, found)
        return found

    def settle(self, proposal: Proposal, admission: Admission) -> Decision:
        """Settle a proposal; a decision equal to one made before is that one."""
        key: Hashable
        if proposal.blueprint is None:
            key = (proposal.refusal,)
        else:
            charges = proposal.charges if admission.taken else ()
            key = (proposal.blueprint, admission, charges, proposal.message.priority)
        decision = self._decisions.get(key)
        if decision is None:
            decision = settle(outline(proposal, self._shape(proposal)), admission)
            self._decisions.put(key, decision)
        return decision

    def pack_outline(self, proposal: Proposal) -> bytes:
        """Write what is kept of a proposal; the part that all messages of its blueprint share is written once."""
        blueprint = proposal.blueprint
        if blueprint is None:
            return pack_outline(proposal, pack_shape(self._shape(proposal)))
        shape = self._shapes.get(blueprint)
        if shape is None:
            shape = pack_shape(self._shape(proposal))
            self._shapes.put(blueprint, shape)
        return pack_outline(proposal, shape)

    def _shape(self, proposal: Proposal) -> Shape:
        rules, version = self.ruleset.rules, self.ruleset.version
        if proposal.blueprint is None:
            return shape_of_refusal(proposal.refusal, rules, version)
        return shape_of(proposal.blueprint, rules, version)
