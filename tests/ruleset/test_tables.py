"""Decision tables: what a cell means, that a row is the rule one would write by hand, and what is kept of a table."""

from __future__ import annotations

import textwrap
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.decision.model import Decision, Message
from engine.ruleset.check import check
from engine.ruleset.effects import Limit, Route
from engine.ruleset.facts_schema import Scope
from engine.ruleset.interpreter import holds
from engine.ruleset.issues import render
from engine.ruleset.parse import parse_version
from engine.ruleset.printing import show
from engine.ruleset.rules import Parsed
from engine.ruleset.tables import ColumnKind
from tests.decision.rulesets import channels, decide, message, refusals, ruleset, session
from tests.ruleset.strategies import FACTS_YAML, random_facts
from tests.ruleset.test_parse import assert_explained

DEFAULT = "  - {id: default, then: {distribute: {to: push}}}\n"


def version(routing: str, facts: str = FACTS_YAML, **files: str | bytes) -> dict[str, bytes]:
    """Return a version with these routing rules; a keyword is the name of a table's file, or of a family."""
    made: dict[str, str | bytes] = {"facts.yaml": facts, "routing.yaml": f"family: routing\nrules:\n{routing}{DEFAULT}"}
    made |= {f"{family}.yaml": f"family: {family}\nrules: []\n" for family in FAMILIES}
    made["lists/forbidden.txt"] = "casino\t9\n"
    for name, text in files.items():
        made[f"{name}.yaml" if name in FAMILIES else f"tables/{name.replace('_', '-')}.csv"] = text
    return {name: text.encode() if isinstance(text, str) else text for name, text in made.items()}


FAMILIES = ("interception", "fatigue", "budget", "breaker")


def parsed(routing: str, **files: str | bytes) -> Parsed:
    """Parse and check that version, which must be good."""
    found = check(parse_version("1.0", version(routing, **files)))
    assert not found.has_errors, render(found.issues, color=False)
    return found


def quoted(text: str) -> str:
    """Write a text as YAML in single quotes."""
    return "'" + text.replace("'", "''") + "'"


def condition(column: str, cell: str) -> str:
    """Return the condition that one cell makes, as CEL; `always` for none."""
    rows = f"[[{quoted(cell)}, sms]]"
    entry = f"  - {{id: t, table: {{columns: [{quoted(column)}, then.distribute.to], rows: {rows}}}}}\n"
    # The row may hold always or never here, which the check would refuse.
    found = parse_version("1.0", version(entry))
    assert not found.has_errors, render(found.issues, color=False)
    when = next(rule.when for rule in found.rules if rule.id == "t-1")
    return "always" if when is None else show(when)


AMOUNT, LINE, SCENE, TAGS = "message.params.amount", "message.line", "message.scene", "user.tags"
HOUR, SINCE, TERM, FLAG = "now.local_hour", "message.params.since", "message.params.term", "message.params.flag"
TOTAL = "message.params.order.total"
THERE = "has(message.params.order) && has(message.params.order.total)"


