"""Reads facts.yaml into declarations: the channels, the facts of one's own, the budgets and the constants."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from engine.ruleset.documents import Mapping, Node, Scalar, Sequence, describe
from engine.ruleset.fact_types import MESSAGE_FACTS, RESERVED, ROOTS
from engine.ruleset.issues import Issues, did_you_mean
from engine.ruleset.source import Span
from engine.ruleset.syntax import Literal, Type, Value

MAX_FACTS: Final = 500
MAX_VALUES: Final = 1000
MAX_SEGMENTS: Final = 8
MAX_TEXT: Final = 1000

FILE_FIELDS: Final = ("channels", "facts", "budgets", "define", "doc")
CHANNEL_FIELDS: Final = ("doc", "receipts")
BUDGET_FIELDS: Final = ("account", "unit", "doc")
FACT_FIELDS: Final = ("type", "doc", "required", "values")
"""What may stand in facts.yaml, and in what it declares."""

CONDITION_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)
"""What can stand between the points of a path."""
_SIMPLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
_DECLARABLE = ("message.params.", "user.attributes.")
_TYPES = {kind.value: kind for kind in Type}
_UNIT = re.compile(r"[A-Z]{3,8}", re.ASCII)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}|[{}]")
_PLACEHOLDERS = ("tenant", "line", "category", "scene", "campaign", "department")


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel of this rule set; `receipts` says whether its providers report what became of a message."""

    name: str
    doc: str
    receipts: bool


@dataclass(frozen=True, slots=True)
class Budget:
    """An account whose rest rules may read as `budget.<name>.left`; `account` is a template such as {line}/sms."""

    name: str
    account: str
    unit: str


@dataclass(frozen=True, slots=True)
class Declared:
    """One line under `facts:`. `kind` is None when only `values` or `required` of a built-in fact is given."""

    path: str
    kind: Type | None
    required: bool
    values: tuple[str, ...] | None
    doc: str
    span: Span


@dataclass(slots=True)
class Declarations:
    """All of facts.yaml."""

    channels: list[Channel] = field(default_factory=list)
    facts: list[Declared] = field(default_factory=list)
    budgets: list[Budget] = field(default_factory=list)
    definitions: dict[str, Literal] = field(default_factory=dict)


def read_declarations(document: Node, issues: Issues) -> Declarations:
    """What the document declares; what is wrong is in `issues` and left out."""
    made = Declarations()
    if not isinstance(document, Mapping):
        text = f"facts.yaml holds fields such as channels: and facts:, not {describe(document)}"
        issues.error("wrong-type", document.span, text)
        return made
    for key, node in document.entries:
        if key.text == "channels":
            made.channels = list(_channels(node, issues))
        elif key.text == "facts":
            made.facts = list(_facts(node, issues))
        elif key.text == "budgets":
            made.budgets = list(_budgets(node, issues))
        elif key.text == "define":
            made.definitions = read_definitions(_constants(node), issues)
        elif key.text != "doc":
            _unknown_field(key, FILE_FIELDS, issues)
    if not made.channels and document.get("channels") is None:
        hint = "channels: {sms: {doc: Text message, receipts: true}}"
        issues.error("missing-field", document.span.source.span(0, 0), "facts.yaml must declare the channels", hint)
    return made


def _constants(define: Node) -> Node:
    """The part of a `define:` that is constants and lists; the rest is the business of `definitions.py`."""
    if not isinstance(define, Mapping):
        return define
    return Mapping(tuple(entry for entry in define.entries if not isinstance(entry[1], Mapping)), define.span)


def read_definitions(node: Node, issues: Issues) -> dict[str, Literal]:
    """The constants and lists of a `define:` that may hold nothing else."""
    made: dict[str, Literal] = {}
    for key, value in _entries(node, issues, "define: holds names with a constant or a list each"):
        literal = read_literal(key.text, value, issues) if is_definable(key, issues) else None
        if literal is not None:
            made[key.text] = literal
    return made


def is_definable(key: Scalar, issues: Issues) -> bool:
    """Whether a name may be given to something that conditions name."""
    if CONDITION_WORD.fullmatch(key.text) and key.text not in RESERVED and key.text not in ROOTS:
        return True
    text = f'"{key.text[:60]}" cannot be the name of a definition'
    issues.error("bad-name", key.span, text, "letters, digits and _, no word of CEL, no first word of a fact")
    return False


