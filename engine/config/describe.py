"""A setting in words: what it accepts, made from its place in the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.config.model import Config, ProviderSettings, Section

PREFIX = "SIGNALBOX_"
"""How the name of every environment variable begins."""

PROVIDERS = "providers"
"""The one table that holds tables of the operator's naming; no variable and no flag reaches into it."""


def sections() -> Iterator[tuple[str, type[Section]]]:
    """The name and the model of every table of the settings file with fixed keys, in its order."""
    for name, field in Config.model_fields.items():
        if name != PROVIDERS:
            assert isinstance(field.annotation, type)
            yield name, field.annotation


def tables() -> Iterator[tuple[str, type[Section]]]:
    """Every table of the settings file, in its order, with its model: for `providers` that of each table in it."""
    known = dict(sections())
    for name in Config.model_fields:
        yield name, known.get(name, ProviderSettings)


def environment_name(section: str, key: str) -> str:
    """The environment variable of one setting."""
    return f"{PREFIX}{section}_{key}".upper()


def expected(section: type[Section], key: str) -> str:
    """What the setting accepts, as the end of the sentence "expected …"."""
    schema: dict[str, Any] = section.model_json_schema()["properties"][key]
    if "expected" in schema:
        return str(schema["expected"])
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    kind = {"boolean": "true or false", "integer": "a whole number", "number": "a number", "string": "a text"}
    words = kind[schema["type"]]
    if "minimum" in schema:
        words += f" from {_number(schema['minimum'])} to {_number(schema['maximum'])}"
    return words


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)
