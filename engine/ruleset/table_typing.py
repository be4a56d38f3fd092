"""Reads the headings and cells of a table as expressions by themselves, and puts those of a row together.

So a complaint is about one cell, and a cell that stands in many rows is read once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from engine.ruleset.builder import Builder
from engine.ruleset.condition_text import ConditionText
from engine.ruleset.documents import Scalar
from engine.ruleset.drafts import Condition
from engine.ruleset.expressions import Names, check_whole, depth_of
from engine.ruleset.grammar import MAX_DEPTH, MAX_WRITTEN_OUT, SyntaxProblem, parse
from engine.ruleset.issues import Issues
from engine.ruleset.source import Span
from engine.ruleset.syntax import Call, Expr, Has, Type
from engine.ruleset.typing_rules import named
from engine.ruleset.written_out import written_out

USUAL_ROW: Final = 1_000
"""Characters of a row's condition that cost nothing; what is beyond shares the room of conditions written out."""


@dataclass(slots=True)
class Typing:
    """Reads expressions that may use certain names; `known` are those that were right, by their texts."""

    names: Names
    known: dict[str, Expr] = field(default_factory=dict)

    def expression(self, text: ConditionText, issues: Issues) -> Condition | None:
        """Return an expression of any type, or None; every problem is in `issues`, none is raised."""
        if text.text in self.known:
            return Condition(text, self.known[text.text])
        found = Issues()
        whole = written_out(text, self.names, found)
        expr = None if found.has_errors else self._parsed(whole, found)
        issues.extend(found.sorted())
        if expr is None or found.has_errors:
            return None
        if whole is text:
            self.known[text.text] = expr
        return Condition(whole, expr)

    def _parsed(self, text: ConditionText, issues: Issues) -> Expr | None:
        try:
            expr = Builder(text.place, self.names, issues).fold(parse(text.text, MAX_WRITTEN_OUT))
        except SyntaxProblem as problem:
            place = text.place(problem.start, problem.end)
            issues.error(problem.code, place, problem.message, problem.hint)
            return None
        if expr is not None and depth_of(expr) > MAX_DEPTH:
            found = f"the condition nests deeper than {MAX_DEPTH} levels"
            issues.error("too-deep", text.whole, found, "put brackets around halves of a long sum")
        return expr

    def condition(self, text: ConditionText, issues: Issues) -> Condition | None:
        """Return an expression that is true or false, or None; every problem is in `issues`, none is raised."""
        read = self.expression(text, issues)
        if read is not None and read.expr.type is not Type.BOOL:
            found = f"a condition is true or false, and this is {named(read.expr.type)}"
            issues.error("wrong-type", text.whole, found, "compare it with something")
            return None
        return read

    def all_of(self, parts: Sequence[Condition], place: Span, issues: Issues) -> Condition | None:
        """Return the condition that all hold, which stands at `place`; None (and an issue) if it is too long."""
        whole = joined([part.text for part in parts], " && ").about(place)
        found = Issues()
        size = len(whole.text)
        self.names.room.left -= max(0, size - USUAL_ROW)
        if size > MAX_WRITTEN_OUT or self.names.room.left < 0:
            said = f"with what all rows share, the cells of this row make a condition of {size:,} characters"
            most = (
                f"at most {MAX_WRITTEN_OUT:,} are allowed" if size > MAX_WRITTEN_OUT else "all together it is too much"
            )
            issues.error("too-large", place, f"{said}; {most}", "make when: and the columns shorter")
            return None
        expr = _chain(parts, size)
        check_whole(expr, lambda start, end: place, self.names, found)
        issues.extend(found.sorted())
        return None if found.has_errors else Condition(whole, expr)


def bracketed(condition: Condition, node: Scalar) -> Condition:
    """Put brackets around a condition; they stand where the node does."""
    sides = (ConditionText.made("(", node), ConditionText.made(")", node))
    return Condition(ConditionText.joined([sides[0], condition.text, sides[1]]), _moved(condition.expr, 1))


def _chain(parts: Sequence[Condition], length: int) -> Expr:
    """Join expressions by &&, each moved to where its text is in the whole."""
    links: list[Expr] = []
    at = 0
    for part in parts:
        moved = _moved(part.expr, at)
        links += moved.args if isinstance(moved, Call) and moved.op == "&&" else (moved,)
        at += len(part.text.text) + len(" && ")
    return links[0] if len(links) == 1 else Call("&&", tuple(links), Type.BOOL, 0, length)


def _moved(expr: Expr, by: int) -> Expr:
    """Return an expression with the places of its parts counted from another beginning."""
    if by == 0:
        return expr  # what all rows share stands first, and is kept once
    start, end = expr.start + by, expr.end + by
    if isinstance(expr, Call):
        return replace(expr, args=tuple(_moved(arg, by) for arg in expr.args), start=start, end=end)
    if isinstance(expr, Has):
        fact = replace(expr.fact, start=expr.fact.start + by, end=expr.fact.end + by)
        return replace(expr, fact=fact, start=start, end=end)
    return replace(expr, start=start, end=end)


def joined(texts: Sequence[ConditionText], glue: str) -> ConditionText:
    """Put texts together with the same glue between each two."""
    parts: list[ConditionText | str] = []
    for text in texts:
        parts += [glue, text] if parts else [text]
    return ConditionText.joined(parts)
