"""Releases leave nothing behind, however many there are."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path

import psutil

from engine.decision.model import Verdict
from tests.faults.site import Site

WARM = 50
"""Releases before memory is first looked at: caches and the allocators' pools fill up first."""
RELEASES = 500
MEGABYTE = 1 << 20


def version(number: int) -> dict[str, bytes]:
    """A small version with rules like no other's, for the message and for the channel."""
    files = {
        "facts": "channels: {push: {doc: Push}, sms: {doc: SMS}}\nfacts:\n  message.params.amount: {type: double}\n",
        "routing": "family: routing\nrules:\n"
        f"  - {{id: only-{number}, when: 'message.line == \"l{number}\" && message.params.amount > {number}.5', "
        "then: {concurrent: [push, sms]}}\n  - {id: default, then: {distribute: {to: push}}}\n",
        "interception": "family: interception\nrules:\n"
        f'  - {{id: not-{number}, when: \'channel.name == "sms" && message.line == "x{number}"\', '
        "then: {exclude: {reason: BLOCKED}}}\n",
        **{family: f"family: {family}\nrules: []\n" for family in ("fatigue", "budget", "breaker")},
    }
    return {f"{name}.yaml": text.encode() for name, text in files.items()}


async def test_500_releases_leave_no_memory_behind(tmp_path: Path) -> None:
    """500 different real versions, each loaded, tested, installed and asked, grow both processes by less than 10 MB."""
    here, held = psutil.Process(), 0
    async with Site.serving(tmp_path, "v0", version(0)) as site:
        there = psutil.Process(site.process.pid)
        for number in range(1, WARM + RELEASES + 1):
            site.write(f"v{number}", version(number))
            site.name(f"v{number}")
            status = await site.check()
            assert (status.version, status.problems) == (f"v{number}", ())
            for amount in (number + 0.25, number + 0.75):
                decision = await site.decide(line=f"l{number}", params={"amount": amount})
                assert (decision.verdict, decision.version) == (Verdict.SEND, f"v{number}")
                assert (decision.decided_by == f"only-{number}") == (amount > number + 0.5)
            shutil.rmtree(site.rules / f"v{number - 1}")
            if number == WARM:
                gc.collect()
                held = here.memory_info().rss + there.memory_info().rss

        gc.collect()
        assert here.memory_info().rss + there.memory_info().rss - held < 10 * MEGABYTE
        assert there.pid == site.process.pid
        assert site.reloader.status.reloads == 1 + WARM + RELEASES
        assert [kept.is_dir() for kept in (tmp_path / "data" / "last-good").iterdir()].count(True) == 1
