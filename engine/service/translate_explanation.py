"""What every rule lacked, and what would have to be otherwise, as messages of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.analysis.atoms import AtomSeen
from engine.analysis.counterfactual import Changed, Counterfactual, Flip
from engine.analysis.explanation import Channels, Explanation, RuleExplained
from engine.service.translate_decision import write_decision
from signalbox.v1 import decision_pb2 as contract

RULES_TOLD: Final = 2_000
"""The most rules told of one message."""

SINGLES_TOLD: Final = 200
"""The most changes of one fact told of one message."""

_CHANNELS: Final = {
    Channels.CANDIDATES: contract.Explanation.CHANNELS_CANDIDATES,
    Channels.ROUTE: contract.Explanation.CHANNELS_ROUTE,
    Channels.DECLARED: contract.Explanation.CHANNELS_DECLARED,
}
_OUTCOME: Final = {
    True: contract.RuleExplanation.OUTCOME_MATCHED,
    False: contract.RuleExplanation.OUTCOME_NOT_MATCHED,
    None: contract.RuleExplanation.OUTCOME_ERRED,
}


def write_explanation(explanation: Explanation, most: int | None = RULES_TOLD) -> contract.Explanation:
    """Write what became of every rule; of more than `most` the last, the furthest from a match, are only counted."""
    told = explanation.rules[:most]
    return contract.Explanation(
        rules=[_rule(one) for one in told],
        left_out=len(explanation.rules) - len(told),
        channels=explanation.channels,
        asked=_CHANNELS[explanation.whose],
        breaker_rules=explanation.windows,
    )


def _rule(one: RuleExplained) -> contract.RuleExplanation:
    return contract.RuleExplanation(
        rule_id=one.rule.id,
        family=one.rule.family,
        channel=one.channel,
        outcome=_OUTCOME[one.matched],
        file=one.rule.file,
        line=one.rule.line,
        asks=one.asks,
        came=one.came,
        atoms=one.atoms,
        failed=_atom(one.failed) if one.failed is not None else None,
        lacking=[_atom(atom) for atom in one.lacking or ()],
        never=one.lacking is None,
    )


def _atom(atom: AtomSeen) -> contract.AtomExplanation:
    return contract.AtomExplanation(text=atom.text, seen=atom.seen, error=atom.error)


def write_counterfactual(found: Counterfactual) -> contract.Counterfactual:
    """Write what would have to be otherwise, and how far was looked."""
    searched = found.searched
    return contract.Counterfactual(
        verdict=_flip(found.verdict) if found.verdict is not None else None,
        plan=_flip(found.plan) if found.plan is not None else None,
        singles=[_flip(flip) for flip in found.singles[:SINGLES_TOLD]],
        judged=searched.judged,
        budget=searched.budget,
        looked=[
            contract.Looked(facts=size, tried=tried, possible=possible)
            for size, (tried, possible) in enumerate(zip(searched.tried, searched.possible, strict=True), 1)
        ],
        facts=searched.facts,
        unreached=searched.unreached,
    )


def _flip(flip: Flip) -> contract.Flip:
    return contract.Flip(
        changes=_changes(flip.changes), along=_changes(flip.along), decision=write_decision(flip.decision)
    )


def _changes(changes: Sequence[Changed]) -> list[contract.FactChange]:
    return [contract.FactChange(path=one.path, before=one.before, after=one.after) for one in changes]
