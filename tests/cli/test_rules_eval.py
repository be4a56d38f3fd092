"""`signalbox rules eval` as a person and as a conformance suite run it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.rules.group import rules

ROOT = Path(__file__).resolve().parents[2]
VERSION = next(path for path in sorted((ROOT / "rules").iterdir()) if path.is_dir())
KEYS = ["outcome", "type", "value", "message"]


def run(*arguments: str | Path, lines: bytes = b"") -> Result:
    return CliRunner().invoke(rules, ["eval", *map(str, arguments)], input=lines)


def outcomes(*requests: Any, arguments: tuple[str | Path, ...] = ()) -> list[dict[str, Any]]:
    """The answers to some requests, which are sent as they are if they are bytes."""
    lines = b"".join((r if isinstance(r, bytes) else json.dumps(r).encode()) + b"\n" for r in requests)
    result = run("--jsonl", *arguments, lines=lines)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_value_is_printed_with_its_type() -> None:
    """For people on one line, for programs as an object; also when the expression begins with a minus."""
    shown, listed = run("-7 / 2"), run("[1, 2.0, 'é']", "--json")

    assert (shown.exit_code, shown.stdout) == (0, "int -3\n")
    assert json.loads(listed.stdout) == {"outcome": "value", "type": "list", "value": [1, 2.0, "é"], "message": None}


def test_an_error_says_how_it_is_written(tmp_path: Path) -> None:
    """As in a condition; and where facts come from is told to those who gave none."""
    facts = tmp_path / "facts.yaml"
    facts.write_text("user: {known: true}", encoding="utf-8")

    assert (
        run('user.zone = "x"').stderr == "error: character 11: = does not fit here; two values are compared with ==\n"
    )
    assert "\n  hint: facts come from a file: --facts facts.yaml\n" in run("user.zone == 'x'").stderr
    assert run("user.zone == 'x'", "--facts", facts).stderr == "error: user.zone is absent\n"
    assert json.loads(run("user.zone", "--json").stdout)["message"] == "user.zone is absent"


@pytest.mark.parametrize(
    ("expression", "said"), [("1 / 0", "error: division by zero"), ("1u", "unsupported: unsigned: ")]
)
def test_what_has_no_value_ends_with_one(expression: str, said: str) -> None:
    """With the reason on standard error."""
    result = run(expression)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(said)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("facts.json", '{"message": {"params": {"amount": 200}}, "user.tags": ["vip-1"]}'),
        ("facts.yaml", "message:\n  params: {amount: 200}\nuser.tags: [vip-1]\n"),
    ],
)
def test_facts_come_from_a_file(tmp_path: Path, name: str, text: str) -> None:
    """JSON or YAML, nested or with whole paths as keys."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    expression = 'message.params.amount >= 200 && user.tags.exists(t, t.startsWith("vip"))'

    assert run(expression, "--facts", tmp_path / name).stdout == "bool true\n"


@pytest.mark.parametrize("text", ["[1]", "a: [", "\x00", "[" * 100_000, None])
def test_a_file_that_holds_no_facts_is_told(tmp_path: Path, text: str | None) -> None:
    """In a sentence, and nothing is evaluated."""
    if text is not None:
        (tmp_path / "facts").write_text(text, encoding="utf-8")
    result = run("1", "--facts", tmp_path / "facts")

    assert result.exit_code == 2
    assert "--facts" in result.stderr


def test_a_version_gives_constants_and_types() -> None:
    """Its constants by their names; a whole number for a fact declared as a double is one."""
    found = outcomes(
        {"expr": "message.params.amount >= large_change", "facts": {"message": {"params": {"amount": 200}}}},
        {"expr": "message.params.amount", "facts": {"message.params.amount": 200}},
        {"expr": "message.params.amount", "facts": {"message.params.amount": "many"}},
        arguments=("--rules", VERSION),
    )

    assert [one["value"] for one in found] == [True, 200.0, None]
    assert found[1]["type"] == "double"
    assert found[2]["message"].startswith("message.params.amount: expected a number")