@pytest.mark.parametrize(
    ("column", "cell", "meant"),
    [
        (LINE, "", "always"),
        (LINE, "-", "always"),
        (LINE, "  ", "always"),
        (LINE, "cards", '@ == "cards"'),
        (LINE, '"cards"', '@ == "cards"'),
        (LINE, "'cards'", '@ == "cards"'),
        (LINE, '"-"', '@ == "-"'),
        (LINE, '"absent"', '@ == "absent"'),
        (LINE, "银行卡", '@ == "银行卡"'),
        (LINE, "（新）銀行，卡", '@ == "（新）銀行，卡"'),
        (LINE, "O'Neil", '@ == "O\'Neil"'),
        (LINE, "12", '@ == "12"'),
        (LINE, "true", '@ == "true"'),
        (LINE, "a_b c", '@ == "a_b c"'),
        (LINE, "cards, loans", '@ in ["cards", "loans"]'),
        (LINE, 'cards, "a, b"', '@ in ["cards", "a, b"]'),
        (LINE, "not cards", '!(@ == "cards")'),
        (LINE, "not cards, loans", '!(@ in ["cards", "loans"])'),
        (LINE, "nothing", '@ == "nothing"'),
        (LINE, '!= "x"', '@ != "x"'),
        (LINE, 'in ["x", "y"]', '@ in ["x", "y"]'),
        (LINE, "in vips", "@ in vips"),
        (LINE, "inland", '@ == "inland"'),
        (LINE, "[a..c)", '@ >= "a" && @ < "c"'),
        (LINE, '_.startsWith("V") || _ == "x"', '@.startsWith("V") || @ == "x"'),
        (LINE, '_ == "a _ b"', '@ == "a _ b"'),
        (LINE, '_ != message.user_id', "@ != message.user_id"),
        ("now.local_date", "[2026-01-05..2026-02-01]", '@ >= "2026-01-05" && @ <= "2026-02-01"'),
        (HOUR, "9", "@ == 9"),
        (HOUR, "9, 10", "@ in [9, 10]"),
        (HOUR, "[9..20)", "@ >= 9 && @ < 20"),
        (HOUR, "(9..20]", "@ > 9 && @ <= 20"),
        (HOUR, "( .. 5 )", "@ < 5"),
        (HOUR, "[20..)", "@ >= 20"),
        (HOUR, "[0..3], 22, [23..)", "@ >= 0 && @ <= 3 || @ == 22 || @ >= 23"),
        (HOUR, "not [9..20)", "!(@ >= 9 && @ < 20)"),
        (HOUR, ">= few", "@ >= few"),
        (HOUR, "few", "@ == few"),
        (HOUR, "few, 5", "@ == few || @ == 5"),
        (HOUR, "in odd", "@ in odd"),
        (HOUR, ">= 9 && _ < 20", "@ >= 9 && @ < 20"),
        (HOUR, "< 3 || _ > 21", "@ < 3 || @ > 21"),
        (AMOUNT, "200", "has(@) && @ == 200.0"),
        (AMOUNT, "-0.5, 1e3", "has(@) && @ in [-0.5, 1000.0]"),
        (AMOUNT, "[200..500)", "has(@) && @ >= 200.0 && @ < 500.0"),
        (AMOUNT, "[-5..-2.5]", "has(@) && @ >= -5.0 && @ <= -2.5"),
        (AMOUNT, ">= large", "has(@) && @ >= large"),
        (AMOUNT, "[few..large]", "has(@) && @ >= few && @ <= large"),
        (AMOUNT, "absent", "!has(@)"),
        (AMOUNT, "present", "has(@)"),
        (SCENE, "trade", 'has(@) && @ == "trade"'),
        (SCENE, "not trade", 'has(@) && !(@ == "trade")'),
        (SCENE, "absent, trade", '!has(@) || has(@) && @ == "trade"'),
        (SCENE, "_.size() > 5", "has(@) && size(@) > 5"),
        (TOTAL, "5", f"{THERE} && message.params.order.total == 5.0"),
        (TOTAL, "absent", f"!({THERE})"),
        ("message.params.order", "present", "has(message.params.order)"),
        (TAGS, "high", 'has(@) && "high" in @'),
        (TAGS, "high, gold", 'has(@) && ("high" in @ || "gold" in @)'),
        (TAGS, "not high, gold", 'has(@) && !("high" in @ || "gold" in @)'),
        (TAGS, 'size(_) > 2', "has(@) && size(@) > 2"),
        ("message.params.sizes", "1, few", "has(@) && (1 in @ || few in @)"),
        ("size(user.tags)", "[2..)", "has(user.tags) && size(user.tags) >= 2"),
        ("user.known", "true", "@"),
        ("user.known", "FALSE", "!@"),
        (FLAG, "false", "has(@) && !@"),
        (SINCE, ">= 2026-01-05T12:00:00Z", 'has(@) && @ >= timestamp("2026-01-05T12:00:00Z")'),
        (SINCE, "(..2026-01-05T20:00:00+08:00)", 'has(@) && @ < timestamp("2026-01-05T12:00:00Z")'),
        (SINCE, ">= now.timestamp", "has(@) && @ >= now.timestamp"),
        (TERM, "[90m..7d)", 'has(@) && @ >= duration("5400s") && @ < duration("604800s")'),
        (TERM, '< duration("1h")', 'has(@) && @ < duration("3600s")'),
        ('has(message.scene) ? message.scene : "none"', "none", '(@) == "none"'),
        ("message.params.amount * 2.0", "> 5", "has(message.params.amount) && message.params.amount * 2.0 > 5"),
        ("when", 'user.known || message.line == "x"', 'user.known || message.line == "x"'),
        ("when", "-", "always"),
    ],
)  # fmt: skip
def test_what_a_cell_means(column: str, cell: str, meant: str) -> None:
    """Every kind of cell is the condition that one would write by hand (@: the column), guarded against absence."""
    assert condition(column, cell) == meant.replace("@", column)


