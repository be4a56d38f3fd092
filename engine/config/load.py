"""Settings from their three sources: the file, then the environment, then flags; the later outranks the earlier.

Every source is checked by itself, so that each complaint names the place to mend. All complaints of all sources come
in one ConfigurationError, a line each: where it stands, what was found, what is expected, and a remedy.
"""

from __future__ import annotations

import difflib
import json
import logging
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from engine.config.describe import PREFIX, PROVIDERS, environment_name, expected, sections, tables
from engine.config.model import Config, Section
from engine.errors import ConfigurationError

FILE_BYTES_MAX = 1024 * 1024
FOUND_MAX = 60
"""A found value is quoted up to so many characters."""

FILE_VARIABLE = f"{PREFIX}CONFIG"
"""The environment variable that names the settings file."""

PASSWORD = re.compile(r"://[^/\s]*@")

Tree = dict[str, dict[str, Any]]
SECTIONS: Mapping[str, type[Section]] = dict(sections())
TABLES: Mapping[str, type[Section]] = dict(tables())

log = logging.getLogger(__name__)


def load_config(
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[tuple[str, str], tuple[str, Any]] | None = None,
) -> Config:
    """The settings of one server.

    `flags` maps (section, key) to the flag's name and its value. Without `file`, SIGNALBOX_CONFIG may name one.
    Raises ConfigurationError with every complaint of every source.
    """
    environment = environment or {}
    if file is None and environment.get(FILE_VARIABLE):
        file = Path(environment[FILE_VARIABLE])
    complaints: list[str] = []
    merged = _from_file(file, complaints)
    merged = _merge(merged, _from_environment(environment, complaints))
    merged = _merge(merged, _from_flags(flags or {}, complaints))
    if complaints:
        raise ConfigurationError("\n".join(complaints))
    return Config.model_validate(merged)


def _from_file(file: Path | None, complaints: list[str]) -> Tree:
    if file is None:
        return {}
    try:
        with file.open("rb") as opened:
            content = opened.read(FILE_BYTES_MAX + 1)
        if len(content) > FILE_BYTES_MAX:
            complaints.append(f"{file}: larger than 1 MiB, so this is no settings file")
            return {}
        tree = tomllib.loads(content.decode("utf-8"))
    except OSError as error:
        complaints.append(f"{file}: cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        complaints.append(f"{file}: not UTF-8 text at byte {error.start}")
    except tomllib.TOMLDecodeError as error:
        complaints.append(f"{file}: not TOML: {error}")
    except RecursionError:
        complaints.append(f"{file}: nested too deep, so this is no settings file")
    else:
        return _checked(tree, str(file), complaints, base=file.parent)
    return {}


def _from_environment(environment: Mapping[str, str], complaints: list[str]) -> Tree:
    """Variables set to nothing count as unset, since that is how a container leaves one out."""
    names = {environment_name(name, key): (name, key) for name, model in SECTIONS.items() for key in model.model_fields}
    tree: Tree = {}
    for variable, text in sorted(environment.items()):
        if not variable.startswith(PREFIX) or variable == FILE_VARIABLE or not text:
            continue
        if variable in names:
            section, key = names[variable]
            tree = _merge(tree, _checked({section: {key: text}}, variable, complaints, texts=True))
        else:
            _unknown_variable(variable, list(names), complaints)
    return tree


def _unknown_variable(variable: str, names: list[str], complaints: list[str]) -> None:
    """A variable of one of our sections is a mistake; any other may belong to somebody else (a cluster sets
    SIGNALBOX_SERVICE_HOST for a service of that name), so it only earns a warning when it looks like one of ours."""
    close = difflib.get_close_matches(variable, names, n=1, cutoff=0.8)
    hint = f"; did you mean {close[0]}?" if close else ""
    if variable.startswith(f"{PREFIX}{PROVIDERS}_".upper()):
        complaints.append(f"{variable}: providers are set in the settings file, in a table [{PROVIDERS}.<name>] each")
    elif any(variable.startswith(f"{PREFIX}{name}_".upper()) for name in SECTIONS):
        complaints.append(f"{variable}: not a setting{hint}")
    elif close:
        log.warning("%s is not a setting and was not read%s", variable, hint)


def _from_flags(flags: Mapping[tuple[str, str], tuple[str, Any]], complaints: list[str]) -> Tree:
    tree: Tree = {}
    for (section, key), (flag, value) in flags.items():
        tree = _merge(tree, _checked({section: {key: value}}, flag, complaints))
    return tree


def _merge(one: Tree, other: Tree) -> Tree:
    """Both trees as one; where they disagree, the other's word counts."""
    return one | {section: one.get(section, {}) | values for section, values in other.items()}


def _checked(
    tree: Mapping[str, Any], place: str, complaints: list[str], *, base: Path | None = None, texts: bool = False
) -> Tree:
    """What one source sets, checked by itself; `texts` for a source that has nothing but strings."""
    try:
        config = Config.model_validate(tree, strict=not texts)
    except ValidationError as error:
        complaints += [_complaint(place, details) for details in error.errors()]
        return {}
    values = config.model_dump(exclude_unset=True)
    if base is not None:
        for section in values.values():
            section.update({key: base / value for key, value in section.items() if isinstance(value, Path)})
    return values


def _complaint(place: str, details: ErrorDetails) -> str:
    path = [str(part) for part in details["loc"]]
    name = ".".join(path)
    if details["type"] == "extra_forbidden":
        return f"{place}: {name} is not a setting{_did_you_mean(path)}"
    if path[-1] == "[key]":
        return f'{place}: "{path[1]}" cannot name a provider; expected small letters, digits, "-" and "_", at most 63'
    if len(path) == 1 or (path[0] == PROVIDERS and len(path) == 2):
        table = f"{PROVIDERS}.<name>" if name == PROVIDERS else name
        return f"{place}: {name} is {_found(details['input'])}; expected a table: [{table}] and its keys below it"
    key = path[2 if path[0] == PROVIDERS else 1]
    found = "missing" if details["type"] == "missing" else _found(details["input"])
    sentence = f"{place}: {name} is {found}; expected {expected(TABLES[path[0]], key)}"
    reason = str(details.get("ctx", {}).get("error", ""))
    return f"{sentence}; {reason}" if reason else sentence


def _did_you_mean(path: list[str]) -> str:
    """The closest name in the same table; else the table that has this very key."""
    if len(path) == 1:
        homes = [f"{name}.{path[0]}" for name, model in SECTIONS.items() if path[0] in model.model_fields]
        close = difflib.get_close_matches(path[0], TABLES, n=1) or homes
        return f"; did you mean {close[0]}?" if close else f"; the tables are {', '.join(TABLES)}"
    *table, key = path
    keys = TABLES[table[0]].model_fields
    near = difflib.get_close_matches(key, keys, n=1) or [
        f"{name}.{key}" for name, model in SECTIONS.items() if key in model.model_fields
    ]
    return f"; did you mean {near[0]}?" if near else f"; [{'.'.join(table)}] has {', '.join(keys)}"


def _found(value: Any) -> str:
    """A value as the file writes it, cut when long; a password in an address is left out."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = str(value)
    text = PASSWORD.sub("://…@", text)
    return text if len(text) <= FOUND_MAX else text[:FOUND_MAX] + "…"
