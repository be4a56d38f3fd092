"""The C module with a defect: after so many facts it reports an error code, as it does when its stack runs over.

It stands before the real one on the rules process's path, and passes everything else on to it.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from itertools import count
from pathlib import Path

FACTS = 40
"""Facts that a process takes before the defect shows."""

_elsewhere = [place for place in sys.path if place != str(Path(__file__).parent)]
_spec = PathFinder.find_spec("durable_rules_engine", _elsewhere)
assert _spec is not None
assert _spec.loader is not None
_this = sys.modules[__name__]
_real = module_from_spec(_spec)
_spec.loader.exec_module(_real)
sys.modules[__name__] = _this  # an old C module like this one has put itself there
_taken = count()

error = _real.error
create_ruleset = _real.create_ruleset
start_action_for_state = _real.start_action_for_state
complete_and_start_action = _real.complete_and_start_action
retract_fact = _real.retract_fact
delete_state = _real.delete_state
delete_ruleset = _real.delete_ruleset


def assert_fact(handle: int, fact: str) -> tuple[int, int]:
    """Take a fact; from the bound on, every one is too many."""
    if next(_taken) >= FACTS:
        raise error("Could not assert fact, error code: 303")
    answer: tuple[int, int] = _real.assert_fact(handle, fact)
    return answer
