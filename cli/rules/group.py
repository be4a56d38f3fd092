"""`signalbox rules`: the group of its commands."""

from __future__ import annotations

from typing import Final

import click

from cli.commands import LazyGroup, Table

_COMMANDS: Final[Table] = {
    "check": ("cli.rules.check:check", "Look for everything that is wrong in a version of the rules."),
    "test": ("cli.rules.run_tests:test", "Run the rule tests of a version."),
    "explain": ("cli.rules.explain:explain", "Explain why a message is decided as it is."),
    "eval": ("cli.rules.evaluate:eval_", "Evaluate one expression of the language."),
    "fmt": ("cli.rules.fmt:fmt", "Put rule files and their tests into their one layout."),
    "schema": ("cli.rules.schema:schema", "Write the JSON Schemas by which editors help with rule files."),
    "status": ("cli.rules.status:status", "Ask a server which version of the rules decides."),
}


@click.group(cls=LazyGroup, table=_COMMANDS, epilog="Example: signalbox rules check rules/2026.11.1")
def rules() -> None:
    """Check, test and look after the rules."""
