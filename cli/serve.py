"""`signalbox serve`: settings from file, environment and flags; then the server."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from cli.private_server import SERVER_VARIABLE, rules_home
from cli.problems import CANNOT_START
from engine.config import Config, load_config, render_template
from engine.errors import RuleSetRefused, SignalboxError
from engine.logs import start_logging
from engine.ruleset.issues import Issue, Severity

FLAGS = {
    "host": ("server", "host"),
    "port": ("server", "port"),
    "data_dir": ("data", "dir"),
    "rules": ("rules", "dir"),
    "tests": ("rules", "tests_dir"),
    "dev": ("rules", "dev"),
}
"""Which setting each flag sets."""

ROLES = ("all", "intake", "worker", "recorder")
"""See `server.Role`."""


@click.command()
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="The settings file.")
@click.option("--print-config", is_flag=True, help="Print the default settings file, with comments, and end.")
@click.option("--host", help="The address to listen on; a loopback address.")
@click.option("--port", type=int, help="The port for gRPC; 0 takes a free one.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="The folder for what outlives a restart.")
@click.option(
    "--rules",
    type=click.Path(path_type=Path),
    help="The folder with rollout.yaml and the rule versions. Default: ./rules, else the checkout's.",
)
@click.option(
    "--tests",
    type=click.Path(path_type=Path),
    help="The folder with each version's rule tests. Default: ./rule_tests, or the checkout's with its rules.",
)
@click.option("--dev", is_flag=True, default=None, help="Load the served version again whenever it is edited.")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default=ROLES[0],
    show_default=True,
    help="What this process does, where several share one state: answer calls, send, or record. `all` needs no other.",
)
def serve(config_file: Path | None, print_config: bool, role: str, **flags: Any) -> None:
    """Run the server until it is asked to stop (Ctrl-C or SIGTERM).

    When it is ready it writes one line to standard output: ready grpc=HOST:PORT http=-, with grpc=- where its role
    answers no calls.
    """
    if print_config:
        click.echo(render_template(), nl=False)
        return
    try:
        given = {FLAGS[name]: (_spelled(name), value) for name, value in flags.items() if value is not None}
        # That variable is for the commands that speak to a server, and would only earn a warning here.
        environment = {name: value for name, value in os.environ.items() if name != SERVER_VARIABLE}
        config = with_rules(load_config(config_file, environment, given))
        start_logging(config.log.level, config.log.format)
        from server import Role, run  # 0.2 s, which `--help` and a mistake in the settings need not wait for

        run(config, ready, Role(role))
    except RuleSetRefused as refusal:
        place = config.rules.dir.absolute()
        _cannot_start(f"{refusal} (rules folder: {place}; {_advice(refusal, config.rules.tests_dir)})")
    except (SignalboxError, OSError) as error:
        _cannot_start(str(error))


def _advice(refusal: RuleSetRefused, tests_dir: Path) -> str:
    """Say what helps: the tests if one of them refused the rules, the hint if files were edited, else the check."""
    from engine.flow.loading import path_of_tests

    issues = [issue for issue in refusal.issues if isinstance(issue, Issue) and issue.severity is Severity.ERROR]
    if any(issue.file.startswith(f"{path_of_tests(tests_dir)}/") for issue in issues):
        return "`signalbox rules test` tells more"
    hints = [issue.hint for issue in issues if issue.code == "served-folder-edited"]
    return hints[0] if hints else "`signalbox rules check` tells more"


def with_rules(config: Config) -> Config:
    """Where nothing names the rules' folder, take ./rules or else the checkout's, with the tests beside it."""
    if "dir" in config.rules.model_fields_set:
        return config
    home = rules_home()
    usual = {"dir": home / "rules", "tests_dir": home / "rule_tests"}
    set_by_somebody = {name: getattr(config.rules, name) for name in config.rules.model_fields_set}
    return config.model_copy(update={"rules": config.rules.model_copy(update=usual | set_by_somebody)})


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
