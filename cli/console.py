"""Where results are printed: as wide as the terminal, and in a file or a pipe as wide as they need to be."""

from __future__ import annotations

import os
from typing import Final

from rich.console import Console

WIDTH: Final = 200
"""For tables off a terminal; lines of text are never cut there."""


def wide_console() -> Console:
    """Return the console for standard output; off a terminal nothing is wrapped, unless COLUMNS asks for it."""
    console = Console(emoji=False)  # a place such as file.yaml:100:7 is none
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width, console.soft_wrap = WIDTH, True
    return console
