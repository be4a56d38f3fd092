import datetime

from google.protobuf import duration_pb2 as _duration_pb2
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

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_SEND: _ClassVar[Verdict]
    VERDICT_HOLD: _ClassVar[Verdict]
    VERDICT_DROP: _ClassVar[Verdict]

class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_UNSPECIFIED: _ClassVar[Reason]
    REASON_SCHEDULED: _ClassVar[Reason]
    REASON_QUIET_HOURS: _ClassVar[Reason]
    REASON_EXPIRED: _ClassVar[Reason]
    REASON_EXPIRES_FIRST: _ClassVar[Reason]
    REASON_NO_ROUTE: _ClassVar[Reason]
    REASON_NO_ADDRESS: _ClassVar[Reason]
    REASON_NOT_WISHED: _ClassVar[Reason]
    REASON_OPTED_OUT: _ClassVar[Reason]
    REASON_FORBIDDEN_CONTENT: _ClassVar[Reason]
    REASON_BLOCKED: _ClassVar[Reason]
    REASON_CHANNEL_UNHEALTHY: _ClassVar[Reason]
    REASON_NOT_ELIGIBLE: _ClassVar[Reason]
    REASON_COMPLIANCE: _ClassVar[Reason]
    REASON_LIMIT_REACHED: _ClassVar[Reason]
    REASON_TOO_SOON: _ClassVar[Reason]
    REASON_BUDGET_EXHAUSTED: _ClassVar[Reason]
    REASON_ACCOUNT_UNKNOWN: _ClassVar[Reason]
    REASON_ACCOUNT_UNIT: _ClassVar[Reason]
    REASON_PAUSED: _ClassVar[Reason]

class Confirmation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONFIRMATION_UNSPECIFIED: _ClassVar[Confirmation]
    CONFIRMATION_DELIVERED: _ClassVar[Confirmation]
    CONFIRMATION_READ: _ClassVar[Confirmation]
VERDICT_UNSPECIFIED: Verdict
VERDICT_SEND: Verdict
VERDICT_HOLD: Verdict
VERDICT_DROP: Verdict
REASON_UNSPECIFIED: Reason
REASON_SCHEDULED: Reason
REASON_QUIET_HOURS: Reason
REASON_EXPIRED: Reason
REASON_EXPIRES_FIRST: Reason
REASON_NO_ROUTE: Reason
REASON_NO_ADDRESS: Reason
REASON_NOT_WISHED: Reason
REASON_OPTED_OUT: Reason
REASON_FORBIDDEN_CONTENT: Reason
REASON_BLOCKED: Reason
REASON_CHANNEL_UNHEALTHY: Reason
REASON_NOT_ELIGIBLE: Reason
REASON_COMPLIANCE: Reason
REASON_LIMIT_REACHED: Reason
REASON_TOO_SOON: Reason
REASON_BUDGET_EXHAUSTED: Reason
REASON_ACCOUNT_UNKNOWN: Reason
REASON_ACCOUNT_UNIT: Reason
REASON_PAUSED: Reason
CONFIRMATION_UNSPECIFIED: Confirmation
CONFIRMATION_DELIVERED: Confirmation
CONFIRMATION_READ: Confirmation

