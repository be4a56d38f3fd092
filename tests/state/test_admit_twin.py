"""The script that admits and `LedgerModel`, which rule tests and Evaluate use, are one thing written twice."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.decision.blueprint import ChargeAsk
from engine.decision.ledger_model import Balance, LedgerModel, UserKey
from engine.decision.model import Admission, Charge, Reason, Refusal
from engine.decision.propose import Proposal
from engine.state.admit import AdmitRequest, Admitter, Earlier, Kind
from engine.state.connection import Store
from engine.state.keys import user_digest
from engine.state.ledger import Asked, Ledger
from engine.state.limit_ids import LimitIds
from engine.state.slices import Slices
from tests.state.proposals import DAY, HOUR, MINUTE, NOW, SECOND, blueprint, candidate, limit, proposal, request

NAMES, LIMIT_KEYS, ACCOUNTS = ("a", "b", "c"), ("", "", "x/y"), ("full", "scarce", "scarce", "missing")
_runs = count()


class LimitSpec(NamedTuple):
    """A limit, and the key that it counts by."""

    name: str
    key: str
    most: int | None
    window_ms: int
    gap_ms: int
    hold: bool
    per_step: bool


class ChargeSpec(NamedTuple):
    """A charge."""

    account: str
    micros: int
    unit: str
    per_step: bool


class Candidate(NamedTuple):
    """A candidate, and why the rules leave it out."""

    limits: list[LimitSpec]
    charges: list[ChargeSpec]
    refusal: Refusal | None


class Touch(NamedTuple):
    """A message to one of two users, `jump_ms` after the one before; or the user's last one decided again."""

    user: int
    jump_ms: int
    life_ms: int
    strategy: str
    candidates: list[Candidate]
    again: bool


LIMITS = st.builds(
    LimitSpec,
    st.sampled_from(NAMES),
    st.sampled_from(LIMIT_KEYS),
    st.sampled_from([None, None, 0, 1, 1, 2]),
    st.sampled_from([0, SECOND, HOUR, HOUR, DAY + 1]),
    st.sampled_from([0, 0, 700, MINUTE, 2 * HOUR]),
    st.booleans(),
    st.booleans(),
)
CHARGES = st.builds(
    ChargeSpec,
    st.sampled_from(ACCOUNTS),
    st.integers(0, 6),
    st.sampled_from(["CNY"] * 7 + ["COUNT"]),
    st.booleans(),
)
REFUSALS = st.sampled_from([None] * 8 + [Refusal(Reason.OPTED_OUT, 1), Refusal(Reason.QUIET_HOURS, 2, True, NOW + DAY)])
CANDIDATES = st.builds(
    Candidate,
    st.lists(LIMITS, max_size=3, unique_by=lambda one: one.name),
    st.one_of(st.just([]), st.lists(CHARGES, max_size=2)),
    REFUSALS,
)
TOUCHES = st.builds(
    Touch,
    st.sampled_from([0, 0, 0, 1]),
    st.sampled_from([0, 0, 1, 699, SECOND, MINUTE, MINUTE, HOUR, DAY, -1, -SECOND, -HOUR, -2 * DAY]),
    st.sampled_from([1, 700, SECOND, MINUTE, 90 * SECOND, HOUR, 2 * HOUR, 3 * DAY]),
    st.sampled_from(["DISTRIBUTION", "SUPPLEMENT", "CONCURRENT"]),
    st.lists(CANDIDATES, min_size=1, max_size=3),
    st.sampled_from([False, False, True]),
)


@dataclass
class Decided:
    """What a test knows of a message that was decided: its version, and what it holds."""

    request_id: str
    version: int
    counted: set[tuple[str, str, int]] = field(default_factory=set)
    paid: set[tuple[str, int]] = field(default_factory=set)


