"""Whether the rules of a version make sense, each by itself and together.

Parsing has already refused what cannot be read; here is refused what can be read and would do harm: a condition that
may fail to have a value or never holds, limits that contradict each other, a rule that is never reached.
"""

from __future__ import annotations

from dataclasses import replace

from engine.ruleset.check_channels import check_channels
from engine.ruleset.check_conditions import check_condition
from engine.ruleset.check_names import warn_of_unused
from engine.ruleset.effects import Charge, Drop, Exclude, Limit, Route
from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.files import FACTS
from engine.ruleset.issues import MAX_ISSUES, Issues
from engine.ruleset.reading import point
from engine.ruleset.rules import Parsed, Rule
from engine.ruleset.scalars import shorten
from engine.ruleset.source import Span
from engine.ruleset.terms import Key, key_of


def check(parsed: Parsed) -> Parsed:
    """Return the version with the issues found here added and every rule's `can_err` told.

    Warnings about what is missing or unused are given only if nothing is wrong, since they may follow from that.
    """
    if parsed.schema is None or len(parsed.issues) > MAX_ISSUES:
        return parsed
    checker = _Checker(parsed, parsed.schema)
    rules = tuple(checker.check_rule(rule) for rule in parsed.rules)
    checker.check_limits()
    checker.check_units()
    checker.check_order()
    if not checker.issues.has_errors:
        warn_of_unused(parsed, parsed.schema, checker.issues)
        checker.warn_of_no_route()
        checker.warn_of_effects()
    return replace(parsed, rules=rules, issues=checker.issues.sorted())


