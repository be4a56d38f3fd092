"""From facts back to inputs: a situation whose message, user, clock and state give the facts that are wanted.

Most facts are a field of an input and are simply set. Those of the content and of the clock follow from one text and
one instant, so for them a text and an instant are looked for (`texts`, `moments`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, NamedTuple

from engine.analysis.moments import find_moment
from engine.analysis.situation import MICROS, Situation, usual
from engine.analysis.texts import find_content
from engine.decision.blueprint import account_name
from engine.decision.ledger_model import Balance
from engine.decision.model import PRIORITY, Content, User
from engine.decision.moment import is_zone
from engine.ruleset.compile import RuleSet
from engine.ruleset.effects import Charge
from engine.ruleset.fact_types import FactType
from engine.ruleset.syntax import Type
from engine.ruleset.temporal import EPOCH

_FIRST: Final[Mapping[Type, Any]] = {
    Type.BOOL: False,
    Type.INT: 1,
    Type.DOUBLE: 1.0,
    Type.STRING: "x",
    Type.TIMESTAMP: 1_767_585_600_000_000,
    Type.DURATION: 60 * MICROS,
    Type.LIST_STRING: ("x",),
    Type.LIST_INT: (1,),
    Type.LIST_DOUBLE: (1.0,),
}
"""What stands in a fact that must be there and that nobody asked about."""

_MOST_MICROS: Final = 2**63

PLENTY: Final = Balance("", 10**15)
"""What stands in an account that is not asked about."""


class Wanted(NamedTuple):
    """What a fact shall be: any value that `accepts`, tried in the order of `values`; None among them is absent."""

    values: Sequence[Any]
    accepts: Callable[[Any], bool]


def exactly(value: Any) -> Wanted:
    """Want one value."""
    return Wanted((value,), lambda found: bool(found == value))


Set = Callable[[Situation, str, Any, RuleSet], Situation | None]


def with_facts(situation: Situation, wanted: Mapping[str, Wanted], ruleset: RuleSet) -> Situation | None:
    """Return the situation with other facts, or None when no inputs are found that give them.

    Facts that are not wanted may change along where they follow from the same input, such as the weekday from the day.
    A value of a plain fact is taken as it is; whoever wants to be sure reads the facts of the answer.
    """
    made: Situation | None = situation
    for path in sorted(wanted, key=_turn):
        if path.startswith(("now.", "content.")):
            continue
        made = _set_first(made, path, wanted[path], ruleset) if made is not None else None
    if made is not None and any(path.startswith("content.") for path in wanted):
        made = find_content(made, {p: w for p, w in wanted.items() if p.startswith("content.")}, ruleset)
    if made is not None and any(path.startswith("now.") for path in wanted):
        made = find_moment(made, {path: w for path, w in wanted.items() if path.startswith("now.")})
    return made


def ordinary(ruleset: RuleSet) -> Situation:
    """Return the usual message with what facts.yaml asks of every message, so that it is valid."""
    made = usual(ruleset)
    for fact in ruleset.schema.facts:
        if fact.path.startswith("message.") and (not fact.optional or fact.values) and fact.type is not Type.OBJECT:
            made = _made_valid(made, fact, ruleset)
    return made


def _made_valid(situation: Situation, fact: FactType, ruleset: RuleSet) -> Situation:
    name = fact.path.removeprefix("message.")
    present = getattr(situation.message, name, None)
    if fact.path.startswith("message.params."):
        present = None
    if (fact.optional and not present) or (present and (fact.values is None or present in fact.values)):
        return situation
    value = fact.values[0] if fact.values else _FIRST[fact.type]
    return _set(situation, fact.path, value, ruleset) or situation


def _turn(path: str) -> tuple[int, int, str]:
    """What others hang on comes first: whether there is a user, the category, objects before what they hold."""
    first = ("user.known", "user.zone", "message.tenant", "message.line", "message.user_id", "message.category")
    return (first.index(path) if path in first else len(first), path.count("."), path)


def _set_first(situation: Situation, path: str, wanted: Wanted, ruleset: RuleSet) -> Situation | None:
    for value in wanted.values:
        made = _set(situation, path, value, ruleset)
        if made is not None:
            return made
    return None


def _set(situation: Situation, path: str, value: Any, ruleset: RuleSet) -> Situation | None:
    setter = next((setter for prefix, setter in _SETTERS if path.startswith(prefix)), None)
    return None if setter is None else setter(situation, path, value, ruleset)


def _category(situation: Situation, path: str, value: Any, ruleset: RuleSet) -> Situation | None:
    message = situation.message
    own = message.priority != PRIORITY[message.category]
    return situation.with_message(category=value, priority=message.priority if own else PRIORITY[value])


def _template(situation: Situation, path: str, value: Any, ruleset: RuleSet) -> Situation | None:
    content = situation.message.content
    if value:
        return situation.with_message(template=value, content=None)
    return situation.with_message(template="", content=content or Content("", "a test", "", ""))


def _always_there(situation: Situation, path: str, value: Any, ruleset: RuleSet) -> Situation | None:
    return situation.with_message(**{path.removeprefix("message."): value}) if value else None


def _wishes(situation: Situation, path: str, value: Any, ruleset: RuleSet) -> Situation | None:
    if path == "message.wishes.strategy":
        return situation.with_message(wished_strategy=value or "")
    channels = tuple(value or ())
    return situation.with_message(wished_channels=channels) if set(channels) <= set(ruleset.channels) else None


def _message(situation: Situation, path: str, value: Any, ruleset: RuleSet) -> Situation | None:
    name = path.removeprefix("message.")
    if name in ("occurred_at", "send_after", "expire_at"):
        if value is not None and value % 1000:
            return None  # the contract's times have milliseconds
        return situation.with_message(**{f"{name}_ms": None if value is None else value // 1000})
    return situation.with_message(**{name: value or ""}) if name in type(situation.message)._fields else None


def _params(situation: Situation, path: str, value: Any, ruleset: RuleSet) -> Situation | None:
    fact = _declared(path, ruleset)
    params = _placed(situation.message.params, path.split(".")[2:], value, fact)
    return situation.with_message(params=params)


def _attributes(situation: Situation, path: str, value: Any, ruleset: RuleSet) -> Situation | None:
    fact = _declared(path, ruleset)
    if not situation.user.known:
        return situation if value is None else None
    return situation.with_user(attributes=_placed(situation.user.attributes, path.split(".")[2:], value, fact))


def _declared(path: str, ruleset: RuleSet) -> FactType | None:
    return next((fact for fact in ruleset.schema.facts if fact.path == path), None)


def _placed(given: Mapping[str, Any], words: Sequence[str], value: Any, fact: FactType | None) -> dict[str, Any]:
    """Return a struct with one value set, or taken out when it is None; the objects around it are made."""
    made, (word, *rest) = dict(given), words
    if not rest:
        if value is None:
            made.pop(word, None)
        elif fact is None or fact.type is not Type.OBJECT:
            made[word] = as_sent(value, fact.type if fact is not None else None)
        elif not isinstance(made.get(word), Mapping):
            made[word] = {}
        return made
    held = made.get(word)
    if value is not None or isinstance(held, Mapping):
        made[word] = _placed(held if isinstance(held, Mapping) else {}, rest, value, fact)
    return made


def as_sent(value: Any, kind: Type | None) -> Any:
    """Return a fact's value as a caller would send it in `params`."""
    if kind is Type.TIMESTAMP:
        return (EPOCH + timedelta(microseconds=value)).isoformat().replace("+00:00", "Z")
    if kind is Type.DURATION:
        return f"{value // MICROS}s" if value % MICROS == 0 else f"{value}us"
    return list(value) if isinstance(value, tuple) else value


