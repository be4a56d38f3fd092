"""The facts rules see: from a message, its user, the time and the state to flat lists of values by slot.

Only what the rule set's conditions mention is filled in; every declared value is checked all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cachetools import LRUCache

from engine.decision.blueprint import account_name
from engine.decision.content import segments, texts, wording
from engine.decision.ledger_model import LedgerModel
from engine.decision.model import Breakers, Content, Message, User
from engine.decision.moment import MINUTE_MS, local_minute
from engine.decision.propose import has_own_address
from engine.errors import FieldViolation, InvalidInput
from engine.ruleset.coercion import coerce
from engine.ruleset.compile import RuleSet
from engine.ruleset.fact_types import MESSAGE_FACTS, NOW_FACTS, UNREACHABLE, FactType
from engine.ruleset.syntax import Type

Values = list[Any]
"""Facts by slot; None = absent, UNREACHABLE = the parent is absent."""

CONTENT_KEPT_LENGTH = 2000
"""Characters of a content that is kept, so that all of them are a few megabytes."""

CONTENTS_KEPT = 4096
"""Contents whose analysis is kept: a campaign says the same to millions."""

BUILT_IN: Final = tuple(fact.path for fact in (*NOW_FACTS, *MESSAGE_FACTS))
"""The facts with which every message list begins, in the order in which `FactsReader.message_values` writes them."""

_CONTRACT: Final = {fact.path: fact for fact in MESSAGE_FACTS}


@dataclass(slots=True)
class _Tree:
    """The declared facts under one struct, such as `message.params`: by name the fact, and below it what it holds."""

    fact: FactType | None = None
    held: dict[str, _Tree] = field(default_factory=dict)

    def place(self, names: list[str]) -> _Tree:
        """Return the node at a path, made when it is missing."""
        return self.held.setdefault(names[0], _Tree()).place(names[1:]) if names else self


class FactsReader:
    """Reads the facts of messages for one rule set. `used` are the paths its conditions mention."""

    def __init__(self, ruleset: RuleSet) -> None:
        schema, used = ruleset.schema, ruleset.used_facts
        assert tuple(fact.path for fact in schema.facts[: len(BUILT_IN)]) == BUILT_IN
        slots = {fact.path: fact.slot for fact in schema.facts}
        self._size = schema.size
        self._tail: Values = [
            UNREACHABLE if fact.parent is not None else None for fact in schema.facts[len(BUILT_IN) :]
        ]
        self._checked = [fact for fact in schema.facts if fact.path.startswith("message.") and _is_narrowed(fact)]
        self._params = _tree(schema.params, "message.params.")
        self._attributes = _tree(schema.attributes, "user.attributes.")
        self._attribute_slots = [fact.slot for fact in schema.attributes]
        self._names = ruleset.channels
        self._keywords = ruleset.keywords
        self._hits = [slots[f"content.hits.{name}"] for name in self._keywords.names]
        self._reads_content = any(path.startswith("content.") for path in used)
        self._reads_length = "content.length" in used
        self._reads_segments = "content.segments" in used
        self._reads_url = "content.has_url" in used
        self._reads_hits = any(path.startswith("content.hits.") for path in used)
        self._analysed: LRUCache[Content, tuple[Any, ...]] = LRUCache(maxsize=CONTENTS_KEPT)
        self._states = [
            (channel, slots[f"channels.{channel}.state"])
            for channel in ruleset.channels
            if f"channels.{channel}.state" in used
        ]
        self._channels = [
            (channel, slots[f"channels.{channel}.state"])
            for channel in ruleset.channels
            if f"channels.{channel}.has_address" in used or f"channels.{channel}.opted_out" in used
        ]
        self._budgets = [
            (account_name(budget.account, ""), slots[f"budget.{budget.name}.left"])
            for budget in schema.budgets
            if f"budget.{budget.name}.left" in used
        ]

    @property
    def reads_accounts(self) -> bool:
        """Do conditions look at accounts, so that one message's charge may change the next one's facts?"""
        return bool(self._budgets)

    def accounts(self, message: Message) -> list[tuple[str, str]]:
        """Return the (tenant, name) of the accounts that conditions look at for a message."""
        return [(message.tenant, account(message)) for account, _slot in self._budgets]

    def attribute_values(self, user: User) -> list[tuple[int, Any]]:
        """Return the (slot, value) pairs of a user's attributes; the same for all messages to the user.

        Raises InvalidInput when an attribute has another type than facts.yaml declares.
        """
        if not user.attributes:
            return []
        filled: Values = [None] * self._size
        filled[len(BUILT_IN) :] = self._tail
        _read_tree(self._attributes, user.attributes, "user.attributes", filled)
        return [(slot, filled[slot]) for slot in self._attribute_slots]

    def message_values(
        self,
        message: Message,
        user: User,
        attributes: list[tuple[int, Any]],
        now_ms: int,
        breakers: Breakers,
        ledger: LedgerModel,
    ) -> Values:
        """Return the facts of one message by slot. Raises InvalidInput for a declared value of another type."""
        # fmt: off
        (tenant, line, user_id, category, priority, request_id, scene, campaign, owner, department, goal, _content,
         template, params, addresses, wished_channels, wished_strategy, occurred_at, send_after, expire_at) = message
        # fmt: on
        content = self._analyse(message) if self._reads_content else _UNREAD
        # One list display in the order of BUILT_IN: a loop over slots and getters takes three times as long (3 us).
        f: Values = [
            *local_minute(user.zone, now_ms // MINUTE_MS),
            now_ms * 1000,
            tenant,
            line,
            user_id,
            request_id or None,
            category,
            priority,
            scene or None,
            campaign or None,
            owner or None,
            department or None,
            goal or None,
            template or None,
            None if occurred_at is None else occurred_at * 1000,
            None if send_after is None else send_after * 1000,
            None if expire_at is None else expire_at * 1000,
            wished_strategy or None,
            wished_channels or None,
            user.known,
            user.tags or None,
            user.zone,
            user.language or None,
            *content[:3],
            breakers.platform,
            *self._tail,
        ]
        if self._reads_hits:
            for slot, severity in zip(self._hits, content[3], strict=True):
                f[slot] = severity
        if params:
            _read_tree(self._params, params, "message.params", f)
        for slot, value in attributes:
            f[slot] = value
        for channel, slot in self._states:
            f[slot] = breakers.channels.get(channel, "NORMAL")
        for channel, slot in self._channels:
            f[slot : slot + 3] = channel_facts(channel, message, user, breakers)[1:]
        for account, slot in self._budgets:
            f[slot] = _left(ledger, message, account)
        if self._checked:
            self._check(f)
        if wished_channels or addresses:
            self._check_channels(wished_channels, addresses)
        return f

    def _check_channels(self, wished: tuple[str, ...], addresses: tuple[tuple[str, str], ...]) -> None:
        named = [(f"message.wishes.channels[{place}]", channel) for place, channel in enumerate(wished)]
        named += [(f"message.addresses[{place}].channel", one[0]) for place, one in enumerate(addresses)]
        unknown = [
            FieldViolation(path, f"is no channel of the rule set; it has {', '.join(self._names)}")
            for path, channel in named
            if channel not in self._names
        ]
        if unknown:
            raise InvalidInput(unknown)

    def _check(self, f: Values) -> None:
        violations = [
            FieldViolation(fact.path, _complaint(fact, f[fact.slot]))
            for fact in self._checked
            if not _is_good(fact, f[fact.slot])
        ]
        if violations:
            raise InvalidInput(violations)

    def _analyse(self, message: Message) -> tuple[Any, ...]:
        """Return the length, the SMS parts, whether there is a link, and the hits of the keyword lists.

        A campaign says the same to everybody, so its contents are kept; other contents hardly ever come twice.
        """
        content = message.content
        if content is None or not message.campaign or content.length > CONTENT_KEPT_LENGTH:
            return self._read_content(message)
        known: tuple[Any, ...] | None = self._analysed.get(content)
        if known is None:
            known = self._analysed[content] = self._read_content(message)
        return known

    def _read_content(self, message: Message) -> tuple[Any, ...]:
        every = texts(message)
        return (
            max(map(len, every), default=0) if self._reads_length else 0,
            segments(wording(message, "sms")) if self._reads_segments else 0,
            self._reads_url and _has_url(message.content, every),
            self._keywords.hits(every) if self._reads_hits else (),
        )


_UNREAD: Final = (0, 0, False, ())


ChannelFacts = tuple[str, str, bool, bool]
"""The facts `channel.*` by slot: name, state, has_address, opted_out."""


def channel_facts(channel: str, message: Message, user: User, breakers: Breakers) -> ChannelFacts:
    """Return the facts `channel.*` of one candidate channel."""
    return (
        channel,
        breakers.channels.get(channel, "NORMAL"),
        channel in user.channels or has_own_address(message, channel),
        user.opted_out(channel, message.category),
    )


def _is_narrowed(fact: FactType) -> bool:
    """Does facts.yaml ask more of this fact than the contract does?"""
    built_in = _CONTRACT.get(fact.path)
    if built_in is None:
        return not fact.optional
    return fact.values != built_in.values or fact.optional != built_in.optional


def _is_good(fact: FactType, value: Any) -> bool:
    if value is None or value is UNREACHABLE:
        return fact.optional
    return fact.values is None or value in fact.values


def _complaint(fact: FactType, value: Any) -> str:
    if value is None or value is UNREACHABLE:
        return "is missing; the rule set's facts.yaml requires it"
    return f"is none of the values that the rule set's facts.yaml lists: {', '.join(fact.values or ())}"


def _tree(facts: Iterable[FactType], prefix: str) -> _Tree:
    tree = _Tree()
    for fact in facts:
        tree.place(fact.path.removeprefix(prefix).split(".")).fact = fact
    return tree


def _read_tree(tree: _Tree, given: Mapping[str, Any], path: str, f: Values) -> None:
    for name, node in tree.held.items():
        fact = node.fact
        if name not in given or fact is None:
            continue
        value = given[name]
        # A finite double needs no coercion; no other number minus itself is 0.
        if fact.type is Type.DOUBLE and type(value) is float and value - value == 0.0:
            f[fact.slot] = value
            continue
        try:
            read = f[fact.slot] = coerce(fact, value)
        except ValueError as error:
            raise InvalidInput([FieldViolation(f"{path}.{name}", str(error))]) from None
        if node.held and read is not None:
            for inner in node.held.values():
                if inner.fact is not None:
                    f[inner.fact.slot] = None
            _read_tree(node, value, f"{path}.{name}", f)


def _left(ledger: LedgerModel, message: Message, account: Callable[[Message], str]) -> float | None:
    if ledger.accounts is None:
        return None
    balance = ledger.accounts.get((message.tenant, account(message)))
    return None if balance is None else balance.left_micros / 1_000_000


def _has_url(content: Content | None, every: list[str]) -> bool:
    if content is not None and (content.url or any(override[4] for override in content.overrides)):
        return True
    return any("://" in text for text in every)
