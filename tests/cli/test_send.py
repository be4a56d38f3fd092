"""`signalbox send` as a person runs it, on a server that keeps the contract in memory."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from google.rpc import code_pb2

import cli.sending.calls
from cli.main import signalbox
from signalbox.v1 import state_pb2
from tests.cli.fake_server import FakeServer, status
from tests.cli.maps import CLIENTS, MAP

HEADER = "id,account,day,kind,amount,note\n"
ROWS = "1,A,1993-01-01,IN,100.0,\n2,A,1993-01-02,OUT,300.0,x\n3,B,1993-01-03,IN,50.0,\n4,C,1993-01-04,IN,1.0,\n"
EXTRAS = """\
accounts:
  accounts/sms/cash: {left: 850.00, unit: CNY}
  empty: {left: 0, unit: CNY}
breakers:
  - {channel: sms, state: PAUSED, since: "1993-01-02T00:00", until: "1993-01-03T00:00"}
  - {state: SLOW, since: "1993-02-01T00:00", until: "1993-02-02T00:00"}
"""


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pauses take no time, and what a run leaves behind is left in a folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli.sending.calls, "LONGEST_PAUSE", 0.0)


def write(folder: Path, rows: str = ROWS, text: str = MAP, name: str = "rows.csv") -> list[str]:
    (folder / "clients.csv").write_text(CLIENTS, encoding="utf-8")
    (folder / "map.yaml").write_text(text, encoding="utf-8")
    (folder / name).write_text(HEADER + rows, encoding="utf-8")
    return ["send", str(folder / name), "--map", str(folder / "map.yaml")]


def run(server: FakeServer, arguments: list[str], *more: str) -> Result:
    return CliRunner().invoke(signalbox, [*arguments, "--server", server.address, *more])


def counts(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def sent(server: FakeServer) -> list[str]:
    """The request ids in the order in which they came."""
    return [one.message.request_id for request in server.of("SendBatch") for one in request.requests]


def test_the_counts_are_those_that_are_promised(server: FakeServer, tmp_path: Path) -> None:
    """Every key is there, the states are those that the server has recorded."""
    found = counts(run(server, write(tmp_path), "--json"))

    for key in ("seconds", "per_second", "server", "trace", "waited_seconds"):
        found.pop(key)
    assert found == {
        "read": 5,
        "accepted": 5,
        "rejected": 0,
        "verdicts": {"SEND": 5, "HOLD": 0, "DROP": 0},
        "strategies": {"SUPPLEMENT": 5},
        "reasons": {},
        "states": {"SENT": 5},
        "repeated": 0,
        "resumed": 0,
        "channels": {"push": 5},
        "rules": {"route": 5},
        "unrecorded": 0,
    }


def test_messages_go_at_the_time_of_their_rows(server: FakeServer, tmp_path: Path) -> None:
    """On the messages' clock each brings its own, and they come in its order."""
    counts(run(server, write(tmp_path), "--json"))

    requests = [one for request in server.of("SendBatch") for one in request.requests]
    times = [one.now.ToMilliseconds() for one in requests]
    assert times == sorted(times)
    assert [one.now for one in requests] == [one.message.occurred_at for one in requests]


def test_waiting_moves_the_clock_on_until_nothing_is_left(server: FakeServer, tmp_path: Path) -> None:
    """As often as the server says that there is more."""
    server.advance_in = 3

    found = counts(run(server, write(tmp_path), "--json", "--wait"))

    assert found["states"] == {"DELIVERED": 5}
    assert [request.HasField("until") for request in server.of("AdvanceClock")][-3:] == [False] * 3


def test_users_are_there_before_the_message_that_needs_them(server: FakeServer, tmp_path: Path) -> None:
    """Known ones only, each once until something about them changes, opt-outs as of the row's time."""
    rows = ROWS + "5,A,1993-01-05,IN,5000.0,\n6,A,1993-01-06,IN,6000.0,\n"

    counts(run(server, write(tmp_path, rows), "--json"))

    puts = [[(user.user_id, list(user.tags)) for user in request.users] for request in server.of("PutUsers")]
    assert puts == [[("client-1", []), ("client-2", [])], [("client-1", ["high"])]]
    out = server.of("PutUsers")[0].users[1].opt_outs[0]
    assert (out.channel, out.at.ToMilliseconds()) == ("sms", server.of("AdvanceClock")[0].until.ToMilliseconds())
    assert server.methods()[-5:] == ["SendBatch", "AdvanceClock", "PutUsers", "SendBatch", "List"]


