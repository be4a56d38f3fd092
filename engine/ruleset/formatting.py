"""The one layout of rule files: `formatted` gives a file anew, and vouches for what it gives.

Indentation, blanks, the order of a rule's fields and the line breaks of conditions are normalised. Every comment, the
blank lines, quotes, the order of rules, and what stands in brackets or on lines of its own stay as their author had
them. What was made is read again and compared with what was there before it is handed out.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from engine.ruleset.documents import Mapping, Node, Scalar, Sequence, read_yaml
from engine.ruleset.effects import FAMILIES
from engine.ruleset.files import DEFINE, FACTS, OVERRIDES, RULE_FILES
from engine.ruleset.formatting_conditions import spaced
from engine.ruleset.formatting_layout import Layout
from engine.ruleset.formatting_tree import Group, Path, Slot, Unsafe, read_tree
from engine.ruleset.grammar import SyntaxProblem, parse
from engine.ruleset.issues import Issues
from engine.ruleset.source import Source
from engine.ruleset.yaml_hints import read_document

__all__ = ["FileKind", "Unsafe", "formatted", "kind_of"]

FIELD_ORDER: Final = (
    "id", "remove", "replaces", "doc", "owner", "when", "hit", "complete", "then", "table",
)  # fmt: skip
"""The order of a rule's fields; what is not among them comes after, in the order it has."""

_BREAKS: Final = re.compile(r"\r\n?")
_LIST: Final = re.compile(r"\ufeff?(?:[ \t]*(?:#[^\r\n]*|---[ \t]*)?\r?\n)*[ ]*(?:-\s|\[)")
"""How a file begins that holds a list, after its comments."""


class FileKind(Enum):
    """What a YAML file of the project holds."""

    RULES = "rules"
    FACTS = "facts"
    DEFINITIONS = "definitions"
    OVERRIDE = "override"
    ROLLOUT = "rollout"
    TESTS = "tests"


def kind_of(folder: str, name: str, text: str) -> FileKind | None:
    """Tell what a file holds by the name of its folder, its own, and how it begins; None for none of ours."""
    if not name.endswith(".yaml"):
        return None
    if folder in (DEFINE, OVERRIDES):
        return FileKind.DEFINITIONS if folder == DEFINE else FileKind.OVERRIDE
    if _LIST.match(text):
        return FileKind.TESTS
    if name == "rollout.yaml":
        return FileKind.ROLLOUT
    if name == FACTS:
        return FileKind.FACTS
    return FileKind.RULES if name in RULE_FILES else None


def formatted(source: Source, kind: FileKind, issues: Issues) -> str | None:
    """Return the file in its layout; None if it cannot be read, and then `issues` says why.

    Raises Unsafe for what is readable and cannot be written anew with certainty.
    """
    before = read_document(source, issues)
    if before is None or issues.has_errors:
        return None
    _check_conditions(before, kind, (), issues)
    if issues.has_errors:
        return None
    text = _BREAKS.sub("\n", source.text.removeprefix("\ufeff"))
    made = _laid_out(text, kind)
    if _laid_out(made, kind) != made:
        raise Unsafe("its layout does not come to rest")
    after = _read(made)
    if not _same(before, after, kind, ()):
        raise Unsafe("something in it would be read otherwise")
    return made


def _laid_out(text: str, kind: FileKind) -> str:
    top = read_tree(text, _read(text))
    moved = _arrange(top, kind)
    made = Layout(text, lambda path: _is_condition(kind, path)).file(top)
    again = read_tree(made, _read(made))
    _arrange(again, kind)
    if _owners(top) != _owners(again) or not (moved or _comments(top) == _comments(again)):
        raise Unsafe("a comment would come to stand elsewhere")
    return made


def _owners(top: Slot) -> list[tuple[Path, str]]:
    """Return all comments with what they belong to."""
    return [(_outermost(path), remark.text) for path, remark in top.remarks()]


def _outermost(path: Path) -> Path:
    """Return the way to the item that begins with what is at a path: the first item of an item is on its line."""
    while len(path) > 1 and path[-1] == 0 and isinstance(path[-2], int):
        path = path[:-1]
    return path


def _comments(top: Slot) -> list[str]:
    """Return all comments in the order of the file."""
    return [remark.text for _, remark in sorted(top.remarks(), key=lambda one: one[1].at)]


