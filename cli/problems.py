"""What a command could not do, in a sentence and with the exit code that tells scripts.

0  done, nothing wrong
1  done, and problems were found; or the work broke off
2  could not begin: wrong usage, a file that is not there, a server that does not answer
"""

from __future__ import annotations

from typing import Final

import click

PROBLEMS: Final = 1
CANNOT_START: Final = 2


class CannotStart(click.ClickException):
    """The command could not begin."""

    exit_code = CANNOT_START

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}\n  hint: {hint}" if hint else message)


class BrokenOff(click.ClickException):
    """The command began and could not finish."""

    exit_code = PROBLEMS
