"""What rule tests ask of the rules, told to whoever wants to know: coverage, and the search for cases that are missing.

An observer is handed to the `CaseRunner`. It sees each question once, with the very facts that the rules were asked on,
and what they answered; so it can evaluate conditions, or parts of them, again for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from engine.decision.case_reading import Case
from engine.decision.facts import channel_facts
from engine.decision.model import Breakers
from engine.decision.session import Judgement
from engine.ruleset.fact_types import Scope
from engine.ruleset.match import Matched


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to all rules of one scope, and their answer.

    `f` and `c` are the message's and the subject's facts by slot (`c` is empty for MESSAGE; for CHANNEL one question is
    asked for each candidate of the route). `matched.rules` are the indexes of the rules that hold, `matched.route` is
    the routing rule that decided. `before`: a message that only came before, of which nothing is expected. `step` is
    the step of a sequence, from 1 on, else 0.
    """

    case: Case
    scope: Scope
    f: Sequence[Any]
    c: Sequence[Any]
    matched: Matched
    before: bool = False
    step: int = 0


class Observer(Protocol):
    """Whoever wants to know what a case asks of the rules."""

    def asked(self, question: Asked) -> None:
        """Take note of a question. The lists are the decision's own: read them, do not change them."""


Answered = tuple[Scope, Sequence[Any], Sequence[Any], Matched]
"""The scope, the message's and the subject's facts, and what the rules answered."""


def answered(judgement: Judgement, breakers: Breakers) -> Iterator[Answered]:
    """Return what one decided message asked of the rules: once for itself, once for each candidate of its route."""
    assert judgement.matched is not None  # it was judged
    yield Scope.MESSAGE, judgement.facts, (), judgement.matched
    blueprint = judgement.blueprint
    if blueprint is None:
        return
    for choice, matched in zip(blueprint.route.choices, blueprint.answers, strict=True):
        c = channel_facts(choice.channel, judgement.message, judgement.user, breakers)
        yield Scope.CHANNEL, judgement.facts, c, matched
