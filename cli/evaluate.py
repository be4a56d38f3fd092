"""`signalbox evaluate`: the options, and the parts of a run put together."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import click
import grpc
from rich.console import Console

from cli.client import connected, explain_error
from cli.console import wide_console
from cli.evaluation.batches import in_batches
from cli.evaluation.explain import explanation_json, show_explanation
from cli.evaluation.pick import Explained, Pick
from cli.evaluation.progress import progress_on
from cli.evaluation.rejects import Rejects
from cli.evaluation.report import show_report
from cli.evaluation.run import CALL_SECONDS, Run
from cli.evaluation.state import KeptState
from cli.interrupts import let_signals_interrupt
from cli.mapping.messages import MessageStream, survey
from cli.mapping.model import EventMap
from cli.mapping.problems import TableBroken
from cli.mapping.rows import RowReader
from cli.preparing import prepare, warn_of_unknown_channels
from cli.private_server import private_server, rules_root
from cli.problems import PROBLEMS, BrokenOff, CannotStart
from signalbox.v1 import decision_service_pb2_grpc

_EXAMPLE = """\b
Examples:
  signalbox evaluate examples/bank/transactions.csv.gz --map examples/bank/map.yaml
  signalbox evaluate 1994.csv --map map.yaml --join client=clients-1994.csv --json

\b
Exit codes: 0 the run is complete (rejected rows are counted and told; a file without any rows is complete too),
1 it broke off, or there were rows and none of them could be decided, 2 it could not begin."""

PathType = click.Path(path_type=Path)


@click.command(epilog=_EXAMPLE)
@click.argument("file", type=PathType)
@click.option("--map", "map_file", type=PathType, required=True, help="What the rows mean: the mapping file.")
@click.option("--join", "joins", multiple=True, metavar="NAME=FILE", help="Take FILE for the table that the map joins.")
@click.option("--server", metavar="ADDR", help="Ask this server (host:port). Without it a private one is started.")
@click.option("--rules", type=PathType, help="For the private server: the folder of rollout.yaml, or of one version.")
@click.option("--batch", type=click.IntRange(1, 1000), default=500, show_default=True, help="Messages in one request.")
@click.option("--explain", metavar="REQUEST_ID", help="Explain this message in full, such as notice-1234.")
@click.option("--rejects", type=PathType, help="Write every rejected row to this file, a JSON object a line.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as one JSON object.")
def evaluate(
    file: Path,
    map_file: Path,
    joins: Sequence[str],
    server: str | None,
    rules: Path | None,
    batch: int,
    explain: str | None,
    rejects: Path | None,
    as_json: bool,
) -> None:
    """Decide what the rows of FILE would lead to, in their own time, and show what came out.

    FILE is CSV or JSON lines, gzipped or not; the map says how its rows become messages (docs/maps.md). The messages
    go to a server in batches, each with the part of the state that it touches. Nothing is sent to anybody.
    """
    if server and rules:
        raise click.UsageError("--rules is for the private server; a server given by --server has rules of its own")
    event_map, partners = prepare(map_file, joins)
    try:
        surveyed = survey(event_map, file)
        stream = MessageStream(event_map, RowReader(event_map, partners), surveyed.in_order)
        by = server or rules_root(rules)
        if isinstance(by, Path):
            warn_of_unknown_channels(event_map, by)
        with _deciding(by) as stub, Rejects(rejects) as refused:
            state, pick = KeptState(event_map.tenant, event_map.accounts), Pick(explain)
            with progress_on(Console(stderr=True), surveyed.rows, stream) as progress:
                run = Run(stub, state, pick, refused.add, progress)
                began = time.perf_counter()
                run.run(in_batches(stream.read(file), batch, event_map.breakers, refused.add))
                seconds = time.perf_counter() - began
            explained = _explained(pick, stub) if explain or not as_json else None
    except TableBroken as broken:
        raise CannotStart(str(broken), broken.hint) from broken
    run.tally.rejected = refused.count
    refused.show(Console(stderr=True))
    remarks = [table.told for table in partners if table.told]
    if as_json:
        for remark in remarks:
            click.echo(remark, err=True)
        counts = run.tally.as_json(seconds)
        if explained is not None:
            counts["explanation"] = explanation_json(explained)
        click.echo(json.dumps(counts, ensure_ascii=False))
    else:
        _show(run, seconds, event_map, remarks, explained)
    if explain and explained is None:
        raise BrokenOff(
            f"no decided message has the request id {explain}; they look like {event_map.kinds[0].name}-1234"
        )
    if run.tally.read and not run.tally.decided:
        click.get_current_context().exit(PROBLEMS)


@contextmanager
def _deciding(by: str | Path) -> Iterator[decision_service_pb2_grpc.DecisionServiceStub]:
    """Give the service that decides: of the server at an address, or of a private one with the rules in a folder."""
    let_signals_interrupt()
    serving = private_server(by) if isinstance(by, Path) else nullcontext(by)
    with serving as address, connected(address) as channel:
        yield decision_service_pb2_grpc.DecisionServiceStub(channel)


def _explained(pick: Pick, stub: decision_service_pb2_grpc.DecisionServiceStub) -> Explained | None:
    try:
        return pick.explain(stub, CALL_SECONDS)
    except grpc.RpcError as error:
        click.echo(f"signalbox: no explanation: {explain_error(error)}", err=True)
        return None


def _show(run: Run, seconds: float, event_map: EventMap, remarks: Sequence[str], explained: Explained | None) -> None:
    console = wide_console()
    show_report(console, run, seconds, event_map, remarks)
    if explained is not None:
        show_explanation(console, explained, event_map.clock.zone)
