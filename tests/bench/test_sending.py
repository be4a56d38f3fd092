"""The benchmarks of sending run from end to end and say what they are asked for; how fast is not looked at."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
LIMIT_S = 300


def measured(program: str, *flags: str) -> dict[str, Any]:
    """What a benchmark prints: one JSON object and nothing else."""
    command = [sys.executable, f"bench/{program}.py", "--json", *flags]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_cost_of_sending_is_measured() -> None:
    """All three rates are there, every message of the run with everything has come to its end, and so has memory."""
    found = measured("send", "--tiny")

    assert all(found[name] > 0 for name in ("per_second", "all_running_per_second", "redis_limit_per_second"))
    assert found["all_running"]["states"] == {"DELIVERED": 500}
    assert found["redis"]["appendfsync"] == "always"
    assert found["ledger_mb_per_million_users"] > 0


def test_the_latency_beside_a_bulk_is_measured() -> None:
    """Single messages are answered and reach the carrier, alone and while a bulk of others goes the same way."""
    found = measured("latency", "--messages", "500", "--rate", "10")

    assert found["bulk"]["messages"] == 500
    assert found["alone"]["messages"] > 0
    assert 0 < found["beside_bulk"]["send_p50_ms"] <= found["beside_bulk"]["send_p99_ms"]
    assert 0 < found["beside_bulk"]["carrier_p50_ms"] <= found["beside_bulk"]["carrier_max_ms"]
