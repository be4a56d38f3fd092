"""The codes that the source reports, found in its syntax trees: whatever is given to a parameter called `code`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("engine/ruleset", "engine/decision", "engine/analysis", "engine/flow", "cli", "adapters")
OTHER_CODES = ("engine/flow/rules_frames.py", "engine/flow/durable_matcher.py", "cli/problems.py")
"""Files whose parameters of that name are something else."""
TABLES = ("_ENDS",)
"""Tables whose values begin with a code."""

_CODE = re.compile(r"[a-z]+(?:-[a-z0-9]+)*")


def codes_in_source() -> dict[str, str]:
    """Return every code that the source holds, with a place; one made of parts is given with `*` for what varies."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in _files()}
    positions = _positions(trees.values())
    found: dict[str, str] = {}
    for path, tree in trees.items():
        for node in ast.walk(tree):
            for part in _parts(node, positions):
                for code in _codes(part):
                    found.setdefault(code, f"{path.relative_to(ROOT)}:{part.lineno}")
    return found


def _files() -> Iterator[Path]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if path.relative_to(ROOT).as_posix() not in OTHER_CODES:
                yield path


def _positions(trees: Iterator[ast.Module] | object) -> dict[str, set[int]]:
    """By the name of a function or class: where among its arguments the code stands."""
    found: dict[str, set[int]] = {"Issue": {0}}
    for tree in trees:  # type: ignore[attr-defined]
        for node in ast.walk(tree):
            for name, function in _functions(node):
                names = [arg.arg for arg in (*function.args.posonlyargs, *function.args.args)]
                if "code" in names:
                    found.setdefault(name, set()).add(names.index("code") - (names[0] == "self"))
    return found


def _functions(node: ast.AST) -> Iterator[tuple[str, ast.FunctionDef]]:
    if isinstance(node, ast.FunctionDef) and node.name != "__init__":
        yield node.name, node
    if isinstance(node, ast.ClassDef):
        yield from ((node.name, f) for f in node.body if isinstance(f, ast.FunctionDef) and f.name == "__init__")


def _parts(node: ast.AST, positions: dict[str, set[int]]) -> Iterator[ast.expr]:
    """Give the expressions at which a code stands: arguments, defaults, and variables called code."""
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if not (isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "log"):
            yield from (node.args[at] for at in positions.get(name, ()) if at < len(node.args))
            yield from (keyword.value for keyword in node.keywords if keyword.arg == "code")
    elif isinstance(node, ast.FunctionDef):
        arguments = (*node.args.posonlyargs, *node.args.args)
        yield from (
            default
            for arg, default in zip(reversed(arguments), reversed(node.args.defaults), strict=False)
            if arg.arg == "code"
        )
    elif isinstance(node, ast.Assign):
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        if "code" in names:
            yield node.value
        if set(names) & set(TABLES) and isinstance(node.value, ast.Dict):
            yield from (value.elts[0] for value in node.value.values if isinstance(value, ast.Tuple))


def _codes(part: ast.expr) -> Iterator[str]:
    """The code that an expression is, the two of a choice, or one made of parts."""
    if isinstance(part, ast.Constant) and isinstance(part.value, str) and _CODE.fullmatch(part.value):
        yield part.value
    elif isinstance(part, ast.IfExp):
        yield from _codes(part.body)
        yield from _codes(part.orelse)
    elif isinstance(part, ast.JoinedStr):
        made = "".join(str(one.value) if isinstance(one, ast.Constant) else "*" for one in part.values)
        if _CODE.fullmatch(made.replace("*", "x")) and made.strip("*"):
            yield made
