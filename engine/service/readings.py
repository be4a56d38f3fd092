"""What the server measures: every metric's name, unit and meaning, and where its number is kept.

Only names from the contract and the code appear as attributes; nothing of a message, a user or a rule file does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from engine.decision.model import Reason, Strategy, Verdict
from engine.errors import RulesUnavailable
from engine.flow.evaluation import Evaluator
from engine.flow.reload import Reloader
from engine.flow.rules_process import RulesProcess
from engine.service.counts import Counts
from engine.service.telemetry import Reading

Values = Iterator[tuple[float, Mapping[str, str]]]


def readings(counts: Counts, evaluator: Evaluator, process: RulesProcess, reloader: Reloader) -> list[Reading]:
    """Everything there is to export, except the latency of calls (see `latency_export`)."""
    counters = process.counters
    return [
        Reading("signalbox.decisions", "{message}", "Messages decided.", "counter", lambda: _decisions(counts)),
        _counter("signalbox.rejected", "{message}", "Messages that broke the contract.", lambda: counts.rejected),
        _counter(
            "signalbox.repeated", "{message}", "Messages sent again, and answered as before.", lambda: counts.repeated
        ),
        _counter(
            "signalbox.matcher.fallbacks",
            "{fingerprint}",
            "Fingerprints that the plain interpreter matched, since the rules process was away.",
            lambda: evaluator.fallbacks,
        ),
        _counter(
            "signalbox.matcher.exchanges", "{exchange}", "Questions to the rules process.", lambda: counters.exchanges
        ),
        _counter(
            "signalbox.matcher.fingerprints",
            "{fingerprint}",
            "Fingerprints in them: those that no memo knew.",
            lambda: counters.fingerprints,
        ),
        _counter(
            "signalbox.matcher.timeouts", "{exchange}", "Times it was silent for too long.", lambda: counters.timeouts
        ),
        _counter("signalbox.matcher.errors", "{exchange}", "Error codes it reported.", lambda: counters.errors),
        _counter("signalbox.matcher.restarts", "{process}", "Times it was started anew.", lambda: counters.restarts),
        Reading("signalbox.matcher.ready", "1", "1 while it answers.", "gauge", lambda: _one(int(process.ready))),
        Reading("signalbox.memo.size", "{fingerprint}", "Answers kept in memory.", "gauge", lambda: _memos(evaluator)),
        _counter("signalbox.rules.reloads", "{version}", "Versions taken into service.", lambda: _reloads(reloader)[0]),
        _counter("signalbox.rules.failures", "{version}", "Versions that could not be.", lambda: _reloads(reloader)[1]),
    ]


def _counter(name: str, unit: str, description: str, value: Callable[[], int]) -> Reading:
    return Reading(name, unit, description, "counter", lambda: _one(value()))


def _one(value: int) -> Values:
    yield value, {}


def _decisions(counts: Counts) -> Values:
    # A copy, made in one step: the reader is another thread than the one that counts.
    for (verdict, reason, strategy), value in list(counts.decided.items()):
        yield (
            value,
            {
                "verdict": Verdict(verdict).name,
                "reason": Reason(reason).name,
                "strategy": Strategy(strategy).name if strategy else "NONE",
            },
        )


def _memos(evaluator: Evaluator) -> Values:
    try:
        judge = evaluator.judge
    except RulesUnavailable:
        return
    yield len(judge.message_matcher.memo), {"scope": "MESSAGE"}
    yield len(judge.channel_matcher.memo), {"scope": "CHANNEL"}


def _reloads(reloader: Reloader) -> tuple[int, int]:
    if reloader.current is None:
        return 0, 0
    return reloader.status.reloads, reloader.status.failures
