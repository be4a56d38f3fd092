"""What an override file says: which messages it is for, its rules, and what it takes from the common rules.

for: {line: cards}
routing:
  - {id: cards-by-push, replaces: large-change-by-sms, then: {distribute: {to: push}}}
  - remove: all-sms-daily
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import Field, create_model

from engine.ruleset.condition_text import ConditionText
from engine.ruleset.documents import Mapping as Group
from engine.ruleset.documents import Node, Scalar
from engine.ruleset.documents import Sequence as Items
from engine.ruleset.drafts import Guard
from engine.ruleset.effects import FAMILIES
from engine.ruleset.issues import Issues
from engine.ruleset.printing import show_value
from engine.ruleset.reading import key_span, point, read
from engine.ruleset.scalars import Name, Text, closest, shorten
from engine.ruleset.syntax import Type
from engine.ruleset.written import Form, RuleForm

OVERRIDABLE: Final = tuple(family for family in FAMILIES if family != "breaker")
"""The families that judge messages; a window of a provider belongs to no line and no tenant."""
MOST_VALUES: Final = 200
"""Lines or tenants of one `for:`."""
LONGEST_VALUE: Final = 200
"""Characters of one of them."""

OverrideFile: Final = create_model(
    "OverrideFile",
    __base__=Form,
    __doc__="The top of an override. Its rules are read one by one, so that a bad one hides no other.",
    **{  # a mapping, since `for` is a word of Python
        "for": (Any, Field(description="the messages it is for, such as {line: cards}")),
        "doc": (Text, Field("", description="what the override is about, for people")),
        "define": (Any, Field(None, description="names for constants, lists and conditions of this file")),
        **{name: (Any, Field(None, description=f"its {name} rules")) for name in OVERRIDABLE},
    },  # type: ignore[call-overload]  # pydantic types each field as a keyword
)


class OverrideRule(RuleForm):
    """A rule of an override; `replaces` names the common rule in whose place it stands."""

    replaces: Name | None = Field(None, description="the id of the common rule in whose place it stands")


class Removal(Form):
    """An entry that takes a common rule away and puts none in its place."""

    remove: Name = Field(description="the id of the common rule that does not hold for these messages")
    doc: Text = Field("", description="why, for people")


@dataclass(frozen=True, slots=True)
class Taken:
    """A common rule that an override takes its messages from; `node` is where it names the rule."""

    family: str
    node: Scalar
    guard: Guard
    removed: bool

    @property
    def id(self) -> str:
        """The id of the common rule."""
        return self.node.text


@dataclass(slots=True)
class Overrides:
    """What the override files of a version take from the common rules; `named` are the ids that those have."""

    taken: list[Taken] = field(default_factory=list)
    named: set[str] = field(default_factory=set)

    def note_common(self, entry: Node) -> None:
        """Remember the id of a common rule or table, which may turn out to be broken."""
        node = entry.get("id") if isinstance(entry, Group) else None
        if isinstance(node, Scalar):
            self.named.add(node.text)

    def read_removal(self, entry: Group, issues: Issues) -> None:
        """Read an entry that only takes a rule away."""
        if any(entry.get(name) is not None for name in ("id", "replaces", "then")):
            text = "an entry with remove: takes a common rule away and puts none in its place"
            hint = "to put another rule in its place, write replaces: in the place of remove:"
            issues.error("unknown-field", key_span(entry, "remove") or point(entry), text, hint)
        else:
            read(entry, Removal, "a removal", issues)

    def note(self, family: str, entry: Node, guard: Guard) -> None:
        """Remember what an entry replaces or removes."""
        for name in ("replaces", "remove"):
            node = entry.get(name) if isinstance(entry, Group) else None
            if isinstance(node, Scalar) and node.text and guard.texts:
                self.taken.append(Taken(family, node, guard, name == "remove"))


def read_guard(tree: Group, file: str, issues: Issues) -> Guard | None:
    """Read the `for:` of an override; None and an issue if it does not say which messages it is for."""
    node = tree.get("for")
    if node is None:
        return None  # told as a missing field
    key = key_span(tree, "for")
    if not isinstance(node, Group) or not node.entries:
        text = '"for": expected which messages the override is for'
        issues.error("wrong-type", point(node, (), key), text, "write for: {line: cards}, {tenant: acme} or both")
        return None
    texts: dict[str, ConditionText] = {}
    values: dict[str, frozenset[str]] = {"tenant": frozenset(), "line": frozenset()}
    found = Issues()
    for name, value in node.entries:
        cells = _cells(value)
        if name.text not in values:
            near = closest(name.text, values)
            hint = f'did you mean "{near}"?' if near else "an override is for a line, a tenant or both"
            found.error("unknown-field", name.span, f'"for" has no field "{shorten(name.text)}"', hint)
        elif _are_good(name, value, cells, found):
            values[name.text] = frozenset(cell.text for cell in cells)
            texts[name.text] = _text(f"message.{name.text}", cells)
    issues.extend(found.sorted())
    return None if found.has_errors else Guard(file, values["tenant"], values["line"], texts)


def _cells(value: Node) -> list[Scalar]:
    nodes: Sequence[Node] = value.items if isinstance(value, Items) else (value,)
    return [node for node in nodes if isinstance(node, Scalar) and node.text.strip() and node.value() is not None]


def _are_good(name: Scalar, value: Node, cells: list[Scalar], issues: Issues) -> bool:
    wanted = len(value.items) if isinstance(value, Items) else 1
    long = next((cell for cell in cells if len(cell.text) > LONGEST_VALUE), None)
    twice = next((cell for at, cell in enumerate(cells) if cell.text in {c.text for c in cells[:at]}), None)
    if wanted > MOST_VALUES:
        text = f"{wanted:,} values; at most {MOST_VALUES} are allowed"
        issues.error("too-large", point(value, (), name.span), text, "make several files of it")
    elif not cells or len(cells) < wanted:
        text = f'"{name.text}": expected a text or a list of texts'
        issues.error("wrong-type", point(value, (), name.span), text, f"write {name.text}: cards, or [cards, loans]")
    elif long is not None:
        text = f"a text of {len(long.text):,} characters; at most {LONGEST_VALUE} are allowed"
        issues.error("too-long", long.span, text, "is this the right file?")
    elif twice is not None:
        text = f'"{shorten(twice.text)}" stands here twice'
        issues.error("duplicate-value", twice.span, text, "remove one of the two")
    else:
        return True
    return False


def _text(fact: str, cells: list[Scalar]) -> ConditionText:
    """Write `fact == "a"` or `fact in ["a", "b"]`; each value stands in the `for:`."""
    values = [ConditionText.made(show_value(cell.text, Type.STRING), cell) for cell in cells]
    if len(values) == 1:
        return ConditionText.joined([f"{fact} == ", values[0]])
    parts: list[ConditionText | str] = [part for value in values for part in (", ", value)]
    return ConditionText.joined([f"{fact} in [", *parts[1:], "]"])


def refuse_breakers(tree: Group, issues: Issues) -> bool:
    """Refuse breaker rules in an override; True if there are some."""
    key = key_span(tree, "breaker")
    if key is not None:
        text = "a breaker rule judges a window, which belongs to no line and no tenant"
        issues.error("wrong-family", key, text, "write it in breaker.yaml")
    return key is not None
