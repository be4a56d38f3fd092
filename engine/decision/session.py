"""Messages judged in order against one state: the steps that Evaluate, rule tests and replay share.

    Judge(rule set) -> Session(state) -> batch of messages -> what no memo knows -> answers -> judgements

A session never waits. It names the fingerprints that its memos do not know; whoever runs it asks a matcher, or the
plain interpreter, hands the answers in, and asks again until there is nothing unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from engine.decision.facts import FactsReader, Values, channel_facts
from engine.decision.ledger_model import LedgerModel, UserKey
from engine.decision.model import Admission, Breakers, Decision, Message, User
from engine.decision.propose import Proposal, propose
from engine.decision.settle import settle
from engine.errors import InvalidInput
from engine.ruleset.compile import MEMO_SIZE, RuleSet
from engine.ruleset.effects import Route
from engine.ruleset.fact_types import Scope
from engine.ruleset.match import Fingerprint, Matched, ScopeMatcher

_NOTHING: Values = []
_NO_ATTRIBUTES: list[tuple[int, Any]] = []


@dataclass(slots=True)
class State:
    """What decisions are made against. `users` None = only what messages say of themselves is known."""

    users: dict[UserKey, User] | None = None
    ledger: LedgerModel = field(default_factory=LedgerModel)
    breakers: Breakers = field(default_factory=Breakers)
    default_zone: str = "Asia/Shanghai"


class Item(NamedTuple):
    """One message to judge, and when."""

    message: Message
    now_ms: int


class Unknown(NamedTuple):
    """A fingerprint that no memo knows, with facts it stands for."""

    scope: Scope
    fingerprint: Fingerprint
    f: Values
    c: Values


class Judgement(NamedTuple):
    """A decision and everything it was made of."""

    item: Item
    user: User
    facts: Values
    matched: Matched
    candidates: tuple[Matched, ...]
    proposal: Proposal
    admission: Admission
    decision: Decision


class Judge:
    """One rule set made ready to decide; shared by all sessions under it."""

    def __init__(self, ruleset: RuleSet, memo_size: int = MEMO_SIZE) -> None:
        self.ruleset = ruleset
        self.reader = FactsReader(ruleset)
        self.message_matcher = ruleset.matcher(Scope.MESSAGE, memo_size)
        self.channel_matcher = ruleset.matcher(Scope.CHANNEL, memo_size)

    def matcher(self, scope: Scope) -> ScopeMatcher:
        """Return the matcher of a scope that messages are judged in."""
        return self.message_matcher if scope is Scope.MESSAGE else self.channel_matcher

    def session(self, state: State) -> Session:
        """Begin to judge against a state; the state is changed as messages are admitted."""
        return Session(self, state)


class Session:
    """A state and the rule set that judges against it."""

    def __init__(self, judge: Judge, state: State) -> None:
        self.judge = judge
        self.state = state
        self._nobody = User(known=False, zone=state.default_zone)
        self._attributes: dict[UserKey, list[tuple[int, Any]]] = {}

    @property
    def one_by_one(self) -> bool:
        """Must each message be judged before the next one's facts are read?"""
        return self.judge.reader.reads_accounts

    def user(self, message: Message) -> User:
        """Return what is known of a message's user."""
        key = (message.tenant, message.user_id)
        if self.state.users is not None:
            user = self.state.users.get(key)
            if user is not None:
                return user
        return self._nobody

    def batch(self, items: Sequence[Item]) -> Batch:
        """Take up messages, in the order in which they are to be judged."""
        return Batch(self, items)

    def read(self, item: Item, user: User) -> Values:
        """Return the facts of one message. Raises InvalidInput when the rule set declares them otherwise."""
        message, reader = item.message, self.judge.reader
        attributes = _NO_ATTRIBUTES
        if user.attributes:
            key = (message.tenant, message.user_id)
            attributes = self._attributes.get(key) or self._attributes.setdefault(key, reader.attribute_values(user))
        return reader.message_values(message, user, attributes, item.now_ms, self.state.breakers, self.state.ledger)


class _Case:
    """One message of a batch on its way; `error` when it cannot be judged."""

    __slots__ = ("candidates", "error", "facts", "fingerprint", "item", "matched", "user")

    def __init__(self, item: Item, user: User) -> None:
        self.item = item
        self.user = user
        self.facts: Values = _NOTHING
        self.fingerprint: Fingerprint = ()
        self.error: InvalidInput | None = None
        self.matched: Matched | None = None
        self.candidates: tuple[Matched, ...] | None = None


