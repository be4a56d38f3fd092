"""A rule, or a decision table, on the coverage page: its text with each condition coloured, what lacks, which cases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import dedent
from typing import Final, NamedTuple

from cli.rules.coverage_parts import FULL, LEFT_OUT, NONE, PART, is_whole, items, named, safe, shares_in_words
from cli.rules.coverage_report import Covered, Group
from engine.analysis.coverage import OUTCOMES, Outcome, RuleCoverage, shares
from engine.analysis.coverage_lacking import Kind, Lacking, atom_text
from engine.ruleset.rules import Placed
from engine.ruleset.tables import Table

_WORDS: Final = {True: "true", False: "false"}


class Shown(NamedTuple):
    """A version with what its page shows: what no case shows, by the index of the rule."""

    covered: Covered
    lacking: Mapping[int, Sequence[Lacking]]

    @property
    def name(self) -> str:
        """The version's name, which stands before each id of the page."""
        return self.covered.version.folder.name

    def placed(self, one: RuleCoverage) -> Placed:
        """Where a rule stands."""
        return self.covered.places[one.rule.index]


def group_html(group: Group, shown: Shown) -> Iterator[str]:
    """Return the rules of a group, or its decision table."""
    if group.table is not None:
        yield _table(group.table, group.rules, shown)
    else:
        yield from (_rule(one, shown) for one in group.rules)


def _rule(one: RuleCoverage, shown: Shown) -> str:
    rule, placed = one.rule, shown.placed(one)
    doc = f"<p>{safe(rule.doc)}</p>" if rule.doc else ""
    return (
        f'<article class="rule {_state(one)}" id="{_id(shown, rule.id)}"><h3><code>{safe(rule.id)}</code> '
        f"<small>{safe(placed.id.source.name)}:{placed.id.line}</small></h3>"
        f'{doc}<pre>{_condition(one, placed)}</pre><pre class="then">{_then(placed)}</pre>{_told(one, shown)}</article>'
    )


def _table(table: Table, rules: Sequence[RuleCoverage], shown: Shown) -> str:
    """Return a decision table as its author sees it, each row marked, with its condition as the engine asks it."""
    heads = "".join(f'<th scope="col">{safe(column.text)}</th>' for column in table.columns)
    rows = "\n".join(_row(one, shown) for one in rules)
    found = shares(rules)
    whole = " whole" * is_whole(found)
    return (
        f'<article class="table{whole}" id="{_id(shown, table.id)}"><h3>table <code>{safe(table.id)}</code></h3>'
        f'<p class="mark">{shares_in_words(found, "rows")}</p>'
        f'<div class="wide" role="region" tabindex="0" aria-label="table {safe(table.id)}"><table class="grid">'
        f'<thead><tr><th scope="col">row</th>{heads}<th scope="col">what the engine asks</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></article>"
    )


def _row(one: RuleCoverage, shown: Shown) -> str:
    row = shown.covered.rows[one.rule.index][1]
    cells = "".join(f"<td>{safe(cell.text)}</td>" for cell in row.cells)
    place = f"<small>{safe(row.place.source.name)}:{row.place.line}</small>"
    asked = f"<pre>{_condition(one, shown.placed(one))}</pre>{_told(one, shown)}"
    return (
        f'<tr class="row {_state(one)}" id="{_id(shown, one.rule.id)}"><td class="{_state(one).split()[0]}">'
        f"{_mark(one)} {row.number}<br>{place}</td>{cells}<td>{asked}</td></tr>"
    )


def _id(shown: Shown, name: str) -> str:
    return safe(f"{shown.name}/{name}")


def _state(one: RuleCoverage) -> str:
    return f"{FULL} whole" if is_whole(shares([one])) else PART if one.cases else NONE


def _mark(one: RuleCoverage) -> str:
    return "&#10003;" if one.cases else "&#10007;"


def _taken(one: RuleCoverage) -> str:
    verb = "decided" if one.is_route else "matched"
    count = len(one.cases)
    return f"{verb} in {count:,} case{'s' * (count != 1)}" if count else f"never {verb}"


