"""The parts of one rule: its condition and its effect."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from engine.ruleset.condition_text import ConditionText
from engine.ruleset.documents import Mapping, Node, Scalar
from engine.ruleset.drafts import Condition
from engine.ruleset.effects import EFFECTS, Effect
from engine.ruleset.expressions import Names, parse_condition
from engine.ruleset.grammar import MAX_LENGTH, MAX_WRITTEN_OUT
from engine.ruleset.issues import Issue, Issues
from engine.ruleset.reading import as_value, key_span, point, read
from engine.ruleset.scalars import closest, describe, listing, shorten
from engine.ruleset.source import Span
from engine.ruleset.written import THENS
from engine.ruleset.written_out import written_out

_LIST_FACT: Final = re.compile(r'"content\.hits\.(\w+)"')
_COMMENT: Final = "put the whole condition in quotes: YAML takes what follows a blank and # for a comment"
_FAMILY_OF: Final = {effect: family for family, effects in EFFECTS.items() for effect in effects}


def read_condition(rule: Mapping, names: Names, issues: Issues) -> Condition | None:
    """Read the `when:` of a rule; None if it has none, or (with an issue) if it is wrong."""
    node = rule.get("when")
    if node is None:
        if names.family == "breaker":
            hint = "add one, such as when: provider.window.count >= 50 && provider.window.error_rate > 0.08"
            issues.error("breaker-subject", point(rule), "a breaker rule needs a when: that says what it judges", hint)
        return None
    text = condition_text(node, key_span(rule, "when"), issues)
    if text is None or not isinstance(node, Scalar):
        return None
    found = Issues()
    condition = parse_text(text, names, found)
    for issue in found.sorted():
        issues.add(replace(issue, hint=_COMMENT) if issue.code == "cel-syntax" and _is_cut(node) else issue)
    return condition


def condition_text(node: Node, key: Span | None, issues: Issues) -> ConditionText | None:
    """Return the text that stands after a `when:`; None (with an issue) if there is none. `key` is the word `when`."""
    if not isinstance(node, Scalar):
        sign, shape = ("{", "a group of fields") if isinstance(node, Mapping) else ("[", "a list")
        hint = "put the whole condition in quotes, or on the next line after when: >-"
        issues.error("condition-not-plain", node.span, f"YAML takes the {sign} at the beginning for {shape}", hint)
        return None
    if not node.text.strip():
        hint = "leave when: away if the rule is meant for every message"
        issues.error("empty-condition", point(node, (), key), "the condition is empty", hint)
        return None
    return ConditionText.of(node)


def parse_text(text: ConditionText, names: Names, issues: Issues) -> Condition | None:
    """Read a condition, wherever its text stands, and add to the complaints what only its surroundings explain."""
    found = Issues()
    whole = written_out(text, names, found)
    if not found.has_errors:
        most = MAX_LENGTH if whole is text else MAX_WRITTEN_OUT
        expr = parse_condition(whole.text, whole.place, names, found, most)
    for issue in found.sorted():
        hint = _hint(issue, text, names)
        issues.add(replace(issue, hint=hint) if hint else issue)
    return None if found.has_errors or expr is None else Condition(whole, expr)


def _is_cut(node: Scalar) -> bool:
    """Tell whether YAML took a part of a condition for a comment."""
    after = node.span.source.text[node.span.end :].partition("\n")[0]
    return node.is_plain and after.lstrip(" ").startswith("#")


def _hint(issue: Issue, text: ConditionText, names: Names) -> str:
    """Give a better hint than the issue has; an empty text if there is none."""
    missing = _LIST_FACT.search(issue.message) if issue.code == "unknown-fact" else None
    if missing is not None:
        prefix = "content.hits."
        lists = [path.removeprefix(prefix) for path in names.paths() if path.startswith(prefix)]
        near = closest(missing[1], lists)
        return f'did you mean "{prefix}{near}"?' if near else f"add the list as lists/{missing[1]}.txt"
    if issue.hint:
        return ""
    if issue.code == "cel-syntax" and re.search(r"\bnot\s", text.text):
        return "not is written !, as in !user.known"
    return ""


def read_effect(rule: Mapping, family: str, issues: Issues) -> Effect | None:
    """Read the `then:` of a rule; None (with an issue, but for a missing one) if it is wrong."""
    node = rule.get("then")
    if node is None:
        return None
    key = key_span(rule, "then")
    if isinstance(node, Mapping) and not _has_one_effect(node, family, key, issues):
        return None
    form = read(node, THENS[family], "then", issues, key)
    return None if form is None else form.meaning()


def _has_one_effect(then: Mapping, family: str, key: Span | None, issues: Issues) -> bool:
    """Tell whether a `then:` has exactly one effect, of its family; else say what it has."""
    own = [name for name, _ in then.entries if name.text in EFFECTS[family]]
    expected = f"{_a(family)} rule has {listing(EFFECTS[family])}"
    if len(own) > 1:
        text = f'a rule has one effect, but here are "{own[0].text}" and "{own[1].text}"'
        issues.error("two-effects", own[1].span, text, "write two rules with the same when:")
    for name, _ in then.entries:
        theirs = _FAMILY_OF.get(name.text)
        if theirs not in (None, family):
            text = f'"{name.text}" is an effect of {theirs} rules; {expected}'
            issues.error("wrong-effect", name.span, text, f"move the rule to {theirs}.yaml")
            return False
    if own:
        return len(own) == 1
    others = [name for name, _ in then.entries if name.text not in THENS[family].model_fields]
    for name in others[:1]:
        near = closest(name.text, EFFECTS[family])
        hint = f'did you mean "{near}"?' if near else expected
        issues.error("unknown-effect", name.span, f'there is no effect "{shorten(name.text)}"', hint)
    if not others:
        issues.error("no-effect", point(then, (), key), "the rule has no effect", expected)
    return False


def _a(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def describe_node(node: Node) -> str:
    """Say in a rule author's words what a node is."""
    return describe(as_value(node))
