"""Whether a condition is safe to rely on: it has a value on all facts, and neither always holds nor never."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Final

from engine.ruleset.condition_text import ConditionText
from engine.ruleset.fact_types import Scope
from engine.ruleset.facts_schema import FactsSchema
from engine.ruleset.issues import Issues, Related
from engine.ruleset.logic import Answer, Failure, always_true, can_err, never_true
from engine.ruleset.rules import Placed, Rule
from engine.ruleset.source import Span
from engine.ruleset.syntax import Call, Expr, Type

_MOST_COMPLAINTS: Final = 5
"""Facts of one condition that are told to be missing their has()."""

_MOST_PARTS: Final = 8
"""Parts of a condition that never holds which are looked at one by one, and two by two."""

OTHER_SIGN: Final = "is an && meant to be an ||, or a < a >?"
"""What may help where parts exclude each other."""

EXCLUDE: Final = f"two of its parts exclude each other; {OTHER_SIGN}"
_NO_SUCH: Final = "no message has such a value: look at its numbers, words and signs"


def check_condition(rule: Rule, placed: Placed, schema: FactsSchema, issues: Issues) -> bool:
    """Report what is wrong with the meaning of a rule's condition; return whether it can have an error.

    Only a routing rule may: there "an error is no match" sends the message by a later rule, while in the other families
    it would open the gate that the rule is meant to be.
    """
    if rule.when is None or placed.when is None:
        return False
    failure = can_err(rule.when, schema, rule.scope)
    if failure.answer is not Answer.NO and rule.family != "routing":
        _may_err(rule, placed, placed.when, schema, failure, issues)
    whole = placed.when.whole
    if never_true(rule.when, schema, rule.scope) is Answer.YES:
        hint, culprits = EXCLUDE, []
        if placed.is_special:
            hint = "two of its parts exclude each other, and which messages its override is for is one of them"
        elif placed.is_guarded:
            hint = "its parts exclude each other, or overrides take all its messages: remove it and their replaces:"
        else:
            culprits = _culprits(rule.when, schema, rule.scope)
        _never(placed.when, culprits, hint, issues)
    elif always_true(rule.when, schema, rule.scope) is Answer.YES:
        hint = "leave when: away if the rule is meant for everything; else, is an || meant to be an &&?"
        issues.error("always-true", whole, "this condition always holds, whatever the facts are", hint)
    return failure.answer is not Answer.NO


def _culprits(when: Expr, schema: FactsSchema, scope: Scope) -> list[Expr]:
    """The part between two && that never holds by itself, or two that exclude each other; [] if there are no such."""
    parts = _conjuncts(when)[:_MOST_PARTS]
    for part in parts:
        if never_true(part, schema, scope) is Answer.YES:
            return [part]
    for one, other in combinations(parts, 2):
        both = Call("&&", (one, other), Type.BOOL, one.start, other.end)
        if never_true(both, schema, scope) is Answer.YES:
            return [one, other]
    return []


def _conjuncts(when: Expr) -> list[Expr]:
    if isinstance(when, Call) and when.op == "&&":
        return [part for arg in when.args for part in _conjuncts(arg)]
    return [when]


def _never(when: ConditionText, culprits: list[Expr], hint: str, issues: Issues) -> None:
    """Tell that a condition never holds, at the part to blame; for one in a definition, which is fine, at the rule."""
    text = "this condition never holds, whatever the facts are"
    places = [when.place(part.start, part.end) for part in culprits]
    own = next((place for place in reversed(places) if _is_own(when, place)), when.whole)
    if len(places) == 2:
        related = [
            Related.at(place, "the other part" if own in places else "one of the two")
            for place in places
            if place is not own
        ]
        issues.error("never-true", own, f"{text}: two of its parts exclude each other", OTHER_SIGN, related=related)
    elif places and len(when.text) > culprits[0].end - culprits[0].start:
        related = [Related.at(place, "this part") for place in places if place is not own]
        issues.error("never-true", own, f"{text}: a part of it never does", _NO_SUCH, related=related)
    else:
        issues.error("never-true", when.whole, text, _NO_SUCH if culprits else hint)


def _is_own(when: ConditionText, place: Span) -> bool:
    """Whether a place lies in the condition as it was written, and not in a definition that it uses."""
    main = when.main
    return main is None or (place.source is main.source and main.start <= place.start <= main.end)


def _may_err(
    rule: Rule, placed: Placed, node: ConditionText, schema: FactsSchema, failure: Failure, issues: Issues
) -> None:
    """Tell every fact that is read without a has(), one after the other, and what else may fail."""
    assert rule.when is not None, "asked only of rules with a condition"
    for _ in range(_MOST_COMPLAINTS):
        if failure.answer is Answer.UNKNOWN:
            text = "this condition has too many cases to tell whether it always has a value"
            issues.error("too-complex", node.whole, text, "split the rule into simpler ones")
        elif failure.fact is not None:
            text = f'"{failure.absent}" may be absent, and then this rule would not apply'
            hint = f"write {failure.guard} && before it; or, if a rule must not miss such messages, !has(…) || …"
            place = node.place(failure.fact.start, failure.fact.end)
            issues.error("may-err", place, text, hint, related=_user(rule, placed, place))
            schema = _with(schema, failure.absent)
            failure = can_err(rule.when, schema, rule.scope)
            continue
        elif failure.answer is Answer.YES:
            part = failure.operation or rule.when
            place = node.place(part.start, part.end)
            _operation(part, place, _user(rule, placed, place), issues)
        return


def _user(rule: Rule, placed: Placed, place: Span) -> list[Related]:
    """Name the rule when a complaint about it points somewhere else, as into a definition that it uses."""
    if placed.when is None or _is_own(placed.when, place):
        return []
    return [Related.at(placed.id, f'"{rule.id}" is the rule that uses it')]


def _operation(part: Expr, place: Span, related: list[Related], issues: Issues) -> None:
    """Tell an operation that has no value on some facts."""
    op = part.op if isinstance(part, Call) else ""
    if op in ("/", "%"):
        text, hint = "this divides by something that may be zero", "multiply instead: a > 100 * b for a / b > 100"
    elif op in ("timestamp", "duration"):
        text, hint = f"{op}() fails on a text that is none", f"declare the fact as a {op} in facts.yaml"
    else:
        text, hint = "this may have no value, since the number can grow too large", "compare without calculating"
    issues.error("may-err", place, f"{text}, and then this rule would not apply", hint, related=related)


def _with(schema: FactsSchema, path: str) -> FactsSchema:
    """The same schema with one fact always there, to ask what else may be missing."""
    facts = tuple(replace(fact, optional=fact.optional and fact.path != path) for fact in schema.facts)
    return replace(schema, facts=facts)
