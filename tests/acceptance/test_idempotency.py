"""The same request is the same message: answered alike for as long as it is remembered, and never done twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from signalbox.v1 import message_pb2
from tests.acceptance.answers import Refused
from tests.acceptance.box import Box

EVERY_VERDICT = pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({}, "SEND push"),
        ({"send_after": "13:00"}, "HOLD SCHEDULED 13:00"),
        ({"scene": "forbidden"}, "DROP BLOCKED"),
        ({"addresses": {}}, "DROP NO_ADDRESS"),
    ],
    ids=["send", "hold", "drop", "drop-of-a-channel"],
)


@EVERY_VERDICT
def test_a_repeat_gives_the_first_answer(box: Box, fields: dict[str, Any], answer: str) -> None:
    """Whatever it was, in every part, at once and much later; and nothing is sent twice."""
    message = box.message(**fields)
    first = box.send_message(message, "12:00")
    again = box.send_message(message, "12:00")
    later = box.send_message(message, "20:00")

    assert (str(first), first.repeated) == (answer, False)
    for repeat in (again, later):
        assert (repeat.id, repeat.repeated) == (first.id, True)
        assert repeat.wire == first.wire
    assert len(box.carried(first.id)) <= 1


def test_a_repeat_counts_and_charges_nothing(box: Box) -> None:
    """Ten times the same request are one touch."""
    message = box.message("few")
    for _ in range(10):
        box.send_message(message)

    assert [str(box.send("few")) for _ in range(2)] == ["SEND push", "DROP LIMIT_REACHED"]


def test_the_first_answer_stands_whatever_has_changed(box: Box) -> None:
    """Dropped for want of an address, which there is by now: the same request is still dropped, a new one goes."""
    message = box.message(addresses={})
    first = box.send_message(message)
    box.bind("push", "phone")

    assert str(box.send_message(message)) == str(first) == "DROP NO_ADDRESS"
    assert str(box.send(addresses={})) == "SEND push"


CHANGES: dict[str, dict[str, Any]] = {
    "line": {"line": "loans"},
    "category": {"category": "SERVICE"},
    "priority": {"priority": "PRIORITY_P0"},
    "scene": {"scene": "other"},
    "campaign": {"campaign": "other"},
    "content": {"text": "other"},
    "params": {"params": {"amount": 2.0}},
    "addresses": {"addresses": {"push": "other"}},
    "wishes": {"wishes": {"channels": ["push"]}},
    "occurred_at": {"occurred_at": {"seconds": 1}},
    "send_after": {"send_after": "13:00"},
    "expire_at": {"expire_at": "23:00"},
    "owner": {"owner": "other"},
    "department": {"department": "other"},
    "conversion_goal": {"conversion_goal": "other"},
}


def test_every_field_is_compared(box: Box) -> None:
    """All fields but those that name the request are among those that the next test changes."""
    named = {"tenant", "user_id", "request_id", "template"}  # a template stands in the place of content

    assert set(CHANGES) | named == set(message_pb2.Message.DESCRIPTOR.fields_by_name)


@pytest.mark.parametrize("field", CHANGES)
def test_a_changed_request_is_refused_by_the_fields_name(box: Box, field: str) -> None:
    """Under the same request_id another message cannot be meant; the first one stays as it is, open or closed."""
    same = {"request_id": f"same-{field}", "params": {"amount": 1.0}}
    first = box.send(**same, at="12:00")
    for at in ("12:00", "13:00"):
        with pytest.raises(Refused) as caught:
            box.send(**same | CHANGES[field], at=at)

        (told,) = caught.value.fields
        assert (caught.value.code, told.removesuffix(".channels")) == ("ALREADY_EXISTS", f"message.{field}")
    assert box.life(first.id).state == "DELIVERED"


def test_true_is_not_one(box: Box) -> None:
    """Params differ when they are written differently, also where a language would call them equal."""
    box.send(request_id="flag", params={"flag": True}, at="12:00")
    for at in ("12:00", "13:00"):
        with pytest.raises(Refused) as caught:
            box.send(request_id="flag", params={"flag": 1}, at=at)
        assert caught.value.fields == ["message.params"]
    assert box.send(request_id="flag", params={"flag": True}).repeated


def test_another_user_or_tenant_is_another_message(box: Box) -> None:
    """The request_id is the caller's own, for each user of each tenant."""
    sent = [
        box.send(request_id="one"),
        box.send(request_id="one", user=f"{box.user}-other"),
        box.send(request_id="one", tenant="other-bank"),
    ]

    assert len({one.id for one in sent}) == 3
    assert not any(one.repeated for one in sent)


