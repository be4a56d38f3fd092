"""Overrides: what a message of some line or tenant is judged by, held against a naive reading of the stated order."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.analysis.findings.find import find
from engine.decision.judge import Judge
from engine.decision.ledger_model import LedgerModel
from engine.decision.model import Decision
from engine.decision.session import Session, State
from engine.ruleset.check import check
from engine.ruleset.compile import RuleSet, compile_parsed, compile_version
from engine.ruleset.effects import Limit
from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.interpreter import holds
from engine.ruleset.issues import Severity, render
from engine.ruleset.parse import Parsed, parse_version
from tests.decision.rulesets import ZONE, channels, decide, message, session, user

FACTS = """
channels: {push: {receipts: true}, sms: {receipts: true}, wechat: {receipts: true}}
facts: {message.params.amount: {type: double}}
define: {large: 200.0}
"""
ROUTING = """
  - {id: large-by-sms, when: has(message.params.amount) && message.params.amount >= large, then: {concurrent: [sms]}}
  - {id: default, then: {concurrent: [push]}}
"""


def files(routing: str = ROUTING, overrides: Mapping[str, str] | None = None, **families: str) -> dict[str, bytes]:
    """A version with these rules and overrides, the latter by the names of their files."""
    written = {"facts.yaml": FACTS}
    for family in ("interception", "fatigue", "budget", "routing", "breaker"):
        rules = routing if family == "routing" else families.get(family, "")
        written[f"{family}.yaml"] = f"family: {family}\nrules:{rules or ' []'}\n"
    written |= {f"overrides/{name}.yaml": text for name, text in (overrides or {}).items()}
    return {name: text.encode() for name, text in written.items()}


def compiled(version: dict[str, bytes]) -> RuleSet:
    """The rule set of a good version."""
    found = compile_version("1.0", version)
    assert found.ruleset is not None, render(found.issues, color=False)
    return found.ruleset


def decided(rules: RuleSet, line: str, tenant: str = "t", **params: float) -> Decision:
    """What becomes of one message."""
    state = State({(tenant, "u"): user()}, LedgerModel(), default_zone=ZONE)
    return decide(Session(Judge(rules), state), message(line=line, params=params)._replace(tenant=tenant))


CARDS = """
for: {line: cards}
define:
  is_small: {when: has(message.params.amount) && message.params.amount < 5.0}
routing:
  - id: cards-large
    replaces: large-by-sms
    when: has(message.params.amount) && message.params.amount >= large * 5.0
    then: {concurrent: [wechat]}
  - {id: cards-small, when: is_small, then: {concurrent: [wechat, sms]}}
"""
GOLD = "for: {line: cards, tenant: gold}\nrouting:\n  - remove: large-by-sms\n"


@pytest.mark.parametrize(
    ("line", "tenant", "amount", "wanted"),
    [
        ("loans", "t", 300.0, ["sms"]),
        ("cards", "t", 300.0, ["push"]),
        ("cards", "t", 1000.0, ["wechat"]),
        ("cards", "t", 4.0, ["wechat", "sms"]),
        ("loans", "t", 4.0, ["push"]),
        ("cards", "gold", 1000.0, ["push"]),
        ("cards", "gold", 4.0, ["wechat", "sms"]),
        ("loans", "gold", 300.0, ["sms"]),
    ],
)
def test_a_line_has_its_own_rules(line: str, tenant: str, amount: float, wanted: list[str]) -> None:
    """A replaced rule holds for all others; a new one comes first; a tenant's line is more particular than the line."""
    rules = compiled(files(overrides={"cards": CARDS, "gold": GOLD}))

    assert channels(decided(rules, line, tenant, amount=amount)) == wanted


def test_rules_of_overrides_have_their_places() -> None:
    """New rules come first, the most particular before the others, then by file; replacing ones before the replaced."""
    one = "for: {{{who}}}\nrouting:\n  - {{id: {name}-new, then: {{concurrent: [sms]}}}}\n"
    one += "  - {{id: {name}, replaces: default, when: user.known, then: {{concurrent: [sms]}}}}\n"
    whom = {"a": "tenant: gold", "b": "line: cards", "c": "line: loans", "d": "tenant: gold, line: cards"}
    rules = compiled(files(overrides={name: one.format(who=who, name=name) for name, who in whom.items()}))

    routing = [rule.id for rule in rules.rules if rule.family == "routing"]
    assert routing == ["d-new", "b-new", "c-new", "a-new", "large-by-sms", "d", "b", "c", "a", "default"]
    assert [(rule.file, rule.line) for rule in rules.rules[:1]] == [("overrides/d.yaml", 3)]


