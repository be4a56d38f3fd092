"""`signalbox trace`: all about one message, for people as a timeline, for programs as one object."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import grpc

from cli.console import wide_console
from cli.moments import Zone
from cli.servers import ANSWER_SECONDS, Server, a_server, server_options
from cli.timeline import show_timeline
from cli.wire_json import moment, plain, short, struct
from engine.config import load_config
from engine.errors import ConfigurationError
from signalbox.v1 import identity_service_pb2, message_service_pb2


@click.command(
    epilog="""\b
Examples:
  signalbox trace p07-0123456789abcdef0123456789abcdef
  signalbox trace p07-0123456789abcdef0123456789abcdef --json | jq .decision

\b
Exit codes: 0 done, 1 nothing is known of the message, 2 no server answers."""
)
@click.argument("message_id")
@click.option("--zone", type=Zone(), help="Tell times in this zone.  [default: the user's]")
@server_options
@click.option("--json", "as_json", is_flag=True, help="Print it as one JSON object; times are UTC.")
def trace(message_id: str, zone: str | None, server: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Tell all about one message: itself, its decision, its steps, and every event in order.

    For people, addresses are masked; for programs they are not.
    """
    request = message_service_pb2.GetRequest(message_id=message_id)
    with a_server(server, data_dir) as asked:
        answer = asked.ask(asked.messages.Get, request)
        if as_json:
            click.echo(json.dumps(trace_json(answer), ensure_ascii=False, indent=2))
            return
        zone = zone or zone_of(asked, answer.record)
    show_timeline(wide_console(), answer, zone)


def trace_json(answer: message_service_pb2.GetResponse) -> dict[str, Any]:
    """Return what `--json` prints."""
    decision = plain(answer.decision, empties=True)
    return {
        "message": plain(answer.message),
        "record": plain(answer.record, empties=True),
        "decision": {**decision, "strategy": decision.get("plan", {}).get("strategy", "")},
        "events": [_event_json(event) for event in answer.events],
    }


def _event_json(event: message_service_pb2.MessageEvent) -> dict[str, Any]:
    """Return an event with its details beside the rest; what a receipt says is called so."""
    told: dict[str, Any] = {
        "number": event.number,
        "at": moment(event.at),
        "kind": short(message_service_pb2.EventKind.DESCRIPTOR, event.kind),
        "step": event.step,
    }
    detail = struct(event.detail)
    if "kind" in detail:
        detail["receipt"] = detail.pop("kind")
    if event.HasField("decision"):
        told["decision"] = plain(event.decision, empties=True)
    return told | {name: value for name, value in detail.items() if name not in told}


def zone_of(server: Server, record: message_service_pb2.MessageRecord) -> str:
    """Return the user's zone; where it is not known the default of a private server, and of any other UTC."""
    request = identity_service_pb2.ResolveRequest(tenant=record.tenant, user_id=record.user_id)
    with suppress(grpc.RpcError):
        user = server.identities.Resolve(request, timeout=ANSWER_SECONDS).user
        if user.zone:
            return str(user.zone)
    if server.private is not None:
        with suppress(ConfigurationError):
            return load_config(None, os.environ).time.default_zone
    return "UTC"
