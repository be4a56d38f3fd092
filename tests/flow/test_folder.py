"""Reading a version's folder: whatever lies there, the answer is files or issues, soon."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from engine.flow import folder as folder_module
from engine.flow.folder import Folder, read_folder, read_rollout, read_test_folder
from engine.ruleset.files import FILE_LIMIT, FOLDER_LIMIT, LIST_LIMIT, MOST_FILES, NAMED_FILES
from engine.ruleset.issues import Severity, render


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """A version's folder with every file it needs and one list."""
    root = tmp_path / "rules" / "1.0"
    (root / "lists").mkdir(parents=True)
    for name in NAMED_FILES:
        (root / name).write_text(f"# {name}\n")
    (root / "lists" / "forbidden.txt").write_text("casino\t9\n")
    return root


def told(found: Folder) -> list[tuple[str, str]]:
    """Return code and file of each issue."""
    return [(issue.code, issue.file) for issue in found.issues]


def test_a_folder_is_read_whole(version: Path) -> None:
    """All files of a version are read as they are, by their names relative to the folder."""
    found = read_folder(version)
    assert (found.name, found.issues) == ("1.0", ())
    assert {*NAMED_FILES, "lists/forbidden.txt"} == set(found.files)
    assert found.files["lists/forbidden.txt"] == b"casino\t9\n"


def test_the_files_of_decision_tables_are_read(version: Path) -> None:
    """CSV files in the folder tables belong to the version; a spreadsheet's own format there is pointed out."""
    (version / "tables").mkdir()
    (version / "tables" / "by-line.csv").write_bytes(b"message.line,then.distribute.to\r\ncards,sms\r\n")
    (version / "tables" / "by-line.xlsx").write_bytes(b"PK")
    found = read_folder(version)
    assert found.files["tables/by-line.csv"].startswith(b"message.line")
    assert told(found) == [("unknown-file", "tables/by-line.xlsx")]
    assert "tables/<name>.csv" in found.issues[0].hint


def test_each_folder_of_a_version_is_read(version: Path) -> None:
    """Definitions, overrides and values are read like lists; what stands there under another name is pointed out."""
    good = ["define/amounts.yaml", "overrides/cards.yaml", "values/vips.csv", "values/vips.txt"]
    for name in (*good, "define/amounts.yml", "overrides/old/cards.yaml", "values/vips.xlsx"):
        (version / name).parent.mkdir(parents=True, exist_ok=True)
        (version / name).write_text("x")
    found = read_folder(version)
    assert set(good) == {name for name in found.files if "/" in name} - {"lists/forbidden.txt"}
    assert told(found) == [
        ("unknown-file", name) for name in ("define/amounts.yml", "overrides/old", "values/vips.xlsx")
    ]
    assert found.issues[0].hint == "the files of this folder are called define/<name>.yaml"
    assert found.issues[2].hint == "the files of this folder are called values/<name>.txt or values/<name>.csv"


def test_a_folder_named_wrongly_is_pointed_out(version: Path) -> None:
    """A folder that is not read names the one that was probably meant."""
    (version / "override").mkdir()
    (version / "override" / "cards.yaml").write_text("x")
    (found,) = read_folder(version).issues
    assert (found.code, found.file, found.hint) == ("unknown-file", "override", 'did you mean the folder "overrides"?')


def test_leftovers_are_no_business_of_ours(version: Path) -> None:
    """Hidden files, editors' leftovers and texts about the files are passed over without a word."""
    for name in (".git", "routing.yaml~", ".routing.yaml.swp", "README.md", "lists/LICENSE", "lists/.hidden.txt"):
        (version / name).write_text("x")
    found = read_folder(version)
    assert found.issues == ()
    assert len(found.files) == len(NAMED_FILES) + 1


def test_an_unknown_file_is_a_warning(version: Path) -> None:
    """A file that no version has is pointed out, since it may be a misspelled one, and is not read."""
    (version / "routng.yaml").write_text("x")
    (version / "lists" / "words.csv").write_text("x")
    (version / "old").mkdir()
    found = read_folder(version)
    names = ["lists/words.csv", "old", "routng.yaml"]
    assert [("unknown-file", name) for name in names] == told(found)
    assert {Severity.WARNING} == {issue.severity for issue in found.issues}
    assert found.issues[2].hint == 'did you mean "routing.yaml"?'


