"""What parsing gives: the rules of a version, typed, with what is needed to point back at their texts."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field

from engine.ruleset.condition_text import ConditionText
from engine.ruleset.documents import Mapping
from engine.ruleset.effects import Effect
from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.issues import Issue, Severity
from engine.ruleset.source import Span
from engine.ruleset.syntax import Expr
from engine.ruleset.tables import Row, Table


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, ready to be compiled.

    `index` numbers the rules of the version: families in the order of `effects.FAMILIES`, within a file from top to
    bottom. `when` None = always. `per_step`: a refusal takes away one candidate channel, not the whole message.
    `can_err`: the condition may fail to have a value (routing only; elsewhere that is refused).
    """

    index: int
    id: str
    doc: str
    owner: str
    family: str
    scope: Scope
    when: Expr | None
    effect: Effect
    per_step: bool
    can_err: bool
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a rule stands: the place of its id, its condition, and the whole rule as a tree.

    `is_special`: it stands in an override. `own` is the condition without the guards that overrides put before it, and
    `is_guarded` tells whether there are some. `row` is the row of a decision table that the rule is, if it is one.
    """

    id: Span
    when: ConditionText | None
    rule: Mapping
    own: ConditionText | None = None
    is_special: bool = False
    is_guarded: bool = False
    row: Row | None = None


@dataclass(frozen=True, slots=True)
class Constant:
    """A name of a `define:`, where it stands, and whether a condition names it."""

    name: str
    place: Span
    used: bool


@dataclass(frozen=True, slots=True)
class Parsed:
    """A version's files, read and checked.

    With an error among `issues` the rest is only what could be made of the files: never serve it. `digest` is the
    SHA-256 of names and contents; `lists` maps a list's name to its words and severities. `declared` maps a part of
    facts.yaml ("channels", "facts", "budgets") and a name in it to where that stands. `tables` are the decision tables,
    the rows of which are among the rules.
    """

    version: str
    digest: str
    schema: FactsSchema | None
    rules: tuple[Rule, ...]
    lists: MappingType[str, tuple[tuple[str, int], ...]]
    issues: tuple[Issue, ...]
    constants: tuple[Constant, ...] = ()
    places: MappingType[int, Placed] = field(default_factory=dict, repr=False, compare=False)
    declared: MappingType[tuple[str, str], Span] = field(default_factory=dict, repr=False, compare=False)
    tables: tuple[Table, ...] = field(default=(), repr=False, compare=False)

    @property
    def has_errors(self) -> bool:
        """True if the version may not be served."""
        return any(issue.severity is Severity.ERROR for issue in self.issues)
