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
from engine.decision.moment import local_time
from engine.decision.propose import has_address
from engine.errors import FieldViolation, InvalidInput
from engine.ruleset.coercion import coerce
from engine.ruleset.compile import RuleSet
from engine.ruleset.fact_types import MESSAGE_FACTS, UNREACHABLE, FactType, Scope

Values = list[Any]
"""Facts by slot; None = absent, UNREACHABLE = the parent is absent."""

CONTENTS_KEPT = 4096
"""Contents whose analysis is kept: a campaign says the same to millions."""

_MESSAGE_FACTS = {
    "tenant": "tenant",
    "line": "line",
    "user_id": "user_id",
    "request_id": "request_id",
    "category": "category",
    "priority": "priority",
    "scene": "scene",
    "campaign": "campaign",
    "owner": "owner",
    "department": "department",
    "conversion_goal": "conversion_goal",
    "template": "template",
    "wishes.strategy": "wished_strategy",
    "wishes.channels": "wished_channels",
}
_MESSAGE_TIMES = {"occurred_at": "occurred_at_ms", "send_after": "send_after_ms", "expire_at": "expire_at_ms"}
_USER_FACTS = ("known", "tags", "zone", "language")
_BUILT_IN: Final = {fact.path: fact for fact in MESSAGE_FACTS}
_LOCAL_TIME = ("hour", "minute", "weekday", "day", "date")


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
        self._keywords = ruleset.keywords
        self._blank: Values = [UNREACHABLE if fact.parent is not None else None for fact in schema.facts]
        slots = {fact.path: fact.slot for fact in schema.facts}
        checked = [fact for fact in schema.facts if fact.path.startswith("message.") and _is_narrowed(fact)]
        wanted = used | {fact.path for fact in checked}
        self._checked = checked
        self._direct = _fields(slots, wanted, _MESSAGE_FACTS)
        self._times = _fields(slots, wanted, _MESSAGE_TIMES)
        self._params = _tree(schema.params, "message.params.")
        self._attributes = _tree(schema.attributes, "user.attributes.")
        self._user = [(name, slots[f"user.{name}"]) for name in _under(used, "user.") if name in _USER_FACTS]
        self._attribute_slots = [fact.slot for fact in schema.attributes]
        self._now = [(n, slots[f"now.local_{name}"]) for n, name in enumerate(_LOCAL_TIME) if f"now.local_{name}" in used]
        self._instant = slots["now.timestamp"] if "now.timestamp" in used else None
        self._content = [(name, slots[f"content.{name}"]) for name in _under(used, "content.")]
        self._reads_hits = any(name.startswith("hits.") for name, _slot in self._content)
        self._analysed: LRUCache[Content, tuple[Any, ...]] = LRUCache(maxsize=CONTENTS_KEPT)
        self._platform = slots["platform.state"] if "platform.state" in used else None
        self._channels = [
            (*name.split("."), slots[f"channels.{name}"]) for name in _under(used, "channels.")
        ]
        self._budgets = [
            (account_name(budget.account, ""), slots[f"budget.{budget.name}.left"])
            for budget in schema.budgets
            if f"budget.{budget.name}.left" in used
        ]
        self._subject = [fact.path.removeprefix("channel.") for fact in schema.subjects(Scope.CHANNEL)]

    @property
    def reads_accounts(self) -> bool:
        """Do conditions look at accounts, so that one message's charge may change the next one's facts?"""
        return bool(self._budgets)

    def user_values(self, user: User) -> list[tuple[int, Any]]:
        """Return the (slot, value) pairs of a user's facts; the same for all messages to the user.

        Raises InvalidInput when an attribute has another type than facts.yaml declares.
        """
        simple: dict[str, Any] = {
            "known": user.known,
            "tags": user.tags or None,
            "zone": user.zone,
            "language": user.language or None,
        }
        values = [(slot, simple[name]) for name, slot in self._user]
        if user.attributes:
            filled = self._blank.copy()
            _read_tree(self._attributes, user.attributes, "attributes", filled)
            values += [(slot, filled[slot]) for slot in self._attribute_slots]
        return values

    def message_values(
        self,
        message: Message,
        user: User,
        user_values: list[tuple[int, Any]],
        now_ms: int,
        breakers: Breakers,
        ledger: LedgerModel,
    ) -> Values:
        """Return the facts of one message by slot. Raises InvalidInput for a declared value of another type."""
        f = self._blank.copy()
        for slot, index in self._direct:
            f[slot] = message[index] or None
        for slot, index in self._times:
            at_ms = message[index]
            f[slot] = None if at_ms is None else at_ms * 1000
        if message.params:
            _read_tree(self._params, message.params, "message.params", f)
        if self._checked:
            self._check(f)
        for slot, value in user_values:
            f[slot] = value
        if self._now:
            local = local_time(user.zone, now_ms)
            for index, slot in self._now:
                f[slot] = local[index]
        if self._instant is not None:
            f[self._instant] = now_ms * 1000
        if self._content:
            for (_name, slot), value in zip(self._content, self._analyse(message), strict=True):
                f[slot] = value
        if self._platform is not None:
            f[self._platform] = breakers.platform
        for channel, name, slot in self._channels:
            f[slot] = _channel_fact(channel, name, message, user, breakers)
        for account, slot in self._budgets:
            f[slot] = _left(ledger, message, account)
        return f

    def channel_values(self, channel: str, message: Message, user: User, breakers: Breakers) -> Values:
        """Return the facts `channel.*` of one candidate channel by slot."""
        return [_channel_fact(channel, name, message, user, breakers) for name in self._subject]

    def _check(self, f: Values) -> None:
        violations = [
            FieldViolation(fact.path, _complaint(fact, f[fact.slot]))
            for fact in self._checked
            if not _is_good(fact, f[fact.slot])
        ]
        if violations:
            raise InvalidInput(violations)

    def _analyse(self, message: Message) -> tuple[Any, ...]:
        content = message.content
        if content is None:
            return self._read_content(message)
        known: tuple[Any, ...] | None = self._analysed.get(content)
        if known is None:
            known = self._analysed[content] = self._read_content(message)
        return known

    def _read_content(self, message: Message) -> tuple[Any, ...]:
        every = list(texts(message))
        readers: dict[str, Callable[[], Any]] = {
            "length": lambda: max(map(len, every), default=0),
            "segments": lambda: segments(wording(message, "sms")),
            "has_url": lambda: _has_url(message.content, every),
        }
        hits = dict(zip(self._keywords.names, self._keywords.hits(every), strict=True)) if self._reads_hits else {}
        return tuple(
            hits[name.removeprefix("hits.")] if name.startswith("hits.") else readers[name]()
            for name, _slot in self._content
        )


