"""A row's values to its messages, and the messages of a whole file in the order of their time.

Rows are usually in the order of their dates; then only the messages of a day or two are held back to be sorted. A file
that is not is sorted as a whole, in memory. Messages of one instant come in the order of their rows, those of one row
in the order of the map.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from pathlib import Path
from typing import Any, NamedTuple

from cli.mapping.model import EventMap, MessageKind
from cli.mapping.people import People
from cli.mapping.problems import Cause
from cli.mapping.rows import RowReader, Values, wanted
from cli.mapping.tables import BadRow, Row, read_table
from cli.mapping.templates import GapEmpty, Template
from signalbox.v1 import decision_service_pb2, message_pb2, state_pb2


class Prepared(NamedTuple):
    """A message ready to be judged at `at_ms`. `user` is None for somebody unknown."""

    at_ms: int
    line: int
    number: int
    user_id: str
    user: state_pb2.User | None
    evaluation: decision_service_pb2.Evaluation


class Rejected(NamedTuple):
    """A row, or one message of a row, that cannot be judged, and why."""

    line: int
    message: str
    causes: tuple[Cause, ...]

    @property
    def reason(self) -> str:
        """All that is wrong, in one line."""
        return "; ".join(cause.text for cause in self.causes)


class Survey(NamedTuple):
    """What a first look at a file tells: its rows, and whether their dates are in order."""

    rows: int
    in_order: bool


def survey(event_map: EventMap, path: Path) -> Survey:
    """Count the rows of a file and see whether their dates are in order. Raises TableBroken."""
    source, slot = event_map.source, event_map.clock.date_slot
    date = source.columns[slot].converter()
    rows, in_order, latest = 0, True, ""
    for row in read_table(path, source.layout, wanted(source)):
        rows += 1
        if not isinstance(row, Row):
            continue
        try:
            day = str(date(row.cells[slot]) or "")
        except ValueError:
            continue
        in_order = in_order and day >= latest
        latest = max(day, latest)
    return Survey(rows, in_order)


class MessageMaker:
    """Makes messages from rows."""

    def __init__(self, event_map: EventMap) -> None:
        self._map = event_map
        self._people = People(event_map)
        self._kinds = tuple(enumerate(event_map.kinds))

    def of_row(self, row: Values) -> Iterator[Prepared | Rejected]:
        """Give the messages of a row; a row for which no message holds is rejected as a whole."""
        values, made = row.values, False
        try:
            user_id = self._people.id_of(values)
        except GapEmpty as gap:
            yield Rejected(row.line, "", Cause.plain(f"the user has no id: {gap} is empty"))
            return
        if values[self._map.clock.date_slot] is None or values[self._map.clock.key_slot] is None:
            yield Rejected(row.line, "", Cause.plain("the column of the date or of the key is empty"))
            return
        user = self._people.user(user_id, values)
        for number, kind in self._kinds:
            if kind.when is None or kind.when(values):
                made = True
                yield self._message(row.line, number, kind, user_id, user, values)
        if not made:
            yield Rejected(row.line, "", Cause.plain("makes no message: no `when` of the map's messages holds"))

    def _message(
        self, line: int, number: int, kind: MessageKind, user_id: str, user: state_pb2.User | None, values: list[Any]
    ) -> Prepared | Rejected:
        clock = self._map.clock
        key = str(values[clock.key_slot])
        at_ms = clock.instant(values[clock.date_slot], clock.spreads[kind.spread].second_of_day(key)) + kind.shift_ms
        evaluation = decision_service_pb2.Evaluation()
        message = evaluation.message
        message.CopyFrom(kind.base)
        message.user_id = user_id
        message.request_id = f"{kind.name}-{key}"
        try:
            for name, template in kind.fields:
                setattr(message, name, template(values))
            for name, template in kind.content:
                setattr(message.content, name, template(values))
        except GapEmpty as gap:
            why = Cause.plain(f"the text cannot be filled in: {gap} is empty")
            return Rejected(line, message.request_id, why)
        for name, template in kind.params:
            _put(message, name, template, values)
        seconds, rest = divmod(at_ms, 1000)
        evaluation.now.seconds = message.occurred_at.seconds = seconds
        if rest:
            evaluation.now.nanos = message.occurred_at.nanos = rest * 1_000_000
        if kind.send_after_ms:
            message.send_after.FromMilliseconds(at_ms + kind.send_after_ms)
        if kind.expire_after_ms:
            message.expire_at.FromMilliseconds(at_ms + kind.expire_after_ms)
        return Prepared(at_ms, line, number, user_id, user, evaluation)


def _put(message: message_pb2.Message, name: str, template: Template, values: Sequence[Any]) -> None:
    """Write a param: a lone gap keeps its type; a param with an empty gap is left out."""
    try:
        value = values[template.slot] if template.slot is not None else template(values)
    except GapEmpty:
        return
    if isinstance(value, str):
        message.params.fields[name].string_value = value
    elif value is not None:
        message.params.fields[name].number_value = value


class MessageStream:
    """The messages of a file in the order of their time; `rows` counts the rows read so far."""

    def __init__(self, event_map: EventMap, rows: RowReader, in_order: bool) -> None:
        self._rows, self._maker, self._clock = rows, MessageMaker(event_map), event_map.clock
        self._in_order = in_order
        self._earliest_ms = min(
            event_map.clock.spreads[kind.spread].start * 1000 + kind.shift_ms for kind in event_map.kinds
        )
        self.rows = 0

    def read(self, path: Path) -> Iterator[Prepared | Rejected]:
        """Give the messages of a file; rejected rows come as they are met. Raises TableBroken."""
        # (time, row, kind) decides and is never the same twice, so that a heap may hold the messages themselves.
        waiting: list[Prepared] = []
        day = ""
        for row in self._rows.read(path):
            self.rows += 1
            if isinstance(row, BadRow):
                yield Rejected(row.line, "", row.causes)
                continue
            if row.values[self._clock.date_slot] != day:
                day = row.values[self._clock.date_slot] or day
                yield from self._due(waiting, day)
            for made in self._maker.of_row(row):
                if isinstance(made, Prepared):
                    heappush(waiting, made)
                else:
                    yield made
        while waiting:
            yield heappop(waiting)

    def _due(self, waiting: list[Prepared], day: str) -> Iterator[Prepared]:
        """Give the messages that nothing of this day or a later one can come before."""
        if not self._in_order or not day:
            return
        # An hour to spare: on the day on which the clock goes back, a time of day is up to an hour earlier.
        bound = self._clock.midnight(day) + self._earliest_ms - 3_600_000
        while waiting and waiting[0].at_ms < bound:
            yield heappop(waiting)
