"""Mutants of rules that are put together: rows of tables, named conditions, overrides; told where an author wrote."""

from __future__ import annotations

import textwrap

import pytest

from engine.analysis.mutation.mutants import mutants_of
from engine.analysis.mutation.score import score
from engine.ruleset.check import check
from engine.ruleset.issues import render
from engine.ruleset.parse import parse_version
from engine.ruleset.rules import Parsed
from tests.analysis.mutation_versions import case_from, change, compiled, surviving

FACTS = """
channels: {push: {receipts: true}, sms: {receipts: true}, mail: {receipts: false}}
facts: {message.params.amount: {type: double}}
define:
  is_known: {when: user.known && content.length < 100}
"""
ROUTING = """
family: routing
rules:
  - id: change
    when: message.category == "TRANSACTION"
    then: {distribute: {otherwise: [push]}}
    table:
      columns: [message.params.amount, message.line, then.distribute.to]
      rows:
        - ["[200..)", -, sms]
        - ["[50..200)", "cards, loans", mail]
  - id: known
    when: is_known && content.has_url
    then: {distribute: {to: sms}}
  - id: rest
    then: {distribute: {to: push}}
"""
FATIGUE = """
family: fatigue
rules:
  - id: daily
    when: channel.name == "sms"
    then: {limit: {name: daily, per: [user], max: 3, window: day}}
"""
OVERRIDE = """
for: {line: cards}
routing:
  - id: cards-first
    when: content.length > 5
    then: {distribute: {to: mail}}
  - id: cards-known
    replaces: known
    then: {distribute: {to: push}}
"""


@pytest.fixture(scope="module")
def parsed() -> Parsed:
    """A version with a decision table, a named condition and an override."""
    texts = {"facts.yaml": FACTS, "routing.yaml": ROUTING, "fatigue.yaml": FATIGUE, "overrides/cards.yaml": OVERRIDE}
    texts |= {f"{family}.yaml": f"family: {family}\nrules: []" for family in ("interception", "budget", "breaker")}
    found = check(parse_version("v", {name: textwrap.dedent(text).encode() for name, text in texts.items()}))
    assert not found.has_errors, render(found.issues, color=False)
    return found


def test_a_row_is_a_rule_and_its_cells_are_what_is_changed(parsed: Parsed) -> None:
    """Bounds of a range, words of a list, the channel of the row, the row itself and its place among the others."""
    texts = [mutant.text for mutant in mutants_of(parsed, "change-2")]

    assert any(text.startswith("routing.yaml:11:") and "message.params.amount >= 50.0 ->" in text for text in texts)
    assert any('message.line in ["cards", "loans"] -> message.line in ["loans"]' in text for text in texts)
    assert any(text.endswith("channel mail -> (left out)") for text in texts)
    assert any(text.endswith("change-2: the rule -> (left out)") for text in texts)
    assert "stands before change-2 -> stands behind change-2" in [change(one) for one in mutants_of(parsed, "change-1")]


def test_a_named_condition_is_changed_where_it_is_used_and_told_where_it_is_defined(parsed: Parsed) -> None:
    """The place is in the definition; the mutant is that of one rule."""
    (mutant,) = [one for one in mutants_of(parsed, "known") if one.kind == "boundary"]

    assert mutant.text == "facts.yaml:5:34 known: content.length < 100 -> content.length <= 100"


def test_what_an_override_puts_before_a_rule_is_not_changed(parsed: Parsed) -> None:
    """The guards are made by the engine: no mutant of any rule changes for which line it is."""
    everything = [mutant for rule in ("cards-first", "cards-known", "known") for mutant in mutants_of(parsed, rule)]

    assert everything
    assert [mutant.text for mutant in everything if "message.line" in mutant.before + mutant.after] == []
    assert "content.length > 5 -> content.length >= 5" in [change(one) for one in mutants_of(parsed, "cards-first")]


def test_a_message_is_told_for_all_of_them(parsed: Parsed) -> None:
    """Rows, overrides and limits asked of channels: what is told notices each, or it is proved that nothing can."""
    found = score(compiled(parsed), parsed, [])
    told = [case_from(one, number) for number, one in enumerate(found.survivors) if one.given is not None]

    better = score(compiled(parsed), parsed, told)

    assert [change(one.mutant) for one in found.survivors if one.given is None] == []
    assert surviving(better) == []