def test_what_a_user_no_longer_has_is_taken_away(server: FakeServer, tmp_path: Path) -> None:
    """What the map has put there itself, and nothing that others have."""
    text = MAP.replace('value: "+420{client.id}"}', 'value: "+420{client.id}", when: row.amount < 200.0}').replace(
        'when: client.id == "2"', "when: row.amount < 200.0"
    )

    counts(run(server, write(tmp_path, ROWS, text), "--json"))

    unbound = [(request.user_id, request.channel, request.value) for request in server.of("Unbind")]
    assert unbound == [("client-1", "sms", "+4201")]
    assert [(request.user_id, request.channel) for request in server.of("OptIn")] == [("client-1", "sms")]


def test_somebody_whom_the_server_cannot_store_gets_no_message(server: FakeServer, tmp_path: Path) -> None:
    """To send without knowing what they do not want would be wrong."""
    server.refused_users = {"client-1"}

    found = counts(run(server, write(tmp_path), "--json"))

    assert (found["accepted"], found["rejected"]) == (2, 3)
    rejected = [json.loads(line) for line in Path("rows.csv.rejected.jsonl").read_text().splitlines()]
    assert {line["reason"] for line in rejected} == {"the user cannot be stored: 64 bindings"}


def test_money_is_put_in_once_for_a_map(server: FakeServer, tmp_path: Path) -> None:
    """However often it is sent, and nothing for an account that begins empty."""
    arguments = write(tmp_path, text=MAP + EXTRAS)

    first, second = run(server, arguments), run(server, arguments)

    assert "money was put into 1 of" in first.stderr
    assert "in its accounts already" in second.stderr
    assert list(server.entries.values()) == [850_000_000]


def test_breakers_change_at_their_times(server: FakeServer, tmp_path: Path) -> None:
    """The clock is there when they do; what they leave behind is given back when it is waited for."""
    arguments = write(tmp_path, ROWS + "5,A,1993-02-01,IN,1.0,\n", MAP + EXTRAS)

    counts(run(server, arguments, "--json", "--wait"))

    changes = [(one.scope.channel, one.state) for one in server.of("SetBreaker")]
    paused, slow = state_pb2.BREAKER_STATE_PAUSED, state_pb2.BREAKER_STATE_SLOW
    assert changes == [("", 0), ("sms", 0), ("sms", paused), ("sms", 0), ("", slow), ("", 0)]
    names = [name for name, _ in server.calls]
    for place, name in enumerate(names):
        if name == "SetBreaker" and place > names.index("SendBatch"):
            assert names[place - 1] == "AdvanceClock"


def test_the_same_file_again_is_the_same_messages(server: FakeServer, tmp_path: Path) -> None:
    """Each has a request id of its own that does not depend on the run."""
    arguments = write(tmp_path)
    first = counts(run(server, arguments, "--json"))

    again = counts(run(server, arguments, "--json"))

    assert (first["repeated"], again["repeated"], again["accepted"]) == (0, 5, 5)
    assert (first["verdicts"], first["states"]) == (again["verdicts"], again["states"])
    assert len(server.records) == 5


def test_what_only_the_records_remember_was_sent_before(server: FakeServer, tmp_path: Path) -> None:
    """On the messages' clock a day is over soon; what was never sent and comes too late is rejected."""
    arguments = write(tmp_path)
    first = counts(run(server, arguments, "--json"))
    server.forgetful, server.now_ms = True, (server.now_ms or 0) + 90_000_000
    arguments = write(tmp_path, "9,A,1993-01-01,IN,1.0,\n" + ROWS)

    again = counts(run(server, arguments, "--json"))

    assert (again["accepted"], again["repeated"], again["rejected"]) == (5, 5, 1)
    assert (first["verdicts"], first["states"]) == (again["verdicts"], again["states"])
    assert len(server.records) == 5


def test_what_a_server_cannot_do_for_now_is_asked_again(server: FakeServer, tmp_path: Path) -> None:
    """Whole calls and single messages, for as long as the server says so; nothing is lost and nothing is twice."""
    arguments = write(tmp_path)
    for method in ("SendBatch", "PutUsers", "GetClock", "List"):
        server.fail[method] = [status(code_pb2.UNAVAILABLE, "loading", 0.0)] * 3
    server.refuse["notice-1"] = [status(code_pb2.RESOURCE_EXHAUSTED, "much to record", 0.0)] * 2

    result = run(server, arguments, "--json")

    assert (counts(result)["accepted"], len(server.records)) == (5, 5)
    assert "loading; trying again" in result.stderr
    assert "it answers again" in result.stderr


