"""The commented settings file, made from the model: every key with its meaning, bounds and default."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from engine.config.describe import PROVIDERS, environment_name, expected, tables
from engine.config.model import ProviderSettings, Section

HEAD = """\
# Settings of Signalbox. Every key may be left out; the values below are the defaults.
# An environment variable outranks this file, a flag of `signalbox serve` outranks both.
# A relative path in this file counts from the folder of the file.
"""


def render_template() -> str:
    """The default settings as commented TOML; what it says is what an empty file means."""
    lines = [HEAD]
    for name, section in tables():
        lines += _example() if name == PROVIDERS else _table(name, section)
        lines.append("")
    return "\n".join(lines)


def _table(name: str, section: type[Section]) -> list[str]:
    lines = [*_comment(str(section.__doc__)), f"[{name}]"]
    for key, field in section.model_fields.items():
        text = f"{field.description} {_capital(expected(section, key))}. {environment_name(name, key)}"
        lines += [*_comment(text), f"{key} = {_toml(field.default)}"]
    return lines


def _example() -> list[str]:
    """A provider, commented out: there is none by default."""
    lines = [*_comment(str(ProviderSettings.__doc__)), "#", f"# [{PROVIDERS}.carrier-a]"]
    for key, field in ProviderSettings.model_fields.items():
        lines += _comment(f"{field.description} {_capital(expected(ProviderSettings, key))}.", "# # ")
        default = field.examples[0] if field.examples else field.get_default(call_default_factory=True)
        lines.append(f"# {key} = {_toml(default)}")
    return lines


def _comment(text: str, indent: str = "# ") -> list[str]:
    one_line = " ".join(text.split())
    return textwrap.wrap(one_line, 110, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _toml(value: Any) -> str:
    """A default as TOML writes it; JSON's strings, numbers, booleans, lists and empty tables are TOML's too."""
    return json.dumps(str(value) if isinstance(value, Path) else value)
