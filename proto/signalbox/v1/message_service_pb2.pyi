import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from signalbox.v1 import decision_pb2 as _decision_pb2
from signalbox.v1 import message_pb2 as _message_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MessageState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MESSAGE_STATE_UNSPECIFIED: _ClassVar[MessageState]
    MESSAGE_STATE_HELD: _ClassVar[MessageState]
    MESSAGE_STATE_QUEUED: _ClassVar[MessageState]
    MESSAGE_STATE_SENDING: _ClassVar[MessageState]
    MESSAGE_STATE_SENT: _ClassVar[MessageState]
    MESSAGE_STATE_DELIVERED: _ClassVar[MessageState]
    MESSAGE_STATE_FAILED: _ClassVar[MessageState]
    MESSAGE_STATE_DROPPED: _ClassVar[MessageState]
    MESSAGE_STATE_EXPIRED: _ClassVar[MessageState]
    MESSAGE_STATE_CANCELLED: _ClassVar[MessageState]
    MESSAGE_STATE_UNCONFIRMED: _ClassVar[MessageState]
    MESSAGE_STATE_UNKNOWN: _ClassVar[MessageState]

class ReceiptKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECEIPT_KIND_UNSPECIFIED: _ClassVar[ReceiptKind]
    RECEIPT_KIND_DELIVERED: _ClassVar[ReceiptKind]
    RECEIPT_KIND_FAILED: _ClassVar[ReceiptKind]
    RECEIPT_KIND_READ: _ClassVar[ReceiptKind]
    RECEIPT_KIND_CLICKED: _ClassVar[ReceiptKind]
    RECEIPT_KIND_CONVERTED: _ClassVar[ReceiptKind]
    RECEIPT_KIND_OPTED_OUT: _ClassVar[ReceiptKind]

class EventKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_KIND_UNSPECIFIED: _ClassVar[EventKind]
    EVENT_KIND_DECIDED: _ClassVar[EventKind]
    EVENT_KIND_ATTEMPTED: _ClassVar[EventKind]
    EVENT_KIND_ANSWERED: _ClassVar[EventKind]
    EVENT_KIND_RECEIPT: _ClassVar[EventKind]
    EVENT_KIND_RETRY: _ClassVar[EventKind]
    EVENT_KIND_ENDED: _ClassVar[EventKind]
    EVENT_KIND_QUEUED: _ClassVar[EventKind]
    EVENT_KIND_REDRIVEN: _ClassVar[EventKind]
MESSAGE_STATE_UNSPECIFIED: MessageState
MESSAGE_STATE_HELD: MessageState
MESSAGE_STATE_QUEUED: MessageState
MESSAGE_STATE_SENDING: MessageState
MESSAGE_STATE_SENT: MessageState
MESSAGE_STATE_DELIVERED: MessageState
MESSAGE_STATE_FAILED: MessageState
MESSAGE_STATE_DROPPED: MessageState
MESSAGE_STATE_EXPIRED: MessageState
MESSAGE_STATE_CANCELLED: MessageState
MESSAGE_STATE_UNCONFIRMED: MessageState
MESSAGE_STATE_UNKNOWN: MessageState
RECEIPT_KIND_UNSPECIFIED: ReceiptKind
RECEIPT_KIND_DELIVERED: ReceiptKind
RECEIPT_KIND_FAILED: ReceiptKind
RECEIPT_KIND_READ: ReceiptKind
RECEIPT_KIND_CLICKED: ReceiptKind
RECEIPT_KIND_CONVERTED: ReceiptKind
RECEIPT_KIND_OPTED_OUT: ReceiptKind
EVENT_KIND_UNSPECIFIED: EventKind
EVENT_KIND_DECIDED: EventKind
EVENT_KIND_ATTEMPTED: EventKind
EVENT_KIND_ANSWERED: EventKind
EVENT_KIND_RECEIPT: EventKind
EVENT_KIND_RETRY: EventKind
EVENT_KIND_ENDED: EventKind
EVENT_KIND_QUEUED: EventKind
EVENT_KIND_REDRIVEN: EventKind