def read_literal(name: str, node: Node, issues: Issues) -> Literal | None:
    """The constant or list that a name is given to; None and an issue if it is neither."""
    if isinstance(node, Scalar):
        value, kind = _constant(node, issues)
        return None if kind is None else Literal(value, kind, 0, 0, name)
    if not isinstance(node, Sequence) or not node.items or len(node.items) > MAX_VALUES:
        text = f"a definition is a constant or a list of 1 to {MAX_VALUES} constants, not {describe(node)}"
        issues.error("wrong-type", node.span, text)
        return None
    values: list[Value] = []
    first: Type | None = None
    for item in node.items:
        value, kind = _constant(item, issues)
        first = first or kind
        if kind is None or first is None:
            return None
        if kind is not first or kind is Type.BOOL:
            text = "the items of a list are all strings, all ints or all doubles"
            issues.error("wrong-type", item.span, text, "write 1.0 for a double")
            return None
        values.append(value)
    return Literal(tuple(values), _TYPES[f"list<{first.value}>"], 0, 0, name)  # type: ignore[arg-type,union-attr]  # one type, seen above


def _constant(node: Node, issues: Issues) -> tuple[Value, Type | None]:
    value = node.value() if isinstance(node, Scalar) else None
    if isinstance(value, bool):
        return value, Type.BOOL
    if isinstance(value, int):
        if -(2**63) <= value < 2**63:
            return value, Type.INT
        issues.error("wrong-type", node.span, "the number does not fit into 64 bits")
    elif isinstance(value, float):
        return value, Type.DOUBLE
    elif isinstance(value, str) and len(value) <= MAX_TEXT:
        return value, Type.STRING
    else:
        issues.error("wrong-type", node.span, f"a constant is a text, a number, true or false, not {describe(node)}")
    return "", None


def _channels(node: Node, issues: Issues) -> Iterator[Channel]:
    entries = _entries(node, issues, "channels: holds a name and {doc, receipts} for each channel")
    if not entries and isinstance(node, Mapping):
        issues.error("missing-field", node.span, "at least one channel must be declared")
    for key, value in entries:
        if not _SIMPLE_NAME.fullmatch(key.text) or key.text in RESERVED:
            issues.error("bad-name", key.span, "the name of a channel is lower-case letters, digits and _")
            continue
        fields = _fields(value, CHANNEL_FIELDS, issues)
        yield Channel(key.text, _text(fields.get("doc"), issues), _flag(fields.get("receipts"), issues))


def _budgets(node: Node, issues: Issues) -> Iterator[Budget]:
    for key, value in _entries(node, issues, "budgets: holds a name and {account, unit} for each"):
        if not _SIMPLE_NAME.fullmatch(key.text) or key.text in RESERVED:
            issues.error("bad-name", key.span, "the name of a budget is lower-case letters, digits and _")
            continue
        fields = _fields(value, BUDGET_FIELDS, issues)
        missing = [name for name in ("account", "unit") if name not in fields]
        if missing:
            hint = 'sms_cash: {account: "{line}/sms/cash", unit: CNY}'
            issues.error("missing-field", key.span, f"the budget needs {' and '.join(missing)}", hint)
            continue
        account, unit = _text(fields["account"], issues), _text(fields["unit"], issues)
        if _account_is_good(account, fields["account"], issues) and _unit_is_good(unit, fields["unit"], issues):
            yield Budget(key.text, account, unit)


def _account_is_good(account: str, node: Node, issues: Issues) -> bool:
    for found in _PLACEHOLDER.finditer(account):
        if found[1] not in _PLACEHOLDERS:
            known = "known: " + " ".join(f"{{{name}}}" for name in _PLACEHOLDERS)
            hint = did_you_mean(found[1] or "", _PLACEHOLDERS) or known
            place = node.place(*found.span()) if isinstance(node, Scalar) else node.span
            issues.error("unknown-placeholder", place, f"{found[0]} cannot stand in an account's name here", hint)
            return False
    return account != ""


def _unit_is_good(unit: str, node: Node, issues: Issues) -> bool:
    if _UNIT.fullmatch(unit):
        return True
    issues.error("wrong-value", node.span, "a unit is a currency such as CNY, or COUNT")
    return False


def _facts(node: Node, issues: Issues) -> Iterator[Declared]:
    entries = _entries(node, issues, "facts: holds a path and {type, …} for each fact")
    if len(entries) > MAX_FACTS:
        issues.error("too-large", node.span, f"more than {MAX_FACTS} facts are declared")
        return
    for key, value in entries:
        if _path_is_good(key, issues):
            declared = _fact(key, value, issues)
            if declared is not None:
                yield declared


def _path_is_good(key: Scalar, issues: Issues) -> bool:
    path = key.text
    if any(path == fact.path for fact in MESSAGE_FACTS):
        return True
    words = path.split(".")
    if not path.startswith(_DECLARABLE):
        known = (fact.path for fact in MESSAGE_FACTS)
        hint = did_you_mean(path, known) or "facts of one's own begin with message.params. or user.attributes."
        issues.error("unknown-fact", key.span, f'"{path[:80]}" cannot be declared', hint)
        return False
    if len(words) > MAX_SEGMENTS or any(not CONDITION_WORD.fullmatch(w) or w in RESERVED for w in words):
        hint = f"letters, digits and _, no word of CEL, at most {MAX_SEGMENTS} words"
        issues.error("bad-name", key.span, f'"{path[:80]}" is no path that a condition could name', hint)
        return False
    return True


