"""What is measured, and where each number comes from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from engine.decision.model import Reason, Strategy, Verdict
from engine.errors import RulesUnavailable
from engine.flow.rules_link import Counters
from engine.service.counts import Counts
from engine.service.readings import readings


class NoRules:
    """An evaluator before the first rule set."""

    fallbacks = 0

    @property
    def judge(self) -> Any:
        raise RulesUnavailable("no rule set is loaded yet")


def values(counts: Counts, evaluator: Any, status: Any = None) -> dict[str, list[Any]]:
    """Every reading's values by name, with these parts behind it."""
    process: Any = SimpleNamespace(counters=Counters(exchanges=3, fingerprints=5, restarts=1), ready=True)
    reloader: Any = SimpleNamespace(current=status, status=status)
    return {one.name: list(one.read()) for one in readings(counts, evaluator, process, reloader)}


def test_decisions_are_told_by_verdict_reason_and_strategy() -> None:
    """The words are those of the contract; a decision without a plan has no strategy."""
    counts = Counts()
    counts.decided[Verdict.SEND, Reason.NONE, Strategy.SUPPLEMENT] += 2
    counts.decided[Verdict.DROP, Reason.OPTED_OUT, 0] += 1
    counts.rejected = 4
    found = values(counts, NoRules())

    assert found["signalbox.decisions"] == [
        (2, {"verdict": "SEND", "reason": "NONE", "strategy": "SUPPLEMENT"}),
        (1, {"verdict": "DROP", "reason": "OPTED_OUT", "strategy": "NONE"}),
    ]
    assert found["signalbox.rejected"] == [(4, {})]


def test_the_rules_process_is_measured() -> None:
    """Whether it answers, how much it is asked, and how often it was replaced."""
    found = values(Counts(), NoRules())

    assert found["signalbox.matcher.exchanges"] == [(3, {})]
    assert found["signalbox.matcher.fingerprints"] == [(5, {})]
    assert found["signalbox.matcher.restarts"] == [(1, {})]
    assert found["signalbox.matcher.ready"] == [(1, {})]


@pytest.mark.parametrize(("status", "expected"), [(None, (0, 0)), (SimpleNamespace(reloads=2, failures=7), (2, 7))])
def test_reloads_are_counted_from_nothing(status: Any, expected: tuple[int, int]) -> None:
    """Before the first rules there is a number too, zero."""
    found = values(Counts(), NoRules(), status)

    assert found["signalbox.rules.reloads"] == [(expected[0], {})]
    assert found["signalbox.rules.failures"] == [(expected[1], {})]
    assert found["signalbox.memo.size"] == []


def test_every_reading_explains_itself() -> None:
    """Each has a name of ours, a unit and a sentence."""
    for one in readings(Counts(), NoRules(), SimpleNamespace(counters=Counters()), None):  # type: ignore[arg-type]
        assert one.name.startswith("signalbox.")
        assert one.unit
        assert one.description.endswith(".")
