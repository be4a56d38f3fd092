"""Messages judged in order against one state: the steps that Evaluate, rule tests and replay share.

    Judge(rule set) -> Session(state) -> batch of messages -> what no memo knows -> answers -> judgements

A session never waits. It names the fingerprints that its memos do not know; whoever runs it asks a matcher, or the
plain interpreter, hands the answers in, and asks again until there is nothing unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from engine.decision.blueprint import Blueprint, Remaining
from engine.decision.facts import ChannelFacts, Values, channel_facts
from engine.decision.judge import Judge
from engine.decision.ledger_model import LedgerModel, UserKey, Uses
from engine.decision.model import Admission, Breakers, Decision, Message, User
from engine.decision.propose import Proposal, propose
from engine.errors import InvalidInput
from engine.ruleset.effects import Route
from engine.ruleset.fact_types import Scope
from engine.ruleset.match import Fingerprint, Matched

PART_MESSAGES: Final = 100
PART_CHARACTERS: Final = 100_000
"""How many messages, or characters of content, are judged before others get their turn: some 2 ms."""

_NOTHING: Values = []
_NO_ATTRIBUTES: list[tuple[int, Any]] = []


@dataclass(slots=True)
class State:
    """What decisions are made against. `users` None = only what messages say of themselves is known."""

    users: dict[UserKey, User] | None = None
    ledger: LedgerModel = field(default_factory=LedgerModel)
    breakers: Breakers = field(default_factory=Breakers)
    default_zone: str = "Asia/Shanghai"


class Again(NamedTuple):
    """What is settled about a message that was decided before: the end of its life, and the steps that remain.

    `remaining` None: no step of it was ever enqueued, so everything is decided anew, routing too.
    """

    expire_ms: int
    remaining: Remaining | None


Item = tuple[Message, int] | tuple[Message, int, Again]
"""One message to judge, and when (in milliseconds); `Again` when it was decided before."""


class Unknown(NamedTuple):
    """A fingerprint that no memo knows, with facts it stands for."""

    scope: Scope
    fingerprint: Fingerprint
    f: Values
    c: Sequence[Any]


class Judgement:
    """One message with everything its decision is made of, filled in stage by stage.

    When `error` is set, it could not be judged and the rest says nothing. A plain object with slots, not a chain of
    values: it is the one thing made anew for every message of a batch on its way through all stages.
    """

    __slots__ = (
        "admission",
        "again",
        "before",
        "blueprint",
        "decision",
        "error",
        "facts",
        "fingerprint",
        "matched",
        "message",
        "now_ms",
        "proposal",
        "user",
    )

    message: Message
    now_ms: int
    user: User
    facts: Values
    fingerprint: Fingerprint
    proposal: Proposal
    before: Uses
    admission: Admission
    decision: Decision

    def __init__(self, message: Message, now_ms: int, user: User, again: Again | None) -> None:
        self.message = message
        self.now_ms = now_ms
        self.user = user
        self.again = again
        self.error: InvalidInput | None = None
        self.matched: Matched | None = None
        self.blueprint: Blueprint | None = None


class Session:
    """A state and the rule set that judges against it.

    `explain`: each judgement also keeps, in `before`, what the user had used of the limits it asks for.
    """

    def __init__(self, judge: Judge, state: State, explain: bool = False) -> None:
        self.judge = judge
        self.state = state
        self.explain = explain
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

    def read(self, message: Message, user: User, now_ms: int) -> Values:
        """Return the facts of one message. Raises InvalidInput when the rule set declares them otherwise."""
        reader, state = self.judge.reader, self.state
        attributes = _NO_ATTRIBUTES
        if user.attributes:
            key = (message.tenant, message.user_id)
            attributes = self._attributes.get(key) or self._attributes.setdefault(key, reader.attribute_values(user))
        return reader.message_values(message, user, attributes, now_ms, state.breakers, state.ledger)


class Batch:
    """Messages being judged: call `unknown` and `learn` until nothing is unknown, then `judge`."""

    def __init__(self, session: Session, items: Sequence[Item]) -> None:
        self._session = session
        self._judge = session.judge
        self._states = tuple(sorted(session.state.breakers.channels.items()))
        self._answers: dict[tuple[Scope, Fingerprint], Matched] = {}
        self._judgements = [self._begin(*item) for item in items]
        self._open = [one for one in self._judgements if one.error is None]

    def _begin(self, message: Message, now_ms: int, again: Again | None = None) -> Judgement:
        session = self._session
        user = session.user(message)
        one = Judgement(message, now_ms, user, again)
        try:
            one.facts = session.read(message, user, now_ms)
            one.fingerprint = self._judge.message_matcher.fingerprint(one.facts, _NOTHING)
        except InvalidInput as error:
            one.error = error
        return one

    def unknown(self) -> list[Unknown]:
        """Return what must be matched before the batch can be judged; usually nothing."""
        unknown: dict[tuple[Scope, Fingerprint], Unknown] = {}
        self._open = [one for one in self._open if not self._look_up(one, unknown)]
        return list(unknown.values())

    def _look_up(self, one: Judgement, unknown: dict[tuple[Scope, Fingerprint], Unknown]) -> bool:
        """Find what the rules answer to one message; True when nothing of it is unknown."""
        matched = one.matched
        if matched is None:
            matched = self._find(Scope.MESSAGE, one.fingerprint, one.facts, _NOTHING, unknown)
            if matched is None:
                # Where it will be routed is not known yet: ask for every channel, so that one exchange will do.
                for channel in self._judge.ruleset.channels:
                    self._find_channel(one, self._channel_facts(one, channel), unknown)
                return False
            one.matched = matched
        remaining = one.again.remaining if one.again is not None else None
        if remaining is None and matched.route is None:
            return True
        one.blueprint = self._blueprint(one, matched, remaining, unknown)
        return one.blueprint is not None

    def _blueprint(
        self,
        one: Judgement,
        matched: Matched,
        remaining: Remaining | None,
        unknown: dict[tuple[Scope, Fingerprint], Unknown],
    ) -> Blueprint | None:
        """Find the blueprint for the candidates: at once if such ones were seen before, else by their rules."""
        shared = self._judge.channel_matcher.shared
        key = None
        if shared is not None:
            # All that the facts of a channel are made of, in less time than they would take for each candidate.
            key = (matched, shared(one.facts, _NOTHING), remaining, *_reach(one.message, one.user), self._states)
            blueprint = self._judge.seen(key)
            if blueprint is not None:
                return blueprint
        route = remaining.route if remaining is not None else _route(matched)
        facts = [self._channel_facts(one, choice.channel) for choice in route.choices]
        found = [self._find_channel(one, c, unknown) for c in facts]
        known = tuple([answer for answer in found if answer is not None])
        return self._judge.blueprint(matched, known, key, remaining) if len(known) == len(found) else None

    def _channel_facts(self, one: Judgement, channel: str) -> ChannelFacts:
        return channel_facts(channel, one.message, one.user, self._session.state.breakers)

    def _find_channel(
        self, one: Judgement, c: ChannelFacts, unknown: dict[tuple[Scope, Fingerprint], Unknown]
    ) -> Matched | None:
        fingerprint = self._judge.channel_matcher.fingerprint(one.facts, c)
        return self._find(Scope.CHANNEL, fingerprint, one.facts, c, unknown)

    def _find(
        self,
        scope: Scope,
        fingerprint: Fingerprint,
        f: Values,
        c: Sequence[Any],
        unknown: dict[tuple[Scope, Fingerprint], Unknown],
    ) -> Matched | None:
        found = self._judge.matcher(scope).memo.get(fingerprint)
        if found is None:
            # The memo is bounded and shared, so a batch keeps what it learnt until it is judged.
            found = self._answers.get((scope, fingerprint))
            if found is None:
                unknown.setdefault((scope, fingerprint), Unknown(scope, fingerprint, f, c))
        return found

    def take(self, unknown: Sequence[Unknown], answers: Sequence[tuple[int, ...]] | None) -> None:
        """Take what a matcher said to `unknown`, the matched rules of each; None when it is away."""
        if answers is None:
            self.interpret(unknown)
        else:
            self.learn(unknown, answers)

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

    def propose(self) -> list[Judgement]:
        """Make every message's proposal, in order; nothing may be unknown any more. Admitting is the caller's."""
        for one in self._judgements:
            if one.error is None:
                self._propose(one)
        return self._judgements

    def _propose(self, one: Judgement) -> None:
        message, again = one.message, one.again
        assert one.matched is not None  # the caller asked until nothing was unknown
        paused = self._session.state.breakers.paused(message)
        expire_ms = again.expire_ms if again is not None else None
        one.proposal = propose(message, one.user, one.now_ms, one.matched, one.blueprint, paused, expire_ms)

    def admit(self) -> list[Judgement]:
        """Admit and settle what was proposed, in order, each message seeing what those before it took."""
        ledger, settle, explain = self._session.state.ledger, self._judge.settle, self._session.explain
        admit = ledger.admit
        for one in self._judgements:
            if one.error is None:
                if explain:
                    one.before = ledger.asked_for(one.proposal)
                one.admission = admit(one.proposal)
                one.decision = settle(one.proposal, one.admission)
        return self._judgements

    def judge(self) -> list[Judgement]:
        """Decide every message in order; nothing may be unknown any more."""
        self.propose()
        return self.admit()


def _route(matched: Matched) -> Route:
    assert matched.route is not None  # a message without a route has no candidates to ask about
    assert isinstance(matched.route.effect, Route)
    return matched.route.effect


def _reach(message: Message, user: User) -> tuple[frozenset[str], frozenset[str] | None]:
    """Return the channels on which there is an address, and those on which a message of this kind is not wanted."""
    channels, outs = user.channels, user.opt_outs
    if message.addresses:
        channels = channels.union([channel for channel, _value in message.addresses])
    if not outs:
        return channels, None
    return channels, frozenset([channel for channel, category in outs if category == message.category])


Ask = Callable[[Sequence[Unknown]], list[tuple[int, ...]] | None]
"""Matches fingerprints; None when the matcher is away."""


def judge_now(session: Session, items: Sequence[Item], ask: Ask) -> list[Judgement]:
    """Judge messages with a matcher that answers at once, for rule tests and replay."""
    judged: list[Judgement] = []
    for part in in_parts(session, items):
        batch = session.batch(part)
        while unknown := batch.unknown():
            batch.take(unknown, ask(unknown))
        judged += batch.judge()
    return judged


def in_parts(session: Session, items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Cut messages into parts that are read, matched and judged together."""
    most = 1 if session.one_by_one else PART_MESSAGES
    begin = characters = 0
    for place, item in enumerate(items):
        if place - begin >= most or characters > PART_CHARACTERS:
            yield items[begin:place]
            begin, characters = place, 0
        content = item[0].content
        if content is not None:
            characters += content.length
    if begin < len(items):
        yield items[begin:]
