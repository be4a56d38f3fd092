"""A rule file as its author writes it: one form for each group of fields, which says what is allowed and what it means.

Every form refuses unknown fields. `meaning()` turns a checked form into the value of `effects.py` that the engine
acts on. A field's description is shown to the author when the field is missing, and goes into the JSON Schema of
rule files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from engine.ruleset.effects import (
    ACCOUNT_FACTS,
    LIMIT_KEYS,
    PRIORITIES,
    REASONS,
    ChannelChoice,
    Charge,
    Drop,
    Effect,
    Exclude,
    Hold,
    Limit,
    Route,
    SetState,
)
from engine.ruleset.scalars import (
    MICROS,
    Interval,
    Label,
    Micros,
    Name,
    Segments,
    Text,
    TimeOfDay,
    Touches,
    Unit,
    Wait,
    Window,
    Written,
    did_you_mean,
    fraction,
    misplaced,
    one_of,
    shorten,
    whole_number,
)

MOST_ENTRIES: Final = 32
"""The most channels, providers or keys that one list of an effect may have."""

_BRACES: Final = re.compile(r"\{([^{}]*)\}|[{}]")


def _words(*choices: str) -> WithJsonSchema:
    return WithJsonSchema({"enum": list(choices)})


Reason = Annotated[str, one_of(*REASONS, code="bad-reason"), _words(*REASONS)]
Priority = Annotated[str, one_of(*PRIORITIES), _words(*PRIORITIES)]
LimitKey = Annotated[str, one_of(*LIMIT_KEYS), _words(*LIMIT_KEYS)]
Address = Annotated[str, one_of("newest", "all"), _words("newest", "all")]
Until = Annotated[str, one_of("delivered", "read"), _words("delivered", "read")]
State = Annotated[str, one_of("SLOW", "PAUSED"), _words("SLOW", "PAUSED")]
HoldOnly = Annotated[str, one_of("hold", hint="a limit drops unless it says hold: remove the field"), _words("hold")]
Rate = Annotated[
    float,
    fraction("a number above 0 and at most 1", top_included=True),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 1}),
]
Speed = Annotated[
    float,
    fraction("a number above 0 and below 1", top_included=False),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
]
Windows = Annotated[int, whole_number(1, 1_000), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 1_000})]


class Form(BaseModel):
    """A group of fields in a rule file; an unknown field is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def refuse_repeats(names: Sequence[str], what: str, *at: str, skip: int = 0) -> None:
    """Refuse a name that stands twice. `at` is the list's field; the first `skip` names stand elsewhere."""
    for i, name in enumerate(names):
        if name in names[:i]:
            text = f'the {what} "{name}" stands here twice'
            raise misplaced(f"duplicate-{what}", text, "remove one of the two", *at, i - skip)


class Choice(Form):
    """A channel of a route."""

    channel: Label = Field(description="a channel of facts.yaml")
    providers: tuple[Label, ...] = Field(
        (),
        max_length=MOST_ENTRIES,
        description="the providers in the order they are tried; left out: all of the channel",
    )
    address: Address = Field("newest", description="which of the user's addresses there: the newest one, or all")

    @model_validator(mode="after")
    def _providers_once(self) -> Self:
        refuse_repeats(self.providers, "provider", "providers")
        return self

    def meaning(self) -> ChannelChoice:
        """Return the choice as the engine reads it."""
        return ChannelChoice(self.channel, self.providers, self.address == "all")


class Step(Choice):
    """A step of a supplement: a channel, how long to wait for it, and what counts as confirmed."""

    wait: Wait | None = Field(None, description="how long the next step waits for this one, such as 60s; at most 7d")
    until: Until = Field("delivered", description="what counts as confirmed: delivered, or read")

    def meaning(self) -> ChannelChoice:
        """Return the step as the engine reads it."""
        until: Literal["DELIVERED", "READ"] = "READ" if self.until == "read" else "DELIVERED"
        return ChannelChoice(self.channel, self.providers, self.address == "all", self.wait or 0, until)


def _named(value: object) -> object:
    """Read a channel's bare name as the form with nothing but that name."""
    return {"channel": value} if isinstance(value, Written) and not value.empty else value


OneChoice = Annotated[Choice, BeforeValidator(_named, json_schema_input_type=str | Choice)]
OneStep = Annotated[Step, BeforeValidator(_named, json_schema_input_type=str | Step)]
Channels = Annotated[tuple[Label, ...], Field(min_length=1, max_length=MOST_ENTRIES)]


class Distribute(Form):
    """Exactly one channel: `to`, or the first of `otherwise` that is not refused at decision."""

    to: OneChoice = Field(description="the channel to use")
    otherwise: tuple[OneChoice, ...] = Field(
        (), max_length=MOST_ENTRIES, description="the channels to use when that one may not be used, the first of them"
    )

    @model_validator(mode="after")
    def _channels_once(self) -> Self:
        names = [self.to.channel, *(choice.channel for choice in self.otherwise)]
        refuse_repeats(names, "channel", "otherwise", skip=1)
        return self