class Batch:
    """Messages being judged: call `unknown` and `learn` until nothing is unknown, then `judge`."""

    def __init__(self, session: Session, items: Sequence[Item]) -> None:
        self._session = session
        self._judge = session.judge
        self._answers: dict[tuple[Scope, Fingerprint], Matched] = {}
        self._cases = [self._case(item) for item in items]

    def _case(self, item: Item) -> _Case:
        session = self._session
        case = _Case(item, session.user(item.message))
        try:
            case.facts = session.read(item, case.user)
            case.fingerprint = self._judge.message_matcher.fingerprint(case.facts, _NOTHING)
        except InvalidInput as error:
            case.error = error
        return case

    def unknown(self) -> list[Unknown]:
        """Return what must be matched before the batch can be judged; usually nothing."""
        unknown: dict[tuple[Scope, Fingerprint], Unknown] = {}
        for case in self._cases:
            if case.error is None and case.candidates is None:
                self._look_up(case, unknown)
        return list(unknown.values())

    def _look_up(self, case: _Case, unknown: dict[tuple[Scope, Fingerprint], Unknown]) -> None:
        if case.matched is None:
            case.matched = self._find(Scope.MESSAGE, case.fingerprint, case.facts, _NOTHING, unknown)
        if case.matched is None:
            # Where it will be routed is not known yet: ask for every channel, so that one exchange will do.
            for channel in self._judge.ruleset.channels:
                self._find_channel(case, channel, unknown)
            return
        route = case.matched.route
        if route is None:
            case.candidates = ()
            return
        assert isinstance(route.effect, Route)
        found = [self._find_channel(case, choice.channel, unknown) for choice in route.effect.choices]
        if None not in found:
            case.candidates = tuple(found)  # type: ignore[arg-type]  # None is not among them

    def _find_channel(
        self, case: _Case, channel: str, unknown: dict[tuple[Scope, Fingerprint], Unknown]
    ) -> Matched | None:
        c = channel_facts(channel, case.item.message, case.user, self._session.state.breakers)
        fingerprint = self._judge.channel_matcher.fingerprint(case.facts, c)
        return self._find(Scope.CHANNEL, fingerprint, case.facts, c, unknown)

    def _find(
        self,
        scope: Scope,
        fingerprint: Fingerprint,
        f: Values,
        c: Values,
        unknown: dict[tuple[Scope, Fingerprint], Unknown],
    ) -> Matched | None:
        found = self._judge.matcher(scope).memo.get(fingerprint)
        if found is None:
            # The memo is bounded and shared, so a batch keeps what it learnt until it is judged.
            found = self._answers.get((scope, fingerprint))
            if found is None:
                unknown.setdefault((scope, fingerprint), Unknown(scope, fingerprint, f, c))
        return found

    def learn(self, unknown: Sequence[Unknown], answers: Sequence[tuple[int, ...]]) -> None:
        """Take a matcher's answers, the matched rules of each fingerprint."""
        for one, rules in zip(unknown, answers, strict=True):
            matcher = self._judge.matcher(one.scope)
            self._answers[one.scope, one.fingerprint] = matcher.learn(one.fingerprint, rules, one.f, one.c)

    def interpret(self, unknown: Sequence[Unknown]) -> None:
        """Answer by the plain interpreter instead of a matcher: the same answers, more slowly."""
        for one in unknown:
            matcher = self._judge.matcher(one.scope)
            self._answers[one.scope, one.fingerprint] = matcher.interpret(one.fingerprint, one.f, one.c)

    def judge(self) -> list[Judgement | InvalidInput]:
        """Decide every message in order, each seeing what those before it took; nothing may be unknown any more."""
        return [case.error or self._decide(case) for case in self._cases]

    def _decide(self, case: _Case) -> Judgement:
        item, matched, candidates = case.item, case.matched, case.candidates
        assert matched is not None  # the caller asked until nothing was unknown
        assert candidates is not None
        proposal = propose(item.message, case.user, item.now_ms, matched, candidates)
        admission = self._session.state.ledger.admit(proposal)
        ruleset = self._judge.ruleset
        decision = settle(proposal, admission, ruleset.rules, ruleset.version)
        return Judgement(item, case.user, case.facts, matched, candidates, proposal, admission, decision)


Ask = Callable[[Sequence[Unknown]], list[tuple[int, ...]] | None]
"""Matches fingerprints; None when the matcher is away."""


def judge_now(session: Session, items: Sequence[Item], ask: Ask) -> list[Judgement | InvalidInput]:
    """Judge messages with a matcher that answers at once, for rule tests and replay."""
    judged: list[Judgement | InvalidInput] = []
    for part in in_parts(session, items):
        batch = session.batch(part)
        while unknown := batch.unknown():
            answers = ask(unknown)
            if answers is None:
                batch.interpret(unknown)
            else:
                batch.learn(unknown, answers)
        judged += batch.judge()
    return judged


def in_parts(session: Session, items: Sequence[Item]) -> Sequence[Sequence[Item]]:
    """Cut messages into parts whose facts can be read together."""
    return [[item] for item in items] if session.one_by_one else [items]
