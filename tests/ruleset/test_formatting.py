"""One layout for rule files: nothing but the layout changes, and no comment is lost."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decision.case_reading import to_plain
from engine.ruleset.documents import Node, read_yaml
from engine.ruleset.formatting import FileKind, Unsafe, formatted, kind_of
from engine.ruleset.formatting_conditions import broken, kept, spaced
from engine.ruleset.issues import Issues, render
from engine.ruleset.parse import parse_version
from engine.ruleset.source import Source
from engine.ruleset.terms import key_of
from tests.ruleset.random_layout import Condition, Scribbler
from tests.ruleset.strategies import Writer, tried
from tests.ruleset.test_errors import version_of

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("rules", "rule_tests", "bench", "examples", "tests/ruleset/errors")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.yaml"))


def tree_of(text: str) -> Node:
    issues = Issues()
    node = read_yaml(Source("x.yaml", text), issues)
    assert node is not None, render(issues.sorted(), color=False) + text
    return node


def laid_out(text: str, kind: FileKind = FileKind.RULES) -> str:
    issues = Issues()
    made = formatted(Source("x.yaml", text), kind, issues)
    assert made is not None, render(issues.sorted(), color=False) + text
    return made


def without_blanks(value: Any) -> Any:
    """Return plain data with the blanks of its conditions taken out."""
    if isinstance(value, dict):
        return {
            key: re.sub(r"\s", "", str(one)) if key == "when" else without_blanks(one) for key, one in value.items()
        }
    return [without_blanks(one) for one in value] if isinstance(value, list) else value


def comments_of(text: str) -> list[str]:
    return sorted(re.findall(r"# \d+ .*", text))


@settings(max_examples=150)
@given(st.integers(0, 2**48))
def test_whatever_the_layout_was_only_the_layout_changes(seed: int) -> None:
    """A file in any layout holds the same afterwards, has its comments, and is not changed a second time."""
    scribbler = Scribbler(Random(seed))
    content = scribbler.rules()
    text = scribbler.file(content)

    made = laid_out(text)

    assert without_blanks(to_plain(tree_of(made))) == without_blanks(to_plain(tree_of(text)))
    assert comments_of(made) == sorted(comment.rstrip() for comment in scribbler.comments)
    assert laid_out(made) == made


@settings(max_examples=100)
@given(st.integers(0, 2**48))
def test_a_spaced_condition_is_the_same_condition(seed: int) -> None:
    """Blanks put right and lines broken change nothing: not the tree, not a bracket, not a name."""
    text = Writer(Random(seed)).condition()
    made = spaced(text)
    assert made is not None
    assert spaced(made) == made
    assert re.sub(r"\s", "", made) == re.sub(r"\s", "", text)
    before, after = tried(text)[0], tried(" ".join(broken(made, 60)))[0]
    assert (before is None) == (after is None)
    if before is not None and after is not None:
        assert key_of(before) == key_of(after)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_of_the_repository_survives(path: Path) -> None:
    """What can be read can be laid out, to the same content; the rest is told and left alone."""
    text = path.read_text(encoding="utf-8", errors="replace")
    kind = kind_of(path.parent.name, path.name, text)
    issues = Issues()
    try:
        made = None if kind is None else formatted(Source(path.name, text), kind, issues)
    except Unsafe:
        assert path.parent.name == "top-is-a-word"
        return
    assert kind is None or (made is None) == issues.has_errors
    if made is not None:
        assert without_blanks(to_plain(tree_of(made))) == without_blanks(to_plain(tree_of(text)))


def test_what_is_shipped_is_in_layout() -> None:
    """The rules shipped are an example of the layout."""
    for path in sorted((ROOT / "rules" / "2026.11.1").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        kind = kind_of(path.parent.name, path.name, text)
        assert kind is not None
        assert laid_out(text, kind) == text


@pytest.mark.parametrize("name", ["_base", "../../../bench/rules60", "always-true", "limit-without-user"])
def test_a_formatted_version_is_the_same_version(name: str) -> None:
    """Rules, their conditions, their effects and the complaints about them are the same afterwards."""
    files = version_of(name)
    after = {}
    for place, content in files.items():
        kind = kind_of("", place, content.decode())
        after[place] = content if kind is None else laid_out(content.decode(), kind).encode()
    one, other = parse_version("v", files), parse_version("v", after)
    assert after != files
    assert [issue.code for issue in one.issues] == [issue.code for issue in other.issues]
    for mine, theirs in zip(one.rules, other.rules, strict=True):
        assert (mine.id, mine.effect, mine.doc, mine.owner) == (theirs.id, theirs.effect, theirs.doc, theirs.owner)
        assert key_of(mine.when) == key_of(theirs.when)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("message.a==1&&!( x||y )", "message.a == 1 && !(x || y)"),
        ("-a - -1 < b*( c+d )", "-a - -1 < b * (c + d)"),
        ("a?b:c ? d : e", "a ? b : c ? d : e"),
        ('x in["a","b"]', 'x in ["a", "b"]'),
        ('size( user.tags )>3 && s . matches( r"a\\"  )', 'size(user.tags) > 3 && s.matches(r"a\\")'),
        ("a\n  && b", "a && b"),
        ('"two  blanks"==x', '"two  blanks" == x'),
        ("!a&&!!b", "!a && !!b"),
        ("a%2==1||1.5e3>.5", "a % 2 == 1 || 1.5e3 > .5"),
    ],
)
def test_blanks_in_conditions(before: str, after: str) -> None:
    """One blank around what stands between two values, none within brackets, none after ! and a sign."""
    assert spaced(before) == after


@pytest.mark.parametrize("text", ["a = 1", "a &&", "(a", "", '"open', "a // why", "“a” == b"])
def test_what_is_no_condition_has_no_layout(text: str) -> None:
    """Something that cannot be read is not touched."""
    assert spaced(text) is None


def test_conditions_break_after_and_and_or() -> None:
    """As few lines as fit; inner operators are broken at where an outer piece is too long; an author's lines stay."""
    assert broken("aa && bb && cc", 8) == ["aa &&", "bb && cc"]
    assert broken("aa && bb || cc && dd", 12) == ["aa && bb ||", "cc && dd"]
    assert broken("aa && (bb || cc || dd)", 12) == ["aa && (bb ||", "cc || dd)"]
    assert broken("a_long_word == 1", 5) == ["a_long_word == 1"]
    assert kept(["a==1&&", "b"], 80) == ["a == 1 &&", "b"]
    assert kept(["a ==", "1"], 80) is None


