"""What an editor shows about fixed words and written values in the JSON Schemas, beside the descriptions of fields.

`enumDescriptions`, `errorMessage` and `examples` bind no validator; editors with yaml-language-server show them where a
word is chosen, where a value is wrong, and where one is to be written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

Schema = dict[str, Any]

VOCABULARIES: Final[tuple[Mapping[str, str], ...]] = (
    {
        "ONE_TIME_PASSWORD": "a code that the user waits for",
        "TRANSACTION": "a change of an account",
        "SERVICE": "an answer of the customer service",
        "NOTIFICATION": "a notice of any other kind",
        "REPAYMENT": "a payment that is due or booked",
        "MARKETING": "an offer",
    },
    {"P0": "goes before everything else", "P1": "urgent", "P2": "usual", "P3": "may wait for all others"},
    {
        "NONE": "there is none",
        "SCHEDULED": "send_after is ahead",
        "QUIET_HOURS": "not at this hour",
        "EXPIRED": "the message's life is over",
        "EXPIRES_FIRST": "its life would be over before a hold ends",
        "NO_ROUTE": "no routing rule matched",
        "NO_ADDRESS": "neither the message nor the user has an address on the channel",
        "NOT_WISHED": "the caller's wishes leave the channel out",
        "OPTED_OUT": "the user has declined it",
        "FORBIDDEN_CONTENT": "its words must not go out",
        "BLOCKED": "the user, the line or the like is blocked",
        "CHANNEL_UNHEALTHY": "the channel is slowed down or paused",
        "NOT_ELIGIBLE": "the user is none that it is for",
        "COMPLIANCE": "a law or a regulation forbids it",
        "LIMIT_REACHED": "the max of a limit",
        "TOO_SOON": "the min_interval of a limit",
        "BUDGET_EXHAUSTED": "too little is left in an account",
        "ACCOUNT_UNKNOWN": "there is no such account",
        "ACCOUNT_UNIT": "the account is kept in another unit",
        "PAUSED": "an operator has paused its line or campaign",
    },
    {"NORMAL": "all is well", "SLOW": "goes on at a share of its usual rate", "PAUSED": "takes nothing"},
    {
        "CONCURRENT": "all channels at once",
        "SUPPLEMENT": "one after the other, until one is confirmed",
        "DISTRIBUTION": "exactly one channel",
    },
    {"SEND": "it goes now", "HOLD": "it waits, then it is decided anew", "DROP": "it goes to nobody"},
    {"delivered": "when it has arrived", "read": "when the user has seen it; that it arrived confirms nothing"},
    {"newest": "to the newest address that the user has there", "all": "to every address, counted as one touch"},
    {
        "user": "always: a limit counts the touches of one user",
        "line": "each business line its own",
        "scene": "each scene its own; messages without one share one",
        "channel": "each channel its own",
        "category": "each category its own",
        "content": "the same text with the same title and links",
        "campaign": "each campaign its own",
    },
    {
        "bool": "true or false",
        "int": "a whole number",
        "double": "a number, such as an amount",
        "string": "a text",
        "timestamp": 'a moment, such as "2026-01-05T12:00:00+08:00"',
        "duration": 'such as "90s"',
        "list<string>": "several texts",
        "list<int>": "several whole numbers",
        "list<double>": "several numbers",
        "object": "a group of fields, each declared by its own path",
    },
    {"first": "meant so: the first row that matches decides", "unique": "a mistake that the check refuses"},
    {"segments": "for each part that the text has as an SMS", "1": "for each message, which is so if left out"},
    {"hold": "it waits until the touch would pass"},
)
"""Words that are chosen from, with their meanings; a word may stand in several with another meaning."""


class _Written(NamedTuple):
    """How the value of a field is written, and what to offer."""

    how: str
    examples: tuple[str, ...] = ()


_ID: Final = _Written("small letters, digits and dashes, at most 63 characters")
_LABEL: Final = _Written("a name of letters, digits, -, _ and . with at most 63 characters")
WRITTEN: Final[Mapping[str, _Written]] = {
    "wait": _Written("a duration is a whole number and its unit: 60s, 30m, 2h or 7d", ("60s", "30m")),
    "min_interval": _Written("a duration is a whole number and its unit: 60s, 30m, 24h or 7d", ("30m", "24h")),
    "window": _Written("a duration is a whole number and its unit, 300s, 24h or 7d; or day", ("24h", "7d", "day")),
    "until": _Written('a time of day is two digits, a colon, two digits, in quotes: "09:00"', ("09:00",)),
    "unit": _Written("a currency of three capital letters, such as CNY, or COUNT", ("CNY", "COUNT")),
    "account": _Written("what stands in { } is one of tenant line channel category scene campaign department"),
    "id": _ID,
    "name": _ID,
    "remove": _ID,
    "replaces": _ID,
    "channel": _LABEL,
    "to": _LABEL,
}
"""Of fields whose value must have a form, by their names."""

TITLES: Final[Mapping[str, str]] = {
    "Rule": "a rule",
    "Table": "a decision table",
    "Grid": "columns and rows",
    "Choice": "a channel with more",
    "Step": "a step with more",
    "Distribute": "exactly one channel",
    "LimitForm": "a limit",
    "ChargeForm": "a charge",
    "DropForm": "a drop",
    "HoldForm": "a hold",
    "ExcludeForm": "an exclusion",
    "SetForm": "a state",
    "BackForm": "the way back",
    "Removal": "a removal",
    "OwnFact": "a fact of your own",
    "FactOfUser": "a fact of the user",
    "Case": "a case",
    "CaseOfTable": "a case of a table",
}
"""What parts of a schema are called where an editor offers one with all that it must have, by how their names end."""


def with_help(schema: Mapping[str, Any]) -> Schema:
    """Return the schema of a file with what an editor shows besides."""
    made: Schema = _helped(schema, "")
    for name, part in made.get("$defs", {}).items():
        title = next((TITLES[end] for end in sorted(TITLES, key=len, reverse=True) if _bare(name).endswith(end)), None)
        if title is not None:
            made["$defs"][name] = {"title": title, **part}
    return made


def _bare(name: str) -> str:
    return name.removesuffix("InTable")


def _helped(schema: Any, field: str) -> Any:
    """Return a part of a schema with its help; `field` is the field whose value it is, empty if it is none's."""
    if isinstance(schema, list):
        return [_helped(one, field) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    made = {
        name: {key: _helped(part, key) for key, part in below.items()}
        if name == "properties"
        else _helped(below, field if name in ("anyOf", "oneOf", "items") else "")
        for name, below in schema.items()
    }
    return {**_title(schema, field), **made, **dict(_words(schema)), **dict(_form(schema, field))}


def _title(schema: Mapping[str, Any], field: str) -> Schema:
    """Return what a group of fields is called that has no name of its own in the schema."""
    fields = schema.get("properties", {})
    if field == "then" and fields:
        return {"title": "an effect"}
    if fields.keys() == {"when", "doc"}:
        return {"title": "a named condition"}
    return {"title": "a list from a file"} if "from" in fields else {}


def _words(schema: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Give the meanings of the words to choose from, in their order; nothing where one has none."""
    words = schema.get("enum")
    if not isinstance(words, list):
        return
    texts = [str(word) for word in words if word is not None]
    known = next((one for one in VOCABULARIES if one.keys() >= set(texts)), None)
    if known is not None:
        yield "enumDescriptions", ["left out" if word is None else known[str(word)] for word in words]


def _form(schema: Mapping[str, Any], field: str) -> Iterator[tuple[str, Any]]:
    written = WRITTEN.get(field)
    if written is None or schema.get("pattern", "\\$") == "\\$":  # none, or the value of a row of a test
        return
    yield "errorMessage", written.how
    if written.examples:
        yield "examples", list(written.examples)
