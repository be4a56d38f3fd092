"""The JSON Schema of rule tests, made of the very table of fields that reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from engine.decision.case_shape import CASE, Kind
from engine.decision.case_table import MAX_ROWS
from engine.ruleset.fact_types import MESSAGE_FACTS
from engine.ruleset.json_schema import DIALECT, SCALAR, Schema, described

_KINDS: Final[dict[Kind, Schema]] = {
    Kind.ANY: {},
    Kind.SCALAR: {"type": [*SCALAR, "null"]},
    Kind.NUMBER: {"type": ["number", "null"]},
    Kind.BOOL: {"type": ["boolean", "null"]},
    Kind.TEXTS: {"type": ["array", "null"], "items": {"type": [*SCALAR, "null"]}},
    Kind.MAPPING: {"type": ["object", "null"]},
}
_PARAMETER: Final[Schema] = {"type": "string", "pattern": r"\$"}
"""A value that a row of the case's table gives."""


_GIVEN: Final = CASE["given"]
_PARTS: Final[dict[str, Any]] = {
    "message": _GIVEN["message"],
    "user": _GIVEN["user"],
    "accounts": _GIVEN["accounts"],
    "breakers": _GIVEN["breakers"],
    "subject": _GIVEN["provider"],
    "expect": CASE["expect"],
}
"""Parts of a case that stand in several places, and are told apart from others by being the same object."""


def case_schema() -> Schema:
    """Return the schema of a file of rule tests."""
    plain, of_table = (_case(in_table) for in_table in (False, True))
    parts = {_name(part, in_table): _strict(_PARTS[part], in_table, (part,)) for part in _PARTS for in_table in _BOTH}
    return {
        "$schema": DIALECT,
        "title": "Rule tests",
        "description": "The rule tests of a version: rule_tests/<version>/<name>.yaml.",
        "type": "array",
        "items": {
            "if": {"type": "object", "required": ["table"]},
            "then": {"$ref": "#/$defs/CaseOfTable"},
            "else": {"$ref": "#/$defs/Case"},
        },
        "$defs": {"Case": plain, "CaseOfTable": of_table, **parts},
    }


_BOTH: Final = (False, True)


def _name(part: str, in_table: bool) -> str:
    return part.capitalize() + ("OfTable" if in_table else "")


def _case(in_table: bool) -> Schema:
    made = _schema(CASE, in_table, ())
    made["type"] = "object"
    made["properties"]["name"] = described({"type": SCALAR}, DESCRIPTIONS["name"])
    made["properties"]["table"] = described(_TABLE, DESCRIPTIONS["table"])
    expects = {"required": ["expect"], "properties": {"expect": {"type": "object", "minProperties": 1}}}
    steps = {"type": "array", "contains": {"required": ["expect"], "properties": {"expect": {"type": "object"}}}}
    sequence = {"properties": {"expect": False, "steps": steps}}
    return {
        **made,
        "required": ["name"],
        "if": {"required": ["steps"], "properties": {"steps": {"type": "array"}}},
        "then": sequence,
        "else": expects,
    }


_TABLE: Final[Schema] = {
    "type": "object",
    "properties": {
        "columns": {
            "type": "array",
            "items": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
            "minItems": 1,
            "uniqueItems": True,
            "description": "the names by which the case asks for the values: $amount, ${amount}",
        },
        "rows": {
            "type": "array",
            "items": {"type": ["array", "object"]},
            "minItems": 1,
            "maxItems": MAX_ROWS,
            "description": "a list of values for each case, in the order of the columns, or {amount: 200, …}",
        },
    },
    "required": ["rows"],
    "additionalProperties": False,
}


def _schema(shape: Any, in_table: bool, path: tuple[str, ...]) -> Schema:
    """Return the schema of what `case_shape.check_shape` accepts; in a table a value may be asked for by `$name`."""
    part = next((name for name, one in _PARTS.items() if one is shape), None)
    made = _strict(shape, in_table, path) if part is None else {"$ref": f"#/$defs/{_name(part, in_table)}"}
    if not in_table or not made:
        return made
    return {"anyOf": [made, _PARAMETER]} if path else made


def _strict(shape: Any, in_table: bool, path: tuple[str, ...]) -> Schema:
    match shape:
        case dict() if "*" in shape:
            return {"type": ["object", "null"], "additionalProperties": _schema(shape["*"], in_table, (*path, "*"))}
        case dict():
            fields = {name: _field(shape[name], in_table, (*path, name)) for name in shape}
            named: Schema = {"patternProperties": {r"\$": {}}} if in_table else {}
            return {"type": ["object", "null"], "properties": fields, **named, "additionalProperties": False}
        case list():
            return {"type": ["array", "null"], "items": _schema(shape[0], in_table, path)}
        case (dict() as fields, words):
            return {"anyOf": [_strict(fields, in_table, path), {"enum": [*words]}]}
        case tuple():
            return {"enum": [*shape, None]}
        case _ if path[-1:] == ("facts",):
            return {**_KINDS[shape], "properties": dict(_facts())}
        case _:
            return dict(_KINDS[shape])


def _facts() -> Iterator[tuple[str, Schema]]:
    """Give the facts of every message, to be offered; which others there are, and what each may be, the check says."""
    for fact in MESSAGE_FACTS:
        optional = "; null makes it absent" * fact.optional
        offered = {"examples": [*fact.values]} if fact.values else {}
        yield fact.path, {"description": f"{fact.type.value}{optional}", **offered}


def _field(shape: Any, in_table: bool, path: tuple[str, ...]) -> Schema:
    return described(
        _schema(shape, in_table, path), DESCRIPTIONS[next(key for key in _keys(path) if key in DESCRIPTIONS)]
    )


