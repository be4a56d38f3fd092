"""Every broken version there is, named while a good one serves: the good one serves on, and the author is told."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from engine.decision.model import Verdict
from engine.flow.rules_status import Source, Status
from engine.ruleset.issues import Severity
from tests.faults.site import Site
from tests.ruleset.test_errors import CASES, ERRORS, version_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD = "good"
TOLD = re.compile(r"^(error|warning)\[([a-z0-9-]+)\] ([^:]+):(\d+):(\d+): ", re.MULTILINE)
Place = tuple[str, str, int, int]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A site that serves the version from which all cases start."""
    async with Site.serving(tmp_path_factory.mktemp("site"), GOOD, version_of("_base")) as one:
        yield one


def errors_told(case: str, version: str) -> set[Place]:
    """Code, file, line and column of the errors in the golden text of a case."""
    text = (ERRORS / case / "expected.txt").read_text(encoding="utf-8")
    return {
        (code, f"{version}/{file}", int(line), int(column))
        for kind, code, file, line, column in TOLD.findall(text)
        if kind == "error"
    }


def errors_of(status: Status) -> set[Place]:
    """Code, file, line and column of the errors in a status."""
    return {(i.code, i.file, i.line, i.column) for i in status.problems if i.severity is Severity.ERROR}


async def assert_it_decides(site: Site) -> None:
    """Messages go on being decided, by the good version."""
    decision = await site.decide()
    assert (decision.verdict, decision.version, decision.decided_by) == (Verdict.SEND, GOOD, "default")
    decision = await site.decide(scene="security", params={"amount": 1.0})
    assert (decision.version, decision.decided_by) == (GOOD, "security-push-then-sms")


@pytest.mark.parametrize("case", [case for case in CASES if errors_told(case, "")])
async def test_a_broken_version_is_not_served(site: Site, case: str) -> None:
    """The digest in force stays, decisions go on, the status has every error with its place; going back clears it."""
    version, before = f"{case}-1", site.reloader.status
    site.write(version, version_of(case))
    site.name(version)
    status = await site.check()

    assert (status.version, status.digest, status.reloads) == (GOOD, before.digest, before.reloads)
    assert (status.attempted_version, status.failures) == (version, before.failures + 1)
    assert errors_told(case, version) <= errors_of(status)
    await assert_it_decides(site)

    site.name(GOOD)
    status = await site.check()
    assert (status.version, status.digest, status.problems) == (GOOD, before.digest, ())
    assert (status.reloads, status.source) == (before.reloads, Source.FOLDER)


@pytest.mark.parametrize("case", [case for case in CASES if not errors_told(case, "")])
async def test_a_version_with_mere_warnings_is_served(site: Site, case: str) -> None:
    """A warning keeps nothing from serving; it is told for as long as the version serves."""
    version = f"{case}-1"
    site.write(version, version_of(case))
    site.name(version)
    status = await site.check()

    assert (status.version, status.problems) == (version, ())
    assert [warning.severity for warning in status.warnings] == [Severity.WARNING] * len(status.warnings) != []
    assert (await site.decide()).version == version

    site.name(GOOD)
    assert (await site.check()).version == GOOD
    await assert_it_decides(site)


async def test_a_broken_version_may_be_mended_in_place(site: Site) -> None:
    """A version that never served may be edited until it is good; then it is taken up without being named again."""
    site.write("mended", version_of("many-mistakes"))
    site.name("mended")
    assert (await site.check()).version == GOOD
    site.write("mended", version_of("_base"))
    status = await site.check()

    assert (status.version, status.problems) == ("mended", ())
    assert (await site.decide()).version == "mended"
    site.name(GOOD)
    assert (await site.check()).version == GOOD


async def test_a_version_that_fails_its_own_tests_is_not_served(site: Site) -> None:
    """A good version whose rule test expects otherwise is refused with the test's place."""
    site.write("tested", version_of("_base"))
    (site.tests / "tested").mkdir(parents=True)
    wrong = "- name: it goes by sms\n  given: {message: {category: TRANSACTION}}\n  expect: {channels: [sms]}\n"
    (site.tests / "tested" / "routing.yaml").write_text(wrong, encoding="utf-8")
    site.name("tested")
    status = await site.check()

    assert status.version == GOOD
    ((code, file, line, _),) = errors_of(status)
    assert (code, file.endswith("rule_tests/tested/routing.yaml"), line) == ("rule-test-failed", True, 1)
    await assert_it_decides(site)
    site.name(GOOD)
    assert (await site.check()).problems == ()