def _known(situation: Situation, path: str, value: Any, ruleset: RuleSet) -> Situation | None:
    if value:
        return situation if situation.user.known else situation.with_user(known=True)
    return replace(situation, user=User(known=False, zone=situation.user.zone))


def _zone(situation: Situation, path: str, value: Any, ruleset: RuleSet) -> Situation | None:
    return situation.with_user(zone=value) if value and is_zone(value) else None


def _of_user(situation: Situation, path: str, value: Any, ruleset: RuleSet) -> Situation | None:
    if not situation.user.known:
        return situation if value is None else None
    if path == "user.tags":
        return situation.with_user(tags=tuple(value or ()))
    return situation.with_user(language=value or "") if path == "user.language" else None


def _platform(situation: Situation, path: str, value: Any, ruleset: RuleSet) -> Situation | None:
    return replace(situation, breakers=replace(situation.breakers, platform=value))


def _channel(situation: Situation, path: str, value: Any, ruleset: RuleSet) -> Situation | None:
    _, channel, what = path.split(".")
    if what == "state":
        states = {**situation.breakers.channels, channel: value}
        states = {name: state for name, state in states.items() if state != "NORMAL"}
        return replace(situation, breakers=replace(situation.breakers, channels=states))
    return (
        _address(situation, channel, value) if what == "has_address" else _opted_out(situation, channel, value, ruleset)
    )


