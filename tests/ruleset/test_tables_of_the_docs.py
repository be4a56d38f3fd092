"""What docs/rules.md says of decision tables is so: its examples are good, and each kind of cell is one."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from engine.ruleset.check import check
from engine.ruleset.issues import render
from engine.ruleset.parse import MOST_RULES, parse_version
from engine.ruleset.printing import show
from engine.ruleset.table_form import MOST_COLUMNS
from tests.ruleset.strategies import FACTS_YAML
from tests.ruleset.test_tables import quoted, version

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
SECTION = DOCS.split("\n## Decision tables\n")[1].split("\n## ")[0]
GRID, ENTRY, FILE = (textwrap.dedent(block) for block in re.findall(r"(?<=\n\n)((?:    .*\n)+)", SECTION))
FACTS = FACTS_YAML.replace("define: {", "define: {large_change: 200.0, vip_lines: [gold, black], ")
CELLS = [
    cell
    for line in re.findall(r"^\| (`.*?) \| ", SECTION.split("### Cells")[1], re.M)
    for cell in line.split("`")[1::2]
]
COLUMNS = ("message.params.amount", "message.params.text", "message.params.flag")


def rules(entry: str, **files: str) -> list[tuple[str, str]]:
    """Return ids and conditions of the routing rules of a good version with this entry."""
    found = check(parse_version("1.0", version(textwrap.indent(entry, "  "), FACTS, **files)))
    assert not found.has_errors, render(found.issues, color=False)
    return [(rule.id, "" if rule.when is None else show(rule.when)) for rule in found.rules]


def test_the_two_forms_are_the_same_rules() -> None:
    """The example in YAML and the one with a file mean the same, and the ids are those the text names."""
    name = FILE.splitlines()[0].removeprefix("# tables/").removesuffix(".csv")
    found = rules(GRID)

    assert f"tables/{name}.csv" in ENTRY
    assert found == rules(ENTRY, **{name: FILE})
    assert [rule for rule, _ in found] == ["change-by-amount-1", "change-by-amount-2", "change-by-amount-3", "default"]


@pytest.mark.parametrize("cell", CELLS)
def test_each_cell_of_the_list_is_one(cell: str) -> None:
    """The list of cells holds nothing that a number, a text or a yes-or-no fact would refuse."""
    told = []
    for column in COLUMNS:
        grid = f"{{columns: [{column}, then.distribute.to], rows: [[{quoted(cell)}, sms], [-, sms]]}}"
        entry = f"- {{id: t, table: {grid}}}\n"
        found = parse_version("1.0", version(textwrap.indent(entry, "  "), FACTS))
        if not found.has_errors:
            return
        told.append(render(found.issues, color=False))
    pytest.fail("\n".join(told))


def test_the_bounds_are_those_of_the_program() -> None:
    """The numbers of the text are the constants of the code."""
    assert len(CELLS) > 15
    assert f"at most {MOST_COLUMNS} columns" in " ".join(SECTION.split())
    assert f"at most {MOST_RULES:,} rows together" in " ".join(SECTION.split())
