"""Writes a tree of `formatting_tree` as text in the one layout of rule files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from engine.ruleset.documents import Scalar, plain_value
from engine.ruleset.flow_text import flow_text
from engine.ruleset.formatting_conditions import broken, kept, spaced
from engine.ruleset.formatting_tree import Group, Leaf, Path, Remark, Slot, Unsafe

WIDTH: Final = 120
"""How long a line may be."""

STEP: Final = 2
"""How much deeper what is inside stands."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9_(](?!.*(?:: | #|[:\s]$))[^\n]*")
_BRACKETS: Final = re.compile(r"[\[\]{},]")
_FOLDABLE: Final = re.compile(r"\S+(?: \S+)*")


class Layout:
    """Writes one file; `is_condition` tells by its path whether a value is a condition."""

    def __init__(self, text: str, is_condition: Callable[[Path], bool]) -> None:
        self.text = text
        self.is_condition = is_condition

    def file(self, top: Slot) -> str:
        """Return the whole file."""
        assert isinstance(top.value, Group), "seen when it was read"
        lines = self._group(top.value, 0) if top.value.slots else [self._short(top.value, ()) or ""]
        while lines and not lines[0]:
            del lines[0]
        return "\n".join(lines) + "\n"

    # ---- groups, one slot under the other ----

    def _group(self, group: Group, indent: int) -> list[str]:
        lines = self._aligned(group, indent) if group.aligned else None
        if lines is None:
            lines = [line for slot in group.slots for line in self._slot(slot, indent)]
        return lines + _own_lines(group.foot, indent)

    def _slot(self, slot: Slot, indent: int) -> list[str]:
        """Write a slot with all that belongs to it."""
        body = self._line(slot, indent)
        if body is None and slot.key is None:  # the first line belongs to what is inside
            body = [*_own_lines(slot.beside, indent), *self._below(slot, indent)]
        elif body is None:
            body = _beside(self._below(slot, indent), slot.beside)
        else:
            body = _beside(body, slot.beside)
        return [*_own_lines(slot.before, indent), *([""] if slot.gap else []), *body]

    def _head(self, slot: Slot, indent: int) -> str:
        return " " * indent + ("-" if slot.key is None else f"{self._key(slot.key)}:")

    def _line(self, slot: Slot, indent: int) -> list[str] | None:
        """Write a slot that holds a single value, or brackets that fit on its line; None for any other."""
        head = self._head(slot, indent)
        if isinstance(slot.value, Leaf):
            return self._leaf(slot.value, head, indent, slot.path)
        text = self._short(slot.value, slot.path)
        if text is not None and (len(head) + 1 + len(text) <= WIDTH or not slot.value.slots):
            return [f"{head} {text}"]
        return None

    def _below(self, slot: Slot, indent: int) -> list[str]:
        """Write a slot with what it holds on lines of its own."""
        assert isinstance(slot.value, Group), "a single value has its line"
        head, below = self._head(slot, indent), self._group(slot.value, indent + STEP)
        if slot.key is not None:
            return [head, *below]
        first = next(at for at, line in enumerate(below) if not line.lstrip().startswith("#"))
        above = [" " * indent + line.lstrip() for line in below[:first]]  # what is before the first is before the item
        return [*above, f"{head} {below[first].lstrip()}", *below[first + 1 :]]

    def _aligned(self, group: Group, indent: int) -> list[str] | None:
        """Write the slots of a group with what is in them under each other; None if that cannot be."""
        if group.is_map:
            keys = ["" if slot.key is None else f"{self._key(slot.key)}:" for slot in group.slots]
            texts = [self._short(slot.value, slot.path) for slot in group.slots]
            rows = [[key, text or ""] for key, text in zip(keys, texts, strict=True)]
            whole = _columns(rows) if all(texts) else None
        else:
            cells = [[self._short(one.value, one.path) for one in _slots(slot.value)] for slot in group.slots]
            level = len({len(row) for row in cells}) == 1 and all(cell for row in cells for cell in row)
            is_quiet = not any(_has_remarks(slot.value) for slot in group.slots)
            parted = [[f"{cell}," for cell in row[:-1]] + [f"{row[-1]}]"] for row in cells]
            whole = [f"- [{row}" for row in _columns(parted)] if level and is_quiet else None
        if whole is None or any(indent + len(line) > WIDTH for line in whole):
            return None
        return [
            line
            for slot, text in zip(group.slots, whole, strict=True)
            for line in (
                *_own_lines(slot.before, indent),
                *([""] if slot.gap else []),
                *_beside([" " * indent + text], slot.beside),
            )
        ]

    # ---- values on one line ----

    def _short(self, value: Leaf | Group, path: Path) -> str | None:
        if isinstance(value, Leaf):
            return self._word(value.node, path, in_brackets=bool(path))
        if not value.is_flow or _has_remarks(value):
            return None
        parts = [self._entry(slot, value.is_map) for slot in value.slots]
        if any(part is None for part in parts):
            return None
        inside = ", ".join(part for part in parts if part is not None)
        return f"{{{inside}}}" if value.is_map else f"[{inside}]"

    def _entry(self, slot: Slot, is_map: bool) -> str | None:
        text = self._short(slot.value, slot.path)
        if not is_map or slot.key is None or text is None:
            return text
        return f"{self._key(slot.key)}: {text}" if text else self._key(slot.key)

    def _key(self, key: Scalar) -> str:
        return self.text[key.span.start : key.span.end]

    def _word(self, node: Scalar, path: Path, in_brackets: bool) -> str | None:
        """Return a single value on one line; None for a block of text."""
        if node.style in ("|", ">"):
            return None
        if self.is_condition(path) and (text := spaced(node.text)) is not None:
            return _quoted_like(node, text, in_brackets)
        written = self.text[node.span.start : node.span.end]
        return written if "\n" not in written else _quoted_like(node, node.text, in_brackets)

    # ---- single values, with their head ----

    def _leaf(self, leaf: Leaf, head: str, indent: int, path: Path) -> list[str]:
        node = leaf.node
        text = spaced(node.text) if self.is_condition(path) else None
        if text is not None:
            return self._condition(leaf, text, head, indent)
        word = self._word(node, path, in_brackets=False)
        if word is None:
            return self._block(leaf, head, indent)
        if len(head) + 1 + len(word) > WIDTH and node.is_plain and _FOLDABLE.fullmatch(node.text):
            return _folded(head, _filled(node.text, WIDTH - indent - STEP), indent)
        return [f"{head} {word}" if word else head]

    def _condition(self, leaf: Leaf, text: str, head: str, indent: int) -> list[str]:
        width = WIDTH - indent - STEP
        if leaf.node.style in ("|", ">"):
            raw = [line.strip() for line in self.text[leaf.start : leaf.end].split("\n")[1:]]
            lines = kept([line for line in raw if line], width)
            if lines is not None and len(lines) > 1:
                return _folded(head, lines, indent)
            words = []
        else:
            words = [_quoted_like(leaf.node, text, in_brackets=False)] * (not leaf.node.is_plain)
        words += [text] * _can_be_plain(leaf.node, text)
        word = next((word for word in words if len(head) + 1 + len(word) <= WIDTH), None)
        if word is not None:
            return [f"{head} {word}"]
        return _folded(head, broken(text, width), indent)

    def _block(self, leaf: Leaf, head: str, indent: int) -> list[str]:
        """Write a block of text with its own line breaks, deeper or less deep than it was."""
        node = leaf.node
        header, _, rest = self.text[leaf.start : leaf.end].partition("\n")
        if not node.text.strip("\n"):
            raise Unsafe("a block of text is empty")
        lines = rest.split("\n")
        depth = node.position(len(node.text) - len(node.text.lstrip("\n"))).column - 1
        cut = [line[depth:] for line in lines]
        if any(line[:depth].strip() for line in lines):
            raise Unsafe("a block of text is indented in a way that was not understood")
        first = next((line for line in cut if line), "")
        keeps = "".join(sign for sign in header.partition("#")[0] if sign in "+-")
        sign = node.style + (str(STEP) if first.startswith(" ") else "") + keeps
        return [f"{head} {sign}", *(" " * (indent + STEP) + line if line else "" for line in cut)]


