"""The checker: did a server keep its promises? It believes the carriers and the clients, never the server's books.

    python tests/faults/checker.py --logs DATA/sandbox --answers ANSWERS --facts FACTS --server HOST:PORT

It reads what the simulated carriers wrote down of the calls they got (their own JSON lines, one file a provider), what
clients were answered (JSON lines, `Answer`), and what it is told of the rules (JSON, `Facts`). What the server says of
a message's end it asks like any client, by Get (or reads from `--told`, JSON lines in the shape of `told_of`). It knows
nothing of the engine but its contract. It prints a line for each broken promise and exits with 1 if there is any.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

Line = dict[str, Any]
Told = Mapping[str, Line]
"""By message id: its state, reason, steps and events, or None for a message that the server does not know."""

FINAL = frozenset("DELIVERED FAILED DROPPED EXPIRED CANCELLED UNCONFIRMED UNKNOWN".split())
SENT = frozenset({"DELIVERED", "UNCONFIRMED"})
"""States that only a message can be in that a carrier has taken."""
UNSENT = frozenset({"DROPPED", "EXPIRED", "CANCELLED"})
"""States that say that nothing went out."""
DECIDED_AWAY = UNSENT | {"UNKNOWN", "FAILED"}
"""States in which a decision can end a step; the last two where an earlier attempt went out, or may have."""
WORST_LAST = ("UNCONFIRMED", "UNKNOWN", "FAILED", "EXPIRED", "CANCELLED", "DROPPED")
ARRIVED = frozenset({"DELIVERED", "READ", "CLICKED"})
CALLS = frozenset({"accepted", "refused", "unreached"})


class Answer(NamedTuple):
    """What a client was answered to one message: a line of the answers' file.

    `changed` says that it sent the request with another content than its first one; `error` is then the code.
    """

    message_id: str
    tenant: str
    user_id: str
    request_id: str
    category: str
    line: str
    verdict: str
    reason: str
    repeated: bool
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limit:
    """At most `max` messages to a user in a window that begins with the first; of some categories or channels only."""

    name: str
    max: int
    window_ms: int
    channels: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Account:
    """The messages of a line pay so much of this account for each step on a channel."""

    line: str
    channel: str
    price_micros: int
    total_micros: int


@dataclass(frozen=True)
class Facts:
    """What the checker is told: when the run began, the limits and accounts, and the categories that go again."""

    began_ms: int
    limits: tuple[Limit, ...] = ()
    accounts: tuple[Account, ...] = ()
    goes_again: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str) -> Facts:
        """Read what `json.dumps(dataclasses.asdict(facts))` wrote."""
        raw = json.loads(text)
        limits = tuple(
            Limit(**{k: tuple(v) if isinstance(v, list) else v for k, v in x.items()}) for x in raw["limits"]
        )
        accounts = tuple(Account(**x) for x in raw["accounts"])
        return cls(raw["began_ms"], limits, accounts, tuple(raw["goes_again"]))


@dataclass
class Step:
    """What carriers wrote down of one step of a message: its calls, and the kinds of receipts they told."""

    calls: list[Line] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)

    @property
    def accepted(self) -> list[Line]:
        """The calls that a carrier took, by the number of the attempt."""
        return sorted((call for call in self.calls if call["kind"] == "accepted"), key=lambda call: call["attempt"])


class Seen:
    """All that the carriers wrote down, by message and step."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.steps: dict[tuple[str, int], Step] = defaultdict(Step)
        self.messages: dict[str, list[Line]] = defaultdict(list)
        for line in lines:
            step = self.steps[line["message_id"], line["step"]]
            if line["kind"] in CALLS:
                step.calls.append(line)
                self.messages[line["message_id"]].append(line)
            else:
                step.receipts.append(line["receipt"])

    def of(self, message_id: str, step: int) -> Step:
        """One step; an empty one if no carrier knows it."""
        return self.steps.get((message_id, step), Step())