def test_a_rule_may_be_replaced_by_several() -> None:
    """The rules of one file that replace the same rule stand in its place in their order."""
    two = "for: {tenant: [gold, silver]}\nrouting:\n"
    two += '  - {id: one, replaces: default, when: message.line == "cards", then: {concurrent: [sms]}}\n'
    two += "  - {id: two, replaces: default, then: {concurrent: [wechat]}}\n"
    rules = compiled(files(overrides={"two": two}))

    assert [channels(decided(rules, line, "gold")) for line in ("cards", "loans")] == [["sms"], ["wechat"]]
    assert channels(decided(rules, "cards", "bronze")) == ["push"]


def test_effects_keep_working() -> None:
    """A rule of an override that asks for each channel does so; a limit that replaces one shares its counter."""
    interception = "\n  - {id: opted-out, when: channel.opted_out, then: {exclude: {reason: OPTED_OUT}}}\n"
    fatigue = "\n  - {id: daily, then: {limit: {name: daily, per: [user], max: 1, window: 1d}}}\n"
    cards = (
        "for: {line: cards}\ninterception:\n  - {id: no-push, replaces: opted-out, when: 'channel.name == \"push\"', "
    )
    cards += "then: {exclude: {reason: BLOCKED}}}\n"
    cards += "fatigue:\n  - {id: cards-daily, replaces: daily, "
    cards += "then: {limit: {name: daily, per: [user], max: 2, window: 1d}}}\n"
    rules = compiled(
        files(
            "\n  - {id: d, then: {concurrent: [push, sms]}}\n",
            {"cards": cards},
            interception=interception,
            fatigue=fatigue,
        )
    )
    here = session(rules)

    assert channels(decide(here, message(line="cards"))) == ["sms"]
    assert [rule.scope for rule in rules.rules if rule.id == "no-push"] == [Scope.CHANNEL]
    assert [rule.effect.max for rule in rules.rules if isinstance(rule.effect, Limit)] == [2, 1]
    assert channels(decide(here, message(line="loans"))) == []
    assert channels(decide(here, message(line="cards"))) == ["sms"]
    assert channels(decide(here, message(line="cards"))) == []


def test_a_default_that_is_replaced_is_still_one() -> None:
    """Routing keeps its last rule for the rest when a line has another one instead."""
    cards = "for: {line: cards}\nrouting: [{id: c, replaces: default, then: {concurrent: [sms]}}]\n"

    found = compile_version("1.0", files(overrides={"cards": cards}))
    assert [issue.code for issue in found.issues] == ["unused-channel"]


def test_many_tenants_may_have_their_own() -> None:
    """A rule that sixty lines of tenants replace is still analysed and compiled, soon."""
    one = "for: {{line: l{n}, tenant: t{n}}}\nrouting: [{{id: r{n}, replaces: default, then: {{concurrent: [sms]}}}}]\n"
    rules = compiled(files(overrides={f"o{n}": one.format(n=n) for n in range(60)}))

    assert channels(decided(rules, "l7", "t7")) == ["sms"]
    assert channels(decided(rules, "l7", "t8")) == ["push"]


TABLE = """
  - id: by-amount
    table:
      columns: [message.params.amount, then.concurrent]
      rows:
        - ["[200..)", sms]
        - ["[50..200)", wechat]
        - ["-", push]
"""
INSTEAD = TABLE.replace("by-amount", "cards-by-amount\n    replaces: by-amount").replace("50", "100")


@pytest.mark.parametrize(
    ("tenant", "line", "wanted"),
    [("t", "loans", "sms wechat push"), ("t", "cards", "sms push push"), ("gold", "cards", "push push push")],
)
def test_a_table_is_replaced_as_a_whole(tenant: str, line: str, wanted: str) -> None:
    """An override that names a table means all its rows, may itself be a table, and yields to a more particular one."""
    gold = "for: {tenant: gold, line: cards}\nrouting: [{id: gold, replaces: by-amount, then: {concurrent: [push]}}]\n"
    rules = compiled(files(TABLE, {"cards": f"for: {{line: cards}}\nrouting:{INSTEAD}", "gold": gold}))

    by = [channels(decided(rules, line, tenant, amount=amount)) for amount in (200.0, 60.0, 1.0)]
    assert by == [[channel] for channel in wanted.split()]


def test_a_row_may_be_replaced_alone() -> None:
    """The other rows hold as before; who replaces the whole table takes that row too, if it is more particular."""
    row = "for: {line: cards}\nrouting: [{id: row, replaces: by-amount-1, then: {concurrent: [wechat]}}]\n"
    gold = "for: {tenant: gold, line: cards}\nrouting: [{id: gold, replaces: by-amount, then: {concurrent: [push]}}]\n"
    rules = compiled(files(TABLE, {"row": row, "gold": gold}))

    assert [rule.id for rule in rules.rules][:3] == ["gold", "row", "by-amount-1"]
    assert [channels(decided(rules, "cards", who, amount=9.0)) for who in ("t", "gold")] == [["wechat"], ["push"]]
    assert channels(decided(rules, "loans", "gold", amount=300.0)) == ["sms"]


