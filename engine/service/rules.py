"""RuleService: which rules are in force, and what is wrong with newer ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from engine.errors import RulesUnavailable
from engine.flow.evaluation import Evaluator
from engine.flow.reload import Reloader
from engine.flow.rules_process import RulesProcess
from engine.flow.rules_status import Source
from engine.ruleset.issues import Issue
from signalbox.v1 import rule_service_pb2 as contract

PROBLEMS_MAX = 100

SOURCES = {
    Source.FOLDER: contract.RULE_SOURCE_FOLDER,
    Source.LAST_GOOD: contract.RULE_SOURCE_LAST_GOOD,
}


class RuleServicer:
    """Answers RuleService."""

    def __init__(self, reloader: Reloader, process: RulesProcess, evaluator: Evaluator) -> None:
        self._reloader = reloader
        self._process = process
        self._evaluator = evaluator

    async def Status(self, request: contract.StatusRequest, context: object) -> contract.StatusResponse:
        """Tell how the rules are. Raises RulesUnavailable before the first version is in force."""
        ruleset = self._reloader.current
        if ruleset is None:
            raise RulesUnavailable("no rule set is loaded yet")
        status = self._reloader.status
        response = contract.StatusResponse(
            version=status.version,
            digest=status.digest,
            source=SOURCES[status.source],
            rules=Counter(rule.family for rule in ruleset.rules),
            attempted_version=status.attempted_version,
            problems=_problems(status.problems),
            warnings=_problems(status.warnings),
            reloads=status.reloads,
            failures=status.failures,
            matcher=self._matcher(),
        )
        response.loaded_at.FromMilliseconds(status.loaded_at_ms)
        return response

    def _matcher(self) -> contract.MatcherStatus:
        return contract.MatcherStatus(
            ready=self._process.ready,
            fallbacks=self._evaluator.fallbacks,
            restarts=self._process.counters.restarts,
        )


def _problems(issues: Iterable[Issue]) -> list[contract.Problem]:
    return [
        contract.Problem(
            code=issue.code,
            severity=issue.severity.name,
            file=issue.file,
            line=issue.line,
            column=issue.column,
            message=issue.message,
            hint=issue.hint,
        )
        for issue in list(issues)[:PROBLEMS_MAX]
    ]