def broken_promises(seen: Seen, answers: Sequence[Answer], told: Told, facts: Facts) -> list[str]:
    """Everything that should not be, in sentences; nothing when all is well."""
    known = {answer.message_id: answer for answer in answers}
    return [
        *_unsteady_answers(answers),
        *(sentence for answer in known.values() for sentence in _of_message(answer, told.get(answer.message_id), seen)),
        *_calls(seen, known, told, facts),
        *_limits(seen, known, facts),
        *_accounts(seen, known, facts),
    ]


def not_final(told: Line) -> bool:
    """Is something of a message still under way? It counts as delivered as soon as one step is."""
    return told["state"] not in FINAL or any(step["state"] not in FINAL for step in told["steps"])


# ---- answers ----


def _unsteady_answers(answers: Sequence[Answer]) -> Iterator[str]:
    """The same request is answered alike however often it comes, and is new once at the most."""
    first: dict[tuple[str, str, str], Answer] = {}
    new: Counter[str] = Counter()
    for answer in answers:
        before = first.setdefault((answer.tenant, answer.user_id, answer.request_id), answer)
        if answer._replace(repeated=before.repeated) != before:
            yield f"{answer.message_id}: answered {before} and then {answer}"
        new[answer.message_id] += not answer.repeated
    for message_id, times in new.items():
        if times > 1:
            yield f"{message_id}: {times} answers say that it is new"


# ---- one message ----


def _of_message(answer: Answer, told: Line | None, seen: Seen) -> Iterator[str]:
    name = f"{answer.message_id} ({answer.category}, {answer.verdict})"
    if not told:
        yield f"{name}: it was accepted, and the server knows nothing of it"
        return
    if not_final(told):
        yield f"{name}: it has no final state, it is {told['state']}, and its steps are {told['steps']}"
        return
    if answer.verdict == "DROP" and (told["state"] not in ("DROPPED", "EXPIRED") or not told["reason"]):
        yield f"{name}: it was dropped, and is {told['state']} for the reason {told['reason'] or 'none'}"
    yield from (f"{name}: {what}" for what in _ends(told))
    for step in told["steps"]:
        for what in _of_step(step, seen.of(answer.message_id, step["number"]), told):
            yield f"{name}, step {step['number']}, {step['state']}: {what}"
    numbers = {step["number"] for step in told["steps"]}
    for number in sorted({call["step"] for call in seen.messages.get(answer.message_id, ())} - numbers):
        yield f"{name}: a carrier was called for step {number}, which the server does not know"


def _ends(told: Line) -> Iterator[str]:
    """Every step ends once, the message is what its steps make of it, and the trace has no gaps."""
    ended: dict[int, list[str]] = defaultdict(list)
    decisions = sum(event["kind"] == "DECIDED" for event in told["events"])
    for event in told["events"]:
        if event["kind"] == "REDRIVEN":
            ended[event["step"]].pop()
        elif event["kind"] == "ENDED":
            ended[event["step"]].append(event["detail"].get("state", ""))
    for step in told["steps"]:
        states = ended.get(step["number"], [])
        # What a later decision ended is told of by that decision.
        decided = not states and step["state"] in DECIDED_AWAY and decisions > 1
        if states != [step["state"]] and not decided:
            yield f"step {step['number']} is {step['state']}, and the trace has these ends of it: {states}"
    states = {step["state"] for step in told["steps"]}
    if states and told["state"] != _state_of(states):
        yield f"it is {told['state']}, and its steps are {sorted(states)}"
    if not states and (told["state"] not in UNSENT or len(ended[0]) > 1):
        yield f"it is {told['state']} without any step; the trace has these ends of it: {ended[0]}"
    numbers = [event["number"] for event in told["events"]]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"the events of its trace are numbered {numbers}"


