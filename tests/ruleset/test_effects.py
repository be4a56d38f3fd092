"""The words of rule files are those of the model and of the contract."""

from __future__ import annotations

import re
from pathlib import Path

from engine.decision.model import Reason
from engine.ruleset.effects import LIMIT_KEYS, PRIORITIES, REASONS
from signalbox.v1 import decision_pb2, message_pb2

PROTO = Path(__file__).resolve().parents[2] / "proto" / "signalbox" / "v1"


def test_a_rule_gives_only_reasons_that_the_model_and_the_contract_know() -> None:
    """Each reason of a rule is one of the model, by name, and one of the wire."""
    assert set(REASONS) <= {reason.name for reason in Reason}
    assert {f"REASON_{name}" for name in REASONS} <= set(decision_pb2.Reason.keys())


def test_priorities_are_those_of_the_contract() -> None:
    """In its order, the most urgent first."""
    assert [name for name, _ in message_pb2.Priority.items() if name.endswith(PRIORITIES)] == [
        f"PRIORITY_{name}" for name in PRIORITIES
    ]


def test_limits_count_apart_in_the_order_of_the_contract() -> None:
    """The key of a ledger entry joins its parts in the order that LimitUse.key states; the user comes before them."""
    text = re.sub(r"\s*//\s*", " ", (PROTO / "state.proto").read_text(encoding="utf-8"))
    stated = re.search(r"the contract's order \(([a-z, ]+)\)", text)

    assert stated is not None
    assert ("user", *stated[1].split(", ")) == LIMIT_KEYS
