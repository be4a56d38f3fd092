"""`signalbox rules test --coverage`: what it counts, what it lists, the page it writes, and when it is not enough."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from click.testing import CliRunner, Result

from cli.rules.group import rules

FACTS = """
channels: {push: {receipts: true}, sms: {receipts: true}, wechat: {receipts: true}}
facts:
  message.params.amount: {type: double}
define:
  large: 200
"""
ROUTING = """
family: routing
rules:
  - id: small-change
    when: message.category == "TRANSACTION" && has(message.params.amount) && message.params.amount < large
    then: {distribute: {to: wechat}}
  - id: changes
    when: message.category == "TRANSACTION"
    table:
      columns: [message.line, then.distribute.to]
      rows:
        - ["cards, loans", sms]
        - ["-", push]
  - {id: default, then: {distribute: {to: push}}}
"""
CASES = """
- {name: small, given: {message: {category: TRANSACTION, params: {amount: 5}}}, expect: {channels: [wechat]}}
- {name: unknown, given: {message: {category: TRANSACTION}}, expect: {channels: [sms]}}
- {name: other, given: {message: {category: SERVICE}}, expect: {channels: [push]}}
"""
ALL = (
    CASES
    + """
- {name: large, given: {message: {category: TRANSACTION, params: {amount: 200}}}, expect: {channels: [sms]}}
- {name: line, given: {message: {category: TRANSACTION, line: shop}}, expect: {channels: [push]}}
- {name: no change, given: {message: {category: SERVICE, params: {amount: 5}}}, expect: {channels: [push]}}
"""
)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(rules, [str(argument) for argument in arguments])


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """A small version with a rule, a table and a last rule, and a few cases."""
    folder = tmp_path / "rules" / "v1"
    folder.mkdir(parents=True)
    for family in ("interception", "fatigue", "budget", "breaker"):
        (folder / f"{family}.yaml").write_text(f"family: {family}\nrules: []\n", encoding="utf-8")
    (folder / "facts.yaml").write_text(FACTS, encoding="utf-8")
    (folder / "routing.yaml").write_text(ROUTING, encoding="utf-8")
    write_cases(folder, CASES)
    return folder


def write_cases(folder: Path, text: str) -> None:
    tests = folder.parent.parent / "rule_tests" / folder.name
    tests.mkdir(parents=True, exist_ok=True)
    (tests / "routing.yaml").write_text(text, encoding="utf-8")


def found(*arguments: str | Path) -> dict[str, Any]:
    result = run("test", *arguments, "--coverage", "--json")
    read: dict[str, Any] = json.loads(result.stdout)
    return read


def test_our_own_rules_are_covered_whole() -> None:
    """Every outcome of every condition, every rule, and every condition decides both ways."""
    result = run("test", "--coverage", "--fail-under", "100", "--json")

    told = json.loads(result.stdout)
    assert result.exit_code == 0, result.output
    assert told["lacking"] == []
    for kind in ("conditions", "rules", "mcdc"):
        assert told[kind]["covered"] == told[kind]["total"] > 0


def test_json_counts_and_lists_what_lacks(version: Path) -> None:
    """The other keys of the results stay; each thing that lacks has its place, its text and what it lacks."""
    told = found(version)

    assert (told["passed"], told["failed"]) == (3, 0)
    assert told["conditions"] == {"covered": 10, "total": 12}
    assert told["rules"] == {"covered": 3, "total": 4}
    assert told["mcdc"] == {"covered": 3, "total": 6}
    assert [one for one in told["lacking"] if one["kind"] != "mcdc"] == [
        {
            "kind": "condition",
            "rule": "small-change",
            "file": "routing.yaml",
            "line": 5,
            "column": 78,
            "text": "message.params.amount < large",
            "lacks": "false",
            "given": {"message": {"category": "TRANSACTION", "params": {"amount": 200.0}}},
        },
        {
            "kind": "condition",
            "rule": "changes-1",
            "file": "routing.yaml",
            "line": 12,
            "column": 13,
            "text": 'message.line in ["cards", "loans"]',
            "lacks": "false",
            "given": {"message": {"category": "TRANSACTION", "line": "other"}},
        },
        {
            "kind": "row",
            "rule": "changes-2",
            "file": "routing.yaml",
            "line": 13,
            "column": 12,
            "text": '(message.category == "TRANSACTION")',
            "lacks": "decide",
            "given": {"message": {"category": "TRANSACTION", "line": "other"}},
        },
    ]
    assert told["impossible"] == []


def test_the_terminal_lists_shares_by_file_table_and_rule(version: Path) -> None:
    """And says in a sentence what was never so."""
    shown = run("test", version, "--coverage").output

    assert "3 passed, 0 failed" in shown
    assert re.search(r"routing\.yaml +3/4 +75\.00 % +10/12 +83\.33 % +3/6 +50\.00 %", shown)
    assert re.search(r"  table changes +1/2 +50\.00 % +5/6 +83\.33 %", shown)
    assert re.search(r"    changes-2 +0/1", shown)
    assert "routing.yaml:5 small-change: message.params.amount < large was never false (example 1)\n" in shown
    assert "routing.yaml:13 changes-2: it never decided (example 3)\n" in shown


def test_the_messages_shown_would_fill_the_gaps(version: Path) -> None:
    """Each pasted into a test as it is: then nothing lacks, in MC/DC neither."""
    told = found(version)
    pasted = [{"name": f"pasted {at}", "given": one["given"]} for at, one in enumerate(told["lacking"])]
    cases = [{**case, "expect": {"verdict": "SEND"}} for case in pasted if case["given"] is not None]
    write_cases(version, CASES + "\n".join(f"- {json.dumps(case)}" for case in cases))

    assert found(version)["lacking"] == []


def test_full_coverage_lists_nothing(version: Path) -> None:
    """A hundred per cent, and no word of what lacks."""
    write_cases(version, ALL)
    result = run("test", version, "--coverage", "--fail-under", "100")

    assert result.exit_code == 0, result.output
    assert "What no case shows" not in result.output
    assert "100.00 %" in result.output


@pytest.mark.parametrize(
    ("least", "code"),
    [("75", 0), ("75.00", 0), ("75%", 0), ("75.0000001", 1), ("83.33", 1), ("0", 0), ("100", 1)],
)
def test_fail_under_compares_exactly(version: Path, least: str, code: int) -> None:
    """Three of four rules are 75 %, enough for 75 and for nothing more."""
    result = run("test", version, "--coverage", "--fail-under", least)

    assert result.exit_code == code, result.output
    if code:
        assert "75.00 % of the rules are covered (3 of 4)" in result.stderr


def test_a_share_just_below_is_not_enough(version: Path) -> None:
    """10 of 12 outcomes are 83.33… %: 83.33 is reached, 83.34 is not, and the shown number never says more."""
    (version / "routing.yaml").write_text(ROUTING.replace('        - ["-", push]\n', ""), encoding="utf-8")
    enough = run("test", version, "--coverage", "--fail-under", "80")
    short = run("test", version, "--coverage", "--fail-under", "80.01")

    assert (enough.exit_code, short.exit_code) == (0, 1)
    assert "80.00 % of the condition outcomes are covered (8 of 10), and 80.01 % are asked for" in short.stderr


@pytest.mark.parametrize("least", ["101", "-1", "many", "nan", "inf", "", "1e-999999999"])
def test_a_share_that_is_none_is_wrong_usage(version: Path, least: str) -> None:
    """With the number named."""
    result = run("test", version, "--coverage", "--fail-under", least)

    assert result.exit_code == 2
    assert "no number from 0 to 100" in result.output


@pytest.mark.parametrize("option", ["--html", "--fail-under"])
def test_what_tells_of_the_coverage_needs_it(version: Path, option: str) -> None:
    """Nobody believes to have been told something that was never looked at."""
    result = run("test", version, option, "50")

    assert result.exit_code == 2
    assert "--coverage" in result.output


class Page(HTMLParser):
    """A page as a browser reads it: its elements, its texts; every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.marks: list[tuple[str, str, str]] = []
        """Class, text and tooltip of each atom."""
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.elements.append((tag, given))
        if tag not in ("meta", "br", "wbr", "input"):
            self.open.append(tag)
        if "atom" in (given.get("class") or "").split():
            self.marks.append((str(given["class"]), "", given.get("title") or ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.marks and self.open and self.open[-1] == "span" and not self.marks[-1][1]:
            state, _, title = self.marks[-1]
            self.marks[-1] = (state, data, title)


def page(version: Path, target: Path) -> Page:
    result = run("test", version, "--coverage", "--html", target)
    assert result.exit_code == 0, result.output
    file = target if target.suffix == ".html" else target / "index.html"
    return Page(file.read_bytes().decode("utf-8"))


def test_the_page_colours_each_condition(version: Path, tmp_path: Path) -> None:
    """Green was both, yellow one of them, red neither; the tooltip says which lacks and which case showed the other."""
    (version / "interception.yaml").write_text(
        "family: interception\nrules:\n"
        '  - {id: none, when: message.line == "x" && channel.opted_out, then: {exclude: {reason: OPTED_OUT}}}\n',
        encoding="utf-8",
    )
    found = page(version, tmp_path / "out").marks
    marks = {text: (state, title) for state, text, title in found}
    category = [(state, title) for state, text, title in found if text == 'message.category == "TRANSACTION"']

    assert marks["has(message.params.amount)"][0] == "atom full"
    assert category[0][0] == "atom full idle"
    assert category[0][1].endswith("; it never decided so")
    assert marks["message.params.amount < large"][0] == "atom part"
    assert marks["message.params.amount < large"][1].splitlines()[1] == "false: never"
    assert "small (" in marks["message.params.amount < large"][1]
    assert marks["channel.opted_out"] == ("atom none", "true: never\nfalse: never")


def test_the_page_marks_rules_and_rows_and_lists_their_cases(version: Path, tmp_path: Path) -> None:
    """A row stands in its table, with its cells."""
    read = page(version, tmp_path / "a" / "b" / "cover.html")
    rows = [given for tag, given in read.elements if tag == "tr" and "row" in (given.get("class") or "").split()]

    assert (tmp_path / "a" / "b" / "cover.html").exists()
    assert len(rows) == 2
    assert "decided in 1 case" in read.text
    assert "never decided" in read.text
    assert "cards, loans" in read.text
    assert re.search(r"small \(\S*routing\.yaml:2\)", read.text)


def test_the_page_needs_nothing_else_and_escapes_everything(version: Path, tmp_path: Path) -> None:
    """No script, nothing loaded; what an author wrote is text, whatever it looks like."""
    evil = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>\" '&amp; 中文"
    write_cases(version, CASES.replace("name: small", f"name: {json.dumps(evil)}"))
    routing = ROUTING.replace("id: small-change\n", f"id: small-change\n    doc: {json.dumps(evil)}\n")
    (version / "routing.yaml").write_text(routing, encoding="utf-8")
    read = page(version, tmp_path / "out")
    tags = {tag for tag, _ in read.elements}
    names = {name for _, given in read.elements for name in given}

    assert evil in read.text
    assert any(evil in title for _, _, title in read.marks)
    assert not tags & {"script", "img", "link", "iframe", "object"}
    assert not [name for name in names if name.startswith("on") or name == "src"]
    assert all((given.get("href") or "#").startswith("#") for _, given in read.elements)
    assert "prefers-color-scheme: dark" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_the_page_tells_without_colours_and_without_a_mouse(version: Path, tmp_path: Path) -> None:
    """What lacks stands in words with its rule, and in a list whose links lead there; which case shows what can be
    opened."""
    read = page(version, tmp_path / "out")
    ids = {given["id"] for _, given in read.elements if "id" in given}
    links = {unquote(given["href"] or "")[1:] for tag, given in read.elements if tag == "a"}
    lines = [line for line in read.text.splitlines() if "which cases" in line]

    assert links == {"v1/routing.yaml", "v1/small-change", "v1/changes-1", "v1/changes-2"}
    assert links <= ids
    assert "message.params.amount < large: never false" in read.text
    assert any("conditiontrue infalse inmessage.category" in line for line in lines)
    assert "rows 1 of 2 · conditions 5 of 6 · MC/DC 2 of 3" in read.text


def test_the_page_can_leave_out_what_lacks_nothing(version: Path, tmp_path: Path) -> None:
    """A box to tick, without a script; where nothing lacks there is none."""
    some = page(version, tmp_path / "some")
    write_cases(version, ALL)
    none = page(version, tmp_path / "none")
    whole = [given["id"] for _, given in some.elements if "whole" in (given.get("class") or "").split()]

    assert "input" in {tag for tag, _ in some.elements}
    assert whole == ["v1/default"]
    assert "input" not in {tag for tag, _ in none.elements}


def test_the_page_is_one_that_a_reader_aloud_can_follow(version: Path, tmp_path: Path) -> None:
    """Headings one below the other, a language, one main part, and cells of headings that say of what they are."""
    read = page(version, tmp_path / "out")
    levels = [int(tag[1]) for tag, _ in read.elements if re.fullmatch("h[1-6]", tag)]
    given = read.elements

    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert ("html", {"lang": "en"}) in given
    assert sum(tag == "main" for tag, _ in given) == 1
    assert all(attributes.get("scope") for tag, attributes in given if tag == "th")


def test_an_effect_of_several_lines_keeps_them(version: Path, tmp_path: Path) -> None:
    """A supplement is shown as it is written, not run together."""
    steps = "    then:\n      supplement:\n        - {channel: push, wait: 60s}\n        - sms\n      priority: P1\n"
    (version / "routing.yaml").write_text(f"family: routing\nrules:\n  - id: all\n{steps}", encoding="utf-8")
    write_cases(version, "- {name: all, expect: {verdict: SEND}}")

    shown = "then:\n  supplement:\n    - {channel: push, wait: 60s}\n    - sms\n  priority: P1"
    assert shown in page(version, tmp_path / "out").text


def test_a_page_that_cannot_be_written_is_told_before_anything_runs(version: Path, tmp_path: Path) -> None:
    """A folder that is a file is wrong usage."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    result = run("test", version, "--coverage", "--html", tmp_path / "file" / "x.html")

    assert result.exit_code == 2
    assert "--html" in result.output
    assert "passed" not in result.output


def test_nothing_an_author_writes_commands_the_terminal(version: Path) -> None:
    """An escape sequence in a condition's text is shown as a replacement sign."""
    routing = ROUTING.replace('message.category == "TRANSACTION" && has', '"message.line == \\"\\e[31m\\" && has')
    routing = routing.replace("message.params.amount < large", 'message.params.amount < large"', 1)
    (version / "routing.yaml").write_text(routing, encoding="utf-8")
    shown = run("test", version, "--coverage").output

    assert 'message.line == "\N{REPLACEMENT CHARACTER}[31m" was never true' in shown
    assert "\x1b[31m" not in shown


def test_rules_with_errors_have_no_coverage(version: Path) -> None:
    """They fail as ever, and the object has its keys."""
    (version / "routing.yaml").write_text("family: routing\nrules: 7\n", encoding="utf-8")
    result = run("test", version, "--coverage", "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["conditions"] == {"covered": 0, "total": 0}
