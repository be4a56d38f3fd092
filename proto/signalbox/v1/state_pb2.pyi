import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from signalbox.v1 import message_pb2 as _message_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StatePart(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATE_PART_UNSPECIFIED: _ClassVar[StatePart]
    STATE_PART_USERS: _ClassVar[StatePart]
    STATE_PART_LEDGER: _ClassVar[StatePart]
    STATE_PART_ACCOUNTS: _ClassVar[StatePart]
    STATE_PART_BREAKERS: _ClassVar[StatePart]

class BreakerState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BREAKER_STATE_UNSPECIFIED: _ClassVar[BreakerState]
    BREAKER_STATE_NORMAL: _ClassVar[BreakerState]
    BREAKER_STATE_SLOW: _ClassVar[BreakerState]
    BREAKER_STATE_PAUSED: _ClassVar[BreakerState]
STATE_PART_UNSPECIFIED: StatePart
STATE_PART_USERS: StatePart
STATE_PART_LEDGER: StatePart
STATE_PART_ACCOUNTS: StatePart
STATE_PART_BREAKERS: StatePart
BREAKER_STATE_UNSPECIFIED: BreakerState
BREAKER_STATE_NORMAL: BreakerState
BREAKER_STATE_SLOW: BreakerState
BREAKER_STATE_PAUSED: BreakerState

class State(_message.Message):
    __slots__ = ("users", "ledger", "accounts", "breakers")
    USERS_FIELD_NUMBER: _ClassVar[int]
    LEDGER_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    BREAKERS_FIELD_NUMBER: _ClassVar[int]
    users: Users
    ledger: Ledger
    accounts: Accounts
    breakers: Breakers
    def __init__(self, users: _Optional[_Union[Users, _Mapping]] = ..., ledger: _Optional[_Union[Ledger, _Mapping]] = ..., accounts: _Optional[_Union[Accounts, _Mapping]] = ..., breakers: _Optional[_Union[Breakers, _Mapping]] = ...) -> None: ...

class Users(_message.Message):
    __slots__ = ("users",)
    USERS_FIELD_NUMBER: _ClassVar[int]
    users: _containers.RepeatedCompositeFieldContainer[User]
    def __init__(self, users: _Optional[_Iterable[_Union[User, _Mapping]]] = ...) -> None: ...

class User(_message.Message):
    __slots__ = ("tenant", "user_id", "tags", "zone", "language", "attributes", "bindings", "opt_outs", "version")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    BINDINGS_FIELD_NUMBER: _ClassVar[int]
    OPT_OUTS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    user_id: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    zone: str
    language: str
    attributes: _struct_pb2.Struct
    bindings: _containers.RepeatedCompositeFieldContainer[Binding]
    opt_outs: _containers.RepeatedCompositeFieldContainer[OptOut]
    version: int
    def __init__(self, tenant: _Optional[str] = ..., user_id: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., zone: _Optional[str] = ..., language: _Optional[str] = ..., attributes: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., bindings: _Optional[_Iterable[_Union[Binding, _Mapping]]] = ..., opt_outs: _Optional[_Iterable[_Union[OptOut, _Mapping]]] = ..., version: _Optional[int] = ...) -> None: ...

class Binding(_message.Message):
    __slots__ = ("channel", "value", "bound_at", "valid", "version")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    BOUND_AT_FIELD_NUMBER: _ClassVar[int]
    VALID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    channel: str
    value: str
    bound_at: _timestamp_pb2.Timestamp
    valid: bool
    version: int
    def __init__(self, channel: _Optional[str] = ..., value: _Optional[str] = ..., bound_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., valid: _Optional[bool] = ..., version: _Optional[int] = ...) -> None: ...

class OptOut(_message.Message):
    __slots__ = ("channel", "category", "at")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    channel: str
    category: _message_pb2.Category
    at: _timestamp_pb2.Timestamp
    def __init__(self, channel: _Optional[str] = ..., category: _Optional[_Union[_message_pb2.Category, str]] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Ledger(_message.Message):
    __slots__ = ("users",)
    USERS_FIELD_NUMBER: _ClassVar[int]
    users: _containers.RepeatedCompositeFieldContainer[UserLedger]
    def __init__(self, users: _Optional[_Iterable[_Union[UserLedger, _Mapping]]] = ...) -> None: ...

class UserLedger(_message.Message):
    __slots__ = ("tenant", "user_id", "uses")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    USES_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    user_id: str
    uses: _containers.RepeatedCompositeFieldContainer[LimitUse]
    def __init__(self, tenant: _Optional[str] = ..., user_id: _Optional[str] = ..., uses: _Optional[_Iterable[_Union[LimitUse, _Mapping]]] = ...) -> None: ...

class LimitUse(_message.Message):
    __slots__ = ("limit", "key", "start_ms", "end_ms", "count", "last_ms", "expire_ms")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    START_MS_FIELD_NUMBER: _ClassVar[int]
    END_MS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_MS_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_MS_FIELD_NUMBER: _ClassVar[int]
    limit: str
    key: str
    start_ms: int
    end_ms: int
    count: int
    last_ms: int
    expire_ms: int
    def __init__(self, limit: _Optional[str] = ..., key: _Optional[str] = ..., start_ms: _Optional[int] = ..., end_ms: _Optional[int] = ..., count: _Optional[int] = ..., last_ms: _Optional[int] = ..., expire_ms: _Optional[int] = ...) -> None: ...

class Accounts(_message.Message):
    __slots__ = ("accounts",)
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    accounts: _containers.RepeatedCompositeFieldContainer[Account]
    def __init__(self, accounts: _Optional[_Iterable[_Union[Account, _Mapping]]] = ...) -> None: ...

class Account(_message.Message):
    __slots__ = ("tenant", "name", "unit", "left_micros")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    LEFT_MICROS_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    name: str
    unit: str
    left_micros: int
    def __init__(self, tenant: _Optional[str] = ..., name: _Optional[str] = ..., unit: _Optional[str] = ..., left_micros: _Optional[int] = ...) -> None: ...

class Breakers(_message.Message):
    __slots__ = ("platform", "channels")
    class ChannelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: BreakerState
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[BreakerState, str]] = ...) -> None: ...
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    platform: BreakerState
    channels: _containers.ScalarMap[str, BreakerState]
    def __init__(self, platform: _Optional[_Union[BreakerState, str]] = ..., channels: _Optional[_Mapping[str, BreakerState]] = ...) -> None: ...
