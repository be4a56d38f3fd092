"""`signalbox evaluate` as a person runs it, with a private server and the rules of the repository."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.evaluate import evaluate
from cli.mapping.compile import load_map

ROOT = Path(__file__).resolve().parents[2]
BANK = ROOT / "examples" / "bank"
ROWS = 600


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(evaluate, [str(argument) for argument in arguments])


def counts(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return {key: value for key, value in found.items() if key not in ("seconds", "per_second")}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The last rows of the sample's year, when the accounts run low, with a bad one among them."""
    lines = gzip.decompress((BANK / "transactions.csv.gz").read_bytes()).decode().splitlines()
    chosen = [lines[0], *lines[-ROWS:], "1,1,931231,PRIJEM,VKLAD,1.00,1.00,NEW WORD,,"]
    path = tmp_path_factory.mktemp("sample") / "rows.csv"
    path.write_text("\n".join(chosen) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def whole(sample: Path) -> Result:
    """What the command answers for the sample."""
    return run(sample, "--map", BANK / "map.yaml", "--json")


def test_the_counts_add_up(whole: Result) -> None:
    """Every message is decided or rejected; every verdict has its strategy or its reason."""
    found = counts(whole)

    assert whole.exit_code == 0, whole.output
    assert found["rejected"] == 1
    assert found["read"] == found["decided"] + found["rejected"] > ROWS
    assert found["decided"] == sum(found["verdicts"].values())
    assert found["verdicts"]["SEND"] == sum(found["strategies"].values())
    assert found["verdicts"]["HOLD"] + found["verdicts"]["DROP"] == sum(found["reasons"].values())
    assert 'k_symbol: holds "NEW WORD"' in whole.stderr


def test_the_answers_do_not_depend_on_the_size_of_batches(sample: Path, whole: Result) -> None:
    """What is counted against limits and accounts is carried from batch to batch."""
    small = run(sample, "--map", BANK / "map.yaml", "--json", "--batch", "23")

    assert counts(whole) == counts(small)


def test_one_message_is_explained_in_full(sample: Path) -> None:
    """Tables for people; the message asked for with its candidates, checks and rules."""
    trans_id = sample.read_text(encoding="utf-8").splitlines()[1].split(",")[0]
    result = run(sample, "--map", BANK / "map.yaml", "--explain", f"notice-{trans_id}")

    assert result.exit_code == 0, result.output
    for words in ("Verdicts", "Deciding rules", f"notice-{trans_id}", "Candidates", "Rules that matched"):
        assert words in result.stdout


def test_another_vocabulary_and_another_table_need_no_more_than_the_map_says(tmp_path: Path) -> None:
    """English words, a semicolon, other dates, a replaced join; a new client is known, the others are not."""
    rows = tmp_path / "rows.csv"
    rows.write_text(
        "trans_id;account_id;date;type;operation;amount;balance;k_symbol\n"
        "1;77;1994-01-05;Credit;Credit in Cash;250.00;250.00;\n"
        "2;78;1994-01-06;Debit;Cash Withdrawal;100.00;150.00;Household\n",
        encoding="utf-8",
    )
    clients = tmp_path / "clients.csv"
    clients.write_text("client_id,account_id,disp_type,card_type,card_issued\n5,77,OWNER,,\n", encoding="utf-8")

    result = run(rows, "--map", BANK / "map.yaml", "--json", "--join", f"clients={clients}")

    assert result.exit_code == 0, result.output
    assert (counts(result)["decided"], counts(result)["rejected"]) == (2, 0)
    assert {rule: n for rule, n in counts(result)["rules"].items() if rule == "small-change-by-wechat"} == {
        "small-change-by-wechat": 1
    }
    assert counts(result)["reasons"] == {"NO_ADDRESS": 1}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["none.csv", "--map", BANK / "map.yaml"], "none.csv: No such file"),
        ([BANK / "map.yaml", "--map", BANK / "map.yaml"], "there is no column `trans_id`"),
        ([BANK / "clients.csv.gz", "--map", BANK / "none.yaml"], "none.yaml: No such file"),
        ([BANK / "clients.csv.gz", "--map", BANK / "README.md"], "the map cannot be used"),
        ([BANK / "clients.csv.gz", "--map", BANK / "map.yaml", "--join", "x=y"], '--join x=y: the map joins no "x"'),
        ([BANK / "clients.csv.gz", "--map", BANK / "map.yaml", "--join", "client="], "expected NAME=FILE"),
        ([BANK / "clients.csv.gz", "--map", BANK / "map.yaml", "--join", "x"], "expected NAME=FILE"),
        ([BANK / "clients.csv.gz", "--map", BANK / "map.yaml", "--batch", "0"], "--batch"),
        (
            [BANK / "transactions.csv.gz", "--map", BANK / "map.yaml", "--rules", BANK / "none"],
            "is no folder",
        ),
    ],
)
def test_what_cannot_begin_ends_with_two_and_a_sentence(arguments: list[str | Path], complaint: str) -> None:
    """No traceback, whatever is missing."""
    result = run(*arguments)

    assert (result.exit_code, complaint in result.stderr) == (2, True), result.stderr