def test_precedence_and_what_an_override_takes_are_no_findings() -> None:
    """An override that stands before common rules, or takes a table's messages, is nothing to warn of."""
    first = "for: {line: [cards, loans]}\nrouting: [{id: own, when: message.category in categories, "
    first += "then: {concurrent: [sms]}}]\n"
    routing = "\n  - {id: some, when: message.category in others, then: {concurrent: [wechat]}}" + TABLE
    gone = (
        "for: {line: funds}\nrouting: [{id: funds, then: {concurrent: [push]}}, {remove: by-amount}, {remove: some}]\n"
    )
    version = files(routing, {"first": first, "gone": gone})
    version["facts.yaml"] += b"  categories: [SERVICE, MARKETING]\n  others: [SERVICE, TRANSACTION]\n"
    version["facts.yaml"] = version["facts.yaml"].replace(b"{large: 200.0}", b"")
    parsed = check(parse_version("1.0", version))

    assert not parsed.has_errors, render(parsed.issues, color=False)
    ruleset = compile_parsed(parsed).ruleset
    assert ruleset is not None
    assert [one.code for one in find(parsed, ruleset) if one.severity is not Severity.NOTE] == []


def test_thousands_of_entries_cost_seconds_at_most() -> None:
    """Files that replace one rule over and over are read in time that does not grow with the square."""
    one = "  - {{id: o{n}-{i}, replaces: default, then: {{concurrent: [sms]}}}}\n"
    entries = {n: "".join(one.format(n=n, i=i) for i in range(300)) for n in range(6)}
    many = {f"f{n}": f"for: {{line: l{n}}}\nrouting:\n{text}" for n, text in entries.items()}
    began = time.process_time()
    parsed = parse_version("1.0", files(overrides=many))

    assert {issue.code for issue in parsed.issues} == set()
    assert time.process_time() - began < 20


# ---- the stated order, read naively ----

TENANTS, LINES = ("acme", "bank"), ("cards", "loans", "funds")
CATEGORIES = ("SERVICE", "MARKETING")
IDS = ("r0", "r1", "r2")


@dataclass(frozen=True)
class Entry:
    """An entry of an override: a rule if it has an id, which may replace another, or a removal."""

    id: str
    category: str
    replaces: str


@dataclass(frozen=True)
class Override:
    """One file."""

    tenants: frozenset[str]
    lines: frozenset[str]
    entries: tuple[Entry, ...]

    @property
    def level(self) -> int:
        """The rank that docs/rules.md states."""
        return 0 if self.tenants and self.lines else 1 if self.lines else 2

    def is_for(self, tenant: str, line: str) -> bool:
        """Whether a message is one of its."""
        return (not self.tenants or tenant in self.tenants) and (not self.lines or line in self.lines)

    def text(self, family: str) -> str:
        """The file."""
        whom = {"tenant": sorted(self.tenants), "line": sorted(self.lines)}
        parts = ", ".join(f"{name}: [{', '.join(values)}]" for name, values in whom.items() if values)
        return f"for: {{{parts}}}\n{family}:\n" + "".join(f"  - {{{_entry(one, family)}}}\n" for one in self.entries)


def _entry(entry: Entry, family: str) -> str:
    if not entry.id:
        return f"remove: {entry.replaces}"
    replaces = f", replaces: {entry.replaces}" if entry.replaces else ""
    return f"id: {entry.id}{replaces}{_rest(entry.category, family)}"


def _rest(category: str, family: str) -> str:
    then = "concurrent: [push]" if family == "routing" else "drop: {reason: BLOCKED}"
    when = f", when: 'message.category == \"{category}\"'" if category else ""
    return f"{when}, then: {{{then}}}"


MOMENTS = list(product((*TENANTS, "other"), (*LINES, "other"), CATEGORIES))


def applicable(overrides: list[Override], common: tuple[str, ...], tenant: str, line: str) -> Iterator[Entry]:
    """The rules that a message is judged by, in the order that docs/rules.md states."""
    mine = sorted((one for one in overrides if one.is_for(tenant, line)), key=lambda one: one.level)
    for override in mine:
        yield from (entry for entry in override.entries if entry.id and not entry.replaces)
    for id_, category in zip(IDS, common, strict=True):
        taking = [one for one in mine if any(entry.replaces == id_ for entry in one.entries)]
        if taking:
            yield from (entry for entry in taking[0].entries if entry.id and entry.replaces == id_)
        else:
            yield Entry(id_, category, "")


