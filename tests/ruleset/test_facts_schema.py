"""facts.yaml: what can be declared, where each fact lies, and how a sent value becomes one of its type."""

from __future__ import annotations

import pickle
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ruleset.documents import read_yaml
from engine.ruleset.facts_schema import ABSENT, UNREACHABLE, FactsSchema, FactType, Scope, coerce
from engine.ruleset.issues import Issues
from engine.ruleset.source import Source
from engine.ruleset.syntax import Type
from engine.ruleset.temporal import EPOCH, parse_duration, parse_timestamp
from tests.ruleset.strategies import SCHEMA, Facts, facts


def built(text: str) -> tuple[FactsSchema | None, list[str]]:
    """The schema of a text and the codes of what was found."""
    issues = Issues()
    document = read_yaml(Source("facts.yaml", text), issues)
    assert document is not None
    return FactsSchema.build(document, issues), [issue.code for issue in issues.sorted()]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("missing-field", "facts: {}"),
        ("missing-field", "channels: {}"),
        ("wrong-type", "- a"),
        ("unknown-field", "channels: {sms: {}}\nfact: {}"),
        ("unknown-field", "channels: {sms: {recipts: true}}"),
        ("bad-name", "channels: {Sms: {}}"),
        ("wrong-type", "channels: {sms: {receipts: 1}}"),
        ("wrong-type", "channels: {sms: {}}\nfacts: {message.params.a: {type: number}}"),
        ("missing-field", "channels: {sms: {}}\nfacts: {message.params.a: {doc: x}}"),
        ("unknown-fact", "channels: {sms: {}}\nfacts: {message.amount: {type: int}}"),
        ("bad-name", "channels: {sms: {}}\nfacts: {message.params.in: {type: int}}"),
        ("bad-name", "channels: {sms: {}}\nfacts: {message.params.a-b: {type: int}}"),
        ("wrong-type", "channels: {sms: {}}\nfacts: {message.params.a: {type: int}, message.params.a.b: {type: int}}"),
        ("wrong-type", "channels: {sms: {}}\nfacts: {message.params.a: {type: int, values: [a]}}"),
        ("wrong-type", "channels: {sms: {}}\nfacts: {message.scene: {type: int}}"),
        ("wrong-value", "channels: {sms: {}}\nfacts: {message.category: {values: [a]}}"),
        ("wrong-value", "channels: {sms: {}}\nfacts: {user.attributes.a: {type: int, required: true}}"),
        ("wrong-value", "channels: {sms: {}}\nfacts: {message.scene: {values: [a, a]}}"),
        ("missing-field", "channels: {sms: {}}\nbudgets: {cash: {account: x}}"),
        ("unknown-placeholder", 'channels: {sms: {}}\nbudgets: {cash: {account: "{lin}", unit: CNY}}'),
        ("wrong-value", "channels: {sms: {}}\nbudgets: {cash: {account: a, unit: yuan}}"),
        ("wrong-type", "channels: {sms: {}}\ndefine: {a: [1, 2.0]}"),
        ("wrong-type", "channels: {sms: {}}\ndefine: {a: []}"),
        ("bad-name", "channels: {sms: {}}\ndefine: {message: 1}"),
        ("wrong-type", "channels: {sms: {}}\ndefine: {a: 9223372036854775808}"),
    ],
)
def test_a_mistake_in_facts_yaml_has_a_code(code: str, text: str) -> None:
    """One issue each, and then there is no schema."""
    assert built(text) == (None, [code])


def test_slots_are_the_places_in_the_list() -> None:
    """Every fact lies in the slot of its own index, built-in ones in the same slot in every rule set."""
    small, _ = built("channels: {sms: {}}")

    assert [fact.slot for fact in SCHEMA.facts] == list(range(SCHEMA.size))
    assert small is not None
    assert [f.path for f in small.facts[:31]] == [f.path for f in SCHEMA.facts[:31]]
    assert len(SCHEMA.subjects(Scope.MESSAGE)) == 0


def test_nested_facts_know_the_object_that_holds_them() -> None:
    """Objects that are only implied are facts too, and come before what they hold."""
    total, buyer = SCHEMA.fact("message.params.order.total", Scope.MESSAGE), "message.params.order.buyer"
    order, name = SCHEMA.fact("message.params.order", Scope.MESSAGE), SCHEMA.fact(f"{buyer}.name", Scope.MESSAGE)

    assert total is not None
    assert order is not None
    assert name is not None
    assert total.parent == order.slot < total.slot
    assert SCHEMA.facts[name.parent or 0].path == buyer


def test_a_required_fact_makes_its_objects_required() -> None:
    """What must be there cannot lie in something that may be absent."""
    schema, _ = built("channels: {sms: {}}\nfacts: {message.params.a.b: {type: int, required: true}}")

    assert schema is not None
    assert [(fact.path, fact.optional) for fact in schema.params] == [
        ("message.params.a", False),
        ("message.params.a.b", False),
    ]


def test_breaker_rules_read_their_window_and_the_time_only() -> None:
    """No facts of a message exist when a window closes."""
    paths = SCHEMA.paths(Scope.PROVIDER)

    assert {path.partition(".")[0] for path in paths} == {"now", "provider"}
    assert SCHEMA.fact("platform.state", Scope.PLATFORM) != SCHEMA.fact("platform.state", Scope.MESSAGE)


