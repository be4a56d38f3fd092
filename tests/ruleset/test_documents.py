"""YAML becomes a tree with places; nothing that is written makes it crash, hang or guess."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.ruleset.documents import Mapping, Node, Scalar, Sequence, plain_value, read_yaml
from engine.ruleset.issues import Issues, render
from engine.ruleset.source import Source


def read(text: str) -> tuple[Node | None, list[str]]:
    """The tree and the codes of what was found."""
    issues = Issues()
    node = read_yaml(Source("a.yaml", text), issues)
    return node, [issue.code for issue in issues.sorted()]


def scalar(text: str) -> Scalar:
    """The one value of a document `a: value`."""
    node, codes = read(text)
    assert isinstance(node, Mapping), codes
    value = node.entries[0][1]
    assert isinstance(value, Scalar)
    return value


@pytest.mark.parametrize(
    "text",
    [
        "a: plain words here",
        "a: plain\n  over\n\n  lines",
        "a: 'it''s   here'",
        "a: 'over\n   lines\n\n   here'",
        'a: "tab\\t, \\x41\\u00e9\\U0001F600 and \\"quotes\\""',
        'a: "joined \\\n   lines  \n  folded"',
        "a: |\n  first\n   second\n\n  third\n",
        "a: |-\n  é😀\n  漢字\n",
        "a: |+\n  kept\n\n",
        "a: |2\n    indented by the indicator\n  less\n",
        "a: >-\n  message.scene == 1\n  && true\n",
        "a: >\n  one\n  two\n\n  three\n    more\n    more\n  back\n",
        "a:\n  >-  # comment\n  x\n  y",
        "\ufeffa: behind a byte order mark",
        "a: one\r\n  two\r\n",
        "a: ''",
    ],
)
def test_every_character_of_a_value_knows_its_place(text: str) -> None:
    """In every style a character of the value points at itself in the file, or at what stands for it."""
    value = scalar(text)

    assert value._offsets is not None
    for index, character in enumerate(value.text):
        found = text[value.position(index).start]
        assert found == character or (character in " \n" and found in "\n\r") or found in "\\'", (
            index,
            character,
            found,
        )


def test_a_place_of_several_characters_is_one_span() -> None:
    """place() covers the characters from the first to the last, and the end has a place too."""
    text = 'a: "x\\ty == z"'
    value = scalar(text)

    assert text[value.place(2, 3).start : value.place(2, 3).end] == "y"
    assert text[value.place(4, 6).start : value.place(4, 6).end] == "=="
    assert value.position(len(value.text)).start == text.rindex('"')


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("empty-file", ""),
        ("empty-file", "# nothing\n"),
        ("yaml-syntax", "a: [1"),
        ("yaml-syntax", "a: b: c"),
        ("yaml-syntax", '"abc'),
        ("yaml-syntax", "a:\n\t- b"),
        ("yaml-tag", "a: !has(x)"),
        ("yaml-tag", "a: !!python/object:os.system x"),
        ("yaml-anchor", "a: &x [1]\nb: *x"),
        ("yaml-alias", "b: *x"),
        ("yaml-documents", "a: 1\n---\nb: 2"),
        ("yaml-key", "[a]: b"),
        ("duplicate-key", "a: 1\nb: 2\na: 3"),
        ("too-deep", "[" * 100),
        ("too-deep", "\n".join("  " * i + "a:" for i in range(60))),
        ("control-character", "a: \x00"),
        ("control-character", "a: \ud800"),
        ("too-large", "a" * 2_000_000),
    ],
)
def test_what_is_no_plain_data_is_refused_with_a_code(code: str, text: str) -> None:
    """Bombs, tags, duplicates, broken text: one issue with a place, never an exception."""
    assert read(text)[1] == [code]


@given(st.text(alphabet=st.characters(), max_size=200) | st.text(alphabet=" \n\t-:[]{}'\"|>&*!#%@?,ab\\", max_size=60))
@settings(max_examples=300)
def test_no_text_crashes_the_reader(text: str) -> None:
    """Any text gives a tree or at least one issue that can be shown, and every value has a place."""
    issues = Issues()
    node = read_yaml(Source("a.yaml", text), issues)

    assert node is not None or issues.has_errors
    assert render(issues.sorted(), color=True) or not len(issues)
    todo = [node] if node is not None else []
    while todo:
        found = todo.pop()
        if isinstance(found, Scalar):
            assert 0 <= found.position(0).start <= len(text)
        elif isinstance(found, Sequence):
            todo += found.items
        else:
            todo += [part for entry in found.entries for part in entry]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 500_000,
        "{" * 500_000,
        "a: " * 100_000,
        "- " * 300_000,
        "'" * 999_999,
        "? " * 300_000,
        "a: |\n" + " \n" * 400_000,
    ],
    ids=lambda text: repr(text[:5]),
)
def test_a_hostile_text_is_answered_soon(text: str) -> None:
    """A megabyte made to be slow takes a few seconds of a processor at the very most."""
    begun = process_time()
    read(text)

    assert process_time() - begun < 5


@pytest.mark.parametrize(
    ("expected", "text"),
    [(None, "~"), (None, ""), (True, "true"), ("yes", "yes"), ("no", "no"), (12, "12"), (-1.5, "-1.5"), (1000.0, "1e3"),
     ("12:30", "12:30"), ("1e999", "1e999"), ("0x1F", "0x1F"), ("1_000", "1_000"), (".", ".")],
)  # fmt: skip
def test_a_plain_word_says_what_it_looks_like(expected: object, text: str) -> None:
    """No Norway, no sexagesimals, no infinity: YAML 1.2's core and nothing else."""
    assert plain_value(text) == expected
    assert type(plain_value(text)) is type(expected)


def test_a_quoted_number_stays_text() -> None:
    """The style tells what was meant."""
    assert scalar('a: "20"').value() == "20"
    assert scalar("a: 20").value() == 20
