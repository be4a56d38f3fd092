"""Conditions in their layout: one blank around operators, none within brackets, lines broken after `&&` and `||`.

Only the blanks between tokens change. What comes out is parsed and compared with what went in, so that no slip here
could ever change a meaning.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from engine.ruleset.grammar import SyntaxProblem, parse

_TOKEN: Final = re.compile(
    r"""(?P<text>[rR](?:"[^"\n]*"|'[^'\n]*')|"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*')"""
    r"|(?P<number>0[xX][0-9a-fA-F]+|(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>&&|\|\||[=!<>]=|[-+*/%<>!?:.,()\[\]])"
)
_BLANKS: Final = re.compile(r"\s*")
_OPENING: Final = ("(", "[", ".")
_CLOSING: Final = (")", "]", ",", ".")
_JOINING: Final = ("&&", "||")


@lru_cache(maxsize=8_192)
def spaced(text: str) -> str | None:
    """Return a condition on one line with the blanks it should have; None if it is none that could be read."""
    tokens = _tokens(text)
    return None if tokens is None else _with_same_meaning(_joined(tokens), text)


def broken(text: str, width: int) -> list[str]:
    """Break a condition that is `spaced` into lines after `&&` and `||`, as few as fit into `width` characters.

    Outer operators are broken at before inner ones; what has none stays on one line, however long.
    """
    tokens = _tokens(text) or [text]
    lines: list[str] = []
    for piece in _pieces(tokens, width):
        if lines and len(lines[-1]) + 1 + len(piece) <= width:
            lines[-1] += f" {piece}"
        else:
            lines.append(piece)
    return lines


def kept(lines: Sequence[str], width: int) -> list[str] | None:
    """Return the lines an author broke a condition into, each spaced; None if they are broken elsewhere or too long."""
    made: list[str] = []
    for line in lines:
        tokens = _tokens(line)
        if tokens is None or not tokens or len(text := _joined(tokens)) > width:
            return None
        made.append(text)
    ended = all(line.endswith(_JOINING) for line in made[:-1])
    return made if ended and _with_same_meaning(" ".join(made), "\n".join(lines)) is not None else None


def _with_same_meaning(made: str, text: str) -> str | None:
    try:
        tree = parse(made)
        return made if text == made or parse(text) == tree else None
    except SyntaxProblem:
        return None


def _tokens(text: str) -> list[str] | None:
    """Take a condition apart; None if there is something in it that is no token."""
    tokens: list[str] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is not None:
            tokens.append(found[0])
        blanks = _BLANKS.match(text, at if found is None else found.end())
        end = at if blanks is None else blanks.end()
        if end == at:
            return None
        at = end
    return tokens


def _joined(tokens: Sequence[str]) -> str:
    made = ""
    for at, token in enumerate(tokens):
        made += " " if at and _is_parted(tokens, at) else ""
        made += token
    return made


def _is_parted(tokens: Sequence[str], at: int) -> bool:
    """Tell whether a blank stands before the token `at`."""
    before, token = tokens[at - 1], tokens[at]
    if before in _OPENING or token in _CLOSING or _is_prefix(tokens, at - 1):
        return False
    if token in ("(", "["):
        return not (_is_word(before) or (token == "[" and before in (")", "]")))
    return True


def _is_word(token: str) -> bool:
    return token != "in" and (token[0].isalpha() or token[0] == "_") and token[-1] not in "\"'"


def _is_prefix(tokens: Sequence[str], at: int) -> bool:
    """Tell whether the token `at` is a `!` or a minus that stands before a value, not between two."""
    if tokens[at] not in ("!", "-"):
        return False
    before = tokens[at - 1] if at else "("
    value_ends = before in (")", "]") or _is_word(before) or before[0].isdigit() or before[-1] in "\"'"
    return tokens[at] == "!" or not value_ends


def _pieces(tokens: Sequence[str], width: int) -> list[str]:
    """Cut a condition after its outermost operators, and the pieces that are too long after theirs."""
    text = _joined(tokens)
    cuts = [] if len(text) <= width else _cuts(tokens)
    if not cuts:
        return [text]
    bounds = [0, *cuts, len(tokens)]
    return [piece for i in range(len(bounds) - 1) for piece in _pieces(tokens[bounds[i] : bounds[i + 1]], width)]


def _cuts(tokens: Sequence[str]) -> list[int]:
    """Find where a condition may be cut: after its outermost `||`, or where it has none `&&`; not at its end."""
    depth, found = 0, []
    for at, token in enumerate(tokens[:-1]):
        depth += (token in ("(", "[")) - (token in (")", "]"))
        if token in _JOINING:
            found.append((depth, token != "||", at + 1))
    outermost = min(found, default=None)
    return [] if outermost is None else [at for *rank, at in found if tuple(rank) == outermost[:2]]
