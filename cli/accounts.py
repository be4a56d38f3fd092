"""`signalbox accounts`: see the accounts that messages are charged to, and put money in."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import click

from cli.console import wide_console
from cli.servers import a_server, caller, server_options
from cli.tables import show_table
from cli.wire_json import plain
from signalbox.v1 import budget_service_pb2

PAGE: Final = 1000
_MICROS: Final = 1_000_000
_MOST: Final = 2**53


class Amount(click.ParamType):
    """An amount of money or a count, in millionths."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read 850.00: more than nothing, at most six decimals."""
        try:
            micros = Decimal(str(value)) * _MICROS
            if 0 < micros < _MOST and micros == int(micros):
                return int(micros)
        except (InvalidOperation, ValueError, OverflowError):
            pass
        self.fail(f"{value!r} is no amount; expected one such as 850.00, more than 0, at most six decimals", param, ctx)


@click.group(epilog="Example: signalbox accounts grant marketing/sms/cash 100.00 CNY --tenant berka-bank")
def accounts() -> None:
    """See the accounts, and put money in."""


@accounts.command(
    name="list",
    epilog="""\b
Examples:
  signalbox accounts list
  signalbox accounts list --tenant berka-bank --prefix marketing/ --json

\b
Exit codes: 0 done, 2 no server answers.""",
)
@click.option("--tenant", default="", help="Only this tenant's.")
@click.option("--prefix", default="", help="Only accounts whose name begins so.")
@server_options
@click.option("--json", "as_json", is_flag=True, help="Print them as a JSON list; amounts are millionths.")
def list_accounts(tenant: str, prefix: str, server: str | None, data_dir: Path | None, as_json: bool) -> None:
    """List the accounts: what was put in, what is left, what is held for messages on their way, what is spent."""
    request = budget_service_pb2.ListAccountsRequest(tenant=tenant, prefix=prefix, page_size=PAGE)
    found: list[budget_service_pb2.AccountStatus] = []
    with a_server(server, data_dir) as asked:
        while True:
            page = asked.ask(asked.budget.ListAccounts, request)
            found += page.accounts
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
    if as_json:
        click.echo(json.dumps([plain(account, empties=True) for account in found], ensure_ascii=False, indent=2))
        return
    numbers = ("put in", "left", "held", "spent")
    show_table(wide_console(), ("tenant", "account", *numbers, "unit"), map(_row, found), "no accounts", right=numbers)


def _row(account: budget_service_pb2.AccountStatus) -> tuple[str, ...]:
    amounts = (account.total_micros, account.left_micros, account.held_micros, account.spent_micros)
    return (account.tenant, account.name, *(_amount(micros, account.unit) for micros in amounts), account.unit)


def _amount(micros: int, unit: str) -> str:
    return f"{micros // _MICROS:,}" if unit == "COUNT" else f"{Decimal(micros) / _MICROS:,.3f}"


@accounts.command(
    epilog="""\b
Examples:
  signalbox accounts grant marketing/sms/cash 100.00 CNY --tenant berka-bank
  signalbox accounts grant marketing/sms/cash 100.00 CNY --tenant berka-bank --entry 2026-q1 --json

\b
Exit codes: 0 it is in the account, 1 the entry exists with another amount, 2 no server answers."""
)
@click.argument("account")
@click.argument("amount", type=Amount())
@click.argument("unit")
@click.option("--tenant", required=True, help="Whose account.")
@click.option(
    "--entry", "entry_id", help="A key of your own: the same entry again puts nothing in.  [default: a new one]"
)
@click.option("--by", help="Who does it.  [default: you]")
@server_options
@click.option("--json", "as_json", is_flag=True, help="Print the account as one JSON object.")
def grant(
    account: str,
    amount: int,
    unit: str,
    tenant: str,
    entry_id: str | None,
    by: str | None,
    server: str | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Put AMOUNT into ACCOUNT, which is made when it is missing. UNIT is a currency such as CNY, or COUNT."""
    entry = entry_id or f"cli-{uuid4().hex}"
    request = budget_service_pb2.GrantRequest(
        tenant=tenant, account=account, unit=unit.upper(), micros=amount, entry_id=entry, by=by or caller()
    )
    with a_server(server, data_dir) as asked:
        try:
            answer = asked.ask(asked.budget.Grant, request)
        except click.ClickException:
            click.echo(f"signalbox: to be safe, try again with --entry {entry}: it cannot count twice", err=True)
            raise
    if as_json:
        click.echo(json.dumps(plain(answer.account, empties=True) | {"repeated": answer.repeated}, ensure_ascii=False))
        return
    status = answer.account
    again = " (this entry had been made before, and nothing was put in)" if answer.repeated else ""
    left = _amount(status.left_micros, status.unit)
    click.echo(f"{status.name} of {status.tenant} holds {left} {status.unit}{again}")
