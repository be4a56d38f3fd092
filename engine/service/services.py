"""The services of the contract, each with its servicer, made from the parts that answer for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.descriptor import ServiceDescriptor

from engine.flow.cancelling import Cancelling
from engine.flow.dead_letters import DeadLetters
from engine.flow.evaluation import Evaluator
from engine.flow.intake import Intake
from engine.flow.live_parts import LiveParts
from engine.flow.live_state import LiveState
from engine.flow.lookup import Lookup
from engine.flow.parts import State
from engine.flow.reload import Reloader
from engine.flow.rules_process import RulesProcess
from engine.flow.timeline import Timeline
from engine.service.budget import BudgetServicer
from engine.service.channels import ChannelParts, ChannelServicer, Provider
from engine.service.counts import Counts
from engine.service.decisions import DecisionServicer
from engine.service.identities import IdentityServicer
from engine.service.messages import MessageParts, MessageServicer, Report
from engine.service.rules import RuleServicer
from engine.state import dead_letters
from signalbox.v1 import (
    budget_service_pb2,
    channel_service_pb2,
    decision_service_pb2,
    identity_service_pb2,
    message_service_pb2,
    rule_service_pb2,
)

DECISIONS = decision_service_pb2.DESCRIPTOR.services_by_name["DecisionService"]
MESSAGES = message_service_pb2.DESCRIPTOR.services_by_name["MessageService"]
IDENTITIES = identity_service_pb2.DESCRIPTOR.services_by_name["IdentityService"]
BUDGET = budget_service_pb2.DESCRIPTOR.services_by_name["BudgetService"]
CHANNELS = channel_service_pb2.DESCRIPTOR.services_by_name["ChannelService"]
RULES = rule_service_pb2.DESCRIPTOR.services_by_name["RuleService"]


@dataclass(frozen=True, slots=True)
class Answering:
    """What answers calls. `timeline` is None on the real clock; `report` takes receipts in."""

    process: RulesProcess
    evaluator: Evaluator
    reloader: Reloader
    state: State
    intake: Intake
    live: LiveState
    providers: Sequence[Provider]
    report: Report
    timeline: Timeline | None


def servicers(parts: Answering, counts: Counts, batch_max: int) -> dict[ServiceDescriptor, object]:
    """Make one servicer for each service of the contract."""
    state = parts.state
    keys, now_ms = state.store.keys, state.clock.now_ms
    messages = MessageParts(
        intake=parts.timeline or parts.intake,
        finder=Lookup(state.messages, state.queries),
        queries=state.queries,
        feed=state.feed,
        cancelling=Cancelling(state.messages, state.changes, state.queries, state.events, keys, now_ms),
        dead_letters=DeadLetters(dead_letters.DeadLetters(state.store), state.messages, state.changes, keys, now_ms),
        report=parts.report,
        keys=keys,
        timeline=parts.timeline,
    )
    channels = ChannelParts(
        control=state.control,
        lanes=state.lanes,
        channels=lambda: parts.evaluator.judge.ruleset.channels,
        providers=parts.providers,
        timeline=parts.timeline,
    )
    return {
        DECISIONS: DecisionServicer(parts.evaluator, counts, now_ms, batch_max, LiveParts(parts.live)),
        MESSAGES: MessageServicer(messages, counts, now_ms, parts.timeline is not None, batch_max),
        IDENTITIES: IdentityServicer(state.identities, now_ms),
        BUDGET: BudgetServicer(state.accounts, state.refill, now_ms),
        CHANNELS: ChannelServicer(channels, now_ms),
        RULES: RuleServicer(parts.reloader, parts.process, parts.evaluator),
    }
