"""Operators pause, resume and cancel while processes die: what was stopped goes on, once, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from signalbox.v1.channel_service_pb2 import PauseRequest, PauseScope, ResumeRequest, TenantName
from signalbox.v1.channel_service_pb2_grpc import ChannelServiceStub
from signalbox.v1.message_service_pb2 import CampaignName, CancelRequest
from signalbox.v1.message_service_pb2_grpc import MessageServiceStub
from tests.faults.send.load import LIMIT_S
from tests.faults.send.run import Run, Trouble, run_of
from tests.faults.send.test_kills import kill
from tests.faults.send.world import SOME_SEEDS, TENANT

SCOPES = (
    PauseScope(line=TenantName(tenant=TENANT, name="loans")),
    PauseScope(campaign=TenantName(tenant=TENANT, name="spring")),
    PauseScope(provider="sms-a"),
    PauseScope(everything=True),
)


async def pause(run: Run, scope: PauseScope) -> None:
    """Stop sending."""
    request = PauseRequest(scope=scope, by="tests")
    await run.clients.ask(lambda channel: ChannelServiceStub(channel).Pause(request, timeout=LIMIT_S))


async def resume(run: Run, scope: PauseScope) -> None:
    """Go on."""
    request = ResumeRequest(scope=scope)
    await run.clients.ask(lambda channel: ChannelServiceStub(channel).Resume(request, timeout=LIMIT_S))


def paused_over_a_kill(run: Run, scope: PauseScope, name: str) -> Trouble:
    """A trouble: something is paused, somebody dies, and it goes on."""

    async def trouble() -> None:
        await pause(run, scope)
        await kill(run, name)()
        await resume(run, scope)

    return trouble


async def cancel(run: Run) -> Any:
    """Take the whole campaign back."""
    request = CancelRequest(campaign=CampaignName(tenant=TENANT, campaign="spring"))
    return await run.clients.ask(lambda channel: MessageServiceStub(channel).Cancel(request, timeout=LIMIT_S))


@pytest.mark.parametrize("seed", SOME_SEEDS)
async def test_pauses_outlive_kills(tmp_path: Path, seed: int) -> None:
    """Whatever is paused when processes die goes on afterwards, and the checker finds nothing."""
    async with run_of(tmp_path, seed) as run:
        names = ("redis", "all", "redis", "all")
        await run.under_load(*(paused_over_a_kill(run, *both) for both in zip(SCOPES, names, strict=True)))
        await run.ends_well()


@pytest.mark.parametrize("seed", SOME_SEEDS)
async def test_a_cancelled_campaign(tmp_path: Path, seed: int) -> None:
    """What is taken back while it is paused goes out to nobody; what was with a carrier already has its end too."""
    async with run_of(tmp_path, seed) as run:
        sending = run.begin_load()
        await run.until_share(0.3)
        await pause(run, SCOPES[1])
        await sending
        run.servers.kill_redis()
        cancelled = await cancel(run)
        await resume(run, SCOPES[1])

        assert cancelled.cancelled > 0
        told = await run.checked()
        states = [one["state"] for one in told.values()]
        assert states.count("CANCELLED") > 0
        await run.servers.stop()
