"""The levels of a trace: how much is explained of a message, and how dear that may be.

What every rule lacked takes some milliseconds with many rules. A search for what would have to be otherwise judges
thousands of situations, so it goes in slices between which other calls get their turn, one search at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Sequence
from copy import copy
from dataclasses import replace
from time import perf_counter
from typing import Final

from engine.analysis.counterfactual import searching
from engine.analysis.explanation import Explainer, Explanation
from engine.analysis.situation import Situation
from engine.analysis.trials import Trial, Trials
from engine.decision.facts import FactsReader
from engine.decision.judge import Judge
from engine.decision.ledger_model import AccountKey, Balance, UseKey, UserKey, Uses
from engine.decision.model import Message
from engine.decision.session import Judgement, Session, State
from engine.decision.trace import explain
from engine.errors import FieldViolation, InvalidInput, TooLarge, TooManyCalls
from engine.flow.live_parts import LiveParts
from engine.service.translate_decision import write_trace
from engine.service.translate_explanation import write_counterfactual, write_explanation
from signalbox.v1 import decision_pb2
from signalbox.v1 import decision_service_pb2 as contract

SEARCH_BUDGET: Final = 5_000
"""Situations judged for one message at most."""

SEARCHES_WAITING: Final = 8
"""Calls that may wait for the search under way; the next is refused."""

RULES_BATCH_MAX: Final = 20
"""Messages of a batch of which every rule may be explained."""

SLICE_S: Final = 0.002
"""After so long others get their turn."""

DECISION: Final = contract.TRACE_LEVEL_DECISION
RULES: Final = contract.TRACE_LEVEL_RULES
COUNTERFACTUAL: Final = contract.TRACE_LEVEL_COUNTERFACTUAL


def level_of(request: contract.EvaluateRequest | contract.EvaluateBatchRequest | contract.EvaluateStreamRequest) -> int:
    """Return the level that a request asks for; `trace` alone is DECISION. Raises InvalidInput for an unknown one."""
    level = int(request.trace_level)
    if level not in contract.TraceLevel.values():
        raise InvalidInput([FieldViolation("trace_level", f"{level} is no trace level; use 0 to {COUNTERFACTUAL}")])
    return max(level, int(DECISION) if request.trace else 0)


def level_of_many(request: contract.EvaluateBatchRequest | contract.EvaluateStreamRequest) -> int:
    """Return the level of a batch or a stream. Raises InvalidInput for one that is for single messages."""
    level = level_of(request)
    if level >= COUNTERFACTUAL:
        text = "TRACE_LEVEL_COUNTERFACTUAL is for Evaluate only: ask for the one message that matters"
        raise InvalidInput([FieldViolation("trace_level", text)])
    if isinstance(request, contract.EvaluateBatchRequest) and level >= RULES:
        count = len(request.evaluations)
        if count > RULES_BATCH_MAX:
            raise TooLarge(
                f"evaluations: {count} messages; a batch has at most {RULES_BATCH_MAX} with TRACE_LEVEL_RULES"
            )
    return level


class Explaining:
    """Explains judged messages; what it derives of a rule set is kept until another one is asked about."""

    def __init__(self) -> None:
        self._of: Judge | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0

    def _derived(self, judge: Judge) -> tuple[Explainer, Trials]:
        if self._of is not judge:
            self._of, self._explainer, self._trials = judge, Explainer(judge.ruleset), Trials(judge.ruleset)
        return self._explainer, self._trials

    async def trace(self, session: Session, judged: Judgement, level: int) -> decision_pb2.Trace:
        """Write the trace of a message that was judged by a session that explains; once only, for this uses it up."""
        ruleset = session.judge.ruleset
        trace = explain(judged, ruleset)
        wire = write_trace(trace, ruleset)
        if level >= RULES:
            explainer, _ = self._derived(session.judge)
            steps = explainer.explaining(judged, trace, session.state.breakers)
            wire.explanation.CopyFrom(write_explanation(await _in_slices(steps)))
        return wire

    async def search(self, situation: Situation, judge: Judge, reading: Reading) -> decision_pb2.Counterfactual:
        """Search for what would have to be otherwise about a situation that can be judged.

        Raises TooManyCalls when enough calls wait for the search under way.
        """
        if self._waiting > SEARCHES_WAITING:
            raise TooManyCalls(f"{SEARCHES_WAITING} calls wait for the search of another; ask again later")
        self._waiting += 1
        try:
            async with self._turn:
                return await self._search(situation, judge, reading)
        finally:
            self._waiting -= 1

    async def _search(self, situation: Situation, judge: Judge, reading: Reading) -> decision_pb2.Counterfactual:
        _, trials = self._derived(judge)
        trials.forget()
        search = searching(situation, judge.ruleset, SEARCH_BUDGET)
        asked, began_s = next(search), perf_counter()
        while True:
            prepared = await reading.prepared(asked.situation, judge.reader)
            trial = trials.begin(replace(asked, situation=prepared))
            await reading.complete(trial)
            try:
                asked = search.send(trial.end())
            except StopIteration as end:
                return write_counterfactual(end.value) if end.value is not None else decision_pb2.Counterfactual()
            if perf_counter() - began_s > SLICE_S:
                await asyncio.sleep(0)
                began_s = perf_counter()


async def _in_slices(steps: Generator[None, None, Explanation]) -> Explanation:
    began_s = perf_counter()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            explanation: Explanation = end.value
            return explanation
        if perf_counter() - began_s > SLICE_S:
            await asyncio.sleep(0)
            began_s = perf_counter()


class Reading:
    """The server's own state, read for one search as far as a request does not give it; nothing is read twice."""

    def __init__(self, live: LiveParts | None, missing: Sequence[str]) -> None:
        self._live = live if missing else None
        self._missing = missing
        self._asked: set[tuple[UserKey, UseKey] | AccountKey] = set()
        self._uses: dict[UserKey, Uses] = {}
        self._accounts: dict[AccountKey, Balance] = {}

    async def prepared(self, situation: Situation, reader: FactsReader) -> Situation:
        """Return the situation with the accounts that conditions look at for its message."""
        if self._live is None or "accounts" not in self._missing or not reader.reads_accounts:
            return situation
        wanted, known = set(reader.accounts(situation.message)), situation.accounts or {}
        if not wanted <= known.keys() | self._asked:
            state = await self._live.fill(State(), ["accounts"], [situation.message], reader)
            self._asked |= wanted
            self._accounts |= state.ledger.accounts or {}
        read = {name: self._accounts[name] for name in wanted if name in self._accounts}
        return situation if read.keys() <= known.keys() else replace(situation, accounts={**read, **known})

    async def complete(self, trial: Trial) -> None:
        """Read what a trial's proposal asks for, as far as it is not known yet."""
        judged, ledger = trial.judgement, trial.state.ledger
        peek = self._live.peek(self._missing) if self._live is not None else None
        if peek is None or judged.error is not None:
            return
        key = (judged.message.tenant, judged.message.user_id)
        own_uses, own_accounts = ledger.uses.get(key, {}), ledger.accounts or {}
        ledger.uses[key] = self._uses.get(key, {}) | own_uses
        if "accounts" in self._missing:
            ledger.accounts = self._accounts | own_accounts
        asked: set[tuple[UserKey, UseKey] | AccountKey] = {(key, use) for use in judged.proposal.uses}
        asked |= {(key[0], charge.account) for charge in judged.proposal.charges}
        if asked <= self._asked:
            return
        await peek(ledger, [judged])
        self._asked |= asked
        # Only what was read: the rest is this trial's own. Trials change copies, so it stays as it was read.
        self._uses[key] = {name: use for name, use in ledger.uses[key].items() if name not in own_uses}
        self._accounts |= {name: one for name, one in (ledger.accounts or {}).items() if name not in own_accounts}


def situation_of(message: Message, now_ms: int, session: Session) -> Situation:
    """Return a message with all that a session knows about it, before it is judged there."""
    state = session.state
    uses = state.ledger.uses.get((message.tenant, message.user_id), {})
    accounts = state.ledger.accounts
    return Situation(
        message,
        session.user(message),
        now_ms,
        state.breakers,
        {key: copy(use) for key, use in uses.items()},
        None if accounts is None else {name: copy(balance) for name, balance in accounts.items()},
    )
