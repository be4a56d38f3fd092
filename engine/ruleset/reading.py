"""Turn a piece of a YAML tree into a checked form, and every refusal into an issue that points at its place.

pydantic finds what is wrong and says where by a path; here the path is followed back into the tree, and the sentence
is put into words that a rule author knows.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from engine.ruleset.documents import Mapping, Node, Scalar, Sequence
from engine.ruleset.issues import Issues
from engine.ruleset.scalars import Written, closest, describe, listing, shorten
from engine.ruleset.source import Span

MOST_ERRORS: Final = 20
"""The mistakes that are told of one form; each is looked up in the tree, and a file can have a hundred thousand."""

Model = TypeVar("Model", bound=BaseModel)
Path = tuple[int | str, ...]

_ELSEWHERE: Final = {
    "wait": "only the steps of a supplement wait",
    "until": "only a hold and the steps of a supplement have it",
    "then": "it belongs beside when, not inside it",
}
"""Fields that are right in another place, for the hint when they stand in a wrong one."""


def read(node: Node, form: type[Model], what: str, issues: Issues, owner: Span | None = None) -> Model | None:
    """Read `node` as `form`; None if anything in it is wrong, and then `issues` says what.

    `what` is how messages call the form (`a rule`); `owner` is the place of the key that the node is the value of.
    """
    try:
        return form.model_validate(_as_fields(node, form))
    except ValidationError as refused:
        for error in _first_causes(refused.errors(include_url=False)[:MOST_ERRORS], form):
            _report(error, node, form, what, issues, owner)
        return None


def _as_fields(node: Node, form: type[BaseModel]) -> Any:
    """Return the value of a node for a form; fields that the form does not look into stay nodes."""
    if not isinstance(node, Mapping):
        return as_value(node)
    closed = {name for name, field in form.model_fields.items() if field.annotation is Any}
    return {key.text: value if key.text in closed else as_value(value) for key, value in node.entries}


def _first_causes(errors: list[ErrorDetails], form: type[BaseModel]) -> list[ErrorDetails]:
    """Leave out what only follows from another mistake.

    A misspelled field is not missing too; a list whose entries are wrong is not too short.
    """
    misspelled = {
        (*error["loc"][:-1], closest(str(error["loc"][-1]), _fields(form, error["loc"][:-1])))
        for error in errors
        if error["type"] == "extra_forbidden"
    }
    return [
        error
        for error in errors
        if not (error["type"] == "missing" and error["loc"] in misspelled)
        and not (error["type"] == "too_short" and error["input"])
    ]


def as_value(node: Node) -> Any:
    """Return the tree as dicts, lists and `Written` texts."""
    if isinstance(node, Scalar):
        return Written(node.text, quoted=not node.is_plain)
    if isinstance(node, Sequence):
        return [as_value(item) for item in node.items]
    return {key.text: as_value(value) for key, value in node.entries}


def key_span(node: Node, key: int | str) -> Span | None:
    """Return the place of a field's name in a mapping, or None."""
    if not isinstance(node, Mapping):
        return None
    return next((name.span for name, _ in node.entries if name.text == key), None)


def point(node: Node, path: Path = (), owner: Span | None = None) -> Span:
    """Return what to point at for the value at `path` below `node`: the value if it is a word, else its key.

    Where the path leads nowhere (a missing field), the last thing that is there. `owner` is the key of `node`.
    """
    place = _own_place(node, owner)
    for part in path:
        below = _below(node, part)
        if below is None:
            break
        place, node = _own_place(below, key_span(node, part)), below
    return place


def _own_place(node: Node, key: Span | None) -> Span:
    if isinstance(node, Scalar) and (node.text or not node.is_plain or key is None):
        return node.span
    if key is not None:
        return key
    if isinstance(node, Mapping) and node.entries:
        return node.entries[0][0].span
    if isinstance(node, Sequence) and node.items:
        return _own_place(node.items[0], None)
    return node.span


def _below(node: Node, part: int | str) -> Node | None:
    if isinstance(node, Mapping) and isinstance(part, str):
        return node.get(part)
    if isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
        return node.items[part]
    return None


