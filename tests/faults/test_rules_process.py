"""The rules process is killed, stopped, held up and driven into error codes under a real server that decides."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import pytest

from signalbox.v1 import decision_service_pb2 as contract
from signalbox.v1 import decision_service_pb2_grpc, rule_service_pb2, rule_service_pb2_grpc
from tests import test_server
from tests.faults.bits import batch, write_bits
from tests.faults.waiting import PATIENCE_S, until
from tests.test_server import Running, connected, running


def is_rules_process(process: psutil.Process) -> bool:
    """Is this child of a server its rules process? The other one is Redis."""
    with contextlib.suppress(psutil.Error):
        return any("rules_worker" in word for word in process.cmdline())
    return False


class Decider:
    """Somebody who sends batches of ever new fingerprints to a server, and its status."""

    def __init__(self, server: Running, channel: Any) -> None:
        self.process = psutil.Process(server.process.pid)
        self._decide = decision_service_pb2_grpc.DecisionServiceStub(channel)
        self._rules = rule_service_pb2_grpc.RuleServiceStub(channel)
        self.answers: dict[int, contract.EvaluateBatchResponse] = {}
        self._later = count(100_000)

    def ask(self, seed: int) -> contract.EvaluateBatchResponse:
        """Ask for one batch; an error of any kind fails the test."""
        answer: contract.EvaluateBatchResponse = self._decide.EvaluateBatch(batch(seed), timeout=PATIENCE_S)
        return answer

    def matcher(self) -> rule_service_pb2.MatcherStatus:
        """How the rules process is."""
        return self._rules.Status(rule_service_pb2.StatusRequest(), timeout=PATIENCE_S).matcher

    @property
    def rules_process(self) -> psutil.Process | None:
        """The rules process, when there is one."""
        return next((child for child in self.process.children() if is_rules_process(child)), None)

    @contextlib.contextmanager
    def deciding(self) -> Iterator[None]:
        """Send batches one after the other while the block lasts."""
        over, failures = threading.Event(), []

        def send() -> None:
            try:
                while not over.is_set():
                    seed = len(self.answers)
                    self.answers[seed] = self.ask(seed)
            except Exception as error:
                failures.append(error)

        sender = threading.Thread(target=send)
        sender.start()
        try:
            yield
        finally:
            over.set()
            sender.join()
        assert failures == []

    def went_on(self) -> Callable[[], bool]:
        """A condition that holds once five further batches are answered."""
        goal = len(self.answers) + 5
        return lambda: len(self.answers) >= goal

    def is_back(self) -> bool:
        """Does the rules process answer new fingerprints again?"""
        before = self.matcher()
        self.ask(next(self._later))
        after = self.matcher()
        return after.ready and after.fallbacks == before.fallbacks


@contextlib.contextmanager
def decider(folder: Path) -> Iterator[Decider]:
    """A server with rules of many bits, and somebody who asks it."""
    write_bits(folder / "rules")
    with running(folder) as server, connected(server) as channel:
        yield Decider(server, channel)
        assert server.process.poll() is None


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Decider]:
    """A server that nothing happens to."""
    with decider(tmp_path_factory.mktemp("healthy")) as one:
        yield one


@pytest.fixture
def hurt(tmp_path: Path) -> Iterator[Decider]:
    """A server that the test may do things to."""
    with decider(tmp_path) as one:
        yield one


def assert_equal_answers(hurt: Decider, healthy: Decider) -> None:
    """Everything that was asked meanwhile was answered as by a healthy server."""
    assert len(hurt.answers) >= 5
    for seed, answer in hurt.answers.items():
        assert answer == healthy.ask(seed)


def test_it_is_killed(hurt: Decider, healthy: Decider) -> None:
    """SIGKILL, again and again: no call fails, the answers are a healthy server's, the process comes back each time."""
    with hurt.deciding():
        until(hurt.went_on())
        for kills in range(1, 4):
            until(lambda: hurt.rules_process is not None)
            assert hurt.rules_process is not None
            hurt.rules_process.kill()
            until(lambda kills=kills: hurt.matcher().restarts >= kills)
            until(hurt.went_on())

    assert_equal_answers(hurt, healthy)
    assert hurt.matcher().fallbacks > 0
    until(hurt.is_back, "an answer without a fallback")
    assert hurt.matcher().restarts >= 3


def test_it_is_stopped(hurt: Decider, healthy: Decider) -> None:
    """SIGSTOP: nobody waits for it; it is taken for hung, ended and replaced."""
    stopped = hurt.rules_process
    assert stopped is not None
    with hurt.deciding():
        until(hurt.went_on())
        stopped.suspend()
        until(hurt.went_on())
        until(lambda: not stopped.is_running(), "the end of the stopped process")
        until(hurt.went_on())

    assert_equal_answers(hurt, healthy)
    assert hurt.matcher().fallbacks > 0
    until(hurt.is_back, "an answer without a fallback")
    assert hurt.matcher().restarts == 1


def test_it_is_stopped_before_it_is_asked(hurt: Decider, healthy: Decider) -> None:
    """A process that hangs while nothing is asked of it costs the first caller its limit, not an answer."""
    stopped = hurt.rules_process
    assert stopped is not None
    os.kill(stopped.pid, signal.SIGSTOP)
    hurt.answers[0] = hurt.ask(0)

    assert hurt.answers[0] == healthy.ask(0)
    assert hurt.matcher().fallbacks > 0
    until(lambda: hurt.matcher().restarts == 1, "a restart")
    until(hurt.is_back, "an answer without a fallback")


def test_it_reports_error_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, healthy: Decider) -> None:
    """Each time the library reports a code the process is replaced; the interpreter has answered meanwhile."""
    command = [sys.executable, "-m", "tests.faults.serve_with_failing_library", "serve"]
    monkeypatch.setattr(test_server, "SERVE", command)
    with decider(tmp_path) as hurt:
        with hurt.deciding():
            until(lambda: hurt.matcher().restarts >= 2, "two restarts")
            until(hurt.went_on())

        assert_equal_answers(hurt, healthy)
        assert hurt.matcher().fallbacks > 0
        until(lambda: hurt.matcher().ready, "another process")


def test_nothing_is_left_of_the_dead(hurt: Decider) -> None:
    """However often it is killed, there is one rules process, no zombie, and no descriptor more than before."""
    descriptors = 0
    for kills in range(1, 4):
        until(lambda: hurt.matcher().ready)
        assert hurt.rules_process is not None
        hurt.rules_process.kill()
        until(lambda kills=kills: hurt.matcher().restarts >= kills and hurt.matcher().ready, "a restart")
        descriptors = descriptors or hurt.process.num_fds()

    until(lambda: [is_rules_process(child) for child in hurt.process.children(recursive=True)].count(True) == 1)
    until(lambda: all(child.status() != psutil.STATUS_ZOMBIE for child in hurt.process.children(recursive=True)))
    assert hurt.rules_process is not None
    assert hurt.rules_process.status() != psutil.STATUS_ZOMBIE
    assert hurt.process.num_fds() <= descriptors
