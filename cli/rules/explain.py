"""`signalbox rules explain`: why a message is decided as it is, and what would have to be otherwise."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from cli.console import wide_console
from cli.evaluation.explain import (
    MOST_NEAR,
    headline,
    show_candidates,
    show_counterfactual,
    show_facts,
    show_rules,
)
from cli.problems import PROBLEMS, CannotStart
from cli.rules.explain_input import Asked, case_of, question_of, read_question
from cli.rules.explain_question import Question
from cli.rules.versions import PathType, tests_of, versions_of
from cli.wire_json import plain
from engine.analysis.counterfactual import BUDGET, counterfactual
from engine.analysis.explanation import Explainer
from engine.analysis.situation import given_of
from engine.analysis.trials import Trials
from engine.decision.trace import explain as explain_decision
from engine.flow.loading import read_rule_tests
from engine.ruleset.compile import RuleSet
from engine.ruleset.effects import FAMILIES
from engine.ruleset.issues import Severity, did_you_mean, render
from engine.service.translate_decision import write_decision, write_trace
from engine.service.translate_explanation import write_counterfactual, write_explanation
from signalbox.v1 import decision_pb2

_JUDGED = tuple(family for family in FAMILIES if family != "breaker")


@dataclass(frozen=True)
class Options:
    """What the command was asked to show."""

    family: str | None
    rule: str | None
    every: bool
    as_json: bool
    budget: int


@dataclass(frozen=True)
class Answer:
    """A decision with all that explains it."""

    question: Question
    decision: decision_pb2.Decision
    trace: decision_pb2.Trace


@click.command(
    epilog="""\b
Examples:
  signalbox rules explain message.yaml
  signalbox rules explain message.json rules/2026.12.0 --all
  signalbox trace p07-0123456789abcdef0123456789abcdef --json | signalbox rules explain -
  signalbox rules explain --case "a change of exactly 200" --rule large-change-by-sms

\b
Exit codes: 0 explained, 1 the rules have errors, 2 could not begin."""
)
@click.argument("places", type=PathType, nargs=-1, metavar="[MESSAGE] [DIR]")
@click.option("--case", metavar="NAME", help="Explain this rule test, of MESSAGE or else of the version's own.")
@click.option("--step", type=click.IntRange(1), help="Of a case with steps, explain this one.  [default: the last]")
@click.option("--family", type=click.Choice(_JUDGED), help="Show the rules of this family only.")
@click.option("--rule", metavar="ID", help="Show this rule only.")
@click.option(
    "--all", "every", is_flag=True, help="Show every rule, and every one fact that would change the decision."
)
@click.option(
    "--budget", type=click.IntRange(1, 1_000_000), default=BUDGET, show_default=True,
    help="Judge at most so many situations in search of a change.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
def explain(places: tuple[Path, ...], case: str | None, step: int | None, **shown: Any) -> None:
    """Explain why a message is decided as it is, and what would have to be otherwise.

    MESSAGE is a YAML or JSON file (- is standard input): a rule-test case or its `given:`, a message or an
    EvaluateRequest of the contract, or what `signalbox trace --json` prints. DIR is one version's folder; without it
    the version that rollout.yaml names is asked.
    """
    options = Options(**shown)
    place, folder = _places(places, case)
    ruleset = _ruleset(folder)
    if options.rule is not None:
        _check_rule(options.rule, ruleset)
    if place is not None:
        question = read_question(place, Asked(case, step), ruleset)
    else:
        assert case is not None  # without either there is nothing to explain
        question = _tested(case, step, folder, ruleset)
    answer = _answer(question, ruleset, options)
    if options.as_json:
        click.echo(json.dumps(_as_json(answer, ruleset), ensure_ascii=False, indent=2))
    else:
        _show(wide_console(), answer, options)


def _places(places: tuple[Path, ...], case: str | None) -> tuple[Path | None, Path | None]:
    """Tell the message's file from the version's folder."""
    if len(places) > 2:
        raise click.UsageError("there is one MESSAGE and one DIR")
    if len(places) == 2:
        return places
    if case is not None and (not places or places[0].is_dir()):
        return None, places[0] if places else None
    if not places:
        raise click.UsageError("say which message: a file, - for standard input, or --case NAME")
    if places[0].is_dir():
        raise CannotStart(f"{places[0]} is a folder", "name the file of the message first, or a rule test by --case")
    return places[0], None


def _ruleset(folder: Path | None) -> RuleSet:
    """Return the rule set of the version; one with errors ends the command."""
    versions, issues = versions_of(folder)
    issues = (*issues, *(issue for version in versions for issue in version.issues))
    for version in versions:
        if version.compiled is not None and version.compiled.ruleset is not None and not version.errors:
            return version.compiled.ruleset
    click.echo(render([one for one in issues if one.severity is Severity.ERROR], False), err=True)
    click.get_current_context().exit(PROBLEMS)


def _check_rule(rule: str, ruleset: RuleSet) -> None:
    ids = [one.id for one in ruleset.rules]
    if rule not in ids:
        raise CannotStart(f'{ruleset.version} has no rule "{rule}"', did_you_mean(rule, ids) or "")
    if next(one.family for one in ruleset.rules if one.id == rule) == "breaker":
        raise CannotStart(f"{rule} judges windows of measurements, not messages", "only other families are explained")


def _tested(case: str, step: int | None, folder: Path | None, ruleset: RuleSet) -> Question:
    """Return the situation of one of the version's own rule tests."""
    if folder is None:
        (version,) = versions_of(None)[0]
        folder = version.folder
    tests = tests_of(folder)
    files, _ = read_rule_tests(tests)
    return question_of(case_of(files, case, str(tests)), step, ruleset)


