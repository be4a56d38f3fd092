"""The routes of a version held against the providers of a server's settings: who would send what they ask for?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from cli.problems import CannotStart
from engine.config import Config, load_config
from engine.config.load import FILE_VARIABLE
from engine.errors import ConfigurationError
from engine.ruleset.effects import ChannelChoice, Route
from engine.ruleset.issues import Issue, Issues, did_you_mean
from engine.ruleset.reading import point
from engine.ruleset.rules import Parsed, Rule
from engine.ruleset.source import Span

Providers = Mapping[str, str]
"""The channel of each provider. None at all means that every channel has a simulated one."""


def providers_of(file: Path | None) -> tuple[Providers, str]:
    """Read the providers of a settings file, and say in words whose they are.

    Without `file` the one that SIGNALBOX_CONFIG names, else the settings that a server has by itself. Raises
    CannotStart.
    """
    named = os.environ.get(FILE_VARIABLE, "")
    if file is None and named:
        file = Path(named)
    try:
        config: Config = load_config(file)
    except ConfigurationError as error:
        raise CannotStart(str(error)) from error
    providers = {name: one.channel for name, one in config.providers.items()}
    if file is None:
        return (
            providers,
            "a simulated one for every channel, as in a server without settings (--config FILE names some)",
        )
    return providers, f"those of {file}" if providers else f"none in {file}, so every channel has a simulated one"


def check_providers(parsed: Parsed, providers: Providers) -> tuple[Issue, ...]:
    """Warn of channels of routes that no provider serves, and of providers that a route names and nobody has."""
    issues = Issues()
    told: set[str] = set()
    for rule in parsed.rules if providers else ():
        for choice, path in _choices(rule):
            whole = parsed.places[rule.index].rule
            if choice.channel in providers.values():
                for number, name in enumerate(choice.providers):
                    _check_named(name, choice, providers, point(whole, (*path, "providers", number)), issues)
            elif choice.channel not in told:
                told.add(choice.channel)
                text = f'no provider of the settings serves "{choice.channel}", so a step on it fails'
                hint = f'set one up in a table [providers.<name>] with channel = "{choice.channel}"'
                issues.warning("unserved-channel", point(whole, path), text, hint)
    return issues.sorted()


def _check_named(name: str, choice: ChannelChoice, providers: Providers, place: Span, issues: Issues) -> None:
    serves = providers.get(name)
    if serves == choice.channel:
        return
    known = [other for other, channel in providers.items() if channel == choice.channel]
    hint = did_you_mean(name, known) or f"the settings have {', '.join(known)} for {choice.channel}"
    text = f'the settings have no provider "{name}"' if serves is None else f'the provider "{name}" serves "{serves}"'
    issues.warning("unknown-provider", place, f"{text}, so it is left out here", hint)


def _choices(rule: Rule) -> Iterator[tuple[ChannelChoice, tuple[str | int, ...]]]:
    """Give the channels of a route, each with its path below the rule."""
    route = rule.effect
    if not isinstance(route, Route):
        return
    for number, choice in enumerate(route.choices):
        if route.strategy != "DISTRIBUTION":
            yield choice, ("then", route.strategy.casefold(), number)
        elif number == 0:
            yield choice, ("then", "distribute", "to")
        else:
            yield choice, ("then", "distribute", "otherwise", number - 1)
