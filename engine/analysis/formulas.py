"""Questions about conditions, put together: what a solver searches and a situation is checked against."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from engine.ruleset.fact_types import Scope
from engine.ruleset.syntax import Expr


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition in its scope; `channel` is the candidate it is asked of in scope CHANNEL. No `when`: always."""

    when: Expr | None
    scope: Scope = Scope.MESSAGE
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Holds:
    """The condition is definitely true. Its opposite is "false or in error"."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Fails:
    """The condition is definitely false, not in error."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    part: Formula


@dataclass(frozen=True, slots=True)
class All:
    """All parts hold; none: always."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """One part holds; none: never."""

    parts: tuple[Formula, ...]


Formula = Holds | Fails | Not | All | Some
ALWAYS: Final = All(())
NEVER: Final = Some(())


def all_of(*parts: Formula) -> Formula:
    """All of these."""
    return parts[0] if len(parts) == 1 else All(parts)


def any_of(*parts: Formula) -> Formula:
    """At least one of these."""
    return parts[0] if len(parts) == 1 else Some(parts)


def none_of(*parts: Formula) -> Formula:
    """None of these."""
    return All(tuple(Not(part) for part in parts))


def differs(a: Formula, b: Formula) -> Formula:
    """Exactly one of the two."""
    return Some((All((a, Not(b))), All((Not(a), b))))


def conditions_in(formula: Formula) -> Iterator[Condition]:
    """Every condition that a formula asks for."""
    match formula:
        case Holds(condition=condition) | Fails(condition=condition):
            yield condition
        case Not(part=part):
            yield from conditions_in(part)
        case All(parts=parts) | Some(parts=parts):
            for part in parts:
                yield from conditions_in(part)


def is_true(formula: Formula, value: Callable[[Condition], bool | None]) -> bool:
    """Whether a formula holds where conditions have these values (None = in error)."""
    match formula:
        case Holds(condition=condition):
            return value(condition) is True
        case Fails(condition=condition):
            return value(condition) is False
        case Not(part=part):
            return not is_true(part, value)
        case All(parts=parts):
            return _every(parts, value)
        case Some(parts=parts):
            return any(is_true(part, value) for part in parts)


def _every(parts: Iterable[Formula], value: Callable[[Condition], bool | None]) -> bool:
    return all(is_true(part, value) for part in parts)
