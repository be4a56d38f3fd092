"""The style, as tests: what could be argued about in a review is decided here, once.

Every failure names file:line and what to do. Generated stubs (`*_pb2*`) are left out everywhere.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CODE = ("engine", "adapters", "cli", "server.py")
PROGRAMS = ("bench", "scripts", "examples")
SKIPPED_FOLDERS = {"__pycache__", "build", "dist", "data", "node_modules"}

# Which rooms a room may know, besides itself. `server` and `cli` stand on top and may know all. A room of the engine
# that is not named here (configuration, logs) knows none and is known to none: the composition root passes it on.
OPEN_TO_ALL = ("engine.errors", "engine.clock")
PURE_ROOMS = ("engine.ruleset", "engine.decision", "engine.analysis")
MAY_IMPORT = {
    "engine.ruleset": (),
    "engine.decision": ("engine.ruleset",),
    "engine.analysis": ("engine.decision", "engine.ruleset"),
    "engine.state": ("engine.decision",),
    "engine.records": ("engine.state", "engine.decision"),
    "engine.flow": ("engine.analysis", "engine.decision", "engine.ruleset", "engine.state", "engine.records"),
    "engine.service": (
        "engine.flow",
        "engine.analysis",
        "engine.decision",
        "engine.ruleset",
        "engine.state",
        "engine.records",
        "signalbox",
    ),
    "adapters": ("engine.flow", "engine.state", "engine.decision"),
}
TOP = ("server", "cli")
OURS = ("engine", "adapters", "cli", "server", "signalbox")

# What a pure room must not touch: files, clocks, chance, processes, wires.
IMPURE_MODULES = frozenset(
    "aiohttp asyncio concurrent durable_rules_engine glob grpc http httpx io logging multiprocessing opentelemetry os "
    "pathlib random redis requests secrets select selectors shutil signal signalbox socket sqlalchemy sqlite3 ssl "
    "subprocess tempfile threading time urllib uuid uvloop watchfiles".split()
)
IMPURE_CALLS = re.compile(r"(?:^|\.)(?:datetime\.(?:now|utcnow|today)|date\.today)$|^(?:open|input|print)$")

LONGEST_BODY = 60
USUAL_BODY = 20
USUAL_SHARE = 0.9
LONGEST_FILE = 450


# ---- the tests ----


def test_imports_run_one_way() -> None:
    """A room imports only the rooms below it."""
    complaints = [
        f"{place}: {room} must not import {target}; move the code down or pass the value in"
        for path in python_files(*CODE)
        if (room := room_of(path)) not in TOP
        for place, target in imports(path)
        if target.split(".")[0] in OURS and not is_allowed(room, target)
    ]
    assert not complaints, listing(complaints)


def test_rules_and_decisions_are_pure() -> None:
    """ruleset, decision and analysis import no I/O, no clock and no randomness, and call none."""
    complaints = [
        f"{place}: {what} has no place in a pure room; do it in engine/flow and pass the value in"
        for path in python_files(*(room.replace(".", "/") for room in PURE_ROOMS))
        for place, what in impurities(path)
    ]
    assert not complaints, listing(complaints)


def test_functions_fit_a_hand() -> None:
    """No body is longer than 60 lines, and nine in ten fit into 20."""
    bodies = [body for path in python_files(*CODE) for body in bodies_of(path)]
    too_long = [f"{place}: {name} has {lines} lines; split it" for lines, name, place in bodies if lines > LONGEST_BODY]
    long = sorted((body for body in bodies if body[0] > USUAL_BODY), reverse=True)

    assert not too_long, listing(too_long)
    assert len(long) <= (1 - USUAL_SHARE) * max(len(bodies), 1), (
        f"{len(long)} of {len(bodies)} functions have more than {USUAL_BODY} lines, one in ten may; shorten some of "
        + listing([f"{place}: {name}, {lines} lines" for lines, name, place in long])
    )


def test_test_functions_are_not_novels() -> None:
    """A test and a program's function stay within 60 lines too."""
    complaints = [
        f"{place}: {name} has {lines} lines; split it"
        for path in python_files("tests", *PROGRAMS)
        for lines, name, place in bodies_of(path)
        if lines > LONGEST_BODY
    ]
    assert not complaints, listing(complaints)


