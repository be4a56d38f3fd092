"""From the text of a `when:` to a typed syntax tree, and what a tree tells of its rule.

The language is the stated subset of CEL: `grammar` parses, `builder` folds and types, this is their door.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from engine.ruleset.builder import Builder, Where
from engine.ruleset.fact_types import BREAKER_SCOPES, Scope
from engine.ruleset.grammar import MAX_DEPTH, MAX_LENGTH, SyntaxProblem, parse
from engine.ruleset.issues import Issues
from engine.ruleset.names import Names
from engine.ruleset.syntax import Call, Expr, Fact, Has, Type
from engine.ruleset.typing_rules import named

__all__ = ["Names", "Where", "check_whole", "depth_of", "parse_condition", "roots_of", "scope_of", "walk"]

MAX_PROBLEMS: Final = 5
"""The most problems told of one condition; further ones are mostly the same mistake again."""


def parse_condition(text: str, where: Where, names: Names, issues: Issues, most: int = MAX_LENGTH) -> Expr | None:
    """The typed tree of a condition of at most `most` characters, or None.

    Every problem is in `issues`, none is raised.
    """
    mine = Issues()
    try:
        tree = parse(text, most)
    except SyntaxProblem as problem:
        issues.error(problem.code, where(problem.start, problem.end), problem.message, problem.hint)
        return None
    expr = Builder(where, names, mine).fold(tree)
    if expr is not None and not mine.has_errors:
        check_whole(expr, where, names, mine)
    issues.extend(mine.sorted()[:MAX_PROBLEMS])
    return None if mine.has_errors else expr


def walk(expr: Expr) -> Iterator[Expr]:
    """Every node of a tree, parents first."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, Call):
            stack.extend(reversed(node.args))
        elif isinstance(node, Has):
            stack.append(node.fact)


def roots_of(expr: Expr) -> frozenset[str]:
    """The first words of the paths that a condition reads, such as {"message", "channel"}."""
    return frozenset(node.path.partition(".")[0] for node in walk(expr) if isinstance(node, Fact))


def scope_of(expr: Expr | None, family: str) -> Scope:
    """What a rule with this condition is judged against; without a condition, and by no subject, the message."""
    roots = roots_of(expr) if expr is not None else frozenset()
    if family == "breaker":
        return next((scope for root, scope in BREAKER_SCOPES.items() if root in roots), Scope.MESSAGE)
    return Scope.CHANNEL if "channel" in roots else Scope.MESSAGE


def check_whole(expr: Expr, where: Where, names: Names, issues: Issues) -> None:
    """Report what is wrong with a condition as such: it is no yes or no, nests too deep, or judges no one subject."""
    place = where(expr.start, expr.end)
    if expr.type is not Type.BOOL:
        hint = "compare it with something"
        issues.error("wrong-type", place, f"a condition is true or false, and this is {named(expr.type)}", hint)
    if depth_of(expr) > MAX_DEPTH:
        hint = "split the rule, or put brackets around halves of a long sum"
        issues.error("too-deep", place, f"the condition nests deeper than {MAX_DEPTH} levels", hint)
    subjects = roots_of(expr) & BREAKER_SCOPES.keys()
    if names.family == "breaker" and len(subjects) != 1:
        found = "both " + " and ".join(sorted(subjects)) if subjects else "none of them"
        text = f"a breaker rule judges one of provider, channel and platform, and this names {found}"
        issues.error("breaker-subject", place, text, "name facts such as provider.window.error_rate")


def depth_of(expr: Expr) -> int:
    """How deep a tree nests; a chain of && or || is one step."""
    deepest, stack = 0, [(expr, 1)]
    while stack:
        node, depth = stack.pop()
        deepest = max(deepest, depth)
        if isinstance(node, Call):
            stack.extend((arg, depth + 1) for arg in node.args)
    return deepest
