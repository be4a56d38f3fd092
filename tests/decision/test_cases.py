"""Rule tests say what is given and what is expected, and tell how a decision differs from that."""

from __future__ import annotations

import textwrap

import pytest

from engine.decision.case_observer import Asked
from engine.decision.case_reading import read_cases
from engine.decision.cases import CaseReport, CaseRunner, interpreted, run_cases
from engine.ruleset.compile import RuleSet
from engine.ruleset.fact_types import Scope
from engine.ruleset.issues import Issues
from tests.decision.rulesets import ruleset

RULES = ruleset(
    interception="""
        - id: at-night
          when: now.local_hour < 8 && message.category == "MARKETING"
          then: {hold: {until: "08:00", reason: QUIET_HOURS}}
        - id: forbidden
          when: content.hits.bad >= 7
          then: {drop: {reason: FORBIDDEN_CONTENT}}
        - id: opted-out
          when: channel.opted_out
          then: {exclude: {reason: OPTED_OUT}}
        - id: off-paused
          when: channel.state == "PAUSED"
          then: {exclude: {reason: CHANNEL_UNHEALTHY}}
    """,
    fatigue="""
        - id: two-a-day
          when: message.category == "MARKETING"
          then: {limit: {name: day, max: 2, window: 24h, per: [user]}}
    """,
    budget="""
        - id: sms-cash
          when: channel.name == "sms"
          then: {charge: {account: "{line}/sms", amount: 0.05, unit: CNY}}
    """,
    routing="""
        - id: large
          when: has(message.params.amount) && message.params.amount >= 200.0
          then: {distribute: {to: sms}}
        - id: rich
          when: has(user.tags) && "rich" in user.tags
          then: {supplement: [{channel: push, wait: 60s}, {channel: sms}]}
        - id: rest
          then: {distribute: {to: push, otherwise: [mail]}}
    """,
    breaker="""
        - id: slow
          when: provider.window.count >= 50 && provider.window.error_rate > 0.08
          then: {set: {state: SLOW, speed: 0.5, back: {windows: 3, error_rate_below: 0.05}}}
    """,
    lists={"bad": "wicked\t8\n"},
)


def run(text: str, rules: RuleSet = RULES) -> CaseReport:
    """Run the cases of one file."""
    return run_cases(rules, {"cases.yaml": textwrap.dedent(text).encode()}, interpreted)


def differences(text: str) -> list[str]:
    """What is not as expected, of all cases of a text that can be read."""
    report = run(text)
    assert report.issues == ()
    return [one for result in report.results for one in result.differences]


def complaints(text: str) -> list[tuple[str, int, str, str]]:
    """Code, line, sentence and hint of what is wrong with a text."""
    return [(issue.code, issue.line, issue.message, issue.hint) for issue in run(text).issues]


# ---- what is expected ----


def test_a_case_passes_when_all_it_expects_is_so() -> None:
    """Verdict, plan, waits, charges, refusals, the deciding rule, what matched and what did not."""
    assert not differences("""
        - name: a rich user
          given:
            message: {params: {amount: 100}}
            user: {tags: [rich], opt_outs: [{channel: push, category: NOTIFICATION}]}
          expect:
            verdict: SEND
            strategy: SUPPLEMENT
            channels: [sms]
            decided_by: rich
            refused: {push: {reason: OPTED_OUT, rule: opted-out}}
            charges: {cards/sms: 0.05}
            matched: [rich, rest, opted-out, sms-cash]
            not_matched: [large, at-night, off-paused]
            waits: {}
    """)


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ("verdict: DROP", "verdict: expected DROP, found SEND"),
        ("channels: [sms, mail]", "channels: expected [sms, mail], found [push]"),
        ("reason: OPTED_OUT", "reason: expected OPTED_OUT, found NONE"),
        ('until: "2026-01-06T08:00"', "until: expected 2026-01-06T08:00, found nothing"),
        ("decided_by: large", "decided_by: expected large, found rest"),
        ("refused: {push: OPTED_OUT}", "refused.push: expected OPTED_OUT, found it was not refused"),
        ("charges: {cards/sms: 0.05}", "charges: expected {cards/sms: 0.05}, found {}"),
        ("matched: [large]", "matched: expected that large matches, found that it does not"),
        ("not_matched: [rest]", "not_matched: expected that rest does not match, found that it does"),
        ("waits: {push: 60s}", "waits: expected {push: 60s}, found {}"),
        ("waits_for: {push: read}", "waits_for.push: expected read, found nothing"),
        ("providers: {push: [a]}", "providers.push: expected [a], found []"),
        ("addresses: {push: all}", "addresses.push: expected all, found newest"),
        ("addresses: {sms: newest}", "addresses.sms: expected newest, found nothing"),
        ("speed: 0.5", "speed: expected 0.5, found a message (only a case of a window can expect it)"),
    ],
)
def test_each_key_tells_what_differs(expected: str, told: str) -> None:
    """Expected and found, in words of the case."""
    assert differences(f"- {{name: n, expect: {{{expected}}}}}") == [told]