def test_a_grid_and_its_csv_file_are_the_same_rules() -> None:
    """The same table from YAML and from a spreadsheet's CSV has the same rules, but for where they stand."""
    head = "  - id: by-line\n    doc: of the table\n    when: user.known\n    then: {distribute: {otherwise: [push]}}\n"
    grid = f"""{head}    table:
      columns: [id, doc, owner, message.params.amount, message.line, then.distribute.to, then.priority]
      rows:
        - [large, -, desk, "[200..)", "cards, loans", sms, P0]
        - [-, a small one, -, '_ < 200.0 || _ == 500.0', not cards, wechat, -]
"""
    csv = (
        "\ufeffid;doc;owner;message.params.amount;message.line;then.distribute.to;then.priority;\r\n"
        "# a remark; of ours\r\n"
        ";;;;;;;\r\n"
        'large;;desk;[200..);"cards, loans";sms;P0;\r\n'
        "\r\n"
        '-;a small one;;"_ < 200.0 || _ == 500.0";not cards;wechat;;\r\n'
    )
    one, other = parsed(grid), parsed(f"{head}    table: tables/by-line.csv\n", by_line=csv)

    assert [_said(rule) for rule in one.rules] == [_said(rule) for rule in other.rules]
    assert [(rule.id, rule.doc, rule.owner) for rule in one.rules[:2]] == [
        ("by-line-large", "of the table", "desk"),
        ("by-line-2", "a small one", ""),
    ]
    assert [(rule.file, rule.line) for rule in other.rules[:2]] == [
        ("tables/by-line.csv", 4),
        ("tables/by-line.csv", 6),
    ]


def _said(rule: Any) -> tuple[Any, ...]:
    when = None if rule.when is None else show(rule.when)
    return (rule.id, rule.doc, rule.owner, rule.family, rule.scope, when, rule.effect, rule.per_step, rule.can_err)


TABLE = """
- id: change-by-amount
  when: message.category == "TRANSACTION"
  then: {distribute: {otherwise: [push]}}
  table:
    columns: [message.params.amount, message.line, then.distribute.to]
    rows:
      - ["[200..)", -, sms]
      - ["[0..200)", "cards, loans", wechat]
- {id: default, then: {distribute: {to: mail}}}
"""


@pytest.mark.parametrize(
    ("what", "decided_by", "to"),
    [
        (message("TRANSACTION", params={"amount": 200.0}), "change-by-amount-1", "sms"),
        (message("TRANSACTION", params={"amount": 199.99}), "change-by-amount-2", "wechat"),
        (message("TRANSACTION", params={"amount": 199.99}, line="funds"), "default", "mail"),
        (message("TRANSACTION"), "default", "mail"),
        (message("SERVICE", params={"amount": 200.0}), "default", "mail"),
    ],
)
def test_the_first_row_that_matches_decides(what: Message, decided_by: str, to: str) -> None:
    """In routing a table is its rows in their order, and the answer names the row."""
    decision: Decision = decide(session(ruleset(routing=TABLE)), what)

    assert (decision.decided_by, channels(decision)) == (decided_by, [to])


