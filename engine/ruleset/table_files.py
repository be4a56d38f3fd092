"""The CSV files of a version's decision tables, each read once, when a table names it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from engine.ruleset.documents import Scalar
from engine.ruleset.files import TABLES, decode, in_folder
from engine.ruleset.issues import Issues
from engine.ruleset.scalars import closest, shorten
from engine.ruleset.source import Source
from engine.ruleset.table_csv import Record, read_csv


@dataclass(slots=True)
class TableFiles:
    """The files of a version and what was read of them; `unreadable` are there and could not be read."""

    files: Mapping[str, bytes]
    unreadable: Collection[str] = ()
    found: dict[str, tuple[Record, ...] | None] = field(default_factory=dict)

    def records(self, name: Scalar, issues: Issues) -> tuple[Record, ...] | None:
        """Return the lines of the file that a table names, cell by cell; None (and an issue) if it cannot be read."""
        if name.text in self.found:
            return self.found[name.text]
        records = None
        if name.text in self.files:
            source = decode(name.text, self.files[name.text], issues)
            records = None if source is None else read_csv(source, issues)
            self.found[name.text] = records
        elif name.text not in self.unreadable:
            near = closest(name.text, in_folder(TABLES, self.files))
            hint = f'did you mean "{near}"?' if near else f"put the file into the folder {TABLES} of the version"
            issues.error("missing-file", name.span, f"there is no file {shorten(name.text)}", hint)
        return records

    def warn_of_unused(self, issues: Issues) -> None:
        """Warn of files that no table names."""
        for name in in_folder(TABLES, self.files):
            if name not in self.found:
                text = "no table of a rule file names this file"
                hint = f"add a table with table: {shorten(name)}, or remove the file"
                issues.warning("unused-table", Source(name, "").whole, text, hint)