class _Checker:
    """The questions asked of one version; each method answers some of them by issues."""

    def __init__(self, parsed: Parsed, schema: FactsSchema) -> None:
        self.parsed = parsed
        self.schema = schema
        self.issues = Issues()
        self.issues.extend(parsed.issues)

    def place(self, rule: Rule, *path: str | int) -> Span:
        """Return where to point for a part of a rule."""
        placed = self.parsed.places[rule.index]
        return point(placed.rule, path) if path else placed.id

    def check_rule(self, rule: Rule) -> Rule:
        """Check a rule by itself and return it with `can_err` told."""
        check_channels(self.parsed.places[rule.index].rule, self.schema, self.issues)
        asked_of_channels = rule.scope is Scope.CHANNEL
        match rule.effect:
            case Drop() if asked_of_channels:
                text = "a drop ends the whole message, but this condition is asked of each channel"
                hint = "use exclude to take that channel away, or ask channels.sms.… instead of channel.…"
                self.issues.error("drop-with-channel", self.place(rule, "then", "drop"), text, hint)
            case Exclude(channels=()) if not asked_of_channels:
                text = "this does not say which channel is excluded"
                hint = "add channels: [sms], or ask channel.… in the condition; drop ends the whole message"
                self.issues.error("exclude-without-channel", self.place(rule, "then", "exclude"), text, hint)
            case Charge(account=account, channel=None) if "{channel}" in account and not asked_of_channels:
                text = '"{channel}" has no value here, since the rule is not asked of each channel'
                hint = "add channel: sms, or ask channel.… in the condition"
                self.issues.error("unknown-placeholder", self.place(rule, "then", "charge", "account"), text, hint)
        if len(self.issues) > MAX_ISSUES:
            return rule  # enough to mend; analysing conditions is what costs
        placed = self.parsed.places[rule.index]
        return replace(rule, can_err=check_condition(rule, placed, self.schema, self.issues))

    def check_limits(self) -> None:
        """Refuse limits of one name that do not count the same."""
        first: dict[str, tuple[Rule, Limit]] = {}
        for rule in self._common_first():
            if isinstance(rule.effect, Limit):
                other, limit = first.setdefault(rule.effect.name, (rule, rule.effect))
                if other is not rule:
                    self._compare_limits(rule, rule.effect, other, limit)

    def _common_first(self) -> list[Rule]:
        """The rules, those of overrides last: where they disagree with a common one they are what is wrong."""
        return sorted(self.parsed.rules, key=lambda rule: self.parsed.places[rule.index].is_special)

    def _compare_limits(self, rule: Rule, limit: Limit, other: Rule, model: Limit) -> None:
        for field, same in (
            ("per", limit.per == model.per),
            ("channel", limit.channel == model.channel),
            ("window", limit.window_ms == model.window_ms),
        ):
            if not same:
                text = f'the limit "{limit.name}" has another "{field}" in the rule "{other.id}" {_at(other, rule)}'
                hint = "rules that share a name share one counter: make them agree, or give this one another name"
                self.issues.error("limits-disagree", self.place(rule, "then", "limit", field), text, hint)
                return
        if rule.per_step != other.per_step:
            text = f'of this rule and "{other.id}", which share the limit "{limit.name}", one is asked of each channel'
            hint = "mention channel.… in both conditions or in none, or give this limit another name"
            self.issues.error("limits-disagree", self.place(rule, "then", "limit", "name"), text, hint)

    def check_units(self) -> None:
        """Refuse charges on one account in different units."""
        units: dict[str, tuple[str, str]] = {
            budget.account: (budget.unit, f'the budget "{budget.name}" in {FACTS}') for budget in self.schema.budgets
        }
        for rule in self._common_first():
            if isinstance(rule.effect, Charge):
                said = f'the rule "{rule.id}" {_at(rule)}'
                unit, where = units.setdefault(rule.effect.account, (rule.effect.unit, said))
                if unit != rule.effect.unit:
                    text = f'the account "{shorten(rule.effect.account)}" is in {unit} by {where}'
                    hint = "an account has one unit: charge in the same one, or name another account"
                    self.issues.error("units-disagree", self.place(rule, "then", "charge", "unit"), text, hint)

    def check_order(self) -> None:
        """Refuse routing rules that no message can reach, since an earlier one takes them all."""
        catch_all: Rule | None = None
        seen: dict[Key, Rule] = {}
        for rule in self.parsed.rules:
            if rule.family != "routing":
                continue
            earlier = catch_all or (seen.setdefault(key_of(rule.when), rule) if rule.when else rule)
            if earlier is not rule:
                all_or_same = "takes every message" if earlier is catch_all else "has the same condition"
                text = f'this rule is never reached: "{earlier.id}" {_at(earlier, rule)} {all_or_same}'
                hint = "the first rule that matches decides: put this one before it, or remove one of them"
                self.issues.error("unreachable", self.place(rule), text, hint)
            elif rule.when is None:
                catch_all = rule

    def warn_of_no_route(self) -> None:
        """Warn of messages that no route takes."""
        routing = [rule for rule in self.parsed.rules if rule.family == "routing"]
        if routing and not any(self._is_default(rule) for rule in routing):
            text = "no rule is without a condition, so a message that matches none is dropped (NO_ROUTE)"
            hint = "add as the last one: {id: default, then: {distribute: {to: …}}}"
            self.issues.warning("no-default-route", self.place(routing[-1]), text, hint)

    def _is_default(self, rule: Rule) -> bool:
        """Tell whether a rule takes every message, but for those that an override takes from it."""
        placed = self.parsed.places[rule.index]
        return rule.when is None or (placed.own is None and not placed.is_special)

    def warn_of_effects(self) -> None:
        """Warn of effects that are allowed and do nothing."""
        receipts = {channel.name: channel.receipts for channel in self.schema.channels}
        for rule in self.parsed.rules:
            match rule.effect:
                case Limit(max=None, min_interval_ms=0):
                    text, hint = "a limit without a number and without an interval limits nothing", "add min_interval:"
                    self.issues.warning("no-effect", self.place(rule, "then", "limit", "max"), text, hint)
                case Route(strategy="SUPPLEMENT", choices=choices):
                    for i, choice in enumerate(choices[:-1]):
                        if not receipts[choice.channel]:
                            text = f'"{choice.channel}" reports no receipts, so the next step always follows'
                            hint = f"use another strategy, or set receipts: true for it in {FACTS}"
                            self.issues.warning("no-receipts", self.place(rule, "then", "supplement", i), text, hint)


def _at(rule: Rule, seen_from: Rule | None = None) -> str:
    """Say where a rule stands, with its file if that is not the file of the one spoken of."""
    other_file = rule.file != (f"{rule.family}.yaml" if seen_from is None else seen_from.file)
    return f"on line {rule.line}" + (f" of {rule.file}" if other_file else "")
