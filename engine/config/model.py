"""Every setting there is: its name, type, bounds, default and meaning.

This is the only place where a setting is described. The commented settings file (`template.py`), the error messages
(`load.py`) and the names of the environment variables are made from it, so they cannot go stale. A key stands here
only if it does something.
"""

from __future__ import annotations

import difflib
import zoneinfo
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

CATEGORIES: Final = ("ONE_TIME_PASSWORD", "TRANSACTION", "SERVICE", "NOTIFICATION", "REPAYMENT", "MARKETING")
"""The categories of the contract, as settings write them."""


def _path(value: object) -> object:
    """Files and variables write a path as text; nothing and a zero byte name no folder."""
    return Path(value) if isinstance(value, str) and value and "\0" not in value else value


Folder = Annotated[Path, BeforeValidator(_path), Field(json_schema_extra={"expected": "the path of a folder"})]
"""A path; one that is written in the settings file and is relative counts from the file's own folder."""


def _categories(value: object) -> object:
    """A file has a list, a variable has words with commas between them. Raises ValueError for what is no category."""
    words = [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value
    if not isinstance(words, list | tuple):
        raise ValueError("")
    unknown = [word for word in words if word not in CATEGORIES]
    if unknown:
        close = difflib.get_close_matches(str(unknown[0]).upper(), CATEGORIES, n=1)
        raise ValueError(f"did you mean {close[0]}?" if close else "")
    return tuple(words)


class Section(BaseModel):
    """One table of the settings file; a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ServerSettings(Section):
    """Where the server listens and what it bounds."""

    host: str = Field(
        "127.0.0.1",
        description="The address to listen on. Only a loopback address is accepted: there is no gate that asks for "
        "credentials yet, so every other address would let anybody on the network decide.",
        json_schema_extra={"expected": "a loopback address: 127.0.0.1, ::1 or localhost"},
    )
    port: int = Field(50051, ge=0, le=65535, description="The port for gRPC; 0 takes a free one.")
    max_message_bytes: int = Field(
        16 * 1024 * 1024,
        ge=64 * 1024,
        le=256 * 1024 * 1024,
        description="The largest request that is read; a larger one is answered with RESOURCE_EXHAUSTED.",
    )
    max_batch: int = Field(
        1000,
        ge=1,
        le=1000,
        description="The most messages one EvaluateBatch or SendBatch may hold; a larger one is answered with "
        "RESOURCE_EXHAUSTED.",
    )
    max_calls: int = Field(
        1000,
        ge=1,
        le=100_000,
        description="The most calls under way at once; further ones are answered with RESOURCE_EXHAUSTED.",
    )
    default_deadline_s: float = Field(
        30.0,
        ge=1,
        le=3600,
        description="How long a call whose caller set no deadline may take, in seconds; a stream may be silent for as "
        "long. Looked at once a second.",
    )
    stop_grace_s: float = Field(
        10.0,
        ge=0,
        le=3600,
        description="When asked to stop: how long the calls under way may take to finish, in seconds.",
    )

    @field_validator("host")
    @classmethod
    def _loopback(cls, host: str) -> str:
        # The name is not looked up: what it resolves to can change between this check and the use.
        if host == "localhost":
            return "127.0.0.1"
        try:
            loopback = ip_address(host).is_loopback
        except ValueError:
            raise ValueError("") from None
        if not loopback:
            raise ValueError(
                "there is no gate that asks for credentials yet, so every other address would let anybody on the "
                "network decide"
            )
        return host


class RulesSettings(Section):
    """Where the rules come from."""

    dir: Folder = Field(
        Path("rules"),
        description="The folder with rollout.yaml and one folder for each version of the rules. Where nothing names it "
        "and there is no folder rules here, `signalbox serve` takes those of its checkout, with their tests.",
    )
    tests_dir: Folder = Field(
        Path("rule_tests"),
        description="The folder with each version's rule tests; a version whose tests fail is not served.",
    )
    dev: bool = Field(
        False,
        description="For rule authors: load the served version again whenever its files are edited. Otherwise an "
        "edited version is refused and the last good one goes on serving.",
    )
    match_timeout_ms: int = Field(
        20,
        ge=1,
        le=1000,
        description="How long the rules process may be silent, in milliseconds, before the plain interpreter answers "
        "instead: the same answers, more slowly. A process that stays silent for 200 ms is restarted.",
    )


class DataSettings(Section):
    """What the server keeps."""

    dir: Folder = Field(
        Path("data"),
        description="The folder for what outlives a restart, such as the last good rules. Made when missing; one "
        "server at a time.",
    )


class TimeSettings(Section):
    """How local time is told."""

    default_zone: str = Field(
        "Asia/Shanghai",
        description="The time zone of users whose own is not known.",
        json_schema_extra={"expected": 'the IANA name of a time zone, such as "Asia/Shanghai"'},
    )

    @field_validator("default_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        known = zoneinfo.available_timezones()
        if zone not in known:
            close = difflib.get_close_matches(zone, sorted(known), n=1, cutoff=0.7)
            raise ValueError(f"did you mean {close[0]}?" if close else "")
        return zone


class TelemetrySettings(Section):
    """Where metrics and traces go."""

    exporter: Literal["none", "console", "otlp"] = Field(
        "none",
        description='"none" keeps the counts to itself, "console" writes metrics and spans to the log\'s stream, '
        '"otlp" sends them by OTLP over gRPC.',
    )
    endpoint: str = Field(
        "http://127.0.0.1:4317",
        description="The collector for the otlp exporter.",
        pattern=r"^https?://[^\s/]+$",
        json_schema_extra={"expected": 'an address such as "http://127.0.0.1:4317"'},
    )
    trace_ratio: float = Field(
        0.0,
        ge=0,
        le=1,
        description="The share of calls that are traced though their caller did not ask for it. A call whose "
        "traceparent says sampled always is.",
    )
    interval_s: float = Field(60.0, ge=1, le=3600, description="How often metrics are exported, in seconds.")


class LogSettings(Section):
    """What is logged, to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least serious line to log.")
    format: Literal["auto", "json", "text"] = Field(
        "auto",
        description='"json" writes one object a line, "text" writes lines for people; "auto" is text on a terminal, '
        "else json.",
    )


class StateSettings(Section):
    """Where the state is kept: message records, limits, queues, users. It is a Redis."""

    url: str = Field(
        "",
        description="The Redis to use. Empty: a private one is started below data.dir, with every write on disk before "
        "it is answered. One that is named must be append-only and must not evict.",
        pattern=r"^(?:(?:redis|rediss|unix)://\S+)?$",
        json_schema_extra={"expected": 'nothing, or an address such as "redis://10.0.0.5:6379/0"'},
    )
    partitions: int = Field(
        16,
        ge=1,
        le=4096,
        description="Into how many parts users and messages are divided: the most nodes of a Redis Cluster that they "
        "can be spread over. Cannot be changed once there is state.",
    )
    buckets: int = Field(
        16_384,
        ge=1,
        le=16_777_216,
        description="Into how many hashes the users' limits go, over all partitions and a multiple of their number; "
        "about one for 64 users saves most memory. Cannot be changed once there is state.",
    )


class RecordsSettings(Section):
    """Where what became of every message is recorded, and the accounts are kept. It is an SQL database."""

    url: str = Field(
        "",
        description="The database to use. Empty: a file of SQLite in data.dir.",
        pattern=r"^(?:(?:sqlite|mysql|mariadb)(?:\+\w+)?://\S*)?$",
        json_schema_extra={"expected": 'nothing, or an address such as "mysql://signalbox:secret@10.0.0.6/signalbox"'},
    )
    backlog_mib: int = Field(
        512,
        ge=1,
        le=1_048_576,
        description="How much may wait to be recorded while the database is away, in MiB of Redis' memory; beyond it "
        "messages are refused with RESOURCE_EXHAUSTED, P3 first, P0 last.",
    )


class ClockSettings(Section):
    """Which clock messages are decided by."""

    source: Literal["system", "messages"] = Field(
        "system",
        description='"system" is the time of the machine. "messages" plays a year in minutes: every message brings its '
        "time, and the clock only moves to the next thing that happens. Refused unless every provider is simulated.",
    )


class WorkerSettings(Section):
    """How the queued steps are sent."""

    concurrency: int = Field(
        256, ge=1, le=10_000, description="The most steps that one process sends at once, over all providers."
    )
    claim_idle_s: float = Field(
        30.0,
        ge=1,
        le=3600,
        description="When a worker has said nothing of a step for so long, in seconds, it counts as dead and another "
        "worker takes the step over.",
    )
    send_again: Annotated[tuple[str, ...], BeforeValidator(_categories)] = Field(
        ("ONE_TIME_PASSWORD", "TRANSACTION"),
        description="The categories of which a message is sent again when nobody can tell whether it went out: perhaps "
        "twice rather than not at all. Its trace then says so. All others are not sent again.",
        json_schema_extra={"expected": "a list of categories: " + ", ".join(CATEGORIES)},
    )
    release_rate: int = Field(
        5_000,
        ge=20,
        le=1_000_000,
        description="The most messages per second that fall due: held ones whose time has come, retries, waits that "
        "are over. A night's messages are released over a while, the urgent ones first.",
    )
    drain_s: float = Field(
        10.0,
        ge=0,
        le=3600,
        description="When asked to stop: how long the attempts under way may take to finish, in seconds.",
    )


class BreakerSettings(Section):
    """How the health of providers, channels and the platform is judged by the breaker rules."""

    window_s: int = Field(
        10, ge=1, le=3600, description="How long the windows are that the breaker rules judge, in seconds."
    )


class SandboxSettings(Section):
    """The simulated carrier: how a provider of the type sandbox behaves."""

    profile: Literal["perfect", "usual", "rough"] = Field(
        "usual",
        description='"perfect" accepts and delivers everything at once, "usual" is a good carrier on an ordinary day, '
        '"rough" a bad day on which everything that can happen happens often. A provider\'s options outrank it.',
    )
    seed: int = Field(
        0, ge=0, le=2**63 - 1, description="Another seed, another course of events; the same seed, the same."
    )


class ProviderSettings(Section):
    """A provider that sends on one channel; of several for a channel, the first in this file is tried first. Without
    any, every channel of the rules gets a simulated one that sends nothing."""

    type: str = Field(
        description="The adapter that speaks to it: sandbox, or one of an installed package.",
        examples=["sandbox"],
        min_length=1,
        json_schema_extra={"expected": 'the type of an adapter, such as "sandbox"'},
    )
    channel: str = Field(
        description="The one channel that it sends on, as facts.yaml names it.",
        examples=["sms"],
        min_length=1,
        json_schema_extra={"expected": 'the name of a channel, such as "sms"'},
    )
    rate: float = Field(
        0.0, ge=0, le=1_000_000, description="The most calls per second; 0 leaves it to what the adapter knows of it."
    )
    concurrency: int = Field(
        0, ge=0, le=10_000, description="The most calls under way at once; 0 leaves it to the adapter."
    )
    timeout_ms: int = Field(
        0,
        ge=0,
        le=600_000,
        description="How long a call may take, in milliseconds; 0 leaves it to the adapter.",
    )
    options: Mapping[str, Any] = Field(
        default_factory=dict,
        description="What else the adapter has to know.",
        json_schema_extra={"expected": "a table with what the adapter has to know"},
    )


PROVIDER_NAME: Final = r"^[a-z0-9][a-z0-9_-]{0,62}$"

ProviderName = Annotated[
    str, Field(pattern=PROVIDER_NAME, description='Small letters, digits, "-" and "_"; at most 63.')
]


class Config(Section):
    """The whole of the settings; `Config()` is the default."""

    server: ServerSettings = ServerSettings()
    rules: RulesSettings = RulesSettings()
    data: DataSettings = DataSettings()
    state: StateSettings = StateSettings()
    records: RecordsSettings = RecordsSettings()
    clock: ClockSettings = ClockSettings()
    worker: WorkerSettings = WorkerSettings()
    breaker: BreakerSettings = BreakerSettings()
    providers: Mapping[ProviderName, ProviderSettings] = Field(default_factory=dict)
    sandbox: SandboxSettings = SandboxSettings()
    time: TimeSettings = TimeSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    log: LogSettings = LogSettings()
