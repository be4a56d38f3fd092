"""The sixty rules of rules60/, as our engine compiles them and, term by term, as the yardsticks are told them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import _common

from engine.ruleset.compile import RuleSet, compile_version
from engine.ruleset.fact_types import Scope
from engine.ruleset.issues import render
from engine.ruleset.syntax import Call, Expr, Fact, Has, Literal

FOLDER: Final = _common.ROOT / "bench" / "rules60"
OPERATORS: Final = frozenset(("==", "!=", "<", "<=", ">", ">="))


@dataclass(frozen=True, slots=True)
class Term:
    """One comparison of a fact with a constant; `op` may also be "in" (the constant is in the fact) and "has"."""

    path: str
    op: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Conjunction:
    """A rule as a yardstick is told it: by its index, all of its terms must hold."""

    rule: int
    terms: tuple[Term, ...]


def files(folder: Path = FOLDER) -> dict[str, bytes]:
    """The version's files by their names within the folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def compiled() -> RuleSet:
    """The rules as the server would serve them. Raises SystemExit with the problems when there are any."""
    made = compile_version(FOLDER.name, files())
    if made.ruleset is None:
        raise SystemExit(render(made.issues, color=False))
    return made.ruleset


def conjunctions(ruleset: RuleSet) -> list[Conjunction]:
    """All rules, in the order of their indexes."""
    assert all(rule.scope is Scope.MESSAGE for rule in ruleset.rules)
    return [Conjunction(rule.index, tuple(_terms(rule.when))) for rule in ruleset.rules if rule.when is not None]


def _terms(expr: Expr) -> Iterator[Term]:
    match expr:
        case Call(op="&&", args=args):
            for arg in args:
                yield from _terms(arg)
        case Call(op="in", args=(Literal(value=value), Fact(path=path))):
            yield Term(path, "in", value)
        case Call(op=op, args=(Fact(path=path), Literal(value=value))) if op in OPERATORS:
            yield Term(path, op, value)
        case Fact(path=path):
            yield Term(path, "==", True)
        case Has(fact=Fact(path=path)):
            yield Term(path, "has")
        case _:
            raise ValueError(f"rules60 holds only conjunctions of comparisons, not {expr}")