def _address(situation: Situation, channel: str, there: bool) -> Situation:
    message, user = situation.message, situation.user
    if there and user.known:
        return situation.with_user(channels=user.channels | {channel})
    kept = tuple(address for address in message.addresses if address[0] != channel)
    if there:
        return situation.with_message(addresses=(*kept, (channel, f"an address on {channel}")))
    return situation.with_message(addresses=kept).with_user(channels=user.channels - {channel})


def _opted_out(situation: Situation, channel: str, out: bool, ruleset: RuleSet) -> Situation | None:
    user, category = situation.user, situation.message.category
    if not user.known:
        return None if out else situation
    outs = set(user.opt_outs)
    if out:
        outs.add((channel, category))
    elif ("", category) in outs:
        outs = outs - {("", category)} | {(other, category) for other in ruleset.channels if other != channel}
    outs -= set() if out else {(channel, category)}
    return situation.with_user(opt_outs=frozenset(outs))


def _budget(situation: Situation, path: str, value: Any, ruleset: RuleSet) -> Situation | None:
    name = path.split(".")[1]
    budget = next(budget for budget in ruleset.schema.budgets if budget.name == name)
    message = situation.message
    key = (message.tenant, account_name(budget.account, "")(message))
    accounts = dict(situation.accounts if situation.accounts is not None else _plenty(situation, ruleset))
    accounts.pop(key, None)
    if value is not None and not abs(value * MICROS) < _MOST_MICROS:
        return None
    if value is not None:
        accounts[key] = Balance(budget.unit, round(value * MICROS))
    return replace(situation, accounts=accounts)


def _plenty(situation: Situation, ruleset: RuleSet) -> dict[tuple[str, str], Balance]:
    """Give every account that a rule could charge for this message enough, since naming one names all."""
    made: dict[tuple[str, str], Balance] = {}
    message = situation.message
    for rule in ruleset.rules:
        if isinstance(rule.effect, Charge):
            for channel in (rule.effect.channel,) if rule.effect.channel else ruleset.channels:
                key = (message.tenant, account_name(rule.effect.account, channel)(message))
                made[key] = Balance(rule.effect.unit, PLENTY.left_micros)
    return made


_SETTERS: Final[tuple[tuple[str, Set], ...]] = (
    ("message.category", _category),
    ("message.template", _template),
    ("message.tenant", _always_there),
    ("message.line", _always_there),
    ("message.user_id", _always_there),
    ("message.priority", _always_there),
    ("message.wishes.", _wishes),
    ("message.params.", _params),
    ("message.", _message),
    ("user.known", _known),
    ("user.zone", _zone),
    ("user.attributes.", _attributes),
    ("user.", _of_user),
    ("platform.state", _platform),
    ("channels.", _channel),
    ("budget.", _budget),
)
"""Who sets the facts whose paths begin so; the first that fits."""
