"""The simulated carrier's settings."""

from __future__ import annotations

import tomllib

import pytest

from adapters.sandbox.profile import PROFILES, profile_of
from engine.errors import ConfigurationError


def test_single_numbers_replace_those_of_a_profile() -> None:
    """What a setting names is replaced, the rest is the named profile's; without a name it is the usual one."""
    usual, changed = profile_of({}), profile_of({"profile": "usual", "lost": 0.5})

    assert usual == profile_of({"profile": "usual"})
    assert usual.model_copy(update={"lost": 0.5}) == changed
    assert PROFILES["rough"]["late"] == profile_of({"profile": "rough"}).late


def test_the_profiles_rise() -> None:
    """Perfect does nothing wrong, the usual one a little of most things, rough more of all of them."""
    perfect, usual, rough = (profile_of({"profile": name}).model_dump() for name in ("perfect", "usual", "rough"))
    wrongs = ["retry", "throttle", "content", "dead", "optout", "unreached", "unanswered"]
    wrongs += ["failed", "lost", "late", "repeated"]

    assert {0.0} == {perfect[name] for name in wrongs}
    assert all(0 < usual[name] < rough[name] for name in wrongs)
    assert sum(usual[name] for name in wrongs) < 0.1


def test_an_outage_as_toml_has_it() -> None:
    """An outage is written with times that have a zone; its end no longer belongs to it."""
    text = 'outages = [{from = 2026-01-05T12:00:00+08:00, until = "2026-01-05T13:00:00+08:00", outcome = "THROTTLE"}]'
    outage = profile_of(tomllib.loads(text)).outages[0]
    noon_ms = 1_767_585_600_000

    assert [outage.holds(now_ms) for now_ms in (noon_ms - 1, noon_ms, noon_ms + 3_599_999, noon_ms + 3_600_000)] == [
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("expected", "settings"),
    [
        ("receipt_ms: Value error, a range is [least, most], neither below 0", {"receipt_ms": [5, 1]}),
        (
            "Value error, retry, throttle, auth, budget, content, config are shares of the same calls and may not "
            "exceed 1 together",
            {"retry": 0.6, "auth": 0.6},
        ),
        ("outages.0.from: Input should have timezone info", {"outages": [{"from": "2026-01-05T12:00:00", "until": 9}]}),
        ("zebra is no setting of the sandbox", {"zebra": 1}),
    ],
)
def test_wrong_settings(expected: str, settings: dict[str, object]) -> None:
    """What is wrong is named, with what is right."""
    with pytest.raises(ConfigurationError) as error:
        profile_of(settings)

    assert expected == str(error.value)