def _under(used: frozenset[str], prefix: str) -> list[str]:
    return sorted(path.removeprefix(prefix) for path in used if path.startswith(prefix))


def _fields(slots: Mapping[str, int], wanted: frozenset[str], names: Mapping[str, str]) -> list[tuple[int, int]]:
    return [
        (slots[f"message.{name}"], Message._fields.index(field))
        for name, field in names.items()
        if f"message.{name}" in wanted
    ]


def _is_narrowed(fact: FactType) -> bool:
    """Does facts.yaml ask more of this fact than the contract does?"""
    built_in = _BUILT_IN.get(fact.path)
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
    return f'"{value}" is none of the values that the rule set\'s facts.yaml lists: {", ".join(fact.values or ())}'


def _tree(facts: Iterable[FactType], prefix: str) -> _Tree:
    tree = _Tree()
    for fact in facts:
        tree.place(fact.path.removeprefix(prefix).split(".")).fact = fact
    return tree


def _read_tree(tree: _Tree, given: Mapping[str, Any], path: str, f: Values) -> None:
    for name, value in given.items():
        node = tree.held.get(name)
        if node is None or node.fact is None:
            continue
        try:
            read = f[node.fact.slot] = coerce(node.fact, value)
        except ValueError as error:
            raise InvalidInput([FieldViolation(f"{path}.{name}", str(error))]) from None
        if node.held and read is not None:
            for inner in node.held.values():
                if inner.fact is not None:
                    f[inner.fact.slot] = None
            _read_tree(node, value, f"{path}.{name}", f)


def _channel_fact(channel: str, name: str, message: Message, user: User, breakers: Breakers) -> Any:
    match name:
        case "name":
            return channel
        case "state":
            return breakers.channels.get(channel, "NORMAL")
        case "has_address":
            return has_address(message, user, channel)
        case _:
            return user.opted_out(channel, message.category)


def _left(ledger: LedgerModel, message: Message, account: Callable[[Message], str]) -> float | None:
    if ledger.accounts is None:
        return None
    balance = ledger.accounts.get((message.tenant, account(message)))
    return None if balance is None else balance.left_micros / 1_000_000


def _has_url(content: Content | None, every: list[str]) -> bool:
    if content is not None and (content.url or any(override[4] for override in content.overrides)):
        return True
    return any("://" in text for text in every)
