"""The message that is to be explained: a rule-test case, its `given:`, or a message or request of the contract."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cli.problems import CannotStart
from cli.rules.explain_contract import is_of_contract, of_contract
from cli.rules.explain_question import FORMS, Question
from engine.analysis.inputs import exactly, with_facts
from engine.analysis.situation import Situation
from engine.analysis.trials import Trials
from engine.decision.case_facts import subject_of
from engine.decision.case_reading import Case, read_cases, to_plain
from engine.decision.case_shape import CASE, check_shape
from engine.decision.case_turns import Turn, turns_of
from engine.decision.cases import interpreted
from engine.decision.judge import Judge
from engine.decision.session import Session, judge_now
from engine.errors import InvalidInput
from engine.ruleset.compile import RuleSet
from engine.ruleset.documents import Mapping as MappingNode
from engine.ruleset.documents import Sequence as SequenceNode
from engine.ruleset.documents import read_yaml
from engine.ruleset.issues import Issues, did_you_mean, render
from engine.ruleset.source import Source

LONGEST: Final = 16 << 20
"""Bytes of a message's file."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which case of several is meant, and which step of it."""

    case: str | None = None
    step: int | None = None


def read_question(place: Path, asked: Asked, ruleset: RuleSet) -> Question:
    """Read the message in a file, or from standard input for `-`. Raises CannotStart for what cannot be understood."""
    name = "standard input" if str(place) == "-" else str(place)
    data = _read(place, name)
    try:
        source = Source(name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise CannotStart(f"{name} is not UTF-8 text", FORMS) from error
    written = _as_json(source.text)
    if isinstance(written, dict) and not _is_case(written):
        return of_contract(written, name, ruleset)
    return _of_yaml(source, data, asked, ruleset)


def _of_yaml(source: Source, data: bytes, asked: Asked, ruleset: RuleSet) -> Question:
    name, issues = source.name, Issues()
    node = read_yaml(source, issues)
    if node is None or issues.has_errors:
        raise CannotStart(f"{name} cannot be read\n{render(issues.sorted(), False)}", FORMS)
    if isinstance(node, SequenceNode):
        return question_of(_chosen(read_cases({name: data}, issues), asked.case, name, issues), asked.step, ruleset)
    if asked.case is not None:
        raise CannotStart(f"{name} holds no list of rule-test cases, so there is none to name")
    if not isinstance(node, MappingNode):
        raise CannotStart(f"{name} holds no message", FORMS)
    if node.get("steps") is not None:
        raise CannotStart(f"{name} holds a sequence", "put it into a list of cases, and name it by --case")
    if not _is_case(to_plain(node)):
        return of_contract(to_plain(node), name, ruleset)
    given = node.get("given") or node
    check_shape(given, CASE["given"], "given", issues)
    if issues.has_errors:
        raise CannotStart(f"{name} cannot be understood\n{render(issues.sorted(), False)}")
    return question_of(Case(name, name, 1, node.span, to_plain(given) or {}, {}), asked.step, ruleset)


def _is_case(written: Mapping[str, Any]) -> bool:
    """Is this a case or its `given:`, and no message or request of the contract?"""
    if written.keys() & {"given", "expect", "steps"}:
        return True
    return written.keys() <= CASE["given"].keys() and not is_of_contract(written)


def _read(place: Path, name: str) -> bytes:
    try:
        if str(place) == "-":
            data = sys.stdin.buffer.read(LONGEST + 1)
        else:
            with place.open("rb") as file:
                data = file.read(LONGEST + 1)
    except OSError as error:
        raise CannotStart(f"{name} cannot be read: {error.strerror or error}", FORMS) from error
    if len(data) > LONGEST:
        raise CannotStart(f"{name} has more than {LONGEST >> 20} MiB", FORMS)
    return data


def _as_json(text: str) -> Any:
    """Return what JSON says, which knows escapes that YAML has not; None for what is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # what nests too deep is told by the reader of YAML, with its place
        return None


# ---- rule-test cases ----


def case_of(files: Mapping[str, bytes], name: str, where: str) -> Case:
    """Return the case of this name. Raises CannotStart when there is none."""
    issues = Issues()
    return _chosen(read_cases(files, issues), name, where, issues)


def _chosen(cases: Any, name: str | None, where: str, issues: Issues) -> Case:
    found: Sequence[Case] = list(cases)
    if name is None:
        if len(found) == 1:
            return found[0]
        if not found and issues.has_errors:
            raise CannotStart(f"{where} cannot be understood\n{render(issues.sorted(), False)}")
        raise CannotStart(f"{where} holds {len(found)} cases", 'say which one, such as --case "a large change"')
    exact = [one for one in found if one.name == name]
    near = exact or [one for one in found if name.lower() in one.name.lower()]
    if len(near) == 1 or exact:
        return near[0]
    if near:
        raise CannotStart(
            f'"{name}" stands in the names of {len(near)} cases of {where}', "; ".join(one.name for one in near[:5])
        )
    hint = did_you_mean(name, [one.name for one in found]) or "signalbox rules test --json lists the names"
    raise CannotStart(f'{where} holds no case "{name}"', hint)


def question_of(case: Case, step: int | None, ruleset: RuleSet) -> Question:
    """Return the situation of a case, or of one step of it, after all that came before. Raises CannotStart."""
    where = f'the case "{case.name}"' if case.expect or case.steps else case.name
    if subject_of(case.given) is not None:
        raise CannotStart(f"{where} is about a window of a breaker", "only messages are explained")
    try:
        turn = _turn(case, step, ruleset)
        situation = _situation(turn, ruleset)
    except (ValueError, TypeError, AttributeError, OverflowError, InvalidInput) as error:
        raise CannotStart(f"{where} cannot be judged: {error}") from error
    return Question(situation)


def _turn(case: Case, step: int | None, ruleset: RuleSet) -> Turn:
    """Run a case up to the turn that is asked for, the last one if none is."""
    judge = Judge(ruleset)
    wanted = step or (len(case.steps) if case.steps else 0)
    if step is not None and not 1 <= step <= len(case.steps):
        raise ValueError(f"it has {len(case.steps)} steps, and not {step}" if case.steps else "it has no steps")
    for turn in turns_of(case, ruleset):
        session = Session(judge, turn.state)
        judge_now(session, turn.before, interpreted)
        if turn.step == wanted:
            return turn
        judge_now(session, [(turn.message, turn.now_ms)], interpreted)
    raise AssertionError("a case has turns")


def _situation(turn: Turn, ruleset: RuleSet) -> Situation:
    """Return the situation of a turn; facts that only the rules were to see are given to them by real inputs."""
    ledger, key = turn.state.ledger, (turn.message.tenant, turn.message.user_id)
    user, breakers = turn.user, turn.state.breakers
    made = Situation(turn.message, user, turn.now_ms, breakers, ledger.uses.get(key, {}), ledger.accounts)
    if not turn.seen:
        return made
    paths = {fact.slot: fact.path for fact in ruleset.schema.facts}
    found = with_facts(made, {paths[slot]: exactly(value) for slot, value in turn.seen.items()}, ruleset)
    if found is not None:
        facts = Trials(ruleset).judged(found)
        if facts.error is None and all(facts.facts[slot] == value for slot, value in turn.seen.items()):
            return found
    raise ValueError(f"no message was found that has {', '.join(paths[slot] for slot in turn.seen)} as given")
