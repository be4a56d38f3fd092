"""Random conditions and random facts over one rich schema, for every test that compares two ways to judge.

A case is drawn as a seed and written by a plain generator: that is twenty times faster than drawing every choice, and
a seed is all one needs to see a failure again.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import strategies as st

from engine.ruleset.documents import read_yaml
from engine.ruleset.expressions import Names, parse_condition
from engine.ruleset.facts_schema import ABSENT, UNREACHABLE, FactsSchema, FactType, Scope
from engine.ruleset.issues import Issues, render
from engine.ruleset.source import Source
from engine.ruleset.syntax import Expr, Type

FACTS_YAML = """
channels:
  push: {doc: App push, receipts: true}
  sms: {doc: Text message, receipts: true}
  wechat: {doc: WeChat, receipts: false}
facts:
  message.scene: {values: [security, trade, account]}
  message.params.flag: {type: bool}
  message.params.amount: {type: double}
  message.params.count: {type: int}
  message.params.text: {type: string}
  message.params.sure: {type: int, required: true}
  message.params.since: {type: timestamp}
  message.params.term: {type: duration}
  message.params.words: {type: list<string>}
  message.params.sizes: {type: list<int>}
  message.params.rates: {type: list<double>}
  message.params.order: {type: object}
  message.params.order.total: {type: double}
  message.params.order.items: {type: int}
  message.params.order.buyer.name: {type: string}
  message.params.order.buyer.old: {type: bool}
  user.attributes.age: {type: int}
budgets:
  sms_cash: {account: "{line}/sms/cash", unit: CNY}
