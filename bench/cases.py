"""How fast the messages of a version's own rule tests are judged, in process: decided whole, and matched alone.

Every message that a case judges becomes load: with its user, what the user has used of the limits, and the breakers,
over and over, each time to another user. So a version is measured by what its author thought worth testing, and nobody
need write a workload. First durable-rules and the plain interpreter must decide all of them alike.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import _common
from _common import figure, median, rate

from cli.rules.versions import tests_of, versions_of
from engine.decision.case_observer import Asked
from engine.decision.case_turns import Turn, turns_of
from engine.decision.cases import CaseRunner, interpreted, sound_cases
from engine.decision.judge import Judge
from engine.decision.ledger_model import LedgerModel
from engine.decision.model import Decision
from engine.decision.session import Ask, Item, Session, State, judge_now
from engine.flow.loading import ask, matcher_of, read_rule_tests
from engine.ruleset.compile import RuleSet
from engine.ruleset.fact_types import Scope
from engine.ruleset.issues import Issues
from engine.ruleset.match import ScopeMatcher

BATCH: Final = 500


@dataclass
class Load:
    """What the cases of a version give: messages to be decided, and questions to be matched."""

    turns: list[Turn] = field(default_factory=list)
    questions: list[Asked] = field(default_factory=list)
    cases: int = 0

    def asked(self, question: Asked) -> None:
        """Keep a question about a message or one of its candidates."""
        if question.scope in (Scope.MESSAGE, Scope.CHANNEL):
            self.questions.append(question)


def load_of(ruleset: RuleSet, tests: Path) -> Load:
    """Read and run the cases; whoever brings values of his own for what is read from a text is matched alone."""
    load = Load()
    runner = CaseRunner(ruleset, interpreted, load)
    for case in sound_cases(ruleset, read_rule_tests(tests)[0], Issues()):
        if not runner.run(case).passed:
            raise SystemExit(f"{case.file}:{case.line}: {case.name}: fails; mend the cases first")
        load.cases += 1
        if not case.steps and "provider" not in case.given and "channel" not in case.given:
            load.turns += [turn for turn in turns_of(case, ruleset) if not turn.seen and "platform" not in case.given]
    return load


def batches(load: Load, messages: int) -> list[tuple[State, list[Item]]]:
    """Make batches: each message is to a user of its own; those with the same breakers share a state."""
    open_: dict[str, tuple[State, list[Item]]] = {}
    made: list[tuple[State, list[Item]]] = []
    for number in range(messages):
        turn = load.turns[number % len(load.turns)]
        key = repr(turn.state.breakers)
        if key not in open_ or len(open_[key][1]) >= BATCH:
            open_[key] = (State({}, LedgerModel(), turn.state.breakers, turn.user.zone), [])
            made.append(open_[key])
        _add(open_[key], turn, number)
    return made


def _add(batch: tuple[State, list[Item]], turn: Turn, number: int) -> None:
    state, items = batch
    message = turn.message._replace(user_id=f"{turn.message.user_id}-{number}")
    user = (message.tenant, message.user_id)
    assert state.users is not None
    state.users[user] = turn.user
    used = turn.state.ledger.uses.get((turn.message.tenant, turn.message.user_id))
    if used:
        state.ledger.uses[user] = {key: replace(use) for key, use in used.items()}
    items.append((message, turn.now_ms))


def decide(judge: Judge, made: Sequence[tuple[State, list[Item]]], answer: Ask) -> list[Decision]:
    """Decide every message of every batch, as EvaluateBatch does."""
    return [one.decision for state, items in made for one in judge_now(Session(judge, state), items, answer)]


def match(matchers: dict[Scope, ScopeMatcher], questions: Sequence[Asked]) -> None:
    """Find what the rules answer to every question; what no memo knows the interpreter answers."""
    for one in questions:
        matcher = matchers[one.scope]
        known = matcher.fingerprint(one.f, one.c)
        if matcher.memo.get(known) is None:
            matcher.interpret(known, one.f, one.c)


def measure(folder: Path | None, messages: int, rounds: int) -> dict[str, Any]:
    """Check that both ways decide alike, then measure in turns and take medians."""
    version = versions_of(folder)[0][0]
    if version.compiled is None or version.compiled.ruleset is None:
        raise SystemExit(f"{version.folder} has errors; signalbox rules check tells which")
    ruleset = version.compiled.ruleset
    load = load_of(ruleset, tests_of(version.folder))
    if not load.turns:
        raise SystemExit(f"{version.folder} has no case of a message")
    with _common.progress() as shown, closing(matcher_of(ruleset)) as durable:
        answer = partial(ask, durable)
        judge = Judge(ruleset)
        first = decide(judge, batches(load, messages), answer)
        second = decide(Judge(ruleset), batches(load, messages), interpreted)
        equal = list(map(repr, first)) == list(map(repr, second))
        rates = _measured(ruleset, judge, load, messages, answer, rounds, shown) if equal else {}
    return {
        **{name: figure(median(values)) for name, values in rates.items()},
        "answers_equal": equal,
        "version": ruleset.version,
        "rules": len(ruleset.rules),
        "cases": load.cases,
        "different_messages": len(load.turns),
        "questions": len(load.questions),
        "messages": messages,
        "rounds": rounds,
    }


def _measured(
    ruleset: RuleSet, judge: Judge, load: Load, messages: int, answer: Ask, rounds: int, shown: _common.Progress
) -> dict[str, list[float]]:
    asked = load.questions * max(1, messages // len(load.questions))
    warm = {scope: judge.matcher(scope) for scope in (Scope.MESSAGE, Scope.CHANNEL)}
    rates: dict[str, list[float]] = {name: [] for name in LABELS}
    for number in range(rounds):
        shown.part("judging, rounds", number, rounds)
        made, again = batches(load, messages), batches(load, messages)
        cold = {scope: ruleset.matcher(scope) for scope in warm}
        runs: dict[str, tuple[int, Callable[[], object]]] = {
            "per_second": (messages, lambda made=made: decide(judge, made, answer)),
            "first_pass_per_second": (messages, lambda again=again: decide(Judge(ruleset), again, answer)),
            "match_per_second": (len(asked), lambda: match(warm, asked)),
            "match_cold_per_second": (len(load.questions), lambda cold=cold: match(cold, load.questions)),
        }
        for name, (count, run) in runs.items():
            rates[name].append(rate(count, run))
    return rates


LABELS: Final = {
    "per_second": "decided, warm, batches of 500",
    "first_pass_per_second": "decided, beginning with an empty memo",
    "match_per_second": "matched alone, warm (questions: a message, or a candidate of one)",
    "match_cold_per_second": "matched alone, each question once, by the interpreter where it is new",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="the version (default: the one rollout.yaml names)")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--quick", action="store_true", help="a short run, for a first look")
    parser.add_argument("--messages", type=int, help="how many messages a round (default 100,000; quick 10,000)")
    parser.add_argument("--rounds", type=int, help="how many rounds (default 5; quick 3)")
    given = parser.parse_args()
    about = _common.machine()
    _common.use_one_core()
    messages = given.messages or (10_000 if given.quick else 100_000)
    result = measure(given.folder, messages, given.rounds or (3 if given.quick else 5))
    workload = (
        f"version {result['version']}: {result['rules']} rules, {result['cases']} cases with "
        f"{result['different_messages']} messages and {result['questions']} questions, made into {messages:,} messages "
        f"to as many users, one core, medians of {result['rounds']} rounds; durable-rules and the interpreter decide "
        f"{'alike' if result['answers_equal'] else 'DIFFERENTLY'}"
    )
    lines = [(LABELS[name], f"{result[name]:>12,.0f} /s") for name in LABELS if name in result]
    result |= {"workload": workload, "machine": about}
    _common.report(result, lines or [("nothing was measured", "")], given.json)
    if not result["answers_equal"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