def test_all_rows_of_a_channel_table_are_asked_of_each_channel() -> None:
    """Also a row that leaves the channel's column open: it holds or excludes the channel, not the message."""
    rules = ruleset(
        interception="""
        - id: by-channel
          table:
            columns: [channel.name, message.category, then.exclude.reason, then.hold.until, then.hold.reason]
            rows:
              - [sms, -, COMPLIANCE, -, -]
              - [-, MARKETING, -, "09:00", QUIET_HOURS]
        """,
        routing="- {id: all, then: {concurrent: [push, sms]}}",
    )

    assert [rule.scope for rule in rules.rules[:2]] == [Scope.CHANNEL, Scope.CHANNEL]
    assert refusals(decide(session(rules), message("SERVICE"))) == {"sms": "COMPLIANCE"}
    assert refusals(decide(session(rules), message("MARKETING"))) == {"sms": "QUIET_HOURS", "push": "QUIET_HOURS"}


def test_limits_may_stand_in_a_table() -> None:
    """A list in a cell is a list of the effect, numbers and durations are read as in a rule."""
    rules = ruleset(
        fatigue="""
        - id: weekly
          then: {limit: {window: 7d}}
          table:
            columns: [message.category, then.limit.name, then.limit.per, then.limit.max, then.limit.window]
            rows:
              - [MARKETING, marketing, "user, line", 3, -]
              - [SERVICE, service, user, unlimited, day]
        """
    )

    assert [rule.effect for rule in rules.rules if rule.family == "fatigue"] == [
        Limit("marketing", ("user", "line"), None, 3, 604_800_000),
        Limit("service", ("user",), None, None, 0),
    ]


def test_cells_of_an_effect_may_be_yaml() -> None:
    """A step with its wait, or a channel with its providers, is written as it is in a rule."""
    rules = ruleset(
        routing="""
        - id: by-line
          table:
            columns: [message.line, then.supplement, then.distribute]
            rows:
              - [cards, [{channel: push, wait: 60s}, sms], -]
              - [-, -, {to: {channel: sms, providers: [a]}}]
        """
    )
    routes = [rule.effect for rule in rules.rules if isinstance(rule.effect, Route)]

    assert [(route.strategy, [one.channel for one in route.choices]) for route in routes] == [
        ("SUPPLEMENT", ["push", "sms"]),
        ("DISTRIBUTION", ["sms"]),
    ]
    assert routes[0].choices[0].wait_ms == 60_000
    assert routes[1].choices[0].providers == ("a",)


def test_what_is_kept_of_a_table() -> None:
    """Its columns, the place of every cell, which rule each row is, and what it wants checked."""
    entry = """  - id: by-line
    hit: unique
    complete: true
    when: message.category == "SERVICE"
    table:
      columns: [message.line, then.distribute.to]
      rows:
        - [cards, sms]
        - [loans, push]
"""
    found = parsed(entry)
    (table,) = found.tables

    assert (table.id, table.family, table.file, table.hit, table.complete) == (
        "by-line",
        "routing",
        "routing.yaml",
        "unique",
        True,
    )
    assert table.guard is not None
    assert show(table.guard) == 'message.category == "SERVICE"'
    assert [(column.kind, column.text, column.path) for column in table.columns] == [
        (ColumnKind.VALUE, "message.line", ()),
        (ColumnKind.THEN, "then.distribute.to", ("distribute", "to")),
    ]
    assert [[cell.text for cell in row.cells] for row in table.rows] == [["cards", "sms"], ["loans", "push"]]
    assert [[_place(cell) for cell in row.cells] for row in table.rows] == [[(10, 12), (10, 19)], [(11, 12), (11, 19)]]
    for row in table.rows:
        assert row.rule is not None
        assert found.rules[row.rule].id == f"by-line-{row.number}"
        assert found.places[row.rule].row == row
    assert all(placed.row is None for placed in found.places.values() if placed.id.line > 11)


def _place(cell: Any) -> tuple[int, int]:
    return cell.place.line, cell.place.column


def test_a_wrong_row_spoils_no_other() -> None:
    """Every mistake of every row is told at once, and the rows that are right are there."""
    entry = """  - id: by-line
    table:
      columns: [message.line, message.params.amount, then.distribute.to]
      rows:
        - [cards, x, sms]
        - [loans, 5, sms]
        - ["(", "[5..2]", mail]
"""
    found = check(parse_version("1.0", version(entry)))

    assert [(issue.code, issue.line, issue.column) for issue in found.issues] == [
        ("bad-cell", 7, 19),
        ("bad-cell", 9, 13),
        ("empty-range", 9, 18),
    ]
    assert [row.rule is None for row in found.tables[0].rows] == [True, False, True]