def test_a_version_gives_named_conditions(tmp_path: Path) -> None:
    """Of facts.yaml and of single files, written out in each other; not those that two files define differently."""
    version = Path(shutil.copytree(VERSION, tmp_path / VERSION.name))
    for file, lines in {
        "facts.yaml": ["many: {when: 'has(message.params.amount) && message.params.amount > much'}", "much: 5.0"],
        "routing.yaml": ["few: {when: '!many'}", "bound: 1"],
        "interception.yaml": ["bound: 2"],
    }.items():
        path = version / file
        added = "".join(f"  {line}\n" for line in lines)
        path.write_text(
            path.read_text(encoding="utf-8").replace("\ndefine:\n", f"\ndefine:\n{added}"), encoding="utf-8"
        )
    facts = {"message.params.amount": 5}
    texts = ("few && many", "few || many", "[1].exists(few, few == 1)", "bound")
    found = outcomes(*({"expr": text, "facts": facts} for text in texts), arguments=("--rules", version))

    assert [one["value"] for one in found] == [False, True, True, None], found


def test_every_line_has_its_outcome_in_order() -> None:
    """Values, errors and what is outside, with the same keys always; facts of one line are not those of the next."""
    found = outcomes(
        {"expr": "x + 1", "facts": {"x": 1}},
        {"expr": "x"},
        {"expr": "1.0 / 0.0", "facts": {}},
        {"expr": "{}", "facts": None},
        {"expr": "at - duration('1ns')", "facts": {"at": {"@timestamp": "1970-01-01T00:00:00Z"}}},
    )

    assert [one["outcome"] for one in found] == ["value", "error", "value", "unsupported", "value"]
    assert [one["value"] for one in found] == [2, None, "Infinity", None, "1969-12-31T23:59:59.999999999Z"]
    assert all(list(one) == KEYS for one in found)


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{", b"1", b"null", b"[]", b"{}", b"\xff\xfe", b"[" * 5_000,
        b'{"expr": 1}', b'{"expr": "1", "facts": []}', b'{"expr": "\\ud800"}',
        b'{"expr": "x", "facts": {"x": "\\ud800"}}', b'{"expr": "x", "facts": {"x": 1e999999}}',
        b'{"expr": "x", "facts": {"x": 99999999999999999999}}', b'{"expr": "x", "facts": {"x": ' + b"9" * 5_000 + b"}}",
        b'{"expr": "x", "facts": {"x": {"@timestamp": "never"}}}', b'{"expr": "x", "facts": {"x": {"@duration": 1}}}',
        b'{"expr": "x", "facts": {"x": ' + b"[" * 900 + b"]" * 900 + b"}}",
        b'{"expr": "x.y", "facts": {"x": 1, "x.y": 2}}',
        b'{"expr": "' + b"!" * 3_900 + b'x"}', b'{"expr": "' + b"-(" * 30 + b"x" + b")" * 30 + b'"}',
    ],
    ids=lambda line: repr(line[:30]),
)  # fmt: skip
def test_a_broken_line_has_an_outcome_and_the_next_one_goes_on(line: bytes) -> None:
    """No line ends the work, whatever it holds."""
    first, second = outcomes(line, {"expr": "1 + 1"})

    assert list(first) == KEYS
    assert first["outcome"] != "value" or first["type"] in ("list", "double")
    assert second["value"] == 2


def test_an_answer_comes_before_the_next_question() -> None:
    """A suite may talk with one process line by line."""
    command = [sys.executable, "-m", "cli.main", "rules", "eval", "--jsonl"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(3):
            process.stdin.write(json.dumps({"expr": f"{number} + 1"}) + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["value"] == number + 1
        process.stdin.close()


@pytest.mark.parametrize(
    "arguments", [(), ("1", "--jsonl"), ("--jsonl", "--facts", "x.json"), ("1", "--rules", "nowhere")]
)
def test_what_cannot_begin_says_so(arguments: tuple[str, ...]) -> None:
    """Exit code 2 and a sentence."""
    result = run(*arguments)

    assert result.exit_code == 2
    assert "Error: " in result.stderr
