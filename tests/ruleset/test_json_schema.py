"""The JSON Schemas of rule files agree with what reads the files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from cli.rules.group import rules
from cli.rules.schema import all_schemas
from engine.decision.case_reading import read_cases, to_plain
from engine.decision.case_shape import CASE
from engine.ruleset.check import check
from engine.ruleset.documents import read_yaml
from engine.ruleset.effects import FAMILIES
from engine.ruleset.fact_types import RESERVED, ROOTS
from engine.ruleset.formatting import FileKind, kind_of
from engine.ruleset.issues import Issues, Severity
from engine.ruleset.override_form import OverrideFile
from engine.ruleset.parse import parse_version
from engine.ruleset.source import Source
from engine.ruleset.table_form import TableForm
from engine.ruleset.written import THENS, RuleForm, RulesFile
from tests.ruleset.test_errors import CASES, version_of

ROOT = Path(__file__).resolve().parents[2]
NAMES = {
    FileKind.FACTS: "facts",
    FileKind.DEFINITIONS: "define",
    FileKind.OVERRIDE: "override",
    FileKind.ROLLOUT: "rollout",
    FileKind.TESTS: "rule-tests",
}
SCHEMAS = all_schemas()


@cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(SCHEMAS[name])


def value_of(text: str) -> Any:
    """Return a YAML text as plain data; None if it cannot be read."""
    issues = Issues()
    tree = read_yaml(Source("x", text), issues)
    return None if tree is None or issues.has_errors else to_plain(tree)


def refusals(folder: str, name: str, text: str) -> list[str]:
    """Return what the schema of a file complains of."""
    kind = kind_of(folder, name, text)
    assert kind is not None
    schema = NAMES.get(kind) or name.removesuffix(".yaml")
    return [error.message for error in validator(schema).iter_errors(value_of(text))]


def refused(schema: str, text: str) -> bool:
    return not validator(schema).is_valid(value_of(text))


def yaml_files(case: str) -> Iterator[tuple[str, str, str]]:
    """Give folder, name and text of each rule file of a case that is YAML at all."""
    for place, content in version_of(case).items():
        folder, _, name = f"./{place}".rpartition("/")
        text = content.decode("utf-8", "replace")
        folder = folder.rpartition("/")[2]
        if kind_of(folder, name, text) is not None and value_of(text) is not None:
            yield folder, name, text


def test_the_committed_schemas_are_those_of_the_code() -> None:
    """docs/schemas holds what `signalbox rules schema --dir` writes."""
    told = CliRunner().invoke(rules, ["schema", "--dir", str(ROOT / "docs" / "schemas"), "--check"])
    assert (told.exit_code, told.output) == (0, ""), "run: signalbox rules schema --dir docs/schemas"
    assert {path.stem for path in (ROOT / "docs" / "schemas").glob("*.json")} == set(SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_schema_is_one(name: str) -> None:
    """What is written is a JSON Schema of draft 2020-12."""
    assert SCHEMAS[name]["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_is_explained(name: str) -> None:
    """An editor has something to show about each field of each file."""
    silent = [path for path, field in properties(SCHEMAS[name], name) if not field.get("description")]
    assert silent == []


_ASIDE = ("if", "contains", "dependentSchemas")


def properties(schema: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every field of a schema with its path; conditions of other fields aside."""
    if isinstance(schema, list):
        for one in schema:
            yield from properties(one, path)
    elif isinstance(schema, dict):
        for name, part in schema.items():
            if name == "properties":
                for field, below in part.items():
                    yield f"{path}.{field}", below
                    yield from properties(below, f"{path}.{field}")
            elif name not in _ASIDE and not (name in ("then", "else") and "$ref" not in str(part)):
                yield from properties(part, f"{path}.{name}" if name == "$defs" else path)