def test_a_private_server_with_broken_rules_says_what_is_wrong(sample: Path, tmp_path: Path) -> None:
    """What the server complained of is passed on."""
    (tmp_path / "2027.1.1").mkdir()

    result = run(sample, "--map", BANK / "map.yaml", "--rules", tmp_path / "2027.1.1")

    assert result.exit_code == 2
    assert "2027.1.1" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("row", "exit_code"), [("", 0), ("1,1,931231,X,,1.00,1.00,,,\n", 1)])
def test_nothing_decided_is_a_problem_where_there_were_rows(
    sample: Path, tmp_path: Path, row: str, exit_code: int
) -> None:
    """A file of nothing but a header is done with; one whose rows are all rejected is not."""
    rows = tmp_path / "rows.csv"
    rows.write_text(sample.read_text(encoding="utf-8").splitlines()[0] + "\n" + row, encoding="utf-8")

    result = run(rows, "--map", BANK / "map.yaml")

    assert result.exit_code == exit_code, result.output
    assert len(result.stdout.splitlines()) == 1


def test_rows_without_a_partner_are_told(sample: Path, tmp_path: Path) -> None:
    """On standard error, so that what --json prints stays as promised."""
    clients = tmp_path / "clients.csv"
    clients.write_text("client_id,account_id,disp_type,card_type,card_issued\n5,77,OWNER,,\n", encoding="utf-8")

    result = run(sample, "--map", BANK / "map.yaml", "--json", "--join", f"client={clients}")

    assert f"client: {ROWS} of {ROWS} rows found no partner" in result.stderr
    assert "found no partner" not in result.stdout


def ran(code: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python code that calls `main()` of the command as it is installed."""
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv[0] = 'signalbox'\n{code}", *map(str, arguments)],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=60,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'proto'}", "PATH": "", **environment},
    )  # fmt: skip


INTERRUPTING = """\
import os, signal
from cli.evaluation.run import Run
from cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)
def interrupt(self, *rest):
    try:
        os.kill(os.getpid(), {signal})
    finally:
        os.kill(os.getpid(), {signal})
Run._take_in = interrupt
main()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_who_interrupts_a_run_leaves_nothing_behind(sample: Path, tmp_path: Path, name: str) -> None:
    """The private server is stopped, its folder is gone, and the exit code says what happened."""
    code = INTERRUPTING.format(signal=f"signal.{name}")

    ended = ran(code, "evaluate", sample, "--map", BANK / "map.yaml", TMPDIR=str(tmp_path))

    assert (ended.returncode, ended.stderr) == (130, "\nsignalbox: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_who_is_interrupted_waits_for_nobody() -> None:
    """Not for a thread that never ends; what was printed is written out."""
    code = """
import threading, cli.main
def begin(**options):
    threading.Thread(target=threading.Event().wait).start()
    print("so far", end="")
    raise KeyboardInterrupt
cli.main.signalbox.main = begin
cli.main.main()
"""
    ended = ran(code)

    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "so far", "signalbox: interrupted\n")


def test_nobody_meets_a_traceback() -> None:
    """The command as it is installed, called wrongly."""
    for arguments, expected in ((["bogus"], 2), (["evaluate"], 2), (["--help"], 0), (["rules", "--help"], 0)):
        ended = ran("from cli.main import main; main()", *arguments)
        assert (expected, False) == (ended.returncode, "Traceback" in ended.stderr), ended.stderr


def test_the_sample_asks_every_family(whole: Result) -> None:
    """The map and the rules fit each other: accounts, lines and channels of one are known to the other."""
    event_map = load_map(BANK / "map.yaml")
    reasons = counts(whole)["reasons"]

    assert "ACCOUNT_UNKNOWN" not in reasons
    assert "ACCOUNT_UNIT" not in reasons
    assert event_map.accounts
