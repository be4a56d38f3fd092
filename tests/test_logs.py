"""The log: lines for machines, lines for people, and nothing personal in either."""

from __future__ import annotations

import io
import json
import logging
import sys

from engine.logs import JsonFormatter, TextFormatter, start_logging


def record(message: str = "rules in force", **fields: object) -> logging.LogRecord:
    """A line of the log, at a fixed time."""
    made = logging.makeLogRecord({"name": "engine.x", "levelname": "INFO", "msg": message, **fields})
    made.created = 1_767_585_600.123
    return made


def failed(text: str) -> logging.LogRecord:
    """A line about an exception with this text."""
    try:
        raise ValueError(text)
    except ValueError:
        return record("it failed", exc_info=sys.exc_info())


def test_json_is_one_object_a_line() -> None:
    """A machine reads time, level, logger, message and the line's own fields."""
    assert json.loads(JsonFormatter().format(record("rules\nin force", version="2026.11.1"))) == {
        "time": "2026-01-05T04:00:00.123Z",
        "level": "info",
        "logger": "engine.x",
        "message": "rules\nin force",
        "version": "2026.11.1",
    }
    assert "\n" not in JsonFormatter().format(failed("a\nb"))


def test_text_is_for_people() -> None:
    """A person reads the sentence first; what is long stands below it."""
    assert (
        TextFormatter().format(record(version="1", places="a\nb\n"))
        == "2026-01-05T04:00:00.123Z INFO    rules in force  version=1\n  places:\n    a\n    b"
    )


def test_the_text_of_an_exception_is_not_logged() -> None:
    """It may quote a telephone number; its kind and its places are enough to find it."""
    for formatter in (JsonFormatter(), TextFormatter()):
        line = formatter.format(failed("13800138000"))
        assert "13800138000" not in line
        assert "ValueError" in line
        assert "in failed" in line


def test_auto_is_json_where_no_terminal_is() -> None:
    """A pipe or a file gets JSON without being asked for it."""
    root = logging.getLogger()
    before, level, stream = root.handlers[:], root.level, io.StringIO()
    try:
        start_logging("warning", "auto", stream)
        logging.getLogger("engine.x").info("not this")
        logging.getLogger("engine.x").warning("this")
    finally:
        root.handlers[:] = before
        root.setLevel(level)

    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["this"]
