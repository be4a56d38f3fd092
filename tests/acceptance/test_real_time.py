"""The same server on the machine's clock: nothing is moved by hand, everything happens by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from signalbox.v1 import channel_service_pb2 as channels
from tests.acceptance.answers import Refused
from tests.acceptance.box import Box
from tests.faults.waiting import until


@pytest.fixture(scope="module")
def running_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A server on the real clock, whose WeChat carrier thinks for a while before it says that an address is dead."""
    carriers = {
        "push": {"channel": "push"},
        "push-silent": {"channel": "push", "options": {"lost": 1.0}},
        "sms": {"channel": "sms"},
        "wechat": {"channel": "wechat"},
        "wechat-dead": {"channel": "wechat", "options": {"dead": 1.0, "answer_ms": [700, 700]}},
        "mail": {"channel": "mail", "options": {"receipts": False}},
    }
    providers = {
        name: {"type": "sandbox"} | one | {"options": {"profile": "perfect"} | one.get("options", {})}
        for name, one in carriers.items()
    }
    box = Box(tmp_path_factory.mktemp("box"), clock={"source": "system"}, providers=providers)
    yield box
    box.stop()


def test_a_message_is_delivered_by_itself(box: Box) -> None:
    """Decided, queued, sent, confirmed, recorded."""
    sent = box.send()

    assert str(sent) == "SEND push"
    until(lambda: box.life(sent.id).state == "DELIVERED")
    assert box.carried(sent.id) == [("push", f"{box.user}-push")]
    until(lambda: [one.message_id for one in box.list(user_id=box.user)] == [sent.id])
    assert box.send_batch([box.message() for _ in range(3)])


def test_a_hold_ends_by_itself(box: Box) -> None:
    """Held for a second, and then it goes."""
    message = box.message()
    message.send_after.GetCurrentTime()
    message.send_after.seconds += 1
    held = box.send_message(message)

    assert (held.verdict, held.reason) == ("HOLD", "SCHEDULED")
    until(lambda: box.life(held.id).state == "DELIVERED")
    decided = box.life(held.id).wire.events[1].at
    assert 0 <= decided.ToMilliseconds() - message.send_after.ToMilliseconds() < 5_000


def test_a_paused_line_goes_on_by_itself(box: Box) -> None:
    """The resume is enough."""
    line = {"tenant": "bank", "name": f"line-{box.user}"}
    box.pause(line=line)
    held = box.send(line=line["name"])
    assert str(held) == "HOLD PAUSED"
    box.resume(line=line)

    until(lambda: box.life(held.id).state == "DELIVERED")


def test_a_paused_channel_goes_on_by_itself(box: Box) -> None:
    """What waited in the lane is taken out."""
    box.pause(channel="sms")
    sent = box.send("only-sms")
    assert box.life(sent.id).state == "QUEUED"
    box.resume(channel="sms")

    until(lambda: box.life(sent.id).state == "DELIVERED")


def test_a_newer_binding_is_not_found_dead(box: Box) -> None:
    """Bound anew while the carrier still thinks about the old one: its answer is about the old one."""
    box.bind("wechat", "address")
    sent = box.send("dead", addresses={})
    until(lambda: box.life(sent.id).state == "SENDING")
    box.bind("wechat", "address")
    until(lambda: box.life(sent.id).state == "FAILED")
    assert box.bindings("wechat") == [("address", True)]

    sent = box.send("dead", addresses={})
    until(lambda: box.life(sent.id).state == "FAILED")
    assert box.bindings("wechat") == [("address", False)]


def test_a_message_brings_no_time_along(box: Box) -> None:
    """The server has a clock of its own, which nobody moves."""
    with pytest.raises(Refused) as caught:
        box.call(box.channels.AdvanceClock, channels.AdvanceClockRequest())
    assert caught.value.code == "FAILED_PRECONDITION"

    request = box.request(box.message())
    request.now.GetCurrentTime()
    with pytest.raises(Refused) as caught:
        box.call(box.messages.Send, request)
    assert (caught.value.code, caught.value.fields) == ("INVALID_ARGUMENT", ["now"])


def test_what_was_under_way_goes_on_after_a_restart(box: Box) -> None:
    """Held, queued and unconfirmed messages are where they were."""
    box.pause(channel="sms")
    queued = box.send("only-sms")
    held = box.message(text="held")
    held.send_after.GetCurrentTime()
    held.send_after.seconds += 1
    held_id = box.send_message(held).id
    box.restart()
    box.resume(channel="sms")

    until(lambda: box.life(queued.id).state == "DELIVERED")
    until(lambda: box.life(held_id).state == "DELIVERED")
