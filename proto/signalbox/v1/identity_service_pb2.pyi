import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from signalbox.v1 import message_pb2 as _message_pb2
from signalbox.v1 import state_pb2 as _state_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PutUsersRequest(_message.Message):
    __slots__ = ("users", "replace")
    USERS_FIELD_NUMBER: _ClassVar[int]
    REPLACE_FIELD_NUMBER: _ClassVar[int]
    users: _containers.RepeatedCompositeFieldContainer[_state_pb2.User]
    replace: bool
    def __init__(self, users: _Optional[_Iterable[_Union[_state_pb2.User, _Mapping]]] = ..., replace: _Optional[bool] = ...) -> None: ...

class PutUsersResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[PutUserResult]
    def __init__(self, results: _Optional[_Iterable[_Union[PutUserResult, _Mapping]]] = ...) -> None: ...

class PutUserResult(_message.Message):
    __slots__ = ("version", "error")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    version: int
    error: _status_pb2.Status
    def __init__(self, version: _Optional[int] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class BindRequest(_message.Message):
    __slots__ = ("tenant", "user_id", "channel", "value", "bound_at")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    BOUND_AT_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    user_id: str
    channel: str
    value: str
    bound_at: _timestamp_pb2.Timestamp
    def __init__(self, tenant: _Optional[str] = ..., user_id: _Optional[str] = ..., channel: _Optional[str] = ..., value: _Optional[str] = ..., bound_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class BindResponse(_message.Message):
    __slots__ = ("version", "binding")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    BINDING_FIELD_NUMBER: _ClassVar[int]
    version: int
    binding: _state_pb2.Binding
    def __init__(self, version: _Optional[int] = ..., binding: _Optional[_Union[_state_pb2.Binding, _Mapping]] = ...) -> None: ...

class UnbindRequest(_message.Message):
    __slots__ = ("tenant", "user_id", "channel", "value")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    user_id: str
    channel: str
    value: str
    def __init__(self, tenant: _Optional[str] = ..., user_id: _Optional[str] = ..., channel: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class UnbindResponse(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    def __init__(self, version: _Optional[int] = ...) -> None: ...

class OptOutRequest(_message.Message):
    __slots__ = ("tenant", "user_id", "channel", "category", "at")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    user_id: str
    channel: str
    category: _message_pb2.Category
    at: _timestamp_pb2.Timestamp
    def __init__(self, tenant: _Optional[str] = ..., user_id: _Optional[str] = ..., channel: _Optional[str] = ..., category: _Optional[_Union[_message_pb2.Category, str]] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class OptOutResponse(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    def __init__(self, version: _Optional[int] = ...) -> None: ...

class OptInRequest(_message.Message):
    __slots__ = ("tenant", "user_id", "channel", "category")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    user_id: str
    channel: str
    category: _message_pb2.Category
    def __init__(self, tenant: _Optional[str] = ..., user_id: _Optional[str] = ..., channel: _Optional[str] = ..., category: _Optional[_Union[_message_pb2.Category, str]] = ...) -> None: ...

class OptInResponse(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    def __init__(self, version: _Optional[int] = ...) -> None: ...

class ResolveRequest(_message.Message):
    __slots__ = ("tenant", "user_id", "channel")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    user_id: str
    channel: str
    def __init__(self, tenant: _Optional[str] = ..., user_id: _Optional[str] = ..., channel: _Optional[str] = ...) -> None: ...

class ResolveResponse(_message.Message):
    __slots__ = ("user",)
    USER_FIELD_NUMBER: _ClassVar[int]
    user: _state_pb2.User
    def __init__(self, user: _Optional[_Union[_state_pb2.User, _Mapping]] = ...) -> None: ...

class ReverseResolveRequest(_message.Message):
    __slots__ = ("tenant", "channel", "value")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    channel: str
    value: str
    def __init__(self, tenant: _Optional[str] = ..., channel: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class ReverseResolveResponse(_message.Message):
    __slots__ = ("holders",)
    HOLDERS_FIELD_NUMBER: _ClassVar[int]
    holders: _containers.RepeatedCompositeFieldContainer[Holder]
    def __init__(self, holders: _Optional[_Iterable[_Union[Holder, _Mapping]]] = ...) -> None: ...

class Holder(_message.Message):
    __slots__ = ("user_id", "binding")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    BINDING_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    binding: _state_pb2.Binding
    def __init__(self, user_id: _Optional[str] = ..., binding: _Optional[_Union[_state_pb2.Binding, _Mapping]] = ...) -> None: ...
