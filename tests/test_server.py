"""The real server in a process of its own: how it starts, answers, refuses to start, and stops."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from signalbox.v1 import decision_pb2, message_pb2, rule_service_pb2, rule_service_pb2_grpc
from signalbox.v1 import decision_service_pb2 as wire
from signalbox.v1 import decision_service_pb2_grpc as wire_grpc

ROOT = Path(__file__).resolve().parent.parent
SERVE = [sys.executable, "-m", "cli.main", "serve"]
WAIT_S = 60

RULES = {
    "facts.yaml": "channels:\n  push: {doc: App push, receipts: true}\n",
    "routing.yaml": """\
family: routing
rules:
  - id: default
    doc: Everything goes by push.
    owner: tests
    then: {distribute: {to: push}}
""",
    **{
        f"{family}.yaml": f"family: {family}\nrules: []\n"
        for family in ("interception", "fatigue", "budget", "breaker")
    },
}


def write_rules(folder: Path, version: str = "v1", **changed: str) -> Path:
    """A rules folder with one small version; `changed` replaces files by name without ending."""
    place = folder / version
    place.mkdir(parents=True)
    for name, text in RULES.items():
        (place / name).write_text(changed.get(name.removesuffix(".yaml"), text), encoding="utf-8")
    (folder / "rollout.yaml").write_text(f"stable: {version}\n", encoding="utf-8")
    return folder


@dataclass
class Running:
    """A server that has said that it is ready."""

    process: subprocess.Popen[str]
    ready: str
    address: str
    log: Path

    def stop(self) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_S)


def connected(server: Running) -> Any:
    """A connection to a server."""
    return grpc.insecure_channel(server.address)


def environment(**more: str) -> dict[str, str]:
    """The environment of a server, without settings that this machine may have."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")}
    paths = [str(ROOT), str(ROOT / "proto")]
    return clean | {"PYTHONPATH": os.pathsep.join(paths)} | more


@contextmanager
def running(folder: Path, *flags: str, **variables: str) -> Iterator[Running]:
    """A server with the small rules, on a free port."""
    if not (folder / "rules").exists():
        write_rules(folder / "rules")
    command = [*SERVE, "--data-dir", "data", "--rules", "rules", "--port", "0", *flags]
    log = folder / "log"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            command, cwd=folder, env=environment(**variables), stdout=subprocess.PIPE, stderr=stderr, text=True
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, log.read_text()
        yield Running(process, line, line.split()[1].removeprefix("grpc="), log)
    finally:
        process.kill()
        process.wait(WAIT_S)
        process.stdout.close()
        end_redis(folder / "data")


def end_redis(data: Path) -> None:
    """End the Redis that a killed server left for the next one."""
    with suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(int((data / "redis" / "redis.pid").read_text(encoding="ascii")))
        if process.name() == "redis-server" and Path(process.cwd()) == (data / "redis").resolve():
            process.kill()
            process.wait(WAIT_S)


