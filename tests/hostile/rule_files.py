"""Files of a version as nobody would write them: noise, and good files with damage done to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
FAMILY_FILES: Final = ("interception.yaml", "fatigue.yaml", "budget.yaml", "routing.yaml", "breaker.yaml", "facts.yaml")

Files = dict[str, bytes]

MORSELS: Final = (
    *(b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc3", b"\r", b"\r\n", b"\t", b"\n---\n", b"\n...\n"),
    *(b"{", b"}", b"[", b"]", b"(", b")", b'"', b"'", b"&a ", b"*a", b"!x ", b"| ", b">-\n", b"#", b"? ", b": ", b"- "),
    *(
        b"%YAML 1.1\n",
        b"<<: *a\n",
        b"~",
        b"null",
        b"true",
        b"0x7f",
        b"1e999",
        b".nan",
        b"-0",
        b"0.1",
        b"1_000",
        b"12:30",
    ),
    *(b"9" * 40, b"99999999999999999999", b"-9223372036854775808", b"9223372036854775807", b"1e308", b"0.0000001"),
    *(b" && ", b" || ", b"!", b"==", b" in ", b" < ", b" >= ", b" % 0", b" / 0", b" ? 1 : 2", b"has(", b"size(", b"-"),
    *(b"message.params.", b"user.tags", b"channel.name", b"content.hits.", b"now.local_hour", b"budget.", b"provider."),
    *(b".matches('(((')", b".exists(x, x == 'a')", b".all(t, true)", b"timestamp('')", b"duration('1h')", b"r'\\'"),
    *(b"'\\ud800'", b"'\\U0010ffff'", "户".encode(), "\u202e".encode(), "é".encode(), "\U0001f600".encode()),
    *(b"[200..500)", b"(..1]", b"[..]", b">=5", b"!a", b";", b",", b'""', b"-;-;-\n", b"table: ", b"rows: [[]]\n"),
    *(b"unlimited", b"day", b"366d", b"24:00", b"{line}", b"{channel}", b"{", b"define: ", b"from: ", b"replaces: "),
)
"""What has a meaning somewhere: signs of YAML, CEL and CSV, numbers at their ends, words of the language."""


RICH: Final[dict[str, str]] = {
    "routing.yaml": """\
family: routing
define:
  small: 5
  vips: {from: values/vips.txt}
  limits: {from: values/tariff.csv, column: limit, type: int}
  is_vip: {when: message.line in vips && !(now.local_hour in limits)}
  is_small: {when: has(message.params.count) && message.params.count < small}
rules:
  - id: by-amount
    when: is_vip || is_small
    table: tables/by_amount.csv
  - id: by-count
    hit: unique
    complete: false
    then: {priority: P2}
    table:
      columns: [message.params.count, message.category, user.tags, then.distribute.to]
      rows:
        - ["[..10)", MARKETING, '"high" in _', sms]
        - ["[10..20)", "not MARKETING, SERVICE", -, push]
        - [">= 20", -, absent, wechat]
  - id: default
    then: {distribute: {to: push, otherwise: [sms]}}
""",
    "tables/by_amount.csv": """\
\ufeffmessage.params.amount;message.scene;then.distribute.to;doc
[0..100);-;push;a little
"[100..200), [300..400)";security, trade;sms;"more ""; and"" more"
>= 400;present;wechat;
-;-;sms;rest
""",
    "values/vips.txt": "# lines\ncards\nloans\n",
    "values/tariff.csv": "name,limit\na,1\nb,2\n",
    "overrides/cards.yaml": """\
for: {line: cards}
define: {few: 3}
routing:
  - {id: cards-default, replaces: default, then: {concurrent: [push, sms]}}
  - id: cards-few
    replaces: by-amount
    when: has(message.params.count) && message.params.count < few
    then: {distribute: {to: wechat}}
fatigue:
  - {remove: trade-scene}
""",
    "overrides/acme.yaml": """\
for: {tenant: [acme, bank], line: [cards]}
interception:
  - id: acme-quiet
    replaces: quiet-hours
    when: now.local_hour < 7
    then: {hold: {until: "07:00", reason: QUIET_HOURS}}
