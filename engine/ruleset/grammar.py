"""From text to a parse tree, by cel-python's grammar for CEL with its string terminals replaced.

Only the grammar file of that package is used: importing it would load its evaluator too. Its string terminals take
exponential time on an unclosed string, so linear ones stand in. Length and depth are bounded before parsing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.util import find_spec
from typing import Final, NoReturn

from lark import Lark, Token, Tree, UnexpectedCharacters, UnexpectedInput
from lark.exceptions import UnexpectedToken
from lark.lexer import PatternRE, TerminalDef

from engine.ruleset.syntax_hints import hint_at

MAX_LENGTH: Final = 4_000
MAX_WRITTEN_OUT: Final = 20_000
"""Characters of a condition with its named conditions and the guards of its override."""
MAX_DEPTH: Final = 32

_STRING = r"""(?:"(?:[^"\\\r\n]|\\[^\r\n])*"|'(?:[^'\\\r\n]|\\[^\r\n])*')"""
_RAW_STRING = r"""(?:[rR]"[^"\r\n]*"|[rR]'[^'\r\n]*')"""
_LONG_STRING = r'''(?:"""(?:[^"\\]|\\[\s\S]|"(?!""))*"""|\'\'\'(?:[^'\\]|\\[\s\S]|'(?!''))*\'\'\')'''
_RAW_LONG_STRING = r'''(?:[rR]"""(?:[^"]|"(?!""))*"""|[rR]\'\'\'(?:[^']|'(?!''))*\'\'\')'''
_TERMINALS: Final = {
    "STRING_LIT": (_RAW_STRING + "|" + _STRING, 1),
    "MLSTRING_LIT": (_RAW_LONG_STRING + "|" + _LONG_STRING, 2),
    "BYTES_LIT": (f"[bB](?:{_RAW_LONG_STRING}|{_LONG_STRING}|{_RAW_STRING}|{_STRING})", 3),
}

_TOKENS_WITH_BRACKETS = re.compile(
    "|".join((_RAW_LONG_STRING, _LONG_STRING, _RAW_STRING, _STRING, r"(?P<open>[(\[{])", r"(?P<close>[)\]}])"))
)


class SyntaxProblem(Exception):
    """The text is no expression; `start` and `end` are offsets into it."""

    def __init__(self, code: str, start: int, end: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code, self.start, self.end, self.message, self.hint = code, start, end, message, hint


def parse(text: str, most: int = MAX_LENGTH) -> Tree[Token]:
    """The parse tree of at most `most` characters. Raises SyntaxProblem; nothing else, in time linear in the length."""
    _check_bounds(text, most)
    try:
        return _parser().parse(text)
    except UnexpectedInput as problem:
        _explain(text, problem)


@lru_cache(maxsize=1)
def _parser() -> Lark:
    spec = find_spec("celpy")
    if spec is None or not spec.submodule_search_locations or spec.loader is None:
        raise ImportError("the package cel-python, whose grammar is used, is not installed")
    grammar = spec.loader.get_data(f"{spec.submodule_search_locations[0]}/cel.lark")  # type: ignore[attr-defined]  # every file loader has it
    return Lark(
        grammar.decode(),
        parser="lalr",
        start="expr",
        g_regex_flags=re.MULTILINE,
        lexer_callbacks={"COMMENT": _refuse_comment, "IDENT": _word},  # IDENT last: Lark tells only the last apart
        propagate_positions=True,
        maybe_placeholders=False,
        edit_terminals=_edit,
    )


def _edit(terminal: TerminalDef) -> None:
    if terminal.name in _TERMINALS:
        pattern, terminal.priority = _TERMINALS[terminal.name]
        terminal.pattern = PatternRE(pattern)


def _word(token: Token) -> Token:
    return Token.new_borrow_pos("BOOL_LIT", token.value, token) if token.value in ("true", "false") else token


def _refuse_comment(token: Token) -> NoReturn:
    # YAML may have joined several lines into one: the comment would swallow the rest of the condition.
    start = token.start_pos or 0
    hint = "put it in the rule's doc:, or as a # comment of YAML above"
    raise SyntaxProblem("cel-unsupported", start, start + len(token), "comments cannot stand in a condition", hint)


def _check_bounds(text: str, most: int) -> None:
    if len(text) > most:
        written = "" if most == MAX_LENGTH else ", definitions and guards written out"
        hint = "make two rules of it, or put a list into define:"
        raise SyntaxProblem("too-large", 0, 1, f"a condition has at most {most:,} characters{written}", hint)
    if not text.strip():
        raise SyntaxProblem(
            "cel-syntax", 0, 0, "the condition is empty", "leave when: out for a rule that always holds"
        )
    depth = 0
    for found in _TOKENS_WITH_BRACKETS.finditer(text):
        depth += (found["open"] is not None) - (found["close"] is not None)
        if depth > MAX_DEPTH:
            start, end = found.span()
            raise SyntaxProblem("too-deep", start, end, f"brackets nest deeper than {MAX_DEPTH} levels")


def _explain(text: str, problem: UnexpectedInput) -> NoReturn:
    """Turn Lark's error into a sentence with the place of the first character that does not fit."""
    at = getattr(problem, "pos_in_stream", None) or 0
    token = problem.token if isinstance(problem, UnexpectedToken) else None
    if token is not None and token.type == "$END":
        at = len(text.rstrip())
        opened = _TOKENS_WITH_BRACKETS.finditer(text)
        missing = sum((m["open"] is not None) - (m["close"] is not None) for m in opened)
        hint = "a closing bracket is missing" if missing > 0 else hint_at(text, at) or "what comes next is missing"
        raise SyntaxProblem("cel-syntax", max(0, at - 1), at, "the condition ends too early", hint) from None
    if isinstance(problem, UnexpectedCharacters) and text[at] in "\"'":
        hint = "close it with the same quote on the same line; a quote inside is written with a backslash"
        raise SyntaxProblem("cel-syntax", at, len(text), "this text is not closed", hint) from None
    found = str(token) if token is not None else text[at]
    shown = found[:40] if found.isprintable() else "this blank" if found.isspace() else "this sign"
    raise SyntaxProblem("cel-syntax", at, at + len(found), f"{shown} does not fit here", hint_at(text, at)) from None
