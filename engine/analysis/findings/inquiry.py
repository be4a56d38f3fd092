"""What every check has at hand: the rules with their places, the space to ask, and how to tell what was found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

from engine.analysis.formulas import NEVER, Condition, Formula, Holds, Not, Some, all_of, any_of
from engine.analysis.situation import given_of
from engine.analysis.space import Answer, Found, Space, Undecided
from engine.ruleset.compile import RuleSet
from engine.ruleset.effects import Drop, Exclude, Hold, Route, channels_of
from engine.ruleset.expressions import walk
from engine.ruleset.fact_types import Scope
from engine.ruleset.issues import Issues, Related
from engine.ruleset.reading import point
from engine.ruleset.rules import Parsed, Rule
from engine.ruleset.source import Span
from engine.ruleset.syntax import Call, Expr, Fact

_FOREVER = ("message.", "content.")
"""What facts of a message begin with that are the same whenever it is decided."""


class Inquiry:
    """One version under examination. `issues` gathers what is found."""

    def __init__(self, parsed: Parsed, ruleset: RuleSet, extra: Iterable[Condition] = ()) -> None:
        self.parsed, self.ruleset = parsed, ruleset
        self.space = Space(ruleset, extra)
        self.issues = Issues()
        self.routing = [rule for rule in ruleset.rules if rule.family == "routing"]
        self.never: set[int] = set()
        """The indexes of rules that were told never to match: nothing else is said of them."""
        self.unreached: set[int] = set()
        """The indexes of routing rules that were told never to decide."""
        self.open: set[int] = set()
        """The indexes of rules of which it was said that it cannot be told whether they match at all."""
        self.shown: set[frozenset[int]] = set()
        """Questions to which a message said yes, as the literals of their ways."""
        self.touches: dict[tuple[int, str], Formula] = {}
        """By the index of a limit's rule and a channel, or none: where it counts a touch."""
        self.open_questions = 0
        """How many questions stayed open so far."""

    def place(self, rule: Rule, *path: str | int) -> Span:
        """Return where to point for a part of a rule; without a path its id."""
        placed = self.parsed.places[rule.index]
        return point(placed.rule, path) if path else placed.id

    def related(self, rule: Rule, text: str) -> Related:
        """Name another rule of the finding."""
        return Related.at(self.place(rule), text)

    def witness(self, answer: Answer) -> str:
        """Write the message that was found as the `given:` of a rule test."""
        if not isinstance(answer, Found):
            return ""
        return json.dumps(given_of(answer.situation, self.ruleset), ensure_ascii=False)

    def undecided(self, rule: Rule, question: str, answer: Answer) -> None:
        """Say that a question about a rule stays open, if it does."""
        if isinstance(answer, Undecided):
            self.open_question(self.place(rule), question, answer)

    def open_question(self, place: Span, question: str, answer: Undecided) -> None:
        """Say that the question "whether …" about what stands there stays open."""
        self.open_questions += 1
        text = f"it could not be told whether {question}: {answer.why}"
        self.issues.note("undecided", place, text, "split the condition into simpler ones")

    def matches(self, rule: Rule) -> Formula:
        """The rule matches the message, or one of its channels."""
        return any_of(*[self.match(rule, channel) for channel in self.channels(rule)])

    def match(self, rule: Rule, channel: str = "") -> Formula:
        """The rule matches, asked of this channel if it is asked of channels."""
        key = (rule.index, channel)
        if key not in self._matches:
            self._matches[key] = self.space.matches(rule, channel)
        return self._matches[key]

    @cached_property
    def _matches(self) -> dict[tuple[int, str], Formula]:
        return {}

    def channels(self, rule: Rule) -> Sequence[str]:
        """The channels that a rule is asked of; one without a name if it is asked of the message."""
        return self.ruleset.channels if self.space.is_asked_of_channels(rule) else ("",)

    @cached_property
    def dropped(self) -> Formula:
        """An interception rule drops the message."""
        return self._one_of([rule for rule in self.ruleset.rules if isinstance(rule.effect, Drop)])

    @cached_property
    def held(self) -> Formula:
        """An interception rule holds the message as a whole: now it is neither routed nor counted nor charged."""
        return self._one_of([rule for rule in self.ruleset.rules if holds_all(rule)])

    def _one_of(self, rules: Sequence[Rule], channel: str = "") -> Formula:
        return Some(tuple(self.match(rule, channel) for rule in rules)) if rules else NEVER

    @cached_property
    def reached(self) -> dict[int, Formula]:
        """By the index of a routing rule: it matches and none before it does."""
        made: dict[int, Formula] = {}
        before: list[Formula] = []
        for rule in self.routing:
            made[rule.index] = all_of(self.match(rule), *before)
            before.append(Not(self.match(rule)))
        return made

    @cached_property
    def routed(self) -> dict[str, Formula]:
        """By channel: the message is neither dropped nor held, and the rule that decides wants this channel."""
        return self._by_channel(lambda rule, _: [self.reached[rule.index]])

    @cached_property
    def candidates(self) -> dict[str, Formula]:
        """By channel: the message is not dropped, and the channel may be one of its candidates, now or later.

        A step may be decided again long after its route was, when the clock, the user or a channel is otherwise; only
        what a routing rule asks of the message itself is still so.
        """
        made = self._by_channel(lambda rule, _: [self._once_reached[rule.index]], self.dropped)
        return made

    @cached_property
    def counted(self) -> dict[str, Formula]:
        """By channel: a step by it may be counted and charged, when it is routed or when its turn comes."""
        made: dict[str, Formula] = {}
        later = self._by_channel(lambda rule, place: [self._once_reached[rule.index]] if _follows(rule, place) else [])
        for channel, ways in later.items():
            bars = [rule for rule in self.ruleset.rules if _bars(rule, channel)]
            made[channel] = all_of(Some((self.routed[channel], ways)), Not(self._one_of(bars, channel)))
        return made

    def _by_channel(
        self, ways: Callable[[Rule, int], list[Formula]], stopped: Formula | None = None
    ) -> dict[str, Formula]:
        """Put together by channel what stands for the routing rules that want it, each with its place in the route."""
        by_channel: dict[str, list[Formula]] = {channel: [] for channel in self.ruleset.channels}
        for rule in self.routing:
            for place, channel in enumerate(channels_of(rule.effect)):
                by_channel[channel] += ways(rule, place)
        bars = Some((self.dropped, self.held)) if stopped is None else stopped
        return {channel: all_of(Some(tuple(found)), Not(bars)) for channel, found in by_channel.items()}

    @cached_property
    def _once_reached(self) -> dict[int, Formula]:
        """By the index of a routing rule: what is still so of a message that it once decided."""
        made: dict[int, Formula] = {}
        before: list[Formula] = []
        for rule in self.routing:
            parts = [Holds(Condition(part)) for part in _conjuncts(rule.when) if _is_forever(part)]
            made[rule.index] = all_of(*parts, *before)
            if rule.when is None or _is_forever(rule.when):
                before.append(Not(self.match(rule)))
        return made


