"""Names that a version declares and nothing in it uses: mostly what is left of a rule that went, or a misspelt one."""

from __future__ import annotations

from typing import Final

from engine.ruleset.effects import Route
from engine.ruleset.expressions import walk
from engine.ruleset.facts_schema import FactsSchema
from engine.ruleset.issues import Issues
from engine.ruleset.rules import Parsed
from engine.ruleset.scalars import shorten
from engine.ruleset.source import Source
from engine.ruleset.syntax import Fact

_REMOVE: Final = "remove it, or use it"


def warn_of_unused(parsed: Parsed, schema: FactsSchema, issues: Issues) -> None:
    """Warn of constants, lists, facts, budgets and channels that no rule uses."""
    read = {node.path for rule in parsed.rules if rule.when for node in walk(rule.when) if type(node) is Fact}
    for constant in parsed.constants:
        if not constant.used:
            issues.warning("unused-define", constant.place, f'no condition uses "{shorten(constant.name)}"', _REMOVE)
    for name in parsed.lists:
        if f"content.hits.{name}" not in read:
            text, hint = f"no condition reads content.hits.{name}", "add a rule that reads it, or remove the list"
            issues.warning("unused-list", Source(f"lists/{name}.txt", "").whole, text, hint)
    _unused_facts(parsed, schema, read, issues)
    _unused_budgets(parsed, schema, read, issues)
    _unused_channels(parsed, schema, issues)


def _unused_facts(parsed: Parsed, schema: FactsSchema, read: set[str], issues: Issues) -> None:
    """A fact that is required, or has a closed set of values, holds callers to something though no rule reads it."""
    for fact in (*schema.params, *schema.attributes):
        place = parsed.declared.get(("facts", fact.path))
        if place is None or not fact.optional or fact.values is not None:
            continue
        if not any(path == fact.path or path.startswith(fact.path + ".") for path in read):
            hint = "remove it, or add the rule that reads it; what facts.yaml does not name is passed through"
            issues.warning("unused-fact", place, f'no condition reads "{shorten(fact.path)}"', hint)


def _unused_budgets(parsed: Parsed, schema: FactsSchema, read: set[str], issues: Issues) -> None:
    for budget in schema.budgets:
        place = parsed.declared.get(("budgets", budget.name))
        if place is not None and f"budget.{budget.name}.left" not in read:
            text = f"no condition reads budget.{budget.name}.left"
            hint = "remove it: charging an account needs no entry under budgets:, only reading what is left does"
            issues.warning("unused-budget", place, text, hint)


def _unused_channels(parsed: Parsed, schema: FactsSchema, issues: Issues) -> None:
    routes = [rule.effect for rule in parsed.rules if isinstance(rule.effect, Route)]
    routed = {choice.channel for route in routes for choice in route.choices}
    for channel in schema.channels:
        place = parsed.declared.get(("channels", channel.name))
        if place is not None and channel.name not in routed:
            text = f'no routing rule sends by "{channel.name}"'
            issues.warning("unused-channel", place, text, "remove it, or add it to a route")
