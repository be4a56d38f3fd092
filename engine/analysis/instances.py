"""Conditions that are asked of each candidate channel, as conditions of the message: one for every channel.

`channel.state` of the candidate sms is `channels.sms.state`, and `channel.name` is "sms". So one space of classes, that
of the message, holds all that routing, interception, fatigue and budget can tell apart.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

from engine.analysis.formulas import Condition
from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.interpreter import EvaluationError, compile_expr
from engine.ruleset.normal import LOGIC, TooComplex, normalise
from engine.ruleset.syntax import Call, Expr, Fact, Has, Literal, Type


def of_message(condition: Condition, schema: FactsSchema) -> Expr:
    """Return a condition of scope MESSAGE or CHANNEL as one of the message, normalised where that is possible."""
    if condition.when is None:
        return Literal(True, Type.BOOL, 0, 0)
    expr = condition.when
    if condition.scope is Scope.CHANNEL:
        expr = _instance(expr, condition.channel, schema)
    try:
        return normalise(expr)
    except TooComplex:
        return expr


def _instance(expr: Any, channel: str, schema: FactsSchema) -> Any:
    """Put a channel's own facts in the place of `channel.*`, and fold what has become constant."""
    if isinstance(expr, Fact):
        return _fact(expr, channel)
    if isinstance(expr, Has) and expr.fact.path == "channel.name":
        return Literal(True, Type.BOOL, expr.start, expr.end)
    if isinstance(expr, tuple):
        return tuple(_instance(part, channel, schema) for part in expr)
    if not is_dataclass(expr) or isinstance(expr, Literal | type):
        return expr
    changed = {field.name: _instance(getattr(expr, field.name), channel, schema) for field in fields(expr)}
    made = replace(expr, **changed)
    return _folded(made, schema) if isinstance(made, Call) else made


def _fact(fact: Fact, channel: str) -> Expr:
    root, _, rest = fact.path.partition(".")
    if root != "channel":
        return fact
    if rest == "name":
        return Literal(channel, Type.STRING, fact.start, fact.end)
    return replace(fact, path=f"channels.{channel}.{rest}")


def _folded(call: Call, schema: FactsSchema) -> Expr:
    if call.op in LOGIC or not all(isinstance(arg, Literal) for arg in call.args):
        return call
    try:
        return Literal(compile_expr(call, schema, Scope.MESSAGE)((), ()), call.type, call.start, call.end)
    except EvaluationError:
        return call
