"""Rows become messages: whose, when, and in which order."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import pytest
from google.protobuf.json_format import MessageToDict

from cli.mapping.messages import Prepared, Rejected
from cli.mapping.problems import Cause
from cli.mapping.rows import RowReader, load_partners
from tests.cli.maps import MAP, compiled, messages


def test_a_row_becomes_the_messages_whose_conditions_hold(tmp_path: Path) -> None:
    """The code comes 40 s before the notice; fields are filled in and typed."""
    code, notice = messages(tmp_path, "7,A,1993-01-05,VYBER,200,\n")

    assert isinstance(notice, Prepared)
    assert isinstance(code, Prepared)
    assert (code.at_ms, code.evaluation.message.request_id) == (notice.at_ms - 40_000, "code-7")
    second = crc32(b"event:7") % 86_400
    assert notice.at_ms == 726_188_400_000 + second * 1000  # 1993-01-04T23:00Z is midnight in Prague
    wire = MessageToDict(notice.evaluation.message, preserving_proto_field_name=True)
    assert wire.pop("occurred_at")
    assert wire == {
        "tenant": "bank",
        "line": "accounts",
        "request_id": "notice-7",
        "user_id": "client-1",
        "category": "CATEGORY_TRANSACTION",
        "content": {"text": "out 200.00 {CZK} 100%"},
        "params": {"amount": 200.0, "kind": "out", "words": "out!"},
    }


def test_a_user_is_what_the_row_makes_of_them(tmp_path: Path) -> None:
    """Tags, addresses and opt-outs follow their conditions, and equal users are one object."""
    made = messages(tmp_path, "1,B,1993-01-05,IN,999,\n2,B,1993-01-06,IN,1000,\n3,B,1993-01-07,IN,5,\n")
    first, second, third = (message.user for message in made if isinstance(message, Prepared))

    assert (first is third, first is second) == (True, False)
    assert first is not None
    assert second is not None
    assert (list(first.tags), list(second.tags)) == ([], ["high"])
    assert [(binding.channel, binding.value) for binding in first.bindings] == [("sms", "+4202")]
    assert [out.channel for out in first.opt_outs] == ["sms"]


def test_a_row_without_a_partner_is_about_somebody_unknown(tmp_path: Path) -> None:
    """It is decided all the same."""
    (message,) = messages(tmp_path, "1,Z,1993-01-05,IN,1,\n")

    assert isinstance(message, Prepared)
    assert (message.user_id, message.user) == ("account-Z", None)


def test_a_row_that_cannot_be_read_is_rejected_with_line_column_and_word(tmp_path: Path) -> None:
    """An unlisted word, an empty cell, a wrong number: the rows around them are decided."""
    found = messages(
        tmp_path, "1,A,1993-01-05,VKLAT,1,\n2,,1993-01-05,IN,1,\n3,A,1993-01-05,IN,1.x,\n4,A,1993-01-05,IN,1,\n"
    )

    assert [(one.line, one.reason) for one in found if isinstance(one, Rejected)] == [
        (2, 'kind: holds "VKLAT", which the vocabulary does not list; did you mean `VKLAD`?'),
        (3, "account: is empty; mark the column `optional: true` if that is allowed"),
        (4, 'amount: holds "1.x"; expected a number such as 1234.50'),
    ]
    assert len(found) == 4


def test_every_refused_cell_of_a_row_is_told_and_the_row_counted_once(tmp_path: Path) -> None:
    """Who completes a vocabulary needs one run, not one for each column."""
    (found,) = messages(tmp_path, "1,,1993-01-05,NEW,x,\n")

    assert isinstance(found, Rejected)
    assert [cause.text.split(":")[0] for cause in found.causes] == ["account", "kind", "amount"]
    assert found.reason.count("; ") >= 2


@pytest.mark.parametrize("day", ["9999-12-31", "9000-01-01", "1969-12-31", "0001-01-01"])
def test_a_day_on_which_nothing_can_be_judged_costs_its_row_only(tmp_path: Path, day: str) -> None:
    """Calendars end somewhere; the rows around it are decided."""
    refused, good = messages(tmp_path, f"1,A,{day},IN,1,\n2,A,1993-01-05,IN,1,\n")

    assert isinstance(refused, Rejected)
    assert refused.reason == f'day: holds "{day}"; expected a day of the years 1970 to 8999'
    assert isinstance(good, Prepared)


def test_other_dates_may_be_any(tmp_path: Path) -> None:
    """A card that is valid for ever, a birthday long ago."""
    text = MAP.replace("note: {optional: true}", 'note: {type: date, formats: ["%Y-%m-%d"]}')

    made = messages(tmp_path, "1,A,1993-01-05,IN,1,9999-12-31\n2,A,8999-12-31,IN,1,1905-03-01\n", text)

    assert [isinstance(one, Prepared) for one in made] == [True, True]


def test_rows_without_a_partner_are_counted(tmp_path: Path) -> None:
    """A joined file of other ids must not pass in silence."""
    event_map = compiled(tmp_path)
    (tmp_path / "rows.csv").write_text(
        "id,account,day,kind,amount,note\n1,A,1993-01-05,IN,1,\n2,Z,1993-01-05,IN,1,\n", encoding="utf-8"
    )
    (clients,) = load_partners(event_map, {})
    assert clients.told == ""
    list(RowReader(event_map, [clients]).read(tmp_path / "rows.csv"))

    assert clients.told == "client: 1 of 2 rows found no partner"


def test_a_row_that_makes_no_message_is_rejected(tmp_path: Path) -> None:
    """So that every row shows up in what was read."""
    (found,) = messages(
        tmp_path, "1,A,1993-01-05,IN,1,\n", MAP.replace("at: event\n", 'at: event\n    when: row.kind == "out"\n', 1)
    )

    assert isinstance(found, Rejected)
    assert "makes no message" in found.reason


def test_a_message_with_an_empty_gap_is_rejected_alone(tmp_path: Path) -> None:
    """The row's other message is decided."""
    text = MAP.replace("Your code is 1234", "'{row.note}'")
    refused, notice = messages(tmp_path, "1,A,1993-01-05,OUT,500,\n", text)

    assert Rejected(2, "code-1", Cause.plain("the text cannot be filled in: row.note is empty")) == refused
    assert isinstance(notice, Prepared)


def test_messages_come_in_the_order_of_their_time_whatever_the_order_of_rows(tmp_path: Path) -> None:
    """A file in the order of its dates is not read whole, and the answer is the same."""
    lines = [f"{n},A,1993-01-{1 + n // 20:02},{'OUT' if n % 3 else 'IN'},{n * 10},\n" for n in range(200)]
    streamed = messages(tmp_path, "".join(lines))
    times = [m.at_ms for m in streamed if isinstance(m, Prepared)]

    assert times == sorted(times)
    shuffled = messages(tmp_path, "".join(sorted(lines, key=lambda line: crc32(line.encode()))))
    assert [m.evaluation for m in streamed if isinstance(m, Prepared)] == [
        m.evaluation for m in shuffled if isinstance(m, Prepared)
    ]


def test_messages_of_one_instant_come_in_the_order_of_rows_and_of_the_map(tmp_path: Path) -> None:
    """So that nothing depends on chance."""
    text = MAP.replace("at: event - 40s", "at: event").replace('event: "00:00-24:00"', 'event: "00:00-00:01"')
    found = messages(tmp_path, "".join(f"{n},A,1993-01-05,OUT,300,\n" for n in range(300)), text)
    made = [(m.at_ms, m.line, m.number) for m in found if isinstance(m, Prepared)]

    assert (600, sorted(made)) == (len(made), made)
