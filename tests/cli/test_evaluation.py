"""The parts of a run: batches that one state can describe, the state between them, and the counts."""

from __future__ import annotations

import io
import json
from pathlib import Path
from unittest.mock import Mock

from rich.console import Console

from cli.evaluation.batches import BreakerStates, in_batches
from cli.evaluation.channels import known_channels, unknown_channels
from cli.evaluation.pick import Pick
from cli.evaluation.rejects import MOST_ALIKE, MOST_LINES, Grouped, Rejects
from cli.evaluation.report import show_report
from cli.evaluation.run import Run
from cli.evaluation.state import KeptState
from cli.evaluation.tally import Tally
from cli.mapping.messages import Prepared, Rejected
from cli.mapping.model import BreakerTime
from cli.mapping.problems import Cause
from signalbox.v1 import decision_pb2, decision_service_pb2, state_pb2
from tests.cli.maps import MAP, compiled

RULES = Path(__file__).resolve().parents[2] / "rules"


def message(at_ms: int, user_id: str = "u", user: state_pb2.User | None = None) -> Prepared:
    evaluation = decision_service_pb2.Evaluation()
    evaluation.message.user_id = user_id
    return Prepared(at_ms, at_ms, 0, user_id, user, evaluation)


def sizes(*stream: Prepared | Rejected, size: int = 100, breakers: tuple[BreakerTime, ...] | None = None) -> list[int]:
    return [len(batch.messages) for batch in in_batches(stream, size, breakers, lambda rejected: None)]


def test_a_batch_is_full_or_the_last() -> None:
    """So many messages, never more."""
    assert sizes(*map(message, range(7)), size=3) == [3, 3, 1]


def test_a_user_who_becomes_another_begins_a_batch() -> None:
    """In one request a user is one thing."""
    poor, rich = state_pb2.User(user_id="u"), state_pb2.User(user_id="u", tags=["high"])

    assert sizes(message(1, "u", poor), message(2, "v"), message(3, "u", poor), message(4, "u", rich)) == [3, 1]
    assert sizes(message(1, "u", None), message(2, "u", poor)) == [1, 1]


def test_a_breaker_that_changes_begins_a_batch() -> None:
    """The beginning belongs to its time, the end does not."""
    paused = BreakerTime("sms", state_pb2.BREAKER_STATE_PAUSED, 2, 4)

    assert sizes(*map(message, range(6)), breakers=(paused,)) == [2, 2, 2]
    states = BreakerStates((paused,))
    assert [dict(states.at(now).channels) for now in (1, 3, 4)] == [{}, {"sms": 3}, {}]


def test_rejected_rows_take_no_place_in_a_batch() -> None:
    """They go where they are told, at once."""
    found: list[Rejected] = []
    bad = Rejected(1, "", Cause.plain("why"))
    list(in_batches([bad, message(1), bad], 5, None, found.append))

    assert found == [bad, bad]


def test_a_request_brings_what_its_messages_touch_and_no_more() -> None:
    """Users, ledger and accounts as they are after the batches before."""
    state = KeptState("bank", {"cash": state_pb2.Account(tenant="bank", name="cash", left_micros=9)})
    changed = state_pb2.State()
    for user_id in ("u", "v"):
        changed.ledger.users.add(tenant="bank", user_id=user_id).uses.add(limit="day", count=1, end_ms=50, last_ms=5)
    changed.accounts.accounts.add(tenant="bank", name="cash", left_micros=7)
    state.take_in(changed)
    changed.ledger.users[0].uses[0].count = 2
    state.take_in(changed)
    user = state_pb2.User(tenant="bank", user_id="u")
    (batch,) = in_batches([message(6, "u", user), message(7, "w")], 5, (), lambda rejected: None)

    request = state.request(batch)

    assert [(user.user_id, [use.count for use in user.uses]) for user in request.state.ledger.users] == [("u", [2])]
    assert [account.left_micros for account in request.state.accounts.accounts] == [7]
    assert [user.user_id for user in request.state.users.users] == ["u"]
    assert request.state.HasField("breakers")
    assert len(request.evaluations) == 2


def test_parts_that_the_map_leaves_out_are_the_servers() -> None:
    """No accounts and no breakers given is not the same as none there."""
    (batch,) = in_batches([message(6)], 5, None, lambda rejected: None)

    request = KeptState("bank", None).request(batch)

    found = {part: request.state.HasField(part) for part in ("users", "ledger", "accounts", "breakers")}
    assert found == {"users": True, "ledger": True, "accounts": False, "breakers": False}


def test_what_no_limit_can_ask_for_is_forgotten() -> None:
    """An entry past its expire_ms is neither sent nor kept."""
    state, changed = KeptState("bank", None), state_pb2.State()
    uses = changed.ledger.users.add(tenant="bank", user_id="u").uses
    for n in range(100):
        uses.add(limit=f"limit-{n}", count=1, end_ms=n, last_ms=n, expire_ms=n)
    state.take_in(changed)
    (batch,) = in_batches([message(39)], 5, None, lambda rejected: None)

    kept = state.request(batch).state.ledger.users[0].uses

    assert [f"limit-{n}" for n in range(40, 100)] == [use.limit for use in kept]
    state.take_in(changed)
    assert len(state.request(batch).state.ledger.users[0].uses) == 60


