"""From the settings' providers to adapters: which types there are, and which adapters serve a channel.

A type is known from the table here or from an installed package with an entry point of the group `signalbox.adapters`:

    [project.entry-points."signalbox.adapters"]
    acme-sms = "acme_signalbox:build"

`build` is an `AdapterFactory`. A name of our own table always means ours.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from pydantic import ValidationError

from adapters.base import Adapter, AdapterFactory, ProviderSpec, ReceiptSink, Surroundings
from adapters.sandbox.adapter import build as build_sandbox
from engine.errors import ConfigurationError

log = logging.getLogger(__name__)

GROUP: Final = "signalbox.adapters"

SIMULATED: Final = "sandbox"
"""The type of a provider that reaches nobody."""

TYPES: Final[Mapping[str, AdapterFactory]] = {SIMULATED: build_sandbox}
"""The types that come with Signalbox."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class Providers:
    """The adapters of all providers, by name, in the order of the settings."""

    def __init__(self, adapters: Iterable[Adapter]) -> None:
        self._by_name = {adapter.name: adapter for adapter in adapters}

    @classmethod
    def build(cls, specs: Iterable[ProviderSpec], surroundings: Surroundings) -> Providers:
        """Make the adapter of each provider; nothing is connected yet.

        Raises ConfigurationError naming the provider, what is wrong with it and, for a type, what was perhaps meant.
        """
        return cls([_build(spec, surroundings) for spec in specs])

    def __iter__(self) -> Iterator[Adapter]:
        return iter(self._by_name.values())

    def get(self, name: str) -> Adapter | None:
        """Return the adapter of the provider with this name, or None."""
        return self._by_name.get(name)

    def of(self, channel: str, named: Sequence[str] = ()) -> list[Adapter]:
        """Return the adapters that may serve a step on this channel, in the order in which they are to be tried.

        Those that the rule named, in its order; else all of the channel, in the order of the settings. A named one that
        does not exist, or serves another channel, is left out.
        """
        asked = [self._by_name[name] for name in named if name in self._by_name] if named else self
        return [adapter for adapter in asked if adapter.channel == channel]

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that somebody serves, each once, in the order of the settings."""
        return tuple(dict.fromkeys(adapter.channel for adapter in self))

    @property
    def all_simulated(self) -> bool:
        """Does none of them reach anybody? Only then the messages' own clock may be used."""
        return all(adapter.traits.simulated for adapter in self)

    async def start(self, receipts: ReceiptSink) -> None:
        """Start all, or none: when one raises, those started are stopped again and its error goes on."""
        try:
            for adapter in self:
                await adapter.start(receipts)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop all, the last first; one that fails to stop is logged and does not keep the others."""
        for adapter in reversed(self._by_name.values()):
            try:
                await adapter.stop()
            except Exception:
                log.exception("the provider %s did not stop cleanly", adapter.name)


def simulated_specs(
    channels: Iterable[str], named: Iterable[tuple[str, str]], settings: Mapping[str, Any]
) -> list[ProviderSpec]:
    """Describe simulated providers for all channels: the `named` (provider, channel), else one for the channel."""
    wanted = set(named)
    unnamed = set(channels) - {channel for _name, channel in wanted}
    wanted |= {(f"{SIMULATED}-{channel}".lower(), channel) for channel in unnamed}
    return [ProviderSpec(name, SIMULATED, channel, settings) for name, channel in sorted(wanted)]


def known_types() -> list[str]:
    """Return the names of all types that can be used, sorted."""
    return sorted({*TYPES, *(entry.name for entry in entry_points(group=GROUP))})


def _build(spec: ProviderSpec, surroundings: Surroundings) -> Adapter:
    if not _NAME.fullmatch(spec.name):
        raise ConfigurationError(
            f'provider "{spec.name}": a name has up to 63 small letters, digits, "-" and "_", and begins with one of '
            "the first two"
        )
    try:
        return _factory(spec)(spec, surroundings)
    except ConfigurationError as error:
        raise ConfigurationError(f"provider {spec.name}: {error}") from error
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"provider {spec.name}: {found}") from error


def _factory(spec: ProviderSpec) -> AdapterFactory:
    if spec.type in TYPES:
        return TYPES[spec.type]
    for entry in entry_points(group=GROUP):
        if entry.name == spec.type:
            return _load(entry)
    names = known_types()
    near = get_close_matches(spec.type, names, n=1)
    hint = f'did you mean "{near[0]}"?' if near else f"the types are {', '.join(names)}"
    raise ConfigurationError(f'"{spec.type}" is no type of provider; {hint}')


def _load(entry: EntryPoint) -> AdapterFactory:
    try:
        factory: AdapterFactory = entry.load()
    except Exception as error:  # whatever somebody else's module does when it is imported
        raise ConfigurationError(f'the type "{entry.name}" ({entry.value}) cannot be loaded: {error}') from error
    return factory
