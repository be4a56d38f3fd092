"""`signalbox serve`: settings from file, environment and flags; then the server."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from cli.problems import CANNOT_START
from engine.config import load_config, render_template
from engine.errors import RuleSetRefused, SignalboxError
from engine.logs import start_logging

FLAGS = {
    "host": ("server", "host"),
    "port": ("server", "port"),
    "data_dir": ("data", "dir"),
    "rules": ("rules", "dir"),
    "tests": ("rules", "tests_dir"),
    "dev": ("rules", "dev"),
}
"""Which setting each flag sets."""


@click.command()
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="The settings file.")
@click.option("--print-config", is_flag=True, help="Print the default settings file, with comments, and end.")
@click.option("--host", help="The address to listen on; a loopback address.")
@click.option("--port", type=int, help="The port for gRPC; 0 takes a free one.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="The folder for what outlives a restart.")
@click.option("--rules", type=click.Path(path_type=Path), help="The folder with rollout.yaml and the rule versions.")
@click.option("--tests", type=click.Path(path_type=Path), help="The folder with each version's rule tests.")
@click.option("--dev", is_flag=True, default=None, help="Load the served version again whenever it is edited.")
def serve(config_file: Path | None, print_config: bool, **flags: Any) -> None:
    """Run the server until it is asked to stop (Ctrl-C or SIGTERM).

    When it is ready it writes one line to standard output: ready grpc=HOST:PORT http=-
    """
    if print_config:
        click.echo(render_template(), nl=False)
        return
    try:
        given = {FLAGS[name]: (_spelled(name), value) for name, value in flags.items() if value is not None}
        config = load_config(config_file, os.environ, given)
        start_logging(config.log.level, config.log.format)
        from server import run  # 0.2 s, which `--help` and a mistake in the settings need not wait for

        run(config, ready)
    except RuleSetRefused as refusal:
        place = config.rules.dir.absolute()
        _cannot_start(f"{refusal} (rules folder: {place}; `signalbox rules check` tells more)")
    except (SignalboxError, OSError) as error:
        _cannot_start(str(error))


def ready(grpc_address: str) -> None:
    """Tell whoever started the server that it decides, and where."""
    click.echo(f"ready grpc={grpc_address} http=-")
    sys.stdout.flush()


def _cannot_start(why: str) -> NoReturn:
    for line in why.splitlines():
        click.echo(f"signalbox: {line}", err=True)
    sys.exit(CANNOT_START)


def _spelled(name: str) -> str:
    return "--" + name.replace("_", "-")
