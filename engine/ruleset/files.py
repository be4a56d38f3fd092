"""The files that make a version: which names, how large, and how their bytes become text.

facts.yaml  interception.yaml  fatigue.yaml  budget.yaml  routing.yaml  breaker.yaml  lists/<name>.txt
define/<name>.yaml  overrides/<name>.yaml  values/<name>.txt  values/<name>.csv  tables/<name>.csv
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Final

from engine.ruleset.effects import FAMILIES
from engine.ruleset.issues import Issue, Issues, Severity
from engine.ruleset.scalars import closest, listing, shorten
from engine.ruleset.source import Source

LISTS: Final = "lists"
DEFINE: Final = "define"
OVERRIDES: Final = "overrides"
VALUES: Final = "values"
TABLES: Final = "tables"
FACTS: Final = "facts.yaml"
RULE_FILES: Final = tuple(f"{family}.yaml" for family in FAMILIES)
NAMED_FILES: Final = (FACTS, *RULE_FILES)

FILE_LIMIT: Final = 1 << 20
LIST_LIMIT: Final = 8 << 20
FOLDER_LIMIT: Final = 32 << 20
ROLLOUT_LIMIT: Final = 64 << 10
MOST_FILES: Final = 200

FOLDERS: Final = {
    LISTS: (".txt",), DEFINE: (".yaml",), OVERRIDES: (".yaml",), VALUES: (".txt", ".csv"), TABLES: (".csv",),
}  # fmt: skip
"""The folders that a version may have, and how the names of their files end."""

_LIST_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,63}")


def is_ignored(name: str) -> bool:
    """Tell whether an entry of a folder is none of our business: hidden, an editor's leftover, or about the files."""
    return name.startswith((".", "README", "LICENSE", "NOTICE")) or name.endswith(("~", ".swp", ".swo"))


def is_known(name: str) -> bool:
    """Tell whether a relative name is one of the files that make a version."""
    folder, _, rest = name.partition("/")
    return name in NAMED_FILES or ("/" not in rest and is_in_folder(folder, rest))


def is_in_folder(folder: str, name: str) -> bool:
    """Tell whether a file of that name belongs into that folder of a version."""
    return any(name.endswith(end) and name != end for end in FOLDERS.get(folder, ()))


def in_folder(folder: str, files: Iterable[str]) -> list[str]:
    """Return the relative names of the known files in a folder of a version, sorted."""
    return sorted(name for name in files if name.startswith(folder + "/") and is_known(name))


def is_table_file(name: str) -> bool:
    """Tell whether a relative name is that of a decision table's file."""
    return name.startswith(TABLES + "/") and is_known(name)


def is_version_name(name: str) -> bool:
    """Tell whether a version may be called so (and so a folder, without leaving its parent)."""
    return _VERSION.fullmatch(name) is not None


def is_list_name(name: str) -> bool:
    """Tell whether a list may be called so, since it becomes the fact `content.hits.<name>`."""
    return _LIST_NAME.fullmatch(name) is not None


def is_test_file(name: str) -> bool:
    """Tell whether a file of a version's test folder holds rule tests."""
    return name.endswith(".yaml") and "/" not in name


def limit_of(name: str) -> int:
    """Return how many bytes a file may have."""
    return LIST_LIMIT if name.startswith(LISTS + "/") else FILE_LIMIT


def size_text(size: int) -> str:
    """Write a number of bytes for people: 1 MiB, 9.5 MiB, 20 KiB, 1,048,577 bytes."""
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= 1.1 * unit or (size and size % unit == 0):
            return f"{size / unit:,.1f} {name}".replace(".0 ", " ")
        if size > unit:
            break
    return f"{size:,} bytes"


def printable(name: str) -> str:
    """Make a file name safe to print: control characters and undecodable bytes become escapes."""
    return shorten(name.encode("utf-8", "backslashreplace").decode("utf-8"), 120)


