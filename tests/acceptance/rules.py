"""The small rule set that the acceptance tests are played by, and the simulated carriers that it routes to.

The scene of a message says which promise it is about: it chooses the route, the limit or the account. A carrier's name
says how it behaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

FACTS: Final = """\
channels:
  push:   {doc: App push, receipts: true}
  sms:    {doc: Text message, receipts: true}
  wechat: {doc: WeChat, receipts: true}
  mail:   {doc: E-mail, receipts: false}
facts:
  message.params.amount: {type: double}
"""

ROUTING: Final = """\
family: routing
rules:
  # ---- supplements
  - id: push-then-sms
    when: message.scene == "push-then-sms"
    then: {supplement: [{channel: push, wait: 60s, until: delivered, providers: [push-in-30s]}, {channel: sms}]}
  - id: silent-then-sms
    when: message.scene == "silent-then-sms"
    then: {supplement: [{channel: push, wait: 60s, until: delivered, providers: [push-silent]}, {channel: sms}]}
  - id: late-then-paused
    when: message.scene == "late-then-wechat"
    then: {supplement: [{channel: push, wait: 60s, until: delivered, providers: [push-in-10min]}, {channel: wechat}]}
  - id: late-then-sms
    when: message.scene == "late-then-three"
    then:
      supplement:
        - {channel: push, wait: 60s, until: delivered, providers: [push-in-10min]}
        - {channel: wechat, wait: 30m, until: read}
        - {channel: sms}
  - id: refused-then-sms
    when: message.scene == "refused-then-sms"
    then: {supplement: [{channel: push, wait: 60s, until: delivered, providers: [push-refuses]}, {channel: sms}]}
  - id: undelivered-then-sms
    when: message.scene == "undelivered-then-sms"
    then: {supplement: [{channel: push, wait: 60s, until: delivered, providers: [push-undelivered]}, {channel: sms}]}
  - id: read-then-sms
    when: message.scene == "read-then-sms"
    then: {supplement: [{channel: push, wait: 60s, until: read, providers: [push]}, {channel: sms}]}

  # ---- concurrent
  - id: everywhere
    when: message.scene == "everywhere" || message.scene == "everywhere-few"
    then: {concurrent: [push, wechat, sms]}
  - id: everywhere-mixed
    when: message.scene == "everywhere-mixed"
    then: {concurrent: [{channel: push, providers: [push-refuses]}, wechat, {channel: sms, providers: [sms-silent]}]}

  # ---- one provider or another
  - id: fail-over
    when: message.scene == "fail-over"
    then: {distribute: {to: {channel: sms, providers: [sms-busy, sms]}}}
  - id: refused-or-sms
    when: message.scene == "refused-or-sms"
    then: {distribute: {to: {channel: push, providers: [push-refuses]}, otherwise: [sms]}}
  - id: mornings
    when: message.scene == "mornings"
    then: {distribute: {to: {channel: sms, providers: [sms-closed-mornings]}}}
  - id: flaky
    when: message.scene == "flaky"
    then: {distribute: {to: {channel: sms, providers: [sms-busy-mornings]}}}
  - id: dead
    when: message.scene == "dead"
    then: {distribute: {to: {channel: wechat, providers: [wechat-dead]}}}
  - id: unsubscribed
    when: message.scene == "unsubscribed"
    then: {distribute: {to: {channel: sms, providers: [sms-unsubscribed]}}}
  - id: unanswered
    when: message.scene == "unanswered"
    then: {distribute: {to: {channel: push, providers: [push-unanswered]}}}
  - id: unanswered-silent
    when: message.scene == "unanswered-silent"
    then: {distribute: {to: {channel: push, providers: [push-unanswered-silent]}}}
  - id: silent
    when: message.scene == "silent"
    then: {distribute: {to: {channel: push, providers: [push-silent]}, otherwise: [sms]}}
  - id: by-mail
    when: message.scene == "by-mail"
    then: {distribute: {to: mail}}
  - id: all-addresses
    when: message.scene == "all-addresses"
    then: {distribute: {to: {channel: push, address: all}}}
  - id: only-sms
    when: message.scene == "only-sms"
    then: {distribute: {to: sms}}
  - id: only-wechat
    when: message.scene == "only-wechat"
    then: {distribute: {to: wechat}}

  - id: unanswered-asked
    when: message.scene == "unanswered-asked"
    then: {distribute: {to: {channel: push, providers: [push-unanswered-asked]}}}
  - id: told-twice
    when: message.scene == "told-twice"
    then: {distribute: {to: {channel: push, providers: [push-told-twice]}}}
  - id: throttled
    when: message.scene == "throttled"
    then: {distribute: {to: {channel: sms, providers: [sms-one-a-second]}}}
  - id: wechat-mornings
    when: message.scene == "wechat-mornings"
    then: {distribute: {to: {channel: wechat, providers: [wechat-busy-mornings]}}}
  - id: mornings-and-push
    when: message.scene == "mornings-and-push"
    then: {concurrent: [{channel: sms, providers: [sms-closed-mornings]}, push]}
  - id: mornings-then-push
    when: message.scene == "mornings-then-push"
    then: {supplement: [{channel: sms, wait: 60s, providers: [sms-closed-mornings]}, {channel: push}]}
  - id: not-yet-sms
    when: message.scene == "sms-at-ten" || message.scene == "all-at-ten"
    then: {supplement: [{channel: sms, wait: 60s, until: delivered, providers: [sms-silent]}, {channel: push}]}
  - id: spaced
    when: message.scene == "spaced" || message.scene == "daily"
    then: {distribute: {to: push}}

  # ---- money
  - id: paid-by-sms
    when: message.scene == "paid" || message.scene == "paid-in-points"
    then: {distribute: {to: sms, otherwise: [mail]}}
  - id: paid-and-refused
    when: message.scene == "paid-and-refused"
    then: {distribute: {to: {channel: push, providers: [push-refuses]}}}
  - id: paid-fail-over
    when: message.scene == "paid-fail-over"
    then: {distribute: {to: {channel: sms, providers: [sms-busy, sms]}}}
  - id: paid-mornings
    when: message.scene == "paid-mornings"
    then: {distribute: {to: {channel: sms, providers: [sms-closed-mornings]}}}
  - id: paid-later
    when: message.scene == "paid-later"
    then: {supplement: [{channel: push, wait: 60s, until: delivered, providers: [push-silent]}, {channel: sms}]}
  - id: paid-everywhere
    when: message.scene == "paid-everywhere"
    then: {concurrent: [push, sms]}

  - id: default
    then: {distribute: {to: push, otherwise: [sms]}}