def _state_of(states: set[str]) -> str:
    if "DELIVERED" in states:
        return "DELIVERED"
    return next((state for state in WORST_LAST if state in states), min(states - FINAL, default=""))


def _of_step(step: Line, seen: Step, told: Line) -> Iterator[str]:
    """What the server says of a step is what the carriers know of it."""
    state, accepted = step["state"], seen.accepted
    if state in SENT and not accepted:
        yield "no carrier has taken it"
    if state == "DELIVERED" and not ARRIVED & set(seen.receipts):
        yield "no carrier has told that it arrived"
    if state in UNSENT and accepted:
        yield "a carrier has taken it"
    if state == "FAILED" and any(call["delivered"] for call in accepted):
        yield "it has arrived"
    if state == "UNKNOWN" and not any(e["kind"] == "ATTEMPTED" and e["step"] == step["number"] for e in told["events"]):
        yield "it was never attempted"
    if state in ("DROPPED", "FAILED") and not (step["reason"] or told["reason"] or seen.calls):
        yield "it never reached a carrier, and no reason is given"


# ---- calls ----


def _calls(seen: Seen, known: Mapping[str, Answer], told: Told, facts: Facts) -> Iterator[str]:
    for message_id, calls in seen.messages.items():
        answer = known.get(message_id)
        if answer is None:
            yield f"{message_id}: a carrier was called, and no client was told that it is accepted"
        elif answer.verdict == "DROP":
            yield f"{message_id}: it was dropped, and a carrier was called"
        for reference, times in Counter(call["reference"] for call in calls).items():
            if times > 1:
                yield f"{reference}: {times} calls of one attempt"
    for (message_id, number), step in seen.steps.items():
        if len(step.accepted) > 1:
            category = known[message_id].category if message_id in known else ""
            yield from _copies(
                f"{message_id}, step {number}", number, step.accepted, told.get(message_id), category, facts
            )


def _copies(
    name: str, number: int, accepted: Sequence[Line], told: Line | None, category: str, facts: Facts
) -> Iterator[str]:
    """A second copy goes out only where that is allowed, and then the trace says so."""
    events = told["events"] if told else ()
    marked = {
        event["detail"].get("attempt")
        for event in events
        if event["kind"] == "ATTEMPTED" and event["step"] == number and event["detail"].get("may_be_duplicated")
    }
    for call in accepted[1:]:
        if call["attempt"] not in marked:
            yield f"{name}: attempt {call['attempt']} is a second copy, and the trace does not say so"
    if facts.goes_again and category not in facts.goes_again:
        yield f"{name}: {len(accepted)} copies of a message in the category {category} went out"


# ---- limits and accounts ----


