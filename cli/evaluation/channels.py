"""The channels that a map names, held against those that the rules know: a misspelt one would reach nobody."""

from __future__ import annotations

from pathlib import Path

from cli.mapping.model import EventMap
from engine.flow.folder import read_folder, read_rollout
from engine.ruleset.documents import read_yaml
from engine.ruleset.facts_schema import FactsSchema
from engine.ruleset.files import FACTS, decode
from engine.ruleset.issues import Issue, Issues, did_you_mean


def known_channels(rules: Path) -> tuple[str, ...]:
    """Return the channels that the rules in a folder declare; none where that cannot be read, which a server tells."""
    folder = rules
    if (rules / "rollout.yaml").is_file():
        stable = read_rollout(rules / "rollout.yaml").stable
        folder = rules / stable if stable is not None else rules
    content, issues = read_folder(folder.resolve()).files.get(FACTS), Issues()
    source = decode(FACTS, content, issues) if content is not None else None
    root = read_yaml(source, issues) if source is not None else None
    schema = FactsSchema.build(root, issues) if root is not None else None
    return () if schema is None else tuple(channel.name for channel in schema.channels)


def unknown_channels(event_map: EventMap, known: tuple[str, ...]) -> tuple[Issue, ...]:
    """Warn of every channel of the map that the rules do not declare; `known` is empty when nobody can tell."""
    issues = Issues()
    for name, span in event_map.channels if known else ():
        if name not in known:
            hint = did_you_mean(name, known) or f"they declare {', '.join(known)}"
            issues.warning("unknown-channel", span, f'the rules declare no channel "{name[:60]}"', hint)
    return issues.sorted()
