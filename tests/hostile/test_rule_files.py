"""Whatever lies in a version's folder: `rules check` lists what is wrong with it, soon, and never breaks off."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cli.main import signalbox
from engine.analysis.findings.find import find
from engine.decision.case_reading import to_plain
from engine.ruleset.check import check
from engine.ruleset.compile import compile_parsed
from engine.ruleset.documents import read_yaml
from engine.ruleset.fact_types import Scope
from engine.ruleset.flow_text import flow_text
from engine.ruleset.issues import MAX_ISSUES, Issue, Issues, Severity, render
from engine.ruleset.parse import parse_version
from engine.ruleset.source import Source
from tests.hostile.rule_files import FAMILY_FILES, Files, condition, files_of, good_versions, hostile_version
from tests.ruleset.strategies import FACTS_YAML, conditions

BASES = good_versions()
BOUND_S = 20.0
"""No version of these sizes may take more processor time to check, in seconds."""


def compiled(files: Files) -> tuple[Issue, ...]:
    """Compile a version, ask all questions about it that `rules check` does, and look at everything that is told."""
    began = time.process_time()
    parsed = check(parse_version("2026.11.1", files))
    ruleset = compile_parsed(parsed).ruleset
    assert (ruleset is None) == any(issue.severity is Severity.ERROR for issue in parsed.issues)
    found = (*parsed.issues, *(find(parsed, ruleset) if ruleset is not None else ()))
    assert time.process_time() - began < BOUND_S
    assert len(found) <= 2 * (MAX_ISSUES + 1)
    for issue in found:
        assert min(issue.line, issue.column, issue.width, issue.caret) >= 1, issue
        assert issue.message, issue
        assert issue.given is None or issue.given == read_back(flow_text(issue.given)), issue
    json.dumps([issue.message + issue.hint + issue.file for issue in found]).encode()
    render(found, color=True, notes=True).encode()
    return found


def read_back(text: str) -> object:
    """Read what was written for a rule test as rule tests are read."""
    node = read_yaml(Source("shown", text), Issues())
    assert node is not None, text
    return to_plain(node)


@pytest.mark.parametrize("files", BASES)
def test_what_damage_is_done_to_is_good(files: Files) -> None:
    """Else nothing behind the first error would be reached."""
    assert not any(issue.severity is Severity.ERROR for issue in compiled(files)), render(compiled(files), color=False)


@settings(max_examples=100)
@given(st.sampled_from(FAMILY_FILES), st.binary(max_size=400))
def test_any_bytes_are_a_file(name: str, content: bytes) -> None:
    """They are told what is wrong with them."""
    compiled(BASES[1] | {name: content})


@settings(max_examples=100)
@given(st.sampled_from([*FAMILY_FILES, "lists/forbidden.txt"]), st.text(max_size=400))
def test_any_text_is_a_file(name: str, content: str) -> None:
    """Lone surrogates too, as a broken conversion leaves them."""
    compiled(BASES[1] | {name: content.encode("utf-8", "surrogatepass")})


@settings(max_examples=150)
@given(st.text(max_size=200))
def test_any_text_is_a_condition(condition: str) -> None:
    """In a file that is good otherwise."""
    rule = {"id": "any", "when": condition, "then": {"drop": {"reason": "BLOCKED"}}}
    content = json.dumps({"family": "interception", "rules": [rule]})  # JSON is YAML
    compiled(BASES[1] | {"interception.yaml": content.encode("utf-8", "surrogatepass")})


@pytest.mark.parametrize("seed", range(4))
def test_a_good_version_with_damage_is_told_what_is_wrong(seed: int) -> None:
    """30 versions each: cut, moved, swapped, with signs of YAML, CEL and CSV put in."""
    random = Random(seed)
    for _ in range(30):
        compiled(hostile_version(random, BASES))


def conditioned(random: Random) -> Files:
    """A version whose conditions are put together at random; most fit together in their types or nearly so."""
    files = dict(BASES[2])
    thens = {
        "interception.yaml": {"exclude": {"reason": "BLOCKED", "channels": ["sms"]}},
        "routing.yaml": {"distribute": {"to": "sms"}},
        "breaker.yaml": {"set": {"state": "PAUSED"}},
    }
    for file, then in thens.items():
        rules = [{"id": f"{file[:3]}{n}", "when": condition(random, 1 + n % 5), "then": then} for n in range(6)]
        define = {"is_vip": {"when": condition(random, 2)}, "vips": ["a", "b"], "small": 5}
        top = {"family": file.removesuffix(".yaml"), "define": define, "rules": rules}
        files[file] = json.dumps(top).encode()
    return files


@pytest.mark.parametrize("seed", range(4))
def test_any_expression_is_a_condition(seed: int) -> None:
    """Of all signs, facts and functions of the language, in any order: typed, or told why not."""
    random = Random(seed)
    for _ in range(12):
        compiled(conditioned(random))


@settings(max_examples=15, phases=[Phase.generate])  # each takes a second: shrinking one would take an hour
@given(st.lists(conditions(Scope.MESSAGE), min_size=1, max_size=6), st.integers(0, 3))
def test_any_conditions_that_fit_in_their_types_are_compared(whens: list[str], same: int) -> None:
    """What is asked about all messages at once has an end, and every example reads back as it is."""
    channels = ("push", "sms", "wechat")
    rules = [
        {"id": f"r{n}", "when": when, "then": {"distribute": {"to": channels[n % (same or 3) % 3]}}}
        for n, when in enumerate(whens)
    ]
    files = BASES[1] | {
        "facts.yaml": FACTS_YAML.encode(),
        "routing.yaml": json.dumps({"family": "routing", "rules": rules}).encode("utf-8", "surrogatepass"),
    }
    for family in ("interception", "fatigue", "budget"):
        files[f"{family}.yaml"] = json.dumps({"family": family, "rules": []}).encode()
    compiled(files)


DEEP = 100_000
HUGE = {
    "brackets of a list": b"[" * DEEP,
    "brackets of a group": b"{a: " * DEEP,
    "levels of indentation": b"".join(b" " * n + b"a:\n" for n in range(1_200)),
    "dashes": b"- " * DEEP,
    "a bomb of aliases": b"a: &a [x, x]\n" + b"".join(b"b%d: &b%d [*a, *a]\n" % (n, n) for n in range(1_000)),
    "a key of a megabyte": b"k" * 1_000_000 + b": 1",
    "a number of a megabyte": b"family: " + b"9" * 1_000_000,
    "a hundred thousand fields": b"".join(b"f%d: 1\n" % n for n in range(80_000)),
    "one field a hundred thousand times": b"a: 1\n" * DEEP,
    "lines": b"\n" * 1_000_000,
    "carriage returns": b"\r" * 1_000_000,
    "tabs": b"\t" * 1_000_000,
    "quotes": b'"' * 1_000_000,
    "escapes": b'a: "' + b"\\x41" * 200_000 + b'"',
    "blanks": b" " * 1_000_000,
    "dollars and percents": b"%" * 1_000_000,
    "combining marks": ("e" + "\u0301" * 300_000).encode(),
}


@pytest.mark.parametrize("what", HUGE)
@pytest.mark.parametrize("name", ["routing.yaml", "facts.yaml", "lists/forbidden.txt"])
def test_what_is_huge_or_deep_ends_soon(what: str, name: str) -> None:
    """As large as a file may be, or deeper than any stack."""
    assert compiled(BASES[1] | {name: HUGE[what]}) or name.startswith("lists/")


CONDITIONS = {
    "brackets": "(" * 2_000 + "true" + ")" * 1_900,
    "nots": "!" * 3_999 + "user.known"[:1],
    "minuses": "-" * 3_000 + "1 < 2",
    "a chain of ands": " && ".join(["user.known"] * 280),
    "a chain of alternating joints": " && ".join(["user.known", "(user.known || content.has_url)"] * 80),
    "choices in choices": "user.known ? " * 300 + "true" + " : false" * 300,
    "sums": " + ".join(["content.length"] * 250) + " > 3",
    "products of large numbers": " * ".join(["9223372036854775807"] * 190) + " > 3",
    "a long list": "message.line in [" + ", ".join(f'"{n}"' for n in range(600)) + "]",
    "comparisons of many facts": " || ".join(
        f"content.length > {n} && content.segments < {n} && now.local_hour != {n % 24}" for n in range(45)
    ),
    "a pattern that repeats": 'message.line.matches("((a{1,100}){1,100}){1,100}")',
    "a pattern that never ends": 'message.line.matches("' + "(" * 1_000 + '")',
    "an unclosed text": '"' + "a" * 3_900,
    "backslashes": '"' + "\\" * 3_001 + '"',
}


@pytest.mark.parametrize("what", CONDITIONS)
@pytest.mark.parametrize("file", ["interception.yaml", "routing.yaml"])
def test_a_condition_that_wants_to_explode_ends_soon(what: str, file: str) -> None:
    """Deep, long, or with more cases than can be looked at."""
    then = {"drop": {"reason": "BLOCKED"}} if file == "interception.yaml" else {"distribute": {"to": "sms"}}
    rules = [{"id": f"r{n}", "when": CONDITIONS[what], "then": then} for n in range(3)]
    compiled(BASES[1] | {file: json.dumps({"family": file.removesuffix(".yaml"), "rules": rules}).encode()})


# ---- folders ----


def checked(folder: Path) -> int:
    """Run `signalbox rules check` on a folder in every form; it ends as it says, with a list."""
    runner = CliRunner()
    codes = set()
    for arguments in (["--json"], ["--notes"], ["--sarif", "-"]):
        result = runner.invoke(signalbox, ["rules", "check", str(folder), *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        codes.add(result.exit_code)
        if "--notes" not in arguments:
            json.loads(result.stdout)
    (code,) = codes
    assert code in (0, 1)
    return code


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good version to spoil."""
    place = tmp_path / "rules" / "2026.12.0"
    write(place, BASES[1])
    return place