def test_a_name_that_is_no_text_is_printed_safely(version: Path) -> None:
    """A file name of undecodable bytes or control signs cannot break a terminal or the answer."""
    (version / os.fsdecode(b"rout\xffing.yaml")).write_text("x")
    (version / "a\x1b[31m\nb").write_text("x")
    text = render(read_folder(version).issues, color=False)
    assert "\x1b" not in text
    assert text.encode("utf-8")


def test_a_missing_folder_names_its_neighbour(version: Path) -> None:
    """A version that does not exist is an issue that names the one that was probably meant."""
    found = read_folder(version.parent / "1.00")
    assert told(found) == [("missing-folder", ".")]
    assert found.issues[0].hint == 'did you mean "1.0"?'
    assert told(read_folder(version / "nowhere" / "1.0")) == [("missing-folder", ".")]


def test_a_version_without_its_folder_in_front_is_named_with_it(version: Path) -> None:
    """Whoever writes 2026.12.0 for rules/2026.12.0 is told so."""
    meant = version.parent / "rules" / "3.0"
    meant.mkdir(parents=True)
    assert read_folder(version.parent / "3.0").issues[0].hint == f'did you mean "{meant}"?'


def test_a_file_in_place_of_a_folder(version: Path) -> None:
    """A version that is a file, and lists that are a file, are refused."""
    assert told(read_folder(version / "routing.yaml")) == [("not-a-folder", ".")]
    (version / "lists" / "forbidden.txt").unlink()
    (version / "lists").rmdir()
    (version / "lists").write_text("casino\t9\n")
    assert told(read_folder(version)) == [("not-a-folder", "lists")]


def test_a_folder_in_place_of_a_file(version: Path) -> None:
    """A folder with a file's name is refused."""
    (version / "routing.yaml").unlink()
    (version / "routing.yaml").mkdir()
    found = read_folder(version)
    assert told(found) == [("not-a-file", "routing.yaml")]
    assert found.unreadable == {"routing.yaml"}


def test_a_pipe_is_not_waited_for(version: Path) -> None:
    """A named pipe or a socket in place of a file is refused without being opened."""
    (version / "routing.yaml").unlink()
    os.mkfifo(version / "routing.yaml")
    (version / "budget.yaml").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(version)  # a socket's path must be short
        try:
            server.bind("budget.yaml")
        finally:
            os.chdir(here)
        found = read_folder(version)
    assert told(found) == [("not-a-file", "budget.yaml"), ("not-a-file", "routing.yaml")]
    assert "a pipe" in found.issues[1].message


def test_a_device_is_not_read(version: Path) -> None:
    """A link to a device is a link out of the folder."""
    (version / "routing.yaml").unlink()
    (version / "routing.yaml").symlink_to("/dev/zero")
    assert told(read_folder(version)) == [("link-leaves-folder", "routing.yaml")]


@pytest.mark.parametrize(("name", "limit"), [("routing.yaml", FILE_LIMIT), ("lists/forbidden.txt", LIST_LIMIT)])
def test_a_large_file_is_refused_before_it_is_read(version: Path, name: str, limit: int) -> None:
    """A file may have exactly its limit; one byte more is refused by its size alone."""
    os.truncate(version / name, limit)
    assert len(read_folder(version).files[name]) == limit
    os.truncate(version / name, limit + 1)
    assert [("too-large", name)] == told(read_folder(version))
    os.truncate(version / name, 1 << 40)
    assert [("too-large", name)] == told(read_folder(version))


