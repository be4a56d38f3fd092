"""Requests as an enemy writes them: any field filled with anything, or good ones at the ends of what is allowed."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message as Wire
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from signalbox.v1 import decision_service_pb2 as contract
from signalbox.v1 import message_pb2, state_pb2

NOW_S: Final = 1_767_585_600
LATEST_S: Final = 221_845_391_999
"""The last second that the contract takes."""

SURROGATE: Final = "@~@"
"""Three bytes that `encode` makes half a character, which no string may hold."""

TEXTS: Final = (
    *("", " ", "a", "push", "sms", "wechat", "bank", "cards", "security", "gold", "u1", "any", "all", "day"),
    *(
        "casino",
        "赌场",
        "\x00",
        "a\nb",
        "\u202egnp.exe",
        "\u200b",
        "\ufeff",
        "\ufffe",
        "e\u0301",
        "👩‍👩‍👧",
        "\U0010ffff",
    ),
    *(
        "../../etc/passwd",
        "/etc/localtime",
        "America",
        "Asia/Shanghai",
        "America/New_York",
        "Antarctica/Troll",
        "%2F/%",
    ),
    *("' OR 1=1 --", "{line}", "{0.__class__}", "$(id)", "\\", '"', "NaN", "1e400", "-0", "true", "null", "10s", "aab"),
    *(
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999999Z",
        "2026-01-05T12:00:00+23:59",
        "999999h",
        "-315576000000s",
    ),
    *("x" * 128, "x" * 129, "é" * 513, "😀" * 5000, "casino" * 3000, SURROGATE, f"a{SURROGATE}b"),
)
NUMBERS: Final = (
    0.0,
    -0.0,
    1.0,
    0.5,
    -1.0,
    7.0,
    2.0**53,
    2.0**53 + 2,
    1e300,
    -1e300,
    5e-324,
    float("inf"),
    float("nan"),
)
INTEGERS: Final = (0, 1, -1, 2, 50, 999_999_999, 1_000_000_000, 2**31 - 1, -(2**31), 2**32 - 1, NOW_S, LATEST_S)
LONG: Final = (
    *INTEGERS,
    NOW_S * 1000,
    LATEST_S * 1000 + 999,
    LATEST_S * 1000 + 1000,
    253_402_300_800,
    2**53,
    2**63 - 1,
    -(2**63),
)

_POOLS: Final[dict[int, tuple[Any, ...]]] = {
    FieldDescriptor.TYPE_STRING: TEXTS,
    FieldDescriptor.TYPE_DOUBLE: (*NUMBERS, float("-inf")),
    FieldDescriptor.TYPE_BOOL: (False, True),
    FieldDescriptor.TYPE_INT32: tuple(n for n in INTEGERS if -(2**31) <= n < 2**31),
    FieldDescriptor.TYPE_UINT32: tuple(n for n in INTEGERS if 0 <= n < 2**32),
    FieldDescriptor.TYPE_INT64: LONG,
    FieldDescriptor.TYPE_ENUM: (0, 1, 2, 3, 4, 5, 6, 7, 99, -1, 2**31 - 1, -(2**31)),
}


def encode(message: Wire) -> bytes:
    """The bytes of a message, its marked strings made invalid."""
    return message.SerializeToString().replace(SURROGATE.encode(), "\ud800".encode("utf-8", "surrogatepass"))


def anything(random: Random, message: Wire, share: float = 0.5, depth: int = 7) -> Wire:
    """Fill a message of any type: each field with probability `share`, from the pool of its type."""
    for field in message.DESCRIPTOR.fields:
        if random.random() < share:
            _fill(random, message, field, share, depth)
    return message


def _fill(random: Random, message: Wire, field: FieldDescriptor, share: float, depth: int) -> None:
    held = field.message_type
    if held is None:
        many = [random.choice(_POOLS[field.type]) for _ in range(random.choice((1, 1, 2, 3)))]
        if field.is_repeated:
            getattr(message, field.name).extend(many)
        else:
            setattr(message, field.name, many[0])
    elif depth <= 0:
        return
    elif held.GetOptions().map_entry:
        _fill_map(random, getattr(message, field.name), held.fields_by_name["value"], share, depth)
    elif field.is_repeated:
        for _ in range(random.choice((1, 1, 2, 3))):
            anything(random, getattr(message, field.name).add(), share, depth - 1)
    else:
        one = getattr(message, field.name)
        one.SetInParent()
        anything(random, one, share, depth - 1)


def _fill_map(random: Random, entries: Any, value: FieldDescriptor, share: float, depth: int) -> None:
    for _ in range(random.choice((1, 2))):
        key = random.choice((*TEXTS, *PARAMS))
        if value.message_type is None:
            entries[key] = random.choice(_POOLS[value.type])
        else:
            anything(random, entries[key], share, depth - 1)


PARAMS: Final = ("flag", "amount", "count", "text", "sure", "since", "term", "words", "sizes", "rates", "order", "age")


def good_message(random: Random) -> message_pb2.Message:
    """A message within the contract, at its ends where that is possible."""
    made = message_pb2.Message(
        tenant=random.choice(("bank", "t" * 128, "银行")),
        line=random.choice(("cards", "%2F/%")),
        user_id=random.choice(("u1", "u2", "u3", "' OR 1=1 --", "\u202e1u", "a\u200db\uffff", "e\u0301" * 64)),
        category=random.randint(1, 6),
        priority=random.randint(0, 4),
        scene=random.choice(("", "", "security", "trade", "account")),
        campaign=random.choice(("", "{tenant}", "/" * 128, "👩‍👩‍👧")),
        department=random.choice(("", "d/d")),
    )
    made.params["sure"] = random.choice((1, 0, -1, 2.0**53))
    for name, values in _GOOD_PARAMS.items():
        if random.random() < 0.3:
            made.params[name] = random.choice(values)
    if random.random() < 0.2:
        made.template.id = "welcome"
    else:
        made.content.text = random.choice(
            ("hello", "casino", "\x00", "é" * 161, "hello", "`" * random.choice((1, 153, 65_000)))
        )
        made.content.url = random.choice(("", "https://example.org"))
        if random.random() < 0.2:
            made.content.channels["sms"].text = random.choice(("", "short"))
    for channel in ("push", "sms", "wechat"):
        if random.random() < 0.7:
            made.addresses.add(channel=channel, value="a" * random.choice((1, 512)))
    if random.random() < 0.2:
        made.wishes.channels.extend(random.sample(("push", "sms", "wechat"), 2))
    _add_times(random, made)
    return made


_GOOD_PARAMS: Final[dict[str, tuple[Any, ...]]] = {
    "flag": (True, None),
    "amount": (0, -0.0, 5e-324, 1.7e308),
    "count": (0, 2**53, -(2**53), ""),
    "text": ("aab", "赌场", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "\x00", "x" * 10_000),
    "since": ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2026-01-05T12:00:00+14:00"),
    "term": ("999999h", "-1us", "0"),
    "words": (["a"] * 1000, [], ["赌场"]),
    "sizes": ([2**53, -(2**53)], [0]),
    "order": ({}, {"total": 1e300, "items": 2**53}, {"buyer": {"name": "10s", "old": False}}),
    "unheard": (float("nan"), float("inf"), {"a": [{"b": [None]}]}),
}


def _add_times(random: Random, made: message_pb2.Message) -> None:
    if random.random() < 0.2:
        made.occurred_at.seconds = random.choice((0, NOW_S, LATEST_S))
    if random.random() < 0.1:
        made.send_after.seconds = random.choice((0, NOW_S + 3600, LATEST_S - 1))
    if random.random() < 0.1:
        made.expire_at.CopyFrom(Timestamp(seconds=LATEST_S, nanos=999_999_999))


def good_state(random: Random) -> state_pb2.State:
    """A state within the contract, with numbers at their ends."""
    state = state_pb2.State()
    if random.random() < 0.7:
        for user_id in ("u1", "u2"):
            _add_user(random, state.users.users.add(tenant="bank", user_id=user_id))
    if random.random() < 0.7:
        uses = state.ledger.users.add(tenant="bank", user_id=random.choice(("u1", "u3"))).uses
        for limit, key in (("any", ""), ("all", ""), ("far", ""), ("none", ""), ("paused", ""), ("day", "x/y")):
            start, end = sorted(random.choices(_TIMES_MS, k=2))
            last, count = random.choice(_TIMES_MS), random.choice((1, 999_999_999, 1_000_000_000, 2**31 - 1))
            uses.add(limit=limit, key=key, start_ms=start, end_ms=end, last_ms=last, count=count, expire_ms=-(2**63))
    if random.random() < 0.5:
        for name, unit in (("cards/sms/cash", "CNY"), ("%252F%2F%25/sms/cash", "CNY"), ("cards/sms", "COUNT")):
            left = random.choice((0, 1, 10**15, 2**63 - 1))
            state.accounts.accounts.add(tenant="bank", name=name, unit=unit, left_micros=left)
    if random.random() < 0.4:
        state.breakers.platform = random.randint(0, 3)
        state.breakers.channels[random.choice(("sms", "push", "fax"))] = random.randint(0, 3)
    return state


_TIMES_MS: Final = (0, NOW_S * 1000 - 1, NOW_S * 1000, NOW_S * 1000 + 86_400_000, LATEST_S * 1000 + 999)


def _add_user(random: Random, user: state_pb2.User) -> None:
    user.zone = random.choice(
        ("", "Asia/Shanghai", "America/New_York", "Antarctica/Troll", "Pacific/Apia", "Etc/GMT-14")
    )
    user.tags.extend(random.choice(((), ("gold",), [f"tag {n}" for n in range(256)])))
    user.language = random.choice(("", "zh-CN"))
    if random.random() < 0.5:
        user.attributes["age"] = random.choice((17, 18, None, -(2**53)))
    for channel in ("push", "sms", "wechat"):
        user.bindings.add(channel=channel, value="somewhere")
    if random.random() < 0.3:
        user.opt_outs.add(channel=random.choice(("", "sms")), category=random.randint(0, 6))


def good_now(random: Random) -> Timestamp:
    """A time within the contract."""
    if random.random() < 0.7:
        return Timestamp(seconds=NOW_S + random.randint(0, 200_000))
    return random.choice((Timestamp(), Timestamp(seconds=LATEST_S, nanos=999_999_999)))


def good_batch(random: Random, count: int, trace: bool) -> contract.EvaluateBatchRequest:
    """A batch that breaks no rule of the contract."""
    request = contract.EvaluateBatchRequest(state=good_state(random), now=good_now(random), trace=trace)
    for _ in range(count):
        one = request.evaluations.add(message=good_message(random))
        if random.random() < 0.2:
            one.now.CopyFrom(good_now(random))
    return request


def nested(depth: int) -> Struct:
    """A Struct of so many levels."""
    made = Struct()
    inner = made
    for _ in range(depth - 1):
        inner = inner.fields["d"].struct_value
    inner.fields["end"].bool_value = True
    return made
