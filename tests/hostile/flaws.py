"""Every way in which one field can break the contract, and the path that the answer must name.

Each flaw takes a good request and spoils it. Those of a message can befall one message of a batch or a stream; those of
the state or of the time befall the whole request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from signalbox.v1 import decision_service_pb2 as contract
from signalbox.v1 import message_pb2, state_pb2
from tests.hostile.requests import LATEST_S, NOW_S


@dataclass(frozen=True, slots=True)
class Flaw:
    """What spoils a request, and the field that is then to be named."""

    field: str
    spoil: Callable[[Any], object]
    name: str

    def __str__(self) -> str:
        return f"{self.field} {self.name}"


def _all(field: str, **spoils: Callable[[Any], object]) -> list[Flaw]:
    return [Flaw(field, spoil, name) for name, spoil in spoils.items()]


def _setting(holder: Callable[[Any], Any], attribute: str, value: object) -> Callable[[Any], object]:
    return lambda request: setattr(holder(request), attribute, value)


def _message(request: Any) -> message_pb2.Message:
    return request.message


BAD_NAMES: Final = {
    "too long": "x" * 129,
    "space before": " a",
    "space after": "a ",
    "line break": "a\nb",
    "zero": "\0",
    "control": "a\x9bb",
    "line separator": "a\u2028b",
    "hard space before": "\u00a0a",
}
BAD_TIMES: Final = {
    "before 1970": Timestamp(seconds=-1),
    "year 9000": Timestamp(seconds=LATEST_S + 1),
    "year 9999": Timestamp(seconds=253_402_300_799),
    "largest": Timestamp(seconds=2**63 - 1),
    "smallest": Timestamp(seconds=-(2**63)),
    "a second of nanos": Timestamp(seconds=NOW_S, nanos=1_000_000_000),
    "negative nanos": Timestamp(seconds=NOW_S, nanos=-1),
}


def _names() -> list[Flaw]:
    required = ("tenant", "line", "user_id")
    optional = ("request_id", "scene", "campaign", "owner", "department", "conversion_goal")
    flaws = [Flaw(f"message.{field}", _setting(_message, field, ""), "absent") for field in required]
    return flaws + [
        Flaw(f"message.{field}", _setting(_message, field, value), name)
        for field in required + optional
        for name, value in BAD_NAMES.items()
    ]


def _times() -> list[Flaw]:
    def set_time(field: str, value: Timestamp) -> Callable[[Any], object]:
        return lambda request: getattr(request.message, field).CopyFrom(value)

    return [
        Flaw(f"message.{field}", set_time(field, value), name)
        for field in ("occurred_at", "send_after", "expire_at")
        for name, value in BAD_TIMES.items()
    ]


BAD_PARAMS: Final[dict[str, tuple[Any, ...]]] = {
    "flag": (1, "true", [], {}),
    "amount": (float("nan"), float("inf"), float("-inf"), "1", True, [1.0], {"a": 1}),
    "count": (0.5, 1e300, 2.0**53 + 2, -(2.0**60), "1", True, float("nan")),
    "text": (1, True, ["a"], {"a": "b"}),
    "sure": (None, "", 0.1),
    "since": ("yesterday", "2026-02-30T00:00:00Z", "10000-01-01T00:00:00Z", NOW_S, "x" * 10_000),
    "term": ("1 fortnight", "1e9s", 5, "99999999999999999999h"),
    "words": ("a", [1], [["a"]], ["a"] * 1001, {"0": "a"}),
    "sizes": ([1.5], ["1"], [1e300]),
    "order": ("x", [1], True),
    "order.total": ({"total": "x"}, {"total": float("nan")}),
    "order.buyer": ({"buyer": 1},),
    "order.buyer.old": ({"buyer": {"old": "yes"}},),
}


def _params() -> list[Flaw]:
    def put(name: str, value: Any) -> Callable[[Any], object]:
        return lambda request: request.message.params.update({name: value})

    return [
        Flaw(f"message.params.{path}", put(path.partition(".")[0], value), f"{value!r:.20}")
        for path, values in BAD_PARAMS.items()
        for value in values
        if value != []
    ]


def _many(count: int) -> dict[str, int]:
    return {f"p{n}": n for n in range(count)}


MESSAGE_FLAWS: Final[list[Flaw]] = [
    *_names(),
    *_times(),
    *_params(),
    *_all(
        "message.category",
        absent=_setting(_message, "category", 0),
        unheard=_setting(_message, "category", 99),
        negative=_setting(_message, "category", -1),
    ),
    *_all("message.priority", unheard=_setting(_message, "priority", 5), negative=_setting(_message, "priority", -1)),
    *_all(
        "message.content",
        absent=lambda request: request.message.ClearField("content"),
        empty=lambda request: request.message.content.Clear(),
        only_a_link=lambda request: request.message.content.CopyFrom(message_pb2.Content(url="https://example.org")),
        too_large=lambda request: setattr(request.message.content, "html", "é" * 40_000),
        overrides_too_large=lambda request: setattr(request.message.content.channels["sms"], "text", "x" * 66_000),
    ),
    *_all('message.content.channels[""]', unnamed=lambda request: request.message.content.channels[""].SetInParent()),
    *_all("message.template.id", absent=lambda request: request.message.template.SetInParent()),
    *_all(
        "message.params",
        many=lambda request: request.message.params.update(_many(65)),
        ten_thousand=lambda request: request.message.params.update(_many(10_000)),
        large=lambda request: request.message.params.update({"x": "y" * 16_384}),
    ),
    *_all("message.params.sure", missing=lambda request: request.message.params.Clear()),
    *_all("message.scene", unheard=_setting(_message, "scene", "unheard")),
    *_all(
        "message.addresses",
        many=lambda request: [request.message.addresses.add(channel="sms", value="1") for _ in range(33)],
    ),
    *_all(
        "message.addresses[0].channel",
        absent=lambda request: setattr(request.message.addresses[0], "channel", ""),
        control=lambda request: setattr(request.message.addresses[0], "channel", "s\x7fms"),
        unheard=lambda request: setattr(request.message.addresses[0], "channel", "fax"),
    ),
    *_all(
        "message.addresses[0].value",
        absent=lambda request: setattr(request.message.addresses[0], "value", ""),
        long=lambda request: setattr(request.message.addresses[0], "value", "1" * 513),
        control=lambda request: setattr(request.message.addresses[0], "value", "1\r\n2"),
    ),
    *_all(
        "message.wishes.channels", many=lambda request: request.message.wishes.channels.extend(map(str, range(10_000)))
    ),
    *_all(
        "message.wishes.channels[1]",
        empty=lambda request: request.message.wishes.channels.extend(("sms", "")),
        unheard=lambda request: request.message.wishes.channels.extend(("sms", "fax")),
    ),
    *_all(
        "message.wishes.strategy",
        unheard=lambda request: setattr(request.message.wishes, "strategy", 99),
    ),
    *_all(
        "message.expire_at",
        before_it_begins=lambda request: (
            request.message.send_after.FromSeconds(NOW_S),
            request.message.expire_at.FromSeconds(NOW_S),
        ),
    ),
]


def _user(request: Any) -> state_pb2.User:
    return request.state.users.users[0]


def _use(request: Any) -> state_pb2.LimitUse:
    return request.state.ledger.users[0].uses[0]


BAD_ZONES: Final = (
    *("Mars/Base", "../../etc/passwd", "/etc/passwd", "/usr/share/zoneinfo/Asia/Shanghai", "America", ".", "Asia/"),
    *("Asia/Shanghai\0", "Asia//Shanghai", "asia/shanghai\n", "zone.tab", "tzdata.zi", "__init__.py", "\U0010ffff"),
    *("Z" * 100_000, "A/" * 1000, " "),
)
BAD_USES: Final[dict[str, dict[str, int]]] = {
    "count 0": {"count": 0},
    "count negative": {"count": -1},
    "count smallest": {"count": -(2**31)},
    "ends before it starts": {"start_ms": 2, "end_ms": 1},
    "starts before 1970": {"start_ms": -1},
    "starts at the smallest": {"start_ms": -(2**63)},
    "ends after all": {"end_ms": 2**63 - 1},
    "last after all": {"last_ms": 2**63 - 1},
    "last before 1970": {"last_ms": -(2**63)},
}


def _uses() -> list[Flaw]:
    def change(values: dict[str, int]) -> Callable[[Any], object]:
        return lambda request: [setattr(_use(request), name, value) for name, value in values.items()]

    flaws = [Flaw("state.ledger.users[0].uses", change(values), name) for name, values in BAD_USES.items()]
    return flaws + _all(
        "state.ledger.users[0].uses",
        unnamed=lambda request: setattr(_use(request), "limit", ""),
        long_name=lambda request: setattr(_use(request), "limit", "x" * 129),
        long_key=lambda request: setattr(_use(request), "key", "x" * 100_000),
    )


def _keys() -> list[Flaw]:
    """Whose an entry is must be said; a unit must be one."""

    def put(part: str, entries: str, field: str, value: str) -> Callable[[Any], object]:
        return lambda request: setattr(getattr(getattr(request.state, part), entries)[0], field, value)

    flaws = [
        Flaw(f"state.{part}.{entries}[0].{field}", put(part, entries, field, ""), "absent")
        for part, entries, fields in (
            ("users", "users", ("tenant", "user_id")),
            ("ledger", "users", ("tenant", "user_id")),
            ("accounts", "accounts", ("tenant", "name")),
        )
        for field in fields
    ]
    return flaws + [
        Flaw("state.accounts.accounts[0].unit", put("accounts", "accounts", "unit", unit), repr(unit))
        for unit in ("", "cny", "CN", "CNYCNYCNY", "CNY ", "元", "CNY\n", "\u202eCNY")
    ]


def _twice(entries: Callable[[Any], Any]) -> Callable[[Any], object]:
    return lambda request: entries(request).append(entries(request)[0])


STATE_FLAWS: Final[list[Flaw]] = [
    *_keys(),
    *_uses(),
    *[Flaw("now", lambda request, now=now: request.now.CopyFrom(now), name) for name, now in BAD_TIMES.items()],
    *[
        Flaw(
            "state.users.users[0].zone",
            lambda request, zone=zone: setattr(_user(request), "zone", zone),
            repr(zone[:30]),
        )
        for zone in BAD_ZONES
    ],
    *_all(
        "state.users",
        many=lambda request: [request.state.users.users.add(tenant="t", user_id=f"u{n}") for n in range(10_000)],
    ),
    *_all("state.users.users[1].user_id", twice=_twice(lambda request: request.state.users.users)),
    *_all(
        "state.users.users[0].tags",
        ten_thousand=lambda request: _user(request).tags.extend(map(str, range(10_000))),
        long=lambda request: _user(request).tags.append("x" * 129),
    ),
    *_all(
        "state.users.users[0].bindings",
        many=lambda request: [_user(request).bindings.add(channel="sms", value=str(n)) for n in range(65)],
    ),
    *_all(
        "state.users.users[0].bindings[0].channel",
        absent=lambda request: _user(request).bindings.insert(0, state_pb2.Binding(value="1")),
    ),
    *_all(
        "state.users.users[0].bindings[0].value",
        absent=lambda request: _user(request).bindings.insert(0, state_pb2.Binding(channel="sms")),
    ),
    *_all(
        "state.users.users[0].opt_outs",
        many=lambda request: [_user(request).opt_outs.add(channel=str(n)) for n in range(65)],
    ),
    *_all(
        "state.users.users[0].opt_outs[0].category",
        unheard=lambda request: _user(request).opt_outs.add(category=99),
    ),
    *_all(
        "state.users.users[0].attributes",
        many=lambda request: _user(request).attributes.update(_many(65)),
        large=lambda request: _user(request).attributes.update({"x": "y" * 16_384}),
    ),
    *_all(
        "user.attributes.age",
        text=lambda request: _user(request).attributes.update({"age": "old"}),
        fraction=lambda request: _user(request).attributes.update({"age": 0.5}),
        endless=lambda request: _user(request).attributes.update({"age": float("inf")}),
    ),
    *_all(
        "state.ledger.users",
        many=lambda request: [request.state.ledger.users.add(tenant="t", user_id=f"u{n}") for n in range(10_000)],
    ),
    *_all("state.ledger.users[1].user_id", twice=_twice(lambda request: request.state.ledger.users)),
    *_all(
        "state.ledger.users[0].uses",
        twice=_twice(lambda request: request.state.ledger.users[0].uses),
        many=lambda request: [
            request.state.ledger.users[0].uses.add(limit="day", key=str(n), end_ms=1, count=1) for n in range(10_000)
        ],
    ),
    *_all(
        "state.accounts",
        many=lambda request: [
            request.state.accounts.accounts.add(tenant="t", name=f"a{n}", unit="CNY") for n in range(10_000)
        ],
    ),
    *_all(
        "state.accounts.accounts[0].name",
        long=lambda request: setattr(request.state.accounts.accounts[0], "name", "x" * 1025),
    ),
    *_all(
        "state.accounts.accounts[0].left_micros",
        debt=lambda request: setattr(request.state.accounts.accounts[0], "left_micros", -1),
        smallest=lambda request: setattr(request.state.accounts.accounts[0], "left_micros", -(2**63)),
    ),
    *_all("state.accounts.accounts[2].name", twice=_twice(lambda request: request.state.accounts.accounts)),
    *_all(
        "state.breakers.platform",
        unheard=lambda request: setattr(request.state.breakers, "platform", 99),
        negative=lambda request: setattr(request.state.breakers, "platform", -1),
    ),
    *_all(
        "state.breakers.channels",
        many=lambda request: request.state.breakers.channels.update({str(n): 1 for n in range(10_000)}),
    ),
    *_all(
        'state.breakers.channels["sms"]',
        unheard=lambda request: request.state.breakers.channels.update({"sms": 99}),
    ),
    *_all('state.breakers.channels[""]', unnamed=lambda request: request.state.breakers.channels.update({"": 1})),
]


def good_request() -> contract.EvaluateRequest:
    """A plain request without a flaw: it has a bit of everything that can be spoilt."""
    request = contract.EvaluateRequest(now=Timestamp(seconds=NOW_S), trace=True)
    message = request.message
    message.tenant, message.line, message.user_id = "bank", "cards", "u1"
    message.category = message_pb2.CATEGORY_TRANSACTION
    message.content.text = "hello"
    message.params["sure"] = 1
    message.addresses.add(channel="sms", value="10086")
    user = request.state.users.users.add(tenant="bank", user_id="u1", zone="Asia/Shanghai", tags=["gold"])
    user.bindings.add(channel="push", value="token")
    ledger = request.state.ledger.users.add(tenant="bank", user_id="u1")
    ledger.uses.add(limit="any", start_ms=NOW_S * 1000, end_ms=NOW_S * 1000 + 60_000, last_ms=NOW_S * 1000, count=1)
    for name, unit in (("cards/sms/cash", "CNY"), ("bank/cards/sms/TRANSACTION///", "COUNT")):
        request.state.accounts.accounts.add(tenant="bank", name=name, unit=unit, left_micros=10**18)
    request.state.breakers.platform = state_pb2.BREAKER_STATE_NORMAL
    return request