def digest_of(files: Mapping[str, bytes]) -> str:
    """Return the SHA-256 (hex) that identifies a version: names and contents, length-prefixed, sorted by name."""
    sha = hashlib.sha256()
    for name in sorted(files):
        for part in (name.encode("utf-8", "surrogatepass"), files[name]):
            sha.update(len(part).to_bytes(8, "big"))
            sha.update(part)
    return sha.hexdigest()


def file_issue(name: str, code: str, message: str, hint: str = "", severity: Severity = Severity.ERROR) -> Issue:
    """Make an issue about a file as a whole."""
    return Issue(code, severity, printable(name), 1, 1, message, hint)


def unknown_file(name: str) -> Issue:
    """Make the warning about a file that means nothing in a version's folder."""
    stem = re.sub(r"\.(yml|yaml|json|txt)$", "", name, flags=re.IGNORECASE)
    folder, slash, _ = name.partition("/")
    if slash and folder in FOLDERS:
        hint = f"the files of this folder are called {listing(f'{folder}/<name>{end}' for end in FOLDERS[folder])}"
    elif near := closest(stem, (*FAMILIES, "facts")):
        hint = f'did you mean "{near}.yaml"?'
    elif near := closest(folder.partition(".")[0], FOLDERS):
        hint = f'did you mean the folder "{near}"?'
    else:
        hint = f"a version is made of its six .yaml files, and of files in the folders {', '.join(FOLDERS)}"
    text = f'"{printable(name)}" is not read: no file of a version is called so'
    return file_issue(name, "unknown-file", text, hint, Severity.WARNING)


def decode(name: str, content: bytes, issues: Issues) -> Source | None:
    """Turn a file's bytes into a text without its byte order mark; None (and an issue) if they are none."""
    shown = printable(name)
    whole = Source(shown, "").whole
    if len(content) > limit_of(name):
        text = f"the file has {size_text(len(content))}; at most {size_text(limit_of(name))} are allowed"
        issues.error("too-large", whole, text, "is this the right file?")
        return None
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        issues.error("not-utf8", whole, "this file is UTF-16, not UTF-8", _SAVE)
        return None
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        if b"\0" not in content:
            _not_utf8(shown, content, error.start, issues)
            return None
        text = ""
    if b"\0" in content:
        at = content.index(0)
        found = f"this is not a text file: byte {at + 1:,} is zero"
        issues.error("binary-file", whole, found, "is this the right file?")
        return None
    return Source(shown, text)


def _not_utf8(name: str, content: bytes, at: int, issues: Issues) -> None:
    """Point at the first byte that is no UTF-8 and guess which encoding the editor used."""
    line_start = content.rfind(b"\n", 0, at) + 1
    line_end = content.find(b"\n", at)
    line = content[line_start : line_end if line_end >= 0 else len(content)]
    encoding = _guess(line)
    known = _ENCODINGS.get(encoding, "")
    looks = f"; it looks like {known}" if known else ""
    if _SURROGATE.match(content, at):
        encoding, looks = "utf-8", "; it is half of a character, left by a broken conversion"
    above = content[:line_start].decode("utf-8")
    source = Source(name, above + line.decode(encoding, "replace"))
    place = len(above) + len(content[line_start:at].decode(encoding, "ignore"))
    text = f"this file is not UTF-8: the byte 0x{content[at]:02X} means nothing there{looks}"
    issues.error("not-utf8", source.span(place, place + 1), text, _SAVE)


_SAVE: Final = "save it as UTF-8 (most editors: Save as, or Save with encoding, UTF-8)"
_SURROGATE: Final = re.compile(rb"\xed[\xa0-\xbf]")
_ENCODINGS: Final = {"gb18030": "GBK", "cp1252": "Windows-1252"}


def _guess(line: bytes) -> str:
    """Guess the encoding of a line: GBK if all that is not ASCII makes Chinese characters, else Windows-1252."""
    try:
        foreign = [c for c in line.decode("gb18030") if ord(c) > 127]
        if foreign and all("\u3000" <= c <= "\u9fff" or "\uff00" <= c <= "\uffef" for c in foreign):
            return "gb18030"
    except UnicodeDecodeError:
        pass
    try:
        line.decode("cp1252")
    except UnicodeDecodeError:
        return "utf-8"
    return "cp1252"