@pytest.mark.parametrize("place", ["rules", "bench/rules60", "rule_tests", "tests/ruleset/errors/_base", "examples"])
def test_what_is_right_is_accepted(place: str) -> None:
    """No schema complains of a file that is used."""
    for path in sorted((ROOT / place).rglob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        if kind_of(path.parent.name, path.name, text) is not None:
            assert refusals(path.parent.name, path.name, text) == [], path


@pytest.mark.parametrize("case", CASES)
def test_a_schema_refuses_only_what_the_check_refuses(case: str) -> None:
    """Whatever a schema complains of in the broken versions is an error of the check too, in the same file."""
    refused = {
        f"{folder}/{name}".removeprefix("./") for folder, name, text in yaml_files(case) if refusals(folder, name, text)
    }
    if refused:
        issues = check(parse_version("2026.11.1", version_of(case))).issues
        assert refused <= {issue.file for issue in issues if issue.severity is Severity.ERROR}


STRUCTURAL = """bad-duration
bad-id bad-priority bad-reason bad-speed bad-state bad-time bad-unit bad-until condition-list
define-bad-name define-condition-unknown-field define-file-list define-group duration-without-unit effect-is-a-word
effect-of-another-family empty-route facts-bad-budget facts-bad-path facts-no-channels facts-unknown-field
facts-unknown-type float-max limit-missing-fields limit-per-is-a-word limit-unknown-key limit-without-user missing-id
missing-then negative-max no-effect override-breaker override-for-nobody override-no-rules override-removes-with-then
override-unknown-field override-without-for quoted-number routing-empty rule-is-a-word rules-is-a-group table-fields
table-shape then-is-nothing two-effects unknown-effect unknown-field-at-top unknown-field-in-effect
unknown-field-in-rule wait-in-concurrent wrong-family"""


@pytest.mark.parametrize("case", STRUCTURAL.split())
def test_what_is_wrongly_built_is_refused(case: str) -> None:
    """An unknown field, a missing one, a wrong type and a word that there is not are seen by the schema already."""
    assert any(refusals(*file) for file in yaml_files(case))


@pytest.mark.parametrize("family", FAMILIES)
def test_rule_files_have_the_fields_that_are_read(family: str) -> None:
    """The fields of rule, table, file and effect are those of the forms that read them, no more and no fewer."""
    schema, name = SCHEMAS[family], family.capitalize()
    rule, table = schema["$defs"][f"{name}Rule"], schema["$defs"][f"{name}Table"]
    assert schema["properties"].keys() == RulesFile.model_fields.keys()
    assert rule["properties"].keys() - {"table"} == RuleForm.model_fields.keys()
    assert table["properties"].keys() == TableForm.model_fields.keys()
    assert rule["properties"]["then"]["properties"].keys() == THENS[family].model_fields.keys()
    assert SCHEMAS["override"]["properties"].keys() == OverrideFile.model_fields.keys()


WRONG_VALUES = ("[1]", "{a: 1}", "nonsense", "3", "true")


def shape_paths(shape: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Give the way to every field of a case; `[]` steps into a list."""
    if isinstance(shape, dict):
        for name, below in shape.items():
            yield (*path, "x" if name == "*" else name)
            yield from shape_paths(below, (*path, "x" if name == "*" else name))
    elif isinstance(shape, list):
        yield from shape_paths(shape[0], (*path, "[]"))


@pytest.mark.parametrize("path", sorted(set(shape_paths(CASE))), ids=".".join)
def test_a_case_is_refused_where_its_reader_refuses_it(path: tuple[str, ...]) -> None:
    """Each field of a rule test takes, by the schema, just the kinds of values that the reader takes."""
    for value in WRONG_VALUES:
        text = case_with(path, value)
        issues = Issues()
        list(read_cases({"x.yaml": text.encode()}, issues))
        assert refused("rule-tests", text) == issues.has_errors, text


def case_with(path: tuple[str, ...], value: str) -> str:
    """Write a case that is good but for the value at a path."""
    for word in reversed(path):
        value = f"[{value}]" if word == "[]" else f"{{{word}: {value}}}"
    fields = {"name": "a case", "expect": "{verdict: SEND}"}
    if path[0] == "steps":
        fields.pop("expect")
        value = value.replace("{steps: [", "{steps: [{expect: {verdict: SEND}}, ")
    fields[path[0]] = value.removeprefix(f"{{{path[0]}: ").removesuffix("}")
    return "- {" + ", ".join(f"{name}: {text}" for name, text in fields.items()) + "}\n"


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("- {name: a, expect: {verdict: SEND}}", True),
        ("- {name: a, expect: {verdict: SENT}}", False),
        ("- {name: a, expect: {}}", False),
        ("- {name: a}", False),
        ("- {expect: {verdict: SEND}}", False),
        ("- {name: a, steps: [{at: x, expect: {verdict: SEND}}]}", True),
        ("- {name: a, steps: [{at: x}]}", False),
        ("- {name: a, steps: [{expect: {verdict: SEND}}], expect: {verdict: SEND}}", False),
        ("- {name: a, table: {columns: [v], rows: [[SEND]]}, expect: {verdict: $v}}", True),
        ("- {name: a, expect: {verdict: $v}}", False),
        ("- {name: a, table: {columns: [v], rows: []}, expect: {verdict: $v}}", False),
        ("- {name: a, table: {columns: [v], rows: [[m]]}, expect: {verdict: SEND}, given: {message: {$v: 1}}}", True),
        ("- {name: a, expect: {refused: {sms: {reason: OPTED_OUT}, push: NO_ADDRESS}}}", True),
        ("- {name: a, expect: {refused: {sms: WHATEVER}}}", False),
        ("name: a", False),
    ],
)
def test_cases_as_a_whole(text: str, good: bool) -> None:
    """What a case must have, what steps take from it, and what a table allows besides."""
    assert refused("rule-tests", text) is not good


@pytest.mark.parametrize(
    ("schema", "text", "good"),
    [
        ("routing", "{family: routing, rules: [{id: a, then: {distribute: {to: sms}}}]}", True),
        ("routing", "{family: routing, rules: [{id: a, when: true, then: {distribute: {to: {channel: sms}}}}]}", True),
        ("routing", "{family: routing, rules: [{id: 7, doc: 2026, then: {distribute: {to: sms}}}]}", True),
        ("routing", "{family: routing, rules: [{id: a, then: {priority: P1}}]}", False),
        ("routing", "{family: routing, rules: [{id: a, then: {otherwise: [x]}, table: tables/a.csv}]}", False),
        (
            "routing",
            "{family: routing, rules: [{id: a, then: {distribute: {otherwise: [x]}}, table: tables/a.csv}]}",
            True,
        ),
        (
            "routing",
            "{family: routing, rules: [{id: a, table: {columns: [when, then.priority], rows: [[x, P1]]}}]}",
            True,
        ),
        ("fatigue", "{family: fatigue, rules: []}", True),
        ("define", "{a: 1, b: [x, y], c: {when: a == 1}, d: {from: values/a.txt}}", True),
        ("define", "{a: {when: x, from: y}}", False),
        ("define", "{true: 1}", False),
        ("rollout", "{stable: 2026.11}", True),
        ("rollout", "{stable: ../x}", False),
        ("override", "{for: {line: [a, b], tenant: t}, routing: [{remove: x}]}", True),
        ("override", "{for: {}, routing: [{remove: x}]}", False),
        ("facts", "{channels: {sms: }, facts: {message.scene: {values: [a]}}}", True),
        ("facts", "{channels: {SMS: }}", False),
        ("facts", "{channels: {sms: }, facts: {user.attributes.age: {type: int, required: true}}}", False),
        ("facts", "{channels: {sms: }, facts: {message.params.a: {doc: x}}}", False),
    ],
)
def test_files_as_a_whole(schema: str, text: str, good: bool) -> None:
    """Bounds that no golden case shows: what may be left out, what texts may look like, what tables may leave open."""
    assert refused(schema, text) is not good


@pytest.mark.parametrize(
    ("schema", "text", "told"),
    [
        ("routing", "{family: routing, rules: [{id: a, then: {concurrent: [s], supplement: [s]}}]}", ""),
        ("routing", "{family: routing, rules: [{id: a, then: {concurrent: [sms, sms]}}]}", ""),
        ("routing", "{family: routing, rules: [{id: a, then: {}}]}", "concurrent, supplement, distribute"),
        ("routing", "{family: routing, rules: [{id: a, then: {supplement: [{channel: s, wait: 60}]}}]}", "60s, 30m"),
        (
            "budget",
            "{family: budget, rules: [{id: a, then: {charge: {account: '{Line}', amount: 1, unit: CNY}}}]}",
            "line",
        ),
        (
            "budget",
            "{family: budget, rules: [{id: a, then: {charge: {account: a, amount: 0.5, unit: COUNT}}}]}",
            "whole",
        ),
        ("breaker", "{family: breaker, rules: [{id: a, then: {set: {state: SLOW}}}]}", "speed: 0.5"),
        ("breaker", "{family: breaker, rules: [{id: a, then: {set: {state: PAUSED, speed: 0.5}}}]}", ""),
        ("facts", "{channels: {sms: }, facts: {content.length: {doc: x}}}", ""),
        ("facts", "{channels: {sms: }, facts: {message.category: {values: [a]}}}", ""),
        ("facts", "{channels: {sms: }, facts: {message.params.n: {type: int, values: [a]}}}", "only a string"),
    ],
)
def test_a_mistake_is_told_in_words(schema: str, text: str, told: str) -> None:
    """What several fields say together is refused, and an editor shows how it is written."""
    errors = list(validator(schema).iter_errors(value_of(text)))
    assert errors
    assert told in " ".join(words_of(error) for error in errors)


def words_of(error: Any) -> str:
    """Return what an editor shows about an error: the words of the schemas that it comes from."""
    below = " ".join(words_of(one) for one in error.context or ())
    return f"{dict(error.schema).get('errorMessage', '') if isinstance(error.schema, dict) else ''} {below}"


@pytest.mark.parametrize(
    "text",
    [
        "{family: budget, rules: [{id: a, then: {charge: {amount: 0.5}}, table: tables/a.csv}]}",
        "{family: budget, rules: [{id: a, then: {charge: {account: '{line}/a', amount: 2, unit: COUNT}}}]}",
        "{family: budget, rules: [{id: a, then: {charge: {account: '{line}/a', amount: 0.5, unit: CNY}}}]}",
    ],
)
def test_what_fields_say_together_leaves_right_ones_alone(text: str) -> None:
    """An amount is not taken for one in COUNT while a table's columns may still say the unit."""
    assert not refused("budget", text)


def test_what_begins_an_entry_is_offered_whatever_it_becomes() -> None:
    """An entry that says nothing yet is taken for a rule, with the fields that make it a table or a removal."""
    rule = SCHEMAS["override"]["$defs"]["RoutingRule"]["properties"]
    assert {"table", "remove", "replaces"} <= rule.keys()
    assert "table" in SCHEMAS["routing"]["$defs"]["RoutingRule"]["properties"]
    for name in ("override", "routing"):
        conditions = [one["if"] for one in walk(SCHEMAS[name]) if "if" in one and "$ref" in str(one.get("else"))]
        assert conditions
        assert all(one["type"] == "object" for one in conditions)


def test_every_word_to_choose_from_says_what_it_means() -> None:
    """Beside each word of an enumeration stands its meaning, in the same order."""
    found = [one for schema in SCHEMAS.values() for one in walk(schema) if "enum" in one and one is not None]
    plain = [one for one in found if "enumDescriptions" not in one and "propertyNames" not in one]
    assert all(len(one["enumDescriptions"]) == len(one["enum"]) for one in found if "enumDescriptions" in one)
    assert {str(one["enum"][0]) for one in plain} == {min({*RESERVED, *ROOTS})}  # names that may not be taken


def walk(schema: Any) -> Iterator[dict[str, Any]]:
    """Give every part of a schema that is a group of keywords."""
    if isinstance(schema, list):
        for one in schema:
            yield from walk(one)
    elif isinstance(schema, dict):
        yield schema
        for part in schema.values():
            yield from walk(part)


def test_what_an_editor_offers_is_right() -> None:
    """Each value that a schema offers is one that it takes."""
    offered = [one for schema in SCHEMAS.values() for one in walk(schema) if isinstance(one.get("examples"), list)]
    assert any("pattern" in one for one in offered)
    for one in offered:
        assert all(Draft202012Validator(one).is_valid(value) for value in one["examples"])


def test_the_command_lists_prints_and_refuses() -> None:
    """Without a name the names are listed; with one its schema is printed; one that there is not is told."""
    run = CliRunner()
    assert "routing " in run.invoke(rules, ["schema"]).output
    assert json.loads(run.invoke(rules, ["schema", "routing"]).output) == SCHEMAS["routing"]
    assert [one["name"] for one in json.loads(run.invoke(rules, ["schema", "--json"]).output)] == list(SCHEMAS)
    assert run.invoke(rules, ["schema", "rooting"]).exit_code == 2
    assert run.invoke(rules, ["schema", "--check"]).exit_code == 2


def test_a_schema_that_differs_is_told(tmp_path: Path) -> None:
    """--check writes nothing and names what is not as it would be written; without it everything is written."""
    run = CliRunner()
    told = run.invoke(rules, ["schema", "routing", "--dir", str(tmp_path / "x"), "--check"])
    assert told.exit_code == 1
    assert "routing.json" in told.output
    assert not (tmp_path / "x").exists()
    assert run.invoke(rules, ["schema", "--dir", str(tmp_path / "x")]).exit_code == 0
    assert run.invoke(rules, ["schema", "--dir", str(tmp_path / "x"), "--check"]).exit_code == 0