def test_counts_are_those_of_the_documented_shape() -> None:
    """Strategies and channels count SEND, reasons the rest, rules every message that a rule decided."""
    tally = Tally(rejected=2)
    send = decision_pb2.Decision(verdict=decision_pb2.VERDICT_SEND, decided_by="route")
    send.plan.strategy = 2  # type: ignore[assignment]
    send.plan.steps.add(channel="push", admitted=True)
    send.plan.steps.add(channel="sms")
    drop = decision_pb2.Decision(verdict=decision_pb2.VERDICT_DROP, reason=decision_pb2.REASON_EXPIRED)
    tally.add(send, 3)
    tally.add(drop, 1)

    assert tally.as_json(2.0) == {
        "read": 6,
        "decided": 4,
        "rejected": 2,
        "verdicts": {"SEND": 3, "HOLD": 0, "DROP": 1},
        "strategies": {"SUPPLEMENT": 3},
        "channels": {"push": 3},
        "reasons": {"EXPIRED": 1},
        "rules": {"route": 3},
        "seconds": 2.0,
        "per_second": 2.0,
    }


def test_rejected_rows_are_counted_and_written_down(tmp_path: Path) -> None:
    """One JSON object a line, all of them."""
    with Rejects(tmp_path / "rejects.jsonl") as rejects:
        for line in range(5):
            rejects.add(Rejected(line, "", (Cause("k", "why"), Cause("k", "how"))))

    lines = (tmp_path / "rejects.jsonl").read_text().splitlines()
    assert rejects.count == len(lines) == 5
    assert json.loads(lines[4]) == {"line": 4, "message": "", "reason": "why; how"}


def test_what_is_wrong_is_told_by_kind_the_first_few_in_full() -> None:
    """Ten thousand wrong amounts must not hide the one unknown word behind them."""
    grouped = Grouped()
    for line in range(2, 10_002):
        grouped.add(line, "", (Cause("amount: expected a number", f'amount: holds "{line}x"'),))
    grouped.add(7, "code-1", Cause.plain("empty"))
    grouped.add(8, "", Cause.plain("empty"))

    told = list(grouped.told("see elsewhere"))

    assert told[0] == 'line 2: amount: holds "2x"'
    assert told[MOST_ALIKE:] == ["9,990 more: amount: expected a number", "line 7 (and 1 more): code-1: empty"]


def test_what_is_too_various_to_be_told_is_counted() -> None:
    """Nothing is left out in silence."""
    grouped = Grouped()
    for line in range(5_000):
        grouped.add(line, "", Cause.plain(f"reason {line}"))

    assert list(grouped.told("see elsewhere"))[-1] == f"{5_000 - MOST_LINES:,} more for other reasons; see elsewhere"


def test_a_channel_that_the_rules_do_not_know_is_warned_of(tmp_path: Path) -> None:
    """With its place in the map; where the rules cannot be read nothing is said."""
    text = MAP.replace("channel: sms, value", "channel: smss, value").replace(
        "content: {text: Your code is 1234}", "content: {text: x}\n    wishes: {channels: [sms, pigeon]}"
    )
    times = "breakers:\n  - {channel: psh, state: SLOW, since: 1993-01-01, until: 1994-01-01}\n"
    event_map = compiled(tmp_path, text + times)
    known = known_channels(RULES)

    issues = unknown_channels(event_map, known)

    assert {"push", "sms", "mail"} <= set(known)
    assert [
        ('the rules declare no channel "smss"', 'did you mean "sms"?'),
        ('the rules declare no channel "pigeon"', f"they declare {', '.join(known)}"),
        ('the rules declare no channel "psh"', 'did you mean "push"?'),
    ] == [(issue.message, issue.hint) for issue in issues]
    assert all(issue.line > 1 and not issue.severity.value.startswith("err") for issue in issues)
    assert () == unknown_channels(event_map, known_channels(tmp_path)) == unknown_channels(event_map, ())
    assert known == known_channels(next(path for path in RULES.iterdir() if path.is_dir()))


def shown(tally: Tally, folder: Path) -> str:
    run = Run(Mock(), KeptState("bank", None), Pick(None), Mock(), Mock(), tally)
    page = io.StringIO()
    remarks = ["client: 1 of 2 rows found no partner"]
    show_report(Console(width=60, file=page), run, 1.0, compiled(folder), remarks)
    return page.getvalue()


def test_a_report_has_no_empty_sections(tmp_path: Path) -> None:
    """Nothing decided is one line; nothing sent leaves out what only sent messages have."""
    dropped = Tally()
    dropped.add(decision_pb2.Decision(verdict=decision_pb2.VERDICT_DROP, reason=decision_pb2.REASON_EXPIRED), 2)

    nothing, something = shown(Tally(rejected=3), tmp_path), shown(dropped, tmp_path)

    assert [line[:10] for line in nothing.splitlines()] == ["3 messages", "client: 1 "]
    assert [
        title in something for title in ("Verdicts", "Strategies", "Channels", "Reasons (of HOLD and DROP)", "Deciding")
    ] == [True, False, False, True, False]
