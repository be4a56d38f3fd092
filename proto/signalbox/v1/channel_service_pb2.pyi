import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from signalbox.v1 import state_pb2 as _state_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListChannelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListChannelsResponse(_message.Message):
    __slots__ = ("platform", "channels", "pauses")
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    PAUSES_FIELD_NUMBER: _ClassVar[int]
    platform: BreakerStatus
    channels: _containers.RepeatedCompositeFieldContainer[ChannelStatus]
    pauses: _containers.RepeatedCompositeFieldContainer[PauseStatus]
    def __init__(self, platform: _Optional[_Union[BreakerStatus, _Mapping]] = ..., channels: _Optional[_Iterable[_Union[ChannelStatus, _Mapping]]] = ..., pauses: _Optional[_Iterable[_Union[PauseStatus, _Mapping]]] = ...) -> None: ...

class BreakerStatus(_message.Message):
    __slots__ = ("state", "speed", "rule_id", "forced", "since")
    STATE_FIELD_NUMBER: _ClassVar[int]
    SPEED_FIELD_NUMBER: _ClassVar[int]
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    FORCED_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    state: _state_pb2.BreakerState
    speed: float
    rule_id: str
    forced: bool
    since: _timestamp_pb2.Timestamp
    def __init__(self, state: _Optional[_Union[_state_pb2.BreakerState, str]] = ..., speed: _Optional[float] = ..., rule_id: _Optional[str] = ..., forced: _Optional[bool] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ChannelStatus(_message.Message):
    __slots__ = ("name", "breaker", "providers", "queued")
    class QueuedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    BREAKER_FIELD_NUMBER: _ClassVar[int]
    PROVIDERS_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    name: str
    breaker: BreakerStatus
    providers: _containers.RepeatedCompositeFieldContainer[ProviderStatus]
    queued: _containers.ScalarMap[str, int]
    def __init__(self, name: _Optional[str] = ..., breaker: _Optional[_Union[BreakerStatus, _Mapping]] = ..., providers: _Optional[_Iterable[_Union[ProviderStatus, _Mapping]]] = ..., queued: _Optional[_Mapping[str, int]] = ...) -> None: ...

class ProviderStatus(_message.Message):
    __slots__ = ("name", "type", "breaker")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    BREAKER_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    breaker: BreakerStatus
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ..., breaker: _Optional[_Union[BreakerStatus, _Mapping]] = ...) -> None: ...

class PauseScope(_message.Message):
    __slots__ = ("provider", "channel", "line", "campaign", "everything")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    EVERYTHING_FIELD_NUMBER: _ClassVar[int]
    provider: str
    channel: str
    line: TenantName
    campaign: TenantName
    everything: bool
    def __init__(self, provider: _Optional[str] = ..., channel: _Optional[str] = ..., line: _Optional[_Union[TenantName, _Mapping]] = ..., campaign: _Optional[_Union[TenantName, _Mapping]] = ..., everything: _Optional[bool] = ...) -> None: ...

class TenantName(_message.Message):
    __slots__ = ("tenant", "name")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    name: str
    def __init__(self, tenant: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class PauseStatus(_message.Message):
    __slots__ = ("scope", "by", "reason", "since")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    scope: PauseScope
    by: str
    reason: str
    since: _timestamp_pb2.Timestamp
    def __init__(self, scope: _Optional[_Union[PauseScope, _Mapping]] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PauseRequest(_message.Message):
    __slots__ = ("scope", "by", "reason")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    scope: PauseScope
    by: str
    reason: str
    def __init__(self, scope: _Optional[_Union[PauseScope, _Mapping]] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class PauseResponse(_message.Message):
    __slots__ = ("pause",)
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    pause: PauseStatus
    def __init__(self, pause: _Optional[_Union[PauseStatus, _Mapping]] = ...) -> None: ...

class ResumeRequest(_message.Message):
    __slots__ = ("scope", "by")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    scope: PauseScope
    by: str
    def __init__(self, scope: _Optional[_Union[PauseScope, _Mapping]] = ..., by: _Optional[str] = ...) -> None: ...

class ResumeResponse(_message.Message):
    __slots__ = ("was_paused",)
    WAS_PAUSED_FIELD_NUMBER: _ClassVar[int]
    was_paused: bool
    def __init__(self, was_paused: _Optional[bool] = ...) -> None: ...

class SetBreakerRequest(_message.Message):
    __slots__ = ("scope", "state", "speed", "by")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SPEED_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    scope: PauseScope
    state: _state_pb2.BreakerState
    speed: float
    by: str
    def __init__(self, scope: _Optional[_Union[PauseScope, _Mapping]] = ..., state: _Optional[_Union[_state_pb2.BreakerState, str]] = ..., speed: _Optional[float] = ..., by: _Optional[str] = ...) -> None: ...

class SetBreakerResponse(_message.Message):
    __slots__ = ("breaker",)
    BREAKER_FIELD_NUMBER: _ClassVar[int]
    breaker: BreakerStatus
    def __init__(self, breaker: _Optional[_Union[BreakerStatus, _Mapping]] = ...) -> None: ...

class GetClockRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetClockResponse(_message.Message):
    __slots__ = ("messages_clock", "now")
    MESSAGES_CLOCK_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    messages_clock: bool
    now: _timestamp_pb2.Timestamp
    def __init__(self, messages_clock: _Optional[bool] = ..., now: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class AdvanceClockRequest(_message.Message):
    __slots__ = ("until",)
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    until: _timestamp_pb2.Timestamp
    def __init__(self, until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class AdvanceClockResponse(_message.Message):
    __slots__ = ("now", "done", "unfinished")
    NOW_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    UNFINISHED_FIELD_NUMBER: _ClassVar[int]
    now: _timestamp_pb2.Timestamp
    done: bool
    unfinished: int
    def __init__(self, now: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., done: _Optional[bool] = ..., unfinished: _Optional[int] = ...) -> None: ...
