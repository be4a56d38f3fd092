import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RuleSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RULE_SOURCE_UNSPECIFIED: _ClassVar[RuleSource]
    RULE_SOURCE_FOLDER: _ClassVar[RuleSource]
    RULE_SOURCE_LAST_GOOD: _ClassVar[RuleSource]
RULE_SOURCE_UNSPECIFIED: RuleSource
RULE_SOURCE_FOLDER: RuleSource
RULE_SOURCE_LAST_GOOD: RuleSource

class StatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatusResponse(_message.Message):
    __slots__ = ("version", "digest", "loaded_at", "source", "rules", "attempted_version", "problems", "reloads", "failures", "matcher", "warnings")
    class RulesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    LOADED_AT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    RELOADS_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    MATCHER_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    version: str
    digest: str
    loaded_at: _timestamp_pb2.Timestamp
    source: RuleSource
    rules: _containers.ScalarMap[str, int]
    attempted_version: str
    problems: _containers.RepeatedCompositeFieldContainer[Problem]
    reloads: int
    failures: int
    matcher: MatcherStatus
    warnings: _containers.RepeatedCompositeFieldContainer[Problem]
    def __init__(self, version: _Optional[str] = ..., digest: _Optional[str] = ..., loaded_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., source: _Optional[_Union[RuleSource, str]] = ..., rules: _Optional[_Mapping[str, int]] = ..., attempted_version: _Optional[str] = ..., problems: _Optional[_Iterable[_Union[Problem, _Mapping]]] = ..., reloads: _Optional[int] = ..., failures: _Optional[int] = ..., matcher: _Optional[_Union[MatcherStatus, _Mapping]] = ..., warnings: _Optional[_Iterable[_Union[Problem, _Mapping]]] = ...) -> None: ...

class Problem(_message.Message):
    __slots__ = ("code", "severity", "file", "line", "column", "message", "hint")
    CODE_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    code: str
    severity: str
    file: str
    line: int
    column: int
    message: str
    hint: str
    def __init__(self, code: _Optional[str] = ..., severity: _Optional[str] = ..., file: _Optional[str] = ..., line: _Optional[int] = ..., column: _Optional[int] = ..., message: _Optional[str] = ..., hint: _Optional[str] = ...) -> None: ...

class MatcherStatus(_message.Message):
    __slots__ = ("ready", "fallbacks", "restarts")
    READY_FIELD_NUMBER: _ClassVar[int]
    FALLBACKS_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    ready: bool
    fallbacks: int
    restarts: int
    def __init__(self, ready: _Optional[bool] = ..., fallbacks: _Optional[int] = ..., restarts: _Optional[int] = ...) -> None: ...
