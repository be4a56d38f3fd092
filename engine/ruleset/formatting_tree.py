"""A YAML file with its comments and blank lines, each at the field or the item that it belongs to."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from engine.ruleset.documents import Mapping, Node, Scalar

Path = tuple[str | int, ...]
"""The way to a value from the top: names of fields, positions in lists."""

_COMMENT: Final = re.compile(r"#[^\n]*")
_PADDED: Final = re.compile(r", {2,}\S")
_DIRECTIVE: Final = re.compile(r"^%", re.MULTILINE)
_HEADER: Final = re.compile(r"[|>][-+0-9]*[ \t]*(?P<comment>#[^\n]*)?")


class Unsafe(Exception):
    """The file has something that could not be written anew with certainty; the text is a sentence about it."""


@dataclass(slots=True)
class Remark:
    """A comment: its text with the #, where it stands, and whether a blank line stands before it."""

    text: str
    at: int
    column: int
    gap: bool
    before: str
    """What stands before it on its line."""

    @property
    def alone(self) -> bool:
        """Whether it has its line to itself."""
        return not self.before.strip()


@dataclass(slots=True)
class Leaf:
    """A single value. `end` leaves out the blank lines behind a block of text."""

    node: Scalar
    end: int

    @property
    def start(self) -> int:
        """Where it begins in the file."""
        return self.node.span.start


@dataclass(slots=True, eq=False)
class Group:
    """A list or a group of fields; `column` counts from 0, `is_flow`: written in brackets, or within such."""

    is_map: bool
    is_flow: bool
    start: int
    end: int
    column: int
    slots: list[Slot] = field(default_factory=list)
    foot: list[Remark] = field(default_factory=list)
    aligned: bool = False
    """Whether its author put what is in its lines under each other."""


@dataclass(slots=True, eq=False)
class Slot:
    """A field of a group, or an item of a list (which has no key), with the comments before it and beside it."""

    path: Path
    key: Scalar | None
    value: Leaf | Group
    start: int
    group: Group
    gap: bool = False
    before: list[Remark] = field(default_factory=list)
    beside: list[Remark] = field(default_factory=list)

    def remarks(self) -> Iterator[tuple[Path, Remark]]:
        """Give every comment with the path of what it belongs to, in the order of the slots."""
        for remark in (*self.before, *self.beside):
            yield self.path, remark
        yield from self.inside()

    def inside(self) -> Iterator[tuple[Path, Remark]]:
        """Give the comments within its value."""
        if isinstance(self.value, Group):
            for slot in self.value.slots:
                yield from slot.remarks()
            for remark in self.value.foot:
                yield self.path, remark


Chain = tuple[Slot, ...]
"""The slots that a place is in, the outermost first."""


def read_tree(text: str, root: Node) -> Slot:
    """Return the file as a slot without a key, comments and blank lines in their places. Raises Unsafe."""
    reader = _Reader(text)
    top = Slot((), None, Leaf(Scalar("", "", root.span), 0), root.span.start, Group(False, False, -1, len(text), -1))
    top.value = reader.value(root, top, ())
    if not isinstance(top.value, Group):
        raise Unsafe("the file holds a single value")
    reader.place_remarks(top.value)
    return top


