"""What happens to a rules folder besides bad rules, under the real load and under a real server that watches."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from engine.decision.model import Verdict
from engine.flow.rules_status import Source
from signalbox.v1 import decision_service_pb2 as contract
from signalbox.v1 import decision_service_pb2_grpc, rule_service_pb2, rule_service_pb2_grpc
from tests.faults.site import Site
from tests.faults.waiting import PATIENCE_S, until
from tests.ruleset.test_errors import version_of
from tests.test_server import Running, connected, message, running

Mishap = Callable[[Path], object]
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MEGABYTE = 1 << 20


def served(rules: Path) -> Path:
    """The folder of the version that is served."""
    return rules / "good"


def add(path: Path, text: str) -> None:
    """Write something at the end of a file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def swap(path: Path, target: Path | str) -> None:
    """Put a link in the place of a file or a folder."""
    path.rename(path.with_name("moved-away"))
    path.symlink_to(target)


def to_fifo(path: Path) -> None:
    """Put a pipe, which nobody ever writes to, in the place of a file."""
    path.unlink()
    os.mkfifo(path)


def other_version(rules: Path) -> Path:
    """Another good version with other rules beside it."""
    place = rules.parent / "other"
    shutil.copytree(served(rules), place)
    (place / "fatigue.yaml").write_text("family: fatigue\nrules: []\n", encoding="utf-8")
    return place


FOLDER_MISHAPS: dict[str, Mishap] = {
    "a rule edited": lambda rules: add(served(rules) / "routing.yaml", "# one more line\n"),
    "a list edited": lambda rules: add(served(rules) / "lists/forbidden.txt", "more\t1\n"),
    "a list added": lambda rules: (served(rules) / "lists/more.txt").write_text("more\n"),
    "a file deleted": lambda rules: (served(rules) / "facts.yaml").unlink(),
    "a file emptied": lambda rules: (served(rules) / "budget.yaml").write_bytes(b""),
    "a file cut short": lambda rules: os.truncate(served(rules) / "interception.yaml", 100),
    "a file of 10 MB": lambda rules: (served(rules) / "routing.yaml").write_bytes(b"# 16 characters\n" * 655_360),
    "a binary file": lambda rules: (served(rules) / "fatigue.yaml").write_bytes(bytes(range(256)) * 64),
    "a bomb": lambda rules: (served(rules) / "budget.yaml").write_text(BOMB),
    "a pipe": lambda rules: to_fifo(served(rules) / "routing.yaml"),
    "a device": lambda rules: swap(served(rules) / "routing.yaml", "/dev/zero"),
    "a secret": lambda rules: swap(served(rules) / "routing.yaml", "/etc/passwd"),
    "a folder for a file": lambda rules: (
        (served(rules) / "facts.yaml").unlink(),
        (served(rules) / "facts.yaml").mkdir(),
    ),
    "a file for the folder": lambda rules: (shutil.rmtree(served(rules)), served(rules).write_text("rules")),
    "the folder deleted": lambda rules: shutil.rmtree(served(rules)),
    "the folder emptied": lambda rules: (shutil.rmtree(served(rules)), served(rules).mkdir()),
    "the folder swapped": lambda rules: swap(served(rules), other_version(rules)),
    "the folder linked to itself": lambda rules: swap(served(rules), "good"),
}
ROLLOUT_MISHAPS: dict[str, Mishap] = {
    "rollout deleted": lambda rules: (rules / "rollout.yaml").unlink(),
    "rollout emptied": lambda rules: (rules / "rollout.yaml").write_bytes(b""),
    "rollout half written": lambda rules: (rules / "rollout.yaml").write_text("stab"),
    "rollout without a name": lambda rules: (rules / "rollout.yaml").write_text("stable:\n"),
    "rollout to nowhere": lambda rules: (rules / "rollout.yaml").write_text("stable: nowhere\n"),
    "rollout out of the folder": lambda rules: (rules / "rollout.yaml").write_text("stable: ../../etc\n"),
    "rollout with more": lambda rules: (rules / "rollout.yaml").write_text("stable: good\ncandidate: better\n"),
    "rollout of 10 MB": lambda rules: (rules / "rollout.yaml").write_bytes(b"#" * (10 * MEGABYTE)),
    "rollout binary": lambda rules: (rules / "rollout.yaml").write_bytes(b"\x7fELF\x02\x01\x01\x00\xff"),
    "rollout a bomb": lambda rules: (rules / "rollout.yaml").write_text(BOMB),
    "rollout a pipe": lambda rules: to_fifo(rules / "rollout.yaml"),
    "rollout a device": lambda rules: swap(rules / "rollout.yaml", "/dev/zero"),
    "rollout a secret": lambda rules: swap(rules / "rollout.yaml", "/etc/passwd"),
    "rollout a link to nothing": lambda rules: swap(rules / "rollout.yaml", "nothing"),
    "rollout a folder": lambda rules: ((rules / "rollout.yaml").unlink(), (rules / "rollout.yaml").mkdir()),
    "everything deleted": shutil.rmtree,
    "everything moved": lambda rules: rules.rename(rules.with_name("elsewhere")),
}
MISHAPS = FOLDER_MISHAPS | ROLLOUT_MISHAPS