class SendRequest(_message.Message):
    __slots__ = ("message", "now")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    message: _message_pb2.Message
    now: _timestamp_pb2.Timestamp
    def __init__(self, message: _Optional[_Union[_message_pb2.Message, _Mapping]] = ..., now: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SendResponse(_message.Message):
    __slots__ = ("message_id", "decision", "repeated")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    REPEATED_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    decision: _decision_pb2.Decision
    repeated: bool
    def __init__(self, message_id: _Optional[str] = ..., decision: _Optional[_Union[_decision_pb2.Decision, _Mapping]] = ..., repeated: _Optional[bool] = ...) -> None: ...

class SendBatchRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[SendRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[SendRequest, _Mapping]]] = ...) -> None: ...

class SendBatchResponse(_message.Message):
    __slots__ = ("results", "decisions")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[SendResult]
    decisions: _containers.RepeatedCompositeFieldContainer[_decision_pb2.Decision]
    def __init__(self, results: _Optional[_Iterable[_Union[SendResult, _Mapping]]] = ..., decisions: _Optional[_Iterable[_Union[_decision_pb2.Decision, _Mapping]]] = ...) -> None: ...

class SendResult(_message.Message):
    __slots__ = ("message_id", "decision", "error", "repeated")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    REPEATED_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    decision: int
    error: _status_pb2.Status
    repeated: bool
    def __init__(self, message_id: _Optional[str] = ..., decision: _Optional[int] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., repeated: _Optional[bool] = ...) -> None: ...

