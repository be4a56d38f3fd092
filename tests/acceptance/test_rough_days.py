"""Two rough days: carriers that refuse, forget and repeat, operators who interfere, and books that add up in the end.

The carriers' own logs are the witness of what went out; the server's words are held against them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any, Final

import pytest

from tests.acceptance.answers import Life
from tests.acceptance.box import TENANT, Box
from tests.acceptance.rules import CARRIERS

MESSAGES: Final = 120
USERS: Final = 12
SCENES: Final = (
    "push-then-sms everywhere everywhere-few fail-over refused-or-sms by-mail late-then-three read-then-sms patient "
    "paid paid-later paid-everywhere paid-fail-over sms-at-ten mornings-then-push"
).split()
CATEGORIES: Final = "ONE_TIME_PASSWORD TRANSACTION SERVICE NOTIFICATION REPAYMENT MARKETING".split()
COUNTER: Final = "quota-rough/messages"
ACCOUNTS: Final = {"cards/sms/cash": 3_000_000, "cards/push/cash": 100_000, COUNTER: 40_000_000}
NEVER_KNOWN: Final = ("UNCONFIRMED", "UNKNOWN")
LINE: Final = {"tenant": TENANT, "name": "cards"}


@pytest.fixture(scope="module")
def running_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A server whose carriers have all a rough day; half of them cannot be asked what became of a call."""
    providers = {
        name: {
            "type": "sandbox",
            "channel": channel,
            "options": {
                "profile": "rough",
                "answer_ms": [0, 0],
                "unanswered": 0.1,
                "unreached": 0.05,
                "seed": 7,
                "query": place % 2 == 0,
                "receipts": channel != "mail",
            },
        }
        for place, (name, (channel, _options)) in enumerate(CARRIERS.items())
    }
    box = Box(tmp_path_factory.mktemp("box"), providers=providers)
    yield box
    box.stop()


def test_the_books_add_up(box: Box) -> None:
    """Every message ends; what went out twice says so; what is spent is what went out, to the last cent."""
    for account, micros in ACCOUNTS.items():
        box.grant(account, micros, unit="COUNT" if account == COUNTER else "CNY")
    lives = {message_id: box.life(message_id) for message_id in play(box, Random(7))}
    carried = Counter((line["message_id"], line["step"]) for line in box.all_carried())

    assert {life.state for life in lives.values()} <= set(
        "DELIVERED FAILED DROPPED EXPIRED CANCELLED UNCONFIRMED UNKNOWN".split()
    )
    assert {message_id for message_id, _step in carried} <= set(lives)
    for (message_id, step), times in carried.items():
        doubled = [line for line in lives[message_id].told("ATTEMPTED") if line.endswith("may_be_duplicated")]
        assert times <= 1 + len(doubled), (step, lives[message_id].story)
    wanted = sum((spent(life, carried) for life in lives.values()), Counter())
    assert {name: box.account(name) for name in ACCOUNTS} == {
        name: (total - wanted[name], 0, wanted[name]) for name, total in ACCOUNTS.items()
    }


def play(box: Box, random: Random) -> list[str]:
    """Send messages some minutes apart, with operators' hands in it; return their ids when all has come to its end."""
    sent: list[str] = []
    at_ms = box.days.ms("08:00")
    for _ in range(MESSAGES):
        at_ms += random.randrange(0, 1_500) * 1000
        fields: dict[str, Any] = {"campaign": "quota-rough"} if random.random() < 0.4 else {}
        if random.random() < 0.1:
            fields["send_after"] = box.days.text(at_ms + random.randrange(1, 36_000) * 1000)
        user = f"rough-{random.randrange(USERS)}"
        scene, category = random.choice(SCENES), random.choice(CATEGORIES)
        sent.append(box.send(scene, at=box.days.text(at_ms), category=category, user=user, **fields).id)
        interfere(box, random, sent)
    box.go_on_all()
    assert box.advance() == 0
    return sent


def interfere(box: Box, random: Random, sent: list[str]) -> None:
    """Do one of the things that operators, users and clients do, every now and then."""
    match random.randrange(60):
        case 0:
            box.cancel(message_id=random.choice(sent))
        case 1:
            box.pause(channel=random.choice(["push", "sms", "wechat"]))
        case 2:
            box.pause(line=LINE)
        case 3 | 4 | 5:
            box.go_on_all()
        case 6:
            box.redrive()
        case 7:
            box.opt_out("sms", random.choice(CATEGORIES), user=f"rough-{random.randrange(USERS)}")
        case 8:
            box.receipt(random.choice(sent), random.choice(["DELIVERED", "READ", "FAILED"]))


def spent(life: Life, carried: Counter[tuple[str, int]]) -> Counter[str]:
    """What a message must have cost, by its decisions and by what the carriers took."""
    record = life.wire.record
    gone = {
        step.number
        for step in record.steps
        if carried[record.message_id, step.number] or life.steps[step.channel] in NEVER_KNOWN
    }
    charged = {
        # A charge per message is paid once, whichever step goes.
        (charge.account, 0 if charge.account == COUNTER else step.number): charge.micros
        for event in life.wire.events
        for step in event.decision.plan.steps
        for charge in step.charges
    }
    cost: Counter[str] = Counter()
    for (account, step), micros in charged.items():
        if step in gone or (step == 0 and gone):
            cost[account] += micros
    return cost
