"""Small rule sets for tests: a test writes the rules it is about, the rest stands here."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from engine.decision.judge import Judge
from engine.decision.ledger_model import LedgerModel
from engine.decision.model import Content, Decision, Message, User
from engine.decision.moment import parse_local
from engine.decision.session import Session, State, Unknown, judge_now
from engine.ruleset.compile import RuleSet, compile_version
from engine.ruleset.issues import render

ZONE = "Asia/Shanghai"
NOON = parse_local("2026-01-05T12:00", ZONE)
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000

FACTS = """
channels:
  push: {doc: App push, receipts: true}
  sms: {doc: Text message, receipts: true}
  wechat: {doc: WeChat, receipts: true}
  mail: {doc: Mail, receipts: false}
facts:
  message.params.amount: {type: double}
  user.attributes.age: {type: int}
budgets:
  sms_cash: {account: "{line}/sms", unit: CNY}
"""

TO_PUSH = "- {id: to-push, then: {distribute: {to: push}}}"


def ruleset(lists: dict[str, str] | None = None, facts: str = FACTS, **families: str) -> RuleSet:
    """Compile a version of these rules; `routing`, `fatigue` … are the rules of a file, the others have none."""
    families.setdefault("routing", TO_PUSH)
    files = {"facts.yaml": facts.encode()}
    for family in ("interception", "fatigue", "budget", "routing", "breaker"):
        rules = textwrap.dedent(families.pop(family, "")).strip()
        body = "\n" + textwrap.indent(rules, "  ") if rules else " []"
        files[f"{family}.yaml"] = f"family: {family}\nrules:{body}\n".encode()
    assert not families, f"no such family: {families}"
    for name, words in (lists or {}).items():
        files[f"lists/{name}.txt"] = words.encode()
    compiled = compile_version("test", files)
    assert compiled.ruleset is not None, render(compiled.issues, color=False)
    return compiled.ruleset


def message(category: str = "SERVICE", user_id: str = "u", **fields: object) -> Message:
    """A message with what matters; it says "hello" unless told otherwise."""
    fields.setdefault("content", Content("", "hello", "", ""))
    fields.setdefault("priority", "P1")
    return Message(tenant="t", line=str(fields.pop("line", "cards")), user_id=user_id, category=category, **fields)


def user(*channels: str, **fields: object) -> User:
    """A user who can be reached on these channels, or on all."""
    fields.setdefault("zone", ZONE)
    return User(known=True, channels=frozenset(channels or ("push", "sms", "wechat", "mail")), **fields)


def session(
    rules: RuleSet, someone: User | None = None, ledger: LedgerModel | None = None, **fields: object
) -> Session:
    """A session in which the user u of tenant t is this one."""
    users = {("t", "u"): someone or user(), ("t", "v"): someone or user()}
    return Session(Judge(rules), State(users, ledger or LedgerModel(), default_zone=ZONE, **fields))


def by_interpreter(unknown: Sequence[Unknown]) -> None:
    """No matcher: the plain interpreter answers."""


def decide(where: Session, what: Message, at_ms: int = NOON) -> Decision:
    """Decide one message, counting what it uses."""
    (judgement,) = judge_now(where, [(what, at_ms)], by_interpreter)
    if judgement.error is not None:
        raise judgement.error
    return judgement.decision


def channels(decision: Decision) -> list[str]:
    """The channels of the plan; those that come later in brackets."""
    steps = decision.plan.steps if decision.plan else ()
    return [step.channel if step.admitted else f"({step.channel})" for step in steps]


def refusals(decision: Decision) -> dict[str, str]:
    """Why each candidate does not take part."""
    return {refusal.channel: refusal.reason.name for refusal in decision.refusals}
