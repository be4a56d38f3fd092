"""From settings to adapters."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from adapters import registry
from adapters.base import ProviderSpec, Surroundings
from adapters.registry import Providers
from adapters.sandbox.adapter import SandboxAdapter, build
from engine.errors import ConfigurationError
from tests.adapters.making import Inbox, real_time

Installed = Callable[[str, str], None]


@pytest.fixture
def surroundings(tmp_path: Path) -> Surroundings:
    """Where the adapters live."""
    return real_time(tmp_path)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Installed:
    """Pretend that a package with one entry point is installed."""

    def install(name: str, value: str) -> None:
        entry = EntryPoint(name, value, registry.GROUP)
        monkeypatch.setattr(registry, "entry_points", lambda group: [entry] if group == registry.GROUP else [])

    return install


def spec(name: str, channel: str = "sms", type: str = "sandbox", **settings: object) -> ProviderSpec:  # noqa: A002
    """A provider's settings; `type` is called so there."""
    return ProviderSpec(name, type, channel, settings)


def problem(provider: ProviderSpec, surroundings: Surroundings) -> str:
    """What is said about wrong settings."""
    with pytest.raises(ConfigurationError) as error:
        Providers.build([provider], surroundings)
    return str(error.value)


def test_who_serves_a_channel(surroundings: Surroundings) -> None:
    """The rule's order counts, else that of the settings; another channel's and unknown providers are left out."""
    specs = [spec("carrier-a"), spec("push-a", "push"), spec("carrier-b")]
    providers = Providers.build(specs, surroundings)

    assert [a.name for a in providers.of("sms")] == ["carrier-a", "carrier-b"]
    assert [a.name for a in providers.of("sms", ["carrier-b", "push-a", "gone", "carrier-a"])] == [
        "carrier-b",
        "carrier-a",
    ]
    assert providers.of("mail") == []
    assert providers.channels == ("sms", "push")
    assert providers.all_simulated
    assert providers.get("gone") is None


@pytest.mark.parametrize(
    ("expected", "provider"),
    [
        ('provider a: "sandbx" is no type of provider; did you mean "sandbox"?', spec("a", type="sandbx")),
        ('provider a: "smtp" is no type of provider; the types are sandbox', spec("a", type="smtp")),
        (
            'provider "A/b": a name has up to 63 small letters, digits, "-" and "_", and begins with one of the first '
            "two",
            spec("A/b"),
        ),
        ("provider a: lots is no setting of the sandbox; did you mean lost?", spec("a", lots=0.1)),
        ("provider a: lost: Input should be less than or equal to 1", spec("a", lost=2)),
        (
            'provider a: profile: "ruff" is not known; the profiles are perfect, usual, rough',
            spec("a", profile="ruff"),
        ),
        ("provider a: log: the path of a file is expected", spec("a", log=3)),
        (
            "provider a: the type \"acme\" (acme_signalbox:build) cannot be loaded: No module named 'acme_signalbox'",
            spec("a", type="acme"),
        ),
    ],
)
def test_what_is_wrong_is_said(
    expected: str, provider: ProviderSpec, surroundings: Surroundings, installed: Installed
) -> None:
    """A wrong provider is refused with its name, what is wrong, and what was perhaps meant."""
    if provider.type == "acme":
        installed("acme", "acme_signalbox:build")

    assert expected == problem(provider, surroundings)


def test_a_package_brings_a_type(surroundings: Surroundings, installed: Installed) -> None:
    """An entry point of the group adds a type; one that is called like ours does not replace ours."""
    installed("acme-sms", f"{build.__module__}:build")
    provider = Providers.build([spec("a", type="acme-sms")], surroundings).get("a")
    names = registry.known_types()
    installed("sandbox", "acme_signalbox:build")
    ours = Providers.build([spec("a")], surroundings).get("a")

    assert isinstance(provider, SandboxAdapter)
    assert names == ["acme-sms", "sandbox"]
    assert isinstance(ours, SandboxAdapter)


async def test_all_start_or_none(surroundings: Surroundings, tmp_path: Path) -> None:
    """When one cannot start, those started are stopped again and it is said why."""
    (tmp_path / "a-file").touch()
    specs = [spec("carrier-a"), spec("carrier-b", log=str(tmp_path / "a-file" / "log"))]
    providers = Providers.build(specs, surroundings)

    with pytest.raises(ConfigurationError, match=r"the log .*a-file/log cannot be used: File exists"):
        await providers.start(Inbox())

    answer = await providers.of("sms")[0].query("x")
    assert answer is None
