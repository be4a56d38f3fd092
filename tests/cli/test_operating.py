"""The commands for what is on its way: messages, channels, dead letters, accounts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.main import signalbox
from signalbox.v1 import message_pb2, message_service_pb2
from tests.cli.fake_server import NOW_MS, FakeServer, _recorded

A_MINUTE_MS = 60_000


def run(server: FakeServer, *arguments: str) -> Result:
    return CliRunner().invoke(signalbox, [*arguments, "--server", server.address])


def printed(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def keep(server: FakeServer, count: int) -> list[str]:
    """Let the server know messages, a minute apart; return their ids."""
    ids = []
    for number in range(count):
        message = message_pb2.Message(
            tenant="bank", user_id=f"u-{number}", request_id=f"r-{number}", line="cards", category="CATEGORY_SERVICE"
        )
        made = _recorded(message, NOW_MS + number * A_MINUTE_MS)
        server.records["bank", f"u-{number}", f"r-{number}"] = made
        ids.append(made.record.message_id)
    return ids


# ---- messages ----


def test_messages_are_listed_page_by_page_up_to_the_limit(server: FakeServer) -> None:
    """The newest first, all fields there for programs."""
    ids = keep(server, 20)

    found = printed(run(server, "messages", "list", "--tenant", "bank", "--limit", "9", "--json"))

    assert [one["message_id"] for one in found] == ids[:10:-1]
    assert (found[0]["state"], found[0]["campaign"], found[0]["steps"][0]["attempts"]) == ("SENT", "", 1)
    assert found[0]["accepted_at"] == "2026-02-02T02:59:00.000Z"


def test_ids_can_be_copied_on_a_narrow_terminal(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that is wider than the terminal runs on; nothing of it is cut off."""
    monkeypatch.setenv("COLUMNS", "40")
    (message_id,) = keep(server, 1)

    result = run(server, "messages", "list", "--tenant", "bank")

    (line,) = result.stdout.splitlines()[1:]
    assert line.split()[2:] == [message_id, "u-0", "r-0", "SERVICE", "SEND", "push", "SENT"]


def test_messages_can_be_narrowed_down(server: FakeServer) -> None:
    """Every filter of the contract has its option."""
    keep(server, 3)
    filters = ["--user", "u", "--line", "l", "--campaign", "c", "--verdict", "send", "--state", "SENT"]
    times = ["--since", "2026-02-02T02:40+00:00", "--until", "2026-02-02T04:42+02:00"]

    result = run(server, "messages", "list", "--tenant", "bank", *filters, *times)

    (asked,) = server.of("List")
    assert (asked.user_id, asked.line, asked.campaign) == ("u", "l", "c")
    assert (asked.verdict, asked.state) == (1, message_service_pb2.MESSAGE_STATE_SENT)
    assert asked.until.ToMilliseconds() - asked.since.ToMilliseconds() == 2 * A_MINUTE_MS
    assert [line.split()[3] for line in result.stdout.splitlines()[1:]] == ["u-1", "u-0"]


def test_nothing_to_list_is_a_sentence(server: FakeServer) -> None:
    """Not an empty table."""
    assert run(server, "messages", "list", "--tenant", "bank").stdout == "no such message\n"


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["p00-1"], "message_id"),
        (["--campaign", "cards", "--tenant", "bank"], "campaign"),
        (["--line", "cards", "--tenant", "bank"], "line"),
    ],
)
def test_messages_are_taken_back(server: FakeServer, arguments: list[str], field: str) -> None:
    """One, or all of a campaign or a line."""
    answer = printed(run(server, "messages", "cancel", *arguments, "--json"))

    assert answer == {"cancelled": 1, "too_late": 2}
    assert server.of("Cancel")[0].WhichOneof("which") == field


def test_nothing_taken_back_is_told_by_the_exit_code(server: FakeServer) -> None:
    """For scripts."""
    assert run(server, "messages", "cancel", "late").exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["messages", "cancel"],
        ["messages", "cancel", "p00-1", "--line", "x"],
        ["messages", "cancel", "--line", "x"],
        ["messages", "list", "--tenant", "bank", "--since", "yesterday"],
        ["channels", "pause"],
        ["channels", "pause", "sms", "--everything"],
        ["channels", "pause", "sms", "--tenant", "bank"],
        ["channels", "resume", "--line", "cards"],
        ["dead-letters", "redrive"],
        ["dead-letters", "redrive", "p00-1:1", "--all"],
        ["dead-letters", "redrive", "p00-1"],
        ["accounts", "grant", "a", "0", "CNY", "--tenant", "bank"],
        ["accounts", "grant", "a", "1.0000001", "CNY", "--tenant", "bank"],
        ["trace", "p00-1", "--zone", "Mars/Base"],
    ],
)
def test_wrong_usage_ends_with_two_before_anybody_is_asked(server: FakeServer, arguments: list[str]) -> None:
    """What is wrong is said under the usage."""
    result = run(server, *arguments)

    assert (result.exit_code, result.stderr.startswith("Usage:"), server.calls) == (2, True, [])


# ---- channels ----


