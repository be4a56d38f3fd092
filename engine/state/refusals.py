"""What Redis, or the way to it, says no with becomes an error of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from redis import exceptions

from engine.errors import ClockDiffers, SignalboxError, StateFull, StateRefused, StateUnavailable

CALL_AGAIN: Final = "call again"

# Answers that pass by themselves or with the operator's help: nothing is wrong with what was asked.
_PASSING: Final = {
    "BUSY": "is busy with a long script",
    "CLUSTERDOWN": "has lost a part of its cluster",
    "LOADING": "is loading its data from disk",
    "MASTERDOWN": "has lost its primary",
    "MISCONF": "cannot write to its disk",
    "NOREPLICAS": "has lost its replicas",
    "READONLY": "is a replica at the moment",
    "TRYAGAIN": "is moving keys at the moment",
}

# Redis 6.2 puts the code of a command that failed in a script behind the name of the script.
_IN_SCRIPT: Final = re.compile(r"^ERR Error running script .*?@user_script:\s?\d+: -?(?=[A-Z]{3,} )", re.DOTALL)


def answered(text: str) -> SignalboxError:
    """The error for Redis' own words, of which the first is a code.

    A script says `CLOCKDIFFERS <gap in ms>` when the caller's clock is too far from Redis'.
    """
    text = _IN_SCRIPT.sub("", text)
    code, _, rest = text.partition(" ")
    if code == "OOM":
        return StateFull("the state (Redis) has no memory left: raise its maxmemory or give it a larger machine")
    if code == "CLOCKDIFFERS":
        return ClockDiffers(int(rest.split()[0]))
    if code in _PASSING:
        return StateUnavailable(f"the state (Redis) {_PASSING[code]}; {CALL_AGAIN}")
    return StateRefused(code, text)


@contextmanager
def ours() -> Iterator[None]:
    """Within it, what redis-py and the socket raise while they connect is raised as StateUnavailable, or what
    `answered` says."""
    try:
        yield
    except (exceptions.RedisError, OSError) as error:
        raise _connecting(error) from error


def _connecting(error: Exception) -> SignalboxError:
    # A refused login comes wrapped into an error of the connection.
    causes = (error, error.__cause__, error.__context__)
    if any(isinstance(cause, exceptions.AuthenticationError) for cause in causes):
        return StateRefused("NOAUTH", f"its user or password is wrong ({error})")
    if isinstance(error, exceptions.ResponseError | exceptions.BusyLoadingError):
        # redis-py takes codes that it knows off the text and keeps them apart.
        known = getattr(error, "status_code", None)
        return answered(f"{known} {error}" if known else str(error))
    return StateUnavailable(f"the state (Redis) cannot be reached ({str(error) or 'no answer in time'}); {CALL_AGAIN}")
