"""What becomes of a proposal: `settle`, the second pure half of a decision."""

from __future__ import annotations

from collections.abc import Sequence

from engine.decision.blueprint import Blueprint
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
    """Return the answer: something taken is SEND, else something held is HOLD until the earliest, else DROP."""
    blueprint = proposal.blueprint
    if blueprint is None:
        assert proposal.refusal is not None  # a proposal without candidates says why
        return _refused(proposal.refusal, _rule_id(proposal.refusal, rules, ""), (), version)
    route_id = blueprint.route_rule.id
    if admission.taken:
        plan = _plan(proposal, blueprint, admission)
        refusals = _refusals(blueprint, admission, rules, {step.number for step in plan.steps})
        return Decision(Verdict.SEND, Reason.NONE, 0, plan, route_id, refusals, version)
    deciding = _deciding(admission)
    refusals = _refusals(blueprint, admission, rules, set())
    return _refused(deciding, _rule_id(deciding, rules, route_id), refusals, version)


def _deciding(admission: Admission) -> Refusal:
    """Return what decides when nothing was taken: the earliest hold, or else the first candidate's refusal."""
    refusals = [refusal for refusal in admission.refusals if refusal is not None]
    held = [refusal for refusal in refusals if refusal.held]
    return min(held, key=lambda refusal: refusal.until_ms) if held else refusals[0]


def _refusals(
    blueprint: Blueprint, admission: Admission, rules: Sequence[Rule], parts: set[int]
) -> tuple[ChannelRefusal, ...]:
    """Name the candidates that are no part of the plan; `parts` are the numbers of those that are."""
    return tuple(
        ChannelRefusal(one.choice.channel, refusal.reason, _rule_id(refusal, rules, ""), refusal.held, refusal.until_ms)
        for number, (one, refusal) in enumerate(zip(blueprint.candidates, admission.refusals, strict=True), 1)
        if refusal is not None and number not in parts
    )


def _refused(refusal: Refusal, decided_by: str, refusals: tuple[ChannelRefusal, ...], version: str) -> Decision:
    verdict = Verdict.HOLD if refusal.held else Verdict.DROP
    return Decision(verdict, refusal.reason, refusal.until_ms, None, decided_by, refusals, version)


def _rule_id(refusal: Refusal, rules: Sequence[Rule], without: str) -> str:
    return rules[refusal.rule].id if refusal.rule >= 0 else without


def _plan(proposal: Proposal, blueprint: Blueprint, admission: Admission) -> Plan:
    """Keep the candidates that take part: those taken, and of a supplement also those whose turn comes later."""
    strategy = Strategy[blueprint.route.strategy]
    parts = list(admission.taken)
    if strategy is Strategy.SUPPLEMENT:
        later = range(admission.taken[0] + 1, len(blueprint.candidates))
        parts += [index for index in later if _may_pass_later(admission.refusals[index])]
    steps = []
    for place, index in enumerate(parts):
        choice = blueprint.candidates[index].choice
        waits = strategy is Strategy.SUPPLEMENT and place + 1 < len(parts)
        steps.append(
            Step(
                number=index + 1,
                channel=choice.channel,
                admitted=index in admission.taken,
                wait_ms=choice.wait_ms if waits else 0,
                until=choice.until if waits else "",
                providers=choice.providers,
                all_addresses=choice.all_addresses,
                charges=charges_taken(proposal, blueprint, admission, index),
            )
        )
    return Plan(strategy, proposal.priority, tuple(steps))


def _may_pass_later(refusal: Refusal | None) -> bool:
    """May a later step of a supplement go when its turn comes? What is held or unhealthy now may not be so then."""
    return refusal is None or refusal.held or refusal.reason is Reason.CHANNEL_UNHEALTHY


def charges_taken(proposal: Proposal, blueprint: Blueprint, admission: Admission, index: int) -> tuple[Charge, ...]:
    """Return what taking this candidate cost: a charge per message falls on the first one taken."""
    if index not in admission.taken:
        return ()
    first = index == admission.taken[0]
    asks = blueprint.candidates[index].charges
    return tuple(proposal.charges[ask.charge] for ask in asks if first or ask.per_step)