def _limits(seen: Seen, known: Mapping[str, Answer], facts: Facts) -> Iterator[str]:
    """Nobody got more than the windows since the run began have room for.

    A window begins with a decision, and a call follows at some later time. So one window is certain only in a run that
    is shorter than it; where several may have passed, all of them could have been filled.
    """
    for limit in facts.limits:
        touched: dict[tuple[str, str], list[int]] = defaultdict(list)
        for message_id, answer in known.items():
            calls = [
                c for c in seen.messages.get(message_id, ()) if not limit.channels or c["channel"] in limit.channels
            ]
            if calls and (not limit.categories or answer.category in limit.categories):
                touched[answer.tenant, answer.user_id].append(min(call["at"] for call in calls))
        for (_tenant, user_id), times in touched.items():
            room = limit.max * (max(0, max(times) - facts.began_ms) // limit.window_ms + 1)
            if len(times) > room:
                yield f"the user {user_id} got {len(times)} messages, and the limit {limit.name} has room for {room}"


def _accounts(seen: Seen, known: Mapping[str, Answer], facts: Facts) -> Iterator[str]:
    """What was sent costs no more than there is; a step pays once, however often it is tried."""
    for account in facts.accounts:
        paid = sum(
            message_id in known
            and known[message_id].line == account.line
            and any(call["channel"] == account.channel for call in step.accepted)
            for (message_id, _number), step in seen.steps.items()
        )
        if paid * account.price_micros > account.total_micros:
            yield (
                f"{paid} steps of the line {account.line} went out by {account.channel} at {account.price_micros} "
                f"micros each, and the account holds {account.total_micros}"
            )


# ---- reading ----


def read_lines(path: Path) -> Iterator[Line]:
    """The JSON lines of a file; half a line that somebody died over is none."""
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(text)
        except ValueError:
            continue


def read_seen(logs: Path) -> Seen:
    """All logs of a folder."""
    return Seen(line for path in sorted(logs.glob("*.jsonl")) for line in read_lines(path))


def read_answers(path: Path) -> list[Answer]:
    """The answers that clients got."""
    return [Answer(**{**line, "channels": tuple(line["channels"])}) for line in read_lines(path)]


def told_of(response: Any) -> Line:
    """What a GetResponse says, as plain values."""
    from google.protobuf.json_format import MessageToDict

    from signalbox.v1 import message_service_pb2

    def event(one: Any) -> Line:
        kind = message_service_pb2.EventKind.Name(one.kind).removeprefix("EVENT_KIND_")
        return {"number": one.number, "kind": kind, "step": one.step, "detail": MessageToDict(one.detail)}

    return {**told_of_record(response.record), "events": [event(one) for one in response.events]}


def told_of_record(record: Any) -> Line:
    """What a MessageRecord says, as plain values."""
    from signalbox.v1 import decision_pb2, message_service_pb2

    def state(number: int) -> str:
        return message_service_pb2.MessageState.Name(number).removeprefix("MESSAGE_STATE_")

    def reason(number: int) -> str:
        return decision_pb2.Reason.Name(number).removeprefix("REASON_") if number else ""

    return {
        "state": state(record.state),
        "reason": reason(record.reason),
        "steps": [{"number": s.number, "state": state(s.state), "reason": reason(s.reason)} for s in record.steps],
    }


def ask(server: str, message_ids: Iterable[str]) -> dict[str, Line]:
    """Ask a server what became of messages; those that it does not know are left out."""
    import grpc

    from signalbox.v1 import message_service_pb2, message_service_pb2_grpc

    with grpc.insecure_channel(server) as channel, ThreadPoolExecutor(16) as several:
        stub = message_service_pb2_grpc.MessageServiceStub(channel)

        def get(message_id: str) -> tuple[str, Line]:
            try:
                return message_id, told_of(stub.Get(message_service_pb2.GetRequest(message_id=message_id), timeout=30))
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.NOT_FOUND:
                    raise
                return message_id, {}

        return dict(several.map(get, message_ids))


def main(arguments: Sequence[str] | None = None) -> int:
    """Check what the command line names."""
    parser = argparse.ArgumentParser(description="Did a server keep its promises?")
    parser.add_argument("--logs", type=Path, required=True, help="the folder with the carriers' logs")
    parser.add_argument("--answers", type=Path, required=True, help="JSON lines: what clients were answered")
    parser.add_argument("--facts", type=Path, required=True, help="JSON: what the rules limit and charge")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--server", help="HOST:PORT, to be asked for the state of every message")
    where.add_argument("--told", type=Path, help="JSON lines: what it said of each")
    given = parser.parse_args(arguments)

    answers = read_answers(given.answers)
    if given.server:
        told = ask(given.server, dict.fromkeys(answer.message_id for answer in answers))
    else:
        told = {line.pop("message_id"): line for line in read_lines(given.told)}
    facts = Facts.read(given.facts.read_text(encoding="utf-8"))
    complaints = broken_promises(read_seen(given.logs), answers, told, facts)
    sys.stdout.writelines(f"{complaint}\n" for complaint in complaints)
    sys.stdout.write(f"{len(told)} messages, {len(complaints)} broken promises\n")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
