"""What becomes of a proposal: `settle`, the second pure half of a decision."""

from __future__ import annotations

from engine.decision.model import Admission, ChannelRefusal, Decision, Plan, Reason, Refusal, Step, Strategy, Verdict
from engine.decision.outline import Outline, Shape, charges_taken


def settle(outline: Outline, admission: Admission) -> Decision:
    """Return the answer: something taken is SEND, else something held is HOLD until the earliest, else DROP."""
    shape = outline.shape
    if not shape.candidates:
        refusal = outline.refusal
        assert refusal is not None  # a proposal without candidates says why
        return _refused(refusal, _rule_id(refusal, shape, ""), (), shape.version)
    if admission.taken:
        plan = _plan(outline, admission)
        refusals = _refusals(shape, admission, {step.number for step in plan.steps})
        return Decision(Verdict.SEND, Reason.NONE, 0, plan, shape.route_id, refusals, shape.version)
    deciding = _deciding(admission)
    return _refused(
        deciding, _rule_id(deciding, shape, shape.route_id), _refusals(shape, admission, set()), shape.version
    )


def _deciding(admission: Admission) -> Refusal:
    """Return what decides when nothing was taken: the earliest hold, or else the first candidate's refusal."""
    refusals = [refusal for refusal in admission.refusals if refusal is not None]
    held = [refusal for refusal in refusals if refusal.held]
    return min(held, key=lambda refusal: refusal.until_ms) if held else refusals[0]


def _refusals(shape: Shape, admission: Admission, parts: set[int]) -> tuple[ChannelRefusal, ...]:
    """Name the candidates that are no part of the plan; `parts` are the numbers of those that are."""
    return tuple(
        ChannelRefusal(one.choice.channel, refusal.reason, _rule_id(refusal, shape, ""), refusal.held, refusal.until_ms)
        for one, refusal in zip(shape.candidates, admission.refusals, strict=True)
        if refusal is not None and one.number not in parts
    )


def _refused(refusal: Refusal, decided_by: str, refusals: tuple[ChannelRefusal, ...], version: str) -> Decision:
    verdict = Verdict.HOLD if refusal.held else Verdict.DROP
    return Decision(verdict, refusal.reason, refusal.until_ms, None, decided_by, refusals, version)


def _rule_id(refusal: Refusal, shape: Shape, without: str) -> str:
    return shape.rule_ids[refusal.rule] if refusal.rule >= 0 else without


def _plan(outline: Outline, admission: Admission) -> Plan:
    """Keep the candidates that take part: those taken, and of a supplement also those whose turn comes later."""
    strategy = Strategy[outline.shape.strategy]
    parts = taking_part(outline, admission)
    steps = []
    for place, index in enumerate(parts):
        candidate = outline.shape.candidates[index]
        choice = candidate.choice
        waits = strategy is Strategy.SUPPLEMENT and place + 1 < len(parts)
        steps.append(
            Step(
                number=candidate.number,
                channel=choice.channel,
                admitted=index in admission.taken,
                wait_ms=choice.wait_ms if waits else 0,
                until=choice.until if waits else "",
                providers=choice.providers,
                all_addresses=choice.all_addresses,
                charges=tuple(charge for _number, charge in charges_taken(outline, admission, index)),
            )
        )
    return Plan(strategy, outline.priority, tuple(steps))


def taking_part(outline: Outline, admission: Admission) -> list[int]:
    """Return the candidates of the plan in order: those taken, and those of a supplement that may have their turn."""
    parts = list(admission.taken)
    if outline.shape.strategy == "SUPPLEMENT":
        later = range(admission.taken[0] + 1, len(outline.shape.candidates))
        parts += [index for index in later if _may_pass_later(admission.refusals[index])]
    return parts


def _may_pass_later(refusal: Refusal | None) -> bool:
    """May a later step of a supplement go when its turn comes? What is held or unhealthy now may not be so then."""
    return refusal is None or refusal.held or refusal.reason is Reason.CHANNEL_UNHEALTHY
