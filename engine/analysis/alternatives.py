"""Situations that differ from a given one in one fact, and several such differences put together.

In the order of preference: what the caller says first, then what is known of the user, the time, the channels, and
last what makes it another message altogether; of one fact the nearest value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from engine.analysis.choices import Read, choices, facts_read
from engine.analysis.inputs import Wanted, exactly, with_facts
from engine.analysis.near_moments import near_moment
from engine.analysis.situation import Situation
from engine.decision.facts import channel_facts
from engine.decision.session import Judgement
from engine.ruleset.compile import RuleSet
from engine.ruleset.effects import Limit
from engine.ruleset.fact_types import UNREACHABLE, Scope
from engine.ruleset.printing import show
from engine.ruleset.syntax import Type

_ORDER: Final = ("message.params.", "message.", "content.", "user.", "now.", "channels.", "platform.", "budget.")
_ANOTHER_MESSAGE: Final = ("message.category", "message.line", "message.tenant", "message.user_id")
_SEARCHED: Final = ("now.", "content.")
"""Facts of one instant, and of one text: where it can be, the others stay in their classes when one is changed."""

_OF_CHANNELS: Final = ("state", "has_address", "opted_out")
_SHOWN_TERM: Final = 100

Classes = tuple[tuple[int, ...], ...]
"""The classes of all terms: of the message, and with each declared channel."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """A fact with another value, None for absent. `own`: the engine looks at it, whether or not a condition does."""

    path: str
    value: Any
    wanted: Wanted
    own: bool = False


class Alternatives:
    """What could be otherwise about one judged situation."""

    def __init__(self, situation: Situation, judged: Judgement, ruleset: RuleSet) -> None:
        self._situation, self._ruleset = situation, ruleset
        self._uses = {**situation.uses, **judged.before}
        self._types = {fact.path: fact for fact in ruleset.schema.facts}
        self._values = self.values(situation, judged)
        self._reads = _of_every_channel(facts_read(ruleset), ruleset)
        self._searched: dict[tuple[Any, ...], Situation | None] = {}
        self._reached: set[Classes] = {self.classes(situation, judged)}

    def values(self, situation: Situation, judged: Judgement) -> dict[str, Any]:
        """Return the facts that conditions read and those that the engine looks at; None for an absent one."""
        message = situation.message
        found = {path: _there(judged.facts[fact.slot]) for path, fact in self._types.items()}
        for name in ("occurred_at", "send_after", "expire_at"):
            at_ms = getattr(message, f"{name}_ms")
            found[f"message.{name}"] = None if at_ms is None else at_ms * 1000
        for channel in self._ruleset.channels:
            c = channel_facts(channel, message, situation.user, situation.breakers)
            found |= {f"channels.{channel}.{name}": one for name, one in zip(_OF_CHANNELS, c[1:], strict=True)}
        return found

    def singles(self) -> list[Alternative]:
        """Return every other value of every fact, in the order of preference."""
        found = [one for path in self._reads for one in self._of(path)]
        known = {(one.path, one.value) for one in found}
        own = [one for one in self._own() if (one.path, one.value) not in known]
        return sorted([*found, *own], key=lambda one: _preference(one.path))

    def _of(self, path: str) -> list[Alternative]:
        read = self._reads[path]
        if path not in self._types:
            return []
        others = choices(read, self._values[path], self._values)
        return [Alternative(path, value, self._wanted(read, value)) for value in others]

    def _wanted(self, read: Read, value: Any) -> Wanted:
        if read.fact.type is Type.OBJECT:
            return Wanted((value,), lambda found: (found is None) is (value is None))
        if not read.fact.path.startswith(_SEARCHED):
            return exactly(value)
        classes = read.classes(value)
        return Wanted((value,), lambda found: read.classes(found) == classes)

    def _own(self) -> list[Alternative]:
        """What the engine looks at by itself: addresses, wishes, the message's times, and when there is room again."""
        message = self._situation.message
        given = {
            "message.wishes.channels": message.wished_channels,
            "message.send_after": message.send_after_ms,
            "message.expire_at": message.expire_at_ms,
        }
        found: list[tuple[str, Any]] = [
            (path, None) for path, value in given.items() if value and self._types[path].optional
        ]
        paths = [f"channels.{channel}.has_address" for channel in self._ruleset.channels]
        found += [(path, not self._values[path]) for path in paths]
        found += [("now.timestamp", at_ms * 1000) for at_ms in self._later()]
        return [Alternative(path, value, exactly(value), own=True) for path, value in found]

    def _later(self) -> list[int]:
        """The times at which what may not go now may go: a limit has room again, or `send_after` has come."""
        limits = [rule.effect for rule in self._ruleset.rules if isinstance(rule.effect, Limit)]
        gaps = {limit.name: limit.min_interval_ms for limit in sorted(limits, key=lambda one: one.min_interval_ms)}
        times = {use.end_ms for use in self._uses.values()} | {self._situation.message.send_after_ms or 0}
        times |= {use.last_ms + gaps.get(name, 0) for (name, _), use in self._uses.items()}
        return sorted(at_ms for at_ms in times if at_ms > self._situation.now_ms)

    def made(self, chosen: Sequence[Alternative]) -> Situation | None:
        """Return the situation with these facts, or None when no inputs are found that give them."""
        plain = {one.path: one.wanted for one in chosen if not one.path.startswith(_SEARCHED)}
        made = with_facts(self._situation, plain, self._ruleset) if plain else self._situation
        for prefix in _SEARCHED:
            some = {one.path: one for one in chosen if one.path.startswith(prefix)}
            if some and made is not None:
                made = self._search_once(made, some, prefix)
        return made

    def _search_once(self, made: Situation, some: Mapping[str, Alternative], prefix: str) -> Situation | None:
        message = made.message
        if message.template:
            return self._search(made, some, prefix)  # what it says depends on its params too
        key = (prefix, *((path, one.value) for path, one in some.items()), made.user.zone, message.content)
        if key not in self._searched:
            self._searched[key] = self._search(made, some, prefix)
        found = self._searched[key]
        if found is None:
            return None
        if prefix == "now.":
            return replace(made, now_ms=found.now_ms)
        return made.with_message(content=found.message.content, template=found.message.template)

    def _search(self, made: Situation, some: Mapping[str, Alternative], prefix: str) -> Situation | None:
        wanted = {path: one.wanted for path, one in some.items()}
        others = {
            path: self._wanted(read, self._values[path])
            for path, read in self._reads.items()
            if path.startswith(prefix) and path not in wanted and self._can_stay(path, some)
        }
        alone = self._find(made, others | wanted, prefix) if others else None
        return alone or self._find(made, wanted, prefix)

    def _can_stay(self, path: str, some: Mapping[str, Alternative]) -> bool:
        """Whether a fact may stay as it is when others of its kind change: time as such goes on with every change."""
        exact = path == "now.timestamp" and bool(self._reads[path].within)
        return not exact and not any(one.own for one in some.values())

    def _find(self, made: Situation, wanted: Mapping[str, Wanted], prefix: str) -> Situation | None:
        if prefix == "now.":
            now_ms = near_moment(made.now_ms, made.user.zone, wanted)
            return None if now_ms is None else replace(made, now_ms=now_ms)
        return with_facts(made, wanted, self._ruleset)

    def are_so(self, chosen: Sequence[Alternative], values: Mapping[str, Any]) -> bool:
        """Are the facts of a situation that was made what they were to be?"""
        return all(one.wanted.accepts(values[one.path]) for one in chosen)

    def classes(self, situation: Situation, judged: Judgement) -> Classes:
        """Return all that conditions can tell of a judged situation."""
        programs = self._ruleset.programs
        told = [programs[Scope.MESSAGE].every_class(judged.facts, ())]
        for channel in self._ruleset.channels:
            c = channel_facts(channel, judged.message, judged.user, situation.breakers)
            told.append(programs[Scope.CHANNEL].every_class(judged.facts, c))
        return tuple(told)

    def note(self, classes: Classes) -> None:
        """Note the classes that a situation was in."""
        self._reached.add(classes)

    def unreached(self) -> tuple[str, ...]:
        """Return the terms, as text, with classes of values in which none of the situations noted was."""
        found: dict[str, None] = {}
        for scope, places in ((Scope.MESSAGE, slice(0, 1)), (Scope.CHANNEL, slice(1, None))):
            seen = [
                set(numbers) for numbers in zip(*(one for all_ in self._reached for one in all_[places]), strict=True)
            ]
            for term, reached in zip(self._ruleset.programs[scope].terms, seen, strict=True):
                if any(term.possible >> n & 1 and n not in reached for n in range(2, term.partition.count)):
                    text = show(term.expr)
                    found[text if len(text) <= _SHOWN_TERM else text[:_SHOWN_TERM] + "…"] = None
        return tuple(found)


def _there(value: Any) -> Any:
    return None if value is UNREACHABLE else value


def _of_every_channel(reads: Mapping[str, Read], ruleset: RuleSet) -> dict[str, Read]:
    """Take what conditions ask of `channel.*` for what they ask of every channel."""
    found = {path: read for path, read in reads.items() if not path.startswith("channel.")}
    facts = {fact.path: fact for fact in ruleset.schema.facts}
    for name in _OF_CHANNELS:
        asked = reads.get(f"channel.{name}")
        for channel in ruleset.channels if asked is not None else ():
            path = f"channels.{channel}.{name}"
            read = found.setdefault(path, Read(facts[path]))
            read.partitions += asked.partitions if asked is not None else []
            read.within += asked.within if asked is not None else []
    return found


def _preference(path: str) -> tuple[bool, int, str]:
    place = next((place for place, prefix in enumerate(_ORDER) if path.startswith(prefix)), len(_ORDER))
    return path in _ANOTHER_MESSAGE, place, path
