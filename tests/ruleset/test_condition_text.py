"""Where the parts of a condition that was put together stand."""

from __future__ import annotations

from engine.ruleset.condition_text import ConditionText
from engine.ruleset.documents import Mapping, Scalar, read_yaml
from engine.ruleset.issues import Issues
from engine.ruleset.source import Source, Span


def scalars(text: str) -> dict[str, Scalar]:
    """The values of a small YAML mapping."""
    tree = read_yaml(Source("rules.yaml", text), Issues())
    assert isinstance(tree, Mapping)
    return {key.text: value for key, value in tree.entries if isinstance(value, Scalar)}


def pointed(span: Span) -> str:
    """What a caret would stand under."""
    return span.source.text[span.start : span.end]


def test_every_part_points_at_its_own_text() -> None:
    """What stands in two places of the file is one condition, and each character still knows its own."""
    nodes = scalars("guard: a == 1\ncell: '[2..3)'\n")
    text = ConditionText.joined(
        ["(", ConditionText.of(nodes["guard"]), ") && ", ConditionText.made("b >= 2 && b < 3", nodes["cell"])]
    )

    assert text.text == "(a == 1) && b >= 2 && b < 3"
    assert pointed(text.place(1, 2)) == "a"
    assert pointed(text.place(6, 7)) == "1"
    assert pointed(text.place(12, 18)) == "'[2..3)'"
    assert (text.place(12, 18).line, text.place(12, 18).column) == (2, 7)


def test_a_name_is_replaced_by_what_it_stands_for() -> None:
    """The rest keeps its places; the inserted text brings its own."""
    nodes = scalars("when: big && b == 1\nbig: a > 5\n")
    when = ConditionText.of(nodes["when"])
    whole = when.replaced([(0, 3, ConditionText.joined(["(", ConditionText.of(nodes["big"]), ")"]))])

    assert whole.text == "(a > 5) && b == 1"
    assert [pointed(whole.place(at, at + 1)) for at in (1, 5, 11, 16)] == ["a", "5", "b", "1"]
    assert whole.place(1, 2).line == 2


def test_glue_points_at_what_follows() -> None:
    """A place in what stands nowhere is that of the next part; behind the end, of the last."""
    nodes = scalars("one: a\ntwo: b\n")
    text = ConditionText.joined([ConditionText.of(nodes["one"]), " && ", ConditionText.of(nodes["two"]), ")"])

    assert pointed(text.place(2, 4)) == ""
    assert text.place(2, 4).line == 2
    assert text.place(6, 7).line == 2
