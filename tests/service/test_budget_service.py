"""BudgetService as its callers see it, on real accounts."""

from __future__ import annotations

import pytest

from engine.errors import EntryDiffers, InvalidInput
from engine.flow.refill import Standing
from engine.records.accounts import Account, Accounts
from engine.records.database import Database
from engine.service.budget import BudgetServicer
from engine.service.status import code_name
from signalbox.v1 import budget_service_pb2 as contract
from tests.decision.rulesets import NOON


class Standings:
    """A tenth of every account is held, two tenths are spent."""

    async def standing(self, account: Account) -> Standing:
        tenth = account.total_micros // 10
        return Standing(account.total_micros - 3 * tenth, tenth, 2 * tenth)


@pytest.fixture
def servicer(database: Database) -> BudgetServicer:
    """A servicer on empty accounts."""
    return BudgetServicer(Accounts(database), Standings(), lambda: NOON)


def grant(**changed: object) -> contract.GrantRequest:
    """A grant of one yuan, but for what is changed."""
    fields = {"tenant": "t", "account": "cards/sms", "unit": "CNY", "micros": 1_000_000, "entry_id": "e1", "by": "me"}
    return contract.GrantRequest(**(fields | changed))  # type: ignore[arg-type]


async def test_a_grant_makes_the_account_and_counts_once(servicer: BudgetServicer) -> None:
    """The same entry again changes nothing and is answered alike; another one adds up."""
    first = await servicer.Grant(grant(), None)
    again = await servicer.Grant(grant(), None)
    more = await servicer.Grant(grant(entry_id="e2"), None)

    assert (first.repeated, again.repeated, more.repeated) == (False, True, False)
    assert first.account == again.account
    account = more.account
    assert (account.tenant, account.name, account.unit, account.total_micros) == ("t", "cards/sms", "CNY", 2_000_000)
    assert (account.left_micros, account.held_micros, account.spent_micros) == (1_400_000, 200_000, 400_000)
    assert account.updated_at.ToMilliseconds() == NOON


async def test_an_entry_that_comes_again_with_another_amount_is_refused(servicer: BudgetServicer) -> None:
    """With ALREADY_EXISTS; nothing is added."""
    await servicer.Grant(grant(), None)

    with pytest.raises(EntryDiffers) as caught:
        await servicer.Grant(grant(micros=5), None)

    assert code_name(caught.value) == "ALREADY_EXISTS"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"tenant": ""}, "tenant"),
        ({"account": "x" * 1025}, "account"),
        ({"unit": "yuan"}, "unit"),
        ({"micros": 0}, "micros"),
        ({"micros": 2**53}, "micros"),
        ({"entry_id": ""}, "entry_id"),
        ({"by": "x" * 129}, "by"),
    ],
)
async def test_a_grant_that_makes_no_sense_is_refused(
    servicer: BudgetServicer, changed: dict[str, object], field: str
) -> None:
    """Each field is named."""
    with pytest.raises(InvalidInput) as caught:
        await servicer.Grant(grant(**changed), None)

    assert [violation.field for violation in caught.value.violations] == [field]


async def test_an_account_never_changes_its_unit(servicer: BudgetServicer) -> None:
    """A grant in another is refused."""
    await servicer.Grant(grant(), None)

    with pytest.raises(InvalidInput):
        await servicer.Grant(grant(unit="COUNT", entry_id="e2"), None)


async def test_accounts_are_listed_page_by_page(servicer: BudgetServicer) -> None:
    """By tenant and name; what is asked for restricts, and a token goes on behind the page before."""
    for tenant, name in (("t", "b"), ("t", "a/1"), ("s", "z"), ("t", "a/2"), ("t", "a/3")):
        await servicer.Grant(grant(tenant=tenant, account=name), None)
    asked = contract.ListAccountsRequest(tenant="t", prefix="a/", page_size=2)

    every = await servicer.ListAccounts(contract.ListAccountsRequest(), None)
    first = await servicer.ListAccounts(asked, None)
    asked.page_token = first.next_page_token
    second = await servicer.ListAccounts(asked, None)

    assert [one.name for one in every.accounts] == ["z", "a/1", "a/2", "a/3", "b"]
    assert not every.next_page_token
    assert [one.name for one in (*first.accounts, *second.accounts)] == ["a/1", "a/2", "a/3"]
    assert not second.next_page_token


async def test_a_token_of_another_list_is_refused(servicer: BudgetServicer) -> None:
    """It is named; so is a page that is too large."""
    for wrong in (contract.ListAccountsRequest(page_token="x"), contract.ListAccountsRequest(page_size=1001)):
        with pytest.raises(InvalidInput):
            await servicer.ListAccounts(wrong, None)
