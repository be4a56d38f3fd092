"""What the rule tests of a version cover, told: a table, the list of what lacks, JSON, and whether it is enough."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from engine.analysis.coverage import Coverage, RuleCoverage, Share, Shares, shares
from engine.analysis.coverage_examples import Example, find_examples
from engine.analysis.coverage_lacking import Gap, Kind, Lacking, impossible, lacking
from engine.analysis.coverage_possible import Possibilities
from engine.ruleset.flow_text import flow_text
from engine.ruleset.rules import Placed
from engine.ruleset.tables import Row, Table

if TYPE_CHECKING:
    from cli.rules.versions import Version

MOST_LISTED: Final = 400
"""Gaps that are listed on a terminal."""

_ALL: Final = Fraction(1)


class Group(NamedTuple):
    """Rules that follow one another in a file: the rows of a table, or such as are in none."""

    table: Table | None
    rules: list[RuleCoverage]


@dataclass(frozen=True)
class Covered:
    """One version with what its cases cover, and the `given:` of cases that would cover more."""

    version: Version
    coverage: Coverage
    examples: dict[Gap, Example] = field(default_factory=dict)

    @property
    def shares(self) -> Shares:
        """What is covered of all its rules."""
        return shares(self.coverage.rules)

    @property
    def lacking(self) -> list[Lacking]:
        """All that no case shows."""
        return list(lacking(self.coverage.rules, self.places, self.rows))

    @property
    def impossible(self) -> list[Lacking]:
        """The outcomes that are in no total, since no facts can give them."""
        return list(impossible(self.coverage.rules, self.places))

    @cached_property
    def rows(self) -> dict[int, tuple[Table, Row]]:
        """The rules that are rows of decision tables, by their index."""
        assert self.version.parsed is not None  # its rules were compiled
        tables = self.version.parsed.tables
        return {row.rule: (table, row) for table in tables for row in table.rows if row.rule is not None}

    @cached_property
    def files(self) -> dict[str, list[Group]]:
        """The rules of each file in their order, the rows of a table together."""
        files: dict[str, list[Group]] = {}
        for one in self.coverage.rules:
            table = self.rows[one.rule.index][0] if one.rule.index in self.rows else None
            groups = files.setdefault(one.rule.file, [])
            if not groups or groups[-1].table is not table:
                groups.append(Group(table, []))
            groups[-1].rules.append(one)
        return files

    @property
    def places(self) -> Mapping[int, Placed]:
        """Where its rules stand."""
        assert self.version.parsed is not None  # its rules were compiled
        return self.version.parsed.places


def watched(version: Version, covered: list[Covered]) -> Coverage | None:
    """Return what is to watch the cases of a version, and keep it; None if the version cannot be tested."""
    if version.compiled is None or version.compiled.ruleset is None or version.errors:
        return None
    covered.append(Covered(version, Coverage(version.compiled.ruleset)))
    return covered[-1].coverage


def look_further(covered: Iterable[Covered]) -> None:
    """Take out of the totals what no facts can give, and look for messages that show what no case does."""
    for one in covered:
        possibilities = Possibilities(one.coverage)
        possibilities.find_impossible()
        one.examples.update(find_examples(worth_telling(one.lacking), possibilities))


def falls_short(covered: Sequence[Covered], least: Fraction) -> list[str]:
    """Say of which share there is less than asked for; exactly so much is enough. MC/DC is not asked for."""
    found = _sum(covered)
    named = (("condition outcomes", found.conditions), ("rules", found.rules))
    wanted = f"{float(least * 100):.10g}"
    return [
        f"{share.percent} % of the {what} are covered ({share.covered:,} of {share.total:,}), "
        f"and {wanted} % are asked for"
        for what, share in named
        if share.fraction < least
    ]


def coverage_json(covered: Sequence[Covered]) -> dict[str, Any]:
    """Return what `--json` adds."""
    found = _sum(covered)
    return {
        "conditions": _share_json(found.conditions),
        "rules": _share_json(found.rules),
        "mcdc": _share_json(found.mcdc),
        "lacking": [
            {**_lacking_json(one), "given": each.examples.get(one.gap)} for each in covered for one in each.lacking
        ],
        "impossible": [_lacking_json(one) for each in covered for one in each.impossible],
    }


def _sum(covered: Sequence[Covered]) -> Shares:
    return shares(rule for each in covered for rule in each.coverage.rules)


def _share_json(share: Share) -> dict[str, int]:
    return {"covered": share.covered, "total": share.total}


def _lacking_json(one: Lacking) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "rule": one.rule.id,
        "file": one.place.source.name,
        "line": one.place.line,
        "column": one.place.column,
        "text": one.text,
        "lacks": one.lacks,
    }


def show_coverage(console: Console, covered: Covered) -> None:
    """Print the shares of each file and rule, and what lacks."""
    console.print()
    console.print(_table(covered))
    told = worth_telling(covered.lacking)
    examples = numbered(covered.examples[one.gap] for one in told if one.gap in covered.examples)
    lines = [sentence_of(one, covered, examples) for one in told]
    _list(console, "What no case shows", lines)
    _list(console, "Messages that would show it", [f"{number}  given: {text}" for text, number in examples.items()])
    gone = [one.sentence for one in covered.impossible]
    _list(console, "Impossible, and not counted: no facts at all make it so", gone)


def numbered(examples: Iterable[Example]) -> dict[str, int]:
    """Number the examples from 1, each once, as they are written."""
    return {text: number for number, text in enumerate(dict.fromkeys(map(flow_text, examples)), 1)}


def sentence_of(gap: Lacking, covered: Covered, examples: Mapping[str, int]) -> str:
    """Return the sentence about a gap, with the number of the example that fills it."""
    example = covered.examples.get(gap.gap)
    return gap.sentence if example is None else f"{gap.sentence} (example {examples[flow_text(example)]})"


def _table(covered: Covered) -> Grid:
    table = Grid(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(f"coverage of {escape(covered.version.folder.name)}", no_wrap=True, overflow="fold")
    for heading in ("rules", "", "conditions", "", "MC/DC", ""):
        table.add_column(heading, justify="right", no_wrap=True)
    for file, groups in covered.files.items():
        table.add_row(f"[bold]{escape(file)}[/]", *_cells(shares(one for group in groups for one in group.rules)))
        for group in groups:
            _group(table, group)
    table.add_row("[bold]all[/]", *_cells(covered.shares))
    return table


def _group(table: Grid, group: Group) -> None:
    if group.table is not None:
        table.add_row(f"  table {escape(group.table.id)}", *_cells(shares(group.rules)))
    indent = "  " if group.table is None else "    "
    for one in group.rules:
        table.add_row(f"{indent}{escape(one.rule.id)}", *_cells(shares([one]), percent=False))


def _cells(found: Shares, percent: bool = True) -> Iterator[str]:
    for share in (found.rules, found.conditions, found.mcdc):
        colour = "green" if share.fraction == _ALL else "yellow" if share.covered else "red"
        yield f"[{colour}]{share.covered}/{share.total}[/]" if share.total else "[dim]-[/]"
        yield f"[{colour}]{share.percent} %[/]" if percent and share.total else ""


def _list(console: Console, heading: str, lines: Sequence[str]) -> None:
    if lines:
        console.print(f"\n[bold]{heading}[/]", highlight=False)
    for line in lines[:MOST_LISTED]:
        console.print(f"  {escape(printable(line))}", highlight=False, soft_wrap=True)
    if len(lines) > MOST_LISTED:
        rest = f"and {len(lines) - MOST_LISTED:,} more, which --html and --json list"
        console.print(f"  {rest}", highlight=False)


def printable(text: str) -> str:
    """Replace what a terminal could obey, or nobody could see."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def worth_telling(found: Iterable[Lacking]) -> list[Lacking]:
    """Leave out that an outcome never decided where it never came about: that is told already."""
    kept: list[Lacking] = []
    told: set[tuple[int, int, str]] = set()
    for one in found:
        key = (one.rule.index, one.atom, one.lacks)
        if one.kind is Kind.CONDITION:
            told.add(key)
        if one.kind is not Kind.MCDC or key not in told:
            kept.append(one)
    return kept
