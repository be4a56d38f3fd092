"""`signalbox rules eval`: one expression of the language to its value or its error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cli.problems import PROBLEMS, CannotStart
from cli.rules.eval_facts import Rules, facts_of_file, rules_of
from cli.rules.versions import PathType
from engine.ruleset.evaluation import Outcome, evaluate
from engine.ruleset.grammar import MAX_LENGTH, MAX_WRITTEN_OUT


@click.command(
    "eval",
    context_settings={"ignore_unknown_options": True},  # an expression may begin with a minus
    epilog="""\b
Examples:
  signalbox rules eval '7 / 2 == 3'
  signalbox rules eval 'user.tags.exists(t, t.startsWith("vip"))' --facts facts.json
  signalbox rules eval 'message.params.amount >= large_change' --facts facts.yaml --rules rules/2026.12.0
  echo '{"expr": "size(x)", "facts": {"x": "four"}}' | signalbox rules eval --jsonl

\b
Exit codes: 0 a value (with --jsonl: always), 1 an error or nothing of the language, 2 could not begin.""",
)
@click.argument("expression", required=False, metavar="[EXPR]")
@click.option("--facts", "file", type=PathType, help="A JSON or YAML file of facts. Default: no facts.")
@click.option(
    "--rules", "folder", type=PathType, help="A version: the names it defines, and the types of the facts it declares."
)
@click.option("--jsonl", is_flag=True, help='Read {"expr": …, "facts": {…}} from standard input, one a line.')
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as a JSON object.")
def eval_(expression: str | None, file: Path | None, folder: Path | None, jsonl: bool, as_json: bool) -> None:
    """Evaluate an expression as a condition would.

    EXPR may have a value of any type. Facts have the types of their JSON values and need no declaration. What may be
    written, how facts and values are written down, and what is no part of the language, docs/rules.md tells under
    "Outside the language".
    """
    if jsonl == (expression is not None):
        raise CannotStart("give either EXPR or --jsonl", "signalbox rules eval '1 + 1 == 2'")
    if jsonl and file is not None:
        raise CannotStart("with --jsonl every line brings its own facts, so --facts has no place")
    rules = Rules() if folder is None else rules_of(folder)
    if jsonl:
        for outcome in _outcomes(rules):
            click.echo(json.dumps(asdict(outcome)))  # ASCII: whatever was read can be written
        return
    facts = {} if file is None else facts_of_file(file)
    outcome = _evaluated(expression or "", facts, rules)
    click.echo(
        json.dumps(asdict(outcome)) if as_json else _as_text(outcome), err=outcome.outcome != "value" and not as_json
    )
    if outcome.outcome != "value" and not as_json and file is None and str(outcome.message).endswith(" is absent"):
        click.echo("  hint: facts come from a file: --facts facts.yaml", err=True)
    if outcome.outcome != "value":
        click.get_current_context().exit(PROBLEMS)


def _evaluated(expression: str, facts: Mapping[str, Any], rules: Rules) -> Outcome:
    try:
        text = rules.defined.written_out(expression)
        most = MAX_LENGTH if text == expression else MAX_WRITTEN_OUT
        return evaluate(text, rules.typed(facts), rules.defined.constants, most)
    except ValueError as problem:
        return Outcome("error", message=str(problem))
    except RecursionError:
        return Outcome("error", message="the facts nest too deep")


def _outcomes(rules: Rules) -> Iterator[Outcome]:
    """One outcome for every line of standard input, in order."""
    for line in sys.stdin.buffer:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            yield Outcome("error", message="the line is no JSON")
            continue
        yield _answered(request, rules)


def _answered(request: Any, rules: Rules) -> Outcome:
    if not isinstance(request, dict) or not isinstance(request.get("expr"), str):
        return Outcome("error", message='the line is no object with an "expr" that is a text')
    facts = request.get("facts")
    if not isinstance(facts, dict | None):
        return Outcome("error", message='"facts" is no object')
    return _evaluated(request["expr"], facts or {}, rules)


def _as_text(outcome: Outcome) -> str:
    if outcome.outcome != "value":
        return f"{outcome.outcome}: {outcome.message}"
    return f"{outcome.type} {json.dumps(outcome.value, ensure_ascii=False)}"
