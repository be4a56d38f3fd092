"""All mutants of a version, in the order of its rules; only those that the check would let pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from engine.analysis.mutation.acceptance import Acceptance
from engine.analysis.mutation.conditions import Edit, Edits
from engine.analysis.mutation.effects import Changes
from engine.analysis.mutation.mutant import LEFT_OUT, Mutant, per_step_of
from engine.ruleset.documents import Mapping as Group
from engine.ruleset.documents import Scalar, Sequence
from engine.ruleset.expressions import scope_of
from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.reading import point
from engine.ruleset.rules import Parsed, Placed, Rule
from engine.ruleset.source import Span
from engine.ruleset.syntax import Expr, Literal, Type
from engine.ruleset.terms import key_of

NOTHING = Literal(False, Type.BOOL, 0, 0)
"""The condition of a rule that is left out: the others keep their numbers."""


def mutants_of(parsed: Parsed, only: str | None = None) -> tuple[Mutant, ...]:
    """Return the mutants of a version without errors; with `only` those of the rule of that id.

    Raises ValueError for a version that has no schema, since then it has errors.
    """
    if parsed.schema is None:
        raise ValueError("rules with errors have no mutants")
    maker = _Maker(parsed, parsed.schema)
    return tuple(mutant for rule in parsed.rules if only in (None, rule.id) for mutant in maker.of(rule))


class _Maker:
    """Makes the mutants of one version."""

    def __init__(self, parsed: Parsed, schema: FactsSchema) -> None:
        self._rules, self._places, self._schema = parsed.rules, parsed.places, schema
        self._changes = Changes(tuple(channel.name for channel in schema.channels))
        self._accepts = Acceptance(parsed.rules, schema)

    def of(self, rule: Rule) -> Iterator[Mutant]:
        """Give the mutants of one rule: its condition, its effect, its order, and the rule as such."""
        placed = self._places[rule.index]
        yield from self._conditions(rule, placed)
        yield from self._effects(rule, placed)
        yield from self._order(rule, placed)
        gone = replace(rule, when=NOTHING, can_err=False)
        yield Mutant("rule", rule, placed.id, "the rule", LEFT_OUT, (gone,))

    def _conditions(self, rule: Rule, placed: Placed) -> Iterator[Mutant]:
        if rule.when is None or placed.when is None:
            return
        seen = {key_of(rule.when)}
        begin = _own_begin(placed)
        for edit in Edits(self._schema, rule.scope).of(rule.when):
            key = key_of(edit.whole)
            if key in seen or edit.start < begin:
                continue
            seen.add(key)
            scope = _scope(rule, placed, edit.whole)
            changed = replace(rule, when=edit.whole, scope=scope, per_step=per_step_of(rule.effect, scope))
            accepted = self._accepts.condition(changed)
            if accepted is not None:
                yield Mutant(edit.kind, rule, _place(edit, placed), edit.before, edit.after, (accepted,))

    def _effects(self, rule: Rule, placed: Placed) -> Iterator[Mutant]:
        def written(path: Iterable[str | int]) -> str:
            return _text(placed, path)

        for change in self._changes.of(rule.effect, rule.scope, written):
            changed = replace(rule, effect=change.effect, per_step=per_step_of(change.effect, rule.scope))
            if change.effect != rule.effect and self._accepts.effect(changed):
                place = point(placed.rule, ("then", *change.path))
                yield Mutant(change.kind, rule, place, change.before, change.after, (changed,))

    def _order(self, rule: Rule, placed: Placed) -> Iterator[Mutant]:
        """Exchange a routing rule with the next one of its file; nowhere else does the order decide but names."""
        following = self._rules[rule.index + 1 : rule.index + 2]
        if rule.family != "routing" or not following or self._places[rule.index + 1].id.source != placed.id.source:
            return
        other = following[0]
        if self._accepts.before(other, rule):
            changed = (replace(other, index=rule.index), replace(rule, index=other.index))
            before, after = f"stands before {other.id}", f"stands behind {other.id}"
            yield Mutant("order", rule, placed.id, before, after, changed)


def _own_begin(placed: Placed) -> int:
    """Return where the author's own condition begins, behind the guards that overrides put before it."""
    assert placed.when is not None  # asked of conditions
    if not placed.is_guarded:
        return 0
    whole = len(placed.when.text)
    return whole if placed.own is None else whole - len(")") - len(placed.own.text)


def _scope(rule: Rule, placed: Placed, when: Expr) -> Scope:
    """Return what a changed rule is asked about; the rows of a table are all asked about the same."""
    return rule.scope if placed.row is not None else scope_of(when, rule.family)


def _place(edit: Edit, placed: Placed) -> Span:
    """Return where an edit stands; of an exchanged && or || the place of the operator itself."""
    assert placed.when is not None  # a rule without a condition has no edits
    start, text = edit.start, placed.when.text
    if edit.before[:2] in ("&&", "||"):
        start = max(start, text.find(edit.before[:2], edit.start, edit.end))
    return placed.when.place(start, edit.end)


def _text(placed: Placed, path: Iterable[str | int]) -> str:
    """Return the author's text of a value of the effect; empty where there is none."""
    node = placed.rule.get("then")
    for part in path:
        if isinstance(part, str):
            node = node.get(part) if isinstance(node, Group) else None
        else:
            node = node.items[part] if isinstance(node, Sequence) and part < len(node.items) else None
    return node.text if isinstance(node, Scalar) else ""
