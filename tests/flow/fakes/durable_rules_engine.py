"""A double of the C module for the rules process: it primes, matches nothing, and answers class 303 with that error."""

from __future__ import annotations


class error(Exception):
    """What the library raises."""


def create_ruleset(name: str, rules: str) -> int:
    """Any handle will do."""
    return 1


def assert_fact(handle: int, fact: str) -> tuple[int, int]:
    """Match the prime; fail on class 303."""
    if ":303}" in fact:
        raise error("Could not assert fact, error code: 303")
    return (0 if "prime" in fact else 1), 1


def start_action_for_state(handle: int, state: int) -> tuple[str, str]:
    """The prime is the only thing ever started."""
    return "{}", '{"p":{}}'


def complete_and_start_action(handle: int, state: int) -> None:
    """Nothing more matches."""


def retract_fact(handle: int, fact: str) -> tuple[int, int]:
    """All well."""
    return 0, 1


def delete_state(handle: int, sid: str) -> None:
    """All well."""


def delete_ruleset(handle: int) -> None:
    """All well."""
