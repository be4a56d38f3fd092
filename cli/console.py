"""Where results are printed: as wide as the terminal, and in a file or a pipe as wide as they need to be."""

from __future__ import annotations

import os
import re
from typing import Any, Final

from rich.console import Console
from rich.text import Text

WIDTH: Final = 200
"""For tables off a terminal; lines of text are never cut there."""


_OBEYED: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What a terminal would do, and not show: escapes, and marks that turn the direction of what follows."""


class SafeConsole(Console):
    """A console that shows a sign in the place of what a terminal would obey, whoever wrote the text."""

    def render_str(self, text: str, **given: Any) -> Text:
        """Return the text with its marks of style, as rich makes it."""
        return super().render_str(_OBEYED.sub("\ufffd", text), **given)


def wide_console() -> Console:
    """Return the console for standard output; off a terminal nothing is wrapped, unless COLUMNS asks for it."""
    console = SafeConsole(emoji=False)  # a place such as file.yaml:100:7 is none
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width, console.soft_wrap = WIDTH, True
    return console
