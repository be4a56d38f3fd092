"""What durable-rules can hold: conjunctions cut into blocks within its bounds. Pure, and known to both processes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from engine.ruleset.classes import Test

MAX_CONJUNCTIONS = 60
"""Conjunctions in one block. Every one may match at once, and at 64 pending branches the library's stack is full."""

MAX_TERMS = 250
"""Terms in one block; the library answers error 302 from 255 properties on."""

MAX_TESTS = 600
"""Comparisons in one block: compiling it takes time that grows faster than they do (3,600 of them 0.4 s, 600 5 ms)."""


class ConjunctionLike(Protocol):
    """What matching needs of a conjunction: the rule it speaks for, and the tests that must all hold."""

    @property
    def rule(self) -> int: ...

    @property
    def tests(self) -> tuple[Test, ...]: ...


def blocks(conjunctions: Iterable[ConjunctionLike]) -> Iterator[list[ConjunctionLike]]:
    """Cut conjunctions, in order, into blocks; one that alone is over a bound is a block of its own."""
    block: list[ConjunctionLike] = []
    terms: set[int] = set()
    tests = 0
    for conjunction in conjunctions:
        terms |= (wanted := {term for term, _, _ in conjunction.tests})
        tests += len(conjunction.tests)
        if block and (len(block) == MAX_CONJUNCTIONS or len(terms) > MAX_TERMS or tests > MAX_TESTS):
            yield block
            block, terms, tests = [], wanted, len(conjunction.tests)
        block.append(conjunction)
    if block:
        yield block
