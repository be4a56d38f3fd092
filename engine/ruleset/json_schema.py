"""JSON Schemas (draft 2020-12) of the YAML files of a version, made of the forms that read them.

An editor completes, explains and checks with them while a file is written. What a schema refuses the check refuses too;
what only shows when a whole version is read, such as a channel that there is not, is left to the check.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel

from engine.ruleset.definitions import MOST_DEFINED, ConditionDefinition
from engine.ruleset.effects import EFFECTS, FAMILIES
from engine.ruleset.fact_types import MESSAGE_FACTS, RESERVED, ROOTS
from engine.ruleset.facts_document import (
    BUDGET_FIELDS,
    CHANNEL_FIELDS,
    CONDITION_WORD,
    FACT_FIELDS,
    FILE_FIELDS,
    MAX_FACTS,
    MAX_TEXT,
    MAX_VALUES,
)
from engine.ruleset.override_form import MOST_VALUES, OVERRIDABLE, OverrideFile, OverrideRule, Removal
from engine.ruleset.parse import MOST_RULES
from engine.ruleset.rollout import RolloutFile
from engine.ruleset.syntax import Type
from engine.ruleset.table_form import MOST_COLUMNS, GridForm, OverrideTable, TableForm
from engine.ruleset.value_files import FileDefinition
from engine.ruleset.written import THENS, Form, RuleForm, RulesFile

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

SCALAR: Final = ["string", "number", "boolean"]
"""What a text may look like to a reader of YAML."""

_CONDITION: Final[Schema] = {"type": SCALAR}
_TEXT: Final[Schema] = {"type": SCALAR}
_FLAG: Final[Schema] = {"type": "boolean"}
_CONSTANT: Final[Schema] = {"type": SCALAR, "maxLength": MAX_TEXT, "description": "a constant"}
_IN_TABLE: Final = "InTable"
_TABLE_WORDS: Final = ("table", "columns", "rows")


def schemas() -> dict[str, Schema]:
    """Return the schema of each kind of file by its name: `routing`, `facts`, `override`, …"""
    return {
        **{family: _rule_file(family) for family in FAMILIES},
        "facts": _facts_file(),
        "define": _top("Definitions", "Names for constants, lists and conditions: define/<name>.yaml.", _define(), {}),
        "override": _override_file(),
        "rollout": _rollout_file(),
    }


def described(schema: Mapping[str, Any], text: str) -> Schema:
    """Return a schema with what an editor shows about it."""
    return {"description": text, **schema}


def _top(title: str, description: str, schema: Schema, definitions: Schema) -> Schema:
    named = {"$defs": dict(sorted(definitions.items()))} if definitions else {}
    return {"$schema": DIALECT, "title": title, **schema, "description": description, **named}


# ---- from a form ----


def _form(form: type[BaseModel], parts: Mapping[str, Schema], definitions: Schema) -> Schema:
    """Return the schema of a form. `parts` are those of the fields that it leaves to others; what it names is added
    to `definitions`. Raises KeyError for a field that is left to others and not among `parts`."""
    made = form.model_json_schema()
    for name, field in form.model_fields.items():
        if field.annotation is Any:
            made["properties"][name] = described(parts[name], field.description or "")
    definitions.update({name: _tidy(below) for name, below in made.pop("$defs", {}).items()})
    tidy: Schema = _tidy(made)
    return tidy


def _tidy(schema: Any) -> Any:
    """Leave out what pydantic says besides: titles, and null for a field that may be left out."""
    if isinstance(schema, list):
        return [_tidy(one) for one in schema if one != {"type": "null"}]
    if not isinstance(schema, dict):
        return schema
    made = {
        name: {field: _tidy(below) for field, below in part.items()} if name == "properties" else _tidy(part)
        for name, part in schema.items()
        if name != "title" and not (name == "default" and part in (None, "", [], False))
    }
    if len(made.get("anyOf", ())) == 1:
        made = {**made.pop("anyOf")[0], **made}
    return made


def _then(family: str, definitions: Schema) -> Schema:
    effects = EFFECTS[family]
    one = {"oneOf": [{"required": [effect]} for effect in effects]} if len(effects) > 1 else {"required": list(effects)}
    made = {**_form(THENS[family], {}, definitions), **one}
    if "LimitForm" in definitions:
        definitions["LimitForm"]["properties"]["per"] |= {"contains": {"const": "user"}, "uniqueItems": True}
    return made


def _then_of_table(family: str, definitions: Schema) -> Schema:
    """Return the schema of the `then:` that rows share: columns may set what is missing in it."""
    whole: Schema = {}
    then = _then(family, whole)
    definitions.update({name + _IN_TABLE: _loose(schema) for name, schema in whole.items()})
    return dict(_loose({name: part for name, part in then.items() if name != "oneOf"}))


def _loose(schema: Any) -> Any:
    """Return a schema in which every field may be left out."""
    if isinstance(schema, list):
        return [_loose(one) for one in schema]
    if not isinstance(schema, dict):
        return f"{schema}{_IN_TABLE}" if isinstance(schema, str) and schema.startswith("#/$defs/") else schema
    return {name: _loose(part) for name, part in schema.items() if not (name == "required" and isinstance(part, list))}


# ---- rule files ----


def _rule_file(family: str) -> Schema:
    definitions: Schema = {}
    entry = {"$ref": _entry(family, RuleForm, TableForm, definitions)}
    parts = {
        "family": {"const": family},
        "define": _define(),
        "rules": {"type": "array", "items": entry, "maxItems": MOST_RULES, **_at_least_one(family)},
    }
    file = _form(RulesFile, parts, definitions)
    return _top(f"{family.capitalize()} rules", f"The {family} rules of a version: {family}.yaml.", file, definitions)


def _at_least_one(family: str) -> Schema:
    return {"minItems": 1} if family == "routing" else {}


def _entry(family: str, rule: type[Form], table: type[Form], definitions: Schema) -> str:
    """Define the entry of a list of rules, a rule or a decision table, and return its reference."""
    name = family.capitalize()
    when = {"when": _CONDITION}
    definitions[f"{name}Rule"] = _form(rule, {**when, "then": _then(family, definitions)}, definitions)
    grid = {"anyOf": [{"type": "string", "pattern": r"^tables/[^/]+\.csv$"}, {"$ref": "#/$defs/Grid"}]}
    shared = _then_of_table(family, definitions)
    definitions[f"{name}Table"] = _form(table, {**when, "then": shared, "table": grid}, definitions)
    definitions["Grid"] = _form(GridForm, _GRID, definitions)
    definitions[f"{name}Entry"] = {
        "if": {"anyOf": [{"required": [word]} for word in _TABLE_WORDS]},
        "then": {"$ref": f"#/$defs/{name}Table"},
        "else": {"$ref": f"#/$defs/{name}Rule"},
    }
    return f"#/$defs/{name}Entry"


_GRID: Final[dict[str, Schema]] = {
    "columns": {"type": "array", "items": {"type": SCALAR}, "minItems": 1, "maxItems": MOST_COLUMNS},
    "rows": {"type": "array", "items": {"type": "array"}, "minItems": 1},
}


def _override_file() -> Schema:
    definitions: Schema = {}
    one = {"type": SCALAR}
    several = {"type": "array", "items": one, "minItems": 1, "maxItems": MOST_VALUES, "uniqueItems": True}
    whom = {
        "type": "object",
        "properties": {
            "line": {"anyOf": [one, several], "description": "the business line, or a list of lines"},
            "tenant": {"anyOf": [one, several], "description": "the tenant, or a list of tenants"},
        },
        "additionalProperties": False,
        "minProperties": 1,
    }
    parts: dict[str, Schema] = {"for": whom, "define": _define()}
    definitions["Removal"] = _form(Removal, {}, definitions)
    for family in OVERRIDABLE:
        entry = {
            "if": {"required": ["remove"]},
            "then": {"$ref": "#/$defs/Removal"},
            "else": {"$ref": _entry(family, OverrideRule, OverrideTable, definitions)},
        }
        parts[family] = {"type": "array", "items": entry, "maxItems": MOST_RULES}
    file = _form(OverrideFile, parts, definitions) | {"anyOf": [{"required": [family]} for family in OVERRIDABLE]}
    about = "What one line or tenant has instead of the common rules, or besides: overrides/<name>.yaml."
    return _top("Override", about, file, definitions)


def _rollout_file() -> Schema:
    return _top("Rollout", "Which version of the rules serves: rollout.yaml.", _form(RolloutFile, {}, {}), {})


# ---- definitions and facts.yaml ----


def _define() -> Schema:
    lists = [{"type": "array", "items": {"type": kind}, **_SOME} for kind in ("string", "number")]
    condition, file = (_form(form, {"when": _CONDITION}, {}) for form in (ConditionDefinition, FileDefinition))
    values = [_CONSTANT, *(described(one, "a list of constants of one kind") for one in lists), condition, file]
    return {
        "type": ["object", "null"],
        "propertyNames": {"pattern": f"^{CONDITION_WORD.pattern}$", "not": {"enum": sorted({*RESERVED, *ROOTS})}},
        "additionalProperties": {"anyOf": values},
        "maxProperties": MOST_DEFINED,
    }


_SOME: Final[Schema] = {"minItems": 1, "maxItems": MAX_VALUES}
_SIMPLE_NAME: Final[Schema] = {"pattern": "^[a-z][a-z0-9_]{0,62}$"}

_CHANNEL: Final[dict[str, Schema]] = {
    "doc": described(_TEXT, "what the channel is, for people"),
    "receipts": described(_FLAG, "whether its providers report what became of a message"),
}
_BUDGET: Final[dict[str, Schema]] = {
    "account": described(_TEXT, 'the account, such as "{line}/sms/cash"'),
    "unit": {"type": "string", "pattern": "^[A-Z]{3,8}$", "description": "a currency such as CNY, or COUNT"},
    "doc": described(_TEXT, "what the account is for, for people"),
}
_FACT: Final[dict[str, Schema]] = {
    "type": {"enum": [kind.value for kind in Type], "description": "what kind of value it is"},
    "doc": described(_TEXT, "what it means, for people"),
    "required": described(_FLAG, "whether a message without it is refused"),
    "values": {
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": MAX_TEXT},
        "uniqueItems": True,
        "description": "the only texts it may be",
        **_SOME,
    },
}


def _fields(names: tuple[str, ...], parts: Mapping[str, Schema], required: tuple[str, ...] = ()) -> Schema:
    """Return the schema of a group of fields with these names. Raises KeyError for one that `parts` does not know."""
    made = {"properties": {name: parts[name] for name in names}, "additionalProperties": False}
    return {
        "type": "object" if required else ["object", "null"],
        **made,
        **({"required": [*required]} if required else {}),
    }


def _facts_file() -> Schema:
    parts: dict[str, Schema] = {
        "channels": _named(_fields(CHANNEL_FIELDS, _CHANNEL), "the channels that rules may route to; at least one"),
        "facts": described(_declared(), "facts of your own by their paths, such as message.params.amount"),
        "budgets": _named(
            _fields(BUDGET_FIELDS, _BUDGET, ("account", "unit")),
            "accounts whose rest rules may read as budget.<name>.left",
        ),
        "define": described(_define(), "names for constants, lists and conditions of all files"),
        "doc": described({}, "what the file is about, for people"),
    }
    parts["channels"] |= {"type": "object", "minProperties": 1}
    file = _fields(FILE_FIELDS, parts, ("channels",))
    about = "The channels, facts, budgets and definitions of a version: facts.yaml."
    return _top("Facts", about, file, _fact_kinds())


def _named(schema: Schema, text: str) -> Schema:
    named = {"type": ["object", "null"], "propertyNames": _SIMPLE_NAME, "additionalProperties": schema}
    return described(named, text)


def _declared() -> Schema:
    """Return the schema of `facts:`. Built-in facts keep their type; those of one's own need one."""
    word = CONDITION_WORD.pattern
    return {
        "type": ["object", "null"],
        "properties": dict(_built_in()),
        "patternProperties": {
            rf"^message\.params(\.{word})+$": {"$ref": "#/$defs/OwnFact"},
            rf"^user\.attributes(\.{word})+$": {"$ref": "#/$defs/FactOfUser"},
        },
        "additionalProperties": False,
        "maxProperties": MAX_FACTS,
    }


_OF_USER: Final = "a fact of the user cannot be required, since a user may be unknown"


def _fact_kinds() -> Schema:
    of_user = {**_FACT, "required": described({"const": False}, _OF_USER)}
    return {
        "Fact": _fields(FACT_FIELDS, _FACT),
        "OwnFact": _fields(FACT_FIELDS, _FACT, ("type",)),
        "FactOfUser": _fields(FACT_FIELDS, of_user, ("type",)),
    }


def _built_in() -> Iterator[tuple[str, Schema]]:
    for known in MESSAGE_FACTS:
        if not re.match(r"message\.params\.|user\.attributes\.", known.path):
            yield known.path, {"$ref": "#/$defs/Fact", "description": f"narrows {known.path}"}
