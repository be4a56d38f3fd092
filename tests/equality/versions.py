"""Random rule sets made of real files, as an author would write them, and random messages for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from engine.decision.model import Breakers, Content, Message, User
from engine.decision.session import State
from engine.ruleset.compile import Compiled, RuleSet, compile_version
from engine.ruleset.fact_types import Scope
from engine.ruleset.issues import Severity
from tests.ruleset.strategies import FACTS_YAML, Writer

FAMILIES: Final = ("interception", "fatigue", "budget", "routing", "breaker")
THEN: Final = {
    "interception": "{exclude: {reason: BLOCKED, channels: [push]}}",
    "fatigue": "{limit: {name: n%d, per: [user], max: 5, window: 1d}}",
    "budget": '{charge: {account: "{line}/sms/cash", amount: 0.01, unit: CNY}}',
    "routing": "{concurrent: [push, sms, wechat]}",
}
NOW_MS: Final = 1_767_614_400_000


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule to be: its family and its condition."""

    family: str
    when: str


def ruleset_of(drafts: list[Draft]) -> RuleSet | None:
    """Compile these rules without those that `rules check` refuses; None when it refuses all of them."""
    kept = dict(enumerate(drafts))
    while kept:
        compiled, places = _compiled(kept)
        if compiled.ruleset is not None:
            return compiled.ruleset
        for issue in compiled.issues:
            if issue.severity is Severity.ERROR:
                kept.pop(places[issue.file][issue.line], None)
    return None


def _compiled(drafts: dict[int, Draft]) -> tuple[Compiled, dict[str, dict[int, int]]]:
    """Compile them, a rule a line; and say which draft stands in which line of which file."""
    lines = {f"{family}.yaml": [f"family: {family}", "rules:"] for family in FAMILIES}
    places: dict[str, dict[int, int]] = {name: {} for name in lines}
    for number, draft in drafts.items():
        name = f"{draft.family}.yaml"
        then = THEN[draft.family].replace("%d", str(number))
        when = draft.when.replace("'", "''")
        lines[name].append(f"  - {{id: r{number}, when: '{when}', then: {then}}}")
        places[name][len(lines[name])] = number
    lines["routing.yaml"].append("  - {id: default, then: {distribute: {to: wechat, otherwise: [sms]}}}")
    files = {name: "\n".join(text if len(text) > 2 else [text[0], "rules: []"]) for name, text in lines.items()}
    files |= {"facts.yaml": FACTS_YAML, "lists/forbidden.txt": "casino\t9\ngold\t2\n"}
    return compile_version("random", {name: text.encode() for name, text in files.items()}), places


def random_drafts(random: Random) -> list[Draft]:
    """Rules of all families; those that may err stand in routing, the only place where the check lets them."""
    message, channel = Writer(random, Scope.MESSAGE), Writer(random, Scope.CHANNEL)
    drafts = [Draft("routing", _condition(message)) for _ in range(random.choice((1, 2, 4)))]
    for _ in range(random.choice((1, 2, 4))):
        family = random.choice(FAMILIES[:3])
        drafts.append(Draft(family, _safe(_condition(random.choice((message, channel))))))
        drafts.append(Draft(family, _safe(f"({about_the_channel(random)}) && ({_condition(message)})")))
        drafts.append(Draft(family, about_the_channel(random)))
    return drafts


def _condition(writer: Writer) -> str:
    return writer.condition(writer.random.choice((0, 1, 2, 3)))


def _safe(condition: str) -> str:
    """Ask for the optional facts first, which makes many a condition one that cannot err."""
    found = (path.rpartition(".")[0] if path.endswith("(") else path for path in _PATH.findall(condition))
    paths = sorted({path for path in found if path.startswith(_OPTIONAL)} - {"message.params.sure"})
    below = [f"has({path.rpartition('.')[0]})" for path in paths if ".order." in path]
    return " && ".join([*below, *(f"has({path})" for path in paths), f"({condition})"])


_PATH: Final = re.compile(r"[a-z]+(?:\.[A-Za-z_]+)+\(?")
_OPTIONAL: Final = ("message.params.", "message.campaign", "message.owner", "user.attributes.", "budget.")
_METHODS: Final = ("startsWith", "endsWith", "contains")


