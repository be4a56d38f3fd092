"""`signalbox rules status`: which version of the rules a server follows."""

from __future__ import annotations

import json

import click

from cli.client import DEFAULT_SERVER, connected, explain_error
from cli.console import wide_console
from cli.problems import PROBLEMS, CannotStart
from engine.ruleset.issues import Severity


@click.command(
    epilog="""\b
Examples:
  signalbox rules status
  signalbox rules status --server 127.0.0.1:50051 --json

\b
Exit codes: 0 the newest version decides, 1 it could not be loaded and an older one decides, 2 no server answers."""
)
@click.option(
    "--server", default=DEFAULT_SERVER, show_default=True, metavar="ADDR", help="The server to ask (host:port)."
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as one JSON object.")
def status(server: str, as_json: bool) -> None:
    """Ask a server which version of the rules decides, and what is wrong with a newer one."""
    import grpc

    from cli.rules.status_report import show_status, status_json
    from signalbox.v1 import rule_service_pb2, rule_service_pb2_grpc

    with connected(server) as channel:
        try:
            answer = rule_service_pb2_grpc.RuleServiceStub(channel).Status(rule_service_pb2.StatusRequest(), timeout=10)
        except grpc.RpcError as error:
            raise CannotStart(f"{server} did not tell: {explain_error(error)}") from error
    if as_json:
        click.echo(json.dumps(status_json(answer), ensure_ascii=False, indent=2))
    else:
        show_status(wide_console(), answer)
    if any(problem.severity == Severity.ERROR.name for problem in answer.problems):
        click.get_current_context().exit(PROBLEMS)