define: {large: 200.0, few: 3, vips: [gold, high], odd: [1, 3, 5]}
"""

INTS = (0, 1, 2, 3, 5, -1, -7, 9, 23, 2**53, 2**53 + 1, 2**63 - 1, -(2**63))
DOUBLES = (0.0, 1.0, 2.5, 200.0, 199.99, -3.0, 5e-324, 1.7e308, 0.1, 3.0)
STRINGS = (
    "a", "b", "ab", "gold", "high", "trade", "é", "😀x", "Z", "12", "a\nb", " É\u3000", "10s", "2026-01-05T12:00:00Z",
)  # fmt: skip
PATTERNS = ("^a", "b$", "[0-9]+", "^$", "(?i)GOLD", ".")
TIMES = (0, 1_767_614_400_000_000, 1_767_614_400_000_001, 1_500_000_000_000_000)
SPANS = (0, 1_000_000, 3_600_000_000, -90_000_000, 250_000)


def _schema() -> FactsSchema:
    issues = Issues()
    document = read_yaml(Source("facts.yaml", FACTS_YAML), issues)
    schema = FactsSchema.build(document, issues) if document is not None else None
    assert schema is not None, render(issues.sorted(), color=False)
    return schema.with_lists(["forbidden"])


SCHEMA = _schema()


def parsed(text: str, family: str = "interception", schema: FactsSchema = SCHEMA) -> Expr:
    """The condition; fails with the rendered issues when it is refused."""
    expr, issues = tried(text, family, schema)
    assert expr is not None, render(issues.sorted(), color=False)
    return expr


def tried(text: str, family: str = "interception", schema: FactsSchema = SCHEMA) -> tuple[Expr | None, Issues]:
    """The condition or None, with what was found."""
    issues = Issues()
    return parse_condition(text, Source("when", text).span, Names(schema, family, schema.definitions), issues), issues


@dataclass(frozen=True)
class Facts:
    """The two lists of one message and one candidate."""

    f: list[Any]
    c: list[Any]


class Writer:
    """Writes conditions that are well typed, mostly short, over facts and constants that meet often."""

    def __init__(self, random: Random, scope: Scope = Scope.CHANNEL, simple: bool = False) -> None:
        self.random, self.scope, self.simple, self.loops = random, scope, simple, 0
        self.by_type: dict[Type, list[FactType]] = {}
        for fact in SCHEMA.facts_of(scope):
            self.by_type.setdefault(fact.type, []).append(fact)

    def condition(self, depth: int = 3) -> str:
        """A condition of nested `&& || ! ?:` over questions."""
        roll = self.random.random()
        if depth <= 0 or roll < 0.3:
            return self.question()
        if roll < 0.75:
            op = self.random.choice((" && ", " || "))
            return "(" + op.join(self.condition(depth - 1) for _ in range(self.random.choice((2, 2, 3)))) + ")"
        if roll < 0.88:
            return f"!({self.condition(depth - 1)})"
        if roll < 0.96 or self.simple:
            return f"({self.condition(depth - 1)} ? {self.condition(depth - 1)} : {self.condition(depth - 1)})"
        return f"(({self.condition(depth - 1)}) {self.random.choice(('==', '!='))} ({self.condition(depth - 1)}))"

    def question(self) -> str:
        """One yes-or-no question."""
        asks = (self.comparison, self.comparison, self.comparison, self.membership, self.text, self.has, self.flag)
        return self.random.choice((*asks, self.loop))()

    def loop(self, outer: tuple[str, Type] | None = None) -> str:
        """exists or all over a list fact or constants; inside of one it may ask about the outer item too."""
        if self.loops == 2:
            return self.flag()
        kind = self.random.choice((Type.STRING, Type.STRING, Type.INT, Type.DOUBLE))
        items, name = self.random.choice(_LISTS[kind]), "tu"[self.loops]
        self.loops += 1
        asked = self.asked(name, kind, outer)
        self.loops -= 1
        return f"{items}.{self.random.choice(('exists', 'all'))}({name}, {asked})"

    def asked(self, name: str, kind: Type, outer: tuple[str, Type] | None, depth: int = 2) -> str:
        """What is asked of an item."""
        roll = self.random.random()
        if depth and roll < 0.4:
            left, right = (self.asked(name, kind, outer, depth - 1) for _ in range(2))
            forms = (
                f"({left} && {right})",
                f"({left} || {right})",
                f"!({left})",
                f"({self.flag()} ? {left} : {right})",
            )
            return self.random.choice(forms)
        if roll < 0.5:
            return self.random.choice((self.flag, self.has, self.comparison))()
        if roll < 0.6 and outer is None:
            return self.loop((name, kind))
        if roll < 0.75:
            same = outer[0] if outer is not None and outer[1] is kind else self.value(kind, 1)
            return f"{name} {self.random.choice(('==', '!=', '<', '>='))} {same}"
        return self.random.choice(_ASKED[kind]).format(name)

    def flag(self) -> str:
        """A boolean fact, sometimes compared with a constant."""
        fact = self.fact(Type.BOOL)
        return self.random.choice((fact, fact, f"{fact} == true", f"false != {fact}", "true"))

    def has(self) -> str:
        """has() of any fact or object."""
        facts = self.random.choice(list(self.by_type.values()))
        return f"has({self.random.choice(facts).path})"

    def comparison(self) -> str:
        """A comparison of two operands of comparable types."""
        kind = self.random.choice((Type.INT, Type.DOUBLE, Type.STRING, Type.TIMESTAMP, Type.DURATION, Type.INT))
        other = kind
        if kind in (Type.INT, Type.DOUBLE) and self.random.random() < 0.3:
            other = Type.DOUBLE if kind is Type.INT else Type.INT
        op = self.random.choice(("==", "!=", "<", "<=", ">", ">="))
        if kind is Type.STRING and self.random.random() < 0.5:
            return self.closed(op)
        left = self.value(kind, 2)
        right = self.constant(other) if self.random.random() < 0.7 else self.value(other, 2)
        return f"{right} {op} {left}" if self.random.random() < 0.2 else f"{left} {op} {right}"

    def closed(self, op: str) -> str:
        """A fact with a closed set and a member of it."""
        fact = self.random.choice([fact for fact in self.by_type[Type.STRING] if fact.values])
        assert fact.values is not None
        return f"{fact.path} {op} {quoted(self.random.choice(fact.values))}"

    def membership(self) -> str:
        """in, with a list of constants, a defined list or a list fact."""
        roll = self.random.random()
        if roll < 0.4:
            kind, container = self.random.choice(
                ((Type.STRING, "words"), (Type.INT, "sizes"), (Type.DOUBLE, "sizes"), (Type.INT, "rates"))
            )
            return f"{self.value(kind, 1)} in message.params.{container}"
        if roll < 0.5:
            return f"{self.value(Type.STRING, 0)} in user.tags"
        if roll < 0.6:
            return "message.params.text in vips" if self.random.random() < 0.5 else "message.params.count in odd"
        kind = self.random.choice((Type.STRING, Type.INT, Type.DOUBLE))
        items = ", ".join(self.constant(kind) for _ in range(self.random.randint(1, 4)))
        element = "message.params.text" if kind is Type.STRING else self.value(kind, 1)
        return f"{element} in [{items}]"

    def text(self) -> str:
        """startsWith, endsWith, contains or matches of a text, or lists compared whole."""
        roll = self.random.random()
        if roll < 0.15:
            return f"message.params.words {self.random.choice(('==', '!='))} {self.random.choice(_WORD_LISTS)}"
        subject = "message.params.text" if roll < 0.8 else self.value(Type.STRING, 1)
        if roll < 0.3:
            return f"{subject}.matches({quoted(self.random.choice(PATTERNS))})"
        method = self.random.choice(("startsWith", "endsWith", "contains"))
        return f"{subject}.{method}({self.value(Type.STRING, 0)})"

    def fact(self, kind: Type) -> str:
        """A fact of the type; those that tests fill with few values more often."""
        facts = self.by_type.get(kind, [])
        own = [fact for fact in facts if ".params." in fact.path]
        return self.random.choice(own if own and self.random.random() < 0.6 else facts).path

    def value(self, kind: Type, depth: int) -> str:
        """An operand of the type."""
        roll = self.random.random()
        if depth <= 0 or roll < 0.6:
            free = kind is not Type.DURATION and roll < 0.5
            return self.open_fact(kind) if free or kind is Type.TIMESTAMP else self.constant(kind)
        if roll < 0.68:
            return f"({self.question()} ? {self.value(kind, depth - 1)} : {self.value(kind, depth - 1)})"
        return self.arithmetic(kind, depth)

    def open_fact(self, kind: Type) -> str:
        """A fact without a closed set, since an impossible value is refused."""
        open_facts = [fact for fact in self.by_type[kind] if fact.values is None]
        own = [fact for fact in open_facts if ".params." in fact.path]
        return self.random.choice(own if own and self.random.random() < 0.7 else open_facts).path

    def arithmetic(self, kind: Type, depth: int) -> str:
        """An operation with a result of the type."""

        def some(wanted: Type) -> str:
            return self.value(wanted, depth - 1)

        if kind is Type.INT:
            if self.random.random() < 0.3:
                container = self.random.choice(("message.params.text", "user.tags", "message.params.sizes"))
                return self.random.choice((f"size({container})", f"{container}.size()"))
            return f"({some(kind)} {self.random.choice('+-*/%')} {some(kind)})"
        if kind is Type.DOUBLE:
            return f"({some(kind)} {self.random.choice('+-*/')} {some(kind)})"
        if kind is Type.STRING:
            method = self.random.choice(("lowerAscii", "upperAscii", "trim"))
            return self.random.choice((f"({some(kind)} + {some(kind)})", f"({some(kind)}).{method}()"))
        if kind is Type.TIMESTAMP:
            choices = (f"({some(kind)} + {some(Type.DURATION)})", f"({some(kind)} - {some(Type.DURATION)})")
            return self.random.choice((*choices, "timestamp(message.params.text)"))
        choices = (f"({some(Type.TIMESTAMP)} - {some(Type.TIMESTAMP)})", f"({some(kind)} + {some(kind)})")
        return self.random.choice((*choices, "duration(message.params.text)"))

    def constant(self, kind: Type) -> str:
        """A literal or a defined constant of the type."""
        if kind is Type.INT:
            return self.random.choice((str(self.random.choice(INTS)), str(self.random.choice(INTS[:6])), "few"))
        if kind is Type.DOUBLE:
            return self.random.choice((repr(self.random.choice(DOUBLES)), "large", "2.5"))
        if kind is Type.STRING:
            return quoted(self.random.choice(STRINGS))
        if kind is Type.TIMESTAMP:
            return self.random.choice(_TIME_CONSTANTS)
        return self.random.choice(_SPAN_CONSTANTS)


_LISTS: dict[Type, tuple[str, ...]] = {
    Type.STRING: ("user.tags", "message.params.words", "vips", '["a", " Gold"]'),
    Type.INT: ("message.params.sizes", "odd", "[0, 1]"),
    Type.DOUBLE: ("message.params.rates", "[0.5]"),
}
_ASKED: dict[Type, tuple[str, ...]] = {
    Type.STRING: (
        '{0} == "a"', '"gold" != {0}', '{0}.startsWith("g")', '{0} in ["a", "high"]', "size({0}) > 1",
        '{0}.lowerAscii() == "gold"', "{0} == message.params.text", '{0}.matches("^[a-g]")', "{0} in user.tags",
    ),
    Type.INT: ("{0} > 1", "{0} == 1", "10 / {0} > 2", "{0} % 2 == 1", "{0} in [0, 3]", "{0} < message.params.count"),
    Type.DOUBLE: ("{0} > 1", "{0} == 2.5", "1.0 / {0} > 2.0", "{0} in message.params.rates"),
}  # fmt: skip
_WORD_LISTS = ('["a"]', '["a", "b"]', '["gold"]')
_TIME_CONSTANTS = tuple(
    f'timestamp("{text}")'
    for text in (
        "2026-01-05T12:00:00Z",
        "2026-01-05T20:00:00+08:00",
        "1970-01-01T00:00:00Z",
        "2017-07-14T02:40:00.000001Z",
    )
)
_SPAN_CONSTANTS = tuple(f'duration("{text}")' for text in ("1s", "1h", "-1m30s", "0.25s", "0", "24h"))


def quoted(text: str) -> str:
    """A text as a literal of the language."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def random_facts(random: Random, scope: Scope = Scope.CHANNEL) -> Facts:
    """Facts that respect the schema: absences, absent objects and what they make unreachable."""
    absent = random.choice((0.1, 0.4, 0.8))
    f: list[Any] = [ABSENT] * SCHEMA.size
    c: list[Any] = [ABSENT] * len(SCHEMA.subjects(scope))
    for fact in SCHEMA.facts_of(scope):
        values = c if fact.subject else f
        if fact.parent is not None and values[fact.parent] in (ABSENT, UNREACHABLE):
            values[fact.slot] = UNREACHABLE
        elif not fact.optional or random.random() > absent:
            values[fact.slot] = _random_value(random, fact)
    return Facts(f, c)