def _fact(key: Scalar, value: Node, issues: Issues) -> Declared | None:
    path = key.text
    fields = _fields(value, FACT_FIELDS, issues)
    built_in = next((fact for fact in MESSAGE_FACTS if fact.path == path), None)
    kind = _kind(fields.get("type"), issues) if "type" in fields else None
    if "type" in fields and kind is None:
        return None
    if "type" not in fields and built_in is None:
        issues.error("missing-field", key.span, f"{path} needs a type", "one of " + " ".join(_TYPES))
        return None
    required = _flag(fields.get("required"), issues)
    values = _values(fields["values"], issues) if "values" in fields else None
    if built_in is not None and not _narrowing_is_good(key, fields, kind, built_in.type, built_in.values, issues):
        return None
    if required and path.startswith("user."):
        text = "a fact of the user cannot be required, since a user may be unknown"
        issues.error("wrong-value", fields["required"].span, text, "guard it with has() where it is read")
    if values is not None and (built_in.type if built_in else kind) is not Type.STRING:
        issues.error("wrong-type", fields["values"].span, "only a string has a closed set of values")
        return None
    return Declared(path, kind, required, values, _text(fields.get("doc"), issues), key.span)


def _narrowing_is_good(
    key: Scalar,
    fields: dict[str, Node],
    kind: Type | None,
    built_in: Type,
    closed: tuple[str, ...] | None,
    issues: Issues,
) -> bool:
    """A built-in fact keeps its type; message.* strings without a closed set may get one, message.* be required."""
    if kind is not None and kind is not built_in:
        issues.error("wrong-type", fields["type"].span, f"{key.text} is a {built_in.value}; leave the type out")
    elif closed is not None and "values" in fields:
        text = f"{key.text} already has a closed set of values: {' '.join(closed)}"
        issues.error("wrong-value", fields["values"].span, text)
    elif not key.text.startswith("message."):
        issues.error("unknown-fact", key.span, f"{key.text} is given by the server and cannot be narrowed")
    else:
        return True
    return False


def _kind(node: Node | None, issues: Issues) -> Type | None:
    text = node.text if isinstance(node, Scalar) else ""
    kind = _TYPES.get(text)
    if kind is None and node is not None:
        hint = did_you_mean(text, _TYPES) or "one of " + " ".join(_TYPES)
        issues.error("wrong-type", node.span, f"{describe(node)} is no type of a fact", hint)
    return kind


def _values(node: Node, issues: Issues) -> tuple[str, ...] | None:
    items = node.items if isinstance(node, Sequence) else ()
    if not 0 < len(items) <= MAX_VALUES:
        issues.error("wrong-type", node.span, f"values: is a list of 1 to {MAX_VALUES} texts, not {describe(node)}")
        return None
    values: dict[str, None] = {}
    for item in items:
        text = item.value() if isinstance(item, Scalar) else None
        if not isinstance(text, str) or not text or text in values or len(text) > MAX_TEXT:
            issues.error("wrong-value", item.span, f"{describe(item)} cannot be one of the values: texts, each once")
        else:
            values[text] = None
    return tuple(values) or None


def _entries(node: Node, issues: Issues, what: str) -> tuple[tuple[Scalar, Node], ...]:
    if isinstance(node, Mapping):
        return node.entries
    if not (isinstance(node, Scalar) and node.value() is None):
        issues.error("wrong-type", node.span, f"{what}; this is {describe(node)}")
    return ()


def _fields(node: Node, known: tuple[str, ...], issues: Issues) -> dict[str, Node]:
    fields: dict[str, Node] = {}
    for key, value in _entries(node, issues, f"fields among {', '.join(known)} are expected here"):
        if key.text in known:
            fields[key.text] = value
        else:
            _unknown_field(key, known, issues)
    return fields


def _unknown_field(key: Scalar, known: Iterable[str], issues: Issues) -> None:
    hint = did_you_mean(key.text, known) or "known: " + ", ".join(known)
    issues.error("unknown-field", key.span, f'unknown field "{key.text[:60]}"', hint)


def _text(node: Node | None, issues: Issues) -> str:
    if isinstance(node, Scalar) and node.value() is not None:
        return node.text
    if node is not None:
        issues.error("wrong-type", node.span, f"a text is expected here, not {describe(node)}")
    return ""


def _flag(node: Node | None, issues: Issues) -> bool:
    value = node.value() if isinstance(node, Scalar) else None
    if node is not None and not isinstance(value, bool):
        issues.error("wrong-type", node.span, f"true or false is expected here, not {describe(node)}")
    return value is True
