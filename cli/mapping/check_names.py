"""The names in a map that is wrong elsewhere: one run is to tell a misspelt field and a misspelt column together.

Only where the sections that give names are right; otherwise every use of a name that is missing for that reason would
be told as a mistake of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cli.mapping.conditions import read_condition
from cli.mapping.forms import NamesForm
from cli.mapping.names import ROW, name_everything, slot_of
from cli.mapping.places import Document, Path
from cli.mapping.templates import read_template
from engine.ruleset.documents import Mapping, Node, Scalar, Sequence
from engine.ruleset.issues import Issues
from engine.ruleset.reading import read

EACH: Final = "*"
"""In a path: every entry of a group of fields or of a list."""

_CONDITIONS: Final[tuple[Path, ...]] = (
    ("joins", EACH, "where"),
    ("user", "known"),
    ("user", "tags", EACH),
    ("user", "bindings", EACH, "when"),
    ("user", "opt_outs", EACH, "when"),
    ("messages", EACH, "when"),
)
_TEMPLATES: Final[tuple[Path, ...]] = (
    ("user", "id"),
    ("user", "id", EACH),
    ("user", "zone"),
    ("user", "language"),
    ("user", "attributes", EACH),
    ("user", "bindings", EACH, "value"),
    *(("messages", EACH, field) for field in ("line", "scene", "campaign", "owner", "department", "conversion_goal")),
    ("messages", EACH, "content", EACH),
    ("messages", EACH, "params", EACH),
)
_COLUMNS: Final[tuple[Path, ...]] = (("time", "date"), ("time", "key"), ("joins", EACH, "key", EACH))


def check_names(document: Document) -> None:
    """Report every unknown name in the conditions and templates of a map that could not be read as a whole."""
    form = read(document.root, NamesForm, "a map", Issues())
    if form is None:
        return
    schema, _, _ = name_everything(form, document)
    for pattern in _CONDITIONS:
        for _, node in _found(document.root, pattern):
            read_condition(node, schema, document.issues)
    for pattern in _TEMPLATES:
        for _, node in _found(document.root, pattern):
            read_template(node, schema, document.issues)
    for pattern in _COLUMNS:
        for path, _ in _found(document.root, pattern):
            slot_of(document, schema, path, roots=(ROW,))


def _found(node: Node, pattern: Path, path: Path = ()) -> Iterator[tuple[Path, Scalar]]:
    """Give the texts at the places that a pattern names; where there is something else, the form has told it."""
    if not pattern:
        if isinstance(node, Scalar):
            yield path, node
        return
    for part, below in _entries(node):
        if pattern[0] in (EACH, part):
            yield from _found(below, pattern[1:], (*path, part))


def _entries(node: Node) -> Iterator[tuple[str | int, Node]]:
    if isinstance(node, Mapping):
        yield from ((key.text, value) for key, value in node.entries)
    elif isinstance(node, Sequence):
        yield from enumerate(node.items)
