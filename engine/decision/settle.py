"""What becomes of a proposal: `settle`, the second pure half of a decision."""

from __future__ import annotations

from collections.abc import Sequence

from engine.decision.blueprint import KEPT, Blueprint
from engine.decision.model import (
    Admission,
    ChannelRefusal,
    Charge,
    Decision,
    Plan,
    Reason,
    Refusal,
    Step,
    Strategy,
    Verdict,
)
from engine.decision.propose import Proposal
from engine.ruleset.rules import Rule


def settle(proposal: Proposal, admission: Admission, rules: Sequence[Rule], version: str) -> Decision:
    """Return the answer: something taken is SEND, else something held is HOLD until the earliest, else DROP.

    Equal answers under the same rules are the same object.
    """
    plan = proposal.plan
    if plan is None:
        return _settle_refused(proposal, rules, version)
    key = (admission, proposal.charges if admission.taken else (), proposal.message.priority)
    decision = plan.decisions.get(key)
    if decision is None:
        if len(plan.decisions) >= KEPT:
            plan.decisions.clear()
        decision = plan.decisions[key] = _decide(proposal, plan, admission, rules, version)
    return decision


def _settle_refused(proposal: Proposal, rules: Sequence[Rule], version: str) -> Decision:
    """Settle a message that is held or dropped as a whole."""
    refusal, kept = proposal.refusal, proposal.matched.refused
    assert refusal is not None  # a proposal without a plan has one
    decision: Decision | None = kept.get(refusal)
    if decision is None:
        if len(kept) >= KEPT:
            kept.clear()
        decision = kept[refusal] = _refused(refusal, _rule_id(refusal, rules, ""), (), version)
    return decision


def _decide(proposal: Proposal, plan: Blueprint, admission: Admission, rules: Sequence[Rule], version: str) -> Decision:
    route_id = plan.route_rule.id
    refusals = tuple(
        ChannelRefusal(candidate.choice.channel, refusal.reason, _rule_id(refusal, rules, ""), refusal.until_ms)
        for candidate, refusal in zip(plan.candidates, admission.refusals, strict=True)
        if refusal is not None
    )
    if admission.taken:
        made = _plan(proposal, plan, admission)
        return Decision(Verdict.SEND, Reason.NONE, 0, made, route_id, refusals, version)
    held = [refusal for refusal in admission.refusals if refusal is not None and refusal.until_ms]
    first = min(held, key=lambda refusal: refusal.until_ms) if held else admission.refusals[0]
    assert first is not None  # nothing was taken, so every candidate was refused
    return _refused(first, _rule_id(first, rules, route_id), refusals, version)


def _refused(refusal: Refusal, decided_by: str, refusals: tuple[ChannelRefusal, ...], version: str) -> Decision:
    verdict = Verdict.HOLD if refusal.until_ms else Verdict.DROP
    return Decision(verdict, refusal.reason, refusal.until_ms, None, decided_by, refusals, version)


def _rule_id(refusal: Refusal, rules: Sequence[Rule], without: str) -> str:
    return rules[refusal.rule].id if refusal.rule >= 0 else without


def _plan(proposal: Proposal, plan: Blueprint, admission: Admission) -> Plan:
    """Keep the candidates that take part: those taken, and of a supplement also those whose turn comes later."""
    strategy = Strategy[plan.route.strategy]
    parts = list(admission.taken)
    if strategy is Strategy.SUPPLEMENT:
        later = range(admission.taken[0] + 1, len(plan.candidates))
        parts += [index for index in later if admission.refusals[index] is None]
    steps = []
    for place, index in enumerate(parts):
        choice = plan.candidates[index].choice
        waits = strategy is Strategy.SUPPLEMENT and place + 1 < len(parts)
        steps.append(
            Step(
                channel=choice.channel,
                admitted=index in admission.taken,
                wait_ms=choice.wait_ms if waits else 0,
                until=choice.until if waits else "",
                providers=choice.providers,
                all_addresses=choice.all_addresses,
                charges=charges_taken(proposal, plan, admission, index),
            )
        )
    return Plan(strategy, proposal.priority, tuple(steps))


def charges_taken(proposal: Proposal, plan: Blueprint, admission: Admission, index: int) -> tuple[Charge, ...]:
    """Return what taking this candidate cost: a charge per message falls on the first one taken."""
    if index not in admission.taken:
        return ()
    first = index == admission.taken[0]
    asks = plan.candidates[index].charges
    return tuple(proposal.charges[ask.charge] for ask in asks if first or ask.per_step)