def _read(text: str) -> Node:
    issues = Issues()
    node = read_yaml(Source("", text), issues)
    if node is None or issues.has_errors:
        raise Unsafe("what would be written could not be read")
    return node


def _check_conditions(node: Node, kind: FileKind, path: Path, issues: Issues) -> None:
    """Complain of conditions that cannot be read: what is half written is left as it is."""
    if isinstance(node, Mapping):
        for key, value in node.entries:
            _check_conditions(value, kind, (*path, key.text), issues)
    elif isinstance(node, Sequence):
        for at, item in enumerate(node.items):
            _check_conditions(item, kind, (*path, at), issues)
    elif _is_condition(kind, path) and node.text.strip() and spaced(node.text) is None:
        try:
            parse(node.text)
        except SyntaxProblem as problem:
            issues.error(problem.code, node.place(problem.start, problem.end), problem.message, problem.hint)


# ---- the order of things ----


def _arrange(slot: Slot, kind: FileKind) -> bool:
    """Put the fields of rules into their order, and comments where they can stand; True if a field has moved."""
    group = slot.value
    if not isinstance(group, Group):
        _leave_one(slot)
        return False
    if group.slots and any(slot.inside()):
        group.foot += [one for one in slot.beside if one.at >= group.end]  # what is inside will be on lines of its own
        slot.beside = [one for one in slot.beside if one.at < group.end]
    _leave_one(slot)
    moved = [_arrange(below, kind) for below in group.slots]
    if group.is_map and _is_rule(kind, slot.path):
        moved.append(_order(group))
    if not group.slots:
        slot.before += group.foot
        group.foot = []
    elif slot.key is None and slot.path:  # the first field stands on the line of the item
        slot.before += group.slots[0].before
        group.slots[0].before = []
    return any(moved)


def _leave_one(slot: Slot) -> None:
    """Keep the last comment beside a slot there; others go before it."""
    slot.before += slot.beside[:-1]
    slot.beside = slot.beside[-1:]


def _order(group: Group) -> bool:
    rank = {name: place for place, name in enumerate(FIELD_ORDER)}
    before = list(group.slots)
    group.slots.sort(key=lambda slot: rank.get("" if slot.key is None else slot.key.text, len(rank)))
    if group.slots == before:
        return False
    first = before[0]
    if group.slots[0] is not first:
        first.gap, group.slots[0].gap = group.slots[0].gap, False
    group.aligned = False
    return True


def _is_rule(kind: FileKind, path: Path) -> bool:
    if kind is FileKind.RULES:
        return len(path) == 2 and path[0] == "rules"
    return kind is FileKind.OVERRIDE and len(path) == 2 and path[0] in FAMILIES


def _is_condition(kind: FileKind, path: Path) -> bool:
    if not path or path[-1] != "when":
        return False
    if kind is FileKind.DEFINITIONS:
        return len(path) == 2
    defined = len(path) == 3 and path[0] == "define" and kind in (FileKind.RULES, FileKind.FACTS, FileKind.OVERRIDE)
    return defined or _is_rule(kind, path[:-1])


# ---- the proof ----


def _same(one: Node, other: Node, kind: FileKind, path: Path) -> bool:
    """Tell whether two trees mean the same: the same values, in the same order but for the fields of a rule."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        mine, theirs = dict(_entries(one)), dict(_entries(other))
        ordered = _is_rule(kind, path) or list(mine) == list(theirs)
        return (
            ordered
            and mine.keys() == theirs.keys()
            and all(_same(value, theirs[key], kind, (*path, key)) for key, value in mine.items())
        )
    if isinstance(one, Sequence) and isinstance(other, Sequence):
        pairs = zip(one.items, other.items, strict=False)
        return len(one.items) == len(other.items) and all(
            _same(mine, theirs, kind, (*path, at)) for at, (mine, theirs) in enumerate(pairs)
        )
    return isinstance(one, Scalar) and isinstance(other, Scalar) and _same_value(one, other, _is_condition(kind, path))


def _entries(node: Mapping) -> list[tuple[str, Node]]:
    return [(key.text, value) for key, value in node.entries]


def _same_value(one: Scalar, other: Scalar, is_condition: bool) -> bool:
    if is_condition and (text := spaced(one.text)) is not None:
        return spaced(other.text) == text and isinstance(other.value(), str) == isinstance(one.value(), str)
    return one.text == other.text and type(one.value()) is type(other.value())
