"""How a test of this folder waits: it looks again, letting others run, until a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from engine.errors import StateUnavailable

PATIENCE_S: Final = 30

T = TypeVar("T")


async def until(condition: Callable[[], object]) -> None:
    """Look again until a condition holds; past the deadline it is an error."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0)


async def answered(call: Callable[[], Awaitable[T]]) -> T:
    """Call again for as long as the state is away, as every caller is told to."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await call()
            except StateUnavailable:
                await asyncio.sleep(0)
