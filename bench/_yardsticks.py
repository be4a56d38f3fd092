"""The other engines, each given the same conjunctions and the form of facts that suits it best.

durable-rules gets facts as JSON, a tag as a property of its own (its list operators are slower); Zen gets a flat dict.
Making those forms is not counted; answering with all rules that match is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import durable_rules_engine as durable
import zen
from _sixty import Conjunction, Term

MOST_AT_ONCE: Final = 60
"""Rules in one ruleset of durable-rules: near 64 matching at once it ends with error 303."""

_DURABLE: Final = {"!=": "$neq", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}


def flat(path: str) -> str:
    """A fact's path as one name."""
    return path.replace(".", "_")


class RawDurable:
    """durable-rules on the raw facts: its own comparisons of strings and numbers, every match collected.

    The order of calls is the one that neither crashes nor leaks: a primed ruleset, the same id for every fact.
    """

    def __init__(self, conjunctions: Sequence[Conjunction]) -> None:
        parts = [conjunctions[at : at + MOST_AT_ONCE] for at in range(0, len(conjunctions), MOST_AT_ONCE)]
        self._handles = [self._ruleset(f"raw{number}", part) for number, part in enumerate(parts)]
        self.tags = sorted({term.value for c in conjunctions for term in c.terms if term.op == "in"})

    def _ruleset(self, name: str, conjunctions: Sequence[Conjunction]) -> int:
        rules = {str(c.rule): {"all": [{"m": {"$and": _patterns(c.terms)}}]} for c in conjunctions}
        rules["p"] = {"all": [{"m": {"$and": [{"prime": 1}]}}]}
        handle: int = durable.create_ruleset(name, json.dumps(rules))
        prime = '{"id":0,"sid":"0","prime":1}'
        _, state = durable.assert_fact(handle, prime)
        durable.start_action_for_state(handle, state)
        durable.complete_and_start_action(handle, state)
        durable.retract_fact(handle, prime)
        return handle

    def encode(self, facts: Mapping[str, Any]) -> str:
        """Facts in the form that `match` takes."""
        given = {flat(path): value for path, value in facts.items() if not isinstance(value, tuple)}
        tags = {f"tag_{tag}": True for tag in self.tags if tag in facts.get("user.tags", ())}
        return json.dumps({"id": 0, "sid": "0", **given, **tags})

    def match(self, fact: str) -> tuple[int, ...]:
        """The rules that match, rising."""
        found: list[int] = []
        for handle in self._handles:
            code, state = durable.assert_fact(handle, fact)
            if code == 0:
                match = durable.start_action_for_state(handle, state)[1]
                while match:
                    found.append(int(match[2 : match.index('"', 2)]))
                    match = durable.complete_and_start_action(handle, state)
            durable.retract_fact(handle, fact)
        return tuple(sorted(set(found)))

    def close(self) -> None:
        """Give the memory back: the state first."""
        for handle in self._handles:
            durable.delete_state(handle, "0")
            durable.delete_ruleset(handle)


def _patterns(terms: Sequence[Term]) -> list[dict[str, Any]]:
    asked = {term.path for term in terms if term.op not in ("has", "in")}
    patterns: list[dict[str, Any]] = []
    for term in terms:
        if term.op == "in":
            patterns.append({f"tag_{term.value}": True})
        elif term.op == "has":
            # An absent property matches nothing, so only a rule that does not compare the fact has to ask for it.
            if term.path not in asked and not any(t.op == "in" and t.path == term.path for t in terms):
                patterns.append({"$ex": {flat(term.path): 1}})
        elif term.op == "==":
            patterns.append({flat(term.path): term.value})
        else:
            patterns.append({_DURABLE[term.op]: {flat(term.path): term.value}})
    return patterns


