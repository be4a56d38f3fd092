"""A small stand-in for real rule sets and for loading them; what it does stands in the version's routing.yaml.

rules N        N rules: rule i matches when term 0 has class i
refuse WORDS   the load reports an issue
warn WORDS     the load reports a warning and gives three rules
any other word names one of the ways below in which a load can go wrong
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from engine.ruleset.fact_types import Scope
from engine.ruleset.files import digest_of, file_issue
from engine.ruleset.issues import Issue, Severity


class Conjunction(NamedTuple):
    """One way for a rule to match."""

    rule: int
    tests: tuple[tuple[int, str, int], ...]


@dataclass(frozen=True)
class Program:
    """The conjunctions of one scope."""

    conjunctions: tuple[Conjunction, ...] = ()


@dataclass(frozen=True)
class RuleSet:
    """As much of a rule set as serving one needs."""

    version: str
    digest: str
    programs: Mapping[Scope, Program] = field(repr=False)


@dataclass(frozen=True)
class Loaded:
    """What a load gives."""

    ruleset: RuleSet | None
    issues: tuple[Issue, ...] = ()


def one_each(count: int) -> tuple[Conjunction, ...]:
    """`count` rules, each for one class of the only term."""
    return tuple(Conjunction(i, ((0, "==", i),)) for i in range(count))


def load_version(rules_dir: str, version: str, tests_dir: str) -> Loaded:
    """Do what the version's routing.yaml says."""
    folder = Path(rules_dir) / version
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}
    word, _, rest = files["routing.yaml"].decode().strip().partition(" ")
    if (Path(tests_dir) / version / "failing.yaml").exists():
        return Loaded(None, (file_issue("rule_tests/failing.yaml", "rule-test-failed", "it fails"),))
    if word == "refuse":
        return Loaded(None, (file_issue("routing.yaml", "stand-in", rest),))
    if word in ("rules", "warn"):
        program = Program(one_each(3 if word == "warn" else int(rest)))
        warnings = (file_issue("routing.yaml", "stand-in", rest, severity=Severity.WARNING),) if word == "warn" else ()
        return Loaded(RuleSet(version, digest_of(files), dict.fromkeys(Scope, program)), warnings)
    WAYS[word]()
    raise AssertionError(word)


def work(way: str) -> Any:
    """Go one of the ways directly, without files."""
    return WAYS[way]()


def _loop() -> NoReturn:
    while True:
        pass


def _crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _eat() -> None:
    kept = []
    while True:
        kept.append(bytearray(16 << 20))


def _raise() -> None:
    raise RuntimeError("as told")


def _exit() -> None:
    os._exit(0)


def _leave() -> None:
    raise SystemExit(0)


def _kill_parent() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    _loop()


WAYS: dict[str, Callable[[], Any]] = {
    "loop": _loop,
    "crash": _crash,
    "eat": _eat,
    "raise": _raise,
    "exit": _exit,
    "leave": _leave,
    "kill-parent": _kill_parent,
    "pid": os.getpid,
    "large": lambda: os.urandom(8 << 20),
    "lambda": lambda: lambda: None,
}
