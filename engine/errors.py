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


class AlreadyExists(SignalboxError):
    """The name is taken by something else: what was asked for differs from it in `field`. Nothing was changed."""

    def __init__(self, field: str, name: str) -> None:
        super().__init__(f"{name} exists already, and {field} is another there; give what is new a key of its own")
        self.field = field


class NotFound(SignalboxError):
    """Nothing is known under the name that was given."""


class FailedPrecondition(SignalboxError):
    """The server, as it is set up or as things stand, does not do what was asked; to ask again does not help."""


class TooMuchUnrecorded(SignalboxError):
    """So much waits for the SQL side that messages of this priority are not taken in for now; try again."""


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


class StateUnavailable(SignalboxError):
    """Redis does not answer, is loading or is busy. Whether it did what was asked is unknown; asking again is safe
    wherever the state's functions say so."""


class StateFull(SignalboxError):
    """Redis has no memory left for what was asked; nothing was changed."""


class StateRefused(SignalboxError):
    """Redis, or a script in it, says no. `code` is the first word of its answer, such as WRONGTYPE."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"Redis refused a command: {text}")
        self.code = code


class ClockDiffers(SignalboxError):
    """This machine's clock and that of Redis are too far apart to decide by; nothing was changed."""

    def __init__(self, gap_ms: int) -> None:
        super().__init__(
            f"this machine's clock is {abs(gap_ms)} ms {'ahead of' if gap_ms > 0 else 'behind'} that of Redis; "
            "set both right (NTP) and call again"
        )
        self.gap_ms = gap_ms


class RecordsUnavailable(SignalboxError):
    """The SQL database is away, locked or full. What was asked may be asked again; sending goes on meanwhile."""


class EntryDiffers(SignalboxError):
    """A key that stands for one entry in an account came again with another amount; nothing was changed."""


class VersionDiffers(SignalboxError):
    """What was to be changed is in another version than the caller had read; nothing was changed."""


class OutOfOrder(SignalboxError):
    """On the messages' clock, a message comes after its time: the clock never goes back."""

    def __init__(self, at_ms: int, now_ms: int) -> None:
        super().__init__(
            f"the message is of {at_ms} ms, and the messages' clock shows {now_ms} ms already; send in order of time"
        )
        self.at_ms = at_ms
        self.now_ms = now_ms
