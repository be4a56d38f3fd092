"""Notes on precedence: rules about different facts that match one message, of which the first decides.

A large version has very many such pairs. They are told once for what an author sees as one thing, with one message: a
rule, a table with all its rows, the rules of an override.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from engine.analysis.findings.inquiry import Inquiry
from engine.analysis.formulas import all_of
from engine.analysis.space import Found
from engine.ruleset.rules import Rule
from engine.ruleset.source import Span

MOST_OPEN: Final = 20
"""Questions that may stay open before no more are asked; each may take a tenth of a second."""

MOST_NAMED: Final = 3
"""Rules and tables that are named in one note; the others are counted."""

MOST_SHOWN: Final = 5
"""Rules and tables whose places are shown in one note."""

Pair = tuple[Rule, Rule]


@dataclass(frozen=True, slots=True)
class Unit:
    """What an author sees as one: a rule, a table, the rules of an override; `place` is where to point."""

    name: str
    word: str
    place: Span


@dataclass(slots=True)
class _Note:
    """What one note tells: the pairs, the first of each deciding, and the units of the others."""

    pairs: list[Pair] = field(default_factory=list)
    others: dict[Unit, dict[str, None]] = field(default_factory=dict)


def tell_precedence(inquiry: Inquiry, given: Iterable[tuple[Rule, Sequence[Rule]]]) -> None:
    """Tell for each rule that was given precedence before which others; the rules of one unit together, and rules
    that stand before the very same."""
    units = _units(inquiry)
    notes: dict[Unit, _Note] = {}
    for rule, others in given:
        for other in others:
            if units[other.index] != units[rule.index]:
                note = notes.setdefault(units[rule.index], _Note())
                note.pairs.append((rule, other))
                note.others.setdefault(units[other.index], {})[other.id] = None
    most_open = inquiry.open_questions + MOST_OPEN
    for unit, note in _alike(notes).items():
        if inquiry.open_questions > most_open:
            text = "not all pairs of routing rules were compared, since much cannot be told of those before"
            inquiry.issues.note("undecided", unit.place, text, "split the conditions into simpler ones")
            return
        _tell(inquiry, unit, note, most_open)


def _alike(notes: dict[Unit, _Note]) -> dict[Unit, _Note]:
    """Put the notes of rules together that have the same others."""
    made: dict[Unit, _Note] = {}
    firsts: dict[tuple[str, ...], Unit] = {}
    for unit, note in notes.items():
        same = tuple(sorted(one for ids in note.others.values() for one in ids))
        first = firsts.setdefault(same, unit) if unit.word == "rule" else unit
        made.setdefault(first, _Note(others=note.others)).pairs.extend(note.pairs)
    return made


def _units(inquiry: Inquiry) -> dict[int, Unit]:
    """The unit of each routing rule, by the rule's index."""
    made: dict[int, Unit] = {}
    overrides: dict[str, Unit] = {}
    for table in inquiry.parsed.tables:
        made.update({row.rule: Unit(table.id, "table", table.place) for row in table.rows if row.rule is not None})
    for rule in inquiry.routing:
        place = inquiry.place(rule)
        unit = Unit(rule.id, "rule", place)
        if inquiry.parsed.places[rule.index].is_special:
            unit = overrides.setdefault(place.source.name, Unit(place.source.name, "override", place))
        made.setdefault(rule.index, unit)
    return made


def _tell(inquiry: Inquiry, unit: Unit, note: _Note, most_open: int) -> None:
    for rule, other in note.pairs:
        answer = inquiry.space.ask(all_of(inquiry.reached[rule.index], inquiry.match(other)))
        if isinstance(answer, Found):
            break
        inquiry.undecided(other, f'it matches messages of "{rule.id}"', answer)
        if inquiry.open_questions > most_open:
            return
    else:
        return
    deciding = list(dict.fromkeys(rule.id for rule, _ in note.pairs))
    text = f"some messages match {_this(unit, deciding)} and {_named(note.others)} too; {_first(unit, deciding)}"
    hint = "nothing to do if it is meant to have precedence; else put it behind"
    related = [inquiry.related(other, "matches some of its messages") for other in _shown(note, (rule, other))]
    inquiry.issues.note("overlap", unit.place, text, hint, inquiry.witness(answer), related)


def _this(unit: Unit, deciding: Sequence[str]) -> str:
    more = len(deciding) - 1
    if unit.word == "rule":
        return f'this rule, or one of {more} more to "{deciding[-1]}",' if more else "this rule"
    part = "row" if unit.word == "table" else "rule"
    if more:
        return f'{len(deciding)} {part}s of this {unit.word}, "{deciding[0]}" the first,'
    return f'the {part} "{deciding[0]}" of this {unit.word}'


def _first(unit: Unit, deciding: Sequence[str]) -> str:
    if unit.word == "rule":
        return f"{'this one' if len(deciding) == 1 else 'each of these'} stands first and decides"
    return f"the {unit.word} stands first and decides"


def _named(others: dict[Unit, dict[str, None]]) -> str:
    """Name rules, tables and overrides in a sentence: "a", 12 rows of "b" and 3 more."""
    names: list[str] = []
    for unit, ids in others.items():
        if len(ids) == 1:
            names.append(f'"{next(iter(ids))}"')
        else:
            names.append(f'{len(ids)} {"rows" if unit.word == "table" else "rules"} of "{unit.name}"')
    if len(names) > MOST_NAMED:
        return ", ".join(names[:MOST_NAMED]) + f" and {len(names) - MOST_NAMED} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _shown(note: _Note, found: Pair) -> list[Rule]:
    """One rule of each other unit, that of the message first."""
    firsts = {other.id: other for _, other in (found, *note.pairs)}
    ids = dict.fromkeys((found[1].id, *(next(iter(ids)) for ids in note.others.values() if found[1].id not in ids)))
    return [firsts[one] for one in list(ids)[:MOST_SHOWN]]
