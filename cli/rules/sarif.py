"""Problems as SARIF 2.1.0, the form in which code hosts and editors take them in."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from cli.rules.codes_pages import page_of
from engine.ruleset.codes import CODES, Code
from engine.ruleset.issues import Issue

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

Placed = tuple[Issue, Path]
"""A problem and the file that it is in."""


def sarif_log(problems: Sequence[Placed], providers: str) -> dict[str, Any]:
    """Return the log of one run; `providers` says whose providers the routes were held against."""
    told = sorted({issue.code for issue, _ in problems} - CODES.keys())
    codes = [*CODES, *told]
    driver = {"name": "signalbox", "version": _version(), "rules": [_rule(code) for code in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": list(_results(problems, {code: index for index, code in enumerate(codes)})),
        "properties": {"providers": providers},
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _version() -> str:
    try:
        return version("signalbox")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"


def _rule(code: str) -> dict[str, Any]:
    known = CODES.get(code, Code(code))
    rule: dict[str, Any] = {
        "id": code,
        "shortDescription": {"text": known.title},
        "defaultConfiguration": {"level": known.severity.value},
    }
    page = page_of(code)
    if page is not None:
        text = page.read_text(encoding="utf-8")
        rule |= {"helpUri": page.resolve().as_uri(), "help": {"text": text, "markdown": text}}
    return rule


def _results(problems: Sequence[Placed], indexes: dict[str, int]) -> Iterable[dict[str, Any]]:
    seen: Counter[str] = Counter()
    for issue, path in problems:
        mark = _fingerprint(issue)
        seen[mark] += 1
        result: dict[str, Any] = {
            "ruleId": issue.code,
            "ruleIndex": indexes[issue.code],
            "level": issue.severity.value,
            "message": {"text": f"{issue.message}\n{issue.hint}" if issue.hint else issue.message},
            "locations": [{"physicalLocation": _place(path, _region(issue))}],
            "partialFingerprints": {"signalbox/v1": f"{mark}:{seen[mark]}"},
        }
        if issue.related:
            result["relatedLocations"] = [
                {
                    "id": number,
                    "physicalLocation": _place(
                        beside(path, issue.file, other.file), {"startLine": other.line, "startColumn": other.column}
                    ),
                    "message": {"text": other.text},
                }
                for number, other in enumerate(issue.related, 1)
            ]
        if issue.given is not None:
            result["properties"] = {"witness": issue.given}
        yield result


def _fingerprint(issue: Issue) -> str:
    """Tell a problem from others though lines before it come and go: by its text, not by its place."""
    text = "\0".join((issue.code, issue.file, issue.excerpt.strip(), issue.message))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _region(issue: Issue) -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": issue.line, "startColumn": issue.column}
    if issue.excerpt:
        region["endColumn"] = issue.column + issue.width
        region["snippet"] = {"text": issue.excerpt[issue.caret - 1 : issue.caret - 1 + issue.width]}
    return region


def _place(path: Path, region: dict[str, Any]) -> dict[str, Any]:
    return {"artifactLocation": {"uri": _uri(path)}, "region": region}


def _uri(path: Path) -> str:
    """From the current folder if it is below it, so that whoever reads the log finds it in a checkout of its own."""
    try:
        whole, here = path.absolute(), Path.cwd()
    except OSError:  # the current folder is gone, as when a release replaces the folder of the one before
        return quote(path.as_posix(), errors="surrogateescape")
    if whole.is_relative_to(here):
        return quote(whole.relative_to(here).as_posix(), errors="surrogateescape")
    return whole.as_uri()


def beside(path: Path, file: str, other: str) -> Path:
    """Return where the file `other` of a version is, when its file `file` is at `path`."""
    base = path
    for _ in Path(file).parts:
        base = base.parent
    return base / other