def write(place: Path, files: Files) -> None:
    """Write files below a folder."""
    for name, content in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture
def bound_socket(folder: Path) -> Iterator[Path]:
    """A socket in the place of a file; its path is bound from within, since it may be too long otherwise."""
    here = Path.cwd()
    place = folder / "routing.yaml"
    place.unlink()
    with socket.socket(socket.AF_UNIX) as one:
        os.chdir(folder)
        try:
            one.bind(place.name)
        finally:
            os.chdir(here)
        yield folder


def test_a_socket_is_no_file(bound_socket: Path) -> None:
    """It is not read, so nobody waits for it."""
    assert checked(bound_socket) == 1


def _loop(folder: Path) -> None:
    (folder / "lists").rename(folder / "old")
    (folder / "lists").symlink_to(folder)


SPOILT: dict[str, Callable[[Path], object]] = {
    "a folder for a file": lambda f: ((f / "routing.yaml").unlink(), (f / "routing.yaml").mkdir()),
    "a file for a folder": lambda f: ((f / "lists").rename(f.parent / "x"), (f / "lists").write_bytes(b"x")),
    "a pipe": lambda f: ((f / "budget.yaml").unlink(), os.mkfifo(f / "budget.yaml")),
    "a pipe among the lists": lambda f: os.mkfifo(f / "lists" / "more.txt"),
    "a device": lambda f: ((f / "budget.yaml").unlink(), (f / "budget.yaml").symlink_to("/dev/zero")),
    "a link to itself": lambda f: ((f / "budget.yaml").unlink(), (f / "budget.yaml").symlink_to("budget.yaml")),
    "a link to nothing": lambda f: ((f / "budget.yaml").unlink(), (f / "budget.yaml").symlink_to("none")),
    "a link out": lambda f: ((f / "budget.yaml").unlink(), (f / "budget.yaml").symlink_to("/etc/hostname")),
    "a loop of folders": _loop,
    "no files": lambda f: [path.unlink() for path in f.glob("*.yaml")],
    "too many files": lambda f: [(f / "lists" / f"l{n}.txt").write_bytes(b"x\n") for n in range(300)],
    "names that are no text": lambda f: [
        Path(os.fsdecode(os.fsencode(f) + b"/" + name)).write_bytes(b"x")
        for name in (
            b"\xff\xfe.yaml",
            b"a\nb.yaml",
            b"\x1b[2J.yaml",
            b"routing.yaml ",
            b" ",
            b"a" * 250,
            b"-rf",
            b"[x].yaml",
        )
    ],
    "lists that are no names": lambda f: [
        Path(os.fsdecode(os.fsencode(f) + b"/lists/" + name)).write_bytes(b"word\t5\n")
        for name in (b"\xff.txt", b"\n.txt", b".txt", b"a b.txt", "户.txt".encode(), b"A.txt", b"x.TXT", b"x.txt.txt")
    ],
    "a folder in the lists": lambda f: (f / "lists" / "sub.txt").mkdir(),
    "a huge file": lambda f: os.truncate(f / "routing.yaml", 1 << 33),
    "a huge list": lambda f: os.truncate(f / "lists" / "forbidden.txt", 1 << 33),
}


@pytest.mark.parametrize("what", SPOILT)
def test_whatever_lies_in_the_folder_gives_a_list(folder: Path, what: str) -> None:
    """No pipe is waited for, no link followed out, no size trusted; the exit code is 0 or 1."""
    SPOILT[what](folder)

    assert checked(folder) == (0 if what == "names that are no text" else 1)


@pytest.mark.parametrize("name", ["..", ".", "a b", "-x", "户", "x" * 200, "\udcff", "a\nb"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    """One that no version can have is told; so may the folders above it."""
    for place in (tmp_path / "rules" / "inner" / name, tmp_path / "rules" / name / "2026.12.0"):
        write(place, BASES[1])
        checked(place)


@pytest.mark.parametrize("seed", range(3))
def test_rule_tests_may_be_anything_too(folder: Path, seed: int) -> None:
    """They are looked for beside the version, and read as carefully."""
    random = Random(seed)
    good = files_of(Path(__file__).resolve().parents[2] / "rule_tests" / "2026.11.1")
    tests = folder.parent.parent / "rule_tests" / folder.name
    for _ in range(3):
        write(tests, hostile_version(random, [good]))
        checked(folder)