def _report(
    error: ErrorDetails, node: Node, form: type[BaseModel], what: str, issues: Issues, owner: Span | None
) -> None:
    """Put one refusal of pydantic into our words, at its place."""
    path: Path = error["loc"]
    context = error.get("ctx", {})
    kind = error["type"]
    if kind == "extra_forbidden":
        _unknown_field(path, node, form, what, issues)
    elif kind == "missing":
        _missing_field(path, node, form, what, issues, owner)
    elif kind == "combination":
        place = point(node, (*path, *context["at"]), owner)
        issues.error(context["code"], place, context["found"], context["hint"])
    elif kind == "refused":
        text = f"{_name(path, what)}: {context['found']}"
        issues.error(context["code"], point(node, path, owner), text, context["hint"])
    else:
        expected, hint = _shape(error, _form_at(form, path))
        text = f"{_name(path, what)}: found {describe(error['input'])}; expected {expected}"
        issues.error("wrong-type", point(node, path, owner), text, hint)


def _unknown_field(path: Path, node: Node, form: type[BaseModel], what: str, issues: Issues) -> None:
    field = str(path[-1])
    known = _fields(form, path[:-1])
    near = closest(field, known)
    where = _name(path[:-1], what)
    hint = f'did you mean "{near}"?' if near else _ELSEWHERE.get(field, "")
    if field.isdecimal():  # what YAML makes of the 045 in {amount: 0,045}
        hint = "a number has no comma in it: 1500, and 0.5 with a point"
    hint = hint or f"it may have {listing(known)}"
    owner = node
    for part in path[:-1]:
        owner = _below(owner, part) or owner
    issues.error(
        "unknown-field", key_span(owner, field) or point(node, path), f'{where} has no field "{shorten(field)}"', hint
    )


def _missing_field(
    path: Path, node: Node, form: type[BaseModel], what: str, issues: Issues, owner: Span | None
) -> None:
    field = str(path[-1])
    inside = _form_at(form, path[:-1])
    described = inside.model_fields[field].description if inside and field in inside.model_fields else ""
    hint = f"add {field}: {described}" if described else f"add {field}:"
    issues.error("missing-field", point(node, path, owner), f'"{field}" is missing in {_name(path[:-1], what)}', hint)


def _name(path: Path, what: str) -> str:
    """Name a field by the last word of its path; list positions are seen at the place."""
    return next((f'"{part}"' for part in reversed(path) if isinstance(part, str)), what)


def _shape(error: ErrorDetails, form: type[BaseModel] | None) -> tuple[str, str]:
    """Say which shape was expected where the shape is wrong, and how it is written."""
    kind = error["type"]
    context = error.get("ctx", {})
    if kind in ("model_type", "model_attributes_type", "dict_type") and form is not None:
        fields = [f"{name}: …" for name, field in form.model_fields.items() if field.is_required()]
        name = next((f"{part}: " for part in reversed(error["loc"]) if isinstance(part, str)), "")
        return "a group of fields", f"write {name}{{{', '.join(fields or [f'{next(iter(form.model_fields))}: …'])}}}"
    if kind in ("tuple_type", "list_type"):
        return "a list", "write it in brackets, such as [a, b], or one item a line after a dash"
    if kind == "too_short":
        return "at least one entry", "write at least one, or remove the field"
    if kind == "too_long":
        return f"at most {context.get('max_length')} entries", ""
    return error["msg"][:1].lower() + error["msg"][1:], ""


def _fields(form: type[BaseModel], path: Path) -> list[str]:
    inside = _form_at(form, path)
    return list(inside.model_fields) if inside else []


def _form_at(form: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """Find the form that a path below `form` leads into, or None if it leads to a single value."""
    inside: type[BaseModel] | None = form
    for part in path:
        if isinstance(part, str) and inside is not None:
            field = inside.model_fields.get(part)
            inside = _form_in(field.annotation) if field is not None else None
    return inside


def _form_in(annotation: Any) -> type[BaseModel] | None:
    """Find the form within an annotation such as `tuple[Choice, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((form for part in get_args(annotation) if (form := _form_in(part)) is not None), None)