def test_files_hold_one_noun() -> None:
    """No file outside the tests is longer than 450 lines."""
    complaints = [
        f"{relative(path)}:{LONGEST_FILE}: {count} lines; find the second noun and give it a file"
        for path in python_files(*CODE, *PROGRAMS)
        if (count := len(text_of(path).splitlines())) > LONGEST_FILE
    ]
    assert not complaints, listing(complaints)


def test_what_is_public_is_documented() -> None:
    """Every module, and every public class and function of the engine, has a docstring."""
    complaints = [
        f"{place}: {name} needs a docstring that says what it promises, in which units, and what it raises"
        for path in python_files("engine", "adapters")
        for place, name in undocumented(path)
    ]
    complaints += [
        f"{relative(path)}:1: say in a docstring what the one idea of this file is"
        for path in python_files("cli", "server.py", "tests", *PROGRAMS)
        if text_of(path).strip() and ast.get_docstring(tree_of(path)) is None
    ]
    assert not complaints, listing(complaints)


def test_a_test_is_a_promise() -> None:
    """Every test states in its docstring what is promised."""
    complaints = [
        f"{relative(path)}:{node.lineno}: {node.name} needs one sentence that states the promise it holds"
        for path in python_files("tests")
        for node in functions(path)
        if node.name.startswith("test_") and ast.get_docstring(node) is None
    ]
    assert not complaints, listing(complaints)


def test_nothing_is_left_over() -> None:
    """No debugging aid and no unfinished mark stays in the code."""
    marks = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3)) + r")\b")
    complaints = [
        f"{relative(path)}:{number}: {found.group()} marks something unfinished; finish it or write an issue"
        for path in python_files(*CODE, *PROGRAMS, "tests")
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if (found := marks.search(line))
    ]
    complaints += [
        f"{place}: {name}() is left over; log it, return it or take it away"
        for path in python_files("engine", "adapters", "tests")
        for place, name in calls(path)
        if name in {"print", "breakpoint", "pdb.set_trace"}
    ]
    assert not complaints, listing(complaints)


def test_tests_do_not_sleep() -> None:
    """A test waits for a thing, never for a time; `asyncio.sleep(0)`, which only lets others run, is fine."""
    complaints = [
        f"{relative(path)}:{node.lineno}: wait for an event or move a hand clock instead of sleeping"
        for path in python_files("tests")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and dotted(node.func) in {"time.sleep", "asyncio.sleep", "sleep"}
        if not (node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0)
    ]
    assert not complaints, listing(complaints)


def test_nothing_names_a_machine() -> None:
    """No file names a folder of somebody's machine, and no lock names a package index."""
    here = f"|{re.escape(str(ROOT))}" if len(ROOT.parts) > 2 else ""  # `/src` alone would be found in any path
    home = re.compile(rf"(?<![\w.$}}*-])(?:/(?:home|root|Users|work|workspace)/[\w.-]+{here})\b")
    index = re.compile(r"--(?:extra-)?index-url|--find-links|https?://", re.IGNORECASE)
    complaints = [
        f"{relative(path)}:{number}: {found.group()} exists on one machine only; make it relative or an argument"
        for path in text_files()
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if (found := home.search(line))
    ]
    complaints += [
        f"{relative(path)}:{number}: a lock names no address; make it with `make lock`"
        for path in ROOT.glob("requirements*.lock")
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if index.search(line)
    ]
    assert not complaints, listing(complaints)


def test_the_version_stands_once() -> None:
    """CHANGELOG.md opens with the version of pyproject.toml, and the READMEs name no other."""
    version = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]["version"]
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", text_of(ROOT / "CHANGELOG.md"), re.MULTILINE)
    named = {
        f"{path.name}: {found}"
        for path in ROOT.glob("README*.md")
        for found in re.findall(r"[Ss]ignalbox[ =v]+(\d+\.\d+\.\d+)", text_of(path))
        if found != version
    }

    assert version == next(iter(released), None), "the newest entry of CHANGELOG.md and pyproject.toml must agree"
    assert not named, f"pyproject.toml says {version}: " + listing(sorted(named))


# ---- how they look ----


