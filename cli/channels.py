"""`signalbox channels`: how the sending is, pausing it and going on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from cli.console import wide_console
from cli.evaluation.explain import coloured
from cli.moments import told
from cli.problems import PROBLEMS
from cli.servers import a_server, caller, server_options
from cli.tables import show_table
from cli.wire_json import plain, short
from signalbox.v1 import channel_service_pb2, state_pb2


@click.group(epilog="Example: signalbox channels pause sms --reason 'the provider is in maintenance'")
def channels() -> None:
    """See how the sending is; pause it and go on."""


@channels.command(
    name="list",
    epilog="""\b
Examples:
  signalbox channels list
  signalbox channels list --server 127.0.0.1:50051 --json

\b
Exit codes: 0 done, 2 no server answers.""",
)
@server_options
@click.option("--json", "as_json", is_flag=True, help="Print the answer as one JSON object.")
def list_channels(server: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Show the channels with their providers and breakers, how much waits, and what is paused."""
    with a_server(server, data_dir) as asked:
        answer = asked.ask(asked.channels.ListChannels, channel_service_pb2.ListChannelsRequest())
    if as_json:
        click.echo(json.dumps(plain(answer, empties=True), ensure_ascii=False, indent=2))
    else:
        _show(wide_console(), answer)


def _show(console: Console, answer: channel_service_pb2.ListChannelsResponse) -> None:
    platform = _breaker(answer.platform)
    console.print(f"[bold]platform[/] {coloured(escape(platform), platform.split()[0])}", highlight=False)
    rows = [row for channel in answer.channels for row in _rows(channel)]
    show_table(console, ("channel", "breaker", "provider", "type", "its breaker", "waiting"), rows, "no channels")
    for pause in answer.pauses:
        by = f" by {pause.by}" if pause.by else ""
        why = f": {pause.reason}" if pause.reason else ""
        line = f"{_scope_told(pause.scope)} is paused{by} since {told(pause.since)} UTC{why}"
        console.print(f"[yellow]{escape(line)}[/]", highlight=False, soft_wrap=True)


def _rows(channel: channel_service_pb2.ChannelStatus) -> Iterator[tuple[str, ...]]:
    """Give a line for each provider; what is the channel's stands in the first."""
    waiting = ", ".join(f"{rank} {count:,}" for rank, count in sorted(channel.queued.items()) if count)
    head, tail = (channel.name, _breaker(channel.breaker)), waiting
    for provider in channel.providers:
        yield (*head, provider.name, provider.type, _breaker(provider.breaker), tail)
        head, tail = ("", ""), ""
    if not channel.providers:
        yield (*head, "", "", "", tail)


def _breaker(breaker: channel_service_pb2.BreakerStatus) -> str:
    state = short(state_pb2.BreakerState.DESCRIPTOR, breaker.state) or "NORMAL"
    parts = [state]
    if state == "SLOW" and breaker.speed:
        parts.append(f"{100 * breaker.speed:.0f} %")
    if breaker.rule_id or breaker.forced:
        parts.append(f"({breaker.rule_id or 'set by hand'})")
    return " ".join(parts)


# ---- pausing ----


def scope_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what says which part of the sending is meant."""
    for option in (
        click.option("--by", default=None, help="Who does it.  [default: you]"),
        click.option("--everything", is_flag=True, help="All sending."),
        click.option("--tenant", help="Whose line or campaign."),
        click.option("--campaign", help="A campaign of a tenant."),
        click.option("--line", help="A business line of a tenant."),
        click.option("--provider", help="A provider, by its name in the settings."),
        click.argument("channel", required=False),
    ):
        command = option(command)
    return command


def scope_of(
    channel: str | None,
    provider: str | None,
    line: str | None,
    campaign: str | None,
    tenant: str | None,
    everything: bool,
) -> channel_service_pb2.PauseScope:
    """Return the part of the sending that is meant. Raises click.UsageError."""
    given = {"channel": channel, "provider": provider, "line": line, "campaign": campaign, "everything": everything}
    chosen = [name for name, value in given.items() if value]
    if len(chosen) != 1:
        raise click.UsageError("say what: CHANNEL, --provider, --line, --campaign or --everything, one of them")
    if bool(tenant) != (chosen[0] in ("line", "campaign")):
        raise click.UsageError("--tenant says whose --line or --campaign, and belongs to nothing else")
    value: Any = given[chosen[0]]
    if tenant:
        value = channel_service_pb2.TenantName(tenant=tenant, name=value)
    return channel_service_pb2.PauseScope(**{chosen[0]: value})


@channels.command(
    epilog="""\b
Examples:
  signalbox channels pause sms --reason "the provider is in maintenance"
  signalbox channels pause --tenant berka-bank --campaign cards

\b
Exit codes: 0 it is paused, 1 the server refused, 2 no server answers."""
)
@scope_options
@click.option("--reason", default="", help="Why; at most 512 characters.")
@server_options
@click.option("--json", "as_json", is_flag=True, help="Print the pause as one JSON object.")
def pause(by: str | None, reason: str, server: str | None, data_dir: Path | None, as_json: bool, **scope: Any) -> None:
    """Stop sending on CHANNEL, by a provider, for a line, for a campaign, or at all.

    What is under way is finished. What waits goes on waiting until it is resumed or its life ends.
    """
    request = channel_service_pb2.PauseRequest(scope=scope_of(**scope), by=by or caller(), reason=reason)
    with a_server(server, data_dir) as asked:
        answer = asked.ask(asked.channels.Pause, request)
    if as_json:
        click.echo(json.dumps(plain(answer.pause, empties=True), ensure_ascii=False))
    else:
        click.echo(f"{_scope_told(answer.pause.scope)} is paused since {told(answer.pause.since)} UTC")


@channels.command(
    epilog="""\b
Examples:
  signalbox channels resume sms
  signalbox channels resume --everything --json

\b
Exit codes: 0 it goes on, 1 it was not paused, 2 no server answers."""
)
@scope_options
@server_options
@click.option("--json", "as_json", is_flag=True, help="Print the answer as one JSON object.")
def resume(by: str | None, server: str | None, data_dir: Path | None, as_json: bool, **scope: Any) -> None:
    """Go on with what was paused."""
    request = channel_service_pb2.ResumeRequest(scope=scope_of(**scope), by=by or caller())
    with a_server(server, data_dir) as asked:
        answer = asked.ask(asked.channels.Resume, request)
    what = _scope_told(request.scope)
    if as_json:
        click.echo(json.dumps(plain(answer, empties=True)))
    else:
        click.echo(f"{what} goes on" if answer.was_paused else f"{what} was not paused")
    if not answer.was_paused:
        click.get_current_context().exit(PROBLEMS)


def _scope_told(scope: channel_service_pb2.PauseScope) -> str:
    which = scope.WhichOneof("scope")
    if which in ("line", "campaign"):
        name = getattr(scope, which)
        return f"{which} {name.name} of {name.tenant}"
    return "everything" if which == "everything" else f"{which} {getattr(scope, which)}" if which else "nothing"
