"""The page of docs/codes about a code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cli.private_server import ROOT
from engine.ruleset.codes import CODES, nearest


def page_of(code: str) -> Path | None:
    """Return the page about a code; None if there is none here, as where only the program was installed."""
    page = ROOT / "docs" / "codes" / f"{code}.md"
    return page if code in CODES and page.is_file() else None


def explain(ctx: click.Context, parameter: Any, code: str | None) -> None:
    """Print the page about a code, and end. Raises a usage error for what is no code."""
    if code is None or ctx.resilient_parsing:
        return
    if code not in CODES:
        raise click.UsageError(f'there is no code "{code[:60]}"; {nearest(code) or "docs/codes/README.md lists all"}')
    page = page_of(code)
    click.echo(page.read_text(encoding="utf-8") if page else f"# {code}\n\n{CODES[code].title}", nl=page is None)
    ctx.exit()