def test_a_difference_of_a_refused_message_says_why() -> None:
    """So that the trace need not be read for it."""
    text = "- {name: n, given: {message: {content: {text: wicked}}}, expect: {verdict: SEND, priority: P2}}"

    assert differences(text) == [
        "verdict: expected SEND, found DROP (FORBIDDEN_CONTENT by forbidden)",
        "priority: expected P2, found nothing (DROP, FORBIDDEN_CONTENT by forbidden)",
    ]


def test_only_a_failing_case_is_explained() -> None:
    """The trace is there for the difference; without one nobody reads it."""
    good, bad = run("- {name: a, expect: {verdict: SEND}}\n- {name: b, expect: {verdict: DROP}}").results

    assert (good.passed, good.steps[0].trace) == (True, None)
    assert not bad.passed
    assert bad.steps[0].trace is not None


def test_a_window_is_judged_by_the_breaker_rules() -> None:
    """As a subject with its counts, or by its facts; only what a window can lead to can be expected."""
    assert not differences("""
        - name: by its counts
          given: {provider: {name: a, channel: sms, window: {count: 100, errors: 9}}}
          expect:
            {state: SLOW, speed: 0.5, decided_by: slow, matched: [slow], back: {windows: 3, error_rate_below: 0.05}}
        - name: by its facts
          given: {facts: {provider.window.count: 100, provider.window.errors: 8}}
          expect: {state: NORMAL, not_matched: [slow], decided_by: ""}
    """)
    told = differences("- {name: n, given: {provider: {}}, expect: {state: SLOW, verdict: SEND, not_matched: [slow]}}")
    assert told == [
        "state: expected SLOW, found NORMAL",
        "verdict: expected SEND, found a window "
        "(only state, speed, back, decided_by, matched, not_matched can be expected of it)",
    ]


# ---- who watches ----


class Notes:
    """Notes every question."""

    def __init__(self) -> None:
        self.questions: list[Asked] = []

    def asked(self, question: Asked) -> None:
        """Take a note."""
        self.questions.append(question)


def test_an_observer_is_told_every_question_with_its_facts() -> None:
    """The message once, each candidate of its route once, what came before as such, and the window of a breaker."""
    text = """
        - name: twice
          given: {before: [{at: "2026-01-05T11:00"}], user: {tags: [rich]}}
          expect: {verdict: SEND}
        - {name: window, given: {provider: {window: {count: 5}}}, expect: {state: NORMAL}}
    """
    notes, issues = Notes(), Issues()
    runner = CaseRunner(RULES, interpreted, notes)
    for case in read_cases({"a.yaml": textwrap.dedent(text).encode()}, issues):
        assert runner.run(case).passed

    asked = [(one.case.name, one.scope, one.before) for one in notes.questions]
    assert asked == [
        ("twice", Scope.MESSAGE, True),
        ("twice", Scope.CHANNEL, True),
        ("twice", Scope.CHANNEL, True),
        ("twice", Scope.MESSAGE, False),
        ("twice", Scope.CHANNEL, False),
        ("twice", Scope.CHANNEL, False),
        ("window", Scope.PROVIDER, False),
    ]
    route = notes.questions[3].matched.route
    assert route is not None
    assert route.id == "rich"
    assert [one.c[0] for one in notes.questions[4:6]] == ["push", "sms"]
    slot = next(fact.slot for fact in RULES.schema.subjects(Scope.PROVIDER) if fact.path == "provider.window.count")
    assert notes.questions[-1].c[slot] == 5


# ---- names ----


