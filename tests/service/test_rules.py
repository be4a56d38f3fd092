"""RuleService as its callers see it, with a real rules process, reloader and load behind it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.clock import HandClock
from engine.errors import RulesUnavailable
from engine.flow.evaluation import Evaluator
from engine.flow.reload import Reloader, ReloadOptions
from engine.flow.rules_process import RulesProcess, RulesProcessOptions
from engine.service.rules import RuleServicer
from signalbox.v1 import rule_service_pb2 as contract
from tests.test_server import write_rules

BROKEN = "family: routing\nrules: 7\n"


class Site:
    """A rules folder in service and the servicer that tells of it."""

    def __init__(self, root: Path, process: RulesProcess) -> None:
        self.root = root
        self.rules = root / "rules"
        evaluator = Evaluator(process, "Asia/Shanghai")
        options = ReloadOptions(self.rules, root / "rule_tests", root / "data", look_every_s=3600, settle_s=0.001)
        self.reloader = Reloader(options, process, HandClock(1_500), evaluator.use)
        self._servicer = RuleServicer(self.reloader, process, evaluator)

    async def status(self) -> contract.StatusResponse:
        """What RuleService answers."""
        return await self._servicer.Status(contract.StatusRequest(), None)


@contextlib.asynccontextmanager
async def served(root: Path) -> AsyncIterator[Site]:
    """A site whose version v1 serves; it has no rule tests."""
    process = RulesProcess(RulesProcessOptions(answer_limit_s=2.0, kill_limit_s=4.0))
    write_rules(root / "rules")
    site = Site(root, process)
    with pytest.raises(RulesUnavailable):
        await site.status()
    await process.start()
    try:
        await site.reloader.start()
        yield site
    finally:
        await site.reloader.stop()
        await process.stop()


async def test_what_serves_is_told_with_its_warnings(tmp_path: Path) -> None:
    """Warnings of the version in force are no problems: those are empty when all is well."""
    async with served(tmp_path) as site:
        status = await site.status()

    assert (status.version, status.attempted_version, status.source) == ("v1", "v1", contract.RULE_SOURCE_FOLDER)
    assert (status.loaded_at.ToMilliseconds(), status.reloads, status.failures) == (1_500, 1, 0)
    assert dict(status.rules) == {"routing": 1}
    assert list(status.problems) == []
    tests = str(tmp_path / "rule_tests" / "v1")
    assert [(one.code, one.severity, one.file) for one in status.warnings] == [("no-rule-tests", "WARNING", tests)]
    assert tests in status.warnings[0].message
    assert status.matcher.ready


async def test_a_refused_version_has_the_problems_and_the_old_one_its_warnings(tmp_path: Path) -> None:
    """Each list is about one version; both go when a version without either is in force."""
    async with served(tmp_path) as site:
        write_rules(site.rules, "v2", routing=BROKEN)
        await site.reloader.check()
        status = await site.status()

        assert (status.version, status.attempted_version, status.failures) == ("v1", "v2", 1)
        assert {one.file for one in status.problems} == {"v2/routing.yaml"}
        assert "ERROR" in {one.severity for one in status.problems}
        assert [one.code for one in status.warnings] == ["no-rule-tests"]

        (tmp_path / "rule_tests" / "v3").mkdir(parents=True)
        case = "- {name: it goes by push, expect: {channels: [push], decided_by: default}}\n"
        (tmp_path / "rule_tests" / "v3" / "routing.yaml").write_text(case, encoding="utf-8")
        write_rules(site.rules, "v3")
        await site.reloader.check()
        status = await site.status()
        assert (status.version, list(status.problems), list(status.warnings)) == ("v3", [], [])