class Decision(_message.Message):
    __slots__ = ("verdict", "reason", "until", "plan", "decided_by", "refusals", "version")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    DECIDED_BY_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    verdict: Verdict
    reason: Reason
    until: _timestamp_pb2.Timestamp
    plan: Plan
    decided_by: str
    refusals: _containers.RepeatedCompositeFieldContainer[Refusal]
    version: str
    def __init__(self, verdict: _Optional[_Union[Verdict, str]] = ..., reason: _Optional[_Union[Reason, str]] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., plan: _Optional[_Union[Plan, _Mapping]] = ..., decided_by: _Optional[str] = ..., refusals: _Optional[_Iterable[_Union[Refusal, _Mapping]]] = ..., version: _Optional[str] = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("strategy", "steps", "priority")
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    strategy: _message_pb2.Strategy
    steps: _containers.RepeatedCompositeFieldContainer[Step]
    priority: _message_pb2.Priority
    def __init__(self, strategy: _Optional[_Union[_message_pb2.Strategy, str]] = ..., steps: _Optional[_Iterable[_Union[Step, _Mapping]]] = ..., priority: _Optional[_Union[_message_pb2.Priority, str]] = ...) -> None: ...

class Step(_message.Message):
    __slots__ = ("channel", "admitted", "wait", "until", "providers", "all_addresses", "charges", "number")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ADMITTED_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    PROVIDERS_FIELD_NUMBER: _ClassVar[int]
    ALL_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    CHARGES_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    channel: str
    admitted: bool
    wait: _duration_pb2.Duration
    until: Confirmation
    providers: _containers.RepeatedScalarFieldContainer[str]
    all_addresses: bool
    charges: _containers.RepeatedCompositeFieldContainer[Charge]
    number: int
    def __init__(self, channel: _Optional[str] = ..., admitted: _Optional[bool] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., until: _Optional[_Union[Confirmation, str]] = ..., providers: _Optional[_Iterable[str]] = ..., all_addresses: _Optional[bool] = ..., charges: _Optional[_Iterable[_Union[Charge, _Mapping]]] = ..., number: _Optional[int] = ...) -> None: ...

class Charge(_message.Message):
    __slots__ = ("account", "micros", "unit")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    MICROS_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    account: str
    micros: int
    unit: str
    def __init__(self, account: _Optional[str] = ..., micros: _Optional[int] = ..., unit: _Optional[str] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("channel", "reason", "rule_id", "until", "held")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    channel: str
    reason: Reason
    rule_id: str
    until: _timestamp_pb2.Timestamp
    held: bool
    def __init__(self, channel: _Optional[str] = ..., reason: _Optional[_Union[Reason, str]] = ..., rule_id: _Optional[str] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., held: _Optional[bool] = ...) -> None: ...

class Trace(_message.Message):
    __slots__ = ("rules", "candidates", "facts", "explanation", "counterfactual")
    RULES_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    COUNTERFACTUAL_FIELD_NUMBER: _ClassVar[int]
    rules: _containers.RepeatedCompositeFieldContainer[RuleTrace]
    candidates: _containers.RepeatedCompositeFieldContainer[CandidateTrace]
    facts: _struct_pb2.Struct
    explanation: Explanation
    counterfactual: Counterfactual
    def __init__(self, rules: _Optional[_Iterable[_Union[RuleTrace, _Mapping]]] = ..., candidates: _Optional[_Iterable[_Union[CandidateTrace, _Mapping]]] = ..., facts: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., explanation: _Optional[_Union[Explanation, _Mapping]] = ..., counterfactual: _Optional[_Union[Counterfactual, _Mapping]] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("rules", "left_out", "channels", "asked", "breaker_rules")
    class Channels(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CHANNELS_UNSPECIFIED: _ClassVar[Explanation.Channels]
        CHANNELS_CANDIDATES: _ClassVar[Explanation.Channels]
        CHANNELS_ROUTE: _ClassVar[Explanation.Channels]
        CHANNELS_DECLARED: _ClassVar[Explanation.Channels]
    CHANNELS_UNSPECIFIED: Explanation.Channels
    CHANNELS_CANDIDATES: Explanation.Channels
    CHANNELS_ROUTE: Explanation.Channels
    CHANNELS_DECLARED: Explanation.Channels
    RULES_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    ASKED_FIELD_NUMBER: _ClassVar[int]
    BREAKER_RULES_FIELD_NUMBER: _ClassVar[int]
    rules: _containers.RepeatedCompositeFieldContainer[RuleExplanation]
    left_out: int
    channels: _containers.RepeatedScalarFieldContainer[str]
    asked: Explanation.Channels
    breaker_rules: int
    def __init__(self, rules: _Optional[_Iterable[_Union[RuleExplanation, _Mapping]]] = ..., left_out: _Optional[int] = ..., channels: _Optional[_Iterable[str]] = ..., asked: _Optional[_Union[Explanation.Channels, str]] = ..., breaker_rules: _Optional[int] = ...) -> None: ...

class RuleExplanation(_message.Message):
    __slots__ = ("rule_id", "family", "channel", "outcome", "file", "line", "asks", "came", "atoms", "failed", "lacking", "never")
    class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        OUTCOME_UNSPECIFIED: _ClassVar[RuleExplanation.Outcome]
        OUTCOME_MATCHED: _ClassVar[RuleExplanation.Outcome]
        OUTCOME_NOT_MATCHED: _ClassVar[RuleExplanation.Outcome]
        OUTCOME_ERRED: _ClassVar[RuleExplanation.Outcome]
    OUTCOME_UNSPECIFIED: RuleExplanation.Outcome
    OUTCOME_MATCHED: RuleExplanation.Outcome
    OUTCOME_NOT_MATCHED: RuleExplanation.Outcome
    OUTCOME_ERRED: RuleExplanation.Outcome
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    ASKS_FIELD_NUMBER: _ClassVar[int]
    CAME_FIELD_NUMBER: _ClassVar[int]
    ATOMS_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    LACKING_FIELD_NUMBER: _ClassVar[int]
    NEVER_FIELD_NUMBER: _ClassVar[int]
    rule_id: str
    family: str
    channel: str
    outcome: RuleExplanation.Outcome
    file: str
    line: int
    asks: str
    came: str
    atoms: int
    failed: AtomExplanation
    lacking: _containers.RepeatedCompositeFieldContainer[AtomExplanation]
    never: bool
    def __init__(self, rule_id: _Optional[str] = ..., family: _Optional[str] = ..., channel: _Optional[str] = ..., outcome: _Optional[_Union[RuleExplanation.Outcome, str]] = ..., file: _Optional[str] = ..., line: _Optional[int] = ..., asks: _Optional[str] = ..., came: _Optional[str] = ..., atoms: _Optional[int] = ..., failed: _Optional[_Union[AtomExplanation, _Mapping]] = ..., lacking: _Optional[_Iterable[_Union[AtomExplanation, _Mapping]]] = ..., never: _Optional[bool] = ...) -> None: ...

class AtomExplanation(_message.Message):
    __slots__ = ("text", "seen", "error")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    text: str
    seen: str
    error: str
    def __init__(self, text: _Optional[str] = ..., seen: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...

class Counterfactual(_message.Message):
    __slots__ = ("verdict", "plan", "singles", "judged", "budget", "looked", "facts", "unreached")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    SINGLES_FIELD_NUMBER: _ClassVar[int]
    JUDGED_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    LOOKED_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    UNREACHED_FIELD_NUMBER: _ClassVar[int]
    verdict: Flip
    plan: Flip
    singles: _containers.RepeatedCompositeFieldContainer[Flip]
    judged: int
    budget: int
    looked: _containers.RepeatedCompositeFieldContainer[Looked]
    facts: int
    unreached: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, verdict: _Optional[_Union[Flip, _Mapping]] = ..., plan: _Optional[_Union[Flip, _Mapping]] = ..., singles: _Optional[_Iterable[_Union[Flip, _Mapping]]] = ..., judged: _Optional[int] = ..., budget: _Optional[int] = ..., looked: _Optional[_Iterable[_Union[Looked, _Mapping]]] = ..., facts: _Optional[int] = ..., unreached: _Optional[_Iterable[str]] = ...) -> None: ...

class Looked(_message.Message):
    __slots__ = ("facts", "tried", "possible")
    FACTS_FIELD_NUMBER: _ClassVar[int]
    TRIED_FIELD_NUMBER: _ClassVar[int]
    POSSIBLE_FIELD_NUMBER: _ClassVar[int]
    facts: int
    tried: int
    possible: int
    def __init__(self, facts: _Optional[int] = ..., tried: _Optional[int] = ..., possible: _Optional[int] = ...) -> None: ...

class Flip(_message.Message):
    __slots__ = ("changes", "along", "decision")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    ALONG_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[FactChange]
    along: _containers.RepeatedCompositeFieldContainer[FactChange]
    decision: Decision
    def __init__(self, changes: _Optional[_Iterable[_Union[FactChange, _Mapping]]] = ..., along: _Optional[_Iterable[_Union[FactChange, _Mapping]]] = ..., decision: _Optional[_Union[Decision, _Mapping]] = ...) -> None: ...

class FactChange(_message.Message):
    __slots__ = ("path", "before", "after")
    PATH_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    path: str
    before: str
    after: str
    def __init__(self, path: _Optional[str] = ..., before: _Optional[str] = ..., after: _Optional[str] = ...) -> None: ...

class RuleTrace(_message.Message):
    __slots__ = ("rule_id", "family", "channel", "erred")
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ERRED_FIELD_NUMBER: _ClassVar[int]
    rule_id: str
    family: str
    channel: str
    erred: bool
    def __init__(self, rule_id: _Optional[str] = ..., family: _Optional[str] = ..., channel: _Optional[str] = ..., erred: _Optional[bool] = ...) -> None: ...

class CandidateTrace(_message.Message):
    __slots__ = ("channel", "result", "checks")
    class Result(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        RESULT_UNSPECIFIED: _ClassVar[CandidateTrace.Result]
        RESULT_TAKEN: _ClassVar[CandidateTrace.Result]
        RESULT_NOT_NEEDED: _ClassVar[CandidateTrace.Result]
        RESULT_HELD: _ClassVar[CandidateTrace.Result]
        RESULT_REFUSED: _ClassVar[CandidateTrace.Result]
    RESULT_UNSPECIFIED: CandidateTrace.Result
    RESULT_TAKEN: CandidateTrace.Result
    RESULT_NOT_NEEDED: CandidateTrace.Result
    RESULT_HELD: CandidateTrace.Result
    RESULT_REFUSED: CandidateTrace.Result
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    channel: str
    result: CandidateTrace.Result
    checks: _containers.RepeatedCompositeFieldContainer[CheckTrace]
    def __init__(self, channel: _Optional[str] = ..., result: _Optional[_Union[CandidateTrace.Result, str]] = ..., checks: _Optional[_Iterable[_Union[CheckTrace, _Mapping]]] = ...) -> None: ...

class CheckTrace(_message.Message):
    __slots__ = ("rule_id", "passed", "reason", "detail")
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    rule_id: str
    passed: bool
    reason: Reason
    detail: str
    def __init__(self, rule_id: _Optional[str] = ..., passed: _Optional[bool] = ..., reason: _Optional[_Union[Reason, str]] = ..., detail: _Optional[str] = ...) -> None: ...
