"""Calls on the messages' clock that are broken off, by Redis or by their caller: nothing is left lying."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from adapters.base import Attempt, Result
from adapters.sandbox.adapter import SandboxAdapter
from adapters.worker import Worker
from engine.errors import StateUnavailable
from tests.acceptance.answers import Refused
from tests.acceptance.box import PATIENCE_S, Box


@pytest.fixture
def own_box(tmp_path: Path) -> Iterator[Box]:
    """A server that no other test plays on."""
    box = Box(tmp_path)
    box.new_day()
    yield box
    box.stop()


def test_the_lanes_are_looked_into_again(own_box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis was away just when the workers looked: the message, sent again, is known, and goes."""
    away, real = [True], Worker.run_once

    async def run_once(worker: Worker) -> int:
        if away and away.pop():
            raise StateUnavailable("away; call again")
        return await real(worker)

    monkeypatch.setattr(Worker, "run_once", run_once)
    message = own_box.message("only-sms")
    with pytest.raises(Refused):
        own_box.send_message(message, "12:00")
    again = own_box.send_message(message, "12:00")
    own_box.advance()

    assert own_box.life(again.id).state == "DELIVERED"


def test_a_caller_who_goes_away_takes_nothing_along(own_box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its deadline is over while a carrier is being called: the call goes on, and so does the message."""
    slow, real = [True], SandboxAdapter.send

    async def send(adapter: SandboxAdapter, attempt: Attempt) -> Result:
        if slow and slow.pop():
            await asyncio.to_thread(gone.wait, PATIENCE_S)
        return await real(adapter, attempt)

    gone = threading.Event()
    monkeypatch.setattr(SandboxAdapter, "send", send)
    message = own_box.message("only-sms", category="MARKETING")
    with pytest.raises(grpc.RpcError):
        own_box.messages.Send(own_box.request(message, "12:00"), timeout=0.2)
    gone.set()
    again = own_box.send_message(message, "12:00")
    own_box.advance()

    assert own_box.life(again.id).state == "DELIVERED"
    assert len(own_box.carried(again.id)) == 1
