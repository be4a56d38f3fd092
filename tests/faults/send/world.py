"""The world of the fault tests: rules with limits that bind and an account that runs out, carriers on a rough day, and
messages by the thousand. All of it follows from a seed, and the checker is told what the rules say."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

from signalbox.v1 import message_pb2, message_service_pb2
from tests.faults.checker import Account, Facts, Limit

Request = message_service_pb2.SendRequest

MESSAGES: Final = int(os.environ.get("SIGNALBOX_FAULT_MESSAGES", "500"))
SEEDS: Final = [int(seed) for seed in os.environ.get("SIGNALBOX_FAULT_SEEDS", "1 2").split()]
"""More of both finds more; SIGNALBOX_FAULT_MESSAGES=20000 SIGNALBOX_FAULT_SEEDS="1 2 3" takes an hour."""
SOME_SEEDS: Final = SEEDS if "SIGNALBOX_FAULT_SEEDS" in os.environ else SEEDS[:1]
"""For what is slow: one, unless somebody asks for more."""

TENANT: Final = "bank"
SHARE_SHORT_LIVED: Final = 0.1
DAY_MS: Final = 86_400_000
PRICE_MICROS: Final = 50_000
PACE_MS: Final = 1_000

RULES: Final = {
    "facts.yaml": """\
channels:
  push: {doc: App push, receipts: true}
  sms: {doc: Text message, receipts: true}
  wechat: {doc: WeChat, receipts: true}
  mail: {doc: Mail, receipts: false}
""",
    "routing.yaml": """\
family: routing
rules:
  - {id: codes, when: message.category == "ONE_TIME_PASSWORD", then: {distribute: {to: sms}}}
  - id: changes
    when: message.category == "TRANSACTION"
    then: {supplement: [{channel: push, wait: 300ms}, {channel: sms}]}
  - {id: news, when: message.category == "NOTIFICATION", then: {concurrent: [push, wechat]}}
  - {id: rest, then: {concurrent: [wechat, mail]}}
""",
    "fatigue.yaml": f"""\
family: fatigue
rules:
  - id: offers
    when: message.category == "MARKETING"
    then: {{limit: {{name: offers, per: [user], max: 3, window: 1d}}}}
  - id: pace
    when: message.category == "NOTIFICATION"
    then: {{limit: {{name: pace, per: [user], max: 2, window: {PACE_MS}ms, otherwise: hold}}}}
  - id: sms
    then: {{limit: {{name: sms, per: [user], max: 4, window: 1d, channel: sms}}}}
""",
    "budget.yaml": """\
family: budget
rules:
  - {id: sms-cost, then: {charge: {account: "{line}/sms", channel: sms, amount: 0.05, unit: CNY}}}
""",
    "interception.yaml": """\
family: interception
rules:
  - {id: opted-out, when: channel.opted_out, then: {exclude: {reason: OPTED_OUT}}}
""",
    "breaker.yaml": "family: breaker\nrules: []\n",
}

LIMITS: Final = (
    Limit("offers", 3, DAY_MS, categories=("MARKETING",)),
    Limit("pace", 2, PACE_MS, categories=("NOTIFICATION",)),
    Limit("sms", 4, DAY_MS, channels=("sms",)),
)

GOES_AGAIN: Final = ("ONE_TIME_PASSWORD", "TRANSACTION")

CARRIERS: Final = {"sms-a": "sms", "sms-b": "sms", "push-a": "push", "wechat-a": "wechat", "mail-a": "mail"}
MUTE: Final = ("sms-a", "push-a")
"""Carriers that cannot be asked what became of a call."""

SETTINGS: Final = """\
[worker]
claim_idle_s = 1
concurrency = 128
send_again = ["ONE_TIME_PASSWORD", "TRANSACTION"]
"""

CARRIER: Final = """
[providers.{name}]
type = "sandbox"
channel = "{channel}"

[providers.{name}.options]
profile = "rough"
seed = {seed}
answer_ms = [2, 120]
timeout_ms = 300
receipts = {receipts}
query = {query}
receipt_wait_ms = 800
receipt_ms = [20, 400]
late_ms = [400, 1500]
read_ms = [10, 500]
click_ms = [10, 200]
retry = 0.03
throttle = 0.004
throttle_wait_ms = 100
unanswered = 0.02
"""


def write_world(folder: Path, seed: int, more_settings: str = "") -> None:
    """Write rules and settings of a run."""
    rules = folder / "rules" / "v1"
    rules.mkdir(parents=True)
    for name, text in RULES.items():
        (rules / name).write_text(text, encoding="utf-8")
    (folder / "rules" / "rollout.yaml").write_text("stable: v1\n", encoding="utf-8")
    carriers = (
        CARRIER.format(
            name=name,
            channel=channel,
            seed=seed,
            receipts=str(channel != "mail").lower(),
            query=str(name not in MUTE).lower(),
        )
        for name, channel in CARRIERS.items()
    )
    (folder / "settings.toml").write_text("".join((SETTINGS, more_settings, *carriers)), encoding="utf-8")


def facts_of(began_ms: int, totals: dict[str, int], goes_again: Sequence[str] = GOES_AGAIN) -> Facts:
    """What the checker is told; `totals` are the accounts' by line, in micros."""
    accounts = tuple(Account(line, "sms", PRICE_MICROS, total) for line, total in totals.items())
    return Facts(began_ms, LIMITS, accounts, tuple(goes_again))


def totals_for(messages: int) -> dict[str, int]:
    """One account that runs out about half-way, and one that does not."""
    return {"cards": messages // 12 * PRICE_MICROS, "loans": messages * PRICE_MICROS}


CATEGORIES: Final = (
    (message_pb2.CATEGORY_ONE_TIME_PASSWORD, "ONE_TIME_PASSWORD"),
    (message_pb2.CATEGORY_TRANSACTION, "TRANSACTION"),
    (message_pb2.CATEGORY_NOTIFICATION, "NOTIFICATION"),
    (message_pb2.CATEGORY_MARKETING, "MARKETING"),
)


def requests_of(seed: int, messages: int) -> list[Request]:
    """So many messages to a fifteenth as many users, all mixed up; one in ten is soon of no use any more."""
    random, now_s = Random(seed), time.time()
    users = max(1, messages // 15)
    requests = []
    for number in range(messages):
        category, line = random.randrange(len(CATEGORIES)), random.choice(("cards", "loans"))
        request = request_of(f"r{number}", f"u{random.randrange(users)}", category, line)
        if random.random() < SHARE_SHORT_LIVED:
            request.message.expire_at.FromMilliseconds(int((now_s + random.uniform(1, 6)) * 1000))
        requests.append(request)
    return requests


def request_of(request_id: str, user_id: str, category: int, line: str = "loans") -> Request:
    """One message; the category by its place in CATEGORIES."""
    request = Request()
    one = request.message
    one.tenant, one.line, one.user_id, one.request_id = TENANT, line, user_id, request_id
    one.category = CATEGORIES[category][0]
    one.content.text = f"this is {request_id}"
    if CATEGORIES[category][1] == "MARKETING":
        one.campaign = "spring"
    for channel in ("push", "sms", "wechat", "mail"):
        one.addresses.add(channel=channel, value=f"{channel}-{user_id}")
    return request