def test_channels_are_shown_with_what_is_paused(server: FakeServer) -> None:
    """A line for each provider, and who paused what, why and since when."""
    paused = run(server, "channels", "pause", "sms", "--reason", "maintenance [1]", "--by", "ann")

    shown = run(server, "channels", "list")

    assert paused.stdout == "channel sms is paused since 2026-02-02 02:40:00 UTC\n"
    assert "SLOW 50 % (level-1-slow)" in shown.stdout
    assert "P3 12" in shown.stdout
    assert "channel sms is paused by ann since 2026-02-02 02:40:00 UTC: maintenance [1]" in shown.stdout


def test_channels_are_told_to_programs(server: FakeServer) -> None:
    """Short names, every field there."""
    found = printed(run(server, "channels", "list", "--json"))

    assert found["channels"][0]["breaker"] == {
        "state": "SLOW",
        "speed": 0.5,
        "rule_id": "level-1-slow",
        "forced": False,
    }
    assert found["channels"][0]["queued"] == {"P0": 0, "P3": 12}


@pytest.mark.parametrize(
    ("arguments", "scope"),
    [
        (["--provider", "first"], "provider first"),
        (["--line", "cards", "--tenant", "bank"], "line cards of bank"),
        (["--campaign", "spring", "--tenant", "bank"], "campaign spring of bank"),
        (["--everything"], "everything"),
    ],
)
def test_everything_that_can_be_paused_goes_on_again(server: FakeServer, arguments: list[str], scope: str) -> None:
    """The same words for both."""
    paused = run(server, "channels", "pause", *arguments)
    resumed, again = (run(server, "channels", "resume", *arguments) for _ in range(2))

    assert paused.stdout.startswith(f"{scope} is paused since")
    assert (resumed.exit_code, resumed.stdout) == (0, f"{scope} goes on\n")
    assert (again.exit_code, again.stdout) == (1, f"{scope} was not paused\n")


# ---- dead letters ----


def test_dead_letters_are_listed_as_they_are_named(server: FakeServer) -> None:
    """What the table shows can be given to redrive."""
    name = run(server, "dead-letters", "list").stdout.splitlines()[1].split()[0]
    listed = printed(run(server, "dead-letters", "list", "--json"))
    redriven = printed(run(server, "dead-letters", "redrive", name, "--json"))

    assert (name, len(listed), listed[0]["outcome"]) == ("p00-1:1", 2, "AUTH")
    assert redriven == {"redriven": 1, "too_late": 0}
    assert run(server, "dead-letters", "redrive", "--all").exit_code == 1
    assert server.of("RedriveDeadLetters")[-1].all


# ---- accounts ----


def test_money_is_put_in_and_shown(server: FakeServer) -> None:
    """In the unit of people; for programs in millionths."""
    first = run(server, "accounts", "grant", "a/sms", "850.50", "cny", "--tenant", "bank", "--entry", "q1", "--by", "x")
    again = printed(
        run(server, "accounts", "grant", "a/sms", "850.50", "CNY", "--tenant", "bank", "--entry", "q1", "--json")
    )
    shown, told = run(server, "accounts", "list").stdout, printed(run(server, "accounts", "list", "--json"))

    assert first.stdout == "a/sms of bank holds 850.500 CNY\n"
    assert (again["repeated"], again["total_micros"]) == (True, 850_500_000)
    assert shown.splitlines()[1].split() == ["bank", "a/sms", "850.500", "850.455", "0.000", "0.045", "CNY"]
    assert told[0]["spent_micros"] == 45_000


def test_an_entry_with_another_amount_is_refused(server: FakeServer) -> None:
    """And the key is told, in case the answer was lost."""
    grant = ("accounts", "grant", "a", "1", "CNY", "--tenant", "bank", "--entry", "q1")
    run(server, *grant)

    result = run(server, *grant[:3], "2", *grant[4:])

    assert (result.exit_code, "ALREADY_EXISTS" in result.stderr, "--entry q1" in result.stderr) == (1, True, True)


# ---- which server ----


@pytest.mark.parametrize("command", [["trace", "p00-1"], ["channels", "list"], ["accounts", "list"]])
def test_without_a_server_and_without_data_there_is_nothing_to_look_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """One sentence, and what helps."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cli.servers.DEFAULT_SERVER", "127.0.0.1:1")

    result = CliRunner().invoke(signalbox, command)

    assert result.exit_code == 2
    assert "no server answers at 127.0.0.1:1, and there is no data folder data" in result.stderr


def test_the_server_at_the_usual_address_is_found(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a word about it; a variable names another."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cli.servers.DEFAULT_SERVER", server.address)

    usual = CliRunner().invoke(signalbox, ["channels", "list"])
    named = CliRunner().invoke(signalbox, ["channels", "list"], env={"SIGNALBOX_SERVER": "127.0.0.1:1"})

    assert (usual.exit_code, usual.stderr) == (0, f"signalbox: the server at {server.address}\n")
    assert (named.exit_code, "no server answers at 127.0.0.1:1" in named.stderr) == (2, True)


@pytest.mark.parametrize(
    "command",
    [
        *("send", "trace", "messages list", "messages cancel", "channels list", "channels pause", "channels resume"),
        *("dead-letters list", "dead-letters redrive", "accounts list", "accounts grant"),
    ],
)
def test_every_command_shows_an_example_and_prints_json(command: str) -> None:
    """In its help."""
    result = CliRunner().invoke(signalbox, [*command.split(), "--help"])

    assert f"signalbox {command} " in result.stdout.split("Example")[-1]
    assert "--json" in result.stdout
    assert "Exit codes:" in result.stdout
