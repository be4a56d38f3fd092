"""The door: everything that can be found by asking about all messages at once."""

from __future__ import annotations

from engine.analysis.findings.dead_limits import check_limits
from engine.analysis.findings.effects import check_effects
from engine.analysis.findings.gaps import check_gaps, guards_of
from engine.analysis.findings.inquiry import Inquiry
from engine.analysis.findings.overlaps import check_overlaps
from engine.analysis.findings.parts import check_parts, parts_of
from engine.analysis.findings.routes import check_routes
from engine.ruleset.compile import RuleSet
from engine.ruleset.issues import Issue
from engine.ruleset.rules import Parsed


def find(parsed: Parsed, ruleset: RuleSet) -> tuple[Issue, ...]:
    """Return the issues of a version that has no errors otherwise, in order of their places.

    Breaker rules are asked about windows, not about messages, and are not compared with each other.
    """
    extra = (*guards_of(parsed.tables, ruleset.rules, ruleset.channels), *parts_of(ruleset.rules, ruleset.channels))
    inquiry = Inquiry(parsed, ruleset, extra)
    for check in (check_parts, check_routes, check_overlaps, check_gaps, check_limits, check_effects):
        check(inquiry)
    return inquiry.issues.sorted()


def without_guesses(issues: tuple[Issue, ...]) -> tuple[Issue, ...]:
    """Return the issues of a load without those that `find` answers exactly."""
    return tuple(issue for issue in issues if issue.code != "no-default-route")
