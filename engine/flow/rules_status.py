"""How the rules are, in words: the status that people see, and why a version was not taken into service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from engine.flow.folder import Folder
from engine.flow.rules_frames import LoadEnd
from engine.flow.rules_process import LoadReport
from engine.ruleset.files import file_issue, is_known
from engine.ruleset.issues import Issue, Severity

ROLLOUT = "rollout.yaml"


class Source(Enum):
    """Where the rule set in force was read from."""

    FOLDER = "folder"
    LAST_GOOD = "last good"


@dataclass(frozen=True, slots=True)
class Status:
    """How the rules are.

    Times are milliseconds since the epoch. Files of `problems` and `warnings` count from the rules folder, but for rule
    tests, which are named as `path_of_tests` names their folder.
    """

    version: str
    digest: str
    loaded_at_ms: int
    source: Source
    problems: tuple[Issue, ...] = ()  # of the last attempt, if it failed; empty when all is well
    warnings: tuple[Issue, ...] = ()  # of what serves
    attempted_version: str = ""  # the version last asked for
    attempted_at_ms: int = 0
    reloads: int = 0  # versions taken into service since the start
    failures: int = 0  # attempts that failed since the start


class LoadRefused(Exception):
    """An attempt to put a version in force failed.

    `passing`: for a reason outside the files, so that the same files deserve another attempt.
    """

    def __init__(self, issues: tuple[Issue, ...], passing: bool = False) -> None:
        super().__init__(listed(issues))
        self.issues = issues
        self.passing = passing


def summary(asked: str | None, refusal: LoadRefused) -> str:
    """Say in one line what was refused and why; `asked` is the version, None if that itself is unclear."""
    return f"{f'rules {asked}' if asked else ROLLOUT} refused: {listed(refusal.issues)}"


def listed(issues: Sequence[Issue], severity: Severity = Severity.ERROR) -> str:
    """The first few errors (or warnings) in one line."""
    meant = [issue for issue in issues if issue.severity is severity]
    shown = "; ".join(f"{i.file}:{i.line}:{i.column} {i.code}: {i.message}" for i in meant[:3])
    return shown + (f"; and {len(meant) - 3} more" if len(meant) > 3 else "")


def below(version: str, issues: Sequence[Issue]) -> tuple[Issue, ...]:
    """Name the version's own files from the rules folder down; each problem once, in order of place; no notes."""
    told = (issue for issue in issues if issue.severity is not Severity.NOTE)
    return tuple(sorted({replace(issue, file=_path(version, issue.file)) for issue in told}))


def _path(version: str, file: str) -> str:
    """Only a version's own files have a bare name, or are lists; a rule test comes with its folders."""
    if file == ".":
        return version
    return f"{version}/{file}" if is_known(file) or "/" not in file else file


def is_moving(folder: Folder) -> bool:
    """True if the folder was being written, so that the next look may find it whole."""
    return any(issue.code == "changed-while-reading" for issue in folder.issues)


def edited(version: str, folder: Folder, served: Mapping[str, bytes] | None) -> tuple[Issue, ...]:
    """Say how a version's folder differs from what serves or served under its name; None, where that is not at hand."""
    hint = (
        "a version that served does not change: restore its files, or copy the folder to a new version and name that "
        f"one in {ROLLOUT}"
    )
    issues = [issue for issue in folder.issues if issue.severity is Severity.ERROR]
    if served is None:
        text = f"the files are not those that served as version {version} before"
        issues.append(file_issue(".", "served-folder-edited", text, hint))
    elif not any(issue.file == "." for issue in issues):
        for name in sorted({*folder.files, *served} - folder.unreadable):
            if folder.files.get(name) != served.get(name):
                what = "is new" if name not in served else "is gone" if name not in folder.files else "was edited"
                text = f"{name} {what} since version {version} was put in force"
                issues.append(file_issue(name, "served-folder-edited", text, hint))
    return below(version, issues)


_ENDS = {
    LoadEnd.RAISED: ("load-failed", "loading it failed", "this is a defect of Signalbox: please report it"),
    LoadEnd.MEMORY: ("load-out-of-memory", "loading it took too much memory", "shorten the conditions and lists"),
    LoadEnd.TIME: ("load-timeout", "loading it took too long", "shorten the conditions, lists and rule tests"),
    LoadEnd.CRASHED: ("load-crashed", "the process that loaded it crashed", "the server's log may tell more"),
    LoadEnd.TOO_LARGE: ("load-too-large", "the compiled version is too large", "shorten the conditions and lists"),
    LoadEnd.REPLACED: ("load-given-up", "the load was given up", "it is tried again"),
    LoadEnd.AWAY: ("rules-process-away", "the rules process that loads it is away", "it is tried again"),
}


def not_loaded(version: str, report: LoadReport) -> Issue:
    """Say why a load gave no result."""
    code, text, hint = _ENDS[report.end]
    return file_issue(version, code, f"{text}: {report.detail}" if report.detail else text, hint)
