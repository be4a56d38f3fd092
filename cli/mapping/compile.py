"""A mapping file to an EventMap: read, named, every condition and template given its meaning, or said what is wrong.

Problems are collected, so that one run reports all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path as FilePath
from typing import Final
from zoneinfo import ZoneInfo

from cli.mapping.check_names import check_names
from cli.mapping.clock import Clock, Spread
from cli.mapping.conditions import read_condition
from cli.mapping.forms import MapForm, MessageForm
from cli.mapping.model import (
    Binding,
    BreakerTime,
    Condition,
    EventMap,
    Join,
    MessageKind,
    OptOut,
    Table,
    Tag,
    UserMap,
)
from cli.mapping.names import ROW, name_everything, slot_of
from cli.mapping.places import Document, Path
from cli.mapping.problems import MapRefused
from cli.mapping.templates import Template, read_template
from engine.ruleset.documents import Scalar, read_yaml
from engine.ruleset.facts_schema import FactsSchema
from engine.ruleset.files import decode
from engine.ruleset.issues import Issue, Issues, did_you_mean
from engine.ruleset.reading import read
from engine.ruleset.source import Source, Span
from signalbox.v1 import message_pb2, state_pb2

_MESSAGE_FIELDS: Final = ("line", "scene", "campaign", "owner", "department", "conversion_goal")
_CONTENT_FIELDS: Final = ("title", "text", "html", "url")


def load_map(path: FilePath) -> EventMap:
    """Read and check a mapping file. Raises MapRefused with everything that is wrong, OSError if it cannot be read."""
    issues = Issues()
    source = decode(path.name, path.read_bytes(), issues)
    if source is None:
        raise MapRefused(issues.sorted())
    return compile_map(source, path.parent)


def compile_map(source: Source, folder: FilePath) -> EventMap:
    """Turn a mapping file's text into a map; joined files are looked for from `folder`. Raises MapRefused."""
    issues = Issues()
    root = read_yaml(source, issues)
    if root is None:
        raise MapRefused(tuple(_of_a_map(issue) for issue in issues.sorted()))
    form, document = read(root, MapForm, "a map", issues), Document(root, issues)
    if form is None:
        check_names(document)
        raise MapRefused(issues.sorted())
    made = _Compiler(form, document, folder).run()
    if issues.has_errors:
        raise MapRefused(issues.sorted())
    return made


def _of_a_map(issue: Issue) -> Issue:
    """Rule files are read by the same reader, whose hint for an empty one names their specification."""
    return replace(issue, hint=issue.hint.replace("docs/rules.md", "docs/maps.md"))


