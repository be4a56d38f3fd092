"""Every rule of every family on one judged message: what came of those that matched, what the others lacked."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from engine.analysis.atoms import Atoms, AtomSeen, worth
from engine.analysis.consequences import Consequences, asks
from engine.decision.facts import channel_facts
from engine.decision.model import Breakers
from engine.decision.session import Judgement
from engine.decision.trace import Trace
from engine.ruleset.compile import RuleSet
from engine.ruleset.effects import Route
from engine.ruleset.fact_types import Scope
from engine.ruleset.rules import Rule


class Channels(Enum):
    """Which channels the rules about `channel.*` are explained for."""

    CANDIDATES = "the candidates"
    ROUTE = "the channels of the route that would have been taken"
    DECLARED = "all declared channels, since no route was found"


@dataclass(frozen=True, slots=True)
class RuleExplained:
    """One rule on the message, or on one channel of it (`channel`, else empty).

    `matched` None: its condition has no value. `asks` is what it asks for; `came` is what came of it when it matched.
    Else `failed` is the first atom in the author's order for which it does not match, and `lacking` is a smallest set
    of atoms that would have to answer otherwise; None when no answers of its atoms make it match.
    """

    rule: Rule
    channel: str
    matched: bool | None
    asks: str
    came: str = ""
    atoms: int = 0
    failed: AtomSeen | None = None
    lacking: tuple[AtomSeen, ...] | None = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """All rules: those that matched in the order of their files, then the others, the nearest to a match first.

    Rules about `channel.*` stand once for each of `channels`, and `whose` says which these are. Breaker rules are
    judged on windows of measurements and not on messages; `windows` counts them.
    """

    rules: tuple[RuleExplained, ...]
    channels: tuple[str, ...]
    whose: Channels
    windows: int


class Explainer:
    """Explains judgements under one rule set; what it derives of a condition is kept."""

    def __init__(self, ruleset: RuleSet) -> None:
        self.ruleset = ruleset
        self._atoms: dict[int, Atoms] = {}

    def explain(self, judgement: Judgement, trace: Trace, breakers: Breakers) -> Explanation:
        """Explain a judged message, by its trace (`decision.trace.explain`) and the breakers it was judged by."""
        steps = self.explaining(judgement, trace, breakers)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                explanation: Explanation = end.value
                return explanation

    def explaining(self, judgement: Judgement, trace: Trace, breakers: Breakers) -> Generator[None, None, Explanation]:
        """Explain a judged message in steps, a rule each, between which others may have their turn."""
        channels, whose = self._channels(judgement)
        consequences = Consequences(judgement, trace, self.ruleset)
        subjects = [(name, channel_facts(name, judgement.message, judgement.user, breakers)) for name in channels]
        explained: list[RuleExplained] = []
        for rule in self.ruleset.rules:
            for channel, c in _asked(rule, subjects):
                explained.append(self._rule(rule, channel, judgement.facts, c, consequences))
            yield
        windows = sum(rule.family == "breaker" for rule in self.ruleset.rules)
        return Explanation(tuple(sorted(explained, key=_distance)), channels, whose, windows)

    def _channels(self, judgement: Judgement) -> tuple[tuple[str, ...], Channels]:
        if judgement.blueprint is not None and judgement.proposal.blueprint is not None:
            return tuple(choice.channel for choice in judgement.blueprint.route.choices), Channels.CANDIDATES
        route = judgement.matched.route if judgement.matched is not None else None
        if route is not None and isinstance(route.effect, Route):
            return tuple(choice.channel for choice in route.effect.choices), Channels.ROUTE
        return self.ruleset.channels, Channels.DECLARED

    def _rule(
        self, rule: Rule, channel: str, f: Sequence[Any], c: Sequence[Any], consequences: Consequences
    ) -> RuleExplained:
        asked = asks(rule.effect)
        if rule.when is None:
            return RuleExplained(rule, channel, True, asked, consequences.of(rule, channel))
        atoms = self._atoms_of(rule)
        answers = atoms.answers(f, c)
        matched = worth(atoms.shape, answers)
        count = len(atoms.exprs)
        if matched:
            return RuleExplained(rule, channel, True, asked, consequences.of(rule, channel), count)
        failed, least = atoms.seen(atoms.first_failing(answers), f, c), atoms.least(answers)
        lacking = None if least is None else tuple(atoms.seen(wish, f, c) for wish in least)
        return RuleExplained(rule, channel, matched, asked, "", count, failed, lacking)

    def _atoms_of(self, rule: Rule) -> Atoms:
        atoms = self._atoms.get(rule.index)
        if atoms is None:
            assert rule.when is not None  # asked of rules with a condition only
            atoms = self._atoms[rule.index] = Atoms(rule.when, self.ruleset.schema, rule.scope)
        return atoms


def _asked(rule: Rule, subjects: Sequence[tuple[str, Sequence[Any]]]) -> Iterator[tuple[str, Sequence[Any]]]:
    """What a rule is asked about: the message, or each channel; nothing for one that judges windows."""
    if rule.family == "breaker":
        return
    if rule.scope is Scope.CHANNEL:
        yield from subjects
    else:
        yield "", ()


def _distance(one: RuleExplained) -> tuple[bool, float, int, int]:
    """What matched in file order; then by the atoms that are lacking, of equally many first the longer condition."""
    if one.matched:
        return False, 0, 0, one.rule.index
    return True, float("inf") if one.lacking is None else len(one.lacking), -one.atoms, one.rule.index
