"""Connections to a server, and its errors in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, Queue
from typing import Any, Final

import grpc
from google.rpc import error_details_pb2, status_pb2

from cli.problems import CannotStart

DEFAULT_SERVER: Final = "127.0.0.1:50051"
CONNECT_SECONDS: Final = 5.0
LARGEST_BYTES: Final = 256 << 20
"""The largest reply that is read: a batch of 1,000 messages, each explained at length, stays far below it."""

_OPTIONS: Final = (("grpc.max_receive_message_length", LARGEST_BYTES), ("grpc.max_send_message_length", LARGEST_BYTES))


@contextmanager
def connected(address: str) -> Iterator[grpc.Channel]:
    """Give a channel to a server that answers. Raises CannotStart when none does.

    The channel is closed behind everything but a KeyboardInterrupt: that may have struck inside grpc, with a lock held,
    and the channel would then wait for ever to be closed. Who is interrupted ends the process (`cli/main.py`).
    """
    channel = grpc.insecure_channel(address, options=_OPTIONS)
    try:
        if not _answers(channel):
            raise CannotStart(f"no server answers at {address}", "start one: signalbox serve --data-dir data")
        yield channel
    except KeyboardInterrupt:
        raise
    except BaseException:
        channel.close()
        raise
    channel.close()


def _answers(channel: grpc.Channel) -> bool:
    settled: Queue[bool] = Queue()
    ends = {grpc.ChannelConnectivity.READY: True, grpc.ChannelConnectivity.TRANSIENT_FAILURE: False}
    channel.subscribe(lambda state: settled.put(ends[state]) if state in ends else None, try_to_connect=True)
    try:
        return settled.get(timeout=CONNECT_SECONDS)
    except Empty:
        return False


def explain_error(error: grpc.RpcError) -> str:
    """Return what a failed call says, with the fields that it complains about."""
    call: Any = error
    try:
        code, details = call.code().name, call.details()
    except AttributeError:
        return str(error)
    for key, value in call.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            return f"{code}: {explain_status(status_pb2.Status.FromString(value))}"
    return f"{code}: {details}"


def explain_status(status: status_pb2.Status) -> str:
    """Return what an error of one message says: its field violations, or else its sentence."""
    violations = []
    for detail in status.details:
        if detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            request = error_details_pb2.BadRequest()
            detail.Unpack(request)
            violations += [f"{v.field}: {v.description}" for v in request.field_violations]
    return "; ".join(violations) or str(status.message)
