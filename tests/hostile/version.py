"""A version whose rules look at everything a request can hold, with effects at the ends of their bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.ruleset.strategies import FACTS_YAML

VERSION: Final = "touchy"

ROUTING: Final = """
family: routing
rules:
  - id: by-arithmetic
    when: message.params.count * message.params.order.items / message.params.sure > 7
    then: {concurrent: [push, sms, wechat], priority: P0}
  - id: by-time
    when: >-
      timestamp(message.params.text) + message.params.term > now.timestamp - duration(message.params.order.buyer.name)
    then: {distribute: {to: sms, otherwise: [push]}}
  - id: by-life
    when: >-
      has(message.expire_at) && has(message.occurred_at) && message.expire_at - message.occurred_at > duration("24h") ||
      has(message.send_after) && message.send_after > message.params.since
    then: {concurrent: [sms, wechat, push]}
  - id: by-words
    when: '"gold" in user.tags || "push" in message.wishes.channels || "a" in message.params.words'
    then:
      supplement:
        - {channel: push, wait: 1s, until: read}
        - {channel: wechat, wait: 1d}
        - {channel: sms, address: all}
  - id: by-money
    when: has(budget.sms_cash.left) && budget.sms_cash.left > 1.0
    then: {distribute: {to: wechat, otherwise: [sms, push]}}
  - id: default
    then: {concurrent: [push, sms, wechat]}
"""

INTERCEPTION: Final = """
family: interception
rules:
  - id: night
    when: now.local_hour < 6 && now.local_weekday > 5 && message.category == "MARKETING"
    then: {hold: {until: "00:00", reason: QUIET_HOURS}}
  - id: minor
    when: has(user.attributes.age) && user.attributes.age < 18 && message.category != "SERVICE"
    then: {exclude: {channels: [sms], reason: NOT_ELIGIBLE}}
  - id: unhealthy
    when: channel.state == "PAUSED" || channel.state == "SLOW" && channel.name != "push"
    then: {hold: {until: "23:59", reason: CHANNEL_UNHEALTHY}}
  - id: opted-out
    when: channel.opted_out && message.priority != "P0"
    then: {exclude: {reason: OPTED_OUT}}
  - id: words
    when: content.hits.forbidden > 4 && (content.has_url || content.length > 100 || content.segments > 3)
    then: {drop: {reason: FORBIDDEN_CONTENT}}
  - id: patterns
    when: >-
      has(message.params.text) && message.params.text.matches("^(a|b)+$") ||
      user.zone.startsWith("America/") && message.user_id.contains("evil") || platform.state == "PAUSED"
    then: {exclude: {channels: [wechat], reason: BLOCKED}}
"""

FATIGUE: Final = """
family: fatigue
rules:
  - id: any
    then: {limit: {name: any, per: [user, content, campaign], max: unlimited, window: 366d, min_interval: 1s}}
  - {id: all, then: {limit: {name: all, per: [user], max: unlimited, window: 1s}}}
  - id: far
    when: message.category == "REPAYMENT"
    then: {limit: {name: far, per: [user], max: 1, window: 366d, min_interval: 366d, otherwise: hold}}
  - id: day
    when: message.category == "SERVICE" || message.category == "MARKETING"
    then: {limit: {name: day, per: [user, line, scene, channel, category], max: 1000000000, window: day}}
  - id: none
    when: message.category == "NOTIFICATION" && has(message.scene)
    then: {limit: {name: none, per: [user], max: 0, window: 1d, otherwise: hold, channel: sms}}
  - id: paused
    when: channel.state != "NORMAL"
    then: {limit: {name: paused, per: [user], max: 1, window: 1h}}
"""

BUDGET: Final = """
family: budget
rules:
  - id: each
    when: channel.name != "push"
    then:
      charge:
        account: "{tenant}/{line}/{channel}/{category}/{scene}/{campaign}/{department}"
        amount: 1
        unit: COUNT
  - id: parts
    when: message.category == "TRANSACTION"
    then: {charge: {account: "{line}/sms/cash", amount: 1000000000, unit: CNY, times: segments, channel: sms}}
  - id: once
    when: message.category == "MARKETING"
    then: {charge: {account: "{line}/sms/cash", amount: 0.000001, unit: CNY}}
"""

FILES: Final = {
    "facts.yaml": FACTS_YAML,
    "routing.yaml": ROUTING,
    "interception.yaml": INTERCEPTION,
    "fatigue.yaml": FATIGUE,
    "budget.yaml": BUDGET,
    "breaker.yaml": "family: breaker\nrules: []\n",
    "lists/forbidden.txt": "casino\t9\ngold\t5\n赌场\t7\n",
}


def write_version(rules: Path) -> None:
    """Write the version below a rules folder and name it."""
    for name, text in FILES.items():
        path = rules / VERSION / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (rules / "rollout.yaml").write_text(f"stable: {VERSION}\n", encoding="utf-8")
