"""A version that hardly ever sees the same fingerprint twice, and messages for it."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Final

from signalbox.v1 import decision_service_pb2 as contract

BITS: Final = 50
NOW_S: Final = 1_767_585_600


def _files() -> dict[str, str]:
    """Files in which every bit of a message, and of some the channel too, decides about something."""
    facts = "".join(f"  message.params.b{n}: {{type: bool, required: true}}\n" for n in range(BITS))
    routes = [_rule(f"message.params.b{n} && message.params.b{n + 1}", _TO[n % 4 // 2]) for n in range(0, 32, 2)]
    excludes = [
        _rule(
            f"channel.opted_out == message.params.b{n} && message.params.b{n + 1} == (channel.name == 'sms')",
            "{exclude: {reason: BLOCKED}}",
        )
        for n in range(32, 48, 2)
    ]
    limit = _rule("message.params.b48 != message.params.b49", _LIMIT)
    return {
        "facts.yaml": f"channels:\n  push: {{doc: Push}}\n  sms: {{doc: SMS}}\nfacts:\n{facts}",
        "routing.yaml": _family("routing", *routes, f"\n  - {{id: rest, then: {_TO[2]}}}"),
        "interception.yaml": _family("interception", *excludes),
        "fatigue.yaml": _family("fatigue", limit),
        "budget.yaml": _family("budget"),
        "breaker.yaml": _family("breaker"),
    }


_TO: Final = ("{distribute: {to: sms}}", "{distribute: {to: push}}", "{concurrent: [push, sms]}")
_LIMIT: Final = "{limit: {name: few, per: [user], max: 3, window: 1d, otherwise: hold}}"


def _rule(when: str, then: str) -> str:
    name = re.sub(r"\W+", "-", when).strip("-").lower()[-40:].strip("-_").replace("_", "-")
    return f'\n  - {{id: {name}, when: "{when}", then: {then}}}'


def _family(name: str, *rules: str) -> str:
    return f"family: {name}\nrules:{''.join(rules) or ' []'}\n"


def write_bits(rules: Path) -> None:
    """Write the version `bits` below a rules folder and name it."""
    place = rules / "bits"
    place.mkdir(parents=True)
    for name, text in _files().items():
        (place / name).write_text(text, encoding="utf-8")
    (rules / "rollout.yaml").write_text("stable: bits\n", encoding="utf-8")


def batch(seed: int, count: int = 20) -> contract.EvaluateBatchRequest:
    """A batch of messages with random bits."""
    random = Random(seed)
    request = contract.EvaluateBatchRequest()
    request.now.seconds = NOW_S
    for _ in range(count):
        one = request.evaluations.add().message
        one.tenant, one.line, one.user_id, one.category = "bank", "cards", f"u{random.randrange(4)}", 2
        one.content.text = "hello"
        for channel in ("push", "sms"):
            one.addresses.add(channel=channel, value="1")
        for n in range(BITS):
            one.params[f"b{n}"] = random.random() < 0.5
    return request
