"""The columns of a decision table: what their headings mean, and what must be there before a value can be asked."""

from __future__ import annotations

import re
from typing import Final, get_args, get_origin

from pydantic import BaseModel

from engine.ruleset.condition_text import ConditionText
from engine.ruleset.documents import Scalar
from engine.ruleset.effects import EFFECTS, FAMILIES
from engine.ruleset.expressions import Names, walk
from engine.ruleset.issues import Issues
from engine.ruleset.scalars import closest, listing, shorten
from engine.ruleset.syntax import Expr, Fact, Has, Literal
from engine.ruleset.table_typing import Typing
from engine.ruleset.tables import Column, ColumnKind
from engine.ruleset.written import THENS

_NAMED: Final = {kind.value: kind for kind in (ColumnKind.WHEN, ColumnKind.ID, ColumnKind.DOC, ColumnKind.OWNER)}
_THEN: Final = "then"
_WORD: Final = re.compile(r"[^\W\d][\w -]*")
"""One word, or several in a row, in any script: a heading as people write it who do not know that it must be a fact."""
_KNOWN: Final = "a column is a fact such as message.line, then.<field> of the effect, when, id, doc or owner"


def read_columns(headings: tuple[Scalar, ...], family: str, names: Names | None, issues: Issues) -> list[Column | None]:
    """Read the headings; None stands for one that is wrong (with an issue), or that cannot be told without facts."""
    columns: list[Column | None] = []
    seen: dict[str, Scalar] = {}
    for heading in headings:
        text = heading.text.strip()
        first = seen.setdefault(text, heading)
        if not text:
            hint = "name it, or empty its cells too"
            issues.error("unknown-column", heading.span, "this column has no heading", hint)
            columns.append(None)
        elif first is not heading:
            issues.error("duplicate-column", heading.span, f'a second column "{shorten(text)}"', _twice(text))
            columns.append(None)
        else:
            columns.append(_read(heading, text, family, names, issues))
    return columns


def _twice(text: str) -> str:
    if text.startswith(_THEN) or text in _NAMED:
        return "keep one of them"
    return "keep one: a cell takes ranges such as [200..500), and any condition with _ for the value"


def _read(heading: Scalar, text: str, family: str, names: Names | None, issues: Issues) -> Column | None:
    if text in _NAMED:
        return Column(_NAMED[text], heading)
    if text == _THEN or text.startswith(_THEN + "."):
        return _effect(heading, text, family, issues)
    if names is None or _is_misspelt(heading, text, names, issues):
        return None
    return _value(heading, names, issues)


def _is_misspelt(heading: Scalar, text: str, names: Names, issues: Issues) -> bool:
    """Report a single word that is no name of a column, or a path of an effect whose first word is misspelt."""
    first, point, rest = text.partition(".")
    if point and closest(first, (_THEN,)) and first not in {path.partition(".")[0] for path in names.paths()}:
        text, hint = f'unknown column "{shorten(text)}"', f'did you mean "{_THEN}.{shorten(rest)}"?'
    elif not point and _WORD.fullmatch(first) and not _is_defined(first, names):
        near = _meant(first, names)
        hint = f'did you mean "{near}"?' if near else _KNOWN
        text = f'unknown column "{shorten(text)}"'
    else:
        return False
    issues.error("unknown-column", heading.span, text, hint)
    return True


def _meant(word: str, names: Names) -> str:
    """Return the column that a single word was probably meant to name, or an empty text."""
    columns = {name: name for name in _NAMED} | {name: f"{_THEN}.{name}" for name in EFFECTS[names.family]}
    last = {path.rpartition(".")[2]: path for path in reversed(names.paths())}
    return columns.get(closest(word, columns), "") or last.get(closest(word, last), "")


def _is_defined(word: str, names: Names) -> bool:
    return word in names.definitions or word in names.conditions


def _value(heading: Scalar, names: Names, issues: Issues) -> Column | None:
    """Read a heading that is an expression."""
    read = Typing(names).expression(ConditionText.of(heading), issues)
    if read is None:
        return None
    value = read.expr
    if not any(isinstance(node, Fact) for node in walk(value)) or isinstance(value, Literal):
        issues.error("unknown-column", heading.span, "this column always has the same value", _KNOWN)
        return None
    return Column(ColumnKind.VALUE, heading, value, guard_of(value, names))


def guard_of(value: Expr, names: Names) -> str:
    """Ask for all that an expression reads and that may be absent, the objects around it first; empty if nothing.

    What it asks about itself, as `has(message.scene) ? message.scene : "none"` does, is left to it.
    """
    own = {node.fact.path for node in walk(value) if isinstance(node, Has)}
    asked: dict[str, None] = {}
    for node in walk(value):
        if isinstance(node, Fact) and node.path not in own:
            words = node.path.split(".")
            holders = (names.fact(".".join(words[:count])) for count in range(2, len(words) + 1))
            asked.update((fact.path, None) for fact in holders if fact is not None and fact.optional)
    return " && ".join(f"has({path})" for path in asked)


def _effect(heading: Scalar, text: str, family: str, issues: Issues) -> Column | None:
    """Follow the path of an effect's field through the forms of the family."""
    path = tuple(text.split(".")[1:])
    form: type[BaseModel] | None = THENS[family]
    annotation: object = form
    required = False
    if not all(path) or not path:
        some = f"{_THEN}.{EFFECTS[family][0]}"
        issues.error("unknown-column", heading.span, "this column does not say which field it sets", f"such as {some}")
        return None
    for depth, word in enumerate(path):
        fields = {} if form is None else form.model_fields
        if word not in fields:
            _unknown_field(heading, text, path[:depth], word, family, list(fields), issues)
            return None
        annotation, required = fields[word].annotation, fields[word].is_required()
        form = None if _is_list(annotation) else _form_in(annotation)
    return Column(ColumnKind.THEN, heading, path=path, is_list=_is_list(annotation), is_required=required)


def _unknown_field(
    heading: Scalar, text: str, above: tuple[str, ...], word: str, family: str, known: list[str], issues: Issues
) -> None:
    owner = next((other for other in FAMILIES if word in EFFECTS[other]), None) if not above else None
    start = heading.text.index(text) + len(".".join((_THEN, *above))) + 1
    place = heading.place(start, start + len(word))
    prefix = ".".join((_THEN, *above))
    near = closest(word, known)
    if owner is not None:
        said = f'"{word}" is an effect of {owner} rules; here it may be {listing(EFFECTS[family])}'
        hint = f"move the table to {owner}.yaml"
    elif not known:
        said, hint = f'"{above[-1]}" has no fields', f"write {prefix}"
    else:
        said = f'"{above[-1] if above else _THEN}" has no field "{shorten(word)}"'
        hint = f'did you mean "{prefix}.{near}"?' if near else f"it may have {listing(known)}"
    issues.error("unknown-column", place, said, hint)


def _is_list(annotation: object) -> bool:
    return get_origin(annotation) is tuple or any(_is_list(part) for part in get_args(annotation))


def _form_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((form for part in get_args(annotation) if (form := _form_in(part)) is not None), None)
