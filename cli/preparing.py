"""What `evaluate` and `send` do before anything is judged: the map and the tables it joins are read and checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from cli.evaluation.channels import known_channels, unknown_channels
from cli.evaluation.rejects import Grouped
from cli.mapping.compile import load_map
from cli.mapping.model import EventMap
from cli.mapping.problems import MapRefused, TableBroken, UnknownJoin
from cli.mapping.rows import Partners, load_partners
from cli.problems import CannotStart
from engine.ruleset.issues import Issue, render


def prepare(map_file: Path, joins: Sequence[str]) -> tuple[EventMap, list[Partners]]:
    """Read the map and the tables that it joins; `joins` holds NAME=FILE.

    Raises CannotStart with everything that is wrong; what is only odd is told on standard error.
    """
    try:
        event_map = load_map(map_file)
        partners = load_partners(event_map, _pairs(joins))
    except MapRefused as refused:
        colours = Console(stderr=True).is_terminal
        raise CannotStart(f"the map cannot be used\n{render(refused.issues, colours)}") from None
    except TableBroken as broken:
        raise CannotStart(str(broken), broken.hint) from broken
    except UnknownJoin as unknown:
        raise CannotStart(str(unknown)) from unknown
    except OSError as error:
        raise CannotStart(f"{map_file}: {error.strerror}") from error
    _warn(event_map.warnings)
    for table in partners:
        _tell_left_out(table)
    return event_map, partners


def warn_of_unknown_channels(event_map: EventMap, rules: Path) -> None:
    """Tell of channels that the map names and the rules in a folder do not declare."""
    _warn(unknown_channels(event_map, known_channels(rules)))


def _warn(warnings: Sequence[Issue]) -> None:
    if warnings:
        click.echo(render(warnings, Console(stderr=True).is_terminal), err=True)


def _tell_left_out(table: Partners) -> None:
    left_out = Grouped()
    for bad in table.problems:
        left_out.add(bad.line, "", bad.causes)
    for line in left_out.told("they are no partners either"):
        click.echo(f"{table.file}: left out: {line}", err=True)


def _pairs(joins: Sequence[str]) -> dict[str, Path]:
    pairs = {}
    for join in joins:
        name, sign, file = join.partition("=")
        if not (name and sign and file):
            raise click.UsageError(f"--join {join}: expected NAME=FILE, such as client=clients.csv")
        pairs[name] = Path(file)
    return pairs
