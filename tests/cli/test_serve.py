"""`signalbox serve` before there is a server: its flags and the settings file it prints."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from cli.serve import FLAGS, serve
from engine.config import Config, render_template


def test_the_settings_file_is_printed() -> None:
    """What --print-config prints is the whole commented file and nothing else."""
    result = CliRunner().invoke(serve, ["--print-config"])

    assert (result.exit_code, result.stdout) == (0, render_template())


def test_every_flag_sets_a_setting() -> None:
    """A flag is a shorter way to write a setting, never something of its own."""
    for section, key in FLAGS.values():
        assert hasattr(getattr(Config(), section), key)


@pytest.mark.parametrize("flags", [["--port", "x"], ["--bogus"], ["surplus"]])
def test_wrong_usage_ends_with_two(flags: list[str]) -> None:
    """A mistake on the command line is told before anything starts."""
    assert CliRunner().invoke(serve, flags).exit_code == 2


def test_wrong_settings_end_with_two_and_a_sentence() -> None:
    """A mistake in the settings is told in words, one line each."""
    result = CliRunner().invoke(serve, ["--port", "70000"], env={"SIGNALBOX_LOG_LEVEL": "loud"})

    assert result.exit_code == 2
    assert result.stderr == (
        'signalbox: SIGNALBOX_LOG_LEVEL: log.level is "loud"; expected one of debug, info, warning, error\n'
        "signalbox: --port: server.port is 70000; expected a whole number from 0 to 65535\n"
    )