def remove(path: Path) -> None:
    """Remove whatever is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A site that serves the version from which all broken ones start."""
    async with Site.serving(tmp_path_factory.mktemp("site"), "good", version_of("_base")) as one:
        shutil.copytree(one.rules, one.rules.with_name("backup"))
        yield one


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("mishap", MISHAPS.values(), ids=MISHAPS)
async def test_a_mishap_keeps_the_good_version(site: Site, mishap: Mishap) -> None:
    """The digest in force stays, decisions go on, the status says what is wrong and where; undoing it clears it."""
    before = site.reloader.status
    mishap(site.rules)
    status = await site.check()

    assert (status.version, status.digest, status.reloads) == ("good", before.digest, before.reloads)
    assert status.failures == before.failures + 1
    assert status.problems
    assert all(problem.file and problem.message and problem.hint for problem in status.problems)
    decision = await site.decide()
    assert (decision.verdict, decision.decided_by) == (Verdict.SEND, "default")

    for left in site.rules.parent.iterdir():
        if left.name not in ("backup", "data"):
            remove(left)
    shutil.copytree(site.rules.with_name("backup"), site.rules)
    status = await site.check()
    assert (status.digest, status.problems, status.source) == (before.digest, (), Source.FOLDER)
    assert status.reloads == before.reloads


class Watched:
    """A real server that watches its rules folder, and how it is asked."""

    def __init__(self, folder: Path, channel: Any) -> None:
        self.rules = folder / "rules"
        self._status = rule_service_pb2_grpc.RuleServiceStub(channel)
        self._decide = decision_service_pb2_grpc.DecisionServiceStub(channel)

    def status(self) -> rule_service_pb2.StatusResponse:
        """How the rules are."""
        return self._status.Status(rule_service_pb2.StatusRequest(), timeout=PATIENCE_S)

    def errors(self) -> list[rule_service_pb2.Problem]:
        """What keeps a version from serving."""
        return [problem for problem in self.status().problems if problem.severity == "ERROR"]

    def version_that_decides(self) -> str:
        """The version by which a message is decided now."""
        request = contract.EvaluateRequest(message=message())
        version: str = self._decide.Evaluate(request, timeout=PATIENCE_S).decision.version
        return version

    def name(self, version: str) -> None:
        """Name a version by renaming a new file into place."""
        (self.rules / ".new").write_text(f"stable: {version}\n", encoding="utf-8")
        (self.rules / ".new").replace(self.rules / "rollout.yaml")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A server with a small good version."""
    folder = tmp_path_factory.mktemp("watched")
    with running(folder) as server, connected(server) as channel:
        yield Watched(folder, channel)
        assert_quiet(server)


def assert_quiet(server: Running) -> None:
    """It runs, and nothing surprised it."""
    assert server.process.poll() is None
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("case", ["many-mistakes", "truncated-file", "yaml-bomb"])
def test_a_watching_server_refuses_a_broken_version(watched: Watched, case: str) -> None:
    """Named in rollout.yaml, it is seen, refused with its places, and forgotten when the good one is named again."""
    for name, content in version_of(case).items():
        path = watched.rules / case / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    before = watched.status()
    watched.name(case)
    until(lambda: watched.status().failures == before.failures + 1, "the refusal")
    status = watched.status()

    assert (status.version, status.digest, status.attempted_version) == ("v1", before.digest, case)
    assert watched.errors()
    assert all(problem.file.startswith(f"{case}/") and problem.line for problem in watched.errors())
    assert watched.version_that_decides() == "v1"

    watched.name("v1")
    until(lambda: not watched.errors(), "the all-clear")
    assert watched.status().reloads == before.reloads


@pytest.mark.parametrize("name", ["a pipe", "a file of 10 MB", "rollout deleted", "everything moved"])
def test_a_watching_server_outlives_a_mishap(watched: Watched, name: str) -> None:
    """Whatever befalls the folder, it is seen by itself, it decides on, and undoing it is seen too."""
    rules, before = watched.rules, watched.status()
    backup = rules.with_name("backup")
    shutil.copytree(rules, backup)
    (rules / "good").symlink_to("v1")
    MISHAPS[name](rules)
    until(lambda: watched.status().failures > before.failures, "the refusal")

    assert all(problem.message for problem in watched.errors())
    assert watched.version_that_decides() == "v1"

    for left in (rules, rules.with_name("elsewhere")):
        remove(left)
    backup.rename(rules)
    until(lambda: not watched.errors(), "the all-clear")
    assert (watched.status().digest, watched.status().reloads) == (before.digest, before.reloads)


def test_a_good_version_is_taken_up_while_it_decides(watched: Watched) -> None:
    """Between two versions no call fails, and every decision is of one or the other."""
    shutil.copytree(watched.rules / "v1", watched.rules / "v2")
    (watched.rules / "v2" / "fatigue.yaml").write_text("family: fatigue\nrules: []\n# v2\n", encoding="utf-8")
    watched.name("v2")
    seen = []
    until(lambda: seen.append(watched.version_that_decides()) or seen[-1] == "v2", "the other version")

    assert set(seen) <= {"v1", "v2"}
    assert seen == sorted(seen)
    watched.name("v1")
    until(lambda: watched.version_that_decides() == "v1", "the first version")
