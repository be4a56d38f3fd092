"""The server's log, on standard error: one JSON object a line for machines, a readable line for people.

A line's `extra=` values become fields. An exception is told by its kind and the places it passed, never by its text,
which may quote a message, a user or an address.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, TextIO

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def start_logging(level: str, format: str, stream: TextIO | None = None) -> None:  # noqa: A002  (the setting's name)
    """Log from `level` on; `format` is json, text, or auto: text on a terminal, else json."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    people = format == "text" or (format == "auto" and stream.isatty())
    handler.setFormatter(TextFormatter() if people else JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, then the line's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        head = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        return json.dumps(head | _fields(record), ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """`2026-01-05T12:00:00.123Z INFO  message  key=value`, with the lines of a long value indented below."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        short: list[tuple[str, str]] = []
        long: list[tuple[str, str]] = []
        for key, value in _fields(record).items():
            text = str(value).rstrip("\n")
            (long if "\n" in text else short).append((key, text))
        line = f"{_time(record)} {record.levelname:<7} {record.getMessage()}"
        line += "".join(f"  {key}={text}" for key, text in short)
        return line.replace("\n", "\n    ") + "".join(
            f"\n  {key}:\n    " + text.replace("\n", "\n    ") for key, text in long
        )


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """What a line says beside its sentence."""
    fields = {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
    if record.exc_info and record.exc_info[0] is not None:
        fields["exception"] = record.exc_info[0].__qualname__
        fields["places"] = "".join(traceback.format_tb(record.exc_info[2]))
    return fields
