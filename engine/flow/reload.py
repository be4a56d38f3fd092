"""Which rule set is in force, and how another one takes its place.

The one idea: what serves is only ever replaced by something that was read whole, checked, tested and compiled; every
other outcome keeps it and is loud. A change is taken up when two looks at the files agree, so that a half-written one
is not judged. The swap is one assignment, and a decision in flight keeps the rule set it began with.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from engine.clock import Clock
from engine.errors import MatcherUnavailable, RuleSetRefused
from engine.flow.folder import Folder, read_folder
from engine.flow.last_good import Copy, LastGood
from engine.flow.rules_frames import LoadEnd
from engine.flow.rules_process import LoadReport
from engine.flow.rules_status import LoadRefused, Source, Status, below, edited, is_moving, listed, not_loaded, summary
from engine.flow.rules_watch import Look, Looker, watch
from engine.ruleset.compile import RuleSet
from engine.ruleset.fact_types import Scope
from engine.ruleset.files import digest_of, file_issue
from engine.ruleset.issues import Issue, Severity

log = logging.getLogger(__name__)

_LOOKS = 50
"""How often files that do not stand still are looked at again before the next regular look takes over."""


class Loaded(Protocol):
    """What the load function returns: the rule set, None when an issue or a failed test refuses it."""

    @property
    def ruleset(self) -> RuleSet | None: ...

    @property
    def issues(self) -> tuple[Issue, ...]: ...


class Rules(Protocol):
    """The rules process, as far as it is needed here."""

    async def load(self, rules_dir: str, version: str, tests_dir: str, /) -> LoadReport:
        """Load, check, test and compile one version; an empty `tests_dir` = run no tests."""

    async def install(self, key: str, programs: Sequence[Sequence[Any]]) -> None:
        """Make a version's conjunctions known. Raises MatcherUnavailable."""

    def release(self, key: str) -> None:
        """Forget them."""


@dataclass(frozen=True, slots=True)
class ReloadOptions:
    """Where the rules are and how they are watched."""

    rules_dir: Path
    tests_dir: Path  # the folder with each version's tests
    data_dir: Path  # the last good version is kept in its folder `last-good`
    dev: bool = False  # load the served version again when its files are edited
    look_every_s: float = 1.0
    settle_s: float = 0.05  # between two looks that must agree


@dataclass(slots=True)
class _Serving:
    """What is in force and the files it was made of."""

    ruleset: RuleSet
    files: Mapping[str, bytes] = field(repr=False)


