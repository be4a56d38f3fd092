"""Changes of users on their way to Redis: those that wait while some are being written go together in the next turn.

So a caller pays one exchange however many there are, and changes of one user, which would otherwise spoil each other's
compare-and-set, are made one after the other before anything is written. Only another process can still be faster;
then the change is made again on what that one wrote.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Final

from engine.decision.ledger_model import UserKey
from engine.errors import SignalboxError, StateUnavailable, TooLarge
from engine.state.addresses import MOST_USERS, Address, Addresses, Entry
from engine.state.user_changes import Change
from engine.state.user_record import UNKNOWN, UserRecord
from engine.state.users import Users, Write

TURN_CHANGES: Final = 1000
"""About so many changes are written together, some 20 ms; more wait for the next turn."""

MOST_TRIES: Final = 500
"""A try fails when another process wrote the same user in between, so somebody got on; nobody should need ten."""

Wanted = tuple[UserKey, Change]
Answer = UserRecord | SignalboxError
"""The user as the change left it, or why it could not be made."""


class IdentityWrites:
    """Makes changes of users, keeping the index of the addresses right."""

    def __init__(self, users: Users, addresses: Addresses) -> None:
        self._users = users
        self._addresses = addresses
        self._waiting: deque[_Call] = deque()
        self._working: asyncio.Task[None] | None = None

    async def make(self, wanted: Sequence[Wanted]) -> list[Answer]:
        """Make changes, in order where they are of the same user; one that is refused does not hinder the others.

        Raises StateUnavailable; then some may have been made. A caller who stops waiting does not stop the change.
        """
        if not wanted:
            return []
        call = _Call(wanted, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if self._working is None:
            self._working = asyncio.create_task(self._work(), name="identity-writes")
        return await call.answers

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._turn(self._next_calls())
        finally:
            self._working = None

    def _next_calls(self) -> list[_Call]:
        calls, size = [], 0
        while self._waiting and size < TURN_CHANGES:
            calls.append(self._waiting.popleft())
            size += len(calls[-1].wanted)
        return calls

    async def _turn(self, calls: Sequence[_Call]) -> None:
        """Make the changes of these calls and answer them, come what may."""
        try:
            answers = iter(await self._make([one for call in calls for one in call.wanted]))
            for call in calls:
                call.answer([next(answers) for _ in call.wanted])
        except Exception as error:
            for call in calls:
                call.fail(error)
        finally:
            for call in calls:
                call.answers.cancel()  # nothing, unless this task itself was cancelled

    async def _make(self, wanted: Sequence[Wanted]) -> list[Answer]:
        answers: dict[int, Answer] = {}
        places: dict[UserKey, list[int]] = defaultdict(list)
        for place, (user, _) in enumerate(wanted):
            places[user].append(place)
        unwritten, full = set(places), set[Address]()
        for _ in range(MOST_TRIES):
            if not unwritten:
                break
            known = await self._users.read(unwritten)
            steps = [_Step(user, known.get(user, UNKNOWN)) for user in unwritten]
            for step in steps:
                step.take({place: wanted[place][1] for place in places[step.user]}, full)
            unwritten = await self._write([step for step in steps if step.after is not step.before], full)
            for step in steps:
                if step.user not in unwritten:
                    answers.update(step.answers)
        return [answers.get(place) or _gave_up() for place in range(len(wanted))]

    async def _write(self, steps: Sequence[_Step], full: set[Address]) -> set[UserKey]:
        """Write users: index, record, index. Return those for whom it must be tried again."""
        crowded = await self._announce(steps, full)
        ready = [step for step in steps if step.user not in crowded]
        written = await self._users.write([Write(step.user, step.before.version, step.after) for step in ready])
        lost = [one for step, done in zip(ready, written, strict=True) if done for one in step.lost()]
        await self._addresses.take_away(lost)
        return crowded | {step.user for step, done in zip(ready, written, strict=True) if not done}

    async def _announce(self, steps: Sequence[_Step], full: set[Address]) -> set[UserKey]:
        """Add users to the addresses that they are about to hold; return those who found a full one.

        Before an address counts as full, what is left over in it is looked for.
        """
        crowded = await self._add([entry for step in steps for entry in step.gained()])
        if crowded:
            for address in {entry.address for entry in crowded}:
                await self._addresses.holders(address)
            crowded = await self._add(crowded)
            full.update(entry.address for entry in crowded)
        return {entry.user for entry in crowded}

    async def _add(self, entries: Sequence[Entry]) -> list[Entry]:
        done = await self._addresses.add(entries)
        return [entry for entry, fits in zip(entries, done, strict=True) if not fits]


class _Call:
    """Changes that are answered together."""

    __slots__ = ("answers", "wanted")

    def __init__(self, wanted: Sequence[Wanted], answers: asyncio.Future[list[Answer]]) -> None:
        self.wanted = wanted
        self.answers = answers

    def answer(self, answers: list[Answer]) -> None:
        if not self.answers.done():
            self.answers.set_result(answers)

    def fail(self, error: Exception) -> None:
        if not self.answers.done():
            self.answers.set_exception(error)


class _Step:
    """One user in one try: the state found, the state to write, and what to answer to each change."""

    __slots__ = ("after", "answers", "before", "user")

    def __init__(self, user: UserKey, before: UserRecord) -> None:
        self.user = user
        self.before = self.after = before
        self.answers: dict[int, Answer] = {}

    def take(self, changes: Mapping[int, Change], full: set[Address]) -> None:
        """Make changes one after the other; one that needs a full address is refused like one that raises."""
        for place, change in changes.items():
            try:
                made = change(self.after)
                if full and full.intersection(self._addresses(made) - self._addresses(self.after)):
                    raise TooLarge(f"the address belongs to {MOST_USERS} users, as many as are allowed")
                self.after = self.answers[place] = made
            except SignalboxError as error:
                self.answers[place] = error

    def gained(self) -> list[Entry]:
        """The addresses that the user does not hold yet, with the version in which they will."""
        return self._entries(self._addresses(self.after) - self._addresses(self.before))

    def lost(self) -> list[Entry]:
        """The addresses that the user holds no longer, with the version in which they are gone."""
        return self._entries(self._addresses(self.before) - self._addresses(self.after))

    def _entries(self, addresses: set[Address]) -> list[Entry]:
        return [Entry(address, self.user[1], self.after.version) for address in sorted(addresses)]

    def _addresses(self, record: UserRecord) -> set[Address]:
        return {Address(self.user[0], one.channel, one.value) for one in record.bindings}


def _gave_up() -> StateUnavailable:
    return StateUnavailable("the user is being changed by very many at once; call again")