"""

INTERCEPTION: Final = """\
family: interception
rules:
  - id: quiet-hours
    when: message.category == "MARKETING" && (now.local_hour < 9 || now.local_hour >= 20)
    then: {hold: {until: "09:00", reason: QUIET_HOURS}}
  - id: opted-out
    when: channel.opted_out
    then: {exclude: {reason: OPTED_OUT}}
  - id: sms-at-ten
    when: has(message.scene) && message.scene in ["sms-at-ten", "all-at-ten"] && now.local_hour < 10
    then: {hold: {until: "10:00", reason: QUIET_HOURS, channels: [sms]}}
  - id: push-at-half-past-nine
    when: has(message.scene) && message.scene == "all-at-ten" && now.local_hour < 10
    then: {hold: {until: "09:30", reason: COMPLIANCE, channels: [push]}}
  - id: forbidden
    when: has(message.scene) && message.scene == "forbidden"
    then: {drop: {reason: BLOCKED}}
  - id: off-unhealthy
    when: message.category == "MARKETING" && channel.state != "NORMAL"
    then: {exclude: {reason: CHANNEL_UNHEALTHY}}
"""

FATIGUE: Final = """\
family: fatigue
rules:
  - id: two-an-hour
    when: has(message.scene) && message.scene == "few"
    then: {limit: {name: few, per: [user], max: 2, window: 1h}}
  - id: one-in-30-minutes
    when: has(message.scene) && message.scene == "patient"
    then: {limit: {name: patient, per: [user], max: 1, window: 30m, otherwise: hold}}
  - id: one-sms-a-day
    when: has(message.scene) && message.scene == "everywhere-few"
    then: {limit: {name: few-sms, per: [user], channel: sms, max: 1, window: 1d}}
  - id: three-messages-a-day
    when: has(message.scene) && message.scene == "everywhere-few"
    then: {limit: {name: few-messages, per: [user], max: 3, window: 1d}}
  - id: one-fail-over
    when: has(message.scene) && (message.scene == "fail-over" || message.scene == "mornings")
    then: {limit: {name: tries, per: [user], max: 2, window: 1d}}
  - id: one-fail-over-by-sms
    when: has(message.scene) && (message.scene == "fail-over" || message.scene == "mornings")
    then: {limit: {name: tries-by-sms, per: [user], channel: sms, max: 2, window: 1d}}
  - id: half-an-hour-apart
    when: has(message.scene) && message.scene == "spaced"
    then: {limit: {name: spaced, per: [user], max: 3, window: 1d, min_interval: 30m}}
  - id: one-a-day
    when: has(message.scene) && message.scene == "daily"
    then: {limit: {name: daily, per: [user], max: 1, window: day}}
