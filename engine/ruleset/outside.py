"""What CEL has and the language has not, by short names: docs/rules.md lists the same ones."""

from __future__ import annotations

from typing import Final

from engine.errors import SignalboxError

OUTSIDE: Final = {
    "unsigned": "unsigned numbers such as 1u are not part of the language",
    "bytes": 'bytes such as b"x" are not part of the language',
    "null": "null is not part of the language; whether something is there is asked with has()",
    "maps": "maps in { }, and a group of facts as a value of its own, are not part of the language",
    "messages": "messages and enumerations of protobuf are not part of the language",
    "types": "types as values are not part of the language",
    "time-parts": "taking a time apart is not part of the language; rules read now.local_hour and the like",
    "macros": "of the macros only exists, all and has are part of the language, with one name for the item",
    "optionals": "optional values are not part of the language",
    "extensions": "this function is of an extension of CEL and not part of the language",
    "quoted-fields": "names of fields in backquotes are not part of the language",
    "comments": "comments are not part of the language",
    "large": "the expression is longer or nests deeper than a condition may",
}
"""Every entry of the section "Outside the language", with the sentence that is told."""

_MACROS: Final = "exists exists_one existsOne all map filter transformList transformMap transformMapEntry"
_TIME_PARTS: Final = (
    "getDate getDayOfMonth getDayOfWeek getDayOfYear getFullYear getHours getMilliseconds getMinutes getMonth "
    "getSeconds"
)
_TEXTS: Final = "charAt indexOf lastIndexOf join split substring replace format reverse"
_LISTS: Final = "flatten distinct sort sortBy slice first last"
_NETWORK: Final = (
    "ip cidr isIP isCIDR containsIP containsCIDR family prefixLength masked isUnspecified isLoopback isGlobalUnicast "
    "isLinkLocalMulticast isLinkLocalUnicast"
)
_FUNCTIONS: Final = {
    **dict.fromkeys(_MACROS.split(), "macros"),
    **dict.fromkeys(_TIME_PARTS.split(), "time-parts"),
    **dict.fromkeys((*_TEXTS.split(), *_LISTS.split(), *_NETWORK.split()), "extensions"),
    **dict.fromkeys(("orValue", "hasValue", "optMap", "optFlatMap"), "optionals"),
    "uint": "unsigned",
    "bytes": "bytes",
    "type": "types",
}
_NAMESPACES: Final = {
    **dict.fromkeys("math base64 strings sets lists cel proto regex net ip cidr".split(), "extensions"),
    "optional": "optionals",
}
_TYPES: Final = frozenset("bool int uint double string bytes list map null_type type".split())
_PROTOBUF: Final = "google.protobuf."


class OutsideError(SignalboxError):
    """The expression needs something that the language has not; `name` is that entry of `OUTSIDE`."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name}: {OUTSIDE[name]}")
        self.name = name


def refuse_function(name: str, namespace: str = "") -> None:
    """Raise OutsideError for a function that CEL or one of its extensions has and the language has not."""
    found = _NAMESPACES.get(namespace) or _FUNCTIONS.get(name) or ("messages" if name[:1].isupper() else None)
    if found is not None:
        raise OutsideError(found)


def refuse_name(name: str) -> None:
    """Raise OutsideError for a name, of no fact, that CEL gives a meaning of its own: types, and enumerations of
    protobuf, every word of which begins with a capital."""
    if name in _TYPES or name in (f"{_PROTOBUF}Timestamp", f"{_PROTOBUF}Duration"):
        raise OutsideError("types")
    words = name.split(".")
    if name.startswith(_PROTOBUF) or (len(words) > 1 and all(word[:1].isupper() for word in words)):
        raise OutsideError("messages")


def of_syntax(text: str, at: int) -> str | None:
    """The entry that explains why the grammar stops at this place of a text, or None when it is plainly wrong there."""
    sign = text[at : at + 1]
    if sign == "`":
        return "quoted-fields"
    if sign == "?" and text[:at].rstrip()[-1:] in (".", "[", "{", ","):
        return "optionals"
    return None
