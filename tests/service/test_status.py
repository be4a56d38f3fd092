"""What our errors are to a caller: a code, and where it helps when to come again or which field it is."""

from __future__ import annotations

import pytest
from google.rpc import code_pb2, error_details_pb2

from engine.errors import (
    AlreadyExists,
    ClockDiffers,
    EntryDiffers,
    FailedPrecondition,
    NotFound,
    OutOfOrder,
    RecordsUnavailable,
    SignalboxError,
    StateFull,
    StateRefused,
    StateUnavailable,
    TooMuchUnrecorded,
    VersionDiffers,
)
from engine.service.status import to_status


@pytest.mark.parametrize(
    ("error", "code", "retry_after_s"),
    [
        (StateUnavailable("away"), code_pb2.UNAVAILABLE, 1),
        (RecordsUnavailable("away"), code_pb2.UNAVAILABLE, 1),
        (ClockDiffers(5000), code_pb2.UNAVAILABLE, 1),
        (TooMuchUnrecorded("wait"), code_pb2.RESOURCE_EXHAUSTED, 5),
        (StateFull("full"), code_pb2.RESOURCE_EXHAUSTED, 5),
        (NotFound("who"), code_pb2.NOT_FOUND, None),
        (FailedPrecondition("no"), code_pb2.FAILED_PRECONDITION, None),
        (OutOfOrder(1, 2), code_pb2.FAILED_PRECONDITION, None),
        (EntryDiffers("another"), code_pb2.ALREADY_EXISTS, None),
        (VersionDiffers("newer"), code_pb2.ABORTED, None),
    ],
)
def test_each_error_has_its_code_and_says_whether_to_come_again(
    error: SignalboxError, code: int, retry_after_s: int | None
) -> None:
    """A caller repeats what will pass by itself, after a while, and nothing else."""
    status = to_status(error)

    retry = error_details_pb2.RetryInfo()
    told = bool(status.details) and status.details[0].Unpack(retry)
    assert (status.code, status.message) == (code, str(error))
    assert (retry.retry_delay.seconds if told else None) == retry_after_s


def test_what_exists_already_names_the_field_that_differs() -> None:
    """In the sentence, and apart from it."""
    status = to_status(AlreadyExists("message.content", "p01-x"))

    request = error_details_pb2.BadRequest()
    assert status.code == code_pb2.ALREADY_EXISTS
    assert status.details[0].Unpack(request)
    assert [violation.field for violation in request.field_violations] == ["message.content"]
    assert "p01-x" in status.message
    assert "message.content" in status.message


def test_a_fault_of_ours_tells_only_an_id() -> None:
    """Redis' refusal of a command is nothing that a caller can mend."""
    status = to_status(StateRefused("WRONGTYPE", "secret"))

    assert status.code == code_pb2.INTERNAL
    assert "secret" not in status.message
