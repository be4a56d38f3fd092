"""Tiny versions and cases for the tests of mutation: a test writes the rules it is about."""

from __future__ import annotations

import textwrap

from engine.analysis.mutation.mutant import Mutant
from engine.analysis.mutation.mutants import mutants_of
from engine.analysis.mutation.score import Score, score
from engine.analysis.mutation.survivors import Survivor
from engine.decision.case_reading import Case
from engine.decision.cases import sound_cases
from engine.ruleset.check import check
from engine.ruleset.compile import RuleSet, compile_parsed
from engine.ruleset.issues import Issues, render
from engine.ruleset.parse import parse_version
from engine.ruleset.rules import Parsed

FACTS = """
channels:
  push: {receipts: true}
  sms: {receipts: true}
  mail: {receipts: false}
facts:
  message.params.amount: {type: double}
  message.params.count: {type: int}
  message.params.kind: {type: string, values: [red, green, blue]}
define: {large: 200.0, scenes: [security, fraud]}
"""
DEFAULT = "- {id: default, then: {distribute: {to: push}}}"


def version(**families: str) -> Parsed:
    """A version of these rules, which has no errors."""
    families.setdefault("routing", DEFAULT)
    files = {"facts.yaml": FACTS}
    for family in ("interception", "fatigue", "budget", "routing", "breaker"):
        rules = textwrap.dedent(families.get(family, "")).strip()
        body = "\n" + textwrap.indent(rules, "  ") if rules else " []"
        files[f"{family}.yaml"] = f"family: {family}\nrules:{body}\n"
    parsed = check(parse_version("v", {name: text.encode() for name, text in files.items()}))
    assert not parsed.has_errors, render(parsed.issues, color=False)
    return parsed


def compiled(parsed: Parsed) -> RuleSet:
    """The same, compiled."""
    ruleset = compile_parsed(parsed).ruleset
    assert ruleset is not None
    return ruleset


def cases_of(parsed: Parsed, text: str) -> list[Case]:
    """The cases in a text; all of them can be run."""
    issues = Issues()
    found = list(sound_cases(compiled(parsed), {"cases.yaml": textwrap.dedent(text).encode()}, issues))
    assert not issues.sorted(), issues.sorted()
    return found


def scored(parsed: Parsed, text: str, only: str | None = None) -> Score:
    """What these cases notice."""
    return score(compiled(parsed), parsed, cases_of(parsed, text), only)


def changes(parsed: Parsed, rule: str, *kinds: str) -> list[str]:
    """The mutants of a rule as `before -> after`, all or those of some kinds."""
    return [change(mutant) for mutant in mutants_of(parsed, rule) if not kinds or mutant.kind in kinds]


def change(mutant: Mutant) -> str:
    """What a mutant changes, without its place."""
    return mutant.text.partition(f"{mutant.rule.id}: ")[2]


def surviving(score: Score) -> list[str]:
    """What the survivors change."""
    return [change(one.mutant) for one in score.survivors]


def case_from(survivor: Survivor, number: int) -> Case:
    """The case that is told to notice a survivor."""
    assert survivor.given is not None
    assert survivor.expect is not None
    place = survivor.mutant.place
    return Case(f"told {number}", "told.yaml", number, place, survivor.given, survivor.expect)
