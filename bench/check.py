"""How long `rules check` takes for 500 rules: reading and compiling them, and examining all messages at once.

The version is the one that `reload.py` loads, made from a seed. What is found must be the same in every round.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, Final

import _common
from _big_version import write_version
from _common import figure, median

from engine.analysis.findings.find import find
from engine.flow.folder import read_folder
from engine.ruleset.check import check
from engine.ruleset.compile import compile_parsed
from engine.ruleset.issues import Issue
from engine.ruleset.parse import parse_version

VERSION: Final = "2026.1.1"


def examine(files: dict[str, bytes]) -> tuple[dict[str, float], tuple[Issue, ...]]:
    """Check a version as the command does; return the seconds of each part, and what was found."""
    began, busy = perf_counter(), process_time()
    parsed = check(parse_version(VERSION, files))
    compiled = compile_parsed(parsed)
    if compiled.ruleset is None:
        raise SystemExit("the version made for this bench has errors")
    read = perf_counter()
    found = find(parsed, compiled.ruleset)
    ended = perf_counter()
    return {"read_s": read - began, "examine_s": ended - read, "cpu_s": process_time() - busy}, found


def measure(rules: int, rounds: int) -> dict[str, Any]:
    """Check the version several times and take medians."""
    with TemporaryDirectory() as folder:
        write_version(Path(folder) / "rules", Path(folder) / "tests", VERSION, rules, seed=1)
        files = dict(read_folder(Path(folder) / "rules" / VERSION).files)
    times: dict[str, list[float]] = {}
    answers = set()
    with _common.progress() as shown:
        for number in range(rounds):
            shown.part("checking, rounds", number, rounds)
            seconds, found = examine(files)
            answers.add(found)
            for name, value in seconds.items():
                times.setdefault(name, []).append(value)
    return {
        **{name: figure(median(values)) for name, values in times.items()},
        "rules": rules,
        "found": len(found),
        "answers_equal": len(answers) == 1,
        "rounds": rounds,
    }


LABELS: Final = {
    "read_s": "reading, checking each rule, compiling (seconds)",
    "examine_s": "examining all messages at once (seconds)",
    "cpu_s": "processor time of both (seconds)",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--quick", action="store_true", help="a short run, for a first look")
    parser.add_argument("--rules", type=int, default=500, help="how many rules (default 500)")
    given = parser.parse_args()
    about = _common.machine()
    result = measure(given.rules, 1 if given.quick else 5)
    workload = (
        f"a version of {result['rules']} rules made from a seed, medians of {result['rounds']} rounds; "
        f"{result['found']} findings, {'the same' if result['answers_equal'] else 'NOT THE SAME'} in each"
    )
    lines = [(LABELS[name], f"{result[name]:>8,.2f}") for name in LABELS]
    result |= {"workload": workload, "machine": about}
    _common.report(result, lines, given.json)
    if not result["answers_equal"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
