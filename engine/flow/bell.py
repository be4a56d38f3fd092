"""A bell for whoever works on the lanes: it rings when this process has put a step into one.

It spares a wait, or a look; what is in the lanes is found without it too, a little later.
"""

from __future__ import annotations

from collections.abc import Callable


class Bell:
    """Tells its listeners."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Have `listener` called at every ring."""
        self._listeners.append(listener)

    def ring(self) -> None:
        """Something is in a lane."""
        for listener in self._listeners:
            listener()
