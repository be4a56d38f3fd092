"""What is wrong in a map is told all at once, placed, with a way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.mapping.compile import load_map
from cli.mapping.problems import MapRefused
from tests.cli.maps import MAP, compiled

BANK = Path(__file__).resolve().parents[2] / "examples" / "bank"

WRONG = [
    ("tenant: bank\n", "", "missing-field", '"tenant" is missing', "the company"),
    ("tenant:", "tenent:", "unknown-field", "tenent", "tenant"),
    ("    id: string\n", "    id: text\n", "wrong-value", "text", ""),
    ('formats: ["%Y-%m-%d"]', "optional: true", "missing-field", "how it is written", "formats"),
    ("row.kind: {in:", "row.knd: {in:", "unknown-name", 'there is no column "row.knd"', "row.kind"),
    ("out: [OUT, VYBER]", "out: [OUT, vklad]", "duplicate-word", '"vklad" means "in" already', ""),
    ('row.kind == "out"', 'row.knd == "out"', "unknown-fact", "row.knd", "row.kind"),
    ('row.kind == "out"', 'row.amount == "out"', "", "", ""),
    ("row.amount >= large", "row.amount >=", "cel-syntax", "", ""),
    ("{row.kind} {row.amount}", "{row.knd} {row.amount}", "unknown-name", 'there is no "row.knd"', "row.kind"),
    ("{{CZK}}", "{CZK", "bad-template", 'a single "{"', "{{"),
    ("at: event - 40s", "at: evening - 40s", "unknown-name", 'there is no spread "evening"', ""),
    ("at: event - 40s", "at: event - 40", "bad-duration", "event - 40s", "40s"),
    ("zone: Europe/Prague\n  spreads", "zone: Europe/Prag\n  spreads", "wrong-value", "Europe/Prag", ""),
    ("date: row.day", "date: row.id", "wrong-type", "is no date", "type: date"),
    ("lucky: row.id", "event: row.id", "duplicate-name", "would draw the same number", ""),
    ("key: {account: row.account}", "key: {acount: row.account}", "unknown-name", 'no column "acount"', "account"),
    ("  client:\n    file", "  row:\n    file", "bad-name", '"row" is taken', ""),
    ("name: code", "name: notice", "duplicate-name", 'two messages "notice"', ""),
    ("content: {text: Your code is 1234}", "owner: me", "missing-field", "either a content or a template", ""),
    ("category: TRANSACTION", "category: transaction", "wrong-value", "transaction", "TRANSACTION"),
    ("tenant: bank", "tenant: &a bank", "yaml-anchor", "anchors", ""),
]


@pytest.mark.parametrize(("old", "new", "code", "message", "hint"), WRONG)
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, code: str, message: str, hint: str
) -> None:
    """Code, sentence and hint fit the mistake, and the place is in the map."""
    assert old in MAP
    with pytest.raises(MapRefused) as refused:
        compiled(tmp_path, MAP.replace(old, new, 1))

    issue = next((i for i in refused.value.issues if code in ("", i.code) and message in i.message), None)
    assert issue is not None, refused.value.issues
    assert hint in issue.hint
    assert (issue.file, issue.line > 0, issue.column > 0) == ("map.yaml", True, True)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """In the order of the file."""
    text = (
        MAP.replace("row.kind: {in", "row.knd: {in").replace("at: event - 40s", "at: evening").replace("{{CZK}}", "{x}")
    )
    with pytest.raises(MapRefused) as refused:
        compiled(tmp_path, text)

    lines = [issue.line for issue in refused.value.issues]
    assert (3, sorted(lines)) == (len(lines), lines)


def test_a_misspelt_field_does_not_hide_wrong_names(tmp_path: Path) -> None:
    """Nor does what is missing; columns, conditions and templates are looked through all the same."""
    text = MAP.replace("tenant:", "tenent:").replace("    line: accounts\n", "", 1).replace("row.kind ==", "row.knd ==")
    text = text.replace("{row.kind} {row.amount}", "{row.kimd}").replace("date: row.day", "date: row.dya")
    with pytest.raises(MapRefused) as refused:
        compiled(tmp_path, text.replace("delimiter", "delimeter"))

    codes = sorted(issue.code for issue in refused.value.issues)
    assert codes == ["missing-field", "unknown-fact", "unknown-field", "unknown-name", "unknown-name"]


def test_a_wrong_column_is_told_without_every_use_of_it(tmp_path: Path) -> None:
    """What follows from another mistake is no mistake of its own."""
    with pytest.raises(MapRefused) as refused:
        compiled(tmp_path, MAP.replace("amount: double", "amount: dubble"))

    assert len(refused.value.issues) == 1


def test_an_empty_map_is_told_where_maps_are_described(tmp_path: Path) -> None:
    """Not where rules are."""
    with pytest.raises(MapRefused) as refused:
        compiled(tmp_path, "# nothing\n")

    assert "docs/maps.md" in refused.value.issues[0].hint


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"- 1", b"a: [", b"\x00\x01"])
def test_what_is_no_map_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    """Whatever the file holds."""
    (tmp_path / "map.yaml").write_bytes(content)
    with pytest.raises(MapRefused) as refused:
        load_map(tmp_path / "map.yaml")

    assert refused.value.issues


def test_the_sample_map_is_clean() -> None:
    """The example that everybody copies raises no warning, and uses every category."""
    event_map = load_map(BANK / "map.yaml")

    assert event_map.warnings == ()
    assert {kind.base.category for kind in event_map.kinds} == set(range(1, 7))
