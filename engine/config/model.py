"""Every setting there is: its name, type, bounds, default and meaning.

This is the only place where a setting is described. The commented settings file (`template.py`), the error messages
(`load.py`) and the names of the environment variables are made from it, so they cannot go stale. A key stands here
only if it does something.
"""

from __future__ import annotations

import difflib
import zoneinfo
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator


def _path(value: object) -> object:
    """Files and variables write a path as text; nothing and a zero byte name no folder."""
    return Path(value) if isinstance(value, str) and value and "\0" not in value else value


Folder = Annotated[Path, BeforeValidator(_path), Field(json_schema_extra={"expected": "the path of a folder"})]
"""A path; one that is written in the settings file and is relative counts from the file's own folder."""


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
        description="The most messages one EvaluateBatch may hold; a larger one is answered with RESOURCE_EXHAUSTED.",
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


class Config(Section):
    """The whole of the settings; `Config()` is the default."""

    server: ServerSettings = ServerSettings()
    rules: RulesSettings = RulesSettings()
    data: DataSettings = DataSettings()
    time: TimeSettings = TimeSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    log: LogSettings = LogSettings()
