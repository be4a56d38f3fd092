"""JSON Schemas (draft 2020-12) of the YAML files of a version, made of the forms that read them.

An editor completes, explains and checks with them while a file is written. What a schema refuses the check refuses too;
what only shows when a whole version is read, such as a channel that there is not, is left to the check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel

from engine.ruleset.definitions import MOST_DEFINED, ConditionDefinition
from engine.ruleset.effects import ACCOUNT_FACTS, EFFECTS, FAMILIES
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


_ABOUT_THEN: Final = {
    "routing": "which channels, and in which order: concurrent, supplement or distribute; beside it perhaps priority",
    "interception": "what must not go out, not now or not this way: drop, hold or exclude",
    "fatigue": "how often one user may be touched: limit",
    "budget": "what the message costs, and which account pays: charge",
    "breaker": "which state the subject of the window gets: set",
}


def _then(family: str, definitions: Schema) -> Schema:
    parts: Schema = {}
    made = _form(THENS[family], {}, parts)
    for group in (made, *parts.values()):
        for field in group["properties"].values():
            _once(field)
    for form, more in _BEYOND_FIELDS.items():
        if form in parts:
            parts[form] |= more
    for (form, name), more in _BEYOND_TYPES.items():
        if form in parts:
            parts[form]["properties"][name] |= more
    definitions.update(parts)
    return {**made, **_one_effect(family), "description": _ABOUT_THEN[family]}


def _one_effect(family: str) -> Schema:
    """Say that a `then:` has exactly one of the family's effects, with words for what is missing or too much."""
    effects = EFFECTS[family]
    wanted = f"then: has one of {', '.join(effects)}" if len(effects) > 1 else f"then: has {effects[0]}"
    alone = {
        effect: {
            "properties": {other: False for other in effects if other != effect},
            "errorMessage": "a rule has one effect",
        }
        for effect in effects
        if len(effects) > 1
    }
    return {
        "anyOf": [{"required": [effect], "errorMessage": wanted} for effect in effects],
        **({"dependentSchemas": alone} if alone else {}),
    }


def _once(field: Schema) -> None:
    """Say of a list of channels, providers or keys that each stands in it once."""
    if field.get("type") == "array":
        field["uniqueItems"] = True


_ACCOUNT: Final = rf"^([^{{}}]|\{{({'|'.join(ACCOUNT_FACTS)})\}})*$"
_BEYOND_FIELDS: Final[dict[str, Schema]] = {
    "ChargeForm": {
        "if": {"properties": {"unit": {"const": "COUNT"}}, "required": ["unit"]},
        "then": {"properties": {"amount": {"type": "integer", "errorMessage": "COUNT is charged in whole numbers"}}},
    },
    "SetForm": {
        "if": {"properties": {"state": {"const": "SLOW"}}, "required": ["state"]},
        "then": {"required": ["speed"], "errorMessage": "SLOW needs to know how slow: add speed: 0.5"},
        "else": {
            "if": {"required": ["state"]},
            "then": {"properties": {"speed": False}, "errorMessage": "what is PAUSED stands still and has no speed"},
        },
    },
}
"""What a form says about several of its fields together."""
_BEYOND_TYPES: Final[dict[tuple[str, str], Schema]] = {
    ("ChargeForm", "account"): {"pattern": _ACCOUNT},
    ("LimitForm", "per"): {
        "contains": {"const": "user"},
        "errorMessage": "a limit counts the touches of one user: a list with user in it, such as [user, line]",
    },
}
"""What a form says about one of its fields, and its type does not."""


def _then_of_table(family: str, definitions: Schema) -> Schema:
    """Return the schema of the `then:` that rows share: columns may set what is missing in it."""
    whole: Schema = {}
    then = _then(family, whole)
    definitions.update({name + _IN_TABLE: _loose(schema) for name, schema in whole.items()})
    return dict(_loose({name: part for name, part in then.items() if name != "anyOf"}))