def python_files(*tops: str) -> list[Path]:
    """The hand-written Python files below these folders (or these files), in order; absent ones are skipped."""
    found = [path for top in tops for path in ([ROOT / top] if top.endswith(".py") else (ROOT / top).rglob("*.py"))]
    return sorted(path for path in found if path.is_file() and is_ours(path))


def is_ours(path: Path) -> bool:
    """Whether a person wrote it: not generated, not a cache, not an environment."""
    parts = path.relative_to(ROOT).parts
    return "_pb2" not in path.name and not any(
        part in SKIPPED_FOLDERS or (part.startswith(".") and part != ".ci") for part in parts[:-1]
    )


def text_files() -> Iterator[Path]:
    """Every file of the project that holds text, whatever its kind."""
    for path in sorted(ROOT.rglob("*")):
        if path.is_file() and is_ours(path) and path.stat().st_size < 1_000_000 and b"\0" not in path.read_bytes():
            yield path


@cache
def text_of(path: Path) -> str:
    """A file's text; a byte that is no UTF-8 (some broken rule files want that) is replaced."""
    return path.read_text(encoding="utf-8", errors="replace")


@cache
def tree_of(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(text_of(path), filename=str(path))


def relative(path: Path) -> str:
    """A path as a reader of the project writes it."""
    return path.relative_to(ROOT).as_posix()


def room_of(path: Path) -> str:
    """The room a file belongs to: `engine.<folder>`, or the top folder, or the module at the top."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:2]) if parts[0] == "engine" else parts[0]


def is_allowed(room: str, target: str) -> bool:
    """Whether `room` may import the module `target`."""
    return any(
        target == open_ or target.startswith(open_ + ".") for open_ in (room, *MAY_IMPORT.get(room, ()), *OPEN_TO_ALL)
    )


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Each import of a file, inside functions too, as place and full module name (`from engine import errors` too)."""
    for node in ast.walk(tree_of(path)):
        place = f"{relative(path)}:{getattr(node, 'lineno', 1)}"
        if isinstance(node, ast.Import):
            yield from ((place, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = absolute_base(path, node)
            yield from ((place, f"{base}.{alias.name}") for alias in node.names)


def absolute_base(path: Path, node: ast.ImportFrom) -> str:
    """What `from … import` starts from, with leading dots resolved."""
    if node.level == 0:
        return node.module or ""
    package = path.relative_to(ROOT).with_suffix("").parts[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])


def impurities(path: Path) -> Iterator[tuple[str, str]]:
    """Imports and calls that reach outside, as place and name."""
    for place, target in imports(path):
        if target.split(".")[0] in IMPURE_MODULES:
            yield place, target
    for place, name in calls(path):
        if IMPURE_CALLS.search(name):
            yield place, f"{name}()"


def calls(path: Path) -> Iterator[tuple[str, str]]:
    """Each call of a file whose callee has a name, as place and dotted name."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and (name := dotted(node.func)):
            yield f"{relative(path)}:{node.lineno}", name


def dotted(node: ast.expr) -> str:
    """`a.b.c` of an attribute chain; of a chain on something unnamed, its named end."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}".lstrip(".")
    return ""


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a file."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def bodies_of(path: Path) -> Iterator[tuple[int, str, str]]:
    """Each function's length in lines without signature and docstring, its name and its place."""
    for node in functions(path):
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
        yield lines, node.name, f"{relative(path)}:{node.lineno}"


def undocumented(path: Path) -> Iterator[tuple[str, str]]:
    """Public things without a docstring: the module, its classes and functions, and methods that no base explains."""
    module = tree_of(path)
    if ast.get_docstring(module) is None:
        yield f"{relative(path)}:1", "the module"
    for node in module.body:
        yield from without_docstring(path, node)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not node.bases:
            yield from without_docstring(path, *node.body)


def without_docstring(path: Path, *nodes: ast.stmt) -> Iterator[tuple[str, str]]:
    """Those of the nodes that define something public and do not say what; a setter or an overload need not."""
    for node in nodes:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
            continue
        repeats = any(dotted(decorator).endswith((".setter", "overload")) for decorator in node.decorator_list)
        if ast.get_docstring(node) is None and not repeats:
            yield f"{relative(path)}:{node.lineno}", node.name


def listing(lines: list[str]) -> str:
    """Complaints, one a line, as pytest prints them."""
    return "\n  " + "\n  ".join(lines)