@dataclass
class _Compiler:
    """One pass over a form; the order of the methods is the order of the file."""

    form: MapForm
    document: Document
    folder: FilePath

    def run(self) -> EventMap:
        """Give everything its meaning; what is wrong is in the document's issues."""
        schema, tables, shares = name_everything(self.form, self.document)
        self.schema: FactsSchema = schema
        return EventMap(
            tenant=self.form.tenant,
            source=tables[ROW],
            joins=tuple(self._joins(tables)),
            shares=shares,
            size=schema.size,
            clock=self._clock(),
            user=self._user(),
            kinds=tuple(self._kinds()),
            accounts=self._accounts(),
            breakers=self._breakers(),
            channels=tuple(self._channels()),
            warnings=self.document.issues.sorted(),
        )

    def _condition(self, *path: str | int) -> Condition | None:
        node = self.document.text(*path)
        return None if node is None else read_condition(node, self.schema, self.document.issues)

    def _template(self, *path: str | int) -> Template | None:
        node = self.document.node(*path)
        return read_template(node, self.schema, self.document.issues) if isinstance(node, Scalar) else None

    def _templates(self, *path: str | int) -> Iterator[Template]:
        node = self.document.node(*path)
        for item in (node,) if isinstance(node, Scalar) else getattr(node, "items", ()):
            if isinstance(item, Scalar) and (made := read_template(item, self.schema, self.document.issues)):
                yield made

    def _fields(
        self, names: Mapping[str, object] | tuple[str, ...], *path: str | int
    ) -> tuple[tuple[str, Template], ...]:
        """Read the templates of those fields that are there."""
        made = ((name, self._template(*path, name)) for name in names)
        return tuple((name, template) for name, template in made if template is not None)

    def _joins(self, tables: dict[str, Table]) -> Iterator[Join]:
        for name, form in self.form.joins.items():
            if name not in tables:
                continue
            columns = [column.name for column in tables[name].columns]
            key = []
            for column in form.key:
                path: Path = ("joins", name, "key", column)
                if column not in columns:
                    hint = did_you_mean(column, columns) or "list it under the join's columns"
                    self.document.key_error("unknown-name", path, f'"{name}" has no column "{column[:60]}"', hint)
                    continue
                key.append((columns.index(column), slot_of(self.document, self.schema, path, roots=(ROW,))))
            where = self._condition("joins", name, "where")
            yield Join(name, tables[name], self.folder / form.file, tuple(key), where)

    def _clock(self) -> Clock:
        time = self.form.time
        date = slot_of(self.document, self.schema, ("time", "date"), roots=(ROW,))
        columns = self.form.source.columns
        if date >= 0 and list(columns.values())[date].type != "date":
            self.document.error("wrong-type", ("time", "date"), "this column is no date", "give it type: date")
        key = slot_of(self.document, self.schema, ("time", "key"), roots=(ROW,))
        return Clock(time.zone, date, key, {name: Spread(name, *part) for name, part in time.spreads.items()})

    def _user(self) -> UserMap:
        form = self.form.user
        return UserMap(
            ids=tuple(self._templates("user", "id")),
            known=self._condition("user", "known"),
            zone=self._template("user", "zone"),
            language=self._template("user", "language"),
            tags=tuple(Tag(tag, self._condition("user", "tags", tag)) for tag in form.tags),
            attributes=self._fields(form.attributes, "user", "attributes"),
            bindings=tuple(self._bindings()),
            opt_outs=tuple(
                OptOut(
                    state_pb2.OptOut(channel=out.channel or "", category=f"CATEGORY_{out.category}"),
                    self._condition("user", "opt_outs", i, "when"),
                )
                for i, out in enumerate(form.opt_outs)
            ),
        )

    def _bindings(self) -> Iterator[Binding]:
        for i, form in enumerate(self.form.user.bindings):
            value = self._template("user", "bindings", i, "value")
            when = self._condition("user", "bindings", i, "when")
            if value is not None:
                yield Binding(form.channel, value, when)

    def _kinds(self) -> Iterator[MessageKind]:
        names: set[str] = set()
        for i, form in enumerate(self.form.messages):
            path = ("messages", i)
            if form.name in names:
                self.document.error("duplicate-name", (*path, "name"), f'there are two messages "{form.name}"')
            names.add(form.name)
            spread, shift_ms = form.at
            if spread not in self.form.time.spreads:
                hint = did_you_mean(spread, self.form.time.spreads) or "time.spreads lists them"
                self.document.error("unknown-name", (*path, "at"), f'there is no spread "{spread}"', hint)
            if (form.content is None) == (form.template is None):
                text = "a message has either a content or a template"
                self.document.error("missing-field", (*path, "name"), text, "add content: {text: …}")
            yield self._kind(form, spread, shift_ms, *path)

    def _kind(self, form: MessageForm, spread: str, shift_ms: int, *path: str | int) -> MessageKind:
        base = message_pb2.Message(tenant=self.form.tenant, category=f"CATEGORY_{form.category}")
        if form.priority:
            base.priority = f"PRIORITY_{form.priority}"  # type: ignore[assignment]
        if form.template:
            base.template.id = form.template
        if form.wishes:
            base.wishes.channels.extend(form.wishes.channels)
            if form.wishes.strategy:
                base.wishes.strategy = f"STRATEGY_{form.wishes.strategy}"  # type: ignore[assignment]
        fields = _settle(base, self._fields(_MESSAGE_FIELDS, *path))
        content = _settle(base.content, self._fields(_CONTENT_FIELDS, *path, "content")) if form.content else ()
        return MessageKind(
            name=form.name,
            when=self._condition(*path, "when"),
            spread=spread,
            shift_ms=shift_ms,
            base=base,
            fields=fields,
            content=content,
            params=self._fields(form.params, *path, "params"),
            send_after_ms=form.send_after or 0,
            expire_after_ms=form.expire_after or 0,
        )

    def _accounts(self) -> dict[str, state_pb2.Account] | None:
        if self.form.accounts is None:
            return None
        tenant = self.form.tenant
        return {
            name: state_pb2.Account(tenant=tenant, name=name, unit=form.unit, left_micros=form.left)
            for name, form in self.form.accounts.items()
        }

    def _breakers(self) -> tuple[BreakerTime, ...] | None:
        if self.form.breakers is None:
            return None
        made = []
        for i, form in enumerate(self.form.breakers):
            since, until = (self._moment("breakers", i, field) for field in ("since", "until"))
            if since >= until > 0:
                self.document.error("wrong-value", ("breakers", i, "until"), "it ends before it begins")
            state = state_pb2.BreakerState.Value(f"BREAKER_STATE_{form.state}")
            made.append(BreakerTime(form.channel or "", state, since, until))
        return tuple(made)

    def _channels(self) -> Iterator[tuple[str, Span]]:
        """Give every channel that the map names, with its place."""
        form = self.form
        paths: list[Path] = [("user", "bindings", i, "channel") for i in range(len(form.user.bindings))]
        paths += [("user", "opt_outs", i, "channel") for i in range(len(form.user.opt_outs))]
        for i, kind in enumerate(form.messages):
            wished = kind.wishes.channels if kind.wishes else ()
            paths += [("messages", i, "wishes", "channels", j) for j in range(len(wished))]
        paths += [("breakers", i, "channel") for i in range(len(form.breakers or ()))]
        for path in paths:
            node = self.document.node(*path)
            if isinstance(node, Scalar):
                yield node.text, node.span

    def _moment(self, *path: str | int) -> int:
        node = self.document.text(*path)
        try:
            moment = datetime.fromisoformat(node.text.strip() if node else "")
        except ValueError:
            self.document.error("wrong-value", path, "expected a day and a time such as 1993-09-14T08:00")
            return 0
        local = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(self.form.time.zone))
        return int(local.timestamp() * 1000)


def _settle(
    message: message_pb2.Message | message_pb2.Content, fields: tuple[tuple[str, Template], ...]
) -> tuple[tuple[str, Template], ...]:
    """Write what never changes into the message and return the rest."""
    for name, template in fields:
        if template.constant is not None:
            setattr(message, name, template.constant)
    return tuple((name, template) for name, template in fields if template.constant is None)
