"""What the rule tests cover, as one HTML page that needs nothing else: the rules with each condition coloured.

Whatever comes from rules and tests is escaped; the page runs no script and loads nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Final

from cli.problems import BrokenOff, CannotStart
from cli.rules.coverage_parts import items, link, safe, share_cell
from cli.rules.coverage_report import Covered, Group, worth_telling
from cli.rules.coverage_rule import Shown, group_html
from cli.rules.coverage_style import PAGE
from engine.analysis.coverage import Shares, shares
from engine.analysis.coverage_lacking import Lacking
from engine.ruleset.flow_text import flow_text

_MANY: Final = 30
"""Lines; a longer list stands before the rules closed."""

_LEGEND: Final = (
    '<p class="legend"><span class="atom full">was true and was false</span> '
    '<span class="atom full idle">both, but one never decided</span> '
    '<span class="atom part">only one of them</span> <span class="atom none">neither</span> '
    '<span class="atom out">the other is impossible</span></p>\n'
    '<p class="legend">Which case shows what is told under "which cases", and where the mouse is held on a condition.'
    "</p>\n"
)
_FILTER: Final = (
    '<p class="filter"><label><input type="checkbox" autocomplete="off"> only rules that lack something</label></p>\n'
)


def coverage_page(covered: Sequence[Covered]) -> bytes:
    """Return the page, in UTF-8."""
    title = "Coverage of " + ", ".join(one.version.folder.name for one in covered)
    body = "\n".join(_version(one) for one in covered)
    return Template(PAGE).substitute(title=safe(title), body=body).encode("utf-8", "replace")


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


def _version(covered: Covered) -> str:
    told = worth_telling(covered.lacking)
    by_rule: dict[int, list[Lacking]] = defaultdict(list)
    for one in told:
        by_rule[one.rule.index].append(one)
    shown = Shown(covered, by_rule)
    files = [_file(file, groups, shown) for file, groups in covered.files.items()]
    return (
        f'<section class="version"><h1>Coverage of {safe(shown.name)}</h1>\n'
        + _summary(shown)
        + _gaps(told, shown)
        + (_FILTER if told else "")
        + _LEGEND
        + "\n".join(files)
        + _section("Impossible, and not counted", [safe(one.sentence) for one in covered.impossible])
        + "</section>"
    )


def _summary(shown: Shown) -> str:
    """Return the shares of each file and of all."""
    rows = [
        _summary_row(
            link(shown.name, file, safe(file).replace("/", "/<wbr>")),
            shares(one for group in groups for one in group.rules),
        )
        for file, groups in shown.covered.files.items()
    ]
    rows.append(_summary_row("<b>all</b>", shown.covered.shares))
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("file", "rules", "conditions", "MC/DC"))
    return (
        f'<div class="wide"><table class="sum"><thead><tr>{heads}</tr></thead>\n<tbody>'
        + "\n".join(rows)
        + "</tbody></table></div>\n"
    )


def _summary_row(name: str, found: Shares) -> str:
    cells = "".join(share_cell(share) for share in (found.rules, found.conditions, found.mcdc))
    return f'<tr><th scope="row">{name}</th>{cells}</tr>'


def _gaps(told: Sequence[Lacking], shown: Shown) -> str:
    """Return the list of what lacks, each with a message that would show it as far as one was found."""
    lines = []
    for one in told:
        example = shown.covered.examples.get(one.gap)
        given = "" if example is None else f"<br><code>given: {safe(flow_text(example))}</code>"
        place = f"{one.place.source.name}:{one.place.line} {one.rule.id}"
        lines.append(f"{link(shown.name, one.rule.id, safe(place))}: {safe(one.what)}{given}")
    return _section("What no case shows", lines)


def _section(heading: str, lines: Sequence[str]) -> str:
    """Return a list with its heading; a long one is to be opened."""
    if not lines:
        return ""
    listed = items(lines)
    if len(lines) > _MANY:
        listed = f"<details><summary>all {len(lines):,}</summary>{listed}</details>"
    return f"<section><h2>{heading}</h2>{listed}</section>\n"


def _file(file: str, groups: Sequence[Group], shown: Shown) -> str:
    parts = [part for group in groups for part in group_html(group, shown)]
    ident = safe(f"{shown.name}/{file}")
    return f'<section class="file" id="{ident}"><h2>{safe(file)}</h2>\n' + "\n".join(parts) + "</section>"