def test_a_server_that_refuses_for_good_ends_the_run(server: FakeServer, tmp_path: Path) -> None:
    """With its own words, and the exit code of what broke off."""
    server.fail["SendBatch"] = [status(code_pb2.INTERNAL, "an id for the log")]

    result = run(server, write(tmp_path))

    assert (result.exit_code, "INTERNAL: an id for the log" in result.stderr) == (1, True)


def test_a_batch_that_is_too_large_goes_in_halves(server: FakeServer, tmp_path: Path) -> None:
    """In the same order."""
    server.most_at_once = 2

    found = counts(run(server, write(tmp_path), "--json"))

    taken = [len(request.requests) for request in server.of("SendBatch")]
    assert (found["accepted"], max(len(sent(server)), 5) > 0, taken[0] > 2) == (5, True, True)
    assert [key[2] for key in server.records] == ["notice-1", "code-2", "notice-2", "notice-3", "notice-4"]


def test_rejected_rows_are_told_and_written_down(server: FakeServer, tmp_path: Path) -> None:
    """By line and reason, those of the map and those of the server; the others go."""
    rows = ROWS + "5,A,1993-01-05,IN,many,\n"
    server.refuse["notice-3"] = [status(code_pb2.INVALID_ARGUMENT, field="message.params.note")]

    result = run(server, write(tmp_path, rows), "--json", "--rejects", str(tmp_path / "bad.jsonl"))

    assert (counts(result)["read"], counts(result)["rejected"]) == (6, 2)
    rejected = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_text().splitlines()]
    assert [(line["line"], line["message"]) for line in rejected] == [(6, ""), (4, "notice-3")]
    assert "message.params.note: differs" in result.stderr
    assert not Path("rows.csv.rejected.jsonl").exists()


def test_a_run_that_broke_off_goes_on_where_it_stopped(server: FakeServer, tmp_path: Path) -> None:
    """What was answered is not sent again, and the counts are those of the whole file."""
    rows = "0,A,1993-01-01,IN,many,\n" + ROWS
    arguments = [*write(tmp_path, rows), "--batch", "2"]
    server.refuse["code-2"] = [status(code_pb2.INVALID_ARGUMENT, "never")]
    server.fail["SendBatch"] = []
    halting = status(code_pb2.INTERNAL, "broken")
    server.refuse["notice-3"] = []
    _fail_later(server, 2, halting)

    broken = run(server, arguments, "--json")
    before = sent(server)
    whole = counts(run(server, arguments, "--json"))

    assert broken.exit_code == 1
    assert before[:2] == ["notice-1", "code-2"]
    assert sent(server)[len(before) :] == ["notice-2", "notice-3", "notice-4"]
    assert (whole["read"], whole["accepted"], whole["rejected"], whole["resumed"]) == (6, 4, 2, 3)
    assert (whole["states"], whole["repeated"]) == ({"SENT": 4}, 0)
    rejected = [json.loads(line)["line"] for line in Path("rows.csv.rejected.jsonl").read_text().splitlines()]
    assert rejected == [2, 4]
    assert not list(Path().glob("*.signalbox-progress*"))


def test_a_place_on_another_server_counts_for_nothing(
    server: FakeServer, real_server: FakeServer, tmp_path: Path
) -> None:
    """A server that does not know the last message gets all of them."""
    arguments = [*write(tmp_path), "--batch", "2"]
    _fail_later(server, 2, status(code_pb2.INTERNAL, "broken"))
    assert run(server, arguments, "--json").exit_code == 1

    found = counts(run(real_server, arguments, "--json"))

    assert (found["accepted"], found["resumed"]) == (5, 0)


def test_on_the_real_clock_the_future_of_a_message_is_moved_to_now(real_server: FakeServer, tmp_path: Path) -> None:
    """What happened stays when it happened; no message brings a time to be accepted at; breakers are left out."""
    text = MAP.replace("    line: accounts\n", "    line: accounts\n    expire_after: 8h\n", 1) + EXTRAS

    result = run(real_server, write(tmp_path, ROWS, text), "--json")

    assert counts(result)["accepted"] == 5
    requests = [one for request in real_server.of("SendBatch") for one in request.requests]
    assert not any(one.HasField("now") for one in requests)
    (first, *_) = (one.message for one in requests if one.message.request_id == "notice-1")
    assert (first.occurred_at.ToDatetime().year, first.expire_at.ToDatetime().year > 2020) == (1993, True)
    assert "breakers are left out" in result.stderr
    assert not real_server.of("SetBreaker")
    assert not real_server.of("AdvanceClock")