def refused(folder: Path, *flags: str, **variables: str) -> str:
    """What a server says that cannot start; it must end with 2, say nothing else, and leave nothing running."""
    done = subprocess.run(
        [*SERVE, *flags],
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "Traceback" not in done.stderr
    return "".join(line + "\n" for line in done.stderr.splitlines() if not line.startswith("{"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for the tests that only ask it."""
    with running(tmp_path_factory.mktemp("server")) as one:
        yield one


@pytest.fixture(scope="module")
def channel(server: Running) -> Iterator[Any]:
    """A connection to it."""
    with connected(server) as one:
        yield one


def message(**fields: Any) -> message_pb2.Message:
    """A message that can be reached by push."""
    made = message_pb2.Message(
        tenant="bank", line="cards", user_id="u1", category=message_pb2.CATEGORY_TRANSACTION, **fields
    )
    made.content.text = "hello"
    made.addresses.add(channel="push", value="token")
    return made


def test_it_says_when_it_is_ready(server: Running) -> None:
    """One line on standard output tells where it is; nothing else is ever written there."""
    assert re.fullmatch(r"ready grpc=127\.0\.0\.1:[1-9]\d* http=-\n", server.ready)


def test_it_decides(channel: Any) -> None:
    """A message is judged by the rules of the folder."""
    answer = wire_grpc.DecisionServiceStub(channel).Evaluate(wire.EvaluateRequest(message=message()))

    assert answer.decision.verdict == decision_pb2.VERDICT_SEND
    assert [step.channel for step in answer.decision.plan.steps] == ["push"]
    assert (answer.decision.decided_by, answer.decision.version) == ("default", "v1")


def test_health_is_serving(channel: Any) -> None:
    """A load balancer finds it in service, as a whole and service by service."""
    stub = health_pb2_grpc.HealthStub(channel)
    for name in ("", "signalbox.v1.DecisionService", "signalbox.v1.RuleService"):
        assert stub.Check(health_pb2.HealthCheckRequest(service=name)).status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_lists_the_services(channel: Any) -> None:
    """grpcurl needs no proto files."""
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    (answer,) = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([request]))

    assert {one.name for one in answer.list_services_response.service} == {
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        "signalbox.v1.BudgetService",
        "signalbox.v1.ChannelService",
        "signalbox.v1.DecisionService",
        "signalbox.v1.IdentityService",
        "signalbox.v1.MessageService",
        "signalbox.v1.RuleService",
    }


def test_reflection_describes_every_message(channel: Any) -> None:
    """The whole contract, with the files it imports, can be had from the server."""
    request = reflection_pb2.ServerReflectionRequest(file_containing_symbol="signalbox.v1.DecisionService")
    (answer,) = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([request]))

    assert answer.file_descriptor_response.file_descriptor_proto


def test_status_tells_which_rules_are_in_force(channel: Any) -> None:
    """Version, source and sizes are told."""
    status = rule_service_pb2_grpc.RuleServiceStub(channel).Status(rule_service_pb2.StatusRequest())

    assert (status.version, status.attempted_version, len(status.digest)) == ("v1", "v1", 64)
    assert status.source == rule_service_pb2.RULE_SOURCE_FOLDER
    assert dict(status.rules) == {"routing": 1}
    assert (status.reloads, status.failures, status.matcher.ready) == (1, 0, True)


def test_a_batch_over_the_bound_is_refused(channel: Any) -> None:
    """1,001 messages are too many, and the answer says so."""
    request = wire.EvaluateBatchRequest(evaluations=[wire.Evaluation()] * 1001)
    with pytest.raises(grpc.RpcError) as caught:
        wire_grpc.DecisionServiceStub(channel).EvaluateBatch(request)

    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_bad_message_names_its_fields(channel: Any) -> None:
    """An empty message is the caller's fault, in words."""
    with pytest.raises(grpc.RpcError) as caught:
        wire_grpc.DecisionServiceStub(channel).Evaluate(wire.EvaluateRequest())

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "tenant" in caught.value.details()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_gracefully(tmp_path: Path, number: signal.Signals) -> None:
    """Asked to stop, it answers what is under way, refuses the rest as unavailable, and ends with 0, all of it."""
    with running(tmp_path) as server, connected(server) as channel:
        children = psutil.Process(server.process.pid).children(recursive=True)
        stub = wire_grpc.DecisionServiceStub(channel)
        batch = wire.EvaluateBatchRequest(evaluations=[wire.Evaluation(message=message())] * 500)
        stub.EvaluateBatch(batch)
        calls = [stub.EvaluateBatch.future(batch) for _ in range(20)]
        calls[0].result()
        server.process.send_signal(number)
        codes = {call.code() for call in calls}

        assert server.process.wait(WAIT_S) == 0
        log = [json.loads(line)["message"] for line in server.log.read_text().splitlines()]
        assert log[-2:] == [f"stopping, asked by {number.name}", "stopped"]
        assert codes <= {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
        assert children
        assert psutil.wait_procs(children, timeout=WAIT_S)[1] == []
        assert server.process.stdout.read() == ""


def test_an_idle_connection_does_not_keep_it(tmp_path: Path) -> None:
    """A stream that waits for its caller is told to go elsewhere, well before the grace period is over."""
    hung_up = threading.Event()

    def one_message() -> Iterator[wire.EvaluateStreamRequest]:
        yield wire.EvaluateStreamRequest(message=message())
        hung_up.wait(WAIT_S)

    with running(tmp_path, SIGNALBOX_SERVER_STOP_GRACE_S="3600") as server, connected(server) as channel:
        stream = wire_grpc.DecisionServiceStub(channel).EvaluateStream(one_message())
        next(stream)
        assert server.stop() == 0
        assert stream.code() is grpc.StatusCode.UNAVAILABLE
        hung_up.set()


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """Somebody who does not want to wait for the calls under way need not."""
    hung_up = threading.Event()

    def one_question() -> Iterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        hung_up.wait(WAIT_S)

    with running(tmp_path, SIGNALBOX_SERVER_STOP_GRACE_S="3600") as server, connected(server) as channel:
        stream = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(one_question())
        next(stream)
        health = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        next(health)
        server.process.send_signal(signal.SIGTERM)
        assert next(health).status == health_pb2.HealthCheckResponse.NOT_SERVING
        server.process.send_signal(signal.SIGTERM)

        assert server.process.wait(WAIT_S) == -signal.SIGTERM
        hung_up.set()


def test_a_second_server_on_the_same_data_is_refused(server: Running, channel: Any) -> None:
    """The message names the first one's process; the first goes on."""
    folder = server.log.parent
    complaint = refused(folder, "--data-dir", "data", "--rules", "rules", "--port", "0")

    assert complaint == (
        f"signalbox: the data directory {folder}/data belongs to another running server, process "
        f"{server.process.pid}; stop that one or give this one a directory of its own (--data-dir)\n"
    )
    test_it_decides(channel)


def test_after_a_crash_the_data_is_free(tmp_path: Path) -> None:
    """A server that was killed leaves no lock behind, and no process but Redis, which the next server takes over."""
    with running(tmp_path) as server:
        children = psutil.Process(server.process.pid).children(recursive=True)
        server.process.kill()
        server.process.wait(WAIT_S)
        (redis,) = (child for child in children if child.name() == "redis-server")
        children.remove(redis)
        assert psutil.wait_procs(children, timeout=WAIT_S)[1] == []
        assert redis.is_running()
        with running(tmp_path) as another:
            assert another.stop() == 0
        assert psutil.wait_procs([redis], timeout=WAIT_S)[1] == []


def test_a_port_in_use_is_refused(tmp_path: Path, server: Running) -> None:
    """Two servers never share a port."""
    write_rules(tmp_path / "rules")
    port = server.address.rpartition(":")[2]

    assert refused(tmp_path, "--port", port, "--rules", "rules") == (
        f"signalbox: cannot listen on {server.address}; is another program using the port? --port 0 takes a free one\n"
    )


def test_an_open_address_is_refused(tmp_path: Path) -> None:
    """Until there is a gate, nobody but this machine can reach it, whatever the environment says."""
    open_door = (
        'server.host is "0.0.0.0"; expected a loopback address: 127.0.0.1, ::1 or localhost; there is no gate that '
        "asks for credentials yet, so every other address would let anybody on the network decide\n"
    )

    assert refused(tmp_path, "--host", "0.0.0.0") == f"signalbox: --host: {open_door}"
    assert refused(tmp_path, SIGNALBOX_SERVER_HOST="0.0.0.0") == f"signalbox: SIGNALBOX_SERVER_HOST: {open_door}"


def test_broken_rules_at_the_first_start_are_refused(tmp_path: Path) -> None:
    """Without a last good version there is nothing to serve, and the place to mend is named."""
    write_rules(tmp_path / "rules", routing="family: routing\nrules: []\n")
    complaint = refused(tmp_path, "--port", "0", "--rules", "rules")

    assert complaint.startswith("signalbox: rules v1 refused: v1/routing.yaml:")
    assert complaint.count("\n") == 1


def test_a_failing_rule_test_at_the_first_start_is_refused(tmp_path: Path) -> None:
    """The test is named by a path that leads to it from here, and so is the command that shows more."""
    write_rules(tmp_path / "rules")
    tests = tmp_path / "given" / "cases" / "v1"
    tests.mkdir(parents=True)
    (tests / "routing.yaml").write_text("- {name: dropped, expect: {verdict: DROP}}\n", encoding="utf-8")
    complaint = refused(tmp_path, "--port", "0", "--rules", "rules", "--tests", "given/cases")

    assert complaint.startswith("signalbox: rules v1 refused: given/cases/v1/routing.yaml:1:1 rule-test-failed: ")
    assert complaint.endswith(f" (rules folder: {tmp_path}/rules; `signalbox rules test` tells more)\n")


def test_an_edited_version_without_its_copy_is_refused(tmp_path: Path) -> None:
    """A start says what to do: restore the files or give them a new name."""
    with running(tmp_path) as server:
        assert server.stop() == 0
    (copy,) = (tmp_path / "data/last-good").glob("*/v1/routing.yaml")
    copy.unlink()
    with (tmp_path / "rules/v1/routing.yaml").open("a") as routing:
        routing.write("# one more line\n")
    complaint = refused(tmp_path, "--port", "0", "--rules", "rules", "--data-dir", "data")

    assert complaint.startswith("signalbox: rules v1 refused: v1:1:1 served-folder-edited: ")
    assert "restore its files, or copy the folder to a new version" in complaint


def test_no_rules_at_all_are_refused(tmp_path: Path) -> None:
    """An empty folder of rules gives one sentence that names the missing file."""
    (tmp_path / "rules").mkdir()
    complaint = refused(tmp_path, "--port", "0")

    assert "rollout.yaml" in complaint
    assert complaint.endswith(f" (rules folder: {tmp_path}/rules; `signalbox rules check` tells more)\n")
    assert complaint.count("\n") == 1


def test_a_broken_folder_does_not_keep_it_from_starting_again(tmp_path: Path) -> None:
    """The last good version, kept in the data directory, serves until the folder is mended."""
    with running(tmp_path) as server:
        assert server.stop() == 0
    (tmp_path / "rules/v1/routing.yaml").write_text("family: [\n")
    with running(tmp_path) as server, connected(server) as channel:
        status = rule_service_pb2_grpc.RuleServiceStub(channel).Status(rule_service_pb2.StatusRequest())

    assert status.version == "v1"
    assert status.source == rule_service_pb2.RULE_SOURCE_LAST_GOOD
    assert status.failures == 1
    assert status.problems


def test_an_edited_version_is_not_released_by_a_restart(tmp_path: Path) -> None:
    """What served goes on serving, from its copy, and the status says what was edited and what to do."""
    with running(tmp_path) as server, connected(server) as channel:
        before = rule_service_pb2_grpc.RuleServiceStub(channel).Status(rule_service_pb2.StatusRequest())
    with (tmp_path / "rules/v1/routing.yaml").open("a") as routing:
        routing.write("# one more line\n")
    with running(tmp_path) as server, connected(server) as channel:
        status = rule_service_pb2_grpc.RuleServiceStub(channel).Status(rule_service_pb2.StatusRequest())

    assert (status.digest, status.source) == (before.digest, rule_service_pb2.RULE_SOURCE_LAST_GOOD)
    assert [(one.code, one.file) for one in status.problems] == [("served-folder-edited", "v1/routing.yaml")]
    assert [one.code for one in before.warnings] == ["no-rule-tests"]
    assert list(before.problems) == []


def test_metrics_are_flushed_at_the_end(tmp_path: Path) -> None:
    """What was decided since the last export is exported before the server ends, and nothing personal with it."""
    chatty = {"SIGNALBOX_TELEMETRY_EXPORTER": "console", "SIGNALBOX_TELEMETRY_TRACE_RATIO": "1"}
    with running(tmp_path, **chatty) as server:
        with connected(server) as channel:
            wire_grpc.DecisionServiceStub(channel).Evaluate(wire.EvaluateRequest(message=message()))
        assert server.stop() == 0
        text = server.log.read_text()

    assert '"signalbox.decisions"' in text
    assert '"strategy": "DISTRIBUTION"' in text
    assert '"rpc.server.call.duration"' in text
    assert '"name": "signalbox.v1.DecisionService/Evaluate"' in text
    assert "token" not in text
    assert '"u1"' not in text