def _answer(question: Question, ruleset: RuleSet, options: Options) -> Answer:
    """Judge the situation and explain it. Raises CannotStart when the rules cannot read the message."""
    trials, situation = Trials(ruleset), question.situation
    judged = trials.judged(situation)
    if judged.error is not None:
        raise CannotStart(f"the rules of {ruleset.version} cannot read the message: {judged.error}")
    trace = explain_decision(judged, ruleset)
    wire = write_trace(trace, ruleset)
    told = write_explanation(Explainer(ruleset).explain(judged, trace, situation.breakers), most=None)
    wire.explanation.CopyFrom(_picked(told, options))
    found = counterfactual(situation, trials, options.budget)
    assert found is not None  # the situation can be judged
    wire.counterfactual.CopyFrom(write_counterfactual(found))
    return Answer(question, write_decision(judged.decision), wire)


def _picked(told: decision_pb2.Explanation, options: Options) -> decision_pb2.Explanation:
    rules = [
        rule for rule in told.rules if options.family in (None, rule.family) and options.rule in (None, rule.rule_id)
    ]
    del told.rules[:]
    told.rules.extend(rules)
    return told


def _as_json(answer: Answer, ruleset: RuleSet) -> dict[str, Any]:
    return {
        "version": ruleset.version,
        "given": given_of(answer.question.situation, ruleset),
        "assumed": list(answer.question.assumed),
        "decision": plain(answer.decision, empties=True),
        "trace": plain(answer.trace, empties=True),
    }


def _show(console: Console, answer: Answer, options: Options) -> None:
    trace, zone = answer.trace, answer.question.situation.user.zone
    console.print(headline(answer.decision, zone), highlight=False)
    if answer.question.assumed:
        console.print(f"[dim]assumed: {escape('; '.join(answer.question.assumed))}[/]", highlight=False)
    narrowed = options.rule is not None or options.family is not None
    if not narrowed and trace.candidates:
        show_candidates(console, trace)
    show_rules(console, trace.explanation, None if options.every or options.rule else MOST_NEAR)
    if not narrowed:
        for line in _notes(trace.explanation):
            console.print(f"  [dim]{escape(line)}[/]", highlight=False, soft_wrap=True)
        show_facts(console, trace)
    show_counterfactual(console, trace.counterfactual, zone, options.every)


def _notes(told: decision_pb2.Explanation) -> list[str]:
    whose = {
        told.CHANNELS_ROUTE: "the channels of the route, though the message was held or dropped before",
        told.CHANNELS_DECLARED: "all declared channels, since no routing rule matched",
    }
    notes = []
    if told.asked in whose:
        notes.append(f"rules about channel.* are explained for {whose[told.asked]}: {', '.join(told.channels)}")
    if told.breaker_rules:
        notes.append(f"{told.breaker_rules} breaker rules are not shown: they judge windows, not messages")
    return notes
