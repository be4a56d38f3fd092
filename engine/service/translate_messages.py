"""MessageService, contract to model: messages to send, receipts, what is asked for."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Final, NamedTuple

from engine.decision.life import State
from engine.decision.model import Message
from engine.errors import FieldViolation, InvalidInput
from engine.flow.intake import Incoming
from engine.flow.operating import DeadLetter, DeadLetterName
from engine.records.queries import Wanted
from engine.service.translate import NO_TIME, Violations, check_name, read_message, read_time, time_ms
from engine.state.keys import Keys
from signalbox.v1 import decision_pb2
from signalbox.v1 import message_service_pb2 as contract

MAX_PAGE: Final = 1000
USUAL_PAGE: Final = 100

MAX_REFERENCE: Final = 128
MAX_PROVIDER_ID: Final = 512

VERDICT = {n: name.removeprefix("VERDICT_") for name, n in decision_pb2.Verdict.items() if n}
STATE = {int(state): state.name for state in State}
RECEIPT_KIND = {n: name.removeprefix("RECEIPT_KIND_") for name, n in contract.ReceiptKind.items() if n}

_NEEDED = "is required: this server runs on the messages' clock"
_REFUSED = "must be left out: this server runs on the real clock"

_make_incoming = tuple.__new__
"""A named tuple's own constructor takes twice as long, and this runs for every message."""


# ---- sending ----


def read_incoming(wire: contract.SendRequest, now_ms: int | None) -> Incoming:
    """Read a message to send. `now_ms` is the server's time, None on the messages' clock.

    Raises InvalidInput with every violation found.
    """
    timed = wire.HasField("now")
    if timed is (now_ms is None):
        message = _read_or_none(wire)
        at_ms = time_ms(wire.now) if timed else now_ms
        if message is not None and message[_REQUEST_ID] and at_ms is not None:
            return _make_incoming(Incoming, (message, at_ms))
    raise InvalidInput(_violations(wire, now_ms))


_REQUEST_ID: Final = Message._fields.index("request_id")


def _read_or_none(wire: contract.SendRequest) -> Message | None:
    try:
        return read_message(wire.message)
    except InvalidInput:
        return None


def _violations(wire: contract.SendRequest, now_ms: int | None) -> list[FieldViolation]:
    """Everything that is wrong with one message."""
    bad = Violations()
    try:
        read_message(wire.message)
    except InvalidInput as error:
        bad.found += error.violations
    if not wire.message.request_id:
        bad.add("message.request_id", "is required")
    if now_ms is not None:
        if wire.HasField("now"):
            bad.add("now", _REFUSED)
    elif not wire.HasField("now"):
        bad.add("now", _NEEDED)
    elif time_ms(wire.now) is None:
        bad.add("now", NO_TIME)
    return bad.found


# ---- receipts ----


class ReportedReceipt(NamedTuple):
    """A receipt that somebody reports: what happened to one attempt, named by our reference or by the provider's id."""

    provider: str
    kind: str
    at_ms: int
    reference: str
    provider_id: str
    code: str


def read_receipt(wire: contract.Receipt, path: str, now_ms: int) -> ReportedReceipt:
    """Read a receipt; one without a time is of now. Raises InvalidInput with every violation found."""
    bad = Violations()
    which = wire.WhichOneof("attempt")
    check_name(wire.provider, f"{path}.provider", bad, required=which == "provider_message_id")
    if which is None:
        bad.add(f"{path}.reference", "is required, unless provider_message_id is given")
    elif which == "reference":
        check_name(wire.reference, f"{path}.reference", bad, longest=MAX_REFERENCE)
    else:
        check_name(wire.provider_message_id, f"{path}.provider_message_id", bad, longest=MAX_PROVIDER_ID)
    kind = RECEIPT_KIND.get(wire.kind)
    if kind is None:
        bad.add(f"{path}.kind", f"must be one of {', '.join(RECEIPT_KIND.values())}")
    at_ms = read_time(wire.at, f"{path}.at", bad) if wire.HasField("at") else now_ms
    check_name(wire.code, f"{path}.code", bad, required=False)
    bad.check()
    return ReportedReceipt(wire.provider, kind or "", at_ms, wire.reference, wire.provider_message_id, wire.code)


# ---- what is asked for ----


def read_id(message_id: str, path: str, keys: Keys, bad: Violations) -> str:
    """Read the id of a message."""
    try:
        if message_id:
            keys.partition_of(message_id)
        else:
            bad.add(path, "is required")
    except ValueError as error:
        bad.add(path, str(error))
    return message_id


def read_wanted(wire: contract.ListRequest, bad: Violations) -> Wanted:
    """Read which messages are asked for."""
    for name in ("tenant", "user_id", "line", "campaign"):
        check_name(getattr(wire, name), name, bad, required=name == "tenant")
    if wire.verdict and wire.verdict not in VERDICT:
        bad.add("verdict", f"must be one of {', '.join(VERDICT.values())}, or left out")
    if wire.state and wire.state not in STATE:
        bad.add("state", f"must be one of {', '.join(STATE.values())}, or left out")
    return Wanted(
        wire.tenant,
        wire.user_id,
        wire.line,
        wire.campaign,
        VERDICT.get(wire.verdict, ""),
        STATE.get(wire.state, ""),
        read_time(wire.since, "since", bad) if wire.HasField("since") else None,
        read_time(wire.until, "until", bad) if wire.HasField("until") else None,
    )


def read_page_size(asked: int, bad: Violations) -> int:
    """Read how much a page may hold; 0 is the usual."""
    if asked > MAX_PAGE:
        bad.add("page_size", f"{asked} is too many; at most {MAX_PAGE} are given in one page")
    return asked or USUAL_PAGE


def read_tenant_name(tenant: str, name: str, path: str, field: str, bad: Violations) -> tuple[str, str]:
    """Read a name and whose it is."""
    check_name(tenant, f"{path}.tenant", bad)
    check_name(name, f"{path}.{field}", bad)
    return tenant, name


def read_letter_name(wire: contract.DeadLetterName, path: str, keys: Keys, bad: Violations) -> DeadLetterName:
    """Read which dead letter is meant."""
    message_id = read_id(wire.message_id, f"{path}.message_id", keys, bad)
    if not wire.step:
        bad.add(f"{path}.step", "is required")
    return DeadLetterName(message_id, wire.step)


# ---- pages cut by key ----


def write_token(*key: str | int) -> str:
    """Write where a page ended, as a text that means nothing to the caller."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def read_token(token: str, *kinds: type) -> tuple[str | int, ...] | None:
    """Read what `write_token` wrote, values of these types; None for the first page. Raises InvalidInput."""
    if not token:
        return None
    try:
        found = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
        if [type(value) for value in found] == list(kinds):
            return tuple(found)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        pass
    raise InvalidInput([FieldViolation("page_token", "does not belong to this list; take the first page again")])


def read_letter_token(token: str) -> DeadLetter | None:
    """Read where a page of dead letters ended."""
    found = read_token(token, int, str, int)
    if found is None:
        return None
    since_ms, message_id, step = found
    return DeadLetter(str(message_id), int(step), int(since_ms), "", "", "")


def write_letter_token(letter: DeadLetter) -> str:
    """Write where a page of dead letters ended."""
    return write_token(letter.since_ms, letter.message_id, letter.step)
