"""What is written together with a change of a life."""

from __future__ import annotations

from engine.decision import transitions
from engine.flow.lives import Lived, read_life, write
from engine.state.apply import REMOVED, SetIndex
from tests.decision.rulesets import NOON
from tests.flow.lived import KEYS, accepted, asked


def held_by_a_pause() -> Lived:
    """A message that a paused campaign holds."""
    lived = read_life(accepted(asked(campaign="spring/sale")))
    assert lived is not None
    lived.life.steps, lived.life.remaining, lived.life.held = [], [], True
    return lived


def test_what_is_over_is_held_by_no_pause() -> None:
    """Cancelled or expired, a message leaves the list of what a resume would release: a pause may last for ever."""
    for end in (lambda life: transitions.cancel(life, NOON), lambda life: transitions.expire(life, life.expire_ms)):
        lived = held_by_a_pause()
        change = end(lived.life)
        assert change is not None
        partition = KEYS.partition_of(lived.record.id)
        indexes = write(lived, change, KEYS).indexes

        assert SetIndex(KEYS.held(partition, "campaign", "t/spring%2Fsale"), REMOVED) in indexes
        assert SetIndex(KEYS.held(partition, "line", f"t/{lived.message.line}"), REMOVED) in indexes
