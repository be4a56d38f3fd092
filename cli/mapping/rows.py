"""A row's cells to the flat list of values that conditions and templates read: own columns, joined ones, shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cli.mapping.clock import salted, share_of
from cli.mapping.columns import Convert
from cli.mapping.model import EventMap, Join, Table
from cli.mapping.problems import Cause, CellRefused, RowRefused, UnknownJoin
from cli.mapping.tables import BadRow, Row, Wanted, read_table


class Values(NamedTuple):
    """A row that could be read; `values` is the flat list."""

    line: int
    values: list[Any]


def wanted(table: Table) -> list[Wanted]:
    """Return the columns to read from a table's file."""
    return [Wanted(column.name, column.headers) for column in table.columns]


def reader(table: Table) -> Callable[[Sequence[str]], list[Any]]:
    """Return the function from a row's cells to its typed values; it raises RowRefused naming the columns."""
    names = [column.name for column in table.columns]
    converters: list[Convert] = [column.converter() for column in table.columns]

    def convert(cells: Sequence[str]) -> list[Any]:
        try:
            return [read(cell) for read, cell in zip(converters, cells, strict=True)]
        except CellRefused:
            raise RowRefused(tuple(_causes(names, converters, cells))) from None

    return convert


def _causes(names: Sequence[str], converters: Sequence[Convert], cells: Sequence[str]) -> Iterator[Cause]:
    """Give what is wrong with each cell of a row, so that one run tells all of it."""
    for name, read, cell in zip(names, converters, cells, strict=True):
        try:
            read(cell)
        except CellRefused as refused:
            yield Cause(f"{name}: {refused.kind}", f"{name}: {refused}")


class Partners:
    """A joined table in memory: its rows by key. Of several rows with one key the first counts.

    `asked` counts the rows that looked for a partner here, `missed` those that found none.
    """

    def __init__(self, join: Join, file: Path, size: int) -> None:
        self.join, self.file = join, file
        self.problems: list[BadRow] = []
        self.asked = self.missed = 0
        self._slots = [slot for _, slot in join.key]
        self._absent = [None] * len(join.table.columns)
        self._rows: dict[tuple[Any, ...], list[Any]] = {}
        self._load(size)

    def _load(self, size: int) -> None:
        table, convert = self.join.table, reader(self.join.table)
        values: list[Any] = [None] * size
        for row in read_table(self.file, table.layout, wanted(table)):
            if isinstance(row, BadRow):
                self.problems.append(row)
                continue
            try:
                values[table.first : table.first + len(table.columns)] = own = convert(row.cells)
            except RowRefused as refused:
                self.problems.append(BadRow(row.line, refused.causes))
                continue
            if self.join.where is None or self.join.where(values):
                self._add(row.line, tuple(own[position] for position, _ in self.join.key), own)

    def _add(self, line: int, key: tuple[Any, ...], row: list[Any]) -> None:
        if None in key:
            self.problems.append(BadRow(line, Cause.plain("its key is empty")))
        elif self._rows.setdefault(key, row) is not row:
            text = f"a row with the key {', '.join(map(str, key))} stands before it"
            self.problems.append(BadRow(line, (Cause("a row with the same key stands before it", text),)))

    def of(self, values: Sequence[Any]) -> list[Any]:
        """Return the partner's values, or absent ones."""
        self.asked += 1
        partner = self._rows.get(tuple([values[slot] for slot in self._slots]))
        if partner is None:
            self.missed += 1
            return self._absent
        return partner

    @property
    def told(self) -> str:
        """How many rows found no partner, as a sentence; nothing where all did."""
        return f"{self.join.name}: {self.missed:,} of {self.asked:,} rows found no partner" if self.missed else ""

    def __len__(self) -> int:
        return len(self._rows)


def load_partners(event_map: EventMap, replaced: Mapping[str, Path]) -> list[Partners]:
    """Read the joined tables; `replaced` gives other files, by the join's name or the stem of its usual file.

    Raises UnknownJoin for a name that is no join's, TableBroken for a file that cannot be read.
    """
    files = {join.name: join.file for join in event_map.joins}
    by_stem = {join.file.name.split(".")[0]: join.name for join in event_map.joins}
    for name, file in replaced.items():
        known = name if name in files else by_stem.get(name)
        if known is None:
            raise UnknownJoin(
                f'--join {name}={file}: the map joins no "{name}"; it joins {", ".join(files) or "nothing"}'
            )
        files[known] = file
    return [Partners(join, files[join.name], event_map.size) for join in event_map.joins]


class RowReader:
    """Reads the source's rows into values."""

    def __init__(self, event_map: EventMap, partners: Sequence[Partners]) -> None:
        self._map = event_map
        self._convert = reader(event_map.source)
        self._partners = partners
        # Shares of one column together, so that its text is encoded once.
        self._shares: dict[int, list[tuple[int, int]]] = {}
        for share in event_map.shares:
            self._shares.setdefault(share.key_slot, []).append((share.slot, salted(share.name)))
        self._absent = [None] * len(event_map.shares)

    def read(self, path: Path) -> Iterator[Values | BadRow]:
        """Give the rows of a file in its order. Raises TableBroken."""
        source = self._map.source
        for row in read_table(path, source.layout, wanted(source)):
            yield self._values(row) if isinstance(row, Row) else row

    def _values(self, row: Row) -> Values | BadRow:
        try:
            values = self._convert(row.cells)
        except RowRefused as refused:
            return BadRow(row.line, refused.causes)
        for partners in self._partners:
            values += partners.of(values)
        values += self._absent
        for key_slot, shares in self._shares.items():
            if values[key_slot] is not None:
                key = str(values[key_slot]).encode()
                for slot, salt in shares:
                    values[slot] = share_of(salt, key)
        return Values(row.line, values)