def test_concurrent_duplicates_are_one_message(box: Box) -> None:
    """Fifty callers at one moment: one is first, all get its answer, and one message goes."""
    request = box.request(box.message("few"))
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: box.messages.Send(request), range(50)))

    assert len({one.message_id for one in answers}) == 1
    assert sorted(one.repeated for one in answers) == [False] + [True] * 49
    assert all(one.decision == answers[0].decision for one in answers)
    assert len(box.carried(answers[0].message_id)) == 1
    assert [str(box.send("few")) for _ in range(2)] == ["SEND push", "DROP LIMIT_REACHED"]


def test_duplicates_in_one_batch_are_one_message(box: Box) -> None:
    """The second is a repeat, and one with other content is refused alone."""
    message = box.message(request_id="one")
    answers = box.send_batch([message, message, box.message(request_id="one", text="other"), box.message()])

    assert [one if isinstance(one, str) else (str(one), one.repeated) for one in answers] == [
        ("SEND push", False),
        ("SEND push", True),
        "ALREADY_EXISTS",
        ("SEND push", False),
    ]


def test_after_its_time_it_is_a_new_life(box: Box) -> None:
    """A day later the same request is a new message under the same id, with its own trace and its own touch."""
    message = box.message()
    first = box.send_message(message, "12:00")
    still = box.send_message(message, "+1 11:59:59")
    box.advance("+1 12:00")
    second = box.send_message(message)

    assert (still.repeated, second.repeated, second.id) == (True, False, first.id)
    assert box.life(first.id).story[0] == "+1 12:00 DECIDED SEND push"
    assert len(box.carried(first.id)) == 2
    assert box.send_message(message, "+2 11:59:59").repeated


def test_a_longer_life_is_remembered_longer(box: Box) -> None:
    """Marketing lives three days, and so long it is remembered; with other content it is refused until then."""
    message = box.message(category="MARKETING")
    first = box.send_message(message, "12:00")

    assert box.send_message(message, "+3 11:59:59").repeated
    message.content.text = "another year's offer"
    box.advance("+3 12:00")
    second = box.send_message(message)
    assert (second.id, second.repeated) == (first.id, False)


def test_what_was_refused_as_wrong_is_not_remembered(box: Box) -> None:
    """A message that could not be read may be mended and sent under the same request_id."""
    wrong = box.message(params={"amount": "a lot"}, request_id="mended")
    with pytest.raises(Refused) as caught:
        box.send_message(wrong)
    assert (caught.value.code, caught.value.fields) == ("INVALID_ARGUMENT", ["message.params.amount"])

    mended = box.send(params={"amount": 5.0}, request_id="mended")
    assert (str(mended), mended.repeated) == ("SEND push", False)


def test_a_repeat_of_the_past_is_answered(box: Box) -> None:
    """On the messages' clock a message of an earlier time is refused, unless it was accepted then."""
    message = box.message()
    first = box.send_message(message, "12:00")
    box.advance("13:00")

    assert box.send_message(message, "12:00").wire == first.wire
    with pytest.raises(Refused) as caught:
        box.send(at="12:00")
    assert caught.value.code == "FAILED_PRECONDITION"
