import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Category(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CATEGORY_UNSPECIFIED: _ClassVar[Category]
    CATEGORY_ONE_TIME_PASSWORD: _ClassVar[Category]
    CATEGORY_TRANSACTION: _ClassVar[Category]
    CATEGORY_SERVICE: _ClassVar[Category]
    CATEGORY_NOTIFICATION: _ClassVar[Category]
    CATEGORY_REPAYMENT: _ClassVar[Category]
    CATEGORY_MARKETING: _ClassVar[Category]

class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIORITY_UNSPECIFIED: _ClassVar[Priority]
    PRIORITY_P0: _ClassVar[Priority]
    PRIORITY_P1: _ClassVar[Priority]
    PRIORITY_P2: _ClassVar[Priority]
    PRIORITY_P3: _ClassVar[Priority]

class Strategy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STRATEGY_UNSPECIFIED: _ClassVar[Strategy]
    STRATEGY_CONCURRENT: _ClassVar[Strategy]
    STRATEGY_SUPPLEMENT: _ClassVar[Strategy]
    STRATEGY_DISTRIBUTION: _ClassVar[Strategy]
CATEGORY_UNSPECIFIED: Category
CATEGORY_ONE_TIME_PASSWORD: Category
CATEGORY_TRANSACTION: Category
CATEGORY_SERVICE: Category
CATEGORY_NOTIFICATION: Category
CATEGORY_REPAYMENT: Category
CATEGORY_MARKETING: Category
PRIORITY_UNSPECIFIED: Priority
PRIORITY_P0: Priority
PRIORITY_P1: Priority
PRIORITY_P2: Priority
PRIORITY_P3: Priority
STRATEGY_UNSPECIFIED: Strategy
STRATEGY_CONCURRENT: Strategy
STRATEGY_SUPPLEMENT: Strategy
STRATEGY_DISTRIBUTION: Strategy

class Message(_message.Message):
    __slots__ = ("tenant", "line", "request_id", "user_id", "category", "priority", "scene", "campaign", "content", "template", "params", "addresses", "wishes", "occurred_at", "send_after", "expire_at", "owner", "department", "conversion_goal")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    SCENE_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    WISHES_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    SEND_AFTER_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_AT_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENT_FIELD_NUMBER: _ClassVar[int]
    CONVERSION_GOAL_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    line: str
    request_id: str
    user_id: str
    category: Category
    priority: Priority
    scene: str
    campaign: str
    content: Content
    template: Template
    params: _struct_pb2.Struct
    addresses: _containers.RepeatedCompositeFieldContainer[Address]
    wishes: Wishes
    occurred_at: _timestamp_pb2.Timestamp
    send_after: _timestamp_pb2.Timestamp
    expire_at: _timestamp_pb2.Timestamp
    owner: str
    department: str
    conversion_goal: str
    def __init__(self, tenant: _Optional[str] = ..., line: _Optional[str] = ..., request_id: _Optional[str] = ..., user_id: _Optional[str] = ..., category: _Optional[_Union[Category, str]] = ..., priority: _Optional[_Union[Priority, str]] = ..., scene: _Optional[str] = ..., campaign: _Optional[str] = ..., content: _Optional[_Union[Content, _Mapping]] = ..., template: _Optional[_Union[Template, _Mapping]] = ..., params: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., addresses: _Optional[_Iterable[_Union[Address, _Mapping]]] = ..., wishes: _Optional[_Union[Wishes, _Mapping]] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., send_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., owner: _Optional[str] = ..., department: _Optional[str] = ..., conversion_goal: _Optional[str] = ...) -> None: ...

class Content(_message.Message):
    __slots__ = ("title", "text", "html", "url", "channels")
    class ChannelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: ContentOverride
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[ContentOverride, _Mapping]] = ...) -> None: ...
    TITLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    HTML_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    title: str
    text: str
    html: str
    url: str
    channels: _containers.MessageMap[str, ContentOverride]
    def __init__(self, title: _Optional[str] = ..., text: _Optional[str] = ..., html: _Optional[str] = ..., url: _Optional[str] = ..., channels: _Optional[_Mapping[str, ContentOverride]] = ...) -> None: ...

class ContentOverride(_message.Message):
    __slots__ = ("title", "text", "html", "url")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    HTML_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    title: str
    text: str
    html: str
    url: str
    def __init__(self, title: _Optional[str] = ..., text: _Optional[str] = ..., html: _Optional[str] = ..., url: _Optional[str] = ...) -> None: ...

class Template(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class Address(_message.Message):
    __slots__ = ("channel", "value")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    channel: str
    value: str
    def __init__(self, channel: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class Wishes(_message.Message):
    __slots__ = ("channels", "strategy")
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    channels: _containers.RepeatedScalarFieldContainer[str]
    strategy: Strategy
    def __init__(self, channels: _Optional[_Iterable[str]] = ..., strategy: _Optional[_Union[Strategy, str]] = ...) -> None: ...
