"""What the benchmarks share: where the project is, what machine this is, rounds, progress, and the one JSON object."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "proto")]  # so that a checkout without an installed `signalbox` will do

PACKAGES: Final = ("durable_rules", "zen-engine", "grpcio", "protobuf", "uvloop", "ahocorasick_rs")


def machine() -> dict[str, Any]:
    """What a figure depends on besides the code: processor, cores, system, versions, and who else is at work.

    Ask before the measuring begins: `load_before` is the load average of the last minute.
    """
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _cpu() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def use_one_core() -> None:
    """Keep this process on one core, the last it may use: a process that wanders is slower and less steady."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def rate(count: int, run: Callable[[], object]) -> float:
    """How many things a second, when `run` does `count` of them."""
    began = perf_counter()
    run()
    return count / (perf_counter() - began)


def median(values: Sequence[float]) -> float:
    """The middle one; of several rounds it hides the one that was disturbed."""
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0..1) of the values do not exceed, nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


class Progress:
    """A line on standard error that says what is being done; silent where no terminal is."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def say(self, text: str) -> None:
        """Replace the line."""
        if self._shown:
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()

    def part(self, text: str, done: float, whole: float) -> None:
        """Replace the line by a bar, `done` of `whole`."""
        filled = round(30 * min(1.0, done / whole)) if whole else 30
        self.say(f"{text} [{'#' * filled}{'.' * (30 - filled)}] {done:,.0f} of {whole:,.0f}")


@contextmanager
def progress() -> Iterator[Progress]:
    """Show progress while the block lasts, then take the line away."""
    shown = Progress()
    try:
        yield shown
    finally:
        shown.say("")


def report(result: Mapping[str, Any], lines: Sequence[tuple[str, str]], as_json: bool) -> None:
    """Print the result: one JSON object and nothing else, or a table for people."""
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
        return
    about = result["machine"]
    packages = ", ".join(f"{name} {found}" for name, found in about["packages"].items())
    print(f"{about['cpu']}, {about['cores']} cores, {about['system']}, Python {about['python']}; {packages}")
    if about["load_before"] > about["cores"] / 2:
        print(f"the machine was not idle (load {about['load_before']}): these figures are disturbed")
    print(result["workload"])
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        print(f"  {name:<{width}}  {value}")


def figure(value: float) -> float:
    """A figure with the digits that it deserves: four."""
    return float(f"{value:.4g}") if value < 10_000 else round(value)
