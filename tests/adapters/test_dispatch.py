"""Who sends a step, and where it goes."""

from __future__ import annotations

import pytest

from adapters.base import Outcome
from adapters.dispatch import LONGEST_AWAY_MS, Away, Bounds, Dispatch
from adapters.gate import CLOSED_MS
from adapters.registry import Providers
from adapters.rendering import Destination, destinations, rendered
from adapters.retry import RetryPolicy
from engine.clock import HandClock
from engine.decision.life import Attempt, State, Step
from engine.decision.model import Content, Message
from engine.state.breakers import BreakerState, Subject, SubjectKind
from engine.state.control import ControlView
from engine.state.pauses import Pause, PauseScope
from engine.state.user_record import Binding, UserRecord
from tests.adapters.rig import NOON, Scripted, traits

A, B, C = "carrier-a", "carrier-b", "carrier-c"


def dispatch(clock: HandClock | None = None, **bounds: Bounds) -> Dispatch:
    """Two providers for SMS, one for push."""
    providers = Providers([Scripted(A), Scripted(B), Scripted(C, "push")])
    return Dispatch(providers, clock or HandClock(NOON), RetryPolicy(tries=4), bounds)


def step(*made: tuple[str, Outcome], providers: tuple[str, ...] = ()) -> Step:
    """A step on SMS with these attempts."""
    one = Step(1, "sms", providers, False, 0, "", State.QUEUED, NOON)
    one.attempts = [Attempt(n, provider, NOON, outcome) for n, (provider, outcome) in enumerate(made, 1)]
    return one


def chosen(found: object) -> str | object:
    """The name of an adapter; anything else as it is."""
    return getattr(found, "name", found)


def view(*paused: str, **slow: float) -> ControlView:
    """These providers are paused, those are slow."""
    pauses = {("provider", name): Pause(PauseScope.PROVIDER, name, "ops", "", NOON) for name in paused}
    breakers = {
        Subject(SubjectKind.PROVIDER, name.replace("_", "-")): BreakerState("SLOW", speed)
        for name, speed in slow.items()
    }
    return ControlView(pauses, breakers)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (step(), A),
        (step(providers=(B, A)), B),
        (step((A, Outcome.AUTH)), B),
        (step((A, Outcome.RETRY)), A),
        (step((A, Outcome.RETRY), (A, Outcome.RETRY), (A, Outcome.RETRY)), B),
        (step((A, Outcome.AUTH), (B, Outcome.CONFIG)), None),
        (step(*[(A, Outcome.RETRY)] * 4), None),
        (step(providers=("nobody", C)), None),
    ],
)
def test_the_first_that_has_not_given_up(one: Step, expected: str | None) -> None:
    """The order is the rule's, else the settings'; who gave up, or whose tries are used up, is passed over."""
    assert chosen(dispatch().choose(one, 0)) == expected


def test_who_is_not_well_is_passed_over() -> None:
    """A paused provider, or one that rests, gets nothing while another can."""
    clock = HandClock(NOON)
    both = dispatch(clock)
    both.look(view(A))
    assert chosen(both.choose(step(), 0)) == B

    both.look(view())
    both.gates[A].rest(1_000)
    assert chosen(both.choose(step(), 0)) == B
    clock.advance(1_000)
    assert chosen(both.choose(step(), 0)) == A


def test_nobody_is_well() -> None:
    """The step looks again when a rest is over; after a pause, of which nobody knows the end, ever more seldom."""
    both = dispatch()
    both.look(view(A))
    assert both.choose(step((B, Outcome.AUTH)), 0) == Away(CLOSED_MS)
    assert both.choose(step((B, Outcome.AUTH)), 20_000) == Away(20_000)
    assert both.choose(step((B, Outcome.AUTH)), 86_400_000) == Away(LONGEST_AWAY_MS)

    both.gates[B].rest(700)
    assert both.choose(step(), 0) == Away(700)
    assert both.is_open("push")
    assert not both.is_open("sms")


def test_settings_outrank_the_adapter() -> None:
    """Rate, calls at once and time limit of the settings count where they are given."""
    set_up = dispatch(**{A: Bounds(rate=5.0, concurrency=2, timeout_ms=77), B: Bounds(timeout_ms=9)})

    assert [set_up.timeout_ms(adapter) for adapter in set_up.providers] == [77, 9, traits().timeout_ms]
    assert set_up.gates[A].appetite() == 2
    assert set_up.appetite("sms") == 2 + traits().concurrency


def test_slow_lowers_the_appetite() -> None:
    """Of a slow provider's steps fewer are taken in hand."""
    slow = dispatch(**{A: Bounds(rate=30.0)})
    slow.look(view(carrier_a=0.1))

    assert slow.gates[A].appetite() == 4


# ---- what it is handed ----

USER = UserRecord(
    3,
    bindings=(
        Binding("sms", "old", 1, 1),
        Binding("sms", "new", 2, 3),
        Binding("sms", "dead", 3, 2, False),
        Binding("push", "token", 9, 1),
    ),
)
MESSAGE = Message("bank", "cards", "u1", "SERVICE", "P1")


@pytest.mark.parametrize(
    ("own", "every", "expected"),
    [
        ((), False, [Destination("new", 3)]),
        ((), True, [Destination("new", 3), Destination("old", 1)]),
        ((("push", "x"),), False, [Destination("new", 3)]),
        ((("sms", "x"), ("sms", "old")), False, [Destination("x")]),
        ((("sms", "x"), ("sms", "old"), ("sms", "x")), True, [Destination("x"), Destination("old", 1)]),
        ((("sms", "dead"),), False, [Destination("dead")]),
    ],
)
def test_where_it_goes(own: tuple[tuple[str, str], ...], every: bool, expected: list[Destination]) -> None:
    """The message's own addresses, else the valid bindings, the newest first; one of them or all."""
    one = step()
    one.all_addresses = every

    assert list(destinations(MESSAGE._replace(addresses=own), one, USER)) == expected


def test_the_channels_own_words() -> None:
    """An override replaces the parts that it has; a template has no content."""
    content = Content("title", "text", "", "url", (("push", "", "short", "", ""), ("sms", "S", "", "", "")))

    assert rendered(MESSAGE._replace(content=content), "push") == Content("title", "short", "", "url")
    assert rendered(MESSAGE._replace(content=content), "sms") == Content("S", "text", "", "url")
    assert rendered(MESSAGE, "sms") is None