def _loose(schema: Any) -> Any:
    """Return a schema in which every field may be left out."""
    if isinstance(schema, list):
        return [_loose(one) for one in schema]
    if not isinstance(schema, dict):
        return f"{schema}{_IN_TABLE}" if isinstance(schema, str) and schema.startswith("#/$defs/") else schema
    return {
        name: part if name == "if" else _loose(part)
        for name, part in schema.items()
        if not (name == "required" and isinstance(part, list))
    }


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
    shared = _then_of_table(family, definitions)
    definitions[f"{name}Table"] = _form(table, {**when, "then": shared, "table": _TABLE}, definitions)
    definitions[f"{name}Rule"]["properties"]["table"] = described(_TABLE, _INSTEAD)
    definitions[f"{name}Rule"]["description"] = "A rule: what it asks for when its condition holds."
    definitions[f"{name}Table"]["description"] = "A decision table: each of its rows is a rule."
    definitions["Grid"] = _form(GridForm, _GRID, definitions)
    definitions[f"{name}Entry"] = {
        "if": {"type": "object", "anyOf": [{"required": [word]} for word in _TABLE_WORDS]},
        "then": {"$ref": f"#/$defs/{name}Table"},
        "else": {"$ref": f"#/$defs/{name}Rule"},
    }
    return f"#/$defs/{name}Entry"


_TABLE: Final[Schema] = {"anyOf": [{"type": "string", "pattern": r"^tables/[^/]+\.csv$"}, {"$ref": "#/$defs/Grid"}]}
_INSTEAD: Final = "instead of one rule a rule for each row: tables/<name>.csv, or columns: and rows:"
"""A rule is offered the field that makes it a table; having it, it is judged as one."""

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
            "if": {"type": "object", "required": ["remove"]},
            "then": {"$ref": "#/$defs/Removal"},
            "else": {"$ref": _entry(family, OverrideRule, OverrideTable, definitions)},
        }
        removed = definitions["Removal"]["properties"]["remove"]
        definitions[f"{family.capitalize()}Rule"]["properties"]["remove"] = described(removed, _REMOVED)
        parts[family] = {"type": "array", "items": entry, "maxItems": MOST_RULES}
    file = _form(OverrideFile, parts, definitions) | {"anyOf": [{"required": [family]} for family in OVERRIDABLE]}
    about = "What one line or tenant has instead of the common rules, or besides: overrides/<name>.yaml."
    return _top("Override", about, file, definitions)


_REMOVED: Final = "instead of a rule: the id of the common rule that does not hold for these messages"


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
    parts["channels"]["additionalProperties"] |= {"description": "a channel, by the name that rules call it"}
    parts["budgets"]["additionalProperties"] |= {"description": "an account; rules read budget.<this name>.left"}
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
    own = {**_fields(FACT_FIELDS, _FACT, ("type",)), "dependentSchemas": {"values": _ONLY_TEXTS}}
    of_user = {**_FACT, "required": described({"const": False}, _OF_USER)}
    return {
        "OwnFact": {**own, "description": "a param that callers send, as far as rules read it"},
        "FactOfUser": {
            **own,
            "properties": {name: of_user[name] for name in FACT_FIELDS},
            "description": "a further fact of the user",
        },
    }


_ONLY_TEXTS: Final[Schema] = {"properties": {"type": {"const": "string", "errorMessage": "only a string has values:"}}}


def _built_in() -> Iterator[tuple[str, Schema]]:
    """Give the facts of every message: they may be required, and a text that may be anything may be closed."""
    for known in MESSAGE_FACTS:
        if known.path.startswith("message.") and not known.path.startswith("message.params."):
            closable = known.type is Type.STRING and known.values is None
            fields = tuple(name for name in FACT_FIELDS if closable or name != "values")
            about = f"{known.path}: whether it is required{', which texts it may be' * closable}"
            made = _fields(fields, {**_FACT, "type": described({"const": known.type.value}, "it has its type already")})
            yield known.path, described(made, about)
