"""The names that the files of a version define, for an expression that belongs to none of the files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from engine.ruleset import documents
from engine.ruleset.definitions import read_define, resolved
from engine.ruleset.facts_schema import FactsSchema
from engine.ruleset.files import DEFINE, FACTS, NAMED_FILES, OVERRIDES, in_folder
from engine.ruleset.issues import Issues
from engine.ruleset.names import NamedCondition, Names
from engine.ruleset.source import Source
from engine.ruleset.syntax import Literal
from engine.ruleset.value_files import ValueFiles
from engine.ruleset.written_out import uses_of

_Any = TypeVar("_Any")
_FAMILIES = ("interception", "breaker")


@dataclass(frozen=True)
class Defined:
    """Constants by their names, and named conditions as text in which no other is named."""

    constants: Mapping[str, Literal] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)

    def written_out(self, expression: str) -> str:
        """The expression with the conditions it names in their places, in brackets."""
        for use in reversed(uses_of(expression, self.conditions.keys())):
            if not use.asked:
                expression = f"{expression[: use.start]}({self.conditions[use.name]}){expression[use.end :]}"
        return expression


def defined_in(files: Mapping[str, bytes], schema: FactsSchema) -> Defined:
    """What the files of a version without errors define; not what two of them define differently."""
    values = ValueFiles(files)
    common = Names(schema, "interception", schema.definitions)
    written: dict[str, NamedCondition] = {}
    for node in _defines(files, (FACTS, *in_folder(DEFINE, files))):
        written |= read_define(node, values, {}, Issues()).conditions
    common = replace(common, conditions=resolved(written, common, _FAMILIES, Issues()))
    constants, conditions = [common.definitions], [common.conditions]
    for node in _defines(files, (*NAMED_FILES[1:], *in_folder(OVERRIDES, files))):
        own = read_define(node, values, {}, Issues())
        names = replace(common, definitions={**common.definitions, **own.constants})
        constants.append(own.constants)
        conditions.append(resolved(own.conditions, names, _FAMILIES, Issues()))
    texts = [{name: named.text.text for name, named in one.items()} for one in conditions]
    return Defined(
        _agreed([{n: replace(v, start=0, end=0) for n, v in one.items()} for one in constants]), _agreed(texts)
    )


def _defines(files: Mapping[str, bytes], names: tuple[str, ...]) -> Iterator[documents.Node]:
    """The `define:` of each file; a file of the folder define/ is one as a whole."""
    for name in names:
        source = Source(name, files[name].decode("utf-8-sig", "replace")) if name in files else None
        tree = None if source is None else documents.read_yaml(source, Issues())
        node = (
            tree
            if name.startswith(DEFINE + "/")
            else tree.get("define")
            if isinstance(tree, documents.Mapping)
            else None
        )
        if node is not None:
            yield node


def _agreed(parts: Sequence[Mapping[str, _Any]]) -> dict[str, _Any]:
    """All names, but for those that have different values."""
    made: dict[str, _Any] = {}
    torn: set[str] = set()
    for part in parts:
        torn |= {name for name, value in part.items() if made.setdefault(name, value) != value}
    return {name: value for name, value in made.items() if name not in torn}