def disagree(overrides: list[Override]) -> bool:
    """Whether it is not clear which of two entries takes a message from a common rule."""
    taking = [(at, one, entry) for at, one in enumerate(overrides) for entry in one.entries if entry.replaces]
    for i, (at, one, entry) in enumerate(taking):
        for other_at, other, second in taking[:i]:
            if entry.replaces != second.replaces:
                continue
            if at == other_at and not (entry.id and second.id):
                return True
            both = any(one.is_for(t, line) and other.is_for(t, line) for t, line, _ in MOMENTS)
            if at != other_at and one.level == other.level and both:
                return True
    return False


@st.composite
def override_sets(draw: st.DrawFn) -> list[Override]:
    """Up to four files, in the order of their names."""
    made = []
    for file in range(draw(st.integers(1, 4))):
        tenants = draw(st.frozensets(st.sampled_from(TENANTS)))
        lines = draw(st.frozensets(st.sampled_from(LINES), min_size=0 if tenants else 1))
        entries = []
        for at in range(draw(st.integers(1, 3))):
            replaces = draw(st.sampled_from(("", *IDS)))
            removes = replaces and draw(st.integers(0, 2)) == 0
            entries.append(
                Entry("" if removes else f"o{file}-{at}", draw(st.sampled_from(("", *CATEGORIES))), replaces)
            )
        made.append(Override(tenants, lines, tuple(entries)))
    return made


def version_of(overrides: list[Override], common: tuple[str, ...], family: str) -> Parsed:
    """The version with these rules, read; never checked, since random rules are often unreachable."""
    rules = "".join(f"\n  - {{id: {id_}{_rest(category, family)}}}" for id_, category in zip(IDS, common, strict=True))
    texts = {f"f{at}": one.text(family) for at, one in enumerate(overrides)}
    written = files(rules, texts) if family == "routing" else files(overrides=texts, interception=rules)
    return parse_version("1.0", written)


def matching(parsed: Parsed, family: str, tenant: str, line: str, category: str) -> list[str]:
    """The ids of the rules of a family that hold for a message, in their order."""
    assert parsed.schema is not None
    facts = facts_of(parsed.schema, tenant, line, category)
    rules = [rule for rule in parsed.rules if rule.family == family]
    whens = [(rule.id, rule.when) for rule in rules]
    return [id_ for id_, when in whens if when is None or holds(when, parsed.schema, Scope.MESSAGE)(facts, ())]


def facts_of(schema: FactsSchema, tenant: str, line: str, category: str) -> list[object]:
    """The facts of a message as far as these rules read them."""
    facts: list[object] = [None] * schema.size
    for path, value in (("tenant", tenant), ("line", line), ("category", category)):
        fact = schema.fact(f"message.{path}", Scope.MESSAGE)
        assert fact is not None
        facts[fact.slot] = value
    return facts


@given(
    override_sets(), st.tuples(*[st.sampled_from(("", *CATEGORIES))] * 3), st.sampled_from(("routing", "interception"))
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_overrides_mean_what_is_stated(overrides: list[Override], common: tuple[str, ...], family: str) -> None:
    """For every message exactly the rules hold that the stated order gives it, and in that order."""
    parsed = version_of(overrides, common, family)

    codes = {issue.code for issue in parsed.issues}
    assert codes <= {"override-conflict"}
    assert bool(codes) == disagree(overrides)
    for tenant, line, category in [] if codes else MOMENTS:
        rules = applicable(overrides, common, tenant, line)
        wanted = [rule.id for rule in rules if rule.category in ("", category)]
        assert matching(parsed, family, tenant, line, category) == wanted


GOOD = files(overrides={"cards": CARDS, "gold": GOLD})
PIECES = [
    b"",
    b"\n",
    b"'",
    b"{",
    b"}",
    b"[",
    b": ",
    b"- ",
    b"for",
    b"line",
    b"tenant",
    b"remove",
    b"replaces",
    b"id",
    b"\xff",
    b"\0",
]


@given(data=st.data(), name=st.sampled_from(["overrides/cards.yaml", "overrides/gold.yaml"]))
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_any_mutation_is_explained(data: st.DataObject, name: str) -> None:
    """An override with pieces cut out, put in or doubled, or of any bytes, is accepted or explained."""
    content = GOOD[name]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(len(content), start + 20)))
        content = content[:start] + data.draw(st.sampled_from([*PIECES, content[start:end] * 2])) + content[end:]
    whole = data.draw(st.one_of(st.just(content), st.binary(max_size=60)))
    found = check(parse_version("1.0", GOOD | {name: whole}))

    for issue in found.issues:
        assert issue.message
        assert issue.line >= 1
    render(found.issues, color=True)