def test_named_conditions_and_tables_go_together() -> None:
    """A named condition may be a column, stand in a cell and in the condition that all rows share."""
    facts = FACTS_YAML.replace("define: {", "define: {vip: {when: message.line == 'vip'}, ")
    entry = """  - id: by-line
    when: vip
    table:
      columns: [vip, message.params.amount, when, then.distribute.to]
      rows:
        - [false, -, -, sms]
        - [-, "_ > 5.0 && vip", -, sms]
        - [-, -, "!vip", sms]
"""
    found = parse_version("1.0", version(entry, facts))
    assert not found.has_errors, render(found.issues, color=False)
    vip = 'message.line == "vip"'

    assert [show(rule.when) for rule in found.rules if rule.when is not None] == [
        f"{vip} && !({vip})",
        f"{vip} && has(message.params.amount) && message.params.amount > 5.0 && {vip}",
        f"{vip} && !({vip})",
    ]


def test_an_override_may_have_a_table() -> None:
    """Its rows stand in the place of a common rule, or of a row of a common table."""
    grid = "{columns: [message.scene, then.distribute.to], rows: [[trade, sms], [account, sms]]}"
    files = version(f"  - id: by-line\n    table: {grid}\n")
    files["overrides/acme.yaml"] = b"""for: {tenant: acme}
routing:
  - id: acme
    replaces: by-line-2
    table: {columns: [message.line, then.distribute.to], rows: [[cards, push], [-, wechat]]}
"""
    found = check(parse_version("1.0", files))
    assert not found.has_errors, render(found.issues, color=False)

    assert [rule.id for rule in found.rules] == ["by-line-1", "acme-1", "acme-2", "by-line-2", "default"]
    assert [[row.rule for row in table.rows] for table in found.tables] == [[0, 3], [1, 2]]
    when = found.rules[1].when
    assert when is not None
    assert show(when) == 'message.tenant == "acme" && message.line == "cards"'


def test_a_file_that_no_table_names_is_a_warning() -> None:
    """And one that could not be read is not called missing again."""
    csv = "message.line,then.distribute.to\ncards,sms\n"
    assert [issue.code for issue in parse_version("1.0", version("", by_line=csv)).issues] == ["unused-table"]
    entry = "  - {id: by-line, table: tables/by-line.csv}\n"
    assert [issue.code for issue in parse_version("1.0", version(entry)).issues] == ["missing-file"]
    assert parse_version("1.0", version(entry), ["tables/by-line.csv"]).issues == ()


def test_the_digest_covers_the_files_of_tables() -> None:
    """A changed cell makes another version."""
    entry = "  - {id: by-line, table: tables/by-line.csv}\n"
    one = parsed(entry, by_line="message.line,then.distribute.to\ncards,sms\n")
    other = parsed(entry, by_line="message.line,then.distribute.to\ncards,push\n")

    assert one.digest != other.digest


def test_all_tables_of_a_family_have_two_thousand_rows_at_most() -> None:
    """The table that goes beyond is refused before its rows are looked at."""
    csv = "message.line,then.distribute.to\n" + "".join(f"line{i},sms\n" for i in range(1_500))
    entry = "  - {id: one, table: tables/by-line.csv}\n  - {id: two, when: user.known, table: tables/by-line.csv}\n"
    found = parse_version("1.0", version(entry, by_line=csv))

    assert [(issue.code, issue.line) for issue in found.issues] == [("too-many-rules", 4)]
    assert "500 more" in found.issues[0].message


def test_what_rows_share_cannot_grow_without_bounds() -> None:
    """A long condition of the table, repeated in very many rows, is refused before it takes the memory."""
    when = " || ".join(f'message.line == "line{i}"' for i in range(140))
    csv = "message.user_id,then.distribute.to\n" + "".join(f"u{i},sms\n" for i in range(900))
    found = parse_version("1.0", version(f"  - {{id: t, when: {quoted(when)}, table: tables/t.csv}}\n", t=csv))

    assert {issue.code for issue in found.issues} == {"too-large", "too-many"}


