"""The rules of overrides find their places among the common ones.

Everything becomes ordinary rules. A rule of an override gets its messages as a guard before its condition, and the
common rule it replaces gets the opposite. Of several overrides for one message the most particular wins: a tenant's
line, then the line, then the tenant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from engine.ruleset.condition_text import ConditionText
from engine.ruleset.drafts import Condition, Draft, Guard
from engine.ruleset.effects import FAMILIES
from engine.ruleset.expressions import parse_condition
from engine.ruleset.grammar import MAX_WRITTEN_OUT
from engine.ruleset.issues import Issues, Related
from engine.ruleset.names import Names, Room
from engine.ruleset.override_form import Overrides, Taken
from engine.ruleset.scalars import closest, shorten
from engine.ruleset.tables import Table
from engine.ruleset.written_out import has_room, written_out


def put_together(drafts: Sequence[Draft], overrides: Overrides, ids: Iterable[str], issues: Issues) -> list[Draft]:
    """Bring all rules into their order and give them their guards; what cannot be done is an issue.

    In each family the rules of overrides that replace none come first, the most particular before the others and those
    of one rank by file; what replaces a common rule or table stands right before it. `ids` are all that the version
    has, those of broken rules too.
    """
    drafts = [draft for draft in drafts if draft.guard is None or draft.guard.texts]
    if not any(draft.guard for draft in drafts) and not overrides.taken:
        return drafts
    common = _Common.of(drafts, {*ids, *overrides.named})
    takers = _takers(common, overrides, issues)
    special = sorted((draft for draft in drafts if draft.guard is not None), key=_rank)
    instead: dict[str, list[Draft]] = {}
    for draft in special:
        instead.setdefault(common.first(draft.replaces), []).append(draft)
    made: list[Draft] = []
    for family in FAMILIES:
        made += [draft for draft in instead.get("", ()) if draft.family == family]
        for draft in drafts:
            if draft.guard is None and draft.family == family:
                made += [*instead.get(draft.id, ()), draft]
    return [guarded for draft in made if (guarded := _guarded(draft, takers, issues)) is not None]


def _rank(draft: Draft) -> tuple[int, str]:
    assert draft.guard is not None, "asked of rules of overrides"
    return draft.guard.level, draft.guard.file


def _takers(common: _Common, overrides: Overrides, issues: Issues) -> dict[str, list[Guard]]:
    """Gather which overrides take messages from a common rule, or from all rows of a table, most particular first."""
    takers: dict[str, dict[str, Taken]] = {}
    for taken in overrides.taken:
        if common.holds(taken, issues):
            found = [takers.setdefault(rule.id, {}) for rule in common.groups[taken.id]]
            if all(_agree(taken, others.values(), issues) for others in found):
                for others in found:
                    others.setdefault(taken.guard.file, taken)
    guards = {rule: [one.guard for one in found.values()] for rule, found in takers.items()}
    for name in {taken.id for taken in overrides.taken} & common.groups.keys() - takers.keys():
        first, *rest = (takers.get(rule.id, {}) for rule in common.groups[name])
        guards[name] = [one.guard for file, one in first.items() if all(file in other for other in rest)]
    return {name: sorted(found, key=lambda guard: (guard.level, guard.file)) for name, found in guards.items()}


@dataclass(frozen=True, slots=True)
class _Common:
    """The common rules by what an override may name: a rule, or a decision table with the rules that are its rows.

    `special` are the rules of overrides by id; `ids` are those of all rules, broken ones too.
    """

    groups: Mapping[str, list[Draft]]
    special: Mapping[str, Draft]
    ids: set[str]

    @classmethod
    def of(cls, drafts: Iterable[Draft], ids: set[str]) -> _Common:
        """Sort the rules that were read."""
        groups: dict[str, list[Draft]] = {}
        special: dict[str, Draft] = {}
        for draft in drafts:
            if draft.guard is not None:
                special[draft.id] = draft
                continue
            groups[draft.id] = [draft]
            if draft.row is not None:
                groups.setdefault(draft.row.table, []).append(draft)
        return cls(groups, special, ids)

    def first(self, named: str) -> str:
        """Return the id of the rule that an override names, or of the first row of the table; empty if it is none."""
        return self.groups[named][0].id if named in self.groups else ""

    def holds(self, taken: Taken, issues: Issues) -> bool:
        """Tell whether what an override names is a common rule of the family; else say what it is."""
        shown, place = shorten(taken.id), taken.node.span
        found = self.groups[taken.id][0] if taken.id in self.groups else None
        if found is not None and found.family == taken.family:
            return True
        if found is not None:
            text = f'"{shown}" is a rule of the family {found.family}, and these are {taken.family} rules'
            issues.error("wrong-family", place, text, f"move the entry to {found.family}:")
        elif taken.id in self.special:
            file = self.special[taken.id].place.source.name
            text = f'"{shown}" is a rule of {file}: only common rules can be replaced'
            issues.error("unknown-rule", place, text, "name the common rule: the most particular override wins")
        elif taken.id not in self.ids:
            near = closest(taken.id, [name for name, rules in self.groups.items() if rules[0].family == taken.family])
            hint = f'did you mean "{near}"?' if near else f"name a rule of {taken.family}.yaml by its id"
            issues.error("unknown-rule", place, f'there is no common rule "{shown}"', hint)
        return False


def _agree(taken: Taken, others: Iterable[Taken], issues: Issues) -> bool:
    """Tell whether it is clear who takes a message from a common rule."""
    for other in others:
        same_file = other.guard is taken.guard
        if same_file and not (taken.removed or other.removed):
            continue  # several rules may stand in the place of one
        if same_file or (other.guard.level == taken.guard.level and other.guard.meets(taken.guard)):
            did = "removed" if other.removed else "replaced"
            text = f'"{shorten(taken.id)}" is {did} already for some of these messages'
            hint = "keep one of the two" if same_file else "put both into one file, or let each be for other messages"
            related = [Related.at(other.node.span, f"{did} here")]
            issues.error("override-conflict", taken.node.span, text, hint, related=related)
            return False
    return True


def _guarded(draft: Draft, takers: Mapping[str, Sequence[Guard]], issues: Issues) -> Draft | None:
    """Put the guards of a rule before its condition: for which messages it is, and for which another is.

    The other ones are, for a common rule, all that take messages from it; for one that replaces such a rule, the more
    particular of them. None if the guards are wrong, as when they name a line that there is not.
    """
    own = draft.guard
    if own is None:
        guards, others = [], list(takers.get(draft.id, ()))
    else:
        found = takers.get(draft.replaces, ())
        guards, others = [_whole(own)], [guard for guard in found if guard.level < own.level and guard.meets(own)]
    guards += [ConditionText.joined(["!(", _whole(guard), ")"]) for guard in others]
    if not guards:
        return draft
    written = None if draft.condition is None else draft.condition.text
    text = _behind(guards, written).about(draft.place if written is None else written.whole)
    condition = _read(text, draft.names, issues)
    return None if condition is None else replace(draft, condition=condition, own=draft.condition, guards=tuple(guards))


def guard_tables(tables: Iterable[Table], drafts: Iterable[Draft]) -> tuple[Table, ...]:
    """Give tables the guards that all their rows have: their `when:` says which messages they are for."""
    rows: dict[str, list[Draft]] = {}
    for draft in drafts:
        if draft.row is not None:
            rows.setdefault(draft.row.table, []).append(draft)
    return tuple(_guarded_table(table, rows.get(table.id, [])) for table in tables)


def _guarded_table(table: Table, rows: Sequence[Draft]) -> Table:
    guards = [guard for guard in rows[0].guards if all(guard in row.guards for row in rows)] if rows else []
    if not guards:
        return table
    names = replace(rows[0].names, room=Room())  # each row has taken its own
    own = None if table.condition is None else written_out(table.condition, names, Issues())
    text = _behind(guards, own)
    expr = parse_condition(text.text, text.place, names, Issues(), MAX_WRITTEN_OUT)
    return table if expr is None else replace(table, condition=text, guard=expr)


def _behind(guards: Sequence[ConditionText], own: ConditionText | None) -> ConditionText:
    """Put guards before a condition."""
    brackets = [] if own is None else [ConditionText.joined(["(", own, ")"])]
    return ConditionText.joined(_between([*guards, *brackets]))


def _whole(guard: Guard) -> ConditionText:
    return ConditionText.joined(_between([guard.texts[name] for name in ("tenant", "line") if name in guard.texts]))


def _between(parts: Sequence[ConditionText]) -> Iterator[ConditionText | str]:
    for at, part in enumerate(parts):
        if at:
            yield " && "
        yield part


def _read(text: ConditionText, names: Names, issues: Issues) -> Condition | None:
    if len(text.text) > MAX_WRITTEN_OUT:
        found = f"with the guards of overrides the condition has {len(text.text):,} characters"
        hint = "let fewer overrides replace the rule, or make several of one that is for very many"
        issues.error("too-large", text.whole, f"{found}; at most {MAX_WRITTEN_OUT:,} are allowed", hint)
        return None
    if not has_room(len(text.text), text.whole, names, issues):
        return None
    expr = parse_condition(text.text, text.place, names, issues, MAX_WRITTEN_OUT)
    return None if expr is None else Condition(text, expr)
