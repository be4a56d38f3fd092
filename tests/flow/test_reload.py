"""Whatever happens to the rules folder, something good goes on serving, and it is loud about it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from engine.clock import HandClock
from engine.errors import RuleSetRefused
from engine.flow.reload import Reloader, ReloadOptions
from engine.flow.rules_process import RulesProcess, RulesProcessOptions
from engine.flow.rules_status import Source, Status
from tests.flow.stand_in import RuleSet


class Site:
    """A rules folder, the parts around it, and what they told."""

    def __init__(self, root: Path, rules: RulesProcess) -> None:
        self.root = root
        self.rules_dir = root / "rules"
        self.rules = rules
        self.clock = HandClock(1_000)
        self.swapped: list[str] = []
        self.told: asyncio.Queue[Status] = asyncio.Queue()
        self.options = ReloadOptions(
            self.rules_dir, root / "rule_tests", root / "data", look_every_s=3600, settle_s=0.001
        )

    def write(self, version: str, routing: str = "rules 3") -> None:
        """Write a version's folder."""
        folder = self.rules_dir / version
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "routing.yaml").write_text(routing, encoding="utf-8")
        (folder / "facts.yaml").write_text("facts: {}", encoding="utf-8")

    def name(self, version: str) -> None:
        """Name a version in rollout.yaml, as a person's editor does it: by renaming a new file into place."""
        new = self.rules_dir / ".rollout.yaml.new"
        new.write_text(f"stable: {version}\n", encoding="utf-8")
        new.replace(self.rules_dir / "rollout.yaml")

    def _on_swap(self, ruleset: RuleSet) -> None:
        self.swapped.append(ruleset.version)

    @contextlib.asynccontextmanager
    async def serving(self, **changed: object) -> AsyncIterator[Reloader]:
        """A started reloader."""
        options = replace(self.options, **changed)
        reloader = Reloader(options, self.rules, self.clock, self._on_swap, self.told.put_nowait)
        await reloader.start()
        try:
            yield reloader
        finally:
            await reloader.stop()

    async def matches(self, reloader: Reloader) -> list[tuple[int, ...]]:
        """What the rules process answers for the rule set in force."""
        return await self.rules.match(reloader.current.digest, 0, [(2,), (9,)])


@pytest.fixture
def load_limit_s() -> float:
    """How long a load may take; ample, where a test does not say otherwise."""
    return 30.0


@pytest.fixture
async def site(tmp_path: Path, load_limit_s: float) -> AsyncIterator[Site]:
    """A site whose version `1` has three rules and is named."""
    options = RulesProcessOptions(
        loader="tests.flow.stand_in:load_version",
        answer_limit_s=2.0,
        kill_limit_s=4.0,
        load_limit_s=load_limit_s,
        first_pause_s=0.01,
    )
    rules = RulesProcess(options)
    await rules.start()
    site = Site(tmp_path, rules)
    site.write("1")
    site.name("1")
    yield site
    await rules.stop()


def codes(status: Status) -> list[tuple[str, str]]:
    """Code and file of each problem."""
    return [(issue.code, issue.file) for issue in status.problems]


async def test_the_named_version_is_served(site: Site) -> None:
    """The version that rollout.yaml names is in force, installed, and told once, at the clock's time."""
    async with site.serving() as reloader:
        status = reloader.status

        assert (status.version, status.source, status.problems) == ("1", Source.FOLDER, ())
        assert (status.loaded_at_ms, status.reloads, status.failures) == (1_000, 1, 0)
        assert await site.matches(reloader) == [(2,), ()]
        assert site.swapped == ["1"]


async def test_another_version_takes_its_place(site: Site) -> None:
    """Naming another version swaps it in; the one before can still be asked by decisions in flight."""
    async with site.serving() as reloader:
        old = reloader.current
        site.write("2", "rules 10")
        site.name("2")
        site.clock.advance(500)
        status = await reloader.check()

        assert (status.version, status.loaded_at_ms, status.reloads) == ("2", 1_500, 2)
        assert await site.matches(reloader) == [(2,), (9,)]
        assert await site.rules.match(old.digest, 0, [(9,)]) == [()]
        assert site.swapped == ["1", "2"]


async def test_nothing_changed_nothing_happens(site: Site) -> None:
    """Looking again at the same files loads nothing."""
    async with site.serving() as reloader:
        before = reloader.status

        assert await reloader.check() is before
        assert site.swapped == ["1"]


