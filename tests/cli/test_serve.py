"""`signalbox serve` before there is a server: its flags and the settings file it prints."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.private_server import ROOT
from cli.serve import FLAGS, serve, with_rules
from engine.config import Config, load_config, render_template


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


def test_without_a_named_folder_the_rules_are_those_here_or_the_checkouts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same as for `evaluate`; the tests go with the rules."""
    monkeypatch.chdir(tmp_path)
    elsewhere = with_rules(Config()).rules
    (tmp_path / "rules").mkdir()
    here = with_rules(Config()).rules

    assert (elsewhere.dir, elsewhere.tests_dir) == (ROOT / "rules", ROOT / "rule_tests")
    assert (Path("rules"), Path("rule_tests")) == (here.dir, here.tests_dir)


def test_a_named_folder_is_the_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a flag, a variable or a file; a folder for tests that is named alone stays too."""
    monkeypatch.chdir(tmp_path)
    named = load_config(None, {"SIGNALBOX_RULES_DIR": "rules"}, {("rules", "dev"): ("--dev", True)})
    tests = load_config(None, {}, {("rules", "tests_dir"): ("--tests", Path("t"))})

    assert (Path("rules"), True) == (with_rules(named).rules.dir, with_rules(named).rules.dev)
    assert (ROOT / "rules", Path("t")) == (with_rules(tests).rules.dir, with_rules(tests).rules.tests_dir)
