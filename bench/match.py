"""How many times a second rules are matched, on one core: ours, durable-rules alone, and GoRules Zen.

All are given the same sixty rules (rules60/) and the same messages, each in the form of facts that suits it best and
that was made beforehand. First all must give the same answers on a common sample; only then is speed compared.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import _common
from _common import figure, median, rate
from _sixty import Conjunction, compiled, conjunctions
from _traffic import Facts, missing, traffic
from _yardsticks import RawDurable, ZenFacts, ZenList, ZenTable

from engine.flow.durable_matcher import DurableMatcher
from engine.flow.loading import matcher_of
from engine.ruleset.compile import RuleSet
from engine.ruleset.fact_types import Scope
from engine.ruleset.interpreter import holds
from engine.ruleset.match import ScopeMatcher

SEED: Final = 20261101
NOTHING: Final[list[Any]] = []
MESSAGE: Final = list(Scope).index(Scope.MESSAGE)


class Ours:
    """Our engine: facts by slot -> fingerprint -> memo, and durable-rules for what the memo does not know."""

    def __init__(self, ruleset: RuleSet, durable: DurableMatcher) -> None:
        self._ruleset = ruleset
        self._durable = durable
        self._judges = [(rule.index, holds(rule.when, ruleset.schema, Scope.MESSAGE)) for rule in ruleset.rules]
        self._slots = {fact.path: fact.slot for fact in ruleset.schema.facts}
        self.matcher = self.fresh()

    def fresh(self) -> ScopeMatcher:
        """A matcher with an empty memo."""
        return self._ruleset.matcher(Scope.MESSAGE)

    def encode(self, facts: Facts) -> list[Any]:
        """Facts by slot, absent ones None: as `FactsReader` hands them over."""
        values: list[Any] = [None] * self._ruleset.schema.size
        for path, value in facts.items():
            values[self._slots[path]] = value
        return values

    def run(self, facts: Sequence[list[Any]], matcher: ScopeMatcher) -> None:
        """Match every message, as a session does."""
        fingerprint, get, match = matcher.fingerprint, matcher.memo.get, self._durable.match
        for f in facts:
            known = fingerprint(f, NOTHING)
            if get(known) is None:
                matcher.learn(known, match(MESSAGE, [known])[0], f, NOTHING)

    def run_without_memo(self, facts: Sequence[list[Any]]) -> None:
        """Match every message as if it were the first of its kind."""
        fingerprint, learn, match = self.matcher.fingerprint, self.matcher.learn, self._durable.match
        for f in facts:
            known = fingerprint(f, NOTHING)
            learn(known, match(MESSAGE, [known])[0], f, NOTHING)

    def match(self, f: list[Any]) -> tuple[int, ...]:
        """The rules that match, by the warm way."""
        self.run([f], self.matcher)
        found = self.matcher.memo.get(self.matcher.fingerprint(f, NOTHING))
        assert found is not None
        return found.rules

    def interpret(self, f: list[Any]) -> tuple[int, ...]:
        """The rules that match, by the plain interpreter: the oracle."""
        return tuple([index for index, judge in self._judges if judge(f, NOTHING)])


@dataclass(frozen=True, slots=True)
class Runner:
    """One thing to be measured: `run` matches `count` messages."""

    name: str
    count: int
    run: Callable[[], object]


def over(match: Callable[[Any], object], facts: Sequence[Any]) -> Callable[[], None]:
    """A loop over the facts with nothing else in it."""

    def run() -> None:
        for one in facts:
            match(one)

    return run


class Contest:
    """The engines side by side, with the facts each of them is given."""

    def __init__(self, ours: Ours, rules: Sequence[Conjunction], messages: Sequence[Facts]) -> None:
        self.ours = ours
        self.durable = RawDurable(rules)
        self.zen_list, self.zen_table, encoder = ZenList(rules), ZenTable(rules), ZenFacts(rules)
        self.slots = [ours.encode(one) for one in messages]
        self.json = [self.durable.encode(one) for one in messages]
        self.dicts = [encoder.encode(one) for one in messages]

    def answers_equal(self, sample: int) -> bool:
        """Do all give the same rules for the first `sample` messages?"""
        ours = self.ours
        for f, text, values in zip(self.slots[:sample], self.json, self.dicts, strict=False):
            expected = ours.interpret(f)
            given = (ours.match(f), self.durable.match(text), self.zen_list.match(values), self.zen_table.match(values))
            if any(answer != expected for answer in given):
                return False
        return True

    def runners(self) -> list[Runner]:
        """What is measured, each with as many messages as take about a second."""
        ours, every = self.ours, len(self.slots)
        passes = 5

        def warm() -> None:
            for _ in range(passes):
                ours.run(self.slots, ours.matcher)

        def part(facts: Sequence[Any], of: int) -> Sequence[Any]:
            return facts[: max(1, every // of)]

        some, few = part(self.slots, 4), part(self.dicts, 40)
        return [
            Runner("per_second", every * passes, warm),
            Runner("first_pass_per_second", every, lambda: ours.run(self.slots, ours.fresh())),
            Runner("cold_per_second", len(some), lambda: ours.run_without_memo(some)),
            Runner("interpreter_per_second", len(some), over(ours.interpret, some)),
            Runner("durable_rules_per_second", every, over(self.durable.match, self.json)),
            Runner("zen_per_second", every, over(self.zen_list.match, self.dicts)),
            Runner("zen_table_per_second", len(few), over(self.zen_table.match, few)),
        ]


def measure(messages: int, sample: int, rounds: int) -> dict[str, Any]:
    """Check that answers are equal, then measure in interleaved rounds and take medians."""
    with _common.progress() as shown:
        shown.say(f"drawing {messages:,} messages")
        drawn = traffic(messages, SEED)
        ruleset = compiled()
        rules = conjunctions(ruleset)
        unused = missing(drawn, [term.path for rule in rules for term in rule.terms])
        assert not unused, f"the traffic lacks {unused}"
        with closing(matcher_of(ruleset)) as durable:
            contest = Contest(Ours(ruleset, durable), rules, drawn)
            with closing(contest.durable):
                shown.say(f"comparing the answers for {sample:,} messages")
                equal = contest.answers_equal(sample)
                rates = measured(contest.runners(), rounds, shown) if equal else {}
                fresh = contest.ours.fresh()
                contest.ours.run(contest.slots, fresh)
    return {
        **rates,
        "answers_equal": equal,
        "answers_compared": sample,
        "rules": len(rules),
        "messages": messages,
        "different_fingerprints": fresh.memo.misses,
        "rounds": rounds,
    }


def measured(runners: Sequence[Runner], rounds: int, shown: _common.Progress) -> dict[str, float]:
    """The median rate of each; every round measures all of them, so that a disturbance meets all alike."""
    for runner in runners[:1]:
        runner.run()  # fills the memo
    rates: dict[str, list[float]] = {runner.name: [] for runner in runners}
    for number in range(rounds):
        for place, runner in enumerate(runners):
            shown.part("matching, steps", number * len(runners) + place, rounds * len(runners))
            rates[runner.name].append(rate(runner.count, runner.run))
    return {name: figure(median(values)) for name, values in rates.items()}


LABELS: Final = {
    "per_second": "ours, warm",
    "first_pass_per_second": "ours, beginning with an empty memo",
    "cold_per_second": "ours, no memo: durable-rules on classes, every time",
    "interpreter_per_second": "ours, the plain interpreter",
    "durable_rules_per_second": "durable-rules, raw facts",
    "zen_per_second": "GoRules Zen, one list expression",
    "zen_table_per_second": "GoRules Zen, decision table",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--quick", action="store_true", help="a short run, for a first look")
    parser.add_argument("--messages", type=int, help="how many messages (default 100,000; quick 20,000)")
    parser.add_argument("--rounds", type=int, help="how many rounds (default 5; quick 3)")
    given = parser.parse_args()
    about = _common.machine()
    _common.use_one_core()
    result = measure(
        given.messages or (20_000 if given.quick else 100_000),
        2_000 if given.quick else 10_000,
        given.rounds or (3 if given.quick else 5),
    )
    workload = (
        f"{result['rules']} rules of 3-4 comparisons, {result['messages']:,} messages of "
        f"{result['different_fingerprints']:,} kinds, one core, medians of {result['rounds']} rounds; "
        f"answers {'equal' if result['answers_equal'] else 'DIFFERENT'} on {result['answers_compared']:,} messages"
    )
    lines = [(LABELS[name], f"{result[name]:>12,.0f} /s") for name in LABELS if name in result]
    result |= {"workload": workload, "machine": about}
    _common.report(result, lines, given.json)
    if not result["answers_equal"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