@pytest.mark.parametrize(
    ("routing", "code", "load_limit_s"),
    [
        ("refuse it is wrong", "stand-in", 30.0),
        ("raise", "load-failed", 30.0),
        ("crash", "load-crashed", 30.0),
        ("loop", "load-timeout", 1.0),
        ("exit", "load-crashed", 30.0),
        ("lambda", "load-failed", 30.0),
    ],
)
async def test_a_version_that_cannot_be_loaded_changes_nothing(
    site: Site, routing: str, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    """However a load fails, the old version serves on; status, count and log tell, and mending the files helps."""
    async with site.serving() as reloader:
        good = reloader.current
        site.write("2", routing)
        site.name("2")
        with caplog.at_level(logging.ERROR):
            status = await reloader.check()

        assert reloader.current is good
        assert await site.matches(reloader) == [(2,), ()]
        assert (status.version, status.attempted_version, status.failures) == ("1", "2", 1)
        assert [issue.code for issue in status.problems] == [code]
        assert "rules 2 refused" in caplog.text
        assert await reloader.check() is status

        site.write("2", "rules 5")
        status = await reloader.check()
        assert (status.version, status.problems, status.failures) == ("2", (), 1)


async def test_a_failing_rule_test_keeps_a_version_out_until_it_is_mended(site: Site) -> None:
    """A change of the rule tests alone is a reason to try again."""
    async with site.serving() as reloader:
        failing = site.root / "rule_tests" / "2" / "failing.yaml"
        failing.parent.mkdir(parents=True)
        failing.touch()
        site.write("2")
        site.name("2")
        assert codes(await reloader.check()) == [("rule-test-failed", "rule_tests/failing.yaml")]

        failing.unlink()
        assert (await reloader.check()).version == "2"


async def test_an_edited_served_folder_is_refused_until_restored(site: Site) -> None:
    """An edit under a served version is no release: it is refused by name, with a hint, and forgiven when undone."""
    async with site.serving() as reloader:
        good = reloader.current
        site.write("1", "rules 9")
        (site.rules_dir / "1" / "facts.yaml").unlink()
        status = await reloader.check()

        edited = "served-folder-edited"
        assert codes(status) == [(edited, "1/facts.yaml"), (edited, "1/routing.yaml")]
        assert "copy the folder to a new version" in status.problems[0].hint
        assert reloader.current is good

        site.write("1")
        status = await reloader.check()
        assert (status.version, status.problems, status.failures, status.reloads) == ("1", (), 1, 1)
        assert reloader.current is good


async def test_an_edit_made_while_the_server_was_stopped_is_refused_as_well(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """A restart is no release: the kept copy serves, the status names the edited file, and restoring it is enough."""
    async with site.serving() as reloader:
        digest = reloader.status.digest
    site.write("1", "rules 10")
    async with site.serving() as reloader:
        status = reloader.status

        assert (status.version, status.digest, status.source) == ("1", digest, Source.LAST_GOOD)
        assert codes(status) == [("served-folder-edited", "1/routing.yaml")]
        assert "copy the folder to a new version" in status.problems[0].hint
        assert "restore" in status.problems[0].hint
        assert await site.matches(reloader) == [(2,), ()]
        assert "rules 1 refused: 1/routing.yaml:1:1 served-folder-edited" in caplog.text

        site.write("1")
        status = await reloader.check()
        assert (status.digest, status.source, status.problems) == (digest, Source.FOLDER, ())


@pytest.mark.parametrize("restarted", [False, True])
async def test_an_edited_version_cannot_come_back_under_its_old_name(site: Site, restarted: bool) -> None:
    """Once a version was in force, its name stands for its files, although others served since, and for good."""
    site.write("2", "rules 10")
    async with contextlib.AsyncExitStack() as stack:
        reloader = await stack.enter_async_context(site.serving())
        site.name("2")
        await reloader.check()
        if restarted:
            await stack.aclose()
            reloader = await stack.enter_async_context(site.serving())
        site.write("1", "rules 9")
        site.name("1")
        status = await reloader.check()

        assert (status.version, status.attempted_version) == ("2", "1")
        assert codes(status) == [("served-folder-edited", "1")]
        assert await site.matches(reloader) == [(2,), (9,)]

        site.write("1")
        status = await reloader.check()
        assert (status.version, status.problems) == ("1", ())


async def test_an_edit_may_serve_under_a_new_name(site: Site) -> None:
    """What the hint says helps: the same files as another version are put in force."""
    async with site.serving():
        pass
    site.write("1", "rules 10")
    async with site.serving() as reloader:
        shutil.copytree(site.rules_dir / "1", site.rules_dir / "2")
        site.name("2")
        status = await reloader.check()

        assert (status.version, status.source, status.problems) == ("2", Source.FOLDER, ())
        assert await site.matches(reloader) == [(2,), (9,)]


async def test_an_author_may_edit_between_two_starts(site: Site) -> None:
    """With `dev` the edited files are what the name stands for from then on."""
    async with site.serving():
        pass
    site.write("1", "rules 10")
    async with site.serving(dev=True) as reloader:
        digest = reloader.status.digest
        assert await site.matches(reloader) == [(2,), (9,)]
    async with site.serving() as reloader:
        assert (reloader.status.digest, reloader.status.source) == (digest, Source.FOLDER)


@pytest.mark.parametrize("damage", ["", "[1]", '{"1": 7, "../..": "0"}', "[" * 100_000])
async def test_a_damaged_memory_of_versions_still_knows_the_last_good_one(site: Site, damage: str) -> None:
    """What cannot be read keeps nothing from starting, and the version last in force is known by its copy."""
    async with site.serving() as reloader:
        digest = reloader.status.digest
    (site.root / "data" / "last-good" / "served.json").write_text(damage, encoding="utf-8")
    site.write("1", "rules 9")
    async with site.serving() as reloader:
        assert (reloader.status.digest, reloader.status.source) == (digest, Source.LAST_GOOD)


async def test_an_edited_version_without_a_kept_copy_refuses_the_start(site: Site) -> None:
    """When the copy is damaged as well there is nothing that may serve."""
    async with site.serving():
        pass
    next((site.root / "data" / "last-good").glob("*/1/routing.yaml")).unlink()
    site.write("1", "rules 9")

    with pytest.raises(RuleSetRefused, match="served-folder-edited") as caught:
        async with site.serving():
            pass
    assert "copy the folder to a new version" in caught.value.issues[0].hint


async def test_warnings_of_what_serves_are_told_and_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """They are no problems; they stay in the status beside those of a version that is refused, and are in the log."""
    site.write("1", "warn it is odd")
    async with site.serving() as reloader:
        assert (codes(reloader.status), reloader.status.source) == ([], Source.FOLDER)
        assert [(i.code, i.file) for i in reloader.status.warnings] == [("stand-in", "1/routing.yaml")]
        (line,) = [record for record in caplog.records if record.levelno == logging.WARNING]
        assert line.getMessage() == "rules 1 serve with warnings: 1/routing.yaml:1:1 stand-in: it is odd"

        site.write("2", "refuse it is wrong")
        site.name("2")
        status = await reloader.check()
        assert codes(status) == [("stand-in", "2/routing.yaml")]
        assert [i.file for i in status.warnings] == ["1/routing.yaml"]


async def test_an_author_may_edit_the_served_folder(site: Site) -> None:
    """With `dev` an edit of the served version is loaded, and a broken one refused."""
    async with site.serving(dev=True) as reloader:
        site.write("1", "rules 10")
        assert (await reloader.check()).reloads == 2
        assert await site.matches(reloader) == [(2,), (9,)]

        site.write("1", "refuse it is wrong")
        assert codes(await reloader.check()) == [("stand-in", "1/routing.yaml")]
        assert await site.matches(reloader) == [(2,), (9,)]


async def test_a_touched_file_is_not_an_edited_one(site: Site) -> None:
    """Times and inodes may change as they like while the contents are the same."""
    async with site.serving() as reloader:
        before = reloader.status
        shutil.copytree(site.rules_dir / "1", site.root / "copy")
        shutil.rmtree(site.rules_dir / "1")
        (site.root / "copy").rename(site.rules_dir / "1")

        assert await reloader.check() == before


Mishap = Callable[[Site], None]


def delete_rollout(site: Site) -> None:
    (site.rules_dir / "rollout.yaml").unlink()


def empty_rollout(site: Site) -> None:
    (site.rules_dir / "rollout.yaml").write_bytes(b"")


def halve_rollout(site: Site) -> None:
    (site.rules_dir / "rollout.yaml").write_bytes(b"stab")


def fill_rollout_with_bytes(site: Site) -> None:
    (site.rules_dir / "rollout.yaml").write_bytes(b"\x00\xff\xfe" * 50)


def turn_rollout_into_a_pipe(site: Site) -> None:
    (site.rules_dir / "rollout.yaml").unlink()
    os.mkfifo(site.rules_dir / "rollout.yaml")


def link_rollout_to_nothing(site: Site) -> None:
    (site.rules_dir / "rollout.yaml").unlink()
    (site.rules_dir / "rollout.yaml").symlink_to("gone.yaml")


def name_no_folder(site: Site) -> None:
    site.name("7")


def delete_the_folder(site: Site) -> None:
    shutil.rmtree(site.rules_dir / "1")


def empty_the_folder(site: Site) -> None:
    delete_the_folder(site)
    (site.rules_dir / "1").mkdir()


def halve_a_file(site: Site) -> None:
    (site.rules_dir / "1" / "routing.yaml").write_text("rul", encoding="utf-8")


def swap_the_folder_for_a_link(site: Site) -> None:
    site.write("other", "rules 9")
    delete_the_folder(site)
    (site.rules_dir / "1").symlink_to("other")


def swap_a_file_for_a_link(site: Site) -> None:
    (site.root / "elsewhere.yaml").write_text("rules 9", encoding="utf-8")
    (site.rules_dir / "1" / "routing.yaml").unlink()
    (site.rules_dir / "1" / "routing.yaml").symlink_to(site.root / "elsewhere.yaml")


def delete_everything(site: Site) -> None:
    shutil.rmtree(site.rules_dir)


MISHAPS = [
    delete_rollout,
    empty_rollout,
    halve_rollout,
    fill_rollout_with_bytes,
    turn_rollout_into_a_pipe,
    link_rollout_to_nothing,
    name_no_folder,
    delete_the_folder,
    empty_the_folder,
    halve_a_file,
    swap_the_folder_for_a_link,
    swap_a_file_for_a_link,
    delete_everything,
]


@pytest.mark.parametrize("mishap", MISHAPS, ids=lambda mishap: mishap.__name__)
async def test_a_mishap_changes_nothing_and_is_undone_by_undoing_it(site: Site, mishap: Mishap) -> None:
    """What is deleted, emptied, half written or swapped keeps the old version serving and shows as a problem."""
    async with site.serving() as reloader:
        good = reloader.current
        shutil.copytree(site.rules_dir, site.root / "backup")
        mishap(site)
        status = await reloader.check()

        assert reloader.current is good
        assert await site.matches(reloader) == [(2,), ()]
        assert status.problems
        assert status.failures == 1
        assert all(issue.message and issue.hint for issue in status.problems)

        shutil.rmtree(site.rules_dir, ignore_errors=True)
        (site.root / "backup").rename(site.rules_dir)
        status = await reloader.check()
        assert (status.version, status.problems, status.reloads) == ("1", (), 1)
        assert reloader.current is good


@pytest.mark.parametrize("mishap", MISHAPS, ids=lambda mishap: mishap.__name__)
async def test_after_a_mishap_the_last_good_version_serves_at_start(site: Site, mishap: Mishap) -> None:
    """A server that starts beside a broken folder serves the kept copy, says so, and takes up what is mended."""
    async with site.serving():
        pass
    mishap(site)

    async with site.serving() as reloader:
        status = reloader.status
        assert (status.version, status.source, status.failures) == ("1", Source.LAST_GOOD, 1)
        assert status.problems
        assert await site.matches(reloader) == [(2,), ()]

        shutil.rmtree(site.rules_dir, ignore_errors=True)
        site.write("1")
        site.name("1")
        status = await reloader.check()
        assert (status.source, status.problems, status.reloads) == (Source.FOLDER, (), 1)


async def test_nothing_to_serve_refuses_the_start(site: Site) -> None:
    """Without a good version in the folder or on disk the start fails with the problems."""
    site.write("1", "refuse it is wrong")

    with pytest.raises(RuleSetRefused, match="it is wrong") as caught:
        async with site.serving():
            pass
    assert [issue.code for issue in caught.value.issues] == ["stand-in"]


@pytest.mark.parametrize("damage", ["pointer", "copy"])
async def test_a_damaged_copy_is_not_served(site: Site, damage: str) -> None:
    """A kept copy whose pointer or content is not what was kept is refused."""
    async with site.serving():
        pass
    kept = site.root / "data" / "last-good"
    if damage == "pointer":
        (kept / "current.json").write_text('{"version": "../..", "digest": "0"}', encoding="utf-8")
    else:
        next(kept.glob("*/1/routing.yaml")).write_text("rules 9", encoding="utf-8")
    delete_rollout(site)

    with pytest.raises(RuleSetRefused):
        async with site.serving():
            pass


async def test_one_copy_is_kept(site: Site) -> None:
    """The kept copy is the last good version, alone; a leftover of a crash goes, and foreign files stay."""
    kept = site.root / "data" / "last-good"
    (kept / "staging-left" / "1").mkdir(parents=True)
    (kept / "foreign").touch()
    async with site.serving() as reloader:
        for version, routing in (("2", "rules 10"), ("3", "refuse it is wrong"), ("4", "rules 10")):
            site.write(version, routing)
            site.name(version)
            await reloader.check()

    assert json.loads((kept / "current.json").read_text())["version"] == "4"
    assert sorted(path.parent.name for path in kept.glob("*/*/routing.yaml")) == ["4"]
    assert sorted(path.name for path in kept.iterdir() if len(path.name) < 60) == [
        "current.json",
        "foreign",
        "served.json",
    ]


async def test_a_data_folder_that_cannot_be_written_does_not_stop_a_release(site: Site) -> None:
    """When a good version cannot even be copied, the old one serves on, and it is tried again by itself."""
    async with site.serving() as reloader:
        shutil.rmtree(site.root / "data")
        (site.root / "data").touch()
        site.write("2")
        site.name("2")
        assert codes(await reloader.check()) == [("no-room", "2")]

        (site.root / "data").unlink()
        (site.root / "data" / "last-good").mkdir(parents=True)
        assert (await reloader.check()).version == "2"


async def test_what_cannot_be_put_in_force_is_refused(site: Site) -> None:
    """When the server cannot take a rule set over, the one before stays."""
    async with site.serving() as reloader:
        site.swapped = None  # so the callback raises
        site.write("2", "rules 10")
        site.name("2")
        status = await reloader.check()

        assert codes(status) == [("not-taken", "2")]
        assert await site.matches(reloader) == [(2,), ()]


async def test_a_load_lost_with_its_process_is_tried_again(site: Site) -> None:
    """A version that fails for a reason outside its files gets another attempt though they did not change."""
    async with site.serving() as reloader:
        site.write("2", "kill-parent")
        site.name("2")
        assert codes(await reloader.check()) == [("rules-process-away", "2")]
        assert (await reloader.check()).failures == 2
        await site.rules.wait_ready()
        assert await site.matches(reloader) == [(2,), ()]


@pytest.mark.parametrize("how", ["rename", "in-place", "linked-folder"])
async def test_changes_are_seen_by_themselves(site: Site, how: str) -> None:
    """Nobody needs to ask: a rename, a write in place and the swap of a linked rules folder are noticed."""
    site.write("2", "rules 10")
    if how == "linked-folder":
        site.rules_dir.rename(site.root / "real")
        site.rules_dir.symlink_to("real")
    async with site.serving(look_every_s=0.2) as reloader:
        await site.told.get()
        if how == "rename":
            site.name("2")
        elif how == "in-place":
            (site.rules_dir / "rollout.yaml").write_text("stable: '2'\n", encoding="utf-8")
        else:
            shutil.copytree(site.root / "real", site.root / "real-2")
            (site.root / "real-2" / "rollout.yaml").write_text("stable: '2'\n", encoding="utf-8")
            (site.root / "new").symlink_to("real-2")
            (site.root / "new").rename(site.rules_dir)

        async with asyncio.timeout(10):
            while (await site.told.get()).version != "2":
                pass
        assert reloader.current.version == "2"


async def test_500_reloads_leave_no_memory_behind(site: Site) -> None:
    """500 releases, each loaded, installed, swapped in and the old one freed, grow neither process by 10 MB."""
    for version, routing in (("1", "rules 150"), ("2", "rules 151"), ("3", "rules 152")):
        site.write(version, routing)
    here = psutil.Process()
    async with site.serving(settle_s=0) as reloader:
        there = psutil.Process(site.rules.pid)
        before = 0
        for cycle in range(500):
            if cycle == 25:
                before = here.memory_info().rss + there.memory_info().rss
            site.name(str(2 + cycle % 2))
            await reloader.check()
            assert await site.matches(reloader) == [(2,), (9,)]
            while not site.told.empty():
                site.told.get_nowait()

        assert reloader.status.reloads == 501
        assert there.pid == site.rules.pid
        assert here.memory_info().rss + there.memory_info().rss - before < 10 << 20
