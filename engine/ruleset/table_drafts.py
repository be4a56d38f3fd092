"""The decision tables of a version, whose rows become rules that take their places among the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from engine.ruleset.documents import Mapping as Group
from engine.ruleset.drafts import Draft, Guard
from engine.ruleset.expressions import Names
from engine.ruleset.issues import Issues
from engine.ruleset.reading import read
from engine.ruleset.rule_parts import read_effect
from engine.ruleset.table_files import TableFiles
from engine.ruleset.table_rows import Around, RowRule, TableRules, read_table
from engine.ruleset.tables import Row, Table
from engine.ruleset.written import RuleForm

NoteId = Callable[[Group, Issues], None]
"""Remembers the id of a rule, and reports one that stands twice."""


@dataclass(slots=True)
class Tables:
    """The tables of a version under construction; `rows` is how many each family has."""

    files: TableFiles
    note_id: NoteId
    found: list[Table] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)

    def drafts(
        self, entry: Group, family: str, names: Names | None, guard: Guard | None, most: int, issues: Issues
    ) -> Iterator[Draft]:
        """Read a table and give the rules that are its rows; a row with a mistake is reported and gives none.

        `names` None: facts.yaml is broken, and conditions are not looked at. `guard` is that of the override that the
        table stands in. A family has at most `most` rows.
        """
        room = most - self.rows.get(family, 0)
        table = read_table(entry, Around(family, names, self.files.records, room, guard is not None), issues)
        if table is None:
            return
        self.found.append(table.table)
        self.rows[family] = most - room + len(table.rows)
        for row in table.rows:
            draft = self._draft(row, table, names, issues)
            if draft is not None:
                yield replace(draft, guard=guard, replaces=table.replaces)

    def _draft(self, row: RowRule, table: TableRules, names: Names | None, issues: Issues) -> Draft | None:
        found = Issues()
        head = read(row.node, RuleForm, "a row", found)
        self.note_id(row.node, found)
        effect = read_effect(row.node, table.table.family, found) if row.is_said else None
        issues.extend(found.sorted())
        if not row.is_good or head is None or effect is None or names is None or found.has_errors:
            return None
        node = row.node.get("id")
        return Draft(
            family=table.table.family,
            id=head.id,
            doc=head.doc,
            owner=head.owner,
            condition=row.when,
            effect=effect,
            place=row.node.span if node is None else node.span,
            node=row.node,
            names=names,
            row=row.row,
            of_channels=table.of_channels,
        )

    def finished(self, rows: Iterable[Row | None], ids: Mapping[str, object], issues: Issues) -> tuple[Table, ...]:
        """Return the tables with those of their rows that know which rule they are; tell of names that stand twice."""
        known = {(row.table, row.number): row for row in rows if row is not None}
        seen: set[str] = set()
        for table in self.found:
            if table.id in ids or table.id in seen:
                text = f'a rule or another table is called "{table.id}" too'
                hint = "give one of them another id; ids are unique in a version"
                issues.error("duplicate-id", table.place, text, hint)
            seen.add(table.id)
        if not issues.has_errors:
            self.files.warn_of_unused(issues)
        return tuple(
            replace(table, rows=tuple(known.get((row.table, row.number), row) for row in table.rows))
            for table in self.found
        )
