"""`signalbox messages`: list messages, and take them back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import click

from cli.console import wide_console
from cli.moments import Moment, told
from cli.problems import PROBLEMS
from cli.servers import Server, a_server, server_options
from cli.tables import show_table
from cli.wire_json import plain, short
from signalbox.v1 import decision_pb2, message_pb2, message_service_pb2

PAGE: Final = 1000
_VERDICTS: Final = [name.removeprefix("VERDICT_") for name, number in decision_pb2.Verdict.items() if number]
_STATES: Final = [name.removeprefix("MESSAGE_STATE_") for name, n in message_service_pb2.MessageState.items() if n]


@click.group(epilog="Example: signalbox messages list --tenant berka-bank --state FAILED")
def messages() -> None:
    """List messages, and take them back."""


@messages.command(
    name="list",
    epilog="""\b
Examples:
  signalbox messages list --tenant berka-bank --user client-5
  signalbox messages list --tenant berka-bank --since 1993-06-15 --until 1993-06-16 --state EXPIRED --json

\b
Exit codes: 0 done, 2 no server answers.""",
)
@click.option("--tenant", required=True, help="Whose messages.")
@click.option("--user", "user_id", default="", help="Only this user's.")
@click.option("--line", default="", help="Only this business line's.")
@click.option("--campaign", default="", help="Only this campaign's.")
@click.option("--since", type=Moment(), help="Accepted at this time or later, such as 2026-01-05T13:00+08:00.")
@click.option("--until", type=Moment(), help="Accepted before.")
@click.option("--verdict", type=click.Choice(_VERDICTS, case_sensitive=False), help="Only with this first verdict.")
@click.option("--state", type=click.Choice(_STATES, case_sensitive=False), help="Only in this state.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many.")
@server_options
@click.option("--json", "as_json", is_flag=True, help="Print them as a JSON list.")
def list_messages(
    verdict: str | None,
    state: str | None,
    since: int | None,
    until: int | None,
    limit: int,
    server: str | None,
    data_dir: Path | None,
    as_json: bool,
    **names: str,
) -> None:
    """List recorded messages, the newest first. Times are UTC."""
    request = message_service_pb2.ListRequest(**names)  # type: ignore[arg-type]  # each is the name of a field
    if verdict:
        request.verdict = f"VERDICT_{verdict.upper()}"  # type: ignore[assignment]  # a setter takes the name too
    if state:
        request.state = f"MESSAGE_STATE_{state.upper()}"  # type: ignore[assignment]
    if since is not None:
        request.since.FromMilliseconds(since)
    if until is not None:
        request.until.FromMilliseconds(until)
    with a_server(server, data_dir) as asked:
        records = _records(asked, request, limit)
    if as_json:
        click.echo(json.dumps([plain(record, empties=True) for record in records], ensure_ascii=False, indent=2))
        return
    headings = ("accepted (UTC)", "message", "user", "request", "category", "verdict", "channels", "state")
    show_table(wide_console(), headings, map(_row, records), "no such message")


def _records(
    server: Server, request: message_service_pb2.ListRequest, limit: int
) -> list[message_service_pb2.MessageRecord]:
    found: list[message_service_pb2.MessageRecord] = []
    while len(found) < limit:
        request.page_size = min(PAGE, limit - len(found))
        page = server.ask(server.messages.List, request)
        found += page.records
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    return found


def _row(record: message_service_pb2.MessageRecord) -> tuple[str, ...]:
    verdict = short(decision_pb2.Verdict.DESCRIPTOR, record.verdict)
    reason = short(decision_pb2.Reason.DESCRIPTOR, record.reason)
    return (
        told(record.accepted_at),
        record.message_id,
        record.user_id,
        record.request_id,
        short(message_pb2.Category.DESCRIPTOR, record.category),
        f"{verdict} {reason}".strip(),
        ", ".join(step.channel for step in record.steps),
        short(message_service_pb2.MessageState.DESCRIPTOR, record.state),
    )


@messages.command(
    epilog="""\b
Examples:
  signalbox messages cancel p07-0123456789abcdef0123456789abcdef
  signalbox messages cancel --tenant berka-bank --campaign cards --json

\b
Exit codes: 0 something was taken back, 1 nothing was, 2 no server answers."""
)
@click.argument("message_id", required=False)
@click.option("--campaign", help="All unfinished messages of this campaign.")
@click.option("--line", help="All unfinished messages of this business line.")
@click.option("--tenant", help="Whose campaign or line.")
@server_options
@click.option("--json", "as_json", is_flag=True, help="Print the counts as one JSON object.")
def cancel(
    message_id: str | None,
    campaign: str | None,
    line: str | None,
    tenant: str | None,
    server: str | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Take messages back, as far as nothing of them is sent: one by MESSAGE_ID, or a campaign's, or a line's."""
    request = _cancelling(message_id, campaign, line, tenant)
    with a_server(server, data_dir) as asked:
        answer = asked.ask(asked.messages.Cancel, request)
    if as_json:
        click.echo(json.dumps(plain(answer, empties=True)))
    else:
        click.echo(f"{answer.cancelled:,} taken back; for {answer.too_late:,} it was too late")
    if not answer.cancelled:
        click.get_current_context().exit(PROBLEMS)


def _cancelling(
    message_id: str | None, campaign: str | None, line: str | None, tenant: str | None
) -> message_service_pb2.CancelRequest:
    if sum(bool(one) for one in (message_id, campaign, line)) != 1:
        raise click.UsageError("say what to take back: MESSAGE_ID, --campaign or --line, one of the three")
    if bool(tenant) == bool(message_id):
        raise click.UsageError("--tenant says whose --campaign or --line; a message's id needs none")
    made: dict[str, Any] = {"message_id": message_id} if message_id else {}
    if campaign:
        made["campaign"] = message_service_pb2.CampaignName(tenant=tenant or "", campaign=campaign)
    if line:
        made["line"] = message_service_pb2.LineName(tenant=tenant or "", line=line)
    return message_service_pb2.CancelRequest(**made)
