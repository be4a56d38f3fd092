"""Which routing rules are told never to be reached. The texts themselves are golden files (test_errors.py)."""

from __future__ import annotations

import pytest

from engine.ruleset.check import check
from engine.ruleset.parse import parse_version
from tests.ruleset.test_errors import version_of

ROUTING = """\
family: routing
rules:
  - {{id: first, when: '{first}', then: {{distribute: {{to: sms}}}}}}
  - {{id: second, when: '{second}', then: {{distribute: {{to: push}}}}}}
  - {{id: default, then: {{distribute: {{to: push}}}}}}
"""


def unreached(first: str, second: str) -> list[str]:
    """The lines of the rules that are told to be unreachable, in a version with these two conditions."""
    routing = ROUTING.format(first=first, second=second).encode()
    parsed = check(parse_version("1", version_of("_base") | {"routing.yaml": routing}))
    assert {issue.code for issue in parsed.issues if not issue.code.startswith("unused-")} <= {"unreachable"}, (
        parsed.issues
    )
    return [issue.message for issue in parsed.issues if issue.code == "unreachable"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('message.campaign == "a  b"', 'message.campaign == "a b"'),
        ('message.campaign == "a b"', 'message.campaign == "A b"'),
        ("user.tags == ['a', 'b']", "user.tags == ['b', 'a']"),
        ("now.local_hour < 8", "now.local_hour <= 8"),
    ],
)
def test_conditions_that_differ_are_both_reached(first: str, second: str) -> None:
    """Also where they differ in nothing but the blanks within a text."""
    first, second = first.replace("'", "''"), second.replace("'", "''")

    assert unreached(first, second) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('message.campaign == "a b"', 'message.campaign  ==   "a b"'),
        ('message.campaign == "a b"', '(message.campaign == "a b")'),
        ('message.campaign == "a b"', 'message.campaign == "a\\u0020b"'),
        ("now.local_hour < 8", "now.local_hour < 0x8"),
    ],
)
def test_the_same_condition_written_differently_is_never_reached(first: str, second: str) -> None:
    """What counts is what is asked, not how it is spelled."""
    (message,) = unreached(first, second)

    assert '"first" on line 3 has the same condition' in message
