"""What `signalbox rules explain` is asked about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.analysis.situation import Situation

FORMS: Final = "write a rule-test case, its given:, a message of the contract, or an EvaluateRequest"
"""What may stand in the file of a message."""


@dataclass(frozen=True, slots=True)
class Question:
    """The situation before the message is judged, and what was assumed about it, a sentence each."""

    situation: Situation
    assumed: tuple[str, ...] = ()