@given(facts())
def test_nested_leaves_absent_facts_out(made: Facts) -> None:
    """The nested view has exactly the facts that have a value."""
    nested = SCHEMA.nested(made.f, made.c, Scope.CHANNEL)

    for fact in SCHEMA.facts_of(Scope.CHANNEL):
        value = (made.c if fact.subject else made.f)[fact.slot]
        holder: Any = nested
        for word in fact.path.split("."):
            holder = holder.get(word) if isinstance(holder, dict) else None
        assert (holder is None) == (value is ABSENT or value is UNREACHABLE)


def test_a_schema_and_unreachable_survive_the_way_between_processes() -> None:
    """Pickled and back it is equal, and UNREACHABLE is still the one object."""
    assert pickle.loads(pickle.dumps(SCHEMA)) == SCHEMA
    assert pickle.loads(pickle.dumps(UNREACHABLE)) is UNREACHABLE


@pytest.mark.parametrize(
    ("expected", "kind", "sent"),
    [
        (3, Type.INT, 3.0),
        (3.0, Type.DOUBLE, 3),
        (True, Type.BOOL, True),
        ("x", Type.STRING, "x"),
        (None, Type.STRING, ""),
        (None, Type.LIST_INT, []),
        (None, Type.INT, None),
        ((1, 2), Type.LIST_INT, [1.0, 2.0]),
        (1_767_614_400_000_000, Type.TIMESTAMP, "2026-01-05T20:00:00+08:00"),
        (-1_500_000, Type.DURATION, "-1.5s"),
        (True, Type.OBJECT, {}),
    ],
)
def test_a_sent_value_becomes_one_of_its_type(expected: object, kind: Type, sent: Any) -> None:
    """Whole doubles are ints, ints are doubles, empty is absent."""
    made = coerce(FactType("message.params.x", kind, True), sent)

    assert made == expected
    assert type(made) is type(expected)


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        (Type.INT, 1.5), (Type.INT, True), (Type.INT, "1"), (Type.INT, 1e300), (Type.INT, 2.0**60), (Type.DOUBLE, "1"),
        (Type.DOUBLE, float("nan")), (Type.DOUBLE, float("inf")), (Type.DOUBLE, 10**400), (Type.BOOL, 1),
        (Type.STRING, 1),
        (Type.STRING, "\ud800"), (Type.LIST_INT, [1, "a"]), (Type.LIST_INT, "12"), (Type.LIST_STRING, {"a": 1}),
        (Type.TIMESTAMP, "2026-01-05"), (Type.DURATION, "1 day"), (Type.OBJECT, [1]), (Type.STRING, {}),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_a_sentence(kind: Type, sent: Any) -> None:
    """ValueError, with words a caller understands."""
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        coerce(FactType("message.params.x", kind, True), sent)


def test_a_value_outside_of_a_closed_set_is_refused() -> None:
    """The values that facts.yaml lists are the only ones; the complaint lists them, the first twenty of many."""
    with pytest.raises(ValueError, match=r"^expected one of a, b$"):
        coerce(FactType("message.scene", Type.STRING, True, values=("a", "b")), "c")
    many = tuple(f"v{number}" for number in range(23))
    with pytest.raises(ValueError, match=r"^expected one of v0, .*, v19 and 3 more$"):
        coerce(FactType("message.scene", Type.STRING, True, values=many), "c")


@pytest.mark.parametrize("kind", Type)
@pytest.mark.parametrize(
    "sent", ["6222 0212", -6222.0212, 62220212, 1e300 * 6.2220212, ["6222 0212"], {"6222": "0212"}]
)
def test_a_complaint_never_holds_the_value(kind: Type, sent: Any) -> None:
    """What is found is named by its kind: the complaint goes into logs, and the value may be about a person."""
    complaints = []
    for values in (None, ("a", "b")):
        try:
            coerce(FactType("message.params.x", kind, True, values=values), sent)
        except ValueError as complaint:
            complaints.append(str(complaint))

    assert [text for text in complaints if "6222" in text or "0212" in text] == []


@pytest.mark.parametrize(
    ("expected", "kind", "sent"),
    [
        ("expected a number, found a text", Type.DOUBLE, "1"),
        ("expected a whole number, found a fraction", Type.INT, 1.5),
        ("expected a number, found nothing", Type.LIST_DOUBLE, [None]),
        ("expected true or false, found a number", Type.BOOL, 1),
        ("expected a text, found true or false", Type.STRING, True),
        ("expected an object, found a list", Type.OBJECT, [1]),
        ("expected a list, found an object", Type.LIST_STRING, {"a": 1}),
    ],
)
def test_a_complaint_names_both_kinds(expected: str, kind: Type, sent: Any) -> None:
    """What was expected and what was found, in a caller's words."""
    with pytest.raises(ValueError, match=f"^{expected}$"):
        coerce(FactType("message.params.x", kind, True), sent)


@given(st.integers(-(10**15), 10**16))
def test_times_survive_being_written(micros: int) -> None:
    """Text and number are two forms of one value."""
    timestamp = (EPOCH + timedelta(microseconds=micros)).isoformat()
    seconds, rest = divmod(abs(micros), 1_000_000)

    assert parse_timestamp(timestamp) == micros
    assert parse_duration(f"{'-' if micros < 0 else ''}{seconds}.{rest:06d}s") == micros
