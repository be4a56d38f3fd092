"""Connections to a server, and its errors in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import grpc
from google.rpc import error_details_pb2, status_pb2

from cli.problems import CannotStart

DEFAULT_SERVER: Final = "127.0.0.1:50051"
CONNECT_SECONDS: Final = 5.0
LARGEST_BYTES: Final = 256 << 20
"""The largest reply that is read: a batch of 1,000 messages, each explained at length, stays far below it."""

_HEALTH: Final = "/grpc.health.v1.Health/Check"

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", LARGEST_BYTES),
    ("grpc.max_send_message_length", LARGEST_BYTES),
    # A server that was started again is found again soon; grpc would wait for up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)


@contextmanager
def connected(address: str) -> Iterator[grpc.Channel]:
    """Give a channel to a server that answers. Raises CannotStart when none does.

    The channel is closed behind everything but a KeyboardInterrupt: that may have struck inside grpc, with a lock held,
    and the channel would then wait for ever to be closed. Who is interrupted ends the process (`cli/main.py`).
    """
    channel = open_channel(address)
    try:
        if not answers(channel):
            raise CannotStart(f"no server answers at {address}", "start one: signalbox serve --data-dir data")
        yield channel
    except KeyboardInterrupt:
        raise
    except BaseException:
        channel.close()
        raise
    channel.close()


def open_channel(address: str) -> grpc.Channel:
    """Return a channel to a server, whether it answers or not."""
    return grpc.insecure_channel(address, options=_OPTIONS)


def answers(channel: grpc.Channel) -> bool:
    """Tell whether a server answers.

    Any answer to a question after its health will do, also that it does not know the question. To watch the channel's
    connectivity instead would make closing it take 0.2 s.
    """
    try:
        channel.unary_unary(_HEALTH, bytes, bytes)(b"", timeout=CONNECT_SECONDS)
    except grpc.RpcError as error:
        return code_of(error) not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
    return True


def explain_error(error: grpc.RpcError) -> str:
    """Return what a failed call says, with the fields that it complains about."""
    call: Any = error
    try:
        code, details = call.code().name, call.details()
    except AttributeError:
        return str(error)
    status = rich_status(error)
    return f"{code}: {details if status is None else explain_status(status)}"


def code_of(error: grpc.RpcError) -> grpc.StatusCode:
    """Return the code that a call failed with."""
    call: Any = error
    code: grpc.StatusCode = call.code()
    return code


def rich_status(error: grpc.RpcError) -> status_pb2.Status | None:
    """Return the status that a failed call carries, with its details; None when it has none."""
    call: Any = error
    for key, value in call.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            return status_pb2.Status.FromString(value)
    return None


def explain_status(status: status_pb2.Status) -> str:
    """Return what an error of one message says: its field violations, or else its sentence."""
    return "; ".join(f"{v.field}: {v.description}" for v in _violations(status)) or str(status.message)


def retry_delay_s(status: status_pb2.Status) -> float | None:
    """Return after how many seconds the same may be asked again, as an error says it; None when it does not."""
    for detail in status.details:
        if detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            info = error_details_pb2.RetryInfo()
            detail.Unpack(info)
            return float(info.retry_delay.ToTimedelta().total_seconds())
    return None


def wrong_fields(status: status_pb2.Status) -> list[str]:
    """Return the fields that an error complains about."""
    return [violation.field for violation in _violations(status)]


def _violations(status: status_pb2.Status) -> list[error_details_pb2.BadRequest.FieldViolation]:
    found = []
    for detail in status.details:
        if detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            request = error_details_pb2.BadRequest()
            detail.Unpack(request)
            found += request.field_violations
    return found