class RoutingThen(Form):
    """`then:` of a routing rule."""

    concurrent: tuple[OneChoice, ...] | None = Field(
        None, min_length=1, max_length=MOST_ENTRIES, description="all these channels at once"
    )
    supplement: tuple[OneStep, ...] | None = Field(
        None,
        min_length=1,
        max_length=MOST_ENTRIES,
        description="one after the other: the next only if the one before was not confirmed within its wait",
    )
    distribute: Distribute | None = Field(None, description="exactly one channel: to, or the first of otherwise")
    priority: Priority | None = Field(None, description="takes the place of the message's priority; P0 goes first")

    @model_validator(mode="after")
    def _steps_agree(self) -> Self:
        refuse_repeats([choice.channel for choice in self.concurrent or ()], "channel", "concurrent")
        steps = self.supplement or ()
        refuse_repeats([step.channel for step in steps], "channel", "supplement")
        for i, step in enumerate(steps[:-1]):
            if step.wait is None:
                text = f'"{step.channel}" has no wait, so it is not said when the next step starts'
                hint = f"write {{channel: {step.channel}, wait: 60s}}; only the last step needs none"
                raise misplaced("missing-wait", text, hint, "supplement", i)
        return self

    def meaning(self) -> Effect:
        """Return the route as the engine reads it."""
        if self.distribute is not None:
            chosen: Sequence[Choice] = (self.distribute.to, *self.distribute.otherwise)
            return Route("DISTRIBUTION", tuple(choice.meaning() for choice in chosen), self.priority)
        strategy = "CONCURRENT" if self.supplement is None else "SUPPLEMENT"
        chosen = self.supplement or self.concurrent or ()
        return Route(strategy, tuple(choice.meaning() for choice in chosen), self.priority)


class DropForm(Form):
    """`drop:` of an interception rule."""

    reason: Reason = Field(description="why, such as FORBIDDEN_CONTENT")

    def meaning(self) -> Drop:
        """Return the drop as the engine reads it."""
        return Drop(self.reason)


class ExcludeForm(Form):
    """`exclude:` of an interception rule."""

    reason: Reason = Field(description="why, such as OPTED_OUT")
    channels: Channels | None = Field(None, description="the channels it concerns")

    @model_validator(mode="after")
    def _channels_once(self) -> Self:
        refuse_repeats(self.channels or (), "channel", "channels")
        return self

    def meaning(self) -> Exclude | Hold:
        """Return the exclusion as the engine reads it."""
        return Exclude(self.reason, self.channels or ())


class HoldForm(ExcludeForm):
    """`hold:` of an interception rule."""

    until: TimeOfDay = Field(description='the local time of day to go on at, such as "09:00"')
    reason: Reason = Field(description="why, such as QUIET_HOURS")

    def meaning(self) -> Hold:
        """Return the hold as the engine reads it."""
        return Hold(self.until, self.reason, self.channels or ())


class InterceptionThen(Form):
    """`then:` of an interception rule."""

    drop: DropForm | None = Field(None, description="the message goes to nobody")
    hold: HoldForm | None = Field(None, description="the message waits until a time of day, then it is decided anew")
    exclude: ExcludeForm | None = Field(None, description="the message may not use a channel; the others remain")

    def meaning(self) -> Effect:
        """Return the effect as the engine reads it."""
        form = self.drop or self.hold or self.exclude
        assert form is not None, "a then: without an effect is refused before"
        return form.meaning()


class LimitForm(Form):
    """`limit:` of a fatigue rule."""

    name: Name = Field(description="the name of the counter; rules that share it count together")
    per: tuple[LimitKey, ...] = Field(description="what is counted apart, such as [user] or [user, line]")
    channel: Label | None = Field(None, description="only touches on this channel count, and only it is refused")
    max: Touches = Field(description="the most touches in one window: a whole number, or unlimited")
    window: Window = Field(description="how long a window is, such as 7d, 300s or day")
    min_interval: Interval | None = Field(None, description="the least time between two touches, such as 24h")
    otherwise: HoldOnly | None = Field(None, description="hold: what is refused waits instead of being dropped")

    @model_validator(mode="after")
    def _per_user(self) -> Self:
        refuse_repeats(self.per, "key", "per")
        if "user" not in self.per:
            text = 'a limit counts the touches of one user, but "per" has no user'
            hint = f"write per: [{', '.join(('user', *self.per))}]; a cap over many users is a charge in COUNT"
            raise misplaced("missing-user", text, hint, "per")
        return self

    def meaning(self) -> Limit:
        """Return the limit as the engine reads it."""
        return Limit(
            name=self.name,
            per=tuple(key for key in LIMIT_KEYS if key in self.per),
            channel=self.channel,
            max=self.max,
            window_ms=self.window,
            min_interval_ms=self.min_interval or 0,
            hold=self.otherwise is not None,
        )