@settings(max_examples=max(200, settings().max_examples), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(touches=st.lists(TOUCHES, min_size=4, max_size=40), scarce=st.integers(0, 12))
async def test_the_script_and_the_model_admit_alike(store: Store, touches: list[Touch], scarce: int) -> None:
    """Whatever messages come, rules are edited, messages are decided again and clocks jump: one answer, one ledger."""
    pair = await Pair.make(store, scarce)
    now_ms = NOW
    for number, touch in enumerate(touches):
        now_ms += touch.jump_ms
        await pair.touch(touch, now_ms, f"r{number}")

    await pair.compare_ledgers()
    await pair.compare_balances()


class Pair:
    """A state in Redis and a model that saw the same, with names that no other example uses."""

    def __init__(self, store: Store) -> None:
        self.run = next(_runs)
        self.store = store
        self.ids = LimitIds(store)
        self.admitter = Admitter(store, self.ids)
        self.model = LedgerModel({}, {})
        self.users = [user for user in (f"{self.run}-{n}" for n in range(100)) if self.partition(user) == 0][:2]
        self.last: dict[str, Decided] = {}
        self.asked: dict[UserKey, set[tuple[str, str]]] = {}

    def partition(self, user: str) -> int:
        """The partition of a user."""
        return self.store.keys.partition(user_digest("t", user))

    @classmethod
    async def make(cls, store: Store, scarce: int) -> Pair:
        """Two accounts with money, one without a trace."""
        pair, slices = cls(store), Slices(store)
        for name, left in (("full", 10**9), ("scarce", scarce)):
            account = ("t", f"{pair.run}/{name}")
            await slices.grant(0, account, "CNY", left, 1, NOW)
            assert pair.model.accounts is not None
            pair.model.accounts[account] = Balance("CNY", left)
        return pair

    async def touch(self, touch: Touch, now_ms: int, request_id: str) -> None:
        """Admit one message on both sides."""
        user = self.users[touch.user]
        before = self.last.get(user) if touch.again else None
        full = self.proposal(touch, user, now_ms, None)
        one = self.request(full, request_id, before)
        expected = self.by_model(self.proposal(touch, user, now_ms, before))
        self.asked.setdefault(("t", user), set()).update(full.uses)

        (admitted,) = await self.admitter.admit([one], None)

        assert admitted.kind is Kind.ADMITTED
        assert expected == admitted.admission
        self.note(full, touch, expected, before or Decided(request_id, 0))

    def proposal(self, touch: Touch, user: str, now_ms: int, held: Decided | None) -> Proposal:
        """What a touch asks, without what is held already."""
        uses: list[tuple[str, str]] = []
        charges: list[Charge] = []
        candidates = []
        for number, one in enumerate(touch.candidates, 1):
            limits, asks = [], []
            for spec in one.limits:
                if held is None or (spec.name, spec.key, number * spec.per_step) not in held.counted:
                    asked = limit(spec.name, most=spec.most, use=len(uses), window_ms=spec.window_ms)
                    asked = replace(asked, min_interval_ms=spec.gap_ms, hold=spec.hold, per_step=spec.per_step)
                    asked = replace(asked, rule_max=10 + len(uses), rule_gap=50 + len(uses))
                    limits.append(asked)
                uses.append((spec.name, spec.key))
            for paid in one.charges:
                account = f"{self.run}/{paid.account}"
                if held is None or (account, number * paid.per_step) not in held.paid:
                    asks.append(ChargeAsk(len(charges), paid.per_step, 9))
                charges.append(Charge(account, paid.micros, paid.unit))
            candidates.append(candidate("sms", limits, asks))
        return proposal(
            blueprint(*candidates, strategy=touch.strategy),
            user,
            now_ms,
            uses=uses,
            charges=charges,
            refusals=[one.refusal for one in touch.candidates],
            expire_ms=now_ms + touch.life_ms,
        )

    def request(self, what: Proposal, request_id: str, before: Decided | None) -> AdmitRequest:
        """The call of the script; all accounts were asked for more before."""
        if before is None:
            return request(self.store.keys, what, request_id, asked=None)
        earlier = Earlier(before.version, None, frozenset(before.counted), frozenset(before.paid))
        return request(self.store.keys, what, before.request_id, earlier, asked=None)

    def by_model(self, what: Proposal) -> Admission:
        """Admit by the model. Like the script it forgets, whenever it counts, what has expired."""
        self.model.changed_uses.clear()
        admission = self.model.admit(what)
        key = ("t", what.message.user_id)
        if self.model.changed_uses.get(key):
            for use in [use for use, one in self.model.uses[key].items() if one.expire_ms <= what.now_ms]:
                del self.model.uses[key][use]
        return admission

    def note(self, what: Proposal, touch: Touch, admission: Admission, decided: Decided) -> None:
        """Keep what the message holds from now on."""
        decided.version += 1
        for index in admission.taken:
            first, one = index == admission.taken[0], touch.candidates[index]
            number = index + 1
            decided.counted |= {(a.name, a.key, number * a.per_step) for a in one.limits if first or a.per_step}
            decided.paid |= {
                (f"{self.run}/{a.account}", number * a.per_step) for a in one.charges if first or a.per_step
            }
        self.last[what.message.user_id] = decided

    async def compare_ledgers(self) -> None:
        """What is used is the same on both sides."""
        found = await Ledger(self.store, self.ids).peek([Asked(user, tuple(uses)) for user, uses in self.asked.items()])
        for user in self.asked:
            assert self.model.uses.get(user, {}) == found[user]

    async def compare_balances(self) -> None:
        """What is left is the same on both sides."""
        assert self.model.accounts is not None
        slices = await Slices(self.store).read(0, list(self.model.accounts))
        assert [one.left_micros for one in self.model.accounts.values()] == [one.left for one in slices if one]
