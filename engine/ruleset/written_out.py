"""Named conditions are put in the place of their names, in brackets, before a condition is read.

So everything behind (types, classes, matching, coverage) sees ordinary conditions, and a complaint points into the
definition. Names are found on the parse tree: what stands in a text, after a point or as a variable is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from typing import Final, NamedTuple

from lark import Token, Tree

from engine.ruleset.condition_text import ConditionText
from engine.ruleset.documents import Scalar
from engine.ruleset.grammar import MAX_WRITTEN_OUT, SyntaxProblem, parse
from engine.ruleset.issues import Issues, Related
from engine.ruleset.names import Names
from engine.ruleset.source import Span
from engine.ruleset.syntax import MACROS

_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_Node = Tree[Token]


class Use(NamedTuple):
    """A name in a condition at the offsets `[start, end)`; `asked`: it stands in has()."""

    name: str
    start: int
    end: int
    asked: bool


def written_out(text: ConditionText, names: Names, issues: Issues) -> ConditionText:
    """Return the condition with its named conditions written out, the same object if it names none.

    What may not be used here is an issue. A text that is no condition is returned as it is, for the parser to explain.
    """
    uses = [use for use in uses_of(text.text, names.conditions.keys()) if _is_allowed(use, text, names, issues)]
    changes = []
    for use in uses:
        named = names.conditions[use.name]
        names.used.add(use.name)
        issues.extend(named.problems)
        changes.append((use.start, use.end, _in_brackets(named.text, text.place(use.start, use.end), use.name)))
    size = len(text.text) + sum(len(other.text) - (end - start) for start, end, other in changes)
    if not changes or not _fits(size, len(text.text), text, names, issues):
        return text
    return text.replaced(changes).about(text.whole)


def uses_of(text: str, names: Set[str]) -> list[Use]:
    """Find some names in a condition, in the order of its text; none if it is no condition."""
    if names.isdisjoint(_WORD.findall(text)):
        return []
    try:
        tree = parse(text)
    except SyntaxProblem:
        return []
    return sorted(_uses(tree, names), key=lambda use: use.start)


def _uses(tree: _Node, names: Set[str]) -> Iterator[Use]:
    todo: list[tuple[_Node, Set[str]]] = [(tree, names)]
    while todo:
        node, wanted = todo.pop()
        kind = str(node.data)
        if kind == "ident" or _is_has(node):
            word = _word_in(node if kind == "ident" else node.children[-1])
            if word is not None and str(word) in wanted:
                yield Use(str(word), word.start_pos or 0, word.end_pos or 0, kind != "ident")
            continue
        if kind == "member_dot" and _word_in(node.children[0]) is not None:
            continue  # the first word of a path
        if kind == "member_dot_arg" and str(node.children[1]) in MACROS:
            variable = _word_in(_first_argument(node))
            wanted = wanted if variable is None else wanted - {str(variable)}
        todo += [(child, wanted) for child in node.children if isinstance(child, Tree)]


def _is_has(node: _Node) -> bool:
    return node.data == "ident_arg" and str(node.children[0]) == "has" and len(node.children) > 1


def _first_argument(node: _Node) -> _Node | Token:
    last = node.children[-1]
    return last.children[0] if isinstance(last, Tree) and last.data == "exprlist" and last.children else last


def _word_in(node: _Node | Token) -> Token | None:
    """Return the one word that an expression consists of, or None."""
    while isinstance(node, Tree) and len(node.children) == 1:
        if node.data == "ident":
            word = node.children[0]
            return word if isinstance(word, Token) else None
        node = node.children[0]
    return None


def _is_allowed(use: Use, text: ConditionText, names: Names, issues: Issues) -> bool:
    named = names.conditions[use.name]
    place = text.place(use.start, use.end)
    if use.asked:
        issues.error("cel-unsupported", place, "a named condition is always there", "has() takes the path of one fact")
        return False
    foreign = next((path for path in named.reads if names.fact(path) is None), None)
    if foreign is None:
        return True
    found = f'"{use.name}" cannot be used here, since it reads {foreign}'
    related = [Related.at(named.place, f'"{use.name}" is defined here')]
    issues.error("unknown-fact", place, found, _reads(names.family), related=related)
    return False


def _reads(family: str) -> str:
    """Say which facts a family may not read."""
    if family == "routing":
        return "routing chooses the channels, so it cannot read channel.*; read channels.<name>.state"
    if family == "breaker":
        return "a breaker rule reads provider.* channel.* platform.* now.* only"
    return "windows are read by breaker rules only"


def _in_brackets(text: ConditionText, use: Span, name: str) -> ConditionText:
    """Put a definition in brackets that stand where it is used."""
    node = Scalar(name, "", use)
    return ConditionText.joined([ConditionText.made("(", node), text, ConditionText.made(")", node)])


def _fits(size: int, before: int, text: ConditionText, names: Names, issues: Issues) -> bool:
    """Tell whether a condition is still bearable when written out, and whether all of the version are."""
    if size > MAX_WRITTEN_OUT:
        found = f"with its definitions written out the condition has {size:,} characters"
        issues.error("too-large", text.whole, f"{found}; at most {MAX_WRITTEN_OUT:,} are allowed", _SPLIT)
        return False
    return has_room(size - before, text.whole, names, issues)


def has_room(more: int, place: Span, names: Names, issues: Issues) -> bool:
    """Tell whether conditions may become longer by so many characters, all of the version together."""
    names.room.left -= more
    if names.room.left >= 0:
        return True
    found = "named conditions and overrides make the conditions of the version too long, all of them together"
    issues.error("too-large", place, found, _SPLIT)
    return False


_SPLIT: Final = "name conditions that are short, and split the rule"