class _Reader:
    """Builds the tree, and then finds the place of each comment between what it built."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts: list[int] = []
        """Where the single values, keys and empty groups begin, in the order of the file …"""
        self.chains: list[Chain] = []
        """… the slots each is in …"""
        self.covers: list[tuple[int, int]] = []
        """… and the range of text that is it."""
        self._last = (-1, 0)
        """Between which two words the comment before stood, and how far to the right the next may be taken to be."""

    def value(self, node: Node, slot: Slot, chain: Chain) -> Leaf | Group:
        """Build a value, and note its words."""
        if isinstance(node, Scalar):
            leaf = Leaf(node, self._end(node))
            self._note(node.span.start, leaf.end, chain)
            return leaf
        start = node.span.start
        opened = self.text[start : start + 1] in ("{", "[")
        end = node.span.end if opened else start
        is_flow = opened or slot.group.is_flow
        group = Group(isinstance(node, Mapping), is_flow, start, end, self._column(start))
        slot.value = group
        if isinstance(node, Mapping):
            for key, below in node.entries:
                self._slot(key, below, group, slot, chain)
        else:
            for item in node.items:
                self._slot(None, item, group, slot, chain)
        if not group.slots:
            self._note(start, start + 1, chain)
        elif not opened:
            group.end = group.slots[-1].value.end
        group.aligned = _is_aligned(group, self.text)
        return group

    def _slot(self, key: Scalar | None, node: Node, group: Group, owner: Slot, chain: Chain) -> None:
        start = node.span.start if key is None else key.span.start
        name = len(group.slots) if key is None else key.text
        slot = Slot((*owner.path, name), key, Leaf(Scalar("", "", node.span), start), start, group)
        # The first field of an item stands on the item's line: what is before it is before the item.
        is_first = bool(owner.path) and owner.key is None and not group.slots
        slot.gap = not group.is_flow and not is_first and self._is_gap(start)
        group.slots.append(slot)
        if key is not None:
            if "\n" in self.text[key.span.start : key.span.end] or key.style in ("|", ">"):
                raise Unsafe("the name of a field goes over several lines")
            self._note(start, key.span.end, (*chain, slot))
        slot.value = self.value(node, slot, (*chain, slot))

    def _note(self, start: int, end: int, chain: Chain) -> None:
        self.starts.append(start)
        self.covers.append((start, end))
        self.chains.append(chain)

    def _end(self, node: Scalar) -> int:
        span = node.span
        header = _HEADER.match(self.text, span.start) if node.style in ("|", ">") else None
        if header is None or "+" in header[0].partition("#")[0]:
            return span.end
        return span.start + len(self.text[span.start : span.end].rstrip())

    def _column(self, at: int) -> int:
        return at - (self.text.rfind("\n", 0, at) + 1)

    def _is_gap(self, at: int) -> bool:
        """Tell whether what stands at `at` begins its line and has a blank line before it, outside of texts."""
        line = self.text.rfind("\n", 0, at) + 1
        if self.text[line:at].strip(" -") or line == 0:
            return False
        previous = self.text.rfind("\n", 0, line - 1) + 1
        last = bisect_left(self.starts, line) - 1
        floor = self.covers[last][1] if last >= 0 else 0
        return previous >= floor and not self.text[previous : line - 1].strip()

    # ---- comments ----

    def place_remarks(self, root: Group) -> None:
        """Find all comments and put each to what it is about."""
        for remark in list(self._remarks()):
            self._place(remark, root)

    def _remarks(self) -> Iterator[Remark]:
        at = 0
        for start, end in [*self.covers, (len(self.text), len(self.text))]:
            if start > at:
                yield from self._between(at, start)
            header = _HEADER.match(self.text, start) if self.text[start : start + 1] in ("|", ">") else None
            if header is not None and header["comment"]:
                yield self._remark(header.start("comment"), header["comment"])
            at = max(at, end)

    def _between(self, start: int, end: int) -> Iterator[Remark]:
        for found in _COMMENT.finditer(self.text, start, end):
            yield self._remark(found.start(), found[0])
        if _DIRECTIVE.search(_COMMENT.sub("", self.text[start:end])):
            raise Unsafe("the file begins with a directive (%)")

    def _remark(self, at: int, text: str) -> Remark:
        line = self.text.rfind("\n", 0, at) + 1
        return Remark(text.rstrip(), at, at - line, self._is_gap(at), self.text[line:at])

    def _place(self, remark: Remark, root: Group) -> None:
        """A comment on a line of its own is about what follows, one behind something about that."""
        at = bisect_right(self.starts, remark.at)
        before = self.chains[at - 1] if at else ()
        after = self.chains[at] if at < len(self.chains) else ()
        owner = _open_brackets((*before, *after), remark.at)
        if owner is not None and isinstance(owner.value, Group):
            _place_in_brackets(remark, owner, owner.value)
        elif root.is_flow and root.start < remark.at < root.end:
            raise Unsafe("a comment stands in the brackets around the whole file")
        elif remark.alone or not remark.before.strip(" -"):
            limit = self._last[1] if self._last[0] == at else remark.column
            self._last = at, _place_line(remark, before, after, root, min(limit, remark.column))
        else:
            beside = next((slot.beside for slot in reversed(before) if not slot.group.is_flow), root.foot)
            beside.append(remark)


def _open_brackets(slots: Chain, at: int) -> Slot | None:
    """Return the slot of the innermost brackets around a place."""
    found = [
        slot
        for slot in slots
        if isinstance(slot.value, Group) and slot.value.is_flow and slot.value.start < at < slot.value.end
    ]
    return max(found, key=lambda slot: slot.value.start, default=None)


def _place_in_brackets(remark: Remark, owner: Slot, group: Group) -> None:
    following = next((slot for slot in group.slots if slot.start > remark.at), None)
    preceding = next((slot for slot in reversed(group.slots) if slot.start < remark.at), None)
    if remark.alone and following is not None:
        following.before.append(remark)
    elif remark.alone:
        group.foot.append(remark)
    else:
        remark.column = 0  # which meant nothing in brackets
        (preceding or owner).beside.append(remark)


def _place_line(remark: Remark, before: Chain, after: Chain, root: Group, column: int) -> int:
    """Before the next slot; or, when it is indented like what ends here, at the end of that.

    Returns the column of what it was put to, so that the next comment does not go to something that ends before.
    """
    following = next((slot for slot in after if slot.start > remark.at), None)
    if (following is not None and following.group.is_flow) or (following is None and after):
        after[[slot.start < remark.at for slot in after].count(True) - 1].before.append(remark)
        return -1
    least = -1 if following is None else following.group.column
    ended = [
        slot.group
        for slot in before
        if least < slot.group.column <= column and not slot.group.is_flow and slot.group.end <= remark.at
    ]
    if ended and remark.alone:
        ended[-1].foot.append(remark)
        return ended[-1].column
    (root.foot if following is None else following.before).append(remark)
    return -1


# ---- what stands under each other ----


def _is_aligned(group: Group, text: str) -> bool:
    """Tell whether an author lined up the values of the fields, or the cells of a list of lists."""
    if group.is_flow or len(group.slots) < 2:
        return False
    if group.is_map:
        ends = [slot.key.span.end - slot.start for slot in group.slots if slot.key is not None]
        return len(set(ends)) > 1 and _are_level([[slot.start, slot.value.start] for slot in group.slots], text)
    rows = [slot.value.slots for slot in group.slots if isinstance(slot.value, Group) and slot.value.is_flow]
    if len(rows) < len(group.slots) or any(slot.key for row in rows for slot in row) or not all(rows):
        return False
    padded = any(_PADDED.match(text, a.value.end) for row in rows for a in row[:-1])
    return padded and _are_level([[slot.start for slot in row] for row in rows], text)


def _are_level(rows: list[list[int]], text: str) -> bool:
    """Tell whether each row of places is on one line, and each column of them in one column."""
    lines = [text.rfind("\n", 0, row[0]) + 1 for row in rows]
    same_line = all("\n" not in text[row[0] : row[-1] + 1] for row in rows)
    columns = [tuple(at - line for at in row) for row, line in zip(rows, lines, strict=True)]
    return same_line and len(set(columns)) == 1 and len(set(lines)) == len(rows)