def test_a_large_folder_is_refused(version: Path) -> None:
    """Files that are bearable one by one may not be too much together."""
    for i in range(FOLDER_LIMIT // LIST_LIMIT + 1):
        (version / "lists" / f"l{i}.txt").touch()
        os.truncate(version / "lists" / f"l{i}.txt", LIST_LIMIT)
    found = read_folder(version)
    assert told(found) == [("too-large", ".")]
    assert found.files == {}


def test_too_many_files_are_refused(version: Path) -> None:
    """A folder with thousands of entries is refused without reading them."""
    for i in range(MOST_FILES):
        (version / "lists" / f"l{i}.txt").touch()
    assert told(read_folder(version)) == [("too-many-files", ".")]


def test_a_link_within_the_folder_is_followed(version: Path) -> None:
    """Files laid out as a ConfigMap is, links through a hidden folder, are read; so is a linked version."""
    hidden = version / "..2026_11_21"
    hidden.mkdir()
    (version / "routing.yaml").rename(hidden / "routing.yaml")
    (version / "..data").symlink_to("..2026_11_21")
    (version / "routing.yaml").symlink_to("..data/routing.yaml")
    (version.parent / "current").symlink_to("1.0")
    found = read_folder(version.parent / "current")
    assert (found.name, found.issues) == ("current", ())
    assert found.files["routing.yaml"] == b"# routing.yaml\n"


def test_a_link_out_of_the_folder_is_refused(version: Path) -> None:
    """A file, or the folder of lists, may not come from elsewhere: a version holds all that it is."""
    secret = version.parent / "secret.yaml"
    secret.write_text("password: x\n")
    (version / "routing.yaml").unlink()
    (version / "routing.yaml").symlink_to(secret)
    outside = version.parent / "words"
    (version / "lists").rename(outside)
    (version / "lists").symlink_to(outside)
    found = read_folder(version)
    assert sorted(set(told(found))) == [("link-leaves-folder", "lists"), ("link-leaves-folder", "routing.yaml")]
    assert "routing.yaml" not in found.files
    assert not any(name.startswith("lists/") for name in found.files)


def test_a_link_to_nothing_is_refused(version: Path) -> None:
    """A broken link, and one that runs in a circle, are told once each."""
    (version / "routing.yaml").unlink()
    (version / "routing.yaml").symlink_to("gone.yaml")
    (version / "budget.yaml").unlink()
    (version / "budget.yaml").symlink_to("budget.yaml")
    assert told(read_folder(version)) == [("broken-link", "budget.yaml"), ("broken-link", "routing.yaml")]


def test_a_file_without_permission_is_explained(version: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be read says so, and what to do."""
    really = os.open

    def refusing(path: str, flags: int) -> int:
        if path.endswith("routing.yaml"):
            raise PermissionError(13, "Permission denied")
        return really(path, flags)

    monkeypatch.setattr(folder_module.os, "open", refusing)
    found = read_folder(version)
    assert told(found) == [("unreadable", "routing.yaml")]
    assert found.issues[0].message == "routing.yaml cannot be read: permission denied"


@pytest.fixture
def restless(version: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A folder that is written to each time it is read, as often as the one number says."""
    left = [0]
    really = os.open

    def writing(path: str, flags: int) -> int:
        if path.endswith("routing.yaml") and left[0] > 0:
            left[0] -= 1
            with open(path, "a", encoding="utf-8") as file:
                file.write("# more\n")
        return really(path, flags)

    monkeypatch.setattr(folder_module.os, "open", writing)
    return left


def test_a_file_that_changed_while_being_read_is_read_again(version: Path, restless: list[int]) -> None:
    """What is returned is one state of the folder, not a mixture of two."""
    restless[0] = 1
    found = read_folder(version)
    assert found.issues == ()
    assert found.files["routing.yaml"] == b"# routing.yaml\n# more\n"


def test_a_folder_that_never_rests_is_given_up(version: Path, restless: list[int]) -> None:
    """A folder that changes during every attempt is refused with advice."""
    restless[0] = 1_000
    found = read_folder(version)
    assert told(found) == [("changed-while-reading", ".")]
    assert found.has_errors


def test_a_folder_swapped_under_our_hands_is_read_again(
    version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the link to the version is turned to another folder meanwhile, the files come from one of them."""
    other = tmp_path / "other"
    other.mkdir()
    for name in NAMED_FILES:
        (other / name).write_text("# other\n")
    link = tmp_path / "served"
    link.symlink_to(version)
    really, swapped = os.open, []

    def swapping(path: str, flags: int) -> int:
        if path.endswith("fatigue.yaml") and not swapped:
            swapped.append(path)
            link.unlink()
            link.symlink_to(other)
        return really(path, flags)

    monkeypatch.setattr(folder_module.os, "open", swapping)
    found = read_folder(link)
    assert {b"# other\n"} == set(found.files.values())
    assert found.issues == ()


def test_what_is_wrong_with_a_folder_is_said_in_full(version: Path) -> None:
    """Each kind of trouble names the file, what it is, and what to do."""
    for name in ("routing.yaml", "budget.yaml", "breaker.yaml", "fatigue.yaml"):
        (version / name).unlink()
    (version / "routing.yaml").symlink_to("/etc/passwd")
    (version / "budget.yaml").symlink_to("nowhere")
    os.mkfifo(version / "breaker.yaml")
    os.truncate(version / "interception.yaml", 10_000_000)
    (version / "fatigue.yml").touch()
    assert render(read_folder(version).issues, color=False).splitlines() == [
        "error[not-a-file] breaker.yaml:1:1: breaker.yaml is a pipe, not a file",
        "    hint: put a plain text file here",
        "error[broken-link] budget.yaml:1:1: budget.yaml is a link to nothing",
        "    hint: put the file itself here",
        'warning[unknown-file] fatigue.yml:1:1: "fatigue.yml" is not read: no file of a version is called so',
        '    hint: did you mean "fatigue.yaml"?',
        "error[too-large] interception.yaml:1:1: interception.yaml has 9.5 MiB; at most 1 MiB are allowed",
        "    hint: is this the right file? A rule file is usually a few thousand characters long",
        "error[link-leaves-folder] routing.yaml:1:1: routing.yaml is a link to a place outside this folder",
        "    hint: copy the file here: a version must not change when something elsewhere does",
    ]


def test_rule_tests_are_read_as_carefully(version: Path) -> None:
    """A test folder gives its .yaml files; none there is no mistake, a pipe in it is."""
    assert {*NAMED_FILES} == set(read_test_folder(version).files)
    assert [issue.file for issue in read_test_folder(version).issues] == ["lists"]
    assert read_test_folder(version / "none") == Folder("none", {}, frozenset(), ())
    os.mkfifo(version / "more.yaml")
    assert ("not-a-file", "more.yaml") in told(read_test_folder(version))


# ---- rollout.yaml ----


def rollout(folder: Path, content: bytes) -> tuple[str | None, str]:
    """Write rollout.yaml and return the version it names and what is told about it."""
    (folder / "rollout.yaml").write_bytes(content)
    found = read_rollout(folder / "rollout.yaml")
    return found.stable, render(found.issues, color=False)


def test_rollout_names_the_version_to_serve(tmp_path: Path) -> None:
    """A version's name is text, however much it looks like a number."""
    assert rollout(tmp_path, b"stable: 2026.11.1\n") == ("2026.11.1", "")
    assert rollout(tmp_path, b"stable: 1.10 # ten\n") == ("1.10", "")
    assert rollout(tmp_path, b"\xef\xbb\xbfstable: '7'\r\n") == ("7", "")


@pytest.mark.parametrize(
    ("content", "first_line"),
    [
        (b"", "error[empty-file] rollout.yaml:1:1: the file is empty"),
        (b"2026.11.1\n", 'error[wrong-type] rollout.yaml:1:1: rollout.yaml: found "2026.11.1"; expected a group'),
        (b"stable:\n", 'error[bad-version] rollout.yaml:1:1: "stable": found nothing; expected'),
        (b"stable: ../../etc\n", 'error[bad-version] rollout.yaml:1:9: "stable": found "../../etc"; expected'),
        (b"stabel: 1.0\n", 'error[unknown-field] rollout.yaml:1:1: rollout.yaml has no field "stabel"'),
        (b"stable: 1.0\nshadow: 1.1\n", 'error[unknown-field] rollout.yaml:2:1: rollout.yaml has no field "shadow"'),
        (b"stable: [1.0]\n", 'error[bad-version] rollout.yaml:1:1: "stable": found a list; expected'),
        (b"stable: 1.0\nstable: 1.1\n", 'error[duplicate-key] rollout.yaml:2:1: "stable" stands twice'),
        (b"stable: \xff\n", "error[not-utf8] rollout.yaml:1:9: this file is not UTF-8"),
        (b"stable: 1\0", "error[binary-file] rollout.yaml:1:1: this is not a text file"),
    ],
)
def test_a_broken_rollout_names_no_version(tmp_path: Path, content: bytes, first_line: str) -> None:
    """A rollout.yaml with any mistake is not followed half-way, and says what is wrong."""
    stable, text = rollout(tmp_path, content)
    assert stable is None
    assert text.startswith(first_line)


def test_a_rollout_that_cannot_be_read_is_explained(tmp_path: Path) -> None:
    """A missing, huge or special rollout.yaml is an issue and is never waited for."""
    path = tmp_path / "rollout.yaml"
    assert [issue.code for issue in read_rollout(path).issues] == ["missing-file"]
    assert [issue.code for issue in read_rollout(tmp_path / "no" / "rollout.yaml").issues] == ["missing-folder"]
    path.touch()
    os.truncate(path, 1 << 40)
    assert [issue.code for issue in read_rollout(path).issues] == ["too-large"]
    path.unlink()
    os.mkfifo(path)
    assert [issue.code for issue in read_rollout(path).issues] == ["not-a-file"]