def about_the_channel(random: Random) -> str:
    """A condition that reads the candidate and cannot err."""
    return random.choice(
        (
            "channel.opted_out",
            "!channel.has_address",
            'channel.name == "sms"',
            'channel.state != "NORMAL" && channel.name in ["push", "wechat"]',
            "channel.has_address == content.has_url",
            "channel.opted_out || user.known && channel.state == platform.state",
            f'(channel.state == "SLOW" ? now.local_hour < {random.randrange(1, 24)} : channel.has_address)',
        )
    )


def wide(random: Random, mixed: bool) -> str:
    """A condition of more disjuncts than are told apart, hence one whole term.

    `mixed`: of the channel's facts and the message's; else it reads the message's alone.
    """
    asks = [f'{name}.{method}("{text}")' for name in _TEXTS for method in _METHODS for text in ("a", "c", "A", "u")]
    random.shuffle(asks)
    arms = [asks[3 * place : 3 * place + 3] for place in range(4)]
    if mixed:
        for arm, ask in zip(
            arms, ("channel.opted_out", "channel.has_address", 'channel.state == "SLOW"'), strict=False
        ):
            arm[0] = ask
    return " && ".join(f"({' || '.join(arm)})" for arm in arms)


_TEXTS: Final = ("message.user_id", "message.line", "user.zone")


def random_message(random: Random) -> Message:
    """A message such as the rules of the random versions look at."""

    def some(*values: Any) -> Any:
        return random.choice(values)

    return Message(
        tenant="t",
        line=some("cards", "loans"),
        user_id=some("u", "v", "w"),
        category=some("TRANSACTION", "MARKETING", "SERVICE", "ONE_TIME_PASSWORD"),
        priority=some("P0", "P1", "P3"),
        scene=some("", "security", "trade", "account"),
        campaign=some("", "", "spring"),
        content=Content("", some("hello", "casino", "gold", "see https://a.example"), "", ""),
        params={
            "sure": some(0, 1, 3),
            **{name: some(*values) for name, values in _PARAMS.items() if random.random() < 0.5},
        },
        addresses=some((), (("sms", "1"),)),
        wished_channels=some((), (), ("sms", "push")),
        occurred_at_ms=some(None, NOW_MS - 1),
        send_after_ms=some(None, None, None, NOW_MS + 3_600_000),
    )


_PARAMS: Final[dict[str, tuple[Any, ...]]] = {
    "flag": (True, False),
    "amount": (0.0, 2.5, 199.99, 200.0),
    "count": (0, 1, 2, 3, 5, -7),
    "text": ("a", "ab", "gold", "12", "10s", "2026-01-05T12:00:00Z"),
    "since": ("2026-01-05T12:00:00Z", "1970-01-01T00:00:00Z"),
    "term": ("1s", "1h"),
    "words": (["a"], ["a", "b"], ["gold"]),
    "sizes": ([1], [1, 3, 5]),
    "rates": ([1.0], [2.5, 0.1]),
    "order": ({}, {"total": 200.0}, {"items": 2, "buyer": {"old": True}}, {"buyer": {"name": "a"}}),
}


def random_state(random: Random) -> State:
    """Users, opt-outs and breakers of all kinds; nothing used so far."""

    def user() -> User:
        channels = frozenset(random.sample(("push", "sms", "wechat"), random.randint(0, 3)))
        outs = frozenset((c, "MARKETING") for c in random.sample(("push", "sms", ""), random.choice((0, 0, 1))))
        tags = random.choice(((), ("gold",), ("high", "a")))
        zone = random.choice(("Asia/Shanghai", "America/New_York"))
        return User(True, zone, tags, "", random.choice(({}, {"age": 23})), channels, outs)

    names = ("NORMAL", "SLOW", "PAUSED")
    breakers = Breakers(
        random.choice(names), {c: random.choice(names) for c in ("push", "sms") if random.random() < 0.5}
    )
    return State({("t", name): user() for name in ("u", "v")}, breakers=breakers)
