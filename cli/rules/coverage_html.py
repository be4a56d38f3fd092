"""What the rule tests cover, as one HTML page that needs nothing else: the rules with each condition coloured.

Whatever comes from rules and tests is escaped; the page runs no script and loads nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Final

from cli.problems import BrokenOff, CannotStart
from cli.rules.coverage_report import Covered, Group, printable, worth_telling
from cli.rules.coverage_style import PAGE
from engine.analysis.coverage import OUTCOMES, CaseName, Outcome, RuleCoverage, Share, Shares, shares
from engine.ruleset.flow_text import flow_text
from engine.ruleset.rules import Placed
from engine.ruleset.tables import Row, Table

_FULL, _PART, _NONE, _LEFT_OUT = "full", "part", "none", "out"
"""How much is covered; the classes of the page."""


def coverage_page(covered: Sequence[Covered]) -> bytes:
    """Return the page, in UTF-8."""
    title = "Coverage of " + ", ".join(one.version.folder.name for one in covered)
    body = "\n".join(_version(one) for one in covered)
    return Template(PAGE).substitute(title=_safe(title), body=body).encode("utf-8", "replace")


def page_file(target: Path) -> Path:
    """Return the file that `--html PATH` writes, and make its folder: the file named, or index.html in that folder."""
    file = target if target.suffix.lower() in (".html", ".htm") and not target.is_dir() else target / "index.html"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"--html {target}: {error.strerror}") from error
    return file


def write_page(covered: Sequence[Covered], file: Path) -> None:
    """Write the page."""
    try:
        file.write_bytes(coverage_page(covered))
    except OSError as error:
        raise BrokenOff(f"{file} could not be written: {error.strerror}") from error


def _safe(text: str) -> str:
    """Escape a text; what cannot be shown becomes a replacement sign."""
    return escape(printable(text))


def _version(covered: Covered) -> str:
    sums = {file: shares(one for group in groups for one in group.rules) for file, groups in covered.files.items()}
    rows = [_summary_row(f'<a href="#{_safe(file)}">{_safe(file)}</a>', found) for file, found in sums.items()]
    rows.append(_summary_row("<b>all</b>", covered.shares))
    sections = [_file(file, groups, covered) for file, groups in covered.files.items()]
    sections += [_gaps(covered), _list("Impossible, and not counted", [one.sentence for one in covered.impossible])]
    return (
        f"<h1>Coverage of {_safe(covered.version.folder.name)}</h1>\n"
        '<table class="sum"><tr><th></th><th>rules</th><th>conditions</th><th>MC/DC</th></tr>\n'
        + "\n".join(rows)
        + "</table>\n"
        + _LEGEND
        + "\n".join(sections)
    )


_LEGEND: Final = (
    '<p class="legend"><span class="atom full">was true and was false</span> '
    '<span class="atom full idle">both, but one never decided</span> '
    '<span class="atom part">only one of them</span> <span class="atom none">neither</span> '
    '<span class="atom out">the other is impossible</span></p>\n'
)


def _summary_row(name: str, found: Shares) -> str:
    cells = "".join(_share(share) for share in (found.rules, found.conditions, found.mcdc))
    return f"<tr><td>{name}</td>{cells}</tr>"


def _share(share: Share) -> str:
    if not share.total:
        return '<td class="num">-</td>'
    state = _FULL if share.covered == share.total else _PART if share.covered else _NONE
    return f'<td class="num {state}">{share.covered:,} of {share.total:,} <b>{share.percent} %</b></td>'


def _gaps(covered: Covered) -> str:
    """Return the list of what lacks, each with a message that would show it as far as one was found."""
    told = worth_telling(covered.lacking)
    examples = [covered.examples.get(one.gap) for one in told]
    given = ["" if example is None else f"\ngiven: {flow_text(example)}" for example in examples]
    return _list("What no case shows", [one.sentence + text for one, text in zip(told, given, strict=True)])


def _list(heading: str, texts: Sequence[str]) -> str:
    return f"<section><h2>{heading}</h2><ul>{_items(texts)}</ul></section>" if texts else ""


def _file(file: str, groups: Sequence[Group], covered: Covered) -> str:
    parts = [part for group in groups for part in _group(group, covered)]
    return f'<section id="{_safe(file)}"><h2>{_safe(file)}</h2>\n' + "\n".join(parts) + "</section>"


def _group(group: Group, covered: Covered) -> Iterator[str]:
    if group.table is not None:
        yield _table(group.table, group.rules, covered)
    else:
        yield from (_rule(one, covered.places[one.rule.index]) for one in group.rules)


def _table(table: Table, rules: Sequence[RuleCoverage], covered: Covered) -> str:
    """Return a decision table as its author sees it, each row marked, with its condition as the engine asks it."""
    heads = "".join(f"<th>{_safe(column.text)}</th>" for column in table.columns)
    rows = "\n".join(_row(one, covered.rows[one.rule.index][1], covered.places[one.rule.index]) for one in rules)
    found = shares(rules)
    told = "".join(_share(share) for share in (found.rules, found.conditions, found.mcdc))
    return (
        f"<article><h3>table <code>{_safe(table.id)}</code></h3>"
        f'<table class="sum"><tr><td>rows, conditions, MC/DC</td>{told}</tr></table>'
        f'<table class="grid"><tr><th></th>{heads}<th>condition</th></tr>\n{rows}</table></article>'
    )


def _row(one: RuleCoverage, row: Row, placed: Placed) -> str:
    state = _FULL if one.cases else _NONE
    cells = "".join(f"<td>{_safe(cell.text)}</td>" for cell in row.cells)
    mark = f"{_mark(one)} {row.number}<br><small>{_safe(row.place.source.name)}:{row.place.line}</small>"
    return (
        f'<tr class="row"><td class="{state}">{mark}{_cases(one) or f"<br>{_taken(one)}"}</td>{cells}'
        f"<td><pre>{_condition(one, placed)}</pre></td></tr>"
    )


def _mark(one: RuleCoverage) -> str:
    return "&#10003;" if one.cases else "&#10007;"


def _rule(one: RuleCoverage, placed: Placed) -> str:
    rule = one.rule
    state = _FULL if one.cases else _NONE
    mark = f"{_mark(one)} {_taken(one)}"
    doc = f"<p>{_safe(rule.doc)}</p>" if rule.doc else ""
    return (
        f'<article class="rule {state}"><h3><code>{_safe(rule.id)}</code> '
        f'<span class="mark">{mark}</span> <small>{_safe(placed.id.source.name)}:{placed.id.line}</small></h3>'
        f'{doc}<pre>{_condition(one, placed)}</pre><p class="then">{_then(placed)}</p>{_cases(one)}</article>'
    )


def _taken(one: RuleCoverage) -> str:
    verb = "decided" if one.is_route else "matched"
    count = len(one.cases)
    return f"{verb} in {count:,} case{'s' * (count != 1)}" if count else f"never {verb}"


def _condition(one: RuleCoverage, placed: Placed) -> str:
    """Return the text of a condition with its atoms marked; they do not overlap and stand in order."""
    if one.condition is None or placed.when is None:
        return "<i>always</i>"
    text, done, parts = placed.when.text, 0, list[str]()
    for atom, expr in enumerate(one.condition.atoms):
        parts += [_safe(text[done : expr.start]), _atom(one, atom, text[expr.start : expr.end])]
        done = expr.end
    return "".join([*parts, _safe(text[done:])])


def _atom(one: RuleCoverage, atom: int, text: str) -> str:
    outcomes = [Outcome(atom, value) for value in OUTCOMES]
    counted = [outcome for outcome in outcomes if outcome not in one.impossible]
    seen = sum(outcome in one.outcomes for outcome in counted)
    state = _FULL if seen == len(counted) else _PART if seen else _NONE
    if state == _FULL and len(counted) < len(outcomes):
        state = _LEFT_OUT
    idle = state == _FULL and any(outcome not in one.deciding and outcome not in one.idle for outcome in outcomes)
    told = "\n".join(_told(one, outcome) for outcome in outcomes)
    return f'<span class="atom {state}{" idle" * idle}" title="{_safe(told)}">{_safe(text)}</span>'


def _told(one: RuleCoverage, outcome: Outcome) -> str:
    """Say of one outcome which case shows it."""
    word = "true" if outcome.value else "false"
    if outcome in one.impossible:
        return f"never {word}: no facts can make it so"
    if outcome not in one.outcomes:
        return f"never {word}"
    if outcome in one.idle:
        return f"{word}: {_named(one.outcomes[outcome])}; no facts let it decide by being {word}"
    if outcome not in one.deciding:
        return f"{word}: {_named(one.outcomes[outcome])}; it never decided by being {word}"
    return f"{word}: {_named(one.deciding[outcome])}"


def _then(placed: Placed) -> str:
    node = placed.rule.get("then")
    if node is None:
        return ""
    return "then: " + _safe(" ".join(node.span.source.text[node.span.start : node.span.end].split()))


def _cases(one: RuleCoverage) -> str:
    if not one.cases:
        return ""
    items = _items(_named(case) for case in one.cases)
    return f"<details><summary>{_taken(one)}</summary><ul>{items}</ul></details>"


def _items(texts: Iterable[str]) -> str:
    return "".join(f"<li>{_item(text)}</li>" for text in texts)


def _item(text: str) -> str:
    text, _, rest = text.partition("\n")
    return _safe(text) + (f"<br><code>{_safe(rest)}</code>" if rest else "")


def _named(case: CaseName) -> str:
    return f"{case.name} ({case.file}:{case.line})"