# ---- a row is the rule one would write by hand ----

COLUMNS: dict[str, list[tuple[str, str]]] = {
    AMOUNT: [
        ("200", "has(message.params.amount) && message.params.amount == 200.0"),
        ("[2.5..200)", "has(message.params.amount) && message.params.amount >= 2.5 && message.params.amount < 200.0"),
        ("not 1, 3", "has(message.params.amount) && message.params.amount != 1.0 && message.params.amount != 3.0"),
        ("> large", "has(message.params.amount) && message.params.amount > 200.0"),
        ("absent", "!has(message.params.amount)"),
        ("absent, 0", "!has(message.params.amount) || message.params.amount == 0.0"),
    ],
    SCENE: [
        ("trade", 'has(message.scene) && message.scene == "trade"'),
        ("trade, account", 'has(message.scene) && (message.scene == "trade" || message.scene == "account")'),
        ("not trade", 'has(message.scene) && message.scene != "trade"'),
        ("present", "has(message.scene)"),
    ],
    TAGS: [
        ("a, b", 'has(user.tags) && ("a" in user.tags || "b" in user.tags)'),
        ("not gold", 'has(user.tags) && !("gold" in user.tags)'),
        ("size(_) > 1", "has(user.tags) && size(user.tags) > 1"),
    ],
    TOTAL: [
        ("(..3]", f"{THERE} && message.params.order.total <= 3.0"),
        ("absent", "!has(message.params.order) || !has(message.params.order.total)"),
    ],
    "message.params.text": [
        ("gold", 'has(message.params.text) && message.params.text == "gold"'),
        ("in vips", 'has(message.params.text) && message.params.text in ["gold", "high"]'),
        ('_.startsWith("a")', 'has(message.params.text) && message.params.text.startsWith("a")'),
        ("[a..h)", 'has(message.params.text) && "a" <= message.params.text && message.params.text < "h"'),
    ],
    HOUR: [("[9..20)", "now.local_hour > 8 && now.local_hour <= 19"), (">= few", "now.local_hour >= 3")],
    "when": [("user.known", "user.known"), ("channels.sms.opted_out", "channels.sms.opted_out")],
}


@given(seed=st.integers(0, 2**48))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_rows_decide_as_the_rules_written_by_hand(seed: int) -> None:
    """Random tables and the same rules in plain conditions hold for the same messages, and none is without a value."""
    random = Random(seed)
    columns = random.sample(sorted(COLUMNS), random.randint(1, 4))
    rows = [[random.choice([("-", "true"), *COLUMNS[name]]) for name in columns] for _ in range(random.randint(1, 4))]
    guard = random.choice(["", 'user.known && message.priority != "P0"'])
    table = _compiled(_as_table(columns, rows, guard))
    plain = _compiled(_as_rules(rows, guard))

    for _ in range(12):
        facts = random_facts(random, Scope.MESSAGE)
        assert _matches(table, facts) == _matches(plain, facts)


def _as_table(columns: list[str], rows: list[list[tuple[str, str]]], guard: str) -> str:
    cells = "".join(f"        - [{', '.join(quoted(cell) for cell, _ in row)}, sms]\n" for row in rows)
    shared = f"    when: {quoted(guard)}\n" if guard else ""
    headings = ", ".join((*columns, "then.distribute.to"))
    return f"  - id: t\n{shared}    table:\n      columns: [{headings}]\n      rows:\n{cells}"


def _as_rules(rows: list[list[tuple[str, str]]], guard: str) -> str:
    whens = [" && ".join(f"({meant})" for _, meant in [("", guard or "true"), *row]) for row in rows]
    rules = enumerate(whens, 1)
    return "".join(f"  - {{id: t-{i}, when: {quoted(when)}, then: {{distribute: {{to: sms}}}}}}\n" for i, when in rules)


def _compiled(routing: str) -> Parsed:
    found = parse_version("1.0", version(routing))
    assert not found.has_errors, render(found.issues, color=False)
    return found


