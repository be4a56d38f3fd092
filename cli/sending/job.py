"""One `signalbox send`: an order, carried out on a server from where an earlier run of it was broken off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import grpc
from rich.console import Console

from cli.evaluation.batches import Batch, in_batches
from cli.evaluation.progress import progress_on
from cli.evaluation.rejects import Rejects
from cli.mapping.messages import MessageStream, Rejected, Survey
from cli.mapping.model import EventMap
from cli.mapping.rows import Partners, RowReader
from cli.sending.calls import CALL_SECONDS, Calls
from cli.sending.fates import Asking, Fates
from cli.sending.outcome import Outcome
from cli.sending.place import Place, PlaceFile, Rest, digest_of, key_of
from cli.sending.records import Earlier
from cli.sending.report import Sent
from cli.sending.run import Run
from cli.sending.surroundings import Breakers, grant_accounts
from cli.sending.times import MessagesTime, times_of
from cli.sending.users import Users
from cli.servers import Server
from signalbox.v1 import channel_service_pb2, message_service_pb2

_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be sent, and how. `files` are the rows, the map and the joined tables; the map is the second."""

    event_map: EventMap
    partners: Sequence[Partners]
    file: Path
    files: Sequence[Path]
    surveyed: Survey
    batch: int
    limit: int | None
    wait: bool
    rejects: Path | None