def _slots(value: Leaf | Group) -> list[Slot]:
    return value.slots if isinstance(value, Group) else []


def _has_remarks(value: Leaf | Group) -> bool:
    return isinstance(value, Group) and bool(
        value.foot or any(slot.before or slot.beside or _has_remarks(slot.value) for slot in value.slots)
    )


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Put words under each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [" ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _own_lines(remarks: Iterable[Remark], indent: int) -> list[str]:
    return [line for one in remarks for line in (*([""] if one.gap else []), " " * indent + one.text)]


def _beside(lines: list[str], remarks: Sequence[Remark]) -> list[str]:
    """Put a comment behind the first line: in its column, where there is room, else two blanks away."""
    if not remarks:
        return lines
    first = lines[0]
    return [first.ljust(max(len(first) + STEP, remarks[-1].column)) + remarks[-1].text, *lines[1:]]


def _folded(head: str, lines: Iterable[str], indent: int) -> list[str]:
    return [f"{head} >-", *(" " * (indent + STEP) + line for line in lines)]


def _filled(text: str, width: int) -> list[str]:
    """Break a text at blanks into lines of at most `width`."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _can_be_plain(node: Scalar, text: str) -> bool:
    """Tell whether a text can stand without quotes and is the same kind of value then as `node`."""
    if node.is_plain and node.text == text:
        return "\n" not in text
    return _PLAIN.fullmatch(text) is not None and isinstance(plain_value(text), str)


def _quoted_like(node: Scalar, text: str, in_brackets: bool) -> str:
    """Write a text on one line as the value was written: plain if it was and can be, else in quotes."""
    if node.is_plain and _can_be_plain(node, text) and not (in_brackets and _BRACKETS.search(text)):
        return text
    if node.style == '"' or "\n" in text or not text.isprintable():
        quoted = flow_text(f"{text}\n")  # which surely needs quotes
        return quoted.removesuffix('\\n"') + '"'
    return "'" + text.replace("'", "''") + "'"
