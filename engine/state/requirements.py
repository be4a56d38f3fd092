"""What a Redis that somebody else runs must promise before messages are entrusted to it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from engine.errors import ConfigurationError, StateRefused

log = logging.getLogger(__name__)

OLDEST_REDIS: Final = (6, 2)

Call = Callable[..., Awaitable[Any]]


async def check_server(call: Call) -> None:
    """Refuse a Redis that forgets acknowledged messages: raises ConfigurationError naming the setting and the remedy.

    `appendfsync everysec` is taken with a warning. A service that hides its settings is asked through INFO.
    """
    try:
        info = info_fields(await call("INFO"))
    except StateRefused as error:
        raise ConfigurationError(f"this Redis cannot be used: {error}") from error
    version = info.get("redis_version", "0")
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_REDIS:
        raise ConfigurationError(f"this Redis is {version}; Signalbox needs 6.2 or newer")
    if info.get("cluster_enabled") == "1":
        raise ConfigurationError("this Redis runs in cluster mode; Signalbox needs one without (cluster-enabled no)")
    if info.get("aof_enabled") != "1":
        raise ConfigurationError(
            "this Redis has appendonly off and would forget accepted messages when it stops. "
            + _remedy("appendonly", "yes")
        )
    if (policy := info.get("maxmemory_policy")) != "noeviction":
        raise ConfigurationError(
            f"this Redis has maxmemory-policy {policy} and would throw accepted messages away when memory runs short. "
            + _remedy("maxmemory-policy", "noeviction")
        )
    _judge_fsync(await _setting(call, "appendfsync"))


def _judge_fsync(fsync: str | None) -> None:
    if fsync == "no":
        raise ConfigurationError(
            "this Redis has appendfsync no and may lose half a minute of accepted messages. "
            + _remedy("appendfsync", "always")
        )
    if fsync != "always":
        log.warning(
            "this Redis has appendfsync %s: messages of the last second or more, though accepted, are lost when its "
            "machine fails. %s",
            fsync or "unknown",
            _remedy("appendfsync", "always"),
        )


def _remedy(name: str, value: str) -> str:
    return f"Set it with: redis-cli CONFIG SET {name} {value} (and in its configuration file)"


async def _setting(call: Call, name: str) -> str | None:
    try:
        found = await call("CONFIG", "GET", name)
    except StateRefused:
        return None
    return found[1].decode() if found else None


def info_fields(info: bytes) -> dict[str, str]:
    """What INFO answers, by name."""
    lines = info.decode("utf-8", "replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)
