"""The parts of a sending: calls that are made again, the place that is kept, breakers, users, a server of one's own."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2
from grpc_status import rpc_status

from cli.evaluation.batches import Batch
from cli.evaluation.rejects import Rejects
from cli.mapping.messages import Prepared, Rejected
from cli.mapping.problems import Cause
from cli.private_server import holder_of, is_served, wait_for_data
from cli.problems import BrokenOff, CannotStart
from cli.sending.calls import MOST_STARTS, Calls
from cli.sending.outcome import Outcome
from cli.sending.place import Place, PlaceFile, Rest
from cli.sending.users import KEPT, Users
from engine.data_directory import DataDirectory
from signalbox.v1 import decision_pb2, decision_service_pb2, state_pb2
from tests.cli.fake_server import status


class Failed(grpc.RpcError):
    """A call that failed with a status."""

    def __init__(self, error: Any) -> None:
        self._error = rpc_status.to_status(error)

    def code(self) -> grpc.StatusCode:
        return self._error.code

    def details(self) -> str:
        return str(self._error.details)

    def trailing_metadata(self) -> Any:
        return self._error.trailing_metadata


def failing(*errors: Any) -> Any:
    """A call that fails so before it is answered."""
    left = list(errors)

    def ask(server: Any) -> str:
        if left:
            raise Failed(left.pop(0))
        return "answered"

    return ask


def calls(mended: Any = lambda: False) -> tuple[Calls, list[float]]:
    """Calls, and the pauses that they make."""
    slept: list[float] = []
    server: Any = SimpleNamespace(name="the server", mend=mended)
    return Calls(server, slept.append, lambda: 1.0), slept


def prepared(line: int, user: state_pb2.User | None = None) -> Prepared:
    evaluation = decision_service_pb2.Evaluation()
    evaluation.message.request_id = f"r-{line}"
    return Prepared(line, line, 0, user.user_id if user is not None else "u", user, evaluation)


def test_pauses_grow_to_a_bound_or_are_as_long_as_the_server_says() -> None:
    """Nobody is hammered, and nobody waits for a minute."""
    ours, slept = calls()
    unavailable = status(code_pb2.UNAVAILABLE)

    assert ours.make(failing(*[unavailable] * 8, status(code_pb2.RESOURCE_EXHAUSTED, retry_s=3.0))) == "answered"

    assert slept == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 3.75])


@pytest.mark.parametrize("code", [code_pb2.INTERNAL, code_pb2.INVALID_ARGUMENT, code_pb2.RESOURCE_EXHAUSTED])
def test_what_asking_again_does_not_help_breaks_off(code: int) -> None:
    """RESOURCE_EXHAUSTED without a time is a bound that stays."""
    ours, slept = calls()

    with pytest.raises(BrokenOff, match="the server refused"):
        ours.make(failing(status(code)))
    assert slept == []


def test_a_strange_end_of_a_call_is_not_taken_for_ever() -> None:
    """A server that is stopped may end a call so; one that always does is broken."""
    with pytest.raises(BrokenOff, match="CANCELLED"):
        calls()[0].make(failing(*[status(code_pb2.CANCELLED)] * 99))


def test_a_private_server_that_ends_again_and_again_is_given_up() -> None:
    """It is started again a few times."""
    starts: list[int] = []

    def mend() -> bool:
        starts.append(1)
        return True

    with pytest.raises(BrokenOff, match="again and again"):
        calls(mend)[0].make(failing(*[status(code_pb2.UNAVAILABLE)] * 99))
    assert len(starts) == MOST_STARTS + 1


def test_a_place_is_read_as_it_was_written(tmp_path: Path) -> None:
    """With all counts; for another run, or damaged, it counts for nothing."""
    outcome, file = Outcome(), PlaceFile(tmp_path / "folder" / "place")
    outcome.count(decision_pb2.Decision(verdict=decision_pb2.VERDICT_DROP, reason=decision_pb2.REASON_EXPIRED), 3)
    outcome.accepted_one("p00-1", repeated=True)
    outcome.tally.rejected = 2
    file.save(Place("key", 3, 1, 70, 5, outcome), 100.0)
    file.save(Place("key", 4, 1, 70, 5, outcome), 100.5)

    found = file.load("key")

    assert found is not None
    assert (found.messages, found.rejected, found.rejects_bytes, found.began_ms) == (3, 1, 70, 5)
    assert found.outcome.written() == outcome.written()
    assert (found.outcome.read, found.outcome.resumed, found.outcome.accepted_before) == (5, 5, 3)
    assert file.load("another") is None
    file.path.write_text('{"format": 1, "key": "key"}')
    assert file.load("key") is None
    file.remove()
    assert list(file.path.parent.iterdir()) == []


def test_what_is_done_is_passed_over() -> None:
    """Messages and rejected rows are counted apart, since a row is rejected before its neighbours are sent."""
    bad = [Rejected(line, "", Cause.plain("why")) for line in range(3)]
    stream = [bad[0], prepared(1), bad[1], prepared(2), bad[2], prepared(3)]
    ours, _ = calls()

    rest = Rest(Place("", 1, 2, 0, 0, Outcome()), None, Users(ours))

    assert list(rest.of(stream)) == [stream[3], bad[2], stream[5]]
    assert (rest.rejected, len(rest.done), rest.first_ms, rest.last_ms) == (3, 1, 1, 1)
    assert list(Rest(None, 2, Users(ours)).of(stream)) == stream[:2]


def test_the_reject_file_is_cut_to_what_counts(tmp_path: Path) -> None:
    """Lines that were written after the last place was kept are written again."""
    file = tmp_path / "rejects"
    with Rejects(file, only_if_needed=True) as first:
        assert not file.exists()
        first.add(Rejected(1, "", Cause.plain("a")))
        kept = first.written_bytes()
        first.add(Rejected(2, "", Cause.plain("b")))
    with Rejects(file, kept) as second:
        second.add(Rejected(2, "", Cause.plain("b")))

    assert [json.loads(line)["line"] for line in file.read_text().splitlines()] == [1, 2]


def test_equal_users_are_one_however_often_they_are_made() -> None:
    """A map makes them anew now and then; nothing is put for that."""
    ours, _ = calls()
    users, first, equal = Users(ours), state_pb2.User(user_id="u", zone="UTC"), state_pb2.User(user_id="u", zone="UTC")
    users.assume(prepared(1, first))
    batch = Batch([prepared(2, equal)], {"u": equal})

    assert (users.has_changed(prepared(2, equal)), users.wanted(batch)) == (False, [])
    assert users.has_changed(prepared(2, state_pb2.User(user_id="u")))


def test_users_that_are_kept_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those put first go first."""
    assert KEPT > 1000
    monkeypatch.setattr("cli.sending.users.KEPT", 2)
    users = Users(calls()[0])
    made = [state_pb2.User(user_id=str(number)) for number in range(3)]
    for user in made:
        users.assume(prepared(1, user))

    assert users.wanted(Batch([], {user.user_id: user for user in made})) == [made[0]]


def test_data_that_a_running_server_holds_are_not_touched(tmp_path: Path) -> None:
    """It is named; what nobody holds is free."""
    assert holder_of(tmp_path / "none") is None
    with DataDirectory(tmp_path / "data"):
        holder = holder_of(tmp_path / "data")
        assert is_served(tmp_path / "data")
        with pytest.raises(CannotStart, match=f"belongs to another running server, process {holder}"):
            wait_for_data(tmp_path / "data")
    wait_for_data(tmp_path / "data")
    assert not is_served(tmp_path / "data")
    with (tmp_path / "data" / "lock").open("rb") as free:
        fcntl.flock(free, fcntl.LOCK_EX | fcntl.LOCK_NB)
