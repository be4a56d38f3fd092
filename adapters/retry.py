"""What follows from an outcome: is it over, does it go again, where and when. Pure; chance is an argument.

| outcome | then |
| --- | --- |
| OK | done |
| RETRY | the same provider after a growing pause, some times; then the next; the last one until the tries are used up |
| THROTTLE | the same provider when it said, or the next one if that is long; counted by itself |
| AUTH, BUDGET, CONFIG | this provider is out for this step: the next at once; without another the step fails |
| CONTENT, DEAD, OPTOUT | it failed, and no other provider would help |
| AMBIGUOUS | ask, or wait for a receipt; still unknown, the category decides |

Everything is derived from the attempts made so far, so a retry may be taken up by any worker, days later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from adapters.base import Outcome, Result

STOPS_ROUTE = frozenset({Outcome.AUTH, Outcome.BUDGET, Outcome.CONFIG})
"""Outcomes that concern every message of the provider, not this one: worth an alarm."""

SURE_FAILURES = frozenset({Outcome.CONTENT, Outcome.DEAD, Outcome.OPTOUT})
"""Outcomes that no further attempt of the same step would change."""


class Move(StrEnum):
    """What is done next."""

    DONE = "DONE"
    AGAIN = "AGAIN"
    """The same provider, after the delay."""
    NEXT = "NEXT"
    """Another provider, at once."""
    FAIL = "FAIL"
    """The step has failed, for good or until somebody has it sent anew."""
    SETTLE = "SETTLE"
    """Find out by query or receipt whether it went out; if neither tells, ask `unsettled`."""
    UNKNOWN = "UNKNOWN"
    """Nobody knows whether it went out, and it is not sent again."""


class NextMove(NamedTuple):
    """A move, with the provider to call and in how many milliseconds (AGAIN, NEXT)."""

    move: Move
    provider: str = ""
    delay_ms: int = 0


class Try(NamedTuple):
    """One attempt made: by which provider, and its outcome."""

    provider: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long. With the defaults a lone provider is tried 16 times, in 22 minutes on average.

    `base_ms` and `cap_ms` bound the pauses; `tries` is the most attempts of a step, `tries_per_provider` those before
    another provider has its turn. Throttled calls count by themselves, against `throttles`. A hint longer than
    `patience_ms` sends a throttled step to another provider if there is one. `repeats` are the categories whose
    ambiguous attempts go again: what the receiver waits for, where a second copy does no harm.
    """

    base_ms: int = 1_000
    cap_ms: int = 300_000
    tries: int = 16
    tries_per_provider: int = 3
    throttles: int = 100
    patience_ms: int = 30_000
    repeats: frozenset[str] = frozenset({"ONE_TIME_PASSWORD"})


DEFAULT_POLICY = RetryPolicy()


def next_provider(providers: Sequence[str], tries: Sequence[Try], policy: RetryPolicy = DEFAULT_POLICY) -> str | None:
    """Return who should make the next attempt, or None when the step has used up its tries or its providers.

    `providers` are those that may be used now, in order of preference; `tries` are the attempts so far, oldest first.
    """
    throttles = sum(made.outcome is Outcome.THROTTLE for made in tries)
    if throttles >= policy.throttles or len(tries) - throttles >= policy.tries:
        return None
    if any(made.outcome in SURE_FAILURES for made in tries):
        return None
    stopped = {made.provider for made in tries if made.outcome in STOPS_ROUTE}
    open_ones = [provider for provider in providers if provider not in stopped]
    rested = (p for p in open_ones if _used(p, tries) < policy.tries_per_provider)
    return next(rested, open_ones[-1] if open_ones else None)


def after(
    result: Result, providers: Sequence[str], tries: Sequence[Try], chance: float, policy: RetryPolicy = DEFAULT_POLICY
) -> NextMove:
    """Return what follows from `result`, the answer to the last of `tries`.

    `chance` is a random number from 0 up to 1. Raises ValueError when there was no attempt.
    """
    if not tries:
        raise ValueError("nothing follows before the first attempt")
    if result.outcome is Outcome.OK:
        return NextMove(Move.DONE)
    if result.outcome is Outcome.AMBIGUOUS:
        return NextMove(Move.SETTLE)
    here = tries[-1].provider
    if result.outcome is Outcome.THROTTLE and result.retry_after_ms > policy.patience_ms:
        others = [provider for provider in providers if provider != here]
        if other := next_provider(others, tries, policy):
            return NextMove(Move.NEXT, other)
    return _go_on(result, providers, tries, chance, policy)


def unsettled(
    category: str,
    providers: Sequence[str],
    tries: Sequence[Try],
    chance: float,
    policy: RetryPolicy = DEFAULT_POLICY,
) -> NextMove:
    """Return what follows from an AMBIGUOUS attempt, the last of `tries`, that neither query nor receipt has settled.

    A repetition may reach the receiver twice: the trace must say so.
    """
    if category not in policy.repeats:
        return NextMove(Move.UNKNOWN)
    move = _go_on(Result(Outcome.AMBIGUOUS), providers, tries, chance, policy)
    return NextMove(Move.UNKNOWN) if move.move is Move.FAIL else move


def backoff_ms(failures: int, chance: float, policy: RetryPolicy = DEFAULT_POLICY) -> int:
    """Return the pause after so many failures in a row, in milliseconds: at least 1, at most `cap_ms`.

    "Full jitter": any time up to base * 2^(failures - 1), so that those who failed together do not return together
    (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
    """
    highest = min(policy.cap_ms, policy.base_ms << min(max(failures, 1) - 1, 30))
    return max(1, int(highest * chance))


def _go_on(
    result: Result, providers: Sequence[str], tries: Sequence[Try], chance: float, policy: RetryPolicy
) -> NextMove:
    provider = next_provider(providers, tries, policy)
    if provider is None:
        return NextMove(Move.FAIL)
    if provider != tries[-1].provider:
        return NextMove(Move.NEXT, provider)
    pause_ms = backoff_ms(_failures_in_a_row(tries), chance, policy)
    if result.retry_after_ms:
        # Spread behind the hint, never before it.
        pause_ms = result.retry_after_ms + min(pause_ms, policy.base_ms)
    return NextMove(Move.AGAIN, provider, pause_ms)


def _used(provider: str, tries: Sequence[Try]) -> int:
    return sum(made.provider == provider and made.outcome is not Outcome.THROTTLE for made in tries)


def _failures_in_a_row(tries: Sequence[Try]) -> int:
    here = tries[-1].provider
    return next((n for n, made in enumerate(reversed(tries)) if made.provider != here), len(tries))
