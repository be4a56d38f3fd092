"""One truth, six ways to it: every way to match a version's rules gives the same answer for the same facts."""

from __future__ import annotations

from contextlib import closing
from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.flow.durable_matcher import DurableMatcher
from engine.flow.loading import matcher_of
from engine.ruleset.compile import RuleSet
from engine.ruleset.fact_types import Scope
from engine.ruleset.interpreter import holds
from engine.ruleset.match import Matched, ScopeMatcher
from tests.equality.versions import Draft, random_drafts, ruleset_of, wide
from tests.ruleset.strategies import SCHEMA, Facts, random_facts
from tests.ruleset.test_interpreter import google_says

SCOPES = (Scope.MESSAGE, Scope.CHANNEL)


def facts_of(scope: Scope, facts: Facts) -> Facts:
    """What a scope sees of a message and a candidate."""
    return facts if scope is Scope.CHANNEL else Facts(facts.f, [])


def by_interpreter(ruleset: RuleSet, scope: Scope, facts: Facts) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The rules that match and those that err, each judged on its own: what all others are held against."""
    told = {
        rule.index: True if rule.when is None else holds(rule.when, ruleset.schema, scope)(facts.f, facts.c)
        for rule in ruleset.rules
        if rule.scope is scope
    }
    return tuple(r for r, said in told.items() if said), tuple(r for r, said in told.items() if said is None)


def by_google(ruleset: RuleSet, drafts: list[Draft], scope: Scope, facts: Facts) -> tuple[int, ...]:
    """The rules whose text, as written, Google's CEL finds definitely true."""
    written = {f"r{number}": draft.when for number, draft in enumerate(drafts)}
    return tuple(
        rule.index
        for rule in ruleset.rules
        if rule.scope is scope and (rule.when is None or google_says(written[rule.id], facts) is True)
    )


def asked(matcher: ScopeMatcher, durable: DurableMatcher, scope: Scope, facts: Facts) -> Matched:
    """Match as the server does: by the memo, else by durable-rules."""
    fingerprint = matcher.fingerprint(facts.f, facts.c)
    known = matcher.memo.get(fingerprint)
    if known is not None:
        return known
    (rules,) = durable.match(tuple(Scope).index(scope), [fingerprint])
    return matcher.learn(fingerprint, rules, facts.f, facts.c)


def compare(ruleset: RuleSet, drafts: list[Draft], random: Random, times: int) -> set[tuple[int, ...]]:
    """Hold all ways together on random facts; return the answers that came up."""
    assert ruleset.schema.facts == SCHEMA.facts
    seen = set()
    with closing(matcher_of(ruleset)) as durable:
        memos = {scope: ruleset.matcher(scope) for scope in SCOPES}
        for _ in range(times):
            whole = random_facts(random)
            for scope in SCOPES:
                facts = facts_of(scope, whole)
                matched, erred = by_interpreter(ruleset, scope, facts)
                fresh = ruleset.matcher(scope)
                fingerprint = fresh.fingerprint(facts.f, facts.c)

                with_memo = asked(memos[scope], durable, scope, facts)
                assert (with_memo.rules, with_memo.erred) == (matched, erred), "memo on"
                without_memo = asked(fresh, durable, scope, facts)
                assert (without_memo.rules, without_memo.erred) == (matched, erred), "memo off"
                fallen_back = ruleset.matcher(scope).interpret(fingerprint, facts.f, facts.c)
                assert (fallen_back.rules, fallen_back.erred) == (matched, erred), "fallback"
                assert durable.match(tuple(Scope).index(scope), [fingerprint]) == [matched], "durable-rules"
                assert ruleset.programs[scope].matches(fingerprint) == matched, "conjunctions"
                assert by_google(ruleset, drafts, scope, whole) == matched, "Google's CEL"
                seen.add(matched)
    return seen


@given(st.integers(0, 2**48))
@settings(max_examples=40)
def test_all_ways_agree_on_random_versions(seed: int) -> None:
    """Memo on = memo off = interpreter = durable-rules = conjunctions = Google's C++ CEL, for all rules."""
    random = Random(seed)
    drafts = random_drafts(random)
    ruleset = ruleset_of(drafts)
    assert ruleset is not None

    compare(ruleset, drafts, random, 8)


@given(st.integers(0, 2**48), st.booleans())
@settings(max_examples=15)
@example(1, True)
@example(1, False)
def test_all_ways_agree_on_conditions_too_wide_to_be_told_apart(seed: int, mixed: bool) -> None:
    """A condition of more disjuncts than durable-rules is asked is one yes or no, and the same yes or no."""
    random = Random(seed)
    drafts = [Draft("interception", wide(random, mixed)), *random_drafts(random)[:3]]
    ruleset = ruleset_of(drafts)
    assert ruleset is not None

    compare(ruleset, drafts, random, 8)


def test_the_comparison_sees_many_answers() -> None:
    """The random facts reach many different answers of a version, so that agreeing means something."""
    random = Random(7)
    drafts = [draft for _ in range(3) for draft in random_drafts(random)]
    ruleset = ruleset_of(drafts)
    assert ruleset is not None

    assert len(ruleset.rules) > 10
    assert len(compare(ruleset, drafts, random, 60)) > 30