class FatigueThen(Form):
    """`then:` of a fatigue rule."""

    limit: LimitForm | None = Field(None, description="how often one user may be touched")

    def meaning(self) -> Effect:
        """Return the limit as the engine reads it."""
        assert self.limit is not None, "a then: without an effect is refused before"
        return self.limit.meaning()


class ChargeForm(Form):
    """`charge:` of a budget rule."""

    account: Text = Field(description='the account to take from, such as "{line}/sms/cash"')
    amount: Micros = Field(description="what one message costs, such as 0.045")
    unit: Unit = Field(description="a currency such as CNY, or COUNT")
    times: Segments = Field(False, description="segments: the amount for each part that the text has as an SMS")
    channel: Label | None = Field(None, description="the charge is for this channel; without it for the whole message")

    @model_validator(mode="after")
    def _account_and_amount(self) -> Self:
        for found in _BRACES.finditer(self.account):
            if found[1] not in ACCOUNT_FACTS:
                text = f'"{shorten(found[0])}" cannot stand in the name of an account'
                hint = did_you_mean(found[1] or "", ACCOUNT_FACTS)
                raise misplaced("unknown-placeholder", text, hint, "account")
        if self.unit == "COUNT" and self.amount % MICROS:
            text, hint = "an account in COUNT is charged in whole numbers", "write amount: 1, or another unit"
            raise misplaced("bad-amount", text, hint, "amount")
        return self

    def meaning(self) -> Charge:
        """Return the charge as the engine reads it."""
        return Charge(self.account, self.amount, self.unit, self.times, self.channel)


class BudgetThen(Form):
    """`then:` of a budget rule."""

    charge: ChargeForm | None = Field(None, description="what the message costs, and which account pays")

    def meaning(self) -> Effect:
        """Return the charge as the engine reads it."""
        assert self.charge is not None, "a then: without an effect is refused before"
        return self.charge.meaning()


class BackForm(Form):
    """`back:` of a breaker rule: when the subject returns to NORMAL."""

    windows: Windows = Field(description="how many good windows in a row, such as 3")
    error_rate_below: Rate = Field(description="the error rate that a good window stays below, such as 0.05")


class SetForm(Form):
    """`set:` of a breaker rule."""

    state: State = Field(description="SLOW or PAUSED")
    speed: Speed | None = Field(None, description="SLOW: the share of the usual rate, such as 0.5")
    back: BackForm | None = Field(None, description="when it is NORMAL again by itself")

    @model_validator(mode="after")
    def _speed_of_slow(self) -> Self:
        if self.state == "SLOW" and self.speed is None:
            hint = "add speed: 0.5, the share of the usual rate"
            raise misplaced("missing-field", '"speed" is missing: SLOW needs to know how slow', hint)
        if self.state == "PAUSED" and self.speed is not None:
            raise misplaced("wrong-value", '"speed" belongs to SLOW; what is PAUSED stands still', "remove it", "speed")
        return self

    def meaning(self) -> SetState:
        """Return the state change as the engine reads it."""
        if self.back is None:
            return SetState(self.state, self.speed or 0.0)
        return SetState(self.state, self.speed or 0.0, self.back.windows, self.back.error_rate_below)


class BreakerThen(Form):
    """`then:` of a breaker rule."""

    set: SetForm | None = Field(None, description="the state that the subject of the window gets")

    def meaning(self) -> Effect:
        """Return the state change as the engine reads it."""
        assert self.set is not None, "a then: without an effect is refused before"
        return self.set.meaning()


Then = RoutingThen | InterceptionThen | FatigueThen | BudgetThen | BreakerThen
THENS: Final[dict[str, type[Then]]] = {
    "routing": RoutingThen,
    "interception": InterceptionThen,
    "fatigue": FatigueThen,
    "budget": BudgetThen,
    "breaker": BreakerThen,
}


class RuleForm(Form):
    """One rule. `when` and `then` are read apart, by what their family says."""

    id: Name = Field(description="a name of small letters, digits and dashes, unique in the version")
    doc: Text = Field("", description="what the rule is for, for people")
    owner: Text = Field("", description="who answers for the rule, for people")
    when: Any = Field(None, description="the condition; a rule without one always matches")
    then: Any = Field(description="what the rule asks for")


class RulesFile(Form):
    """The top of a rule file. Its rules are read one by one, so that a bad one hides no other."""

    family: Any = Field(description="the name of the file without .yaml")
    doc: Text = Field("", description="what the file is about, for people")
    define: Any = Field(None, description="names for constants, lists and conditions of this file")
    rules: Any = Field(description="the list of rules; [] if there is none")