LAYOUTS = [
    pytest.param("family:   routing\n\n\n\nrules:\n- id:  a\n", "family: routing\n\nrules:\n  - id: a\n", id="blanks"),
    pytest.param(
        "rules:\n- then: {set: {state: PAUSED}}\n  when:  a==1   # why\n  id: x\n",
        "rules:\n  - id: x\n    when: a == 1  # why\n    then: {set: {state: PAUSED}}\n",
        id="order of fields, comment beside keeps its column",
    ),
    pytest.param(
        "rules:\n  # one\n  - # two\n    when: x\n    # three\n    id: a\n    # end of a\n  # end\n",
        "rules:\n  # one\n  # two\n  # three\n  - id: a\n    when: x\n    # end of a\n  # end\n",
        id="comments move with their fields",
    ),
    pytest.param("a: {b: 1,\n  c: [x,y]}\n", "a: {b: 1, c: [x, y]}\n", id="brackets on one line"),
    pytest.param("a: {b: 1, # why\n  c: 2}\n", "a:\n  b: 1  # why\n  c: 2\n", id="no brackets around comments"),
    pytest.param("a: [ # why\n  ]\n", "a: []  # why\n", id="empty brackets"),
    pytest.param("rules:\n  - when:   true\n", "rules:\n  - when: true\n", id="a condition that is a word"),
    pytest.param(
        "a:\n  b:   1\n  ccc: 2\n  # here\n  dd:  3\n",
        "a:\n  b:   1\n  ccc: 2\n  # here\n  dd:  3\n",
        id="lined-up values",
    ),
    pytest.param("a:\n  - [x,     1]\n  - [yyy,   22]\n", "a:\n  - [x,   1]\n  - [yyy, 22]\n", id="lined-up cells"),
    pytest.param("a: |\n      x\n        y\n\n\nb: 1\n", "a: |\n  x\n    y\n\nb: 1\n", id="blocks of text"),
    pytest.param("a: |2\n    x\n   y\n", "a: |2\n    x\n   y\n", id="a block that begins with blanks"),
    pytest.param("a: one\n  two\n", "a: one two\n", id="plain text over lines"),
    pytest.param(
        "a: " + "word " * 30 + "\n",
        "a: >-\n  " + ("word " * 23).strip() + "\n  " + ("word " * 7).strip() + "\n",
        id="long text",
    ),
    pytest.param("define: {x: {when: 'a?b:c'}}\n", "define: {x: {when: 'a ? b : c'}}\n", id="quotes that are needed"),
    pytest.param('rules:\n  - when: "a"\n', 'rules:\n  - when: "a"\n', id="quotes that are not"),
    pytest.param("rules:\n  - when: >-\n      a\n", "rules:\n  - when: a\n", id="a block that is not needed"),
    pytest.param(
        "rules:\n  - when: >-\n      a &&\n      b\n",
        "rules:\n  - when: >-\n      a &&\n      b\n",
        id="an author's lines",
    ),
    pytest.param(
        "rules:\n  - when: >-\n      a\n      && b\n", "rules:\n  - when: a && b\n", id="lines broken elsewhere"
    ),
    pytest.param("\ufeffa: 1\r\nb: 2\r\n", "a: 1\nb: 2\n", id="line ends of Windows"),
    pytest.param("---\na: 1\n", "a: 1\n", id="the sign of a document"),
    pytest.param("a: 'it''s\n  so'\n", "a: 'it''s so'\n", id="quoted text over lines"),
]


