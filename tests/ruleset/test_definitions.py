"""Definitions: what `define:` gives names to, and that a condition means the same with a name as without."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.ruleset.check import check
from engine.ruleset.condition_text import ConditionText
from engine.ruleset.documents import Scalar
from engine.ruleset.issues import Issues, render
from engine.ruleset.names import NamedCondition, Names, Room
from engine.ruleset.parse import Parsed, parse_version
from engine.ruleset.printing import show
from engine.ruleset.source import Source
from engine.ruleset.syntax import Expr, Literal, Type
from engine.ruleset.written_out import uses_of, written_out
from tests.ruleset.strategies import SCHEMA

FACTS = """
channels: {push: {receipts: true}}
facts:
  message.params.amount: {type: double}
  message.params.count: {type: int}
"""
BASE = {
    f"{family}.yaml": f"family: {family}\nrules: []\n" for family in ("interception", "fatigue", "budget", "breaker")
}
Files = Mapping[str, str | bytes]
DEFAULT = "{id: default, then: {distribute: {to: push}}}"
AMOUNT = "has(message.params.amount) && message.params.amount >= large"


def parsed(define: str = "", when: str = "user.known", files: Files | None = None) -> Parsed:
    """Check a version with one routing rule; `define` is indented below the `define:` of facts.yaml."""
    written: dict[str, str | bytes] = {"facts.yaml": FACTS + (f"define:\n{define}" if define else ""), **BASE}
    written["routing.yaml"] = (
        f"family: routing\nrules: [{{id: one, when: '{when}', then: {{concurrent: [push]}}}}, {DEFAULT}]\n"
    )
    written |= files or {}
    return check(parse_version("1.0", {name: _bytes(text) for name, text in written.items()}))


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def condition(found: Parsed, rule: str = "one") -> Expr:
    """The condition of a rule of a good version."""
    assert not found.has_errors, render(found.issues, color=False)
    when = next(one.when for one in found.rules if one.id == rule)
    assert when is not None
    return when


def codes(found: Parsed) -> list[str]:
    """The codes of what was found, but for facts that no rule happens to read."""
    return [issue.code for issue in found.issues if issue.code != "unused-fact"]


def literal(found: Parsed, name: str) -> Literal:
    """What a common constant or list of a good version is."""
    assert not found.has_errors, render(found.issues, color=False)
    assert found.schema is not None
    return found.schema.definitions[name]


def test_a_named_condition_means_its_text() -> None:
    """A condition that uses a name is the same as one with the text in brackets, constants and other names in it."""
    define = f"""
  large: 200.0
  is_large: {{when: '{AMOUNT}', doc: Told by SMS.}}
  is_gift: {{when: 'is_large || message.line == "gifts"'}}
