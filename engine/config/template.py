"""The commented settings file, made from the model: every key with its meaning, bounds and default."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from engine.config.describe import environment_name, expected, sections

HEAD = """\
# Settings of Signalbox. Every key may be left out; the values below are the defaults.
# An environment variable outranks this file, a flag of `signalbox serve` outranks both.
# A relative path in this file counts from the folder of the file.
"""


def render_template() -> str:
    """The default settings as commented TOML; what it says is what an empty file means."""
    lines = [HEAD]
    for name, section in sections():
        lines += [f"# {section.__doc__}", f"[{name}]"]
        for key, field in section.model_fields.items():
            text = f"{field.description} {_capital(expected(section, key))}. {environment_name(name, key)}"
            lines += textwrap.wrap(text, 110, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
            lines.append(f"{key} = {_toml(field.default)}")
        lines.append("")
    return "\n".join(lines)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _toml(value: Any) -> str:
    """A default as TOML writes it; JSON's strings, numbers and booleans are TOML's too."""
    return json.dumps(str(value) if isinstance(value, Path) else value)
