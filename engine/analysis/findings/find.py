"""The door: everything that can be found by asking about all messages, and all windows, at once."""

from __future__ import annotations

from dataclasses import replace

from engine.analysis.findings.breakers import check_breakers
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

    Breaker rules are asked about windows, all others about messages.
    """
    of_messages = replace(parsed, tables=tuple(table for table in parsed.tables if table.family != "breaker"))
    extra = (
        *guards_of(of_messages.tables, ruleset.rules, ruleset.channels),
        *parts_of(ruleset.rules, ruleset.channels),
    )
    inquiry = Inquiry(of_messages, ruleset, extra)
    for check in (check_parts, check_routes, check_overlaps, check_gaps, check_limits, check_effects):
        check(inquiry)
    check_breakers(inquiry, parsed.tables)
    return inquiry.issues.sorted()


def without_guesses(issues: tuple[Issue, ...]) -> tuple[Issue, ...]:
    """Return the issues of a load without those that `find` answers exactly."""
    return tuple(issue for issue in issues if issue.code != "no-default-route")