class ZenFacts:
    """The facts as Zen is given them: a flat dict of the paths that rules mention, absent ones null."""

    def __init__(self, conjunctions: Sequence[Conjunction]) -> None:
        self._paths = sorted({term.path for c in conjunctions for term in c.terms})

    def encode(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Facts in the form that both of Zen's forms take."""
        values = ((path, facts.get(path)) for path in self._paths)
        return {flat(path): list(value) if isinstance(value, tuple) else value for path, value in values} | {
            "user_tags": list(facts.get("user.tags", ()))
        }


class ZenList:
    """GoRules Zen, all conjunctions as one list expression: its fastest form."""

    def __init__(self, conjunctions: Sequence[Conjunction]) -> None:
        self._rules = [c.rule for c in conjunctions]
        self._expression = zen.compile_expression("[" + ", ".join(_expression(c.terms) for c in conjunctions) + "]")

    def match(self, facts: dict[str, Any]) -> tuple[int, ...]:
        """The rules that match, rising."""
        verdicts = self._expression.evaluate(facts)
        return tuple([rule for rule, holds in zip(self._rules, verdicts, strict=True) if holds])


def _expression(terms: Sequence[Term]) -> str:
    numbers = {t.path for t in terms if t.op in ("<", "<=", ">", ">=")}
    written = []
    for term in terms:
        name = flat(term.path)
        if term.op == "in":
            written.append(f"{_zen(term.value)} in {name}")
        elif term.op == "has":
            # A comparison of null is an error for numbers and false for strings and for `in`.
            if term.path in numbers or not any(t.path == term.path and t.op != "has" for t in terms):
                written.append(f"{name} != null")
        elif term.value is True:
            written.append(name)
        else:
            written.append(f"{name} {term.op} {_zen(term.value)}")
    return "(" + " and ".join(written) + ")"


def _zen(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else json.dumps(value)


class ZenTable:
    """GoRules Zen, the conjunctions as a decision table with hit policy collect: its usual form."""

    def __init__(self, conjunctions: Sequence[Conjunction]) -> None:
        columns = sorted({_column(term) for c in conjunctions for term in c.terms})
        names = {column: f"c{number}" for number, column in enumerate(columns)}
        rows = [{"_id": f"r{c.rule}", "out": str(c.rule), **_cells(c.terms, names)} for c in conjunctions]
        table = {
            "hitPolicy": "collect",
            "inputs": [{"id": name, "name": name, "field": column} for column, name in names.items()],
            "outputs": [{"id": "out", "name": "rule", "field": "rule"}],
            "rules": rows,
        }
        nodes = [
            {"id": "in", "name": "in", "type": "inputNode"},
            {"id": "table", "name": "table", "type": "decisionTableNode", "content": table},
            {"id": "end", "name": "end", "type": "outputNode"},
        ]
        edges = [
            {"id": "1", "type": "edge", "sourceId": "in", "targetId": "table"},
            {"id": "2", "type": "edge", "sourceId": "table", "targetId": "end"},
        ]
        self._engine = zen.ZenEngine()
        self._decision = self._engine.create_decision(json.dumps({"nodes": nodes, "edges": edges}))

    def match(self, facts: dict[str, Any]) -> tuple[int, ...]:
        """The rules that match, rising."""
        return tuple([int(row["rule"]) for row in self._decision.evaluate(facts)["result"]])


def _column(term: Term) -> str:
    return f"{_zen(term.value)} in {flat(term.path)}" if term.op == "in" else flat(term.path)


def _cells(terms: Sequence[Term], names: Mapping[str, str]) -> dict[str, str]:
    cells: dict[str, list[str]] = {}
    for term in terms:
        cell = cells.setdefault(names[_column(term)], [])
        if term.op == "has":
            continue
        if term.op == "in" or term.value is True:
            cell.append("true")
        elif term.op == "==":
            cell.append(json.dumps(term.value))
        else:
            cell.append(f"{term.op} {json.dumps(term.value)}")
    only_has = {names[_column(term)] for term in terms if term.op == "has"}
    return {
        name: " and ".join(cell) if cell else "$ != null" for name, cell in cells.items() if cell or name in only_has
    }