""",
    "define/shared.yaml": "is_gold: {when: 'has(user.tags) && user.tags.exists(t, t == \"gold\")'}\n",
    "fatigue.yaml": """\
family: fatigue
rules:
  - id: gold
    when: is_gold
    then: {limit: {name: gold, per: [user], max: 9, window: 7d}}
  - id: trade-scene
    when: has(message.scene) && message.scene.startsWith("tr") && size(message.scene) > 2
    then: {limit: {name: trade, per: [user, scene], max: 3, window: 1d, min_interval: 30m}}
""",
}
"""What the shipped version does not use: tables, overrides, named conditions, values from files."""


def good_versions() -> list[Files]:
    """Return versions that have no errors, to do damage to."""
    shipped, plain = (files_of(folder) for folder in (ROOT / "rules/2026.11.1", ROOT / "tests/ruleset/errors/_base"))
    return [shipped, plain, plain | {name: text.encode("utf-8") for name, text in RICH.items()}]


def files_of(folder: Path) -> Files:
    """Return the files of a version's folder by their names in it."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def noise(random: Random) -> bytes:
    """Up to 300 bytes without a plan, or of morsels only."""
    if random.random() < 0.3:
        return random.randbytes(random.randrange(300))
    return b"".join(random.choice(MORSELS) for _ in range(random.randrange(60)))


VALUES: Final = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        10**18,
        2**63,
        -(2**63),
        0.1,
        1e308,
        float("inf"),
        "",
        " ",
        "-",
        "x",
        "true",
        "1",
        "1s",
    ),
    *("9999999d", "0s", "day", "24:00", "23:59", "unlimited", "COUNT", "CNY", "P0", "SLOW", "{line}", "{line", "sms"),
    *(
        "default",
        "quiet-hours",
        "is_gold",
        "few",
        "vips",
        "message.line",
        "channel.name",
        "now.timestamp",
        "_",
        "absent",
    ),
    *(
        "then.distribute.to",
        "then.priority",
        "when",
        "id",
        "values/vips.txt",
        "tables/by_amount.csv",
        "../x",
        "a" * 2_001,
    ),
    *(
        [],
        {},
        [[]],
        [None],
        {"": None},
        {"when": "true"},
        {"from": "values/vips.txt"},
        ["sms", "sms"],
        {"channel": "sms"},
    ),
)
"""What can stand in the place of any value."""

PIECES: Final = (
    *("message.category", "message.scene", "message.params.amount", "message.params.count", "user.tags", "user.known"),
    *("now.local_hour", "now.timestamp", "message.expire_at", "channel.name", "channel.opted_out", "content.length"),
    *(
        "budget.sms_cash.left",
        "message.wishes.channels",
        "provider.window.errors",
        "is_gold",
        "is_vip",
        "small",
        "vips",
    ),
    *('"MARKETING"', '"a"', "0", "1", "200.0", "-1", "true", '["a", "b"]', "[1]", 'timestamp("2026-01-01T00:00:00Z")'),
    *('duration("1h")', "9223372036854775807", "0.0", "t", "_", "has(message.scene)", "has(user.tags)"),
)
SHAPES: Final = (
    *(
        "{0} && {1}",
        "{0} || {1}",
        "!({0})",
        "({0})",
        "{0} == {1}",
        "{0} != {1}",
        "{0} < {1}",
        "{0} >= {1}",
        "{0} in {1}",
    ),
    *(
        "{0} + {1}",
        "{0} - {1}",
        "{0} * {1}",
        "{0} / {1}",
        "{0} % {1}",
        "-{0}",
        "{0} ? {1} : {2}",
        "size({0})",
        "has({0})",
    ),
    *("{0}.startsWith({1})", "{0}.endsWith({1})", "{0}.contains({1})", "{0}.matches({1})", "{0}.exists(t, {1})"),
    *("{0}.all(t, {1})", "{0}.lowerAscii()", "[{0}, {1}]", "({0} && {1}) || (!({0}) && {2})", "timestamp({0})"),
)


def condition(random: Random, depth: int) -> str:
    """Put pieces of the language together, with types that fit or not."""
    if depth == 0 or random.random() < 0.15:
        return random.choice(PIECES)
    return random.choice(SHAPES).format(*(condition(random, depth - 1) for _ in range(3)))


