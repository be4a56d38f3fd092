"""Fingerprints judged by durable-rules, through its C module alone.

The one idea: the library is trusted only with what it was shown to do right. It sees conjunctions of comparisons
between small integers, in blocks it can hold, one fact at a time and always the same one; the order of calls below
is the only one that neither answers wrongly nor leaks nor aborts the process. Everything else (which class a value
falls into, which of the matches counts) is decided in Python.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

import durable_rules_engine as durable

from engine.errors import MatcherUnavailable
from engine.flow.blocks import MAX_TERMS, ConjunctionLike, blocks
from engine.ruleset.classes import Conjunction, Test
from engine.ruleset.fingerprint import Fingerprint

_OPERATORS = {"==": None, "!=": "$neq", ">=": "$gte", "<=": "$lte"}
_PRIME_RULE = {"all": [{"m": {"$and": [{"prime": 1}]}}]}
_PRIME_FACT = '{"id":0,"sid":"0","prime":1}'
_names = count()


class DurableError(MatcherUnavailable):
    """durable-rules returned an error code. What it holds is not to be trusted after that: throw the matcher away."""

    def __init__(self, code: int, what: str) -> None:
        super().__init__(f"durable-rules: {what} (error code {code})")
        self.code = code


class DurableMatcher:
    """The programs of one rule set, compiled into durable-rules' blocks.

    Not thread-safe. `close` gives the C memory back; an unclosed matcher keeps it until the process ends.
    """

    def __init__(self, programs: Sequence[Sequence[ConjunctionLike]] = ()) -> None:
        """Compile `programs`; raises DurableError. One block of 60 conjunctions takes about 2 ms."""
        self._programs: list[_Program] = []
        for program, conjunctions in enumerate(programs):
            self.add(program, conjunctions)

    def add(self, program: int, conjunctions: Sequence[ConjunctionLike]) -> None:
        """Compile more conjunctions of a program, so that a big rule set can come in parts; raises DurableError."""
        while len(self._programs) <= program:
            self._programs.append(_Program())
        self._programs[program].add(conjunctions)

    def match(self, program: int, fingerprints: Sequence[Fingerprint]) -> list[tuple[int, ...]]:
        """For each fingerprint the sorted indexes of the rules that have a conjunction that holds.

        Raises DurableError with the code when the library reports one.
        """
        judge = self._programs[program].judge
        try:
            return [judge(fingerprint) for fingerprint in fingerprints]
        except durable.error as error:
            raise _translated(error) from None

    def close(self) -> None:
        """Free every block; harmless when repeated."""
        for program in self._programs:
            program.close()
        self._programs.clear()


class _Program:
    """The conjunctions of one scope: those in blocks, and the few that the library is not asked about."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._always: set[int] = set()
        self._wide: list[Conjunction] = []

    def add(self, conjunctions: Sequence[ConjunctionLike]) -> None:
        asked = []
        for conjunction in conjunctions:
            if not conjunction.tests:
                self._always.add(conjunction.rule)
            elif len({term for term, _, _ in conjunction.tests}) > MAX_TERMS:
                self._wide.append(Conjunction(conjunction.rule, conjunction.tests))
            else:
                asked.append(conjunction)
        for part in blocks(asked):
            self._blocks.append(_Block(part))

    def judge(self, fingerprint: Fingerprint) -> tuple[int, ...]:
        found = set(self._always)
        for block in self._blocks:
            block.collect(fingerprint, found)
        for conjunction in self._wide:
            if conjunction.matches(fingerprint):
                found.add(conjunction.rule)
        return tuple(sorted(found))

    def close(self) -> None:
        while self._blocks:
            self._blocks.pop().close()


class _Block:
    """One durable-rules ruleset and the one state in it."""

    __slots__ = ("_fact", "_handle", "_pick", "_rules")

    def __init__(self, conjunctions: Sequence[ConjunctionLike]) -> None:
        terms = sorted({term for c in conjunctions for term, _, _ in c.tests})
        self._rules = tuple(c.rule for c in conjunctions)
        self._pick = operator.itemgetter(*terms)
        self._fact = '{"id":0,"sid":"0",' + ",".join(f'"t{term}":%d' for term in terms) + "}"
        rules = {f"r{i}": {"all": [{"m": {"$and": _patterns(c.tests)}}]} for i, c in enumerate(conjunctions)}
        try:
            self._handle = durable.create_ruleset(f"b{next(_names)}", json.dumps({**rules, "p": _PRIME_RULE}))
            self._prime()
        except durable.error as error:
            raise _translated(error) from None

    def _prime(self) -> None:
        """Run one whole match of a rule of our own; without it, deleting the state frees uninitialised memory."""
        code, state = durable.assert_fact(self._handle, _PRIME_FACT)
        if code != 0:
            raise DurableError(code, "the first fact of a new block was not matched")
        durable.start_action_for_state(self._handle, state)
        durable.complete_and_start_action(self._handle, state)
        durable.retract_fact(self._handle, _PRIME_FACT)

    def collect(self, fingerprint: Fingerprint, found: set[int]) -> None:
        """Add the rules that match to `found`: 14 us when built as shipped. Raises the library's own error."""
        handle = self._handle
        fact = self._fact % self._pick(fingerprint)
        code, state = durable.assert_fact(handle, fact)
        if code == 0:
            rules = self._rules
            match = durable.start_action_for_state(handle, state)[1]
            while match:  # '{"r17":{"m":{…}}}'
                found.add(rules[int(match[3 : match.index('"', 3)])])
                match = durable.complete_and_start_action(handle, state)
        elif code != 1:
            raise DurableError(code, "a fact was not taken")
        durable.retract_fact(handle, fact)

    def close(self) -> None:
        """State before ruleset; the other order leaks about 80 KB for each."""
        durable.delete_state(self._handle, "0")
        durable.delete_ruleset(self._handle)


def _patterns(tests: Iterable[Test]) -> list[dict[str, Any]]:
    patterns: list[dict[str, Any]] = []
    for term, op, cls in tests:
        plain = {f"t{term}": cls}
        name = _OPERATORS[op]
        patterns.append(plain if name is None else {name: plain})
    return patterns


def _translated(error: Exception) -> DurableError:
    """The library names its code in the text only: `Could not assert fact, error code: 303`."""
    found = re.search(r"error code: (-?\d+)", str(error))
    return DurableError(int(found[1]) if found else -1, str(error).partition(",")[0])