def _keys(path: tuple[str, ...]) -> Iterator[str]:
    """Give the names by which a field may be described, the longest first, and at last that there is none."""
    words = [word for word in path if word != "*"]
    for first in range(len(words)):
        yield ".".join(words[first:])
    raise KeyError(f"the field {'.'.join(path)} of a rule test has no description in case_schema.py")


DESCRIPTIONS: Final[dict[str, str]] = {
    "name": "what is promised, in a sentence",
    "doc": "more about it, for people",
    "table": "a case for each row of values",
    "given": "the message and the circumstances; what is left out has a default",
    "expect": "what should come out; only what stands here is compared",
    "steps": "messages one after the other, each judged after those before it",
    "at": 'the time, such as "2026-01-05T12:00", on the clock of the user\'s zone',
    "message": "the message; left out: a NOTIFICATION of line cards, tenant bank, to u1",
    "before": "messages judged before it, in order; what they count and charge, the case sees",
    "user": "the user; left out: known, reachable on every channel, in Asia/Shanghai",
    "now": 'the time of the decision, such as "2026-01-05T12:00", which it is if left out',
    "facts": "facts by their paths, such as message.category, over all the rest",
    "ledger": "limits that are used already",
    "accounts": "exactly these accounts exist; left out: enough in every account",
    "breakers": "the states of channels and platform, and what an operator has paused; left out: all NORMAL",
    "given.provider": "a breaker case: the window of a provider",
    "given.channel": "a breaker case: the window of a channel",
    "given.platform": "a breaker case: the window of the platform",
    # of a message
    "tenant": "the tenant that sends it",
    "line": "the business line that sends it",
    "user_id": "whom it is to reach",
    "request_id": "the caller's own name for it",
    "category": "what kind of message it is",
    "priority": "P0 goes first; left out: that of the category",
    "scene": "the occasion, such as security",
    "campaign": "the campaign that it is part of",
    "content": "its text",
    "title": "the title",
    "text": "the text",
    "html": "the rich text",
    "url": "a link",
    "content.channels": "other wording for single channels, by their names",
    "template": "the name of the provider's template, instead of content",
    "params": "what the caller put into params, by name",
    "addresses": "addresses that the message itself brings",
    "addresses.channel": "the channel that the address is of",
    "addresses.value": "the address",
    "wishes": "what the caller would like",
    "wishes.channels": "the channels that the caller restricts it to",
    "strategy": "how it uses its channels",
    "occurred_at": "when the thing told of happened",
    "send_after": "not to be sent before",
    "expire_at": "of no use from then on",
    "owner": "as the caller gave it",
    "department": "as the caller gave it",
    "conversion_goal": "as the caller gave it",
    # of a user
    "known": "false: nobody knows the user, and only addresses of the message count",
    "zone": "the user's time zone, such as Asia/Shanghai",
    "language": "the user's language, such as zh-CN",
    "tags": "labels, such as high",
    "attributes": "facts of the user that facts.yaml declares, by name",
    "user.channels": "the channels on which the user has an address; left out: all",
    "opt_outs": "what the user has declined",
    "opt_outs.channel": "the channel; left out: all",
    "opt_outs.category": "the category; left out: MARKETING",
    # of the circumstances
    "left": "how much is left in the account",
    "unit": "its unit, such as CNY; left out: COUNT",
    "breakers.platform": "the state of the platform",
    "breakers.channels": "the states of channels, by their names",
    "lines": "lines that an operator has paused",
    "campaigns": "campaigns that an operator has paused",
    "limit": "the name of the limit",
    "key": "what it counts apart beside the user, such as {line: cards}; left out: the message's own",
    "ledger.count": "touches so far; left out: 1",
    "start": "when its window began; left out: at the last touch",
    "end": "when its window ends; left out: as long after its beginning as the limit says",
    "last": "when the last touch was; left out: now",
    # of a window
    "subject.name": "the provider, or the channel; the platform has no name",
    "subject.channel": "the channel of the provider",
    "state": "the state that it is in, or should be; left out of given: NORMAL",
    "window": "what was measured; counts are 0 and rates follow from the counts if left out",
    "count": "calls that ended in the window",
    "errors": "calls that failed",
    "timeouts": "calls without an answer",
    "consecutive_timeouts": "calls without an answer, one after the other",
    "error_rate": "errors by count, from 0 to 1",
    "timeout_rate": "timeouts by count, from 0 to 1",
    # of what is expected
    "verdict": "SEND, HOLD or DROP",
    "reason": "why it is held, dropped or refused",
    "until": "until when it is held",
    "expect.channels": "of a SEND: the channels in order, with the later steps of a supplement",
    "decided_by": "the id of the rule that decided",
    "refused": "for the channels named here the reason, or {reason: …, rule: …}",
    "rule": "the id of the rule that refused",
    "charges": "of a SEND: what it takes from every account, {} if nothing",
    "matched": "ids of rules that must have matched",
    "not_matched": "ids of rules that must not have matched",
    "waits": "of a SEND: how long the next step of a supplement waits, by channel: {push: 60s}",
    "waits_for": "of a SEND: the receipt that a supplement waits for, by channel: {push: delivered}",
    "providers": "of a SEND: the providers in the order in which they are tried, by channel",
    "expect.addresses": "of a SEND: to which of the user's addresses it goes, by channel: {sms: newest}",
    "speed": "of SLOW: the share of the usual rate",
    "back": "when it is NORMAL again by itself",
    "windows": "good windows in a row",
    "error_rate_below": "the error rate that a good window stays below",
}
"""What an editor shows about a field, by its name and as many of the names before it as tell it apart."""