def _matches(found: Parsed, facts: Any) -> list[bool]:
    assert found.schema is not None
    schema = found.schema
    return [
        rule.when is None or holds(rule.when, schema, Scope.MESSAGE)(facts.f, facts.c)
        for rule in found.rules
        if rule.id.startswith("t-")
    ]


# ---- nothing makes it fail ----

PIECES = [
    "",
    ",",
    ";",
    "\t",
    "\n",
    "\r",
    '"',
    '""',
    "-",
    "_",
    "[",
    "..",
    ")",
    "not ",
    "absent",
    "in ",
    ">=",
    "(",
    "'",
    "\\",
]
PIECES += [
    "then.",
    "message.",
    "id",
    "，",
    "\ufeff",
    "#",
    "=",
    "&&",
    "9" * 40,
    "\0",
    "\u2028",
    "1,5",
    "é",
    "{",
    "timestamp(",
]
GOOD = """id,message.params.amount,message.scene,user.tags,when,then.distribute.to,then.distribute.otherwise
large,[200..500),"trade, account",not high,user.known,sms,"push, wechat"
,"_ > 5.0 && _ < 9.0",absent,size(_) > 1,-,sms,
"""


@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_mutation_of_a_file_is_explained(data: st.DataObject) -> None:
    """A table's file with pieces cut out, put in or doubled is accepted or explained, at places that exist."""
    content = _mutated(GOOD, data)
    assert_explained(version("  - {id: t, table: tables/t.csv}\n", t=content))


@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_mutation_of_a_grid_is_explained(data: st.DataObject) -> None:
    """The same of a table that stands in the rule file."""
    assert_explained(version(_mutated(textwrap.indent(TABLE.partition("\n- {id")[0].strip(), "  ") + "\n", data)))


def _mutated(content: str, data: st.DataObject) -> str:
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(len(content), start + 20)))
        content = content[:start] + data.draw(st.sampled_from([*PIECES, content[start:end] * 2])) + content[end:]
    return content


@given(content=st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_of_a_file_are_explained(content: bytes) -> None:
    """Whatever bytes stand in a table's file, the answer is issues, never an exception."""
    assert_explained(version("  - {id: t, table: tables/t.csv}\n", t=content))


@given(column=st.sampled_from([*sorted(COLUMNS), LINE, SINCE, TERM, FLAG]), data=st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_cell_is_explained(column: str, data: st.DataObject) -> None:
    """A cell made of the signs of the language, in whatever order, is read or refused with its place."""
    words = [
        "_",
        "a",
        "5",
        "trade",
        "true",
        "2026-01-05T12:00:00Z",
        "90m",
        "vips",
        "few",
        " ",
        ".size()",
        "||",
        *PIECES,
    ]
    cell = "".join(data.draw(st.lists(st.sampled_from(words), max_size=8))).replace("\r", " ").replace("\n", " ")
    quoted_cell = '"' + cell.replace('"', '""') + '"'
    assert_explained(
        version("  - {id: t, table: tables/t.csv}\n", t=f"{column},then.distribute.to\n{quoted_cell},sms\n")
    )


@pytest.mark.parametrize(
    "content",
    [
        '"' * 100_001,
        "a," * 60_000,
        "message.line,then.distribute.to\n" + "x,sms\n" * 100_000,
        "message.line,then.distribute.to\n" + "(" * 3_990 + ",sms\n",
        "message.line,then.distribute.to\n" + '"_' + "||_" * 1_300 + '",sms\n',
        "message.line,then.distribute.to\n" + "\"'" + "\\\\'" * 1_300 + '",sms\n',
        "message.params.amount,then.distribute.to\n" + '"' + "1, " * 1_300 + '2",sms\n',
        ",".join(f"now.local_hour + {i}" for i in range(64)) + "\n" + ",".join("5" for _ in range(64)) + "\n",
    ],
    ids=range(8),
)
def test_hostile_files_are_refused_soon(content: str) -> None:
    """Very many or very long cells cost seconds at most."""
    assert_explained(version("  - {id: t, then: {concurrent: [sms]}, table: tables/t.csv}\n", t=content))
