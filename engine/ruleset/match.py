"""From facts to matched rules: a scope's fingerprint, the memo of answers, and the hit policies.

The matching itself is done by a matcher that is passed in (durable-rules, in the rules process) or, while it is away,
by the plain interpreter. Both give the same answer for the same fingerprint, so each is asked once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.ruleset.classes import Program
from engine.ruleset.effects import Charge, Drop, Exclude, Hold, Limit, Route, SetState
from engine.ruleset.memo import Memo
from engine.ruleset.rules import Rule

Fingerprint = tuple[int, ...]
Facts = Sequence[Any]

ANSWERS_KEPT: Final = 16_384
"""Different answers of the rules that are kept; two equal ones beyond that may be two objects."""


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """The rules that match one set of facts, sorted out by what they ask for, each kind in file order.

    Equal answers of one scope are one object, so it serves as a key. `route` is the first routing rule (FIRST);
    everything else is collected. `erred` are the rules that could not be judged.
    """

    rules: tuple[int, ...]
    erred: tuple[int, ...]
    drop: Rule | None
    holds: tuple[Rule, ...]
    excludes: tuple[Rule, ...]
    route: Rule | None
    limits: tuple[Rule, ...]
    charges: tuple[Rule, ...]
    states: tuple[Rule, ...]


def sort_out(rules: Sequence[Rule], matched: tuple[int, ...], erred: tuple[int, ...]) -> Matched:
    """Apply the hit policies to the matched rules of one scope."""

    def asking(*kinds: type) -> tuple[Rule, ...]:
        return tuple(rules[i] for i in matched if isinstance(rules[i].effect, kinds))

    drops, routes = asking(Drop), asking(Route)
    return Matched(
        rules=matched,
        erred=erred,
        drop=drops[0] if drops else None,
        holds=asking(Hold),
        excludes=asking(Exclude),
        route=routes[0] if routes else None,
        limits=asking(Limit),
        charges=asking(Charge),
        states=asking(SetState),
    )


Condition = Callable[[Facts, Facts], bool | None]
"""A condition by the plain interpreter; None = it errs."""


class ScopeMatcher:
    """Everything that turns the facts of one scope into a `Matched`.

    `fingerprint(f, c)` maps facts to classes, `shared(f, ())` those that have nothing to do with the subject (see
    `Program.shared`). `mine` are the rules of the scope among all `rules`. `condition` gives a rule's condition by the
    plain interpreter; it is asked when one is first needed, so that a reload need not make all.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        mine: Sequence[Rule],
        program: Program,
        condition: Callable[[Rule], Condition],
        memo_size: int,
    ) -> None:
        self._rules = rules
        self._mine = mine
        self._erring = [rule for rule in mine if rule.can_err]
        self._make = condition
        self._conditions: dict[int, Condition] = {}
        self._answers: Memo[tuple[tuple[int, ...], tuple[int, ...]], Matched] = Memo(ANSWERS_KEPT)
        self.fingerprint = program.fingerprint
        self.shared = program.shared
        self.memo: Memo[Fingerprint, Matched] = Memo(memo_size)

    def _holds(self, rule: Rule, f: Facts, c: Facts) -> bool | None:
        condition = self._conditions.get(rule.index)
        if condition is None:
            condition = self._conditions[rule.index] = self._make(rule)
        return condition(f, c)

    def learn(self, fingerprint: Fingerprint, matched: tuple[int, ...], f: Facts, c: Facts) -> Matched:
        """Keep a matcher's answer for the fingerprint of these facts."""
        holding = set(matched)
        erring = (rule for rule in self._erring if rule.index not in holding)
        return self._keep(fingerprint, matched, tuple(r.index for r in erring if self._holds(r, f, c) is None))

    def interpret(self, fingerprint: Fingerprint, f: Facts, c: Facts) -> Matched:
        """Answer by the plain interpreter, and keep it: a fingerprint's facts are alike to every condition."""
        verdicts = [(rule.index, self._holds(rule, f, c)) for rule in self._mine]
        matched = tuple(index for index, verdict in verdicts if verdict)
        return self._keep(fingerprint, matched, tuple(index for index, verdict in verdicts if verdict is None))

    def _keep(self, fingerprint: Fingerprint, matched: tuple[int, ...], erred: tuple[int, ...]) -> Matched:
        answer = self._answers.get((matched, erred))
        if answer is None:
            answer = sort_out(self._rules, matched, erred)
            self._answers.put((matched, erred), answer)
        self.memo.put(fingerprint, answer)
        return answer