class Reloader:
    """Keeps the right rule set in force.

    `on_swap` is told of each rule set before it is in force, `on_status` of each change of the status. An exception of
    `on_swap` refuses the rule set.
    """

    def __init__(
        self,
        options: ReloadOptions,
        rules: Rules,
        clock: Clock,
        on_swap: Callable[[RuleSet], None],
        on_status: Callable[[Status], None] = lambda status: None,
    ) -> None:
        self._options = options
        self._rules = rules
        self._clock = clock
        self._on_swap = on_swap
        self._on_status = on_status
        self._looker = Looker(options.rules_dir, options.tests_dir)
        self._last_good = LastGood(options.data_dir / "last-good")
        self._serving: _Serving | None = None
        self._previous = ""
        self._status: Status | None = None
        self._acted_on: Look | None = None
        self._one_at_a_time = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None

    @property
    def current(self) -> RuleSet | None:
        """The rule set in force; None before `start`."""
        return None if self._serving is None else self._serving.ruleset

    @property
    def status(self) -> Status:
        """How the rules are. Raises RuleSetRefused before `start` succeeded."""
        if self._status is None:
            raise RuleSetRefused("no rule set is in force")
        return self._status

    async def start(self) -> None:
        """Put the version that rollout.yaml names in force, else the last good one, and watch from then on.

        Raises RuleSetRefused with the problems when neither can be served, and OSError when the data directory cannot
        be written.
        """
        await asyncio.to_thread(self._last_good.open)
        look = await self._settled(await self._look())
        try:
            await self._attempt(look)
        except LoadRefused as refusal:
            await self._start_from_last_good(look, refusal)
        self._acted_on = look
        self._watching = asyncio.create_task(self._watch(), name="rules-watch")

    async def stop(self) -> None:
        """Watch no longer; a load under way is given up. What is in force stays."""
        if self._watching is not None:
            watching, self._watching = self._watching, None
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching

    async def check(self) -> Status:
        """Look at the files now, and act if they changed since they were last acted upon. Raises nothing for files."""
        async with self._one_at_a_time:
            look = await self._look()
            if look != self._acted_on:
                look = await self._settled(look)
                await self._act(look)
        return self.status

    async def _watch(self) -> None:
        async def look() -> None:
            try:
                await self.check()
            except Exception:
                log.exception("the rules could not be looked at; what is in force goes on")

        await watch(self._options.rules_dir, self._options.look_every_s, look)

    async def _look(self) -> Look:
        return await asyncio.to_thread(self._looker.look)

    async def _settled(self, look: Look) -> Look:
        """Look until two looks in a row agree. A file's times tick slower than we look: hence a real pause."""
        for _ in range(_LOOKS):
            await asyncio.sleep(self._options.settle_s)
            before, look = look, await self._look()
            if look == before:
                break
        return look

    # An attempt

    async def _act(self, look: Look) -> None:
        self._acted_on = look
        try:
            await self._attempt(look)
        except LoadRefused as refusal:
            if refusal.passing:
                self._acted_on = None
            self._set(self._refused(self.status, look, refusal))

    async def _attempt(self, look: Look) -> None:
        """Bring what is in force in line with the files; raises LoadRefused."""
        version = look.rollout.stable
        if version is None or look.rollout.has_errors:
            raise LoadRefused(look.rollout.issues)
        folder = await asyncio.to_thread(read_folder, self._options.rules_dir / version)
        digest = "" if folder.has_errors else digest_of(folder.files)
        if self.current is not None and (self.current.version, self.current.digest) == (version, digest):
            return self._all_well(version)
        if not self._options.dev:
            await self._refuse_edited(version, folder, digest)
        if folder.has_errors:
            raise LoadRefused(below(version, folder.issues), is_moving(folder))
        await self._load(version, folder)

    async def _refuse_edited(self, version: str, folder: Folder, digest: str) -> None:
        """Raise LoadRefused if other files than these serve, or ever served, under this version's name."""
        serving = self._serving
        if serving is not None and serving.ruleset.version == version:
            raise LoadRefused(edited(version, folder, serving.files))
        known = self._last_good.served(version)
        if known is None or digest in ("", known):
            return
        copy = await asyncio.to_thread(self._last_good.read) if serving is None else None
        files = copy.files if copy is not None and (copy.version, copy.digest) == (version, known) else None
        raise LoadRefused(edited(version, folder, files))

    def _all_well(self, version: str) -> None:
        """The files are again what is in force."""
        status = replace(self.status, problems=(), source=Source.FOLDER, attempted_version=version)
        if status != self._status:
            log.info("rules %s: the folder is again what is served", version)
            self._set(status)

    async def _load(self, version: str, folder: Folder) -> None:
        try:
            copy = await asyncio.to_thread(self._last_good.stage, version, folder.files)
        except OSError as error:
            raise LoadRefused(_about(version, "no-room", f"its files cannot be copied: {error}"), True) from None
        try:
            loaded = await self._checked(copy, str(self._options.tests_dir))
            ruleset = await self._take_over(loaded, copy)
            warnings = below(version, (*folder.issues, *loaded.issues)) + await self._keep(copy)
        finally:
            await asyncio.to_thread(self._last_good.discard, copy)
        self._began(ruleset, Source.FOLDER, warnings)

    async def _checked(self, copy: Copy, tests_dir: str) -> Loaded:
        """Have a copy loaded, tested and compiled; raises LoadRefused."""
        report = await self._rules.load(str(copy.root), copy.version, tests_dir)
        if report.end is not LoadEnd.DONE:
            passing = report.end in (LoadEnd.AWAY, LoadEnd.REPLACED)
            raise LoadRefused((not_loaded(copy.version, report),), passing)
        loaded: Loaded = report.result
        if loaded.ruleset is None:
            raise LoadRefused(below(copy.version, loaded.issues))
        return loaded

    async def _take_over(self, loaded: Loaded, copy: Copy) -> RuleSet:
        """Put a rule set in force; raises LoadRefused. The one before stays installed for decisions in flight."""
        ruleset = loaded.ruleset
        assert ruleset is not None
        try:
            await self._rules.install(ruleset.digest, [ruleset.programs[scope].conjunctions for scope in Scope])
        except MatcherUnavailable as error:
            log.warning("rules %s begin with the interpreter: %s", ruleset.version, error)
        except Exception as error:
            log.exception("rules %s could not be installed", ruleset.version)
            raise LoadRefused(_about(ruleset.version, "not-taken", f"it could not be installed: {error}")) from None
        try:
            self._on_swap(ruleset)
        except Exception as error:
            log.exception("rules %s could not be put in force", ruleset.version)
            if self.current is None or ruleset.digest not in (self.current.digest, self._previous):
                self._rules.release(ruleset.digest)
            raise LoadRefused(_about(ruleset.version, "not-taken", f"it could not be put in force: {error}")) from None
        old, self._serving = self._serving, _Serving(ruleset, copy.files)
        leaving, self._previous = self._previous, old.ruleset.digest if old else ""
        if leaving and leaving not in (ruleset.digest, self._previous):
            self._rules.release(leaving)
        return ruleset

    async def _keep(self, copy: Copy) -> tuple[Issue, ...]:
        try:
            await asyncio.to_thread(self._last_good.keep, copy)
        except OSError as error:
            log.error("rules %s serve, but could not be kept as the last good ones: %s", copy.version, error)
            text = f"it serves, but could not be kept for the next start: {error}"
            return _about(copy.version, "not-kept", text, Severity.WARNING)
        return ()

    async def _start_from_last_good(self, look: Look, refusal: LoadRefused) -> None:
        """Serve the kept copy although the folder is refused; raises RuleSetRefused."""
        copy = await asyncio.to_thread(self._last_good.read)
        if copy is None:
            raise RuleSetRefused(summary(look.rollout.stable, refusal), refusal.issues)
        try:
            loaded = await self._checked(copy, "")  # no tests: they passed when it was kept
            ruleset = await self._take_over(loaded, copy)
        except LoadRefused as second:
            log.error("the kept copy of rules %s cannot be served either: %s", copy.version, listed(second.issues))
            raise RuleSetRefused(summary(look.rollout.stable, refusal), refusal.issues) from None
        self._began(ruleset, Source.LAST_GOOD, below(copy.version, loaded.issues))
        self._set(self._refused(self.status, look, refusal))

    # What is told

    def _began(self, ruleset: RuleSet, source: Source, warnings: tuple[Issue, ...]) -> None:
        now_ms, old = self._clock.now_ms(), self._status
        status = Status(
            version=ruleset.version,
            digest=ruleset.digest,
            loaded_at_ms=now_ms,
            source=source,
            warnings=warnings,
            attempted_version=ruleset.version,
            attempted_at_ms=now_ms,
            reloads=1 + (old.reloads if old else 0),
            failures=old.failures if old else 0,
        )
        facts = {"version": ruleset.version, "digest": ruleset.digest, "source": source.value}
        log.info("rules %s are in force, from the %s", ruleset.version, source.value, extra=facts)
        if warnings:
            shown = listed(warnings, Severity.WARNING)
            log.warning("rules %s serve with warnings: %s", ruleset.version, shown, extra=facts)
        self._set(status)

    def _refused(self, status: Status, look: Look, refusal: LoadRefused) -> Status:
        facts = {"version": status.version, "attempted": look.rollout.stable, "problems": len(refusal.issues)}
        log.error("%s; rules %s go on serving", summary(look.rollout.stable, refusal), status.version, extra=facts)
        return replace(
            status,
            problems=refusal.issues,
            attempted_version=look.rollout.stable or "",
            attempted_at_ms=self._clock.now_ms(),
            failures=status.failures + 1,
        )

    def _set(self, status: Status) -> None:
        self._status = status
        self._on_status(status)


def _about(version: str, code: str, message: str, severity: Severity = Severity.ERROR) -> tuple[Issue, ...]:
    return (file_issue(version, code, message, severity=severity),)
