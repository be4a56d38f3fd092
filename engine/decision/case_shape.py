"""What a case of a rule test may hold: its fields, and what kind of value each takes, checked with the place."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any, Final

from engine.decision.model import PRIORITY, Reason, Verdict
from engine.ruleset.documents import Mapping, Node, Scalar, Sequence, describe
from engine.ruleset.effects import PRIORITIES
from engine.ruleset.fact_types import STATES, STRATEGIES
from engine.ruleset.issues import Issues, did_you_mean


class Kind(Enum):
    """What a value must be; null always stands for a field that is left out."""

    ANY = "anything"
    SCALAR = "one value"
    NUMBER = "a number"
    BOOL = "true or false"
    TEXTS = "a list of texts"
    MAPPING = "fields"


MESSAGE_KEYS: Final = frozenset(
    "tenant line user_id request_id category priority scene campaign content template params addresses wishes "
    "occurred_at send_after expire_at owner department conversion_goal".split()
)
WINDOW_KEYS: Final = frozenset("count errors timeouts consecutive_timeouts error_rate timeout_rate".split())


def _open(names: Iterable[str], kind: Kind = Kind.SCALAR) -> dict[str, Any]:
    return dict.fromkeys(names, kind)


_SUBJECT = {**_open(("name", "channel")), "state": STATES, "window": _open(sorted(WINDOW_KEYS), Kind.NUMBER)}
_WORDING = _open(("title", "text", "html", "url"))
_MESSAGE: dict[str, Any] = {
    **_open(sorted(MESSAGE_KEYS)),
    "category": tuple(PRIORITY),
    "priority": PRIORITIES,
    "content": {**_WORDING, "channels": {"*": _WORDING}},
    "wishes": {"channels": Kind.TEXTS, "strategy": STRATEGIES},
    "addresses": [_open(("channel", "value"))],
    "params": Kind.MAPPING,
    "template": Kind.ANY,
}
_USER: dict[str, Any] = {
    "known": Kind.BOOL,
    "zone": Kind.SCALAR,
    "language": Kind.SCALAR,
    "tags": Kind.TEXTS,
    "attributes": Kind.MAPPING,
    "channels": Kind.TEXTS,
    "opt_outs": [{"channel": Kind.SCALAR, "category": tuple(PRIORITY)}],
}
_ACCOUNTS = {"*": {"left": Kind.NUMBER, "unit": Kind.SCALAR}}
_BREAKERS = {"platform": STATES, "channels": {"*": STATES}, "lines": Kind.TEXTS, "campaigns": Kind.TEXTS}
_LEDGER = {"key": Kind.MAPPING, "count": Kind.NUMBER, **_open(("limit", "start", "end", "last"))}
_REFUSED = {"reason": tuple(Reason.__members__), "rule": Kind.SCALAR}

EXPECT: Final[dict[str, Any]] = {
    "verdict": tuple(Verdict.__members__),
    "reason": tuple(Reason.__members__),
    "until": Kind.SCALAR,
    "strategy": STRATEGIES,
    "channels": Kind.TEXTS,
    "priority": PRIORITIES,
    "decided_by": Kind.SCALAR,
    "refused": {"*": (_REFUSED, tuple(Reason.__members__))},
    "charges": {"*": Kind.NUMBER},
    "matched": Kind.TEXTS,
    "not_matched": Kind.TEXTS,
    "waits": {"*": Kind.SCALAR},
    "waits_for": {"*": ("delivered", "read")},
    "providers": {"*": Kind.TEXTS},
    "addresses": {"*": ("newest", "all")},
    "state": STATES,
    "speed": Kind.NUMBER,
    "back": _open(("windows", "error_rate_below"), Kind.NUMBER),
}

_STEP: dict[str, Any] = {
    "at": Kind.SCALAR,
    "message": _MESSAGE,
    "user": _USER,
    "accounts": _ACCOUNTS,
    "breakers": _BREAKERS,
    "facts": Kind.MAPPING,
    "expect": EXPECT,
}

CASE: Final[dict[str, Any]] = {
    "name": Kind.SCALAR,
    "doc": Kind.SCALAR,
    "given": {
        "message": _MESSAGE,
        "user": _USER,
        "now": Kind.SCALAR,
        "facts": Kind.MAPPING,
        "before": [{**_MESSAGE, "at": Kind.SCALAR}],
        "ledger": [_LEDGER],
        "accounts": _ACCOUNTS,
        "breakers": _BREAKERS,
        "provider": _SUBJECT,
        "channel": _SUBJECT,
        "platform": _SUBJECT,
    },
    "expect": EXPECT,
    "steps": [_STEP],
}
"""The fields of a case: a dict names them ("*" = any name), a list is a list of such, a tuple of texts the words that
are allowed, a tuple that begins with a dict either that or one of the words after it."""


def check_shape(node: Node, shape: Any, what: str, issues: Issues) -> None:
    """Report every field there is not and every value of another kind, each at its place."""
    if isinstance(node, Scalar) and node.value() is None:
        return
    match shape:
        case dict() if isinstance(node, Mapping):
            _check_fields(node, shape, issues)
        case dict():
            issues.error("wrong-type", node.span, f"{what} holds fields, this is {describe(node)}")
        case list() if isinstance(node, Sequence):
            for item in node.items:
                if isinstance(item, Scalar):  # nothing, too, is no entry
                    issues.error("wrong-type", item.span, f"an entry of {what} holds fields, this is {describe(item)}")
                check_shape(item, shape[0], f"an entry of {what}", issues)
        case list():
            issues.error("wrong-type", node.span, f"{what} is a list, this is {describe(node)}")
        case (dict() as fields, words):
            check_shape(node, fields if isinstance(node, Mapping) else words, what, issues)
        case tuple():
            _check_word(node, shape, what, issues)
        case Kind() if not _is(node, shape):
            issues.error("wrong-type", node.span, f"{what} is {shape.value}, this is {describe(node)}")


def _check_fields(node: Mapping, shape: dict[str, Any], issues: Issues) -> None:
    for key, value in node.entries:
        if "*" in shape:
            check_shape(value, shape["*"], key.text, issues)
        elif key.text in shape:
            check_shape(value, shape[key.text], key.text, issues)
        else:
            hint = did_you_mean(key.text, shape) or "known: " + ", ".join(shape)
            issues.error("unknown-field", key.span, f'unknown field "{key.text[:60]}"', hint)


def _check_word(node: Node, words: tuple[str, ...], what: str, issues: Issues) -> None:
    if not isinstance(node, Scalar):
        issues.error("wrong-type", node.span, f"{what} is one word, this is {describe(node)}", ", ".join(words))
    elif node.text not in words:
        hint = did_you_mean(node.text.upper(), words) or f"one of {', '.join(words)}"
        issues.error("wrong-value", node.span, f"{what} cannot be {describe(node)}", hint)


def _is(node: Node, kind: Kind) -> bool:
    match kind:
        case Kind.ANY:
            return True
        case Kind.MAPPING:
            return isinstance(node, Mapping)
        case Kind.TEXTS:
            return isinstance(node, Sequence) and all(isinstance(item, Scalar) for item in node.items)
        case _ if not isinstance(node, Scalar):
            return False
        case Kind.NUMBER:
            value = node.value()
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Kind.BOOL:
            return isinstance(node.value(), bool)
        case _:
            return True
