"""Whatever the commands about rules are given, they answer soon, in a sentence and with one of their exit codes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import signalbox
from engine.analysis.formulas import all_of
from engine.analysis.inputs import Wanted
from engine.analysis.moments import find_moment
from engine.analysis.situation import usual
from engine.analysis.space import Found
from engine.decision.case_reading import read_cases
from engine.decision.cases import interpreted, run_cases
from engine.ruleset.issues import Issues
from tests.analysis.test_space import space_of
from tests.decision.test_cases import RULES
from tests.hostile.test_rule_files import BASES, compiled, write
from tests.ruleset.strategies import FACTS_YAML


def run(*arguments: str | Path, given: bytes = b"") -> Result:
    """Run a command about rules; it ends as it says, never by an error of ours."""
    result = CliRunner().invoke(signalbox, ["rules", *map(str, arguments)], input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (0, 1, 2)
    return result


# ---- what is read ----


@pytest.mark.parametrize("tag", ["@timestamp", "@duration"])
def test_facts_that_look_like_a_time_are_facts(tag: str) -> None:
    """All facts together are a group, whatever the name of the only one among them is."""
    line = json.dumps({"expr": "a == 1", "facts": {tag: "90s"}}).encode()

    assert json.loads(run("eval", "--jsonl", given=line).stdout)["message"] == "a is absent"


def test_a_file_of_facts_has_a_bound(tmp_path: Path) -> None:
    """No size is trusted, not even that of a file without an end."""
    huge = tmp_path / "facts.json"
    huge.touch()
    os.truncate(huge, 1 << 40)
    result = run("eval", "1", "--facts", huge)

    assert (result.exit_code, "more than 16 MiB" in result.stderr) == (2, True)


@pytest.mark.parametrize("message", [b"[" * 100_000, b'{"message":' * 100_000], ids=["lists", "objects"])
def test_a_message_may_nest_as_deep_as_it_likes(message: bytes) -> None:
    """JSON deeper than any stack is told like every other text that cannot be understood."""
    result = run("explain", "-", given=message)

    assert (result.exit_code, "cannot be read" in result.stderr) == (2, True)


# ---- paths ----

EVERYWHERE = (
    ("check", "{}"),
    ("test", "{}"),
    ("test", "--tests", "{}"),
    ("test", "--junit", "{}"),
    ("fmt", "--check", "{}"),
    ("explain", "{}"),
    ("explain", "--case", "x", "{}"),
    ("eval", "1", "--facts", "{}"),
    ("eval", "1", "--rules", "{}"),
    ("schema", "--dir", "{}"),
)


@pytest.mark.parametrize("arguments", EVERYWHERE, ids=" ".join)
def test_a_path_that_leads_nowhere_is_wrong_usage(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """One that is too long for any disk, and a link that leads to itself: every command refuses both alike."""
    (tmp_path / "loop").symlink_to("loop")
    for path in (tmp_path / ("x" * 300), tmp_path / "loop" / "v"):
        result = run(*(argument.format(path) for argument in arguments))

        assert (result.exit_code, "Invalid value" in result.stderr) == (2, True)


# ---- rule tests ----

USER = "{tags: [" + "a, " * 5_000 + "b]}"
STEPS = "{expect: {verdict: SEND}}, " * 500
BEFORE = "{at: '2026-01-05T10:00'}, " * 500


@pytest.mark.parametrize(
    "parts",
    [
        {"given": f"{{user: {USER}}}", "steps": f"[{STEPS}]"},
        {"steps": f"[{{user: {USER}}}, {STEPS}]"},
        {"given": f"{{user: {USER}, before: [{BEFORE}]}}", "expect": "{verdict: SEND}"},
    ],
    ids=["given", "held on", "before"],
)
def test_much_that_is_given_again_and_again_is_refused(parts: dict[str, str]) -> None:
    """A file of a fraction of its bound would keep the runner, and so a load, busy for a minute."""
    text = "- name: much\n" + "".join(f"  {field}: {value}\n" for field, value in parts.items())
    issues = Issues()

    assert list(read_cases({"much.yaml": text.encode()}, issues)) == []
    assert [(issue.code, issue.line) for issue in issues.sorted()] == [("too-large", 1)]


def test_a_sequence_of_thousands_of_steps_is_read() -> None:
    """What is refused is much of both; long sequences of small messages are as they may be."""
    step = "{message: {scene: birthday}, expect: {verdict: SEND}}, "
    text = f"- name: long\n  given: {{message: {{category: MARKETING}}}}\n  steps: [{step * 2_000}]\n"
    issues = Issues()
    (case,) = read_cases({"long.yaml": text.encode()}, issues)

    assert (len(case.steps), issues.sorted()) == (2_000, ())


@pytest.mark.parametrize("amount", ["1e308", "-1e20", "9223372036855"])
@pytest.mark.parametrize("place", ["accounts.cards/sms.left", "charges.cards/sms"])
def test_more_than_an_account_can_hold_is_told_by_its_field(amount: str, place: str) -> None:
    """In what is given and in what is expected, and never as a calculation that failed."""
    given = f"accounts: {{cards/sms: {{left: {amount}}}}}" if place.startswith("accounts") else ""
    expect = f"charges: {{cards/sms: {amount}}}" if place.startswith("charges") else "verdict: SEND"
    text = f"- {{name: rich, given: {{{given}}}, expect: {{{expect}}}}}"
    (result,) = run_cases(RULES, {"rich.yaml": text.encode()}, interpreted).results

    assert result.differences == (f"the case cannot be judged: {place}: must be a number up to 9,223,372,036,854",)


def test_a_terminal_obeys_no_rule_test(tmp_path: Path) -> None:
    """The name of a case that fails is shown; what would clear the screen or turn the line round is not done."""
    folder, tests = tmp_path / "rules" / "v", tmp_path / "rule_tests" / "v"
    write(folder, BASES[1])
    given = '{message: {scene: "\\e[2J"}}'
    case = f'- {{name: "\\e[2Jred \\u202edrow", given: {given}, expect: {{verdict: DROP, reason: BLOCKED}}}}'
    write(tests, {"a.yaml": case.encode()})
    shown = run("test", folder, "--junit", tmp_path / "results.xml").stdout

    assert "failed \ufffd[2Jred \ufffddrow" in shown
    assert not {"\x1b", "\u202e"} & set(shown)


# ---- questions about all messages ----


def test_lists_of_several_types_in_one_question_are_kept_apart() -> None:
    """A number that one list is asked for is nothing that is tried in a list of texts."""
    asked = space_of(
        "0.5 in message.params.rates",
        'message.params.words.exists(w, w.startsWith("g") && size(message.params.rates) == 1)',
        facts=FACTS_YAML,
    )

    assert isinstance(asked.space.ask(all_of(asked.match(0), asked.match(1))), Found)


def test_an_instant_that_no_clock_shows_is_soon_given_up() -> None:
    """Clocks show milliseconds; what lies between two of them is not looked for on every day of four years."""
    seen = 0

    def accepts(value: object) -> bool:
        nonlocal seen
        seen += 1
        return value == 1_500_000_000_000_001

    situation = usual(space_of("user.known").space.ruleset)

    assert find_moment(situation, {"now.timestamp": Wanted((1_500_000_000_000_001,), accepts)}) is None
    assert 1_000 < seen < 5_000


@pytest.mark.parametrize("fact", ["content.length", "content.segments"])
def test_what_is_counted_may_be_compared_with_a_fraction(fact: str) -> None:
    """Of a text that is to have 80.0 parts 80 are made."""
    routing = f"""
family: routing
rules:
  - {{id: counted, when: {fact} == 80.0, then: {{concurrent: [sms]}}}}
  - {{id: rest, then: {{concurrent: [push]}}}}
"""
    assert "undecided" not in {issue.code for issue in compiled(BASES[1] | {"routing.yaml": routing.encode()})}
