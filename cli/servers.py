"""Which server a command speaks to: the one that is named, else the one that runs here, else one of its own.

A server of one's own runs on the messages' clock and ends with the command. What it keeps stays in the data folder, so
that the next command finds it there.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import grpc

from cli.client import CONNECT_SECONDS, DEFAULT_SERVER, answers, code_of, explain_error, open_channel
from cli.interrupts import let_signals_interrupt
from cli.private_server import SERVER_VARIABLE, PrivateServer, is_served, rules_root
from cli.problems import BrokenOff, CannotStart
from signalbox.v1 import (
    budget_service_pb2_grpc,
    channel_service_pb2,
    channel_service_pb2_grpc,
    identity_service_pb2_grpc,
    message_service_pb2_grpc,
)

USUAL_DATA: Final = Path("data")
ANSWER_SECONDS: Final = 60.0
_MESSAGES_CLOCK: Final = {"SIGNALBOX_CLOCK_SOURCE": "messages"}
_NOT_FOUND: Final = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ALREADY_EXISTS)

Answer = TypeVar("Answer")
Command = TypeVar("Command", bound=Callable[..., Any])


def server_options(command: Command) -> Command:
    """Add the options that say which server is meant."""
    server = click.option(
        "--server",
        envvar=SERVER_VARIABLE,
        metavar="ADDR",
        help=f"The server to ask (host:port); {SERVER_VARIABLE} says so too. Without it the one at {DEFAULT_SERVER} if "
        "there is one, else a private one that ends with the command.",
    )
    data = click.option(
        "--data-dir",
        envvar="SIGNALBOX_DATA_DIR",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help=f"Where a private server keeps what outlives it.  [default: {USUAL_DATA}]",
    )
    return server(data(command))


class Server:
    """A server that answers, with the stubs of its services."""

    def __init__(self, address: str, private: PrivateServer | None = None, data: Path | None = None) -> None:
        self.private, self.data = private, data
        self.connect(address)

    def connect(self, address: str) -> None:
        """Speak to the server at an address from now on."""
        self.address, self.channel = address, open_channel(address)
        self.messages: Any = message_service_pb2_grpc.MessageServiceStub(self.channel)
        self.channels: Any = channel_service_pb2_grpc.ChannelServiceStub(self.channel)
        self.identities: Any = identity_service_pb2_grpc.IdentityServiceStub(self.channel)
        self.budget: Any = budget_service_pb2_grpc.BudgetServiceStub(self.channel)

    @property
    def name(self) -> str:
        """What people call it."""
        return f"a private server with its data in {self.data}" if self.private else f"the server at {self.address}"

    def mend(self) -> bool:
        """Start a private server again that has ended by itself; tell whether that was so. Raises CannotStart."""
        if self.private is None or not self.private.ended:
            return False
        self.channel.close()
        self.private.start()
        self.connect(self.private.address)
        return True

    def ask(self, call: Callable[..., Answer], request: Any, timeout: float = ANSWER_SECONDS) -> Answer:
        """Make one call. Raises BrokenOff for what is not as it was thought to be, CannotStart for everything else."""
        try:
            return call(request, timeout=timeout)
        except grpc.RpcError as error:
            code = code_of(error)
            if code is grpc.StatusCode.UNIMPLEMENTED:
                raise CannotStart(f"{self.name} is too old for this command, or no Signalbox") from error
            problem = BrokenOff if code in _NOT_FOUND else CannotStart
            raise problem(explain_error(error)) from error


@contextmanager
def a_server(
    named: str | None, data: Path | None, rules: Path | None = None, *, makes_data: bool = False
) -> Iterator[Server]:
    """Give the server that is meant, and say on standard error which one it is. Raises CannotStart.

    With `rules` or `data` given it is a private one, unless the data belong to a server that runs. `makes_data`: the
    data folder need not be there.
    """
    if named and rules is not None:
        raise click.UsageError("--rules is for the private server; a server given by --server has rules of its own")
    let_signals_interrupt()
    folder = data or USUAL_DATA
    with ExitStack() as ends:
        server = _named(named) if named else None
        if server is None and rules is None and (data is None or is_served(folder)):
            server = _usual()
        if server is None:
            if not makes_data and not folder.is_dir():
                raise CannotStart(
                    f"no server answers at {DEFAULT_SERVER}, and there is no data folder {folder} to look into",
                    "--server ADDR names a server, --data-dir DIR a folder",
                )
            private = ends.enter_context(PrivateServer(rules_root(rules), folder, _MESSAGES_CLOCK))
            server = Server(private.address, private, folder)
        click.echo(f"signalbox: {server.name}", err=True)
        try:
            yield server
        except KeyboardInterrupt:
            raise  # it may have struck inside grpc, and the channel would wait for ever to be closed
        except BaseException:
            server.channel.close()
            raise
        server.channel.close()


def _named(address: str) -> Server:
    server = Server(address)
    if answers(server.channel):
        return server
    server.channel.close()
    raise CannotStart(f"no server answers at {address}", "start one: signalbox serve --data-dir data")


def _usual() -> Server | None:
    """Return the server at the usual address, if one answers there that sends messages."""
    server = Server(DEFAULT_SERVER)
    try:
        if answers(server.channel):
            server.channels.GetClock(channel_service_pb2.GetClockRequest(), timeout=CONNECT_SECONDS)
            return server
    except grpc.RpcError:
        pass
    server.channel.close()
    return None


def caller() -> str:
    """Return who runs this command, for the server's books; empty where nobody can tell."""
    try:
        return getpass.getuser()[:128]
    except (KeyError, OSError):  # a container may have no name for it
        return ""
