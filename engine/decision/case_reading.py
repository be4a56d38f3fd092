"""From the text of a rule-test file to cases; what cannot be read is an issue at its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.ruleset.documents import Mapping as MappingNode
from engine.ruleset.documents import Node, Scalar, Sequence, describe, read_yaml
from engine.ruleset.issues import Issues, did_you_mean
from engine.ruleset.source import Source, Span

MESSAGE_KEYS: Final = frozenset(
    "tenant line user_id request_id category priority scene campaign content template params addresses wishes "
    "occurred_at send_after expire_at owner department conversion_goal".split()
)
WINDOW_KEYS: Final = frozenset("count errors timeouts consecutive_timeouts error_rate timeout_rate".split())
_SUBJECT = {"name": None, "channel": None, "state": None, "window": dict.fromkeys(WINDOW_KEYS)}
_MESSAGE: dict[str, Any] = dict.fromkeys(MESSAGE_KEYS)
_MESSAGE["content"] = dict.fromkeys(("title", "text", "html", "url", "channels"))
_MESSAGE["wishes"] = dict.fromkeys(("channels", "strategy"))
_MESSAGE["addresses"] = [dict.fromkeys(("channel", "value"))]

SHAPE: Final[dict[str, Any]] = {
    "name": None,
    "doc": None,
    "given": {
        "message": _MESSAGE,
        "user": {
            "known": None,
            "zone": None,
            "language": None,
            "tags": None,
            "attributes": None,
            "channels": None,
            "opt_outs": [dict.fromkeys(("channel", "category"))],
        },
        "now": None,
        "before": [{**_MESSAGE, "at": None}],
        "ledger": [dict.fromkeys(("limit", "key", "count", "start", "end", "last"))],
        "accounts": {"*": dict.fromkeys(("left", "unit"))},
        "breakers": {"platform": None, "channels": None},
        "provider": _SUBJECT,
        "channel": _SUBJECT,
        "platform": _SUBJECT,
    },
    "expect": {
        "verdict": None,
        "reason": None,
        "until": None,
        "strategy": None,
        "channels": None,
        "priority": None,
        "decided_by": None,
        "refused": None,
        "charges": None,
        "matched": None,
        "waits": None,
        "providers": None,
        "state": None,
        "speed": None,
        "back": dict.fromkeys(("windows", "error_rate_below")),
    },
}
"""The keys a case may have: a nested dict names them, None leaves a value open, a list is a list of such, "*" any."""


@dataclass(frozen=True, slots=True)
class Case:
    """One rule test: what is given, and what of the decision is expected; keys as docs/rules.md lists them."""

    name: str
    file: str
    line: int
    span: Span
    given: Mapping[str, Any]
    expect: Mapping[str, Any]


def read_cases(files: Mapping[str, bytes], issues: Issues) -> Iterator[Case]:
    """Read the cases of all files, in the files' order. `files` maps a name, as shown to people, to the content."""
    for name in sorted(files):
        try:
            source = Source(name, files[name].decode("utf-8-sig"))
        except UnicodeDecodeError:
            issues.error("not-utf8", Source(name, "").whole, "the file is not UTF-8 text", "save it as UTF-8")
            continue
        document = read_yaml(source, issues)
        if isinstance(document, Sequence):
            for node in document.items:
                case = _case(node, issues)
                if case is not None:
                    yield case
        elif document is not None:
            text = (
                f"a rule-test file is a list of cases, each with name, given and expect; this is {describe(document)}"
            )
            issues.error("wrong-type", document.span, text, "- name: …")


def _case(node: Node, issues: Issues) -> Case | None:
    mine = Issues()
    _check_shape(node, SHAPE, "a case", mine)
    issues.extend(mine.sorted())
    if mine.has_errors or not isinstance(node, MappingNode):
        return None
    case = to_plain(node)
    name, expect = case.get("name"), case.get("expect")
    if not isinstance(name, str) or not name:
        issues.error("missing-field", node.span, "the case has no name", "name: say what is promised, in a sentence")
        return None
    if not isinstance(expect, dict) or not expect:
        issues.error("missing-field", node.span, "the case expects nothing", "expect: {verdict: SEND, channels: [sms]}")
        return None
    return Case(name, node.span.source.name, node.span.line, node.span, case.get("given") or {}, expect)


def _check_shape(node: Node, shape: Any, what: str, issues: Issues) -> None:
    if isinstance(shape, dict):
        if isinstance(node, MappingNode):
            _check_keys(node, shape, issues)
        elif not (isinstance(node, Scalar) and node.value() is None and what != "a case"):
            issues.error("wrong-type", node.span, f"{what} holds fields, this is {describe(node)}")
    elif isinstance(shape, list):
        if isinstance(node, Sequence):
            for item in node.items:
                _check_shape(item, shape[0], f"an entry of {what}", issues)
        else:
            issues.error("wrong-type", node.span, f"{what} is a list, this is {describe(node)}")


def _check_keys(node: MappingNode, shape: dict[str, Any], issues: Issues) -> None:
    for key, value in node.entries:
        if "*" in shape:
            _check_shape(value, shape["*"], key.text, issues)
        elif key.text in shape:
            _check_shape(value, shape[key.text], key.text, issues)
        else:
            hint = did_you_mean(key.text, shape) or "known: " + ", ".join(shape)
            issues.error("unknown-field", key.span, f'unknown field "{key.text[:60]}"', hint)


def to_plain(node: Node) -> Any:
    """Return a node as dicts, lists and scalars."""
    if isinstance(node, MappingNode):
        return {key.text: to_plain(value) for key, value in node.entries}
    if isinstance(node, Sequence):
        return [to_plain(item) for item in node.items]
    return node.value()