"""
    named = condition(parsed(define, 'message.category == "SERVICE" && !is_gift'))
    plain = condition(
        parsed("\n  large: 200.0\n", f'message.category == "SERVICE" && !(({AMOUNT}) || message.line == "gifts")')
    )

    assert show(named) == show(plain)
    assert codes(parsed(define, "is_gift")) == []


def test_a_definition_may_be_used_before_it_is_made() -> None:
    """The order of definitions does not matter, nor in which of the common files they stand."""
    late = {"define/a.yaml": f"is_gift: {{when: is_large}}\nis_large: {{when: '{AMOUNT}'}}\n"}
    found = parsed("\n  large: 200.0\n", "is_gift", late)

    assert codes(found) == []
    assert show(condition(found)) == AMOUNT


def test_a_name_that_only_looks_like_one_stays() -> None:
    """In a text, after a point, as a function and as the item of exists, the same letters are no named condition."""
    text = 'gold && user.tags.exists(gold, gold == "gold") && a.gold == "gold" && gold.a && gold(gold) && has(gold)'
    found = uses_of(text, {"gold"})

    assert [(use.start, use.asked) for use in found] == [
        (0, False),
        (text.index("(gold) &&") + 1, False),
        (len(text) - 5, True),
    ]
    assert uses_of("gold &&", {"gold"}) == []


def test_a_complaint_about_a_definition_stands_in_it() -> None:
    """Wherever it is used, what is wrong inside is pointed at once, in the definition."""
    limit = "{limit: {name: a, per: [user], max: 1, window: 1d}}"
    fatigue = f"family: fatigue\nrules: [{{id: a, when: is_large, then: {limit}}}]\n"
    define = "\n  is_large: {when: message.params.amount > 3}\n"
    found = parsed(define, "is_large && message.params.count > 3", {"fatigue.yaml": fatigue})
    (issue,) = found.issues

    assert (issue.code, issue.file, issue.line) == ("may-err", "facts.yaml", 8)
    assert issue.excerpt[issue.caret - 1 :].startswith("message.params.amount")
    assert [(other.file, other.line) for other in issue.related] == [("fatigue.yaml", 2)]


def test_what_nobody_uses_is_checked_too() -> None:
    """A definition without users is a warning, and what is wrong in it an error all the same."""
    assert codes(parsed("\n  is_big: {when: message.params.count > 3}\n")) == ["unused-define"]
    assert codes(parsed("\n  is_big: {when: message.params.cont > 3}\n")) == ["unknown-fact"]
    assert codes(parsed("\n  is_big: {when: message.params.count + 3}\n")) == ["wrong-type"]


@pytest.mark.parametrize(
    ("define", "when", "family"),
    [
        ("channel.opted_out", "!is_it", "interception"),
        ("provider.window.error_rate > 0.5", "provider.window.count > 3 && is_it", "breaker"),
        ("channel.window.count > 3", "is_it", "breaker"),
        ("now.local_hour < 9", "is_it", "routing"),
        ("now.local_hour < 9", "platform.window.count > 3 && is_it", "breaker"),
    ],
)
def test_a_definition_is_used_where_its_facts_are(define: str, when: str, family: str) -> None:
    """What a common definition reads decides which families may use it."""
    then = {"interception": "{exclude: {reason: BLOCKED}}", "breaker": "{set: {state: PAUSED}}"}.get(
        family, "{concurrent: [push]}"
    )
    text = f"family: {family}\nrules:\n  - {{id: two, when: '{when}', then: {then}}}\n"
    text += f"  - {DEFAULT}\n" if family == "routing" else ""
    found = parsed(f"\n  is_it: {{when: '{define}'}}\n", files={f"{family}.yaml": text})

    assert define in show(condition(found, "two"))
    refused = parsed(f"\n  is_it: {{when: '{define}'}}\n", "is_it")
    assert codes(refused) == ([] if define.startswith("now.") else ["unknown-fact"])


def test_a_definition_of_a_file_is_seen_by_that_file() -> None:
    """A rule file may define for itself; another file may give the name to something else."""
    own = "define: {few: 3, is_few: {when: has(message.params.count) && message.params.count < few}}\n"
    drop = "family: interception\n" + own + "rules: [{id: a, when: is_few, then: {drop: {reason: BLOCKED}}}]\n"
    charge = (
        "family: budget\n"
        + own.replace("few: 3", "few: 5")
        + ("rules: [{id: b, when: is_few, then: {charge: {account: a, amount: 1, unit: CNY}}}]\n")
    )
    found = parsed(files={"interception.yaml": drop, "budget.yaml": charge})

    assert codes(found) == []
    assert [show(condition(found, rule), names=False)[-1] for rule in "ab"] == ["3", "5"]
    assert codes(parsed(when="is_few", files={"interception.yaml": drop})) == ["unknown-fact"]


@pytest.mark.parametrize(
    ("name", "text", "rest", "kind", "values"),
    [
        ("v.txt", "# who\ncards\n\n  loans  \ncards\n", "", Type.LIST_STRING, ("cards", "loans")),
        ("v.txt", b"\xef\xbb\xbfcards\r\nloans\r\n", "", Type.LIST_STRING, ("cards", "loans")),
        ("v.txt", "1\n-2\n", ", type: int", Type.LIST_INT, (1, -2)),
        ("v.txt", "1\n2.5\n", ", type: double", Type.LIST_DOUBLE, (1.0, 2.5)),
        ("v.txt", "true\n007\n", "", Type.LIST_STRING, ("true", "007")),
        (
            "v.csv",
            b'\xef\xbb\xbfline;rank\r\ncards;1\r\n;\r\n"lo;ans";2\r\n',
            ", column: line",
            Type.LIST_STRING,
            ("cards", "lo;ans"),
        ),
        ("v.csv", "line,rank\ncards,1\nloans,2\n", ", column: rank, type: int", Type.LIST_INT, (1, 2)),
        ("v.csv", "line\trank\ncards\t1\n", ", column: rank", Type.LIST_STRING, ("1",)),
    ],
)
def test_a_list_is_read_from_a_file(
    name: str, text: str | bytes, rest: str, kind: Type, values: tuple[object, ...]
) -> None:
    """One value a line or a column of a table, as editors and spreadsheets save them; each value once."""
    found = parsed(f"\n  v: {{from: values/{name}{rest}}}\n", files={f"values/{name}": text})

    assert (literal(found, "v").type, literal(found, "v").value) == (kind, values)


def test_a_file_of_many_values_is_read_and_one_more_refused() -> None:
    """Ten thousand values are a list like any other; what is more is told with its place."""
    lines = [f"user-{number}" for number in range(10_001)]
    when = "message.user_id in v"
    assert codes(parsed("\n  v: {from: values/v.txt}\n", when, {"values/v.txt": "\n".join(lines[:-1])})) == []
    refused = parsed("\n  v: {from: values/v.txt}\n", when, {"values/v.txt": "\n".join(lines)})

    assert [(issue.code, issue.line) for issue in refused.issues] == [("too-large", 10_001)]
    numbers = {"values/v.txt": "\n".join(map(str, range(1_001)))}
    refused = parsed("\n  v: {from: values/v.txt, type: int}\n", "message.params.count in v", numbers)
    assert [(issue.code, issue.line) for issue in refused.issues] == [("too-large", 1_001)]


def test_a_file_that_cannot_be_read_causes_one_complaint() -> None:
    """The rules that use the list are not called wrong too."""
    files = {"facts.yaml": FACTS + "define:\n  v: {from: values/v.txt}\n", **BASE}
    files["routing.yaml"] = (
        f"family: routing\nrules: [{{id: one, when: message.line in v, then: {{concurrent: [push]}}}}, {DEFAULT}]\n"
    )
    found = parse_version("1.0", {name: text.encode() for name, text in files.items()}, ["values/v.txt"])

    assert codes(found) == ["missing-file"]
    assert found.issues[0].message == 'the file "values/v.txt" could not be read'


def test_all_conditions_of_a_version_have_one_bound() -> None:
    """Conditions that are bearable one by one may not become too much together by their definitions."""
    node = Scalar("user.known || user.known", "", Source("facts.yaml", "user.known || user.known").span(0, 24))
    known = NamedCondition("known", node.span, ConditionText.of(node))
    names = Names(SCHEMA, "interception", {}, conditions={"known": known}, room=Room(50))
    when = ConditionText.of(Scalar("known", "", Source("when", "known").span(0, 5)))
    issues = Issues()

    assert [written_out(when, names, issues).text for _ in range(2)] == ["(user.known || user.known)"] * 2
    assert not issues.has_errors
    assert written_out(when, names, issues) is when
    assert [issue.code for issue in issues.sorted()] == ["too-large"]


PIECES = [
    b"",
    b"\t",
    b"\n",
    b"'",
    b"{",
    b"}",
    b"[",
    b": ",
    b", ",
    b"when",
    b"from",
    b"is_a",
    b"is_b",
    b"&&",
    b"(",
    b"\xff",
    b"\0",
    b";",
    b'"',
    b"values/v.csv",
    b"#",
]
GOOD: dict[str, bytes] = {
    **{name: text.encode() for name, text in BASE.items()},
    "facts.yaml": (FACTS + f"define:\n  large: 2.0\n  is_a: {{when: '{AMOUNT}'}}\n").encode(),
    "define/more.yaml": (
        b"is_b: {when: 'is_a || message.line in v'}\nv: {from: values/v.csv, column: line}\nw: {from: values/w.txt}\n"
    ),
    "values/v.csv": b'line;rank\ncards;1\n"a ""b""";2\n',
    "values/w.txt": b"# w\ncards\nloans\n",
    "routing.yaml": (
        f"family: routing\nrules: [{{id: one, when: is_b, then: {{concurrent: [push]}}}}, {DEFAULT}]\n"
    ).encode(),
}


@given(name=st.sampled_from(["facts.yaml", "define/more.yaml", "values/v.csv", "values/w.txt"]), data=st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_any_mutation_is_explained(name: str, data: st.DataObject) -> None:
    """Files of definitions with pieces cut out, put in or doubled, or of any bytes, are accepted or explained."""
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


NAMES = ["a", "b", "c", "d", "e", "f"]


@given(st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=3)))
def test_a_cycle_is_found_exactly_where_there_is_one(graph: dict[str, list[str]]) -> None:
    """Definitions in terms of each other are refused just if one of them leads back to itself."""

    def leads_back(name: str) -> bool:
        seen: set[str] = set()
        todo = [name]
        while todo:
            for other in graph.get(todo.pop(), []):
                if other == name:
                    return True
                if other in graph and other not in seen:
                    seen.add(other)
                    todo.append(other)
        return False

    define = "".join(
        f"  {name}: {{when: '{' || '.join(['user.known', *(use for use in uses if use in graph)])}'}}\n"
        for name, uses in graph.items()
    )
    found = parsed(f"\n{define}") if graph else parsed()

    assert ("define-cycle" in codes(found)) == any(leads_back(name) for name in graph)
    assert set(codes(found)) <= {"define-cycle", "unused-define"}
