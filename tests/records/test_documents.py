"""What is written into a column is read back as it was."""

from __future__ import annotations

import json

import pytest

from engine.decision.model import Content, Message
from engine.records.documents import (
    StepStatus,
    decision_document,
    read_decision,
    read_message,
    read_steps,
    write,
    write_message,
    write_steps,
)
from tests.decision.rulesets import NOON
from tests.records.lives import judged, request

FULL = Message(
    tenant="t",
    line="cards",
    user_id="u",
    category="MARKETING",
    priority="P3",
    request_id="r",
    scene="trade",
    campaign="spring",
    owner="ann",
    department="loans",
    conversion_goal="activate",
    content=Content("标题", 'say "hi"\n', "<p>", "u:1", (("push", "", "short", "", ""), ("sms", "", "s", "", ""))),
    params={"amount": 200.0, "lines": [1.5, {"a": None}], "vip": True},
    addresses=(("sms", "+86 1"), ("mail", "a@b")),
    wished_channels=("sms", "push"),
    wished_strategy="CONCURRENT",
    occurred_at_ms=1,
    send_after_ms=2,
    expire_at_ms=3,
)


@pytest.mark.parametrize(
    "message", [FULL, request(), FULL._replace(content=None, template="T1"), request(content=Content("", "", "", ""))]
)
def test_messages(message: Message) -> None:
    """Every field of a message survives."""
    assert message == read_message(write_message(message))


@pytest.mark.parametrize("scene", ["", "later", "in turn"])
@pytest.mark.parametrize("category", ["SERVICE", "MARKETING"])
def test_decisions(scene: str, category: str) -> None:
    """Plans, refusals, holds and drops survive."""
    one = judged(request(scene=scene, category=category), NOON).decision
    again = read_decision(json.loads(write(decision_document(one))))

    assert [getattr(one, name) for name in one.__slots__] == [getattr(again, name) for name in one.__slots__]


def test_steps() -> None:
    """The steps of a message survive."""
    steps = (StepStatus(1, "push", "FAILED", "", "carrier", 3), StepStatus(2, "sms", "HELD", "QUIET_HOURS", "", 0))
    assert steps == read_steps(write_steps(steps))
