"""The small mistakes that can be made in a route: its strategy, and its channels with what is said of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from engine.analysis.mutation.constants import durations
from engine.analysis.mutation.mutant import LEFT_OUT, Change
from engine.ruleset.effects import PRIORITIES, ChannelChoice, Route, Until
from engine.ruleset.scalars import DAY_MS, show_duration

_NAMES: Final = {"CONCURRENT": "concurrent", "SUPPLEMENT": "supplement", "DISTRIBUTION": "distribute"}
_OTHER: Final = {"CONCURRENT": "DISTRIBUTION", "SUPPLEMENT": "CONCURRENT", "DISTRIBUTION": "CONCURRENT"}
_LONGEST_WAIT_MS: Final = 7 * DAY_MS

Written = Callable[[Iterable[str | int]], str]


def route_changes(route: Route, written: Written) -> Iterator[Change]:
    """Give every change of a route; `written` is the author's text at a path below `then:`."""
    name, choices = _NAMES[route.strategy], route.choices
    if len(choices) > 1:
        other = _OTHER[route.strategy]
        plain = tuple(replace(choice, wait_ms=0, until="DELIVERED") for choice in choices)
        yield Change("strategy", (name,), name, _NAMES[other], replace(route, strategy=other, choices=plain))
    for place in range(len(choices)):
        yield from _left_out(route, place)
    for place in range(len(choices) - 1):
        yield _exchanged(route, place)
    for place, choice in enumerate(choices):
        yield from _providers(route, place, choice)
        yield from _addresses(route, place, choice, written)
        yield from _waits(route, place, choice, written)
        yield from _receipts(route, place, choice, written)
    if route.priority is not None:
        yield from _priorities(route, route.priority)


def _path(route: Route, place: int) -> tuple[str | int, ...]:
    """Return where a channel of a route stands below `then:`."""
    if route.strategy == "DISTRIBUTION":
        return ("distribute", "to") if place == 0 else ("distribute", "otherwise", place - 1)
    return (_NAMES[route.strategy], place)


def _with(route: Route, place: int, choice: ChannelChoice) -> Route:
    return replace(route, choices=(*route.choices[:place], choice, *route.choices[place + 1 :]))


def _left_out(route: Route, place: int) -> Iterator[Change]:
    rest = route.choices[:place] + route.choices[place + 1 :]
    if rest:
        path, before = _path(route, place), f"channel {route.choices[place].channel}"
        yield Change("channel", path, before, LEFT_OUT, replace(route, choices=rest))


def _exchanged(route: Route, place: int) -> Change:
    """Exchange two neighbouring channels; the waits stay where they are, since the last step needs none."""
    one, two = route.choices[place : place + 2]
    choices = list(route.choices)
    choices[place] = replace(two, wait_ms=one.wait_ms, until=one.until)
    choices[place + 1] = replace(one, wait_ms=two.wait_ms, until=two.until)
    before, after = f"channel {one.channel}, {two.channel}", f"channel {two.channel}, {one.channel}"
    return Change("channel", _path(route, place), before, after, replace(route, choices=tuple(choices)))


def _providers(route: Route, place: int, choice: ChannelChoice) -> Iterator[Change]:
    """Leave out each of several providers, and exchange the first two."""
    providers, path = choice.providers, (*_path(route, place), "providers")
    if len(providers) < 2:
        return
    others = [providers[:at] + providers[at + 1 :] for at in range(len(providers))]
    others.append((providers[1], providers[0], *providers[2:]))
    for other in others:
        changed = _with(route, place, replace(choice, providers=other))
        yield Change(
            "providers", path, f"providers [{', '.join(providers)}]", f"providers [{', '.join(other)}]", changed
        )


def _listed(names: Sequence[str]) -> str:
    return f"[{', '.join(names)}]"


def _addresses(route: Route, place: int, choice: ChannelChoice, written: Written) -> Iterator[Change]:
    """Send to the newest address instead of all, or the other way round, where the author says which."""
    path = (*_path(route, place), "address")
    if written(path):
        before, after = ("all", "newest") if choice.all_addresses else ("newest", "all")
        changed = _with(route, place, replace(choice, all_addresses=not choice.all_addresses))
        yield Change("address", path, f"address {before}", f"address {after}", changed)


def _waits(route: Route, place: int, choice: ChannelChoice, written: Written) -> Iterator[Change]:
    if not choice.wait_ms or place == len(route.choices) - 1:
        return
    path = (*_path(route, place), "wait")
    text = written(path) or show_duration(choice.wait_ms)
    for after, wait_ms in durations(text, choice.wait_ms):
        if 0 < wait_ms <= _LONGEST_WAIT_MS:
            changed = _with(route, place, replace(choice, wait_ms=wait_ms))
            yield Change("wait", path, f"wait {text}", f"wait {after}", changed)


def _receipts(route: Route, place: int, choice: ChannelChoice, written: Written) -> Iterator[Change]:
    """Wait for the other receipt, where the author says for which."""
    path = (*_path(route, place), "until")
    if written(path) and place < len(route.choices) - 1:
        other: Until = "READ" if choice.until == "DELIVERED" else "DELIVERED"
        changed = _with(route, place, replace(choice, until=other))
        yield Change("until", path, f"until {choice.until.lower()}", f"until {other.lower()}", changed)


def _priorities(route: Route, priority: str) -> Iterator[Change]:
    """Leave the priority out, or take the next lower one; of the lowest the next higher."""
    before = f"priority {priority}"
    at = PRIORITIES.index(priority)
    other = PRIORITIES[at + 1] if at + 1 < len(PRIORITIES) else PRIORITIES[at - 1]
    yield Change("priority", ("priority",), before, LEFT_OUT, replace(route, priority=None))
    yield Change("priority", ("priority",), before, f"priority {other}", replace(route, priority=other))
