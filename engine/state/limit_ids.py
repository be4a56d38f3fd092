"""The names of limits as small numbers, which the ledger holds instead: a million users keep a name a million times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from engine.state.connection import Store
from engine.state.keys import Keys
from engine.state.scripts import Script

_NUMBER: Final = Script("limit_ids")


class LimitIds:
    """The number of each limit's name: given at its first use, the same for every server and for ever.

    A number is asked for once and then known; the names are those of the rule files, so all of them are kept.
    `known` are those asked for so far.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.known: dict[str, int] = {}

    async def of(self, names: Iterable[str]) -> Mapping[str, int]:
        """Return a mapping that holds the number of each of these names. Raises what the Store raises."""
        unknown = sorted({name for name in names if name not in self.known})
        if unknown:
            numbers = await self._store.run(_NUMBER, [Keys.limits], unknown)
            self.known.update(zip(unknown, numbers, strict=True))
        return self.known
