"""`signalbox rules schema`: the JSON Schemas of rule files, for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cli.private_server import ROOT
from cli.problems import PROBLEMS, CannotStart
from cli.rules.problem_report import json_text
from cli.rules.versions import PathType

FOLDER = ROOT / "docs" / "schemas"
"""Where the checkout keeps them."""


def all_schemas() -> dict[str, dict[str, Any]]:
    """Return every schema by its name."""
    from engine.decision.case_schema import case_schema
    from engine.ruleset.editor_help import with_help
    from engine.ruleset.json_schema import schemas

    return {name: with_help(one) for name, one in {**schemas(), "rule-tests": case_schema()}.items()}


@click.command(
    epilog="""\b
Examples:
  signalbox rules schema
  signalbox rules schema routing > routing.json
  signalbox rules schema --dir docs/schemas
  signalbox rules schema --dir docs/schemas --check

\b
Exit codes: 0 fine, 1 a file differs from what would be written (--check), 2 could not begin."""
)
@click.argument("name", required=False)
@click.option("--dir", "folder", type=PathType, metavar="DIR", help="Write the schemas as DIR/<name>.json.")
@click.option(
    "--check", is_flag=True, help="Write nothing; end with 1 if a file of --dir is not as it would be written."
)
@click.option("--json", "as_json", is_flag=True, help="Print the list of names as JSON.")
def schema(name: str | None, folder: Path | None, check: bool, as_json: bool) -> None:
    """Print the JSON Schema of one kind of file, or write them all.

    NAME is one of those that the command lists when it is given neither NAME nor --dir.
    """
    made = all_schemas()
    if name is not None and name not in made:
        raise CannotStart(f'there is no schema "{name[:60]}"', f"there are {', '.join(made)}")
    if name is not None:
        made = {name: made[name]}
    if check and folder is None:
        raise CannotStart("--check compares the files of a folder", "add --dir DIR")
    if folder is not None:
        _write(made, folder, check)
    elif name is not None:
        click.echo(json_text(made[name]))
    elif as_json:
        click.echo(json_text([{"name": one, "description": each["description"]} for one, each in made.items()]))
    else:
        for one, each in made.items():
            click.echo(f"{one:<14}{each['description']}")


def _write(made: dict[str, dict[str, Any]], folder: Path, check: bool) -> None:
    """Write the schemas, or tell which are not as they would be written."""
    differing = [folder / f"{name}.json" for name in made if _found(folder / f"{name}.json") != _text(made[name])]
    if check:
        for file in differing:
            click.echo(f"{file} is not as it would be written")
        if differing:
            click.get_current_context().exit(PROBLEMS)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in differing:
            file.write_text(_text(made[file.stem]), encoding="utf-8")
            click.echo(f"wrote {file}")
    except OSError as error:
        raise CannotStart(f"{folder} cannot be written: {error.strerror or error}") from error


def _text(one: dict[str, Any]) -> str:
    return json_text(one) + "\n"


def _found(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
