"""YAML as a tree with places: plain data only, every scalar still text, and never an exception for what is written.

Anchors, aliases and tags are refused, which rules out references that explode and types that surprise. A plain word
keeps its style, so that a reader of the tree may tell `20` from `"20"`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from engine.ruleset.issues import Issues
from engine.ruleset.positions import offsets
from engine.ruleset.source import Source, Span

MAX_CHARACTERS = 1 << 20
MAX_DEPTH = 32
MAX_NODES = 200_000

_REFUSED = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INT = re.compile(r"[-+]?[0-9]{1,30}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,400}|[0-9]{1,400}(?:\.[0-9]{0,400})?)(?:[eE][-+]?[0-9]{1,9})?")

PlainValue = None | bool | int | float | str
"""What a scalar says: quoted text is always text."""


@dataclass(frozen=True)
class Scalar:
    """One value. `style` is empty for a plain word, else the quote or the block sign (one of the signs ' " | >)."""

    text: str
    style: str
    span: Span

    @property
    def is_plain(self) -> bool:
        """Whether the value was written without quotes and without a block sign."""
        return self.style == ""

    def value(self) -> PlainValue:
        """The value by YAML 1.2's core rules, true and false only as such: `yes`, `no` and `012:30` stay text."""
        return plain_value(self.text) if self.is_plain else self.text

    def position(self, index: int) -> Span:
        """The place of character `index` of the value; the length of the value gives the place behind its end."""
        return self.place(index, index + 1)

    def place(self, start: int, end: int) -> Span:
        """The place of the characters `[start, end)` of the value; the whole scalar when that cannot be told."""
        source, whole = self.span.source, self.span
        found = self._offsets
        if found is None:
            return whole
        after = found[-1] + 1 if found else whole.end
        first = found[start] if 0 <= start < len(found) else after
        last = found[end - 1] + 1 if start < end <= len(found) else max(first, after)
        return source.span(first, last if end > start else first)

    @cached_property
    def _offsets(self) -> list[int] | None:
        return offsets(self.span.source.text, self.span.start, self.span.end, self.style, self.text)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list of values."""

    items: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Mapping:
    """Fields in the order written; no key stands twice."""

    entries: tuple[tuple[Scalar, Node], ...]
    span: Span

    def get(self, key: str) -> Node | None:
        """The value of a field, or None."""
        return next((node for name, node in self.entries if name.text == key), None)


Node = Scalar | Sequence | Mapping


def plain_value(text: str) -> PlainValue:
    """What an unquoted word says. An int of more than 30 digits and a float beyond double's range stay text."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text[0] in "tT"
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if abs(number) != float("inf") else text
    return text


def describe(node: Node) -> str:
    """How a message calls a node: `a list`, `a mapping`, `the text "x"`, `the number 3`."""
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        return "a mapping"
    value = node.value()
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    shown = node.text if len(node.text) <= 40 else node.text[:39] + "…"
    return f"the number {shown}" if isinstance(value, int | float) else f'the text "{shown}"'


def read_yaml(source: Source, issues: Issues) -> Node | None:
    """The document as a tree, or None when there is none to work with; every problem is in `issues`."""
    if len(source.text) > MAX_CHARACTERS:
        issues.error("too-large", source.whole, f"the file is longer than {MAX_CHARACTERS:,} characters")
        return None
    refused = _REFUSED.search(source.text, 1 if source.text.startswith("\ufeff") else 0)
    if refused:
        text = f"the character U+{ord(refused[0]):04X} may not stand in a YAML file"
        hint = 'write it as an escape in double quotes, such as "\\t"; is this file text at all?'
        issues.error("control-character", source.span(*refused.span()), text, hint)
        return None
    try:
        return _Builder(source, issues).run()
    except yaml.MarkedYAMLError as problem:
        _syntax_issue(source, issues, problem)
    except (yaml.YAMLError, UnicodeError) as problem:
        issues.error("yaml-syntax", source.whole, f"this is not YAML: {problem}"[:300])
    return None


def _syntax_issue(source: Source, issues: Issues, problem: yaml.MarkedYAMLError) -> None:
    mark = problem.problem_mark or problem.context_mark
    at = 0 if mark is None else mark.index + source.text.startswith("\ufeff")
    what = " ".join(part for part in (problem.problem, problem.context) if part) or "cannot be read"
    hint = ""
    if "mapping values are not allowed" in what:
        hint = 'a value that holds ": " must be quoted, or put on the next line after >-'
    elif "cannot start any token" in what or "block entry" in what or "expected the node" in what:
        hint = "a value that YAML cannot hold plain is put in quotes, or on the next line after >-"
    elif "\t" in source.text[max(0, at - 1) : at + 1]:
        hint = "YAML is indented with spaces, never with tabs"
    elif "could not find expected ':'" in what:
        hint = "is a colon missing, or is the line not indented as the one before?"
    issues.error("yaml-syntax", source.span(at, at + 1), f"this is not YAML: {what}", hint)


class _Open:
    """A list or mapping under construction: its children so far and where it began."""

    __slots__ = ("entries", "items", "key", "keys", "start")

    def __init__(self, start: int, mapping: bool) -> None:
        self.start = start
        self.items: list[Node] = []
        self.entries: list[tuple[Scalar, Node]] = []
        self.keys: dict[str, Scalar] | None = {} if mapping else None
        self.key: Node | None = None


class _Builder:
    """Turns libyaml's events into nodes with a stack of its own, so that depth is a number and not a crash."""

    def __init__(self, source: Source, issues: Issues) -> None:
        self.source, self.issues = source, issues
        self.shift = 1 if source.text.startswith("\ufeff") else 0  # libyaml does not count the byte order mark
        self.stack: list[_Open] = []
        self.root: Node | None = None
        self.nodes = 0

    def run(self) -> Node | None:
        documents = 0
        for event in self._events():
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._error("yaml-documents", self._span(event), "a file holds one document; a second begins here")
                    return None
            elif not self._take(event):
                return None
        if documents == 0 or (isinstance(self.root, Scalar) and self.root.text == "" and self.root.is_plain):
            self._error("empty-file", self.source.whole, "the file is empty", "see docs/rules.md for what it may hold")
            return None
        return self.root

    def _events(self) -> Iterator[yaml.Event]:
        return iter(yaml.parse(self.source.text, Loader=yaml.CSafeLoader))

    def _span(self, event: yaml.Event) -> Span:
        return self.source.span(self._offset(event.start_mark), self._offset(event.end_mark))

    def _offset(self, mark: Any) -> int:
        return 0 if mark is None else mark.index + self.shift

    def _error(self, code: str, span: Span, message: str, hint: str = "") -> None:
        self.issues.error(code, span, message, hint)

    def _take(self, event: yaml.Event) -> bool:
        """Work one event in; False when there is no sense in going on."""
        if isinstance(event, yaml.AliasEvent):
            self._error("yaml-alias", self._span(event), "aliases (*name) are not supported", "write the value out")
            return False
        if isinstance(event, yaml.NodeEvent) and not self._plain(event):
            return False
        if isinstance(event, yaml.ScalarEvent):
            style = "" if event.style in (None, "") else str(event.style)
            return self._add(Scalar(event.value, style, self._span(event)))
        if isinstance(event, yaml.CollectionStartEvent):
            return self._open(event)
        if isinstance(event, yaml.CollectionEndEvent):
            return self._close(event)
        return True

    def _plain(self, event: yaml.NodeEvent) -> bool:
        if event.anchor is not None:
            self._error("yaml-anchor", self._span(event), "anchors (&name) are not supported", "write the value out")
            return False
        tag = getattr(event, "tag", None)
        if tag is None:
            return True
        hint = "quote it: a condition that begins with ! is written in quotes or on the next line after >-"
        text = "YAML reads a word after ! as a tag, and tags are not supported"
        self._error("yaml-tag", self._span(event), text, hint)
        return False

    def _open(self, event: yaml.CollectionStartEvent) -> bool:
        if len(self.stack) >= MAX_DEPTH:
            self._error("too-deep", self._span(event), f"lists and mappings nest deeper than {MAX_DEPTH} levels")
            return False
        mapping = isinstance(event, yaml.MappingStartEvent)
        self.stack.append(_Open(self._offset(event.start_mark), mapping))
        return True

    def _close(self, event: yaml.CollectionEndEvent) -> bool:
        made = self.stack.pop()
        # A block collection's end mark lies where the next token begins: leave out the blanks between.
        end = made.start + len(self.source.text[made.start : self._offset(event.end_mark)].rstrip())
        span = self.source.span(made.start, end)
        return self._add(Sequence(tuple(made.items), span) if made.keys is None else Mapping(tuple(made.entries), span))

    def _add(self, node: Node) -> bool:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self._error("too-large", node.span, f"the file holds more than {MAX_NODES:,} values")
            return False
        if not self.stack:
            self.root = node
            return True
        parent = self.stack[-1]
        if parent.keys is None:
            parent.items.append(node)
        elif parent.key is None:
            parent.key = node
        else:
            self._entry(parent, parent.keys, parent.key, node)
            parent.key = None
        return True

    def _entry(self, parent: _Open, keys: dict[str, Scalar], key: Node, value: Node) -> None:
        if not isinstance(key, Scalar):
            hint = "put the value in quotes if it is meant as text"
            self._error("yaml-key", key.span, f"a field's name must be a word, not {describe(key)}", hint)
            return
        first = keys.setdefault(key.text, key)
        if first is not key:
            text = f'"{key.text[:60]}" stands twice; the first is on line {first.span.line}'
            forgotten = "keep one of them, or was a new entry meant? It begins with a dash: - id: …"
            self._error("duplicate-key", key.span, text, forgotten if key.text == "id" else "keep one of them")
            return
        parent.entries.append((key, value))
