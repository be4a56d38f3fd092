"""`signalbox dead-letters`: what failed for good, and sending it anew."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from cli.console import wide_console
from cli.moments import told
from cli.problems import PROBLEMS
from cli.servers import a_server, server_options
from cli.tables import show_table
from cli.wire_json import plain
from signalbox.v1 import message_service_pb2

PAGE: Final = 1000


@click.group(name="dead-letters", epilog="Example: signalbox dead-letters redrive --all")
def dead_letters() -> None:
    """See what failed for good, and send it anew."""


@dead_letters.command(
    name="list",
    epilog="""\b
Examples:
  signalbox dead-letters list
  signalbox dead-letters list --limit 1000 --json

\b
Exit codes: 0 done, 2 no server answers.""",
)
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many.")
@server_options
@click.option("--json", "as_json", is_flag=True, help="Print them as a JSON list.")
def list_letters(limit: int, server: str | None, data_dir: Path | None, as_json: bool) -> None:
    """List steps that failed for good and that may be sent anew. Times are UTC."""
    request = message_service_pb2.ListDeadLettersRequest()
    found: list[message_service_pb2.DeadLetter] = []
    with a_server(server, data_dir) as asked:
        while len(found) < limit:
            request.page_size = min(PAGE, limit - len(found))
            page = asked.ask(asked.messages.ListDeadLetters, request)
            found += page.dead_letters
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
    if as_json:
        click.echo(json.dumps([plain(letter, empties=True) for letter in found], ensure_ascii=False, indent=2))
        return
    rows = ((f"{one.message_id}:{one.step}", told(one.since), one.channel, one.provider, one.outcome) for one in found)
    show_table(
        wide_console(), ("message:step", "since (UTC)", "channel", "provider", "outcome"), rows, "no dead letters"
    )


@dead_letters.command(
    epilog="""\b
Examples:
  signalbox dead-letters redrive p07-0123456789abcdef0123456789abcdef:1
  signalbox dead-letters redrive --all --json

\b
Exit codes: 0 something goes again, 1 nothing does, 2 no server answers."""
)
@click.argument("names", nargs=-1, metavar="[MESSAGE_ID:STEP]...")
@click.option("--all", "every", is_flag=True, help="Every one there is.")
@server_options
@click.option("--json", "as_json", is_flag=True, help="Print the counts as one JSON object.")
def redrive(names: Sequence[str], every: bool, server: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Send dead letters anew, with all their tries. Each is decided again first."""
    if bool(names) == every:
        raise click.UsageError("say which ones, as MESSAGE_ID:STEP, or --all")
    request = message_service_pb2.RedriveDeadLettersRequest(dead_letters=map(_name, names), all=every)
    with a_server(server, data_dir) as asked:
        answer = asked.ask(asked.messages.RedriveDeadLetters, request)
    if as_json:
        click.echo(json.dumps(plain(answer, empties=True)))
    else:
        click.echo(f"{answer.redriven:,} go again; {answer.too_late:,} were no dead letters, or their life is over")
    if not answer.redriven:
        click.get_current_context().exit(PROBLEMS)


def _name(written: str) -> message_service_pb2.DeadLetterName:
    message_id, _, step = written.rpartition(":")
    if not message_id or not (step.isascii() and step.isdigit() and 0 < int(step) < 1000):
        raise click.UsageError(f"{written}: expected MESSAGE_ID:STEP, as `signalbox dead-letters list` shows it")
    return message_service_pb2.DeadLetterName(message_id=message_id, step=int(step))