@pytest.mark.parametrize(("before", "after"), LAYOUTS)
def test_the_layout(before: str, after: str) -> None:
    """What the one layout is."""
    assert laid_out(before) == after


def test_a_long_condition_is_folded_and_a_long_rule_taken_out_of_its_brackets() -> None:
    """Lines have 120 characters at most where there is a place to break them."""
    words = " && ".join(f"message.params.name_{number} == {number}" for number in range(9))
    made = laid_out(f"rules:\n- {{id: a, when: {words}, then: {{set: {{state: PAUSED}}}}}}\n")
    assert made.startswith("rules:\n  - id: a\n    when: >-\n      message.params.name_0 == 0 &&")
    assert max(map(len, made.splitlines())) <= 120


@pytest.mark.parametrize(
    "text",
    [
        "a: {b: 1\n",
        "a: 1\na: 2\n",
        "a: &x 1\n",
        "a: *x\n",
        "rules:\n  - when: a = b\n",
        "a: !x\n",
        "a: 1\n---\nb: 1\n",
        "",
    ],
)
def test_what_cannot_be_read_is_told_and_left_alone(text: str) -> None:
    """Broken YAML, fields written twice, anchors, and conditions that are none."""
    issues = Issues()
    assert formatted(Source("x.yaml", text), FileKind.RULES, issues) is None
    assert issues.has_errors


@pytest.mark.parametrize("text", ["just words\n", "%YAML 1.2\n---\na: 1\n"])
def test_what_could_not_be_written_with_certainty_is_refused(text: str) -> None:
    """A file that is no list and no fields, a directive."""
    with pytest.raises(Unsafe):
        formatted(Source("x.yaml", text), FileKind.RULES, Issues())


@pytest.mark.parametrize(
    ("folder", "name", "text", "kind"),
    [
        ("2026.11.1", "routing.yaml", "# x\nfamily: routing\n", FileKind.RULES),
        ("2026.11.1", "routing.yaml", "# x\n\n- name: a\n", FileKind.TESTS),
        ("2026.11.1", "anything.yaml", "- name: a\n", FileKind.TESTS),
        ("2026.11.1", "facts.yaml", "channels:\n  - x\n", FileKind.FACTS),
        ("define", "a.yaml", "a: 1\n", FileKind.DEFINITIONS),
        ("overrides", "a.yaml", "for: {}\n", FileKind.OVERRIDE),
        ("rules", "rollout.yaml", "stable: x\n", FileKind.ROLLOUT),
        ("k8s", "deployment.yaml", "kind: x\n", None),
        ("lists", "a.txt", "- x\n", None),
    ],
)
def test_what_a_file_holds(folder: str, name: str, text: str, kind: FileKind | None) -> None:
    """Told by where it is and how it begins; other YAML files are none of ours."""
    assert kind_of(folder, name, text) is kind


def test_conditions_are_told_from_texts() -> None:
    """Only what is read as a condition is spaced: a text called when elsewhere is a text."""
    assert isinstance(Condition("a"), str)
    assert laid_out("x:\n  when: a==1\n") == "x:\n  when: a==1\n"
    assert laid_out("when: a==1\n", FileKind.DEFINITIONS) == "when: a==1\n"
    assert laid_out("x: {when: a==1}\n", FileKind.DEFINITIONS) == "x: {when: a == 1}\n"
    assert laid_out("for: {line: a}\nrouting: [{remove: x}, {when: a==1}]\n", FileKind.OVERRIDE).endswith(
        "{when: a == 1}]\n"
    )