@pytest.mark.parametrize(
    ("case", "told"),
    [
        (
            "expect: {decided_by: larg}",
            ("unknown-rule", 1, 'there is no rule "larg" in this version', 'did you mean "large"?'),
        ),
        (
            "expect: {not_matched: [rset]}",
            ("unknown-rule", 1, 'there is no rule "rset" in this version', 'did you mean "rest"?'),
        ),
        (
            "expect: {refused: {psh: OPTED_OUT}}",
            ("unknown-channel", 1, 'there is no channel "psh" in this version', 'did you mean "push"?'),
        ),
        (
            "given: {ledger: [{limit: dya}]}, expect: {verdict: SEND}",
            ("unknown-limit", 1, 'there is no limit "dya" in this version', 'did you mean "day"?'),
        ),
        (
            "given: {facts: {message.params.amuont: 3}}, expect: {verdict: SEND}",
            (
                "unknown-fact",
                1,
                'there is no fact "message.params.amuont"',
                'did you mean "message.params.amount"?',
            ),
        ),
        (
            "given: {facts: {channel.state: SLOW}}, expect: {verdict: SEND}",
            (
                "unknown-fact",
                1,
                '"channel.state" is another for each candidate',
                "write it as channels.<name>.state",
            ),
        ),
        (
            "given: {facts: {message.params.amount: much}}, expect: {verdict: SEND}",
            ("wrong-value", 1, "message.params.amount: expected a number, found a text", ""),
        ),
        (
            "given: {facts: {now.local_hour: 24}}, expect: {verdict: SEND}",
            ("wrong-value", 1, "now.local_hour: must be a whole number from 0 to 23", ""),
        ),
        (
            "given: {facts: {channels.sms.state: BROKEN}}, expect: {verdict: SEND}",
            ("wrong-value", 1, "channels.sms.state: expected one of NORMAL, SLOW, PAUSED", ""),
        ),
        (
            "given: {facts: {user.known: null}}, expect: {verdict: SEND}",
            ("wrong-value", 1, "user.known: is always there, so it cannot be absent", ""),
        ),
        (
            "expect: {verdict: SENT}",
            ("wrong-value", 1, 'verdict cannot be the text "SENT"', 'did you mean "SEND"?'),
        ),
        (
            "expect: {matchd: [rest]}",
            ("unknown-field", 1, 'unknown field "matchd"', 'did you mean "matched"?'),
        ),
        (
            "given: {user: {tags: rich}}, expect: {verdict: SEND}",
            ("wrong-type", 1, 'tags is a list of texts, this is the text "rich"', ""),
        ),
    ],
)
def test_a_name_or_value_there_is_not_is_told_at_its_place(case: str, told: tuple[str, int, str, str]) -> None:
    """Such a case is not run: it might pass by the mistake."""
    report = run(f"- {{name: n, {case}}}")

    assert [(issue.code, issue.line, issue.message, issue.hint) for issue in report.issues] == [told]
    assert (report.results, report.failed) == ((), 1)


@pytest.mark.parametrize(
    "case",
    [
        "given: {message: {content: 5}}, expect: {verdict: SEND}",
        "given: {user: {zone: Nowhere}}, expect: {verdict: SEND}",
        "given: {now: noon}, expect: {verdict: SEND}",
        "given: {before: [{}]}, expect: {verdict: SEND}",
        "given: {accounts: {a: {}}}, expect: {verdict: SEND}",
        "given: {ledger: [{limit: day, count: 0}]}, expect: {verdict: SEND}",
        "given: {ledger: [{limit: day, key: {line: cards}}]}, expect: {verdict: SEND}",
        "given: {message: {params: {amount: much}}}, expect: {verdict: SEND}",
        "given: {user: {attributes: {age: old}}}, expect: {verdict: SEND}",
        "given: {facts: {user.known: false, channels.sms.has_address: true}}, expect: {verdict: SEND}",
        "given: {facts: {now.local_date: 2026-01-05, now.local_weekday: 2}}, expect: {verdict: SEND}",
        "given: {facts: {now.local_date: soon}}, expect: {verdict: SEND}",
        "expect: {waits: {sms: long}}",
        "expect: {until: soon}, given: {message: {category: MARKETING}, now: '2026-01-05T05:00'}",
        "given: {}, expect: {}",
        "expect: 5",
        "steps: []",
        "steps: [{at: '2026-01-05T12:00'}]",
        "steps: [{expect: {verdict: SEND}}], expect: {verdict: SEND}",
        "steps: [{expect: {verdict: SEND}}], given: {provider: {}}",
        "steps: [{at: '2026-01-05T12:00'}, {at: '2026-01-05T11:00', expect: {verdict: SEND}}]",
        "steps: [{expect: {verdict: SEND}}], given: {facts: {now.local_hour: 3}}",
    ],
)
def test_a_case_that_makes_no_sense_fails_with_a_sentence(case: str) -> None:
    """Never with an error of Python's, whatever stands where."""
    report = run(f"- {{name: n, {case}}}")
    told = [issue.message for issue in report.issues] + [text for one in report.results for text in one.differences]

    assert report.failed == 1
    assert len(told) == 1
    assert not any(word in told[0] for word in ("object", "has no attribute", "NoneType", "'int'", "argument", "float"))


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        ("- name: a\n\tgiven: {}\n", "yaml-tab", "replace each tab by two spaces"),
        ("- name: a: b\n", "yaml-value", "put the value in quotes, or on the next line after >-"),
        ("- name: 'a\n", "yaml-quote", "add the closing quote at the end of the value"),
    ],
)
def test_mistakes_of_yaml_are_told_as_in_rule_files(text: str, code: str, hint: str) -> None:
    """In words of their own and with what helps, not in those of a library."""
    ((found, _line, _message, told),) = complaints(text)

    assert (found, told) == (code, hint)