def holds_all(rule: Rule) -> bool:
    """Whether a rule holds messages as a whole, and not single channels."""
    return isinstance(rule.effect, Hold) and not rule.effect.channels and rule.scope is not Scope.CHANNEL


def _bars(rule: Rule, channel: str) -> bool:
    """Whether a rule excludes or holds this channel where it matches."""
    if not isinstance(rule.effect, Hold | Exclude) or holds_all(rule):
        return False
    return not rule.effect.channels or channel in rule.effect.channels


def _follows(rule: Rule, place: int) -> bool:
    """Whether a step of a route is decided when its turn comes, and not before."""
    assert isinstance(rule.effect, Route)
    return rule.effect.strategy == "SUPPLEMENT" and place > 0


def _conjuncts(expr: Expr | None) -> Iterator[Expr]:
    """What a condition joins by `&&`; itself if it joins nothing so."""
    if isinstance(expr, Call) and expr.op == "&&":
        for arg in expr.args:
            yield from _conjuncts(arg)
    elif expr is not None:
        yield expr


def _is_forever(expr: Expr) -> bool:
    """Whether a condition reads only what is the same whenever the message is decided."""
    facts = [node.path for node in walk(expr) if isinstance(node, Fact)]
    return bool(facts) and all(path.startswith(_FOREVER) for path in facts)


def listed(rules: Sequence[Rule], most: int = 3) -> str:
    """Name rules in a sentence: "a", "b" and 3 more."""
    names = [f'"{rule.id}"' for rule in rules[:most]]
    if len(rules) > most:
        return ", ".join(names) + f" and {len(rules) - most} more"
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]