def restructured(random: Random, content: bytes) -> bytes:
    """Change a YAML file as a tree, so that what is changed can be read: what is wrong lies deeper then."""
    try:
        tree = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError):
        return content
    for _ in range(random.randrange(1, 4)):
        holders = list(_holders(tree))
        if holders:
            _change(random, *random.choice(holders))
    return yaml.safe_dump(tree, allow_unicode=True, sort_keys=False).encode("utf-8", "surrogatepass")


def _holders(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Give every list and group with a place in it."""
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, dict | list) and len(node):
            places = list(node) if isinstance(node, dict) else range(len(node))
            for at in places:
                yield node, at
                todo.append(node[at])


def _change(random: Random, holder: Any, at: Any) -> None:
    kind = random.randrange(6)
    if at == "when" and kind < 4:
        holder[at] = condition(random, random.randrange(1, 5))
    elif kind < 3:
        holder[at] = deepcopy(random.choice(VALUES))
    elif kind == 3:
        del holder[at]
    elif kind == 4 and isinstance(holder, list):
        holder.insert(random.randrange(len(holder) + 1), deepcopy(holder[at]))
    else:
        other = random.choice(list(holder)) if isinstance(holder, dict) else random.randrange(len(holder))
        holder[at], holder[other] = holder[other], holder[at]


def damaged(random: Random, content: bytes) -> bytes:
    """Do one to six kinds of damage to a file."""
    for _ in range(random.randrange(1, 7)):
        content = random.choice(_DAMAGES)(random, content)
    return content


def _span(random: Random, content: bytes) -> tuple[int, int]:
    start = random.randrange(len(content) + 1)
    return start, min(len(content), start + int(random.expovariate(0.05)))


def _cut(random: Random, content: bytes) -> bytes:
    start, end = _span(random, content)
    return content[:start] + content[end:]


def _truncate(random: Random, content: bytes) -> bytes:
    return content[: random.randrange(len(content) + 1)] if random.random() < 0.2 else content


def _insert(random: Random, content: bytes) -> bytes:
    at = random.randrange(len(content) + 1)
    return content[:at] + random.choice(MORSELS) + content[at:]


def _replace(random: Random, content: bytes) -> bytes:
    start, end = _span(random, content)
    return content[:start] + random.choice(MORSELS) + content[end:]


def _move(random: Random, content: bytes) -> bytes:
    start, end = _span(random, content)
    at = random.randrange(len(content) + 1)
    return content[:at] + content[start:end] + content[at:]


def _byte(random: Random, content: bytes) -> bytes:
    if not content:
        return content
    at = random.randrange(len(content))
    return content[:at] + random.randbytes(1) + content[at + 1 :]


def _words(random: Random, content: bytes) -> bytes:
    """Put one word of the file in the place of another: what is right elsewhere gets deepest."""
    words = content.split(b" ")
    words[random.randrange(len(words))] = random.choice(words)
    return b" ".join(words)


def _lines(random: Random, content: bytes) -> bytes:
    lines = content.split(b"\n")
    first, second = random.randrange(len(lines)), random.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    return b"\n".join(lines)


_DAMAGES: Final[tuple[Callable[[Random, bytes], bytes], ...]] = (
    _cut, _truncate, _insert, _replace, _move, _byte, _words, _words, _lines,
)  # fmt: skip


def hostile_version(random: Random, bases: list[Files]) -> Files:
    """Return a version of which one to three files are damaged, noise, gone or swapped."""
    files = dict(random.choice(bases))
    for _ in range(random.randrange(1, 4)):
        name = random.choice(sorted(files) or list(FAMILY_FILES))
        kind = random.random()
        if kind < 0.6 and name.endswith(".yaml"):
            files[name] = restructured(random, files.get(name, b""))
        elif kind < 0.8:
            files[name] = damaged(random, files.get(name, b""))
        elif kind < 0.9:
            files[name] = noise(random)
        elif kind < 0.95:
            files.pop(name, None)
        else:
            files[name] = random.choice(list(random.choice(bases).values()))
    return files
