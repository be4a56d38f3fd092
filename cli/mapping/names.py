"""The names of a map: every column, joined column and share gets a type and a slot in the one flat list of values.

They are facts like those of the rules (`FactsSchema`), with roots of their own, so that the conditions of a map are
read, checked and judged by the very code that does it for rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from cli.mapping.columns import TYPES, Column, fold
from cli.mapping.forms import ColumnForm, MapForm, NamedTable, NamesForm, TableForm
from cli.mapping.model import Share, Table
from cli.mapping.places import Document, Path
from cli.mapping.tables import Layout
from engine.ruleset.documents import Node, Scalar
from engine.ruleset.fact_types import RESERVED, ROOTS
from engine.ruleset.facts_document import read_definitions
from engine.ruleset.facts_schema import FactsSchema, FactType, Scope
from engine.ruleset.issues import did_you_mean
from engine.ruleset.syntax import Type

ROW: Final = "row"
SHARE: Final = "share"
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


def name_everything(
    form: MapForm | NamesForm, document: Document
) -> tuple[FactsSchema, dict[str, Table], tuple[Share, ...]]:
    """Return the names with their types, the tables by the first word of their columns' paths, and the shares."""
    forms: dict[str, tuple[TableForm | NamedTable, Path]] = {ROW: (form.source, ("source",))}
    for name, join in form.joins.items():
        if _good_name(document, ("joins", name), taken=(ROW, SHARE, *ROOTS)):
            forms[name] = (join, ("joins", name))
    vocabularies = _vocabularies(form, document, forms)
    facts: list[FactType] = []
    tables: dict[str, Table] = {}
    for root, (table, path) in forms.items():
        columns = tuple(_columns(table, path, root, vocabularies, document))
        tables[root] = Table(Layout(table.format, table.delimiter, table.encoding), columns, len(facts))
        facts += (_fact(root, column) for column in columns)
    schema = _schema(facts, document)
    shares = tuple(_shares(form, document, schema))
    facts += (FactType(f"{SHARE}.{share.name}", Type.INT, True, low=0, high=99) for share in shares)
    return _schema(facts, document), tables, shares


def slot_of(document: Document, schema: FactsSchema, path: Path, roots: tuple[str, ...] = ()) -> int:
    """Return the slot of the column that the text at `path` names; -1 and an issue when there is none."""
    node = document.text(*path)
    if node is None:
        return -1
    fact = schema.fact(node.text.strip(), Scope.MESSAGE)
    if fact is not None and (not roots or fact.path.split(".")[0] in roots):
        return fact.slot
    known = [name for name in schema.paths(Scope.MESSAGE) if not roots or name.split(".")[0] in roots]
    hint = did_you_mean(node.text.strip(), known) or "a column is named by its table and its name, such as row.date"
    document.error("unknown-name", path, f'there is no column "{node.text.strip()[:60]}"', hint)
    return -1


def _schema(facts: list[FactType], document: Document) -> FactsSchema:
    slotted = tuple(replace(fact, slot=slot) for slot, fact in enumerate(facts))
    written: Node | None = document.node("define")
    definitions = read_definitions(written, document.issues) if written is not None else {}
    return FactsSchema((), (), definitions, slotted)


def _fact(root: str, column: Column) -> FactType:
    """A joined column is always optional, since a row may have no partner."""
    values = None if column.words is None else tuple(sorted(set(column.words.values())))
    return FactType(f"{root}.{column.name}", TYPES[column.type], column.optional or root != ROW, values=values)


def _columns(
    table: TableForm | NamedTable, path: Path, root: str, vocabularies: dict[str, dict[str, str]], document: Document
) -> Iterator[Column]:
    date = document.node("time", "date")
    day = date.text.strip() if isinstance(date, Scalar) else ""
    for name, form in table.columns.items():
        _good_name(document, (*path, "columns", name))
        words = vocabularies.get(f"{root}.{name}")
        _check_column(form, words, (*path, "columns", name), document)
        headers = form.header or (name,)
        comma, judged_at = table.decimal == ",", f"{root}.{name}" == day
        yield Column(name, headers, form.type, form.formats or (), form.optional, comma, words, judged_at)


def _check_column(form: ColumnForm, words: dict[str, str] | None, path: Path, document: Document) -> None:
    if form.type == "date" and not form.formats:
        document.key_error(
            "missing-field", path, "a date needs to be told how it is written", 'add formats: ["%Y-%m-%d"]'
        )
    if form.type != "date" and form.formats:
        document.error("wrong-value", (*path, "formats"), '"formats" belongs to a date', "add type: date, or remove it")
    if words is not None and form.type != "string":
        document.error(
            "wrong-type", path, f"a column with a vocabulary holds words, not a {form.type}", "remove its type"
        )


def _vocabularies(
    form: MapForm | NamesForm, document: Document, tables: dict[str, tuple[TableForm | NamedTable, Path]]
) -> dict[str, dict[str, str]]:
    """Return, by column, the bank's words with ours."""
    known = [f"{root}.{name}" for root, (table, _) in tables.items() for name in table.columns]
    found: dict[str, dict[str, str]] = {}
    for column, meanings in form.vocabulary.items():
        path: Path = ("vocabulary", column)
        if column not in known:
            hint = did_you_mean(column, known) or "write the table and the column, such as row.type"
            document.key_error("unknown-name", path, f'there is no column "{column[:60]}"', hint)
        words: dict[str, str] = {}
        folded: dict[str, str] = {}
        for ours, theirs in meanings.items():
            for word in theirs:
                other = folded.setdefault(fold(word), ours)
                if other != ours:
                    text = f'"{word[:60]}" means "{other}" already'
                    document.error("duplicate-word", (*path, ours), text, "a word of the file has one meaning")
                words[word.strip()] = ours
        found[column] = words
    return found


def _shares(form: MapForm | NamesForm, document: Document, schema: FactsSchema) -> Iterator[Share]:
    for number, name in enumerate(form.shares):
        path = ("shares", name)
        _good_name(document, path)
        if document.node("time", "spreads", name) is not None:
            text = f'"{name}" is the name of a spread too, and both would draw the same number'
            document.key_error("duplicate-name", path, text, "give one of them another name")
        yield Share(name, slot_of(document, schema, path), schema.size + number)


def _good_name(document: Document, path: Path, taken: tuple[str, ...] = ()) -> bool:
    name = str(path[-1])
    if not _IDENTIFIER.fullmatch(name) or name in RESERVED:
        hint = "a column whose header is written otherwise is given a name and header: [...]"
        document.key_error("bad-name", path, f'"{name[:60]}" cannot be a name; letters, digits and _ can', hint)
        return False
    if name in taken:
        document.key_error("bad-name", path, f'"{name}" is taken', "choose another name")
        return False
    return True
