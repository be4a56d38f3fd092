"""What every check has at hand: the rules with their places, the space to ask, and how to tell what was found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cached_property

from engine.analysis.formulas import NEVER, Condition, Formula, Not, Some, all_of, any_of
from engine.analysis.situation import given_of
from engine.analysis.space import Answer, Found, Space, Undecided
from engine.ruleset.compile import RuleSet
from engine.ruleset.effects import Drop, Route, channels_of
from engine.ruleset.issues import Issues, Related
from engine.ruleset.reading import point
from engine.ruleset.rules import Parsed, Rule
from engine.ruleset.source import Span


class Inquiry:
    """One version under examination. `issues` gathers what is found."""

    def __init__(self, parsed: Parsed, ruleset: RuleSet, extra: Iterable[Condition] = ()) -> None:
        self.parsed, self.ruleset = parsed, ruleset
        self.space = Space(ruleset, extra)
        self.issues = Issues()
        self.routing = [rule for rule in ruleset.rules if rule.family == "routing"]
        self.never: set[int] = set()
        """The indexes of rules that were told never to match: nothing else is said of them."""
        self.open: set[int] = set()
        """The indexes of rules of which it was said that it cannot be told whether they match at all."""
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
        drops = [rule for rule in self.ruleset.rules if isinstance(rule.effect, Drop)]
        return Some(tuple(self.match(rule) for rule in drops)) if drops else NEVER

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
        """By channel: the message is not dropped, and the rule that decides wants this channel."""
        by_channel: dict[str, list[Formula]] = {channel: [] for channel in self.ruleset.channels}
        for rule in self.routing:
            assert isinstance(rule.effect, Route)
            for channel in dict.fromkeys(channels_of(rule.effect)):
                by_channel[channel].append(self.reached[rule.index])
        return {name: all_of(Some(tuple(ways)), Not(self.dropped)) for name, ways in by_channel.items()}


def listed(rules: Sequence[Rule], most: int = 3) -> str:
    """Name rules in a sentence: "a", "b" and 3 more."""
    names = [f'"{rule.id}"' for rule in rules[:most]]
    if len(rules) > most:
        return ", ".join(names) + f" and {len(rules) - most} more"
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]