class Job:
    """Carries out an order; `rejects` has to be entered meanwhile."""

    def __init__(self, order: Order, server: Server) -> None:
        self.order, self.server = order, server
        self.calls = Calls(server)
        self.times = times_of(self.calls)
        folder = server.data / "send" if server.data is not None else Path()
        rejects = order.rejects or folder / f"{order.file.name}.rejected.jsonl"
        self.place_file = PlaceFile(folder / f"{order.file.name}.signalbox-progress")
        key = key_of(order.files)
        self.before = self._known_place(key)
        self.place = self.before or Place(key, 0, 0, 0, _now_ms(), Outcome())
        self.begun_at = self.place.messages
        if server.data is not None:
            folder.mkdir(mode=0o700, exist_ok=True)
        self.rejects = Rejects(rejects, self.place.rejects_bytes, only_if_needed=order.rejects is None)
        self.rejects.count = self.place.outcome.tally.rejected
        self.users = Users(self.calls)
        self.rest = Rest(self.before, order.limit, self.users)

    def _known_place(self, key: str) -> Place | None:
        """Return how far an earlier run came, if it was on this server: the server then knows its last message."""
        place = self.place_file.load(key)
        if place is None or not place.outcome.last_id:
            return None
        request = message_service_pb2.GetRequest(message_id=place.outcome.last_id)
        try:
            self.calls.make(lambda server: _known(server, request))
        except LookupError:
            return None
        click.echo(
            f"signalbox: going on behind the first {place.messages:,} messages, which an earlier run has sent "
            f"({self.place_file.path})",
            err=True,
        )
        return place

    def run(self) -> Sent:
        """Send, and wait where that is wished. Raises BrokenOff and TableBroken."""
        order = self.order
        stream = MessageStream(order.event_map, RowReader(order.event_map, order.partners), order.surveyed.in_order)
        run = self._run()
        began = time.monotonic()
        breakers = order.event_map.breakers if self.times.own else None
        begins = self.users.has_changed if self.times.own else None
        with progress_on(Console(stderr=True), order.surveyed.rows, stream) as progress, self._keeping_place():
            self._progress = progress
            rest = self.rest.of(stream.read(order.file))
            run.run(in_batches(rest, order.batch, breakers, self._reject, begins))
        seconds = time.monotonic() - began
        self.place.outcome.tally.rejected = self.rejects.count
        fates = self._fates(run)
        self.place.outcome.now_told(fates.told)
        self.place_file.remove()
        return Sent(self.place.outcome, fates, seconds, time.monotonic() - began - seconds if order.wait else 0.0)

    def as_json(self, sent: Sent) -> dict[str, Any]:
        """Return what `--json` prints."""
        counts = sent.outcome.as_json(sent.fates.as_json(), sent.seconds)
        counts |= {"unrecorded": sent.fates.missing, "waited_seconds": round(sent.waited_s, 3)}
        return counts | {"server": self.server.name, "trace": sent.telling}

    def _run(self) -> Run:
        breakers = self.order.event_map.breakers
        if breakers and not self.times.own:
            click.echo("signalbox: the server runs on the real clock: the map's breakers are left out", err=True)
        return Run(
            calls=self.calls,
            times=self.times,
            users=self.users,
            breakers=Breakers(self.calls, self.times, breakers) if breakers and self.times.own else None,
            earlier=Earlier(self.calls, self.order.event_map.tenant, lambda: self.rest.first_ms),
            outcome=self.place.outcome,
            reject=self._reject,
            prepare=self._grant,
            done=self._done,
        )

    def _reject(self, rejected: Rejected) -> None:
        self.rejects.add(rejected)

    def _grant(self) -> None:
        accounts = self.order.event_map.accounts
        if not accounts:
            return
        made, known = grant_accounts(self.calls, accounts, digest_of(self.order.files[1]))
        if made:
            click.echo(f"signalbox: money was put into {made} of the map's accounts", err=True)
        elif known:
            click.echo("signalbox: the map's money is in its accounts already, and is not put in again", err=True)

    def _done(self, batch: Batch) -> None:
        place = self.place
        place.messages += len(batch.messages)
        self._note()
        self.place_file.save(place, time.monotonic())
        self._progress(batch)

    def _note(self) -> None:
        self.place.rejected, self.place.outcome.tally.rejected = self.rest.rejected, self.rejects.count
        self.place.rejects_bytes = self.rejects.written_bytes()

    @contextmanager
    def _keeping_place(self) -> Iterator[None]:
        """Write down how far the run came, also when it is broken off: it may still be killed while it waits."""
        try:
            yield
        finally:
            if self.place.messages > self.begun_at:
                self.place_file.save(self.place, time.monotonic(), at_once=True)

    def _fates(self, run: Run) -> Fates:
        if not run.accepted and not self.rest.done:
            return Fates()
        asking = self._asking(run)
        if not self.order.wait:
            return asking.recorded()
        with _status("waiting until every message is final") as show:
            if not isinstance(self.times, MessagesTime):
                return asking.final(lambda fates: show(_fates_told(fates)))
            if run.breakers is not None:
                run.breakers.reach(self._last_ms(run))
                run.breakers.finish()
            left = self.times.finish(lambda answer: show(_clock_told(answer)))
        if left:
            click.echo(f"signalbox: {left:,} messages wait for somebody: see `signalbox channels list`", err=True)
        return asking.recorded()

    def _last_ms(self, run: Run) -> int:
        return max(run.last_ms, self.rest.last_ms)

    def _asking(self, run: Run) -> Asking:
        since_ms: int | None
        if self.times.own:
            since_ms, until_ms = self.rest.first_ms, self._last_ms(run) + 1
        else:  # what was accepted before this run may be of any time, and clocks differ a little
            since_ms = None if self.place.outcome.repeated else self.place.began_ms - _HOUR_MS
            until_ms = None
        tenant = self.order.event_map.tenant
        return Asking(self.calls, tenant, run.accepted, run.untold, self.rest.done, since_ms, until_ms)


def _known(server: Server, request: message_service_pb2.GetRequest) -> None:
    """Ask for a message. Raises LookupError when the server does not know it."""
    try:
        server.messages.Get(request, timeout=CALL_SECONDS)
    except grpc.RpcError as error:
        call: Any = error
        if call.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT):
            raise LookupError from error
        raise


@contextmanager
def _status(text: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal that something takes its time; give what changes the text behind it."""
    console = Console(stderr=True)
    if not console.is_terminal:
        click.echo(f"signalbox: {text}", err=True)
        yield lambda more: None
        return
    with console.status(text) as status:
        yield lambda more: status.update(f"{text}{more}")


def _clock_told(answer: channel_service_pb2.AdvanceClockResponse) -> str:
    return f": {answer.unfinished:,} are not, at {answer.now.ToJsonString()}"


def _fates_told(fates: Fates | None) -> str:
    return "" if fates is None else f": {fates.unfinished:,} are not"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