def _then(placed: Placed) -> str:
    """Return the effect as it is written, its lines as deep as they stand to each other."""
    node = placed.rule.get("then")
    if node is None:
        return ""
    span = node.span
    text = " " * (span.column - 1) + span.source.text[span.start : span.end].rstrip()
    lines = safe(dedent(text))
    return f"then:\n  {lines.replace(chr(10), chr(10) + '  ')}" if "\n" in lines else f"then: {lines}"


# ---- the condition, coloured ----


def _condition(one: RuleCoverage, placed: Placed) -> str:
    """Return the text of a condition with its atoms marked; they do not overlap and stand in order."""
    if one.condition is None or placed.when is None:
        return "<i>always</i>"
    text, done, parts = placed.when.text, 0, list[str]()
    for atom, expr in enumerate(one.condition.atoms):
        parts += [safe(text[done : expr.start]), _atom(one, atom, text[expr.start : expr.end])]
        done = expr.end
    return "".join([*parts, safe(text[done:])])


def _atom(one: RuleCoverage, atom: int, text: str) -> str:
    outcomes = [Outcome(atom, value) for value in OUTCOMES]
    counted = [outcome for outcome in outcomes if outcome not in one.impossible]
    seen = sum(outcome in one.outcomes for outcome in counted)
    state = FULL if seen == len(counted) else PART if seen else NONE
    if state == FULL and len(counted) < len(outcomes):
        state = LEFT_OUT
    idle = state == FULL and any(outcome not in one.deciding and outcome not in one.idle for outcome in outcomes)
    told = "\n".join(f"{_WORDS[outcome.value]}: {_shown_by(one, outcome)}" for outcome in outcomes)
    return f'<span class="atom {state}{" idle" * idle}" title="{safe(told)}">{safe(text)}</span>'


def _shown_by(one: RuleCoverage, outcome: Outcome) -> str:
    """Say of one outcome which case shows it."""
    if outcome in one.impossible:
        return "impossible, no facts can make it so"
    if outcome not in one.outcomes:
        return "never"
    if outcome in one.idle:
        return f"{named(one.outcomes[outcome])}; no facts let it decide so"
    if outcome not in one.deciding:
        return f"{named(one.outcomes[outcome])}; it never decided so"
    return named(one.deciding[outcome])


# ---- the same in words ----


def _told(one: RuleCoverage, shown: Shown) -> str:
    """Say how often the rule took effect, what lacks, and, to be opened, which cases show what."""
    words = " · ".join(part for part in (_taken(one), shares_in_words(shares([one]))) if part)
    lacks = _lacks(shown.lacking.get(one.rule.index, ()))
    return (
        f'<p class="mark">{_mark(one)} {words}</p>'
        + items((f"&#10007; {safe(what)}" for what in lacks), "lacks")
        + _cases(one, shown.placed(one))
    )


def _lacks(gaps: Iterable[Lacking]) -> Iterator[str]:
    """Return what lacks of each condition in a line: `x: never true, never false`."""
    lines: dict[tuple[int, str], list[str]] = {}
    for gap in gaps:
        if gap.kind is not Kind.RULE and gap.kind is not Kind.ROW:
            never = "never decided by being" if gap.kind is Kind.MCDC else "never"
            lines.setdefault((gap.atom, gap.text), []).append(f"{never} {gap.lacks}")
    return (f"{text}: {', '.join(never)}" for (_, text), never in sorted(lines.items()))


def _cases(one: RuleCoverage, placed: Placed) -> str:
    """Return what the tooltips of the conditions say, for those who use no mouse, and the cases of the rule."""
    shown = _shown(one, placed) if one.outcomes else ""
    listed = items(safe(named(case)) for case in one.cases)
    if not shown and not listed:
        return ""
    taken = f"<p>It {_taken(one)}:</p>{listed}" if listed else ""
    return f"<details><summary>which cases</summary>{shown}{taken}</details>"


def _shown(one: RuleCoverage, placed: Placed) -> str:
    rows = (
        f'<tr><th scope="row"><code>{safe(atom_text(one, placed, atom)[0])}</code></th>'
        + "".join(f"<td>{safe(_shown_by(one, Outcome(atom, value)))}</td>" for value in OUTCOMES)
        + "</tr>"
        for atom in range(one.atoms)
    )
    head = '<tr><th scope="col">condition</th><th scope="col">true in</th><th scope="col">false in</th></tr>'
    return f'<div class="wide"><table class="cases"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table></div>'
