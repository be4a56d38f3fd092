"""Messages that are guessed from the constants of a condition, for where no witness was found.

The values next to a rule's constants are put into the facts that it reads, one fact at a time and then two: often
enough to tell what a question about the items of a list, or about a text, lets pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any, Final

from engine.ruleset.expressions import walk
from engine.ruleset.fact_types import FactType, Scope
from engine.ruleset.facts_schema import FactsSchema
from engine.ruleset.rules import Rule
from engine.ruleset.syntax import Fact, Literal, Type

_MOST_WORDS: Final = 12
_LONGEST: Final = 40
_OTHER: Final = "other"


class Guesses:
    """The values that the facts of some rules of one scope may tell apart."""

    def __init__(self, rules: Sequence[Rule], schema: FactsSchema) -> None:
        nodes = [node for rule in rules if rule.when is not None for node in walk(rule.when)]
        self._constants = [value for node in nodes if isinstance(node, Literal) for value in _single(node.value)]
        paths = dict.fromkeys(node.path for node in nodes if isinstance(node, Fact))
        found = {path: schema.fact(path, Scope.MESSAGE) for path in paths}
        self._values = {path: self._of(fact) for path, fact in found.items() if fact is not None}

    def givens(self, given: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Give what is given with other facts: one at a time, then two."""
        for count in (1, 2):
            for paths in combinations(self._values, count):
                for values in product(*(self._values[path] for path in paths)):
                    facts = {**(given.get("facts") or {}), **dict(zip(paths, values, strict=True))}
                    yield {**given, "facts": facts}

    def _of(self, fact: FactType) -> list[Any]:
        if fact.values is not None:
            return list(fact.values)
        if fact.type is Type.BOOL:
            return [True, False]
        words = self._words()
        if fact.type is Type.STRING:
            return words
        if fact.type is Type.LIST_STRING:
            return [[word] for word in words] + [list(two) for two in combinations(words, 2)]
        numbers = sorted({number + more for number in self._numbers() for more in (-1, 0, 1)})
        if fact.type in (Type.LIST_INT, Type.LIST_DOUBLE):
            return [[number] for number in numbers] + [list(two) for two in combinations(numbers, 2)]
        return numbers if fact.type in (Type.INT, Type.DOUBLE) else []

    def _words(self) -> list[str]:
        """Return the texts of the conditions with some that are nearly those, and some of the lengths they ask for."""
        own = [value for value in self._constants if isinstance(value, str)]
        near = [other for word in own for other in (word, f"{word}x", f"x{word}", word[:-1], word.upper())]
        lengths = [int(number) + more for number in self._numbers() for more in (0, 1) if 0 < number < _LONGEST]
        words = [_OTHER, *near, *("x" * length for length in lengths)]
        return [word for word in dict.fromkeys(words) if word][:_MOST_WORDS]

    def _numbers(self) -> list[int | float]:
        return [value for value in self._constants if isinstance(value, int | float) and not isinstance(value, bool)]


def _single(value: object) -> Sequence[Any]:
    return value if isinstance(value, tuple) else (value,)
