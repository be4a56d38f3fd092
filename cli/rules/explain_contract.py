"""A message or a request of the contract in JSON, as the situation that is to be explained."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from google.protobuf import json_format

from cli.problems import CannotStart
from cli.rules.explain_question import FORMS, Question
from engine.analysis.situation import Situation
from engine.decision.case_given import DEFAULT_ZONE
from engine.decision.model import User
from engine.errors import InvalidInput
from engine.ruleset.compile import RuleSet
from engine.service.translate import read_message, time_ms
from engine.service.translate_state import missing_parts, read_state
from signalbox.v1 import decision_service_pb2 as contract

_REQUEST_KEYS: Final = frozenset("message now state trace trace_level traceLevel record decision events line".split())
"""The fields of an EvaluateRequest, and those that `trace --json` and `evaluate --json` print beside a message."""

_ASSUMED: Final = {
    "users": "the user has an address on every channel, and has declined nothing",
    "ledger": "no limit has been used",
    "accounts": "there is enough in every account",
    "breakers": "every channel is NORMAL",
}


def is_of_contract(written: Mapping[str, Any]) -> bool:
    """Is this a request of the contract and no `given:`? Both hold a message; the contract's has longer names."""
    message = written.get("message")
    if not isinstance(message, Mapping):
        return False
    named = str(message.get("category", "")).startswith("CATEGORY_")
    return named or any(any(letter.isupper() for letter in str(name)) for name in message)


def of_contract(written: Mapping[str, Any], name: str, ruleset: RuleSet) -> Question:
    """Read a message, a request, or what `signalbox trace --json` prints. Raises CannotStart."""
    if "message" in written:
        unknown = [key for key in written if key not in _REQUEST_KEYS]
        if unknown:
            raise CannotStart(f'{name}: unknown field "{unknown[0]:.60}"', FORMS)
        wanted = {key: value for key, value in written.items() if key in ("message", "now", "state")}
        if "now" not in wanted and isinstance(written.get("record"), Mapping):
            wanted["now"] = written["record"].get("accepted_at")
    else:
        wanted = {"message": written}
    request = contract.EvaluateRequest()
    try:
        json_format.ParseDict(_long_names(wanted, request.DESCRIPTOR), request)
    except json_format.ParseError as error:
        raise CannotStart(f"{name} is no message of the contract: {str(error).splitlines()[0]}", FORMS) from error
    try:
        return _asked(request, ruleset)
    except InvalidInput as error:
        hint = "the message of a rule test, which may leave fields out, stands under message:"
        raise CannotStart(f"{name}: {error}", "" if "message" in written else hint) from error


def _asked(request: contract.EvaluateRequest, ruleset: RuleSet) -> Question:
    message = read_message(request.message)
    state, missing = read_state(request.state, DEFAULT_ZONE), missing_parts(request.state)
    key = (message.tenant, message.user_id)
    user = (state.users or {}).get(key, User(known=False, zone=DEFAULT_ZONE))
    if "users" in missing:
        user = User(known=True, zone=DEFAULT_ZONE, channels=frozenset(ruleset.channels))
    now_ms = time_ms(request.now) if request.HasField("now") else None
    assumed = [_ASSUMED[part] for part in missing]
    if now_ms is None:
        now_ms = int(time.time() * 1000)
        assumed.append("the time is this moment")
    ledger = state.ledger
    made = Situation(message, user, now_ms, state.breakers, ledger.uses.get(key, {}), ledger.accounts)
    return Question(made, tuple(assumed))


def _long_names(written: Any, kind: Any) -> Any:
    """Return the JSON form with the long names of enums, which protobuf wants: CATEGORY_SERVICE for SERVICE."""
    if not isinstance(written, Mapping) or kind.full_name.startswith("google.protobuf."):
        return written
    fields = {name: field for field in kind.fields for name in (field.name, field.json_name)}
    made: dict[str, Any] = {}
    for name, value in written.items():
        field = fields.get(name)
        if value is None or (value == "" and field is not None and (field.enum_type or field.message_type)):
            continue
        made[name] = value if field is None else _field(field, value)
    return made


def _field(field: Any, value: Any) -> Any:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return value
    if isinstance(value, list):
        return [_field(field, one) for one in value]
    if field.enum_type is not None and isinstance(value, str):
        prefix = str(field.enum_type.values_by_number[0].name).removesuffix("UNSPECIFIED")
        return value if value.startswith(prefix) else prefix + value
    if field.message_type is not None:
        return _long_names(value, field.message_type)
    return value
