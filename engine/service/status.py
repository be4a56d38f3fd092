"""Our errors as a caller sees them: the only place with gRPC codes.

A status carries the rich details of google.rpc: which fields are wrong (BadRequest), when to try again (RetryInfo).
It travels in trailers, of which a client accepts about 8 KiB, so texts and lists are cut here, and say so.
"""

from __future__ import annotations

import logging
import secrets
import traceback
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from engine.errors import (
    AlreadyExists,
    CallOverdue,
    ClockDiffers,
    EntryDiffers,
    FailedPrecondition,
    FieldViolation,
    InvalidInput,
    NotFound,
    OutOfOrder,
    RecordsUnavailable,
    RulesUnavailable,
    ServerStopping,
    StateFull,
    StateUnavailable,
    TooLarge,
    TooManyCalls,
    TooMuchUnrecorded,
    VersionDiffers,
)

RETRY_AFTER_S = 1
"""What RetryInfo advises with UNAVAILABLE: rules load within a second, a server that stops is replaced by another, and
so is a Redis."""

RETRY_LATER_S: dict[type, int] = {TooMuchUnrecorded: 5, StateFull: 5}
"""What it advises where something first has to get less."""

MESSAGE_BYTES_MAX = 512
DESCRIPTION_BYTES_MAX = 400
VIOLATIONS_BYTES_MAX = 3000
"""So much text of violations is told; the rest is counted. In trailers bytes grow by a third, and the message, once
more beside them, up to threefold."""

CODES: dict[type, int] = {
    InvalidInput: code_pb2.INVALID_ARGUMENT,
    TooLarge: code_pb2.RESOURCE_EXHAUSTED,
    TooManyCalls: code_pb2.RESOURCE_EXHAUSTED,
    TooMuchUnrecorded: code_pb2.RESOURCE_EXHAUSTED,
    StateFull: code_pb2.RESOURCE_EXHAUSTED,
    AlreadyExists: code_pb2.ALREADY_EXISTS,
    EntryDiffers: code_pb2.ALREADY_EXISTS,
    NotFound: code_pb2.NOT_FOUND,
    FailedPrecondition: code_pb2.FAILED_PRECONDITION,
    OutOfOrder: code_pb2.FAILED_PRECONDITION,
    VersionDiffers: code_pb2.ABORTED,
    RulesUnavailable: code_pb2.UNAVAILABLE,
    StateUnavailable: code_pb2.UNAVAILABLE,
    ClockDiffers: code_pb2.UNAVAILABLE,
    RecordsUnavailable: code_pb2.UNAVAILABLE,
    ServerStopping: code_pb2.UNAVAILABLE,
    CallOverdue: code_pb2.DEADLINE_EXCEEDED,
}
"""What each error is on the wire; any other is INTERNAL."""

log = logging.getLogger(__name__)


def to_status(error: Exception) -> status_pb2.Status:
    """The status of an error, for a trailer or for one message of a batch.

    An error that nobody raised on purpose becomes INTERNAL with an id; the log has its traceback under the same id.
    The error forgets where it came from: the frames often hold the error itself, and such a circle would keep the whole
    request until the garbage collector looks, which it seldom does.
    """
    status = _told(error)
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return status


def _told(error: Exception) -> status_pb2.Status:
    code = code_of(error)
    if code == code_pb2.INTERNAL:
        return _internal(error)
    status = status_pb2.Status(code=code, message=_cut(str(error), MESSAGE_BYTES_MAX))
    if isinstance(error, InvalidInput):
        status.details.append(_packed(_bad_request(error.violations)))
    elif isinstance(error, AlreadyExists):
        differs = FieldViolation(error.field, "differs from what was accepted under the same name")
        status.details.append(_packed(_bad_request([differs])))
    elif code == code_pb2.UNAVAILABLE or type(error) in RETRY_LATER_S:
        delay = duration_pb2.Duration(seconds=RETRY_LATER_S.get(type(error), RETRY_AFTER_S))
        status.details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    return status


async def abort(context: grpc.aio.ServicerContext[Any, Any], error: Exception) -> NoReturn:
    """End a call with the status of an error; raises grpc's AbortError, which nobody but grpc should catch."""
    status = rpc_status.to_status(to_status(error))
    await context.abort(status.code, status.details, status.trailing_metadata)
    raise AssertionError("abort has raised")


def code_of(error: Exception) -> int:
    """The code an error gets on the wire."""
    return next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), code_pb2.INTERNAL)


def code_name(error: Exception) -> str:
    """The name of that code, for counting."""
    return str(code_pb2.Code.Name(code_of(error)))


def _internal(error: Exception) -> status_pb2.Status:
    """The error's own text may quote a message or an address, so only its kind and its places are logged."""
    error_id = secrets.token_hex(6)
    places = "".join(traceback.format_tb(error.__traceback__))
    log.error(
        "a call failed unexpectedly with %s", type(error).__qualname__, extra={"error_id": error_id, "places": places}
    )
    return status_pb2.Status(
        code=code_pb2.INTERNAL, message=f"unexpected error {error_id}; the server's log has more under this id"
    )


def _bad_request(violations: list[FieldViolation]) -> error_details_pb2.BadRequest:
    """As many violations as fit; one more, without a field, counts the rest."""
    request = error_details_pb2.BadRequest()
    room = VIOLATIONS_BYTES_MAX
    for told, violation in enumerate(violations):
        field = _cut(violation.field, DESCRIPTION_BYTES_MAX)
        description = _cut(violation.description, DESCRIPTION_BYTES_MAX)
        room -= len(field.encode()) + len(description.encode())
        if room < 0:
            request.field_violations.add(description=f"and {len(violations) - told} more")
            break
        request.field_violations.add(field=field, description=description)
    return request


def _packed(detail: error_details_pb2.BadRequest | error_details_pb2.RetryInfo) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed


def _cut(text: str, bytes_max: int) -> str:
    """A text of at most so many bytes of UTF-8, never cut inside a character."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= bytes_max:
        return encoded.decode("utf-8")
    return encoded[: bytes_max - len("…".encode())].decode("utf-8", "ignore") + "…"