class SendStreamRequest(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: SendRequest
    def __init__(self, request: _Optional[_Union[SendRequest, _Mapping]] = ...) -> None: ...

class SendStreamResponse(_message.Message):
    __slots__ = ("message_id", "decision", "error", "repeated")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    REPEATED_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    decision: _decision_pb2.Decision
    error: _status_pb2.Status
    repeated: bool
    def __init__(self, message_id: _Optional[str] = ..., decision: _Optional[_Union[_decision_pb2.Decision, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., repeated: _Optional[bool] = ...) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ("message_id",)
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    def __init__(self, message_id: _Optional[str] = ...) -> None: ...

class GetResponse(_message.Message):
    __slots__ = ("record", "message", "decision", "events")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    record: MessageRecord
    message: _message_pb2.Message
    decision: _decision_pb2.Decision
    events: _containers.RepeatedCompositeFieldContainer[MessageEvent]
    def __init__(self, record: _Optional[_Union[MessageRecord, _Mapping]] = ..., message: _Optional[_Union[_message_pb2.Message, _Mapping]] = ..., decision: _Optional[_Union[_decision_pb2.Decision, _Mapping]] = ..., events: _Optional[_Iterable[_Union[MessageEvent, _Mapping]]] = ...) -> None: ...

class MessageRecord(_message.Message):
    __slots__ = ("message_id", "tenant", "line", "user_id", "request_id", "category", "priority", "scene", "campaign", "accepted_at", "expire_at", "verdict", "reason", "strategy", "version", "decided_by", "state", "steps")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    SCENE_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_AT_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DECIDED_BY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    tenant: str
    line: str
    user_id: str
    request_id: str
    category: _message_pb2.Category
    priority: _message_pb2.Priority
    scene: str
    campaign: str
    accepted_at: _timestamp_pb2.Timestamp
    expire_at: _timestamp_pb2.Timestamp
    verdict: _decision_pb2.Verdict
    reason: _decision_pb2.Reason
    strategy: _message_pb2.Strategy
    version: str
    decided_by: str
    state: MessageState
    steps: _containers.RepeatedCompositeFieldContainer[StepRecord]
    def __init__(self, message_id: _Optional[str] = ..., tenant: _Optional[str] = ..., line: _Optional[str] = ..., user_id: _Optional[str] = ..., request_id: _Optional[str] = ..., category: _Optional[_Union[_message_pb2.Category, str]] = ..., priority: _Optional[_Union[_message_pb2.Priority, str]] = ..., scene: _Optional[str] = ..., campaign: _Optional[str] = ..., accepted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., verdict: _Optional[_Union[_decision_pb2.Verdict, str]] = ..., reason: _Optional[_Union[_decision_pb2.Reason, str]] = ..., strategy: _Optional[_Union[_message_pb2.Strategy, str]] = ..., version: _Optional[str] = ..., decided_by: _Optional[str] = ..., state: _Optional[_Union[MessageState, str]] = ..., steps: _Optional[_Iterable[_Union[StepRecord, _Mapping]]] = ...) -> None: ...

class StepRecord(_message.Message):
    __slots__ = ("number", "channel", "state", "reason", "provider", "attempts")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    number: int
    channel: str
    state: MessageState
    reason: _decision_pb2.Reason
    provider: str
    attempts: int
    def __init__(self, number: _Optional[int] = ..., channel: _Optional[str] = ..., state: _Optional[_Union[MessageState, str]] = ..., reason: _Optional[_Union[_decision_pb2.Reason, str]] = ..., provider: _Optional[str] = ..., attempts: _Optional[int] = ...) -> None: ...

class MessageEvent(_message.Message):
    __slots__ = ("number", "at", "kind", "step", "decision", "detail")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    number: int
    at: _timestamp_pb2.Timestamp
    kind: EventKind
    step: int
    decision: _decision_pb2.Decision
    detail: _struct_pb2.Struct
    def __init__(self, number: _Optional[int] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[_Union[EventKind, str]] = ..., step: _Optional[int] = ..., decision: _Optional[_Union[_decision_pb2.Decision, _Mapping]] = ..., detail: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ("tenant", "user_id", "line", "campaign", "since", "until", "verdict", "state", "page_size", "page_token")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    user_id: str
    line: str
    campaign: str
    since: _timestamp_pb2.Timestamp
    until: _timestamp_pb2.Timestamp
    verdict: _decision_pb2.Verdict
    state: MessageState
    page_size: int
    page_token: str
    def __init__(self, tenant: _Optional[str] = ..., user_id: _Optional[str] = ..., line: _Optional[str] = ..., campaign: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., verdict: _Optional[_Union[_decision_pb2.Verdict, str]] = ..., state: _Optional[_Union[MessageState, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListResponse(_message.Message):
    __slots__ = ("records", "next_page_token")
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[MessageRecord]
    next_page_token: str
    def __init__(self, records: _Optional[_Iterable[_Union[MessageRecord, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelRequest(_message.Message):
    __slots__ = ("message_id", "campaign", "line")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    campaign: CampaignName
    line: LineName
    def __init__(self, message_id: _Optional[str] = ..., campaign: _Optional[_Union[CampaignName, _Mapping]] = ..., line: _Optional[_Union[LineName, _Mapping]] = ...) -> None: ...

class CampaignName(_message.Message):
    __slots__ = ("tenant", "campaign")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    campaign: str
    def __init__(self, tenant: _Optional[str] = ..., campaign: _Optional[str] = ...) -> None: ...

class LineName(_message.Message):
    __slots__ = ("tenant", "line")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    line: str
    def __init__(self, tenant: _Optional[str] = ..., line: _Optional[str] = ...) -> None: ...

class CancelResponse(_message.Message):
    __slots__ = ("cancelled", "too_late")
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    TOO_LATE_FIELD_NUMBER: _ClassVar[int]
    cancelled: int
    too_late: int
    def __init__(self, cancelled: _Optional[int] = ..., too_late: _Optional[int] = ...) -> None: ...

class ReportReceiptsRequest(_message.Message):
    __slots__ = ("receipts",)
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    receipts: _containers.RepeatedCompositeFieldContainer[Receipt]
    def __init__(self, receipts: _Optional[_Iterable[_Union[Receipt, _Mapping]]] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("provider", "reference", "provider_message_id", "kind", "at", "code")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    provider: str
    reference: str
    provider_message_id: str
    kind: ReceiptKind
    at: _timestamp_pb2.Timestamp
    code: str
    def __init__(self, provider: _Optional[str] = ..., reference: _Optional[str] = ..., provider_message_id: _Optional[str] = ..., kind: _Optional[_Union[ReceiptKind, str]] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., code: _Optional[str] = ...) -> None: ...

class ReportReceiptsResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[ReceiptResult]
    def __init__(self, results: _Optional[_Iterable[_Union[ReceiptResult, _Mapping]]] = ...) -> None: ...

class ReceiptResult(_message.Message):
    __slots__ = ("outcome", "error")
    class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        OUTCOME_UNSPECIFIED: _ClassVar[ReceiptResult.Outcome]
        OUTCOME_NOTED: _ClassVar[ReceiptResult.Outcome]
        OUTCOME_REPEATED: _ClassVar[ReceiptResult.Outcome]
        OUTCOME_KEPT: _ClassVar[ReceiptResult.Outcome]
        OUTCOME_REJECTED: _ClassVar[ReceiptResult.Outcome]
    OUTCOME_UNSPECIFIED: ReceiptResult.Outcome
    OUTCOME_NOTED: ReceiptResult.Outcome
    OUTCOME_REPEATED: ReceiptResult.Outcome
    OUTCOME_KEPT: ReceiptResult.Outcome
    OUTCOME_REJECTED: ReceiptResult.Outcome
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    outcome: ReceiptResult.Outcome
    error: _status_pb2.Status
    def __init__(self, outcome: _Optional[_Union[ReceiptResult.Outcome, str]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("tenant", "line", "campaign", "cursor")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    line: str
    campaign: str
    cursor: str
    def __init__(self, tenant: _Optional[str] = ..., line: _Optional[str] = ..., campaign: _Optional[str] = ..., cursor: _Optional[str] = ...) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ("message_id", "event", "state", "cursor")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    event: MessageEvent
    state: MessageState
    cursor: str
    def __init__(self, message_id: _Optional[str] = ..., event: _Optional[_Union[MessageEvent, _Mapping]] = ..., state: _Optional[_Union[MessageState, str]] = ..., cursor: _Optional[str] = ...) -> None: ...

class ListDeadLettersRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDeadLettersResponse(_message.Message):
    __slots__ = ("dead_letters", "next_page_token")
    DEAD_LETTERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dead_letters: _containers.RepeatedCompositeFieldContainer[DeadLetter]
    next_page_token: str
    def __init__(self, dead_letters: _Optional[_Iterable[_Union[DeadLetter, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeadLetter(_message.Message):
    __slots__ = ("message_id", "step", "since", "channel", "provider", "outcome")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    step: int
    since: _timestamp_pb2.Timestamp
    channel: str
    provider: str
    outcome: str
    def __init__(self, message_id: _Optional[str] = ..., step: _Optional[int] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., channel: _Optional[str] = ..., provider: _Optional[str] = ..., outcome: _Optional[str] = ...) -> None: ...

class RedriveDeadLettersRequest(_message.Message):
    __slots__ = ("dead_letters", "all")
    DEAD_LETTERS_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    dead_letters: _containers.RepeatedCompositeFieldContainer[DeadLetterName]
    all: bool
    def __init__(self, dead_letters: _Optional[_Iterable[_Union[DeadLetterName, _Mapping]]] = ..., all: _Optional[bool] = ...) -> None: ...

class DeadLetterName(_message.Message):
    __slots__ = ("message_id", "step")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    step: int
    def __init__(self, message_id: _Optional[str] = ..., step: _Optional[int] = ...) -> None: ...

class RedriveDeadLettersResponse(_message.Message):
    __slots__ = ("redriven", "too_late")
    REDRIVEN_FIELD_NUMBER: _ClassVar[int]
    TOO_LATE_FIELD_NUMBER: _ClassVar[int]
    redriven: int
    too_late: int
    def __init__(self, redriven: _Optional[int] = ..., too_late: _Optional[int] = ...) -> None: ...
