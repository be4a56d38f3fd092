"""The long explanation of a decision: which rules matched, what every candidate was checked for, what the rules saw.

It is made from a judgement after the fact, and only when somebody asks. The checks are made again against the ledger as
it was before the message was admitted, which the caller keeps for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from engine.decision.blueprint import CandidateBlueprint, LimitAsk
from engine.decision.ledger_model import Uses, refuse_touch, touch
from engine.decision.model import Admission, Reason, Refusal
from engine.decision.moment import iso_time
from engine.decision.propose import Proposal
from engine.decision.session import Judgement
from engine.ruleset.compile import RuleSet
from engine.ruleset.effects import Effect, Limit
from engine.ruleset.fact_types import UNREACHABLE
from engine.ruleset.rules import Rule
from engine.ruleset.scalars import show_duration


class Result(IntEnum):
    """What became of a candidate; the numbers are the wire's."""

    TAKEN = 1
    NOT_NEEDED = 2
    HELD = 3
    REFUSED = 4


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """A rule that matched or erred, for the message or for one channel."""

    rule: Rule
    channel: str
    erred: bool


@dataclass(frozen=True, slots=True)
class CheckTrace:
    """One check of one candidate; `reason` says why it did not pass, `detail` what was compared."""

    rule_id: str
    passed: bool
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class CandidateTrace:
    """One candidate with every check made, up to the first that refused."""

    channel: str
    result: Result
    checks: tuple[CheckTrace, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """Why a message was decided as it was."""

    rules: tuple[RuleTrace, ...]
    candidates: tuple[CandidateTrace, ...]
    facts: dict[str, Any]


_BY_ITSELF = {
    Reason.NO_ADDRESS: "neither the message nor the user has an address for it",
    Reason.NOT_WISHED: "the caller's wishes leave it out",
    Reason.EXPIRES_FIRST: "it would be held beyond the message's life",
}


def explain(judgement: Judgement, ruleset: RuleSet) -> Trace:
    """Explain a judgement of a session that keeps what is needed for it; once only, for this uses it up."""
    proposal, admission = judgement.proposal, judgement.admission
    steps = [_Step(proposal, admission, index) for index in range(len(proposal.refusals))]
    candidates = tuple(_candidate(step, judgement.before, ruleset) for step in steps)
    return Trace(tuple(_rules(judgement, ruleset)), candidates, _facts(judgement, ruleset))


def _rules(judgement: Judgement, ruleset: RuleSet) -> list[RuleTrace]:
    assert judgement.matched is not None  # it was judged
    answers = [("", judgement.matched)]
    blueprint = judgement.blueprint
    if blueprint is not None:
        channels = [choice.channel for choice in blueprint.route.choices]
        answers += zip(channels, blueprint.answers, strict=True)
    traces = [
        RuleTrace(ruleset.rules[index], channel, erred)
        for channel, matched in answers
        for indexes, erred in ((matched.rules, False), (matched.erred, True))
        for index in indexes
    ]
    return sorted(traces, key=lambda trace: trace.rule.index)


def _facts(judgement: Judgement, ruleset: RuleSet) -> dict[str, Any]:
    values = {fact.path: judgement.facts[fact.slot] for fact in ruleset.schema.facts if fact.path in ruleset.used_facts}
    return {path: value for path, value in values.items() if value is not None and value is not UNREACHABLE}


class _Step(NamedTuple):
    """One candidate of an admission under explanation."""

    proposal: Proposal
    admission: Admission
    place: int

    @property
    def blueprint(self) -> CandidateBlueprint:
        """What the rules ask of it."""
        assert self.proposal.blueprint is not None  # it has candidates
        return self.proposal.blueprint.candidates[self.place]

    @property
    def refusal(self) -> Refusal | None:
        """Why it does not take part."""
        return self.admission.refusals[self.place]

    @property
    def result(self) -> Result:
        """What became of it."""
        if self.place in self.admission.taken:
            return Result.TAKEN
        if self.refusal is None:
            return Result.NOT_NEEDED
        return Result.HELD if self.refusal.held else Result.REFUSED

    @property
    def is_first(self) -> bool:
        """Was nothing taken before it, so that limits and charges per message fall on it?"""
        return not any(taken < self.place for taken in self.admission.taken)


def _candidate(step: _Step, uses: Uses, ruleset: RuleSet) -> CandidateTrace:
    result = step.result
    checks = [] if result is Result.NOT_NEEDED else _checks(step, uses, ruleset)
    if result is Result.TAKEN:
        for ask in _limits(step):
            touch(uses, step.proposal.uses[ask.use], step.proposal, ask)
    return CandidateTrace(step.blueprint.choice.channel, result, tuple(checks))


def _limits(step: _Step) -> list[LimitAsk]:
    return [ask for ask in step.blueprint.limits if step.is_first or ask.per_step]


def _checks(step: _Step, uses: Uses, ruleset: RuleSet) -> list[CheckTrace]:
    proposal, by_rules = step.proposal, step.proposal.refusals[step.place]
    if by_rules is not None:
        detail = _BY_ITSELF.get(by_rules.reason, "the rule leaves this channel out")
        return [_refused(by_rules, proposal, ruleset, detail)]
    checks = [CheckTrace("", True, Reason.NONE, "has an address; no interception rule refuses it")]
    for ask in _limits(step):
        checks.append(_limit(ask, uses, proposal, ruleset))
        if not (checks[-1].passed or ask.hold):
            return checks
    if not all(check.passed for check in checks):
        return checks
    for asked in step.blueprint.charges:
        if not (step.is_first or asked.per_step):
            continue
        account, micros, unit = proposal.charges[asked.charge]
        text = f"{account}: {micros / 1_000_000:g} {unit}"
        if step.refusal is not None and step.refusal.rule == asked.rule:
            return [*checks, _refused(step.refusal, proposal, ruleset, text)]
        checks.append(CheckTrace(ruleset.rules[asked.rule].id, True, Reason.NONE, text))
    return checks


def _refused(refusal: Refusal, proposal: Proposal, ruleset: RuleSet, detail: str) -> CheckTrace:
    if refusal.held:
        detail = f"held until {iso_time(refusal.until_ms, proposal.zone)}"
    rule_id = ruleset.rules[refusal.rule].id if refusal.rule >= 0 else ""
    return CheckTrace(rule_id, False, refusal.reason, detail)


def _limit(ask: LimitAsk, uses: Uses, proposal: Proposal, ruleset: RuleSet) -> CheckTrace:
    key = proposal.uses[ask.use]
    use = uses.get(key)
    refusal = refuse_touch(ask, use, proposal.now_ms, proposal.expire_ms)
    most = "any number" if ask.max is None else str(ask.max)
    by = _counted_by(key[1], ruleset.rules[ask.rule_max].effect)
    name = ask.name + (f" ({by})" if by else "")
    if use is None or proposal.now_ms >= use.end_ms:
        detail = f"{name}: 0 of {most}, no window is running"
    else:
        detail = f"{name}: {use.count} of {most} in the window until {iso_time(use.end_ms, proposal.zone)}"
    if use is not None and ask.min_interval_ms:
        apart = show_duration(ask.min_interval_ms)
        detail += f", last touch {iso_time(use.last_ms, proposal.zone)}, at least {apart} apart"
    rule = ask.rule_max if refusal is None else refusal.rule
    reason = Reason.NONE if refusal is None else refusal.reason
    return CheckTrace(ruleset.rules[rule].id, refusal is None, reason, detail)


def _counted_by(key: str, limit: Effect) -> str:
    """Say for what a limit has a counter of its own; the digest of a content would tell a reader nothing."""
    assert isinstance(limit, Limit)
    named = [part for part in limit.per if part != "user"]
    told = zip(named, key.split("/"), strict=False)
    return ", ".join("this content" if part == "content" else value for part, value in told)
