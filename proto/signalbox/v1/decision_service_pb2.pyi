import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from signalbox.v1 import decision_pb2 as _decision_pb2
from signalbox.v1 import message_pb2 as _message_pb2
from signalbox.v1 import state_pb2 as _state_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TraceLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRACE_LEVEL_UNSPECIFIED: _ClassVar[TraceLevel]
    TRACE_LEVEL_DECISION: _ClassVar[TraceLevel]
    TRACE_LEVEL_RULES: _ClassVar[TraceLevel]
    TRACE_LEVEL_COUNTERFACTUAL: _ClassVar[TraceLevel]
TRACE_LEVEL_UNSPECIFIED: TraceLevel
TRACE_LEVEL_DECISION: TraceLevel
TRACE_LEVEL_RULES: TraceLevel
TRACE_LEVEL_COUNTERFACTUAL: TraceLevel

class EvaluateRequest(_message.Message):
    __slots__ = ("message", "now", "state", "trace", "trace_level")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    TRACE_LEVEL_FIELD_NUMBER: _ClassVar[int]
    message: _message_pb2.Message
    now: _timestamp_pb2.Timestamp
    state: _state_pb2.State
    trace: bool
    trace_level: TraceLevel
    def __init__(self, message: _Optional[_Union[_message_pb2.Message, _Mapping]] = ..., now: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[_Union[_state_pb2.State, _Mapping]] = ..., trace: _Optional[bool] = ..., trace_level: _Optional[_Union[TraceLevel, str]] = ...) -> None: ...

class EvaluateResponse(_message.Message):
    __slots__ = ("decision", "assumed", "trace")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    ASSUMED_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    decision: _decision_pb2.Decision
    assumed: _containers.RepeatedScalarFieldContainer[_state_pb2.StatePart]
    trace: _decision_pb2.Trace
    def __init__(self, decision: _Optional[_Union[_decision_pb2.Decision, _Mapping]] = ..., assumed: _Optional[_Iterable[_Union[_state_pb2.StatePart, str]]] = ..., trace: _Optional[_Union[_decision_pb2.Trace, _Mapping]] = ...) -> None: ...

class EvaluateBatchRequest(_message.Message):
    __slots__ = ("evaluations", "state", "now", "trace", "trace_level")
    EVALUATIONS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    TRACE_LEVEL_FIELD_NUMBER: _ClassVar[int]
    evaluations: _containers.RepeatedCompositeFieldContainer[Evaluation]
    state: _state_pb2.State
    now: _timestamp_pb2.Timestamp
    trace: bool
    trace_level: TraceLevel
    def __init__(self, evaluations: _Optional[_Iterable[_Union[Evaluation, _Mapping]]] = ..., state: _Optional[_Union[_state_pb2.State, _Mapping]] = ..., now: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., trace: _Optional[bool] = ..., trace_level: _Optional[_Union[TraceLevel, str]] = ...) -> None: ...

class Evaluation(_message.Message):
    __slots__ = ("message", "now")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    message: _message_pb2.Message
    now: _timestamp_pb2.Timestamp
    def __init__(self, message: _Optional[_Union[_message_pb2.Message, _Mapping]] = ..., now: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class EvaluateBatchResponse(_message.Message):
    __slots__ = ("results", "decisions", "changed", "assumed")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    ASSUMED_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[EvaluationResult]
    decisions: _containers.RepeatedCompositeFieldContainer[_decision_pb2.Decision]
    changed: _state_pb2.State
    assumed: _containers.RepeatedScalarFieldContainer[_state_pb2.StatePart]
    def __init__(self, results: _Optional[_Iterable[_Union[EvaluationResult, _Mapping]]] = ..., decisions: _Optional[_Iterable[_Union[_decision_pb2.Decision, _Mapping]]] = ..., changed: _Optional[_Union[_state_pb2.State, _Mapping]] = ..., assumed: _Optional[_Iterable[_Union[_state_pb2.StatePart, str]]] = ...) -> None: ...

class EvaluationResult(_message.Message):
    __slots__ = ("decision", "error", "trace")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    decision: int
    error: _status_pb2.Status
    trace: _decision_pb2.Trace
    def __init__(self, decision: _Optional[int] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., trace: _Optional[_Union[_decision_pb2.Trace, _Mapping]] = ...) -> None: ...

class EvaluateStreamRequest(_message.Message):
    __slots__ = ("message", "now", "state", "trace", "trace_level")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    TRACE_LEVEL_FIELD_NUMBER: _ClassVar[int]
    message: _message_pb2.Message
    now: _timestamp_pb2.Timestamp
    state: _state_pb2.State
    trace: bool
    trace_level: TraceLevel
    def __init__(self, message: _Optional[_Union[_message_pb2.Message, _Mapping]] = ..., now: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[_Union[_state_pb2.State, _Mapping]] = ..., trace: _Optional[bool] = ..., trace_level: _Optional[_Union[TraceLevel, str]] = ...) -> None: ...

class EvaluateStreamResponse(_message.Message):
    __slots__ = ("decision", "error", "changed", "assumed", "trace")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    ASSUMED_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    decision: _decision_pb2.Decision
    error: _status_pb2.Status
    changed: _state_pb2.State
    assumed: _containers.RepeatedScalarFieldContainer[_state_pb2.StatePart]
    trace: _decision_pb2.Trace
    def __init__(self, decision: _Optional[_Union[_decision_pb2.Decision, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., changed: _Optional[_Union[_state_pb2.State, _Mapping]] = ..., assumed: _Optional[_Iterable[_Union[_state_pb2.StatePart, str]]] = ..., trace: _Optional[_Union[_decision_pb2.Trace, _Mapping]] = ...) -> None: ...
