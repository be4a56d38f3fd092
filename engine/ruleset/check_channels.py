"""Whether facts.yaml declares the channels that a rule names."""

from __future__ import annotations

from collections.abc import Iterator

from engine.ruleset.documents import Mapping, Node, Scalar, Sequence
from engine.ruleset.facts_schema import FactsSchema
from engine.ruleset.files import FACTS
from engine.ruleset.issues import Issues
from engine.ruleset.scalars import did_you_mean, shorten

_CHANNEL_FIELDS = ("channel", "channels", "to", "otherwise", "concurrent", "supplement")


def check_channels(rule: Mapping, schema: FactsSchema, issues: Issues) -> None:
    """Refuse channels in the effect of a rule that are not declared."""
    known = tuple(channel.name for channel in schema.channels)
    effect = rule.get("then")
    for named in _channels_in(effect) if effect is not None else ():
        if named.text not in known:
            text = f'there is no channel "{shorten(named.text)}" in {FACTS}'
            issues.error("unknown-channel", named.span, text, did_you_mean(named.text, known))


def _channels_in(node: Node) -> Iterator[Scalar]:
    """Give every channel name that an effect holds."""
    if isinstance(node, Mapping):
        for key, value in node.entries:
            if key.text in _CHANNEL_FIELDS and isinstance(value, Scalar):
                if key.text != "otherwise":  # a limit's `otherwise: hold` is no channel; a route's is a list
                    yield value
            elif isinstance(value, Sequence) and key.text in _CHANNEL_FIELDS:
                yield from (item for item in value.items if isinstance(item, Scalar))
                yield from (name for item in value.items for name in _channels_in(item))
            elif isinstance(value, Mapping):
                yield from _channels_in(value)
