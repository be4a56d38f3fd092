"""The end of a run: everything has come to its end, and then the checker looks."""

from __future__ import annotations

import json
from dataclasses import asdict

from tests.faults.checker import Facts, Line, broken_promises, read_seen
from tests.faults.send.load import Clients
from tests.faults.send.servers import Servers


async def assert_all_is_well(servers: Servers, clients: Clients, facts: Facts) -> dict[str, Line]:
    """Wait for the end of every message; then the checker finds nothing, and the records say what Get says."""
    told = await clients.see_the_end()
    answers = servers.folder / "answers.jsonl"
    answers.write_text("".join(json.dumps(answer._asdict()) + "\n" for answer in clients.answers), encoding="utf-8")
    (servers.folder / "facts.json").write_text(json.dumps(asdict(facts)), encoding="utf-8")
    complaints = broken_promises(read_seen(servers.logs), clients.answers, told, facts)
    assert not complaints, "\n".join([f"{len(complaints)} broken promises", *complaints[:20]])
    assert not clients.refused, clients.refused[:5]
    await assert_recorded(clients, told)
    await assert_money_adds_up(clients, told)
    return told


async def assert_recorded(clients: Clients, told: dict[str, Line]) -> None:
    """The records say of every message what Get says, and know of no other."""
    listed = await clients.listed()
    differing = {
        message_id: (one["state"], one["steps"], listed.get(message_id))
        for message_id, one in told.items()
        if listed.get(message_id) != {name: one[name] for name in ("state", "reason", "steps")}
    }
    assert not differing, differing
    assert listed.keys() == told.keys(), listed.keys() - told.keys()


async def assert_money_adds_up(clients: Clients, told: dict[str, Line]) -> None:
    """When all is over nothing is held, and what is not spent is left."""
    for account in await clients.accounts():
        assert account.held_micros == 0, account
        assert account.left_micros + account.spent_micros == account.total_micros, account