def _random_value(random: Random, fact: FactType) -> Any:
    if fact.values is not None:
        return random.choice(fact.values)
    if fact.type is Type.INT and fact.low is not None:
        return random.randint(fact.low, min(fact.high or 30, fact.low + 30))
    lists = {Type.LIST_STRING: STRINGS[:6], Type.LIST_INT: INTS[:6], Type.LIST_DOUBLE: DOUBLES[:6]}
    if fact.type in lists:
        return tuple(random.choice(lists[fact.type]) for _ in range(random.randint(1, 3)))
    pools: dict[Type, tuple[Any, ...]] = {
        Type.BOOL: (True, False),
        Type.INT: INTS if random.random() < 0.5 else INTS[:5],
        Type.DOUBLE: DOUBLES,
        Type.STRING: STRINGS,
        Type.TIMESTAMP: TIMES,
        Type.DURATION: SPANS,
        Type.OBJECT: (True,),
    }
    return random.choice(pools[fact.type])


_seeds = st.integers(0, 2**48)


def conditions(scope: Scope = Scope.CHANNEL, depth: int = 3) -> st.SearchStrategy[str]:
    """Texts of well-typed conditions for a scope."""
    return _seeds.map(lambda seed: Writer(Random(seed), scope).condition(depth))


def facts(scope: Scope = Scope.CHANNEL) -> st.SearchStrategy[Facts]:
    """Facts of the schema for a scope."""
    return _seeds.map(lambda seed: random_facts(Random(seed), scope))
