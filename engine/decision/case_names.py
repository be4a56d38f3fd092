"""The names in a case, looked up in the rule set that it is about: rules, channels, limits and facts.

A name that is not there would not always fail a case (`not_matched` least of all), so it is an issue at its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from engine.decision.case_facts import checked, fact_of, subject_of
from engine.decision.case_reading import Case, to_plain
from engine.ruleset.compile import RuleSet
from engine.ruleset.documents import Mapping, Node, Scalar, Sequence
from engine.ruleset.effects import Limit
from engine.ruleset.issues import Issues, did_you_mean

_RULE, _CHANNEL, _LIMIT = "rule", "channel", "limit"

_NAMED: Final[dict[tuple[str, ...], str]] = {
    ("expect", "decided_by"): _RULE,
    ("expect", "matched"): _RULE,
    ("expect", "not_matched"): _RULE,
    ("expect", "refused", "*", "rule"): _RULE,
    ("expect", "refused"): _CHANNEL,
    ("expect", "waits"): _CHANNEL,
    ("expect", "waits_for"): _CHANNEL,
    ("expect", "providers"): _CHANNEL,
    ("expect", "addresses"): _CHANNEL,
    ("expect", "channels"): _CHANNEL,
    ("breakers", "channels"): _CHANNEL,
    ("user", "channels"): _CHANNEL,
    ("user", "opt_outs", "channel"): _CHANNEL,
    ("message", "wishes", "channels"): _CHANNEL,
    ("message", "addresses", "channel"): _CHANNEL,
    ("message", "content", "channels"): _CHANNEL,
    ("provider", "channel"): _CHANNEL,
    ("ledger", "limit"): _LIMIT,
}
"""What is named where: by a word, by the words of a list, or by the names of fields."""


def check_names(case: Case, ruleset: RuleSet, issues: Issues) -> None:
    """Report every name that the rule set does not have, and every fact that cannot be what is given."""
    if case.node is None:
        return
    names = {
        _RULE: [rule.id for rule in ruleset.rules],
        _CHANNEL: ruleset.channels,
        _LIMIT: [rule.effect.name for rule in ruleset.rules if isinstance(rule.effect, Limit)],
    }
    steps, given = case.node.get("steps"), case.node.get("given")
    parts = [case.node, given, *(steps.items if isinstance(steps, Sequence) else ())]
    for part in parts:
        if not isinstance(part, Mapping):
            continue
        for path, what in _NAMED.items():
            for word in _words(part, path):
                if word.text and word.value() is not None and word.text not in names[what]:
                    text = f'there is no {what} "{word.text[:120]}" in this version'
                    issues.error(f"unknown-{what}", word.span, text, did_you_mean(word.text, names[what]))
        if part is not case.node:
            _check_facts(part.get("facts"), ruleset, subject_of(case.given), issues)


def _words(node: Node | None, path: tuple[str, ...]) -> Iterator[Scalar]:
    if not path:
        if isinstance(node, Scalar):
            yield node
        elif isinstance(node, Sequence):
            yield from (one for one in node.items if isinstance(one, Scalar))
        elif isinstance(node, Mapping):
            yield from (key for key, _value in node.entries)
    elif isinstance(node, Sequence):
        for one in node.items:
            yield from _words(one, path)
    elif isinstance(node, Mapping):
        for key, value in node.entries:
            if path[0] in ("*", key.text):
                yield from _words(value, path[1:])


def _check_facts(node: Node | None, ruleset: RuleSet, subject: str | None, issues: Issues) -> None:
    for key, value in node.entries if isinstance(node, Mapping) else ():
        try:
            fact = fact_of(key.text, ruleset, subject)
        except ValueError as error:
            text, _, hint = str(error).partition("; ")
            issues.error("unknown-fact", key.span, text, hint)
            continue
        try:
            checked(fact, to_plain(value))
        except ValueError as error:
            issues.error("wrong-value", value.span, f"{key.text}: {error}")
