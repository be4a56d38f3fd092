"""Who a row is about: the user's id, and the user as the server is to see them at that moment.

A row can change what a user is (a balance makes them high-value), so a user is made for each row; equal ones are one
object, so that whoever collects a batch can tell by identity whether a user has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cli.mapping.model import Condition, EventMap
from cli.mapping.templates import GapEmpty, Template
from signalbox.v1 import state_pb2

_REMEMBERED: Final = 50_000
"""Users kept as made; beyond it all are forgotten and made again."""


class People:
    """Makes users from rows."""

    def __init__(self, event_map: EventMap) -> None:
        self._tenant = event_map.tenant
        self._plan = event_map.user
        self._known: dict[tuple[object, ...], state_pb2.User] = {}

    def id_of(self, values: Sequence[Any]) -> str:
        """Return the user's id: the first template that can be filled in. Raises GapEmpty."""
        *firsts, last = self._plan.ids
        for template in firsts:
            try:
                return template(values)
            except GapEmpty:
                continue
        return last(values)

    def user(self, user_id: str, values: Sequence[Any]) -> state_pb2.User | None:
        """Return the user as of this row, or None for somebody the map does not know."""
        plan = self._plan
        if plan.known is not None and not plan.known(values):
            return None
        # What is not there is left out: a binding without an address is no binding.
        zone, language = _filled(plan.zone, values), _filled(plan.language, values)
        tags = [tag.tag for tag in plan.tags if _holds(tag.when, values)]
        attributes = [(name, _value(template, values)) for name, template in plan.attributes]
        bindings = [(b.channel, _filled(b.value, values)) for b in plan.bindings if _holds(b.when, values)]
        outs = [i for i, out in enumerate(plan.opt_outs) if _holds(out.when, values)]
        key = (user_id, zone, language, *tags, 0, *attributes, 0, *bindings, 0, *outs)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            user = state_pb2.User(tenant=self._tenant, user_id=user_id, tags=tags, zone=zone, language=language)
            for name, value in attributes:
                if value is not None:
                    user.attributes[name] = value
            user.bindings.extend(state_pb2.Binding(channel=c, value=v) for c, v in bindings if v)
            user.opt_outs.extend(plan.opt_outs[i].wire for i in outs)
            self._known[key] = known = user
        return known


def _holds(when: Condition | None, values: Sequence[Any]) -> bool:
    return when is None or when(values)


def _filled(template: Template | None, values: Sequence[Any]) -> str:
    try:
        return template(values) if template is not None else ""
    except GapEmpty:
        return ""


def _value(template: Template, values: Sequence[Any]) -> Any:
    return values[template.slot] if template.slot is not None else _filled(template, values)