"""

BUDGET: Final = """\
family: budget
rules:
  - id: sms-cash
    when: >-
      channel.name == "sms" && has(message.scene) &&
      message.scene in ["paid", "paid-fail-over", "paid-mornings", "paid-later", "paid-everywhere"]
    then: {charge: {account: "{line}/sms/cash", amount: 0.05, unit: CNY}}
  - id: sms-points
    when: channel.name == "sms" && has(message.scene) && message.scene == "paid-in-points"
    then: {charge: {account: "{line}/sms/points", amount: 1, unit: COUNT}}
  - id: push-cash
    when: >-
      channel.name == "push" && has(message.scene) && message.scene in ["paid-and-refused", "paid-everywhere"]
    then: {charge: {account: "{line}/push/cash", amount: 0.01, unit: CNY}}
  - id: campaign-quota
    when: has(message.campaign) && message.campaign.startsWith("quota-")
    then: {charge: {account: "{campaign}/messages", amount: 1, unit: COUNT}}
"""

BREAKER: Final = """\
family: breaker
rules:
  - id: level-1-slow
    when: >-
      provider.name == "sms-busy-mornings" && provider.window.count >= 5 && provider.window.error_rate > 0.5
    then: {set: {state: SLOW, speed: 0.5, back: {windows: 3, error_rate_below: 0.1}}}
  - id: wechat-stops
    when: channel.name == "wechat" && channel.window.count >= 5 && channel.window.error_rate > 0.5
    then: {set: {state: PAUSED, back: {windows: 2, error_rate_below: 0.1}}}
"""

FILES: Final[Mapping[str, str]] = {
    "facts": FACTS,
    "routing": ROUTING,
    "interception": INTERCEPTION,
    "fatigue": FATIGUE,
    "budget": BUDGET,
    "breaker": BREAKER,
}

DAY_S: Final = 86_400
FIRST_DAY_S: Final = 1_772_294_400
"""Midnight of 2026-03-01 in Shanghai, the zone of the tests."""

DAYS: Final = 1_500


def _mornings(outcome: str) -> list[dict[str, str]]:
    """Every morning from 08:00 to 10:00 a carrier refuses all calls in this way."""
    return [{"from": _utc(day, hour=8), "until": _utc(day, hour=10), "outcome": outcome} for day in range(DAYS)]


def _utc(day: int, hour: int) -> str:
    return datetime.fromtimestamp(FIRST_DAY_S + day * DAY_S + hour * 3600, UTC).isoformat()


CARRIERS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    # name: (channel, how it differs from a perfect one); the first of a channel is what rules get that name none.
    "push": ("push", {}),
    "push-in-30s": ("push", {"receipt_ms": [30_000, 30_000]}),
    "push-in-10min": ("push", {"receipt_ms": [600_000, 600_000]}),
    "push-silent": ("push", {"lost": 1.0}),
    "push-refuses": ("push", {"content": 1.0}),
    "push-undelivered": ("push", {"failed": 1.0, "receipt_ms": [5_000, 5_000]}),
    "push-unanswered": ("push", {"unanswered": 1.0, "query": False, "receipt_ms": [5_000, 5_000]}),
    "push-unanswered-silent": ("push", {"unanswered": 1.0, "query": False, "lost": 1.0}),
    "push-unanswered-asked": ("push", {"unanswered": 1.0}),
    "push-told-twice": ("push", {"repeated": 1.0}),
    "sms": ("sms", {}),
    "sms-silent": ("sms", {"lost": 1.0}),
    "sms-busy": ("sms", {"retry": 1.0}),
    "sms-closed-mornings": ("sms", {"outages": _mornings("CONFIG")}),
    "sms-busy-mornings": ("sms", {"outages": _mornings("RETRY")}),
    "sms-unsubscribed": ("sms", {"optout": 1.0}),
    "sms-one-a-second": ("sms", {"throttle_above": 1.0}),
    "wechat": ("wechat", {}),
    "wechat-busy-mornings": ("wechat", {"outages": _mornings("RETRY")}),
    "wechat-dead": ("wechat", {"dead": 1.0}),
    "mail": ("mail", {"receipts": False}),
}


def write_version(folder: Path, version: str = "v1", **changed: str) -> None:
    """Write a version of the rules below a folder; `changed` replaces files by name without ending."""
    place = folder / version
    place.mkdir(parents=True)
    for name, text in FILES.items():
        (place / f"{name}.yaml").write_text(changed.get(name, text), encoding="utf-8")


def serve_version(folder: Path, version: str) -> None:
    """Name the version that serves, by renaming a new file into place."""
    new = folder / ".new"
    new.write_text(f"stable: {version}\n", encoding="utf-8")
    new.replace(folder / "rollout.yaml")
