"""Mutants of breaker rules: the window that tells each, or the proof that none does."""

from __future__ import annotations

from engine.analysis.mutation.score import score
from tests.analysis.mutation_versions import case_from, change, compiled, scored, surviving, version

NONE = "- {name: a quiet platform, given: {platform: {window: {count: 1}}}, expect: {state: NORMAL}}"


def test_a_window_is_told_for_every_mistake() -> None:
    """Both sides of every number, the subject's name and state, in rules of all three subjects."""
    parsed = version(
        breaker="""
            - id: provider-slow
              when: provider.window.count >= 50 && provider.window.error_rate > 0.08 && provider.name != "carrier-a"
              then: {set: {state: SLOW, speed: 0.5, back: {windows: 3, error_rate_below: 0.05}}}
            - id: provider-paused
              when: provider.window.consecutive_timeouts > 9 && provider.state in ["NORMAL", "SLOW"]
              then: {set: {state: PAUSED}}
            - id: channel-slow
              when: channel.window.timeouts >= 5 && channel.name == "sms" && now.local_hour < 20
              then: {set: {state: SLOW, speed: 0.2}}
            - {id: all-paused, when: platform.window.errors > 1000, then: {set: {state: PAUSED}}}
        """
    )
    found = scored(parsed, NONE)
    told = [case_from(one, number) for number, one in enumerate(found.survivors) if one.given is not None]

    better = score(compiled(parsed), parsed, told)

    assert [change(one.mutant) for one in found.survivors if one.given is None] == []
    assert surviving(better) == []
    assert {name for one in found.survivors for name in one.given or ()} >= {"provider", "channel", "platform"}


def test_what_no_window_tells_is_equivalent() -> None:
    """A rule that always loses to a stricter one changes nothing; all windows that the rules tell apart were tried."""
    parsed = version(
        breaker="""
            - {id: strict, when: provider.window.count > 10, then: {set: {state: PAUSED}}}
            - {id: mild, when: provider.window.count > 20, then: {set: {state: SLOW, speed: 0.5}}}
        """
    )

    found = scored(parsed, NONE, only="mild")

    equivalent = [change(mutant) for mutant in found.equivalent]
    assert "provider.window.count > 20 -> provider.window.count > 21" in equivalent
    assert "the rule -> (left out)" in equivalent
    assert "provider.window.count > 20 -> provider.window.count <= 20" in surviving(found)
    assert "state SLOW -> PAUSED" in equivalent


def test_where_not_all_windows_can_be_tried_nothing_is_proved() -> None:
    """Two facts compared with each other tell apart what no number shows: such a mutant counts as alive."""
    parsed = version(
        breaker="""
            - {id: strict, when: provider.window.count > 10, then: {set: {state: PAUSED}}}
            - id: sum
              when: provider.window.count > 20 && provider.window.errors > provider.window.timeouts
              then: {set: {state: SLOW, speed: 0.5}}
        """
    )

    found = scored(parsed, NONE, only="sum")

    assert found.equivalent == ()
    assert "the rule -> (left out)" in surviving(found)
