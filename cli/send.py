"""`signalbox send`: the options, and the parts of a run put together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from cli.console import wide_console
from cli.mapping.messages import survey
from cli.mapping.problems import TableBroken
from cli.preparing import prepare, warn_of_unknown_channels
from cli.private_server import rules_root
from cli.problems import PROBLEMS, CannotStart
from cli.sending.job import Job, Order
from cli.sending.report import show_sent
from cli.servers import Server, a_server, server_options
from cli.timeline import show_timeline
from cli.trace import zone_of
from signalbox.v1 import message_service_pb2

_EXAMPLE = """\b
Examples:
  signalbox send examples/bank/transactions.csv.gz --map examples/bank/map.yaml --wait
  signalbox send events.jsonl --map map.yaml --server 127.0.0.1:50051 --json
  SIGNALBOX_SERVER=127.0.0.1:50051 signalbox send events.jsonl --map map.yaml

\b
The same command again sends nothing twice: every message has a request id made of its row's key and its name in the
map. After a kill it goes on where it stopped.

\b
Exit codes: 0 the run is complete (rejected rows are counted and told; a file without any rows is complete too),
1 it broke off, or there were rows and none of them was accepted, 2 it could not begin."""

PathType = click.Path(path_type=Path)


@click.command(epilog=_EXAMPLE)
@click.argument("file", type=PathType)
@click.option("--map", "map_file", type=PathType, required=True, help="What the rows mean: the mapping file.")
@click.option("--join", "joins", multiple=True, metavar="NAME=FILE", help="Take FILE for the table that the map joins.")
@server_options
@click.option("--rules", type=PathType, help="For a private server: the folder of rollout.yaml, or of one version.")
@click.option("--wait", is_flag=True, help="Wait until every message is final; the messages' clock is moved on for it.")
@click.option("--limit", type=click.IntRange(min=1), help="Send no more than the first so many messages.")
@click.option("--batch", type=click.IntRange(1, 1000), default=500, show_default=True, help="Messages in one request.")
@click.option(
    "--rejects",
    type=PathType,
    help="Write every rejected row to this file, a JSON object a line.  [default: FILE.rejected.jsonl, here or in the "
    "data folder of a private server]",
)
@click.option("--trace", "in_full", is_flag=True, help="In the end tell all about one of the messages.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as one JSON object.")
def send(
    file: Path,
    map_file: Path,
    joins: Sequence[str],
    server: str | None,
    data_dir: Path | None,
    rules: Path | None,
    wait: bool,
    limit: int | None,
    batch: int,
    rejects: Path | None,
    in_full: bool,
    as_json: bool,
) -> None:
    """Send the messages that the rows of FILE lead to, and show what became of them.

    FILE is CSV or JSON lines (.jsonl, .ndjson), gzipped or not; the map says how its rows become messages
    (docs/maps.md). Who the users are, what is in the accounts and when channels were not well is put on the server as
    the map says. On the messages' clock every message is sent at the time of its row, on the real one now.
    """
    event_map, partners = prepare(map_file, joins)
    try:
        surveyed = survey(event_map, file)
        files = (file, map_file, *(table.file for table in partners))
        order = Order(event_map, partners, file, files, surveyed, batch, limit, wait, rejects)
        with a_server(server, data_dir, rules, makes_data=True) as asked:
            if asked.private is not None:
                warn_of_unknown_channels(event_map, rules_root(rules))
            job = Job(order, asked)
            with job.rejects:
                sent = job.run()
            told = _told(asked, sent.telling) if in_full and sent.telling and not as_json else None
    except TableBroken as broken:
        raise CannotStart(str(broken), broken.hint) from broken
    job.rejects.show(Console(stderr=True))
    remarks = [table.told for table in partners if table.told]
    if as_json:
        for remark in remarks:
            click.echo(remark, err=True)
        click.echo(json.dumps(job.as_json(sent), ensure_ascii=False))
    else:
        show_sent(wide_console(), sent, remarks)
        if told is not None:
            show_timeline(wide_console(), *told)
    if sent.outcome.read and not sent.outcome.accepted:
        click.get_current_context().exit(PROBLEMS)


def _told(server: Server, message_id: str) -> tuple[message_service_pb2.GetResponse, str]:
    """Return all about one message, and the zone to tell it in."""
    answer = server.ask(server.messages.Get, message_service_pb2.GetRequest(message_id=message_id))
    return answer, zone_of(server, answer.record)