def test_on_the_real_clock_moved_times_make_no_other_message(real_server: FakeServer, tmp_path: Path) -> None:
    """Sent again, a message whose end has moved since is told as the one that it was, with what was decided then."""
    text = MAP.replace("    line: accounts\n", "    line: accounts\n    expire_after: 8h\n")
    arguments = write(tmp_path, ROWS, text)
    counts(run(real_server, arguments, "--json"))
    for answer in real_server.records.values():
        answer.message.expire_at.seconds -= 60

    again = counts(run(real_server, arguments, "--json"))

    assert (again["accepted"], again["repeated"], again["rejected"]) == (5, 5, 0)
    assert again["verdicts"]["SEND"] == again["strategies"]["SUPPLEMENT"] == 5


def test_on_the_real_clock_waiting_asks_by_state(real_server: FakeServer, tmp_path: Path) -> None:
    """Never message by message; it ends when none is open any more."""
    real_server.fail["List"] = []
    _finish_after(real_server, 4)

    found = counts(run(real_server, write(tmp_path), "--json", "--wait"))

    assert found["states"] == {"DELIVERED": 5}
    assert not real_server.of("Get")


def test_json_lines_are_rows_too(server: FakeServer, tmp_path: Path) -> None:
    """Their fields are columns by name; the file's name says what it is, gzipped or not."""
    arguments = write(tmp_path)
    lines = [dict(zip(HEADER.strip().split(","), row.split(","), strict=True)) for row in ROWS.splitlines()]
    text = "\n".join(json.dumps(line) for line in lines)
    (tmp_path / "rows.jsonl").write_text(text, encoding="utf-8")
    (tmp_path / "rows.ndjson.gz").write_bytes(gzip.compress(text.encode()))

    found = [counts(run(server, ["send", name, *arguments[2:]], "--json")) for name in ("rows.jsonl", "rows.ndjson.gz")]

    assert [(one["accepted"], one["repeated"]) for one in found] == [(5, 0), (5, 5)]


def test_a_limit_takes_the_first_messages(server: FakeServer, tmp_path: Path) -> None:
    """In the order of time."""
    found = counts(run(server, write(tmp_path), "--json", "--limit", "2"))

    assert (found["read"], sent(server)) == (2, ["notice-1", "code-2"])


def test_people_get_tables_and_a_message_to_look_at(server: FakeServer, tmp_path: Path) -> None:
    """And on standard error which server it was."""
    text = MAP.replace(
        "    line: accounts\n    category: ONE", "    line: accounts\n    scene: drop\n    category: ONE"
    )

    result = run(server, write(tmp_path, ROWS, text))

    assert result.exit_code == 0
    for words in (
        "5 accepted",
        "Verdicts",
        "Reasons (of HOLD and DROP)",
        "OPTED_OUT",
        "States",
        "signalbox trace p00-",
    ):
        assert words in result.stdout
    assert f"signalbox: the server at {server.address}" in result.stderr


@pytest.mark.parametrize(("rows", "exit_code"), [("", 0), ("1,A,1993-01-01,X,1.0,\n", 1)])
def test_nothing_accepted_is_a_problem_where_there_were_rows(
    server: FakeServer, tmp_path: Path, rows: str, exit_code: int
) -> None:
    """A file of nothing but a header is done with; one whose rows are all rejected is not."""
    assert run(server, write(tmp_path, rows)).exit_code == exit_code


def test_a_server_without_messages_is_told(tmp_path: Path) -> None:
    """Nothing answers there: one sentence, and what to do."""
    result = CliRunner().invoke(signalbox, [*write(tmp_path), "--server", "127.0.0.1:1"])

    assert (result.exit_code, "no server answers at 127.0.0.1:1" in result.stderr) == (2, True)


def _fail_later(server: FakeServer, call: int, error: Any) -> None:
    """Let a later call of SendBatch fail, counted from 1."""
    take = server.take

    def counted(method: str, request: Any, context: Any) -> None:
        if method == "SendBatch" and len(server.of(method)) + 1 == call:
            server.fail[method] = [error]
            server.take = take  # type: ignore[method-assign]
        take(method, request, context)

    server.take = counted  # type: ignore[method-assign]


def _finish_after(server: FakeServer, lists: int) -> None:
    """Let everything be final once so many lists were asked for."""
    take = server.take

    def counted(method: str, request: Any, context: Any) -> None:
        take(method, request, context)
        if len(server.of("List")) == lists:
            server.finish()

    server.take = counted  # type: ignore[method-assign]
