"""Every error Signalbox raises on purpose, in one small tree.

A driver's or a library's error becomes one of these where it enters; `engine/service/status.py` alone turns them
into gRPC codes. An answer such as DROP or HOLD is not an error.
"""

from __future__ import annotations

from dataclasses import dataclass


class SignalboxError(Exception):
    """The root of the tree; carries a sentence that a person can act on."""


class ConfigurationError(SignalboxError):
    """The configuration file or the environment holds something the server cannot start with."""


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of a request that is wrong.

    `field` is its path as the contract spells it (`message.params.amount`, `state.users[3].zone`); `description`
    says what was found, what was expected and how to mend it.
    """

    field: str
    description: str


class InvalidInput(SignalboxError):
    """A caller's input breaks the contract; nothing was decided and nothing was counted."""

    def __init__(self, violations: list[FieldViolation]) -> None:
        super().__init__("; ".join(f"{v.field}: {v.description}" for v in violations))
        self.violations = violations


class TooLarge(SignalboxError):
    """A request is over a stated bound; nothing of it was judged."""


class TooManyCalls(SignalboxError):
    """As many calls are under way as the server takes at once; try again."""


class RulesUnavailable(SignalboxError):
    """No rule set is loaded yet, so nothing can be decided."""


class CallOverdue(SignalboxError):
    """A call whose caller set no deadline took longer than the server's default."""


class ServerStopping(SignalboxError):
    """The server is about to stop and takes no further work; another one will."""


class RuleSetRefused(SignalboxError):
    """A rule set cannot be served. The problems found are in `issues`, sorted by place."""

    def __init__(self, summary: str, issues: tuple[object, ...] = ()) -> None:
        super().__init__(summary)
        self.issues = issues


class MatcherUnavailable(SignalboxError):
    """The rules process did not answer in time, died, or reported an error code; the plain interpreter answers."""
