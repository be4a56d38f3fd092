"""A rules folder that is really served: the real load in a real rules process, the real reloader, real decisions."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Self

from engine.clock import HandClock
from engine.decision.model import Content, Decision, Message
from engine.decision.session import State
from engine.flow.evaluation import Evaluator
from engine.flow.reload import Reloader, ReloadOptions
from engine.flow.rules_process import RulesProcess, RulesProcessOptions
from engine.flow.rules_status import Status

NOW_MS = 1_767_614_400_000
PATIENT = RulesProcessOptions(answer_limit_s=2.0, kill_limit_s=4.0, first_pause_s=0.01)
"""Limits that a busy machine keeps too."""


class Site:
    """A rules folder with what serves it. Nothing is watched: `check` looks."""

    def __init__(self, root: Path, process: RulesProcess) -> None:
        self.rules = root / "rules"
        self.tests = root / "rule_tests"
        self.process = process
        self.evaluator = Evaluator(process, "Asia/Shanghai")
        options = ReloadOptions(self.rules, self.tests, root / "data", look_every_s=3600, settle_s=0.001)
        self.reloader = Reloader(options, process, HandClock(NOW_MS), self.evaluator.use)

    @classmethod
    @contextlib.asynccontextmanager
    async def serving(cls, root: Path, version: str, files: Mapping[str, bytes]) -> AsyncIterator[Self]:
        """A site that serves this version."""
        process = RulesProcess(PATIENT)
        await process.start()
        site = cls(root, process)
        try:
            site.write(version, files)
            site.name(version)
            await site.reloader.start()
            yield site
        finally:
            await site.reloader.stop()
            await process.stop()

    def write(self, version: str, files: Mapping[str, bytes]) -> None:
        """Write a version's folder."""
        folder = self.rules / version
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)

    def name(self, version: str) -> None:
        """Name a version in rollout.yaml, by renaming a new file into place."""
        new = self.rules / ".new"
        new.write_text(f'stable: "{version}"\n', encoding="utf-8")
        new.replace(self.rules / "rollout.yaml")

    async def check(self) -> Status:
        """Look at the files now, and act."""
        return await self.reloader.check()

    async def decide(self, **fields: Any) -> Decision:
        """Have one message decided by what is in force."""
        message = Message("t", "cards", "u", "TRANSACTION", "P1", content=_HELLO, addresses=_EVERYWHERE)._replace(
            **fields
        )
        (judged,) = await self.evaluator.evaluate(self.evaluator.session(State()), [(message, NOW_MS)])
        assert judged.error is None
        return judged.decision


_HELLO = Content("", "hello", "", "")
_EVERYWHERE = tuple((channel, "1") for channel in ("push", "sms"))
