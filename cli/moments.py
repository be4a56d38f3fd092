"""Times as people write and read them on the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click
from google.protobuf.timestamp_pb2 import Timestamp

from cli.wire_json import moment
from engine.decision.moment import is_zone


class Moment(click.ParamType):
    """A day, perhaps with a time, as milliseconds since the epoch; without an offset it is UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read 2026-01-05, 2026-01-05T13:00 or 2026-01-05T13:00+08:00."""
        try:
            at = datetime.fromisoformat(str(value))
            at = at if at.tzinfo else at.replace(tzinfo=UTC)
            return int(at.timestamp() * 1000)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time; expected one such as 2026-01-05T13:00+08:00", param, ctx)


class Zone(click.ParamType):
    """A time zone by its IANA name."""

    name = "zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read Europe/Prague."""
        if not is_zone(str(value)):
            self.fail(f'{value!r} is no time zone; expected one such as "Europe/Prague"', param, ctx)
        return str(value)


def told(stamp: Timestamp) -> str:
    """Return a time for a table: UTC, in whole seconds; nothing for one that is not set."""
    text = moment(stamp)
    return f"{text[:10]} {text[11:19]}" if text else ""


def local(at_ms: int, zone: str) -> datetime:
    """Return a time on the wall clock of a zone."""
    return datetime.fromtimestamp(at_ms // 1000, ZoneInfo(zone)).replace(microsecond=at_ms % 1000 * 1000)
