"""One message with all that decides about it: what a witness is, and what a counterfactual changes.

A situation is written as the `given:` of a rule test, so that whoever is shown one can paste it into a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, Final

from engine.decision.case_given import DEFAULT_MESSAGE, DEFAULT_NOW, DEFAULT_ZONE
from engine.decision.ledger_model import AccountKey, Balance, LedgerModel, Use, UseKey
from engine.decision.model import PRIORITY, Breakers, Content, Message, User, split_tenant_name, unescape
from engine.decision.moment import iso_time, parse_local
from engine.decision.session import State
from engine.ruleset.compile import RuleSet
from engine.ruleset.effects import LIMIT_KEYS, Limit

MICROS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Situation:
    """A message, its user, the time (milliseconds) and the state.

    `uses` are the limits the user has used, `accounts` None means enough in every account. What is paused is in
    `breakers`.
    """

    message: Message
    user: User
    now_ms: int
    breakers: Breakers = field(default_factory=Breakers)
    uses: Mapping[UseKey, Use] = field(default_factory=dict)
    accounts: Mapping[AccountKey, Balance] | None = None

    def state(self) -> State:
        """Return the state for one judgement; judging changes it, so each gets its own."""
        message, user = self.message, self.user
        key = (message.tenant, message.user_id)
        uses = {key: {name: copy(use) for name, use in self.uses.items()}} if self.uses else {}
        accounts = None if self.accounts is None else {name: copy(one) for name, one in self.accounts.items()}
        return State({key: user} if user.known else {}, LedgerModel(uses, accounts), self.breakers, user.zone)

    def with_message(self, **fields: Any) -> Situation:
        """Return the situation with other fields of the message."""
        return replace(self, message=self.message._replace(**fields))

    def with_user(self, **fields: Any) -> Situation:
        """Return the situation with other facts of the user."""
        return replace(self, user=self.user._replace(**fields))


def usual(ruleset: RuleSet) -> Situation:
    """Return what a rule test has that gives nothing: a plain notice at noon to a user with every address."""
    given = DEFAULT_MESSAGE
    category = given["category"]
    message = Message(
        tenant=given["tenant"],
        line=given["line"],
        user_id=given["user_id"],
        category=category,
        priority=PRIORITY[category],
        content=Content("", given["content"]["text"], "", ""),
    )
    user = User(known=True, zone=DEFAULT_ZONE, channels=frozenset(ruleset.channels))
    return Situation(message, user, parse_local(DEFAULT_NOW, DEFAULT_ZONE))


def given_of(situation: Situation, ruleset: RuleSet) -> dict[str, Any]:
    """Write a situation as the `given:` of a rule test; what is as usual is left out."""
    given: dict[str, Any] = {"message": _message(situation.message), "user": _user(situation.user, ruleset)}
    if situation.now_ms != parse_local(DEFAULT_NOW, situation.user.zone):
        given["now"] = _local(situation.now_ms, situation.user.zone)
    given["breakers"] = _breakers(situation.breakers)
    given["ledger"] = [_use(key, use, situation.user.zone, ruleset) for key, use in situation.uses.items()]
    if situation.accounts is not None:
        given["accounts"] = {
            name: {"left": balance.left_micros / MICROS, "unit": balance.unit}
            for (_, name), balance in situation.accounts.items()
        }
    return {name: value for name, value in given.items() if value or name == "accounts"}


def _message(message: Message) -> dict[str, Any]:
    usual_texts = {**DEFAULT_MESSAGE, "priority": PRIORITY[message.category]}
    written = {
        name: value
        for name in (
            "category", "tenant", "line", "user_id", "priority", "request_id", "scene", "campaign", "owner",
            "department", "conversion_goal", "template",
        )
        if (value := getattr(message, name)) and (name == "category" or value != usual_texts.get(name))
    }  # fmt: skip
    if message.content is not None and message.content != Content("", DEFAULT_MESSAGE["content"]["text"], "", ""):
        parts = zip(("title", "text", "html", "url"), message.content[:4], strict=True)
        written["content"] = {name: text for name, text in parts if text}
    if message.params:
        written["params"] = dict(message.params)
    if message.addresses:
        written["addresses"] = [{"channel": channel, "value": value} for channel, value in message.addresses]
    wishes = {"channels": list(message.wished_channels), "strategy": message.wished_strategy}
    if any(wishes.values()):
        written["wishes"] = {name: value for name, value in wishes.items() if value}
    for name in ("occurred_at", "send_after", "expire_at"):
        at_ms = getattr(message, f"{name}_ms")
        if at_ms is not None:
            written[name] = _instant(at_ms)
    return written


def _user(user: User, ruleset: RuleSet) -> dict[str, Any]:
    written: dict[str, Any] = {} if user.known else {"known": False}
    if user.known and user.channels != frozenset(ruleset.channels):
        written["channels"] = sorted(user.channels)
    if user.zone != DEFAULT_ZONE:
        written["zone"] = user.zone
    if user.tags:
        written["tags"] = list(user.tags)
    if user.language:
        written["language"] = user.language
    if user.attributes:
        written["attributes"] = dict(user.attributes)
    if user.opt_outs:
        outs = sorted(user.opt_outs)
        written["opt_outs"] = [
            {**({"channel": channel} if channel else {}), "category": category} for channel, category in outs
        ]
    return written


def _breakers(breakers: Breakers) -> dict[str, Any]:
    written: dict[str, Any] = {}
    states = {channel: state for channel, state in breakers.channels.items() if state != "NORMAL"}
    if states:
        written["channels"] = states
    if breakers.platform != "NORMAL":
        written["platform"] = breakers.platform
    for kind, names in (("lines", breakers.lines), ("campaigns", breakers.campaigns)):
        if names:
            written[kind] = sorted(split_tenant_name(name)[1] for name in names)
    return written


def _use(key: UseKey, use: Use, zone: str, ruleset: RuleSet) -> dict[str, Any]:
    name, counted = key
    times = {"start": use.start_ms, "end": use.end_ms, "last": use.last_ms}
    written: dict[str, Any] = {"limit": name, "count": use.count}
    limit = next((r.effect for r in ruleset.rules if isinstance(r.effect, Limit) and r.effect.name == name), None)
    apart = [word for word in LIMIT_KEYS if limit is not None and word in limit.per and word != "user"]
    if apart:
        written["key"] = dict(zip(apart, map(unescape, counted.split("/")), strict=False))
    return written | {word: _local(at_ms, zone) for word, at_ms in times.items()}


def _local(at_ms: int, zone: str) -> str:
    """Write an instant on the clock of a zone, as short as it can be; with milliseconds as an instant."""
    if at_ms % 1000:
        return _instant(at_ms)
    text = iso_time(at_ms, zone)[:19]
    return text.removesuffix(":00") if parse_local(text, zone) == at_ms else _instant(at_ms)


def _instant(at_ms: int) -> str:
    whole = iso_time(at_ms)
    return whole if at_ms % 1000 == 0 else f"{whole[:-1]}.{at_ms % 1000:03d}Z"
