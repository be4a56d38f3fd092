"""The accounts: what was put in, and what of it is granted to the slices of the partitions.

    total = granted + free          granted = sum over the partitions = what their slices hold or have spent

Nothing is granted beyond the total, because every grant is made while the account's row is locked. Money moves between
here and a slice in two steps, so each movement has a number, counted for each account and partition:

    grant        1. here: numbered n, open   2. the slice takes n in, once   3. here: n closed
    take back    1. the slice gives up n and remembers it   2. here: n added, once   3. the slice forgets it

Whoever finds the first step without the last finishes it; at most one grant of a slice is open at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, Select, and_, func, insert, select, update
from sqlalchemy.dialects import mysql, sqlite

from engine.decision.ledger_model import AccountKey
from engine.errors import EntryDiffers, FieldViolation, InvalidInput
from engine.records.database import Database
from engine.records.tables import account_entries, accounts, grants

MOST_MICROS: Final = 2**53 - 1
"""In an account at a time: Redis' scripts count in floating-point numbers, which are exact up to here."""

MOST_LISTED: Final = 1_000


@dataclass(frozen=True, slots=True)
class Account:
    """An account as the books have it; amounts in millionths of `unit`."""

    tenant: str
    name: str
    unit: str
    total_micros: int
    granted_micros: int
    updated_ms: int

    @property
    def free_micros(self) -> int:
        """What no slice has."""
        return self.total_micros - self.granted_micros


@dataclass(frozen=True, slots=True)
class TopUp:
    """An amount put into an account, and who says so. `entry_id` is the caller's: the same one counts once."""

    tenant: str
    account: str
    unit: str
    micros: int
    entry_id: str
    made_by: str = ""


class Entry(NamedTuple):
    """A top-up that was made, and when."""

    entry_id: str
    micros: int
    at_ms: int
    made_by: str


class Grant(NamedTuple):
    """An amount on its way into a slice, or arrived there. Numbers of one account and partition go 1, 2, 3 …"""

    tenant: str
    account: str
    unit: str
    partition: int
    number: int
    micros: int


Allot = Callable[[int], Mapping[int, int]]
"""Given what is free: how much each partition gets, in millionths; 0 makes an empty slice."""


class Accounts:
    """The accounts of a database. Every method raises RecordsUnavailable and may then be called again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ---- for people ----

    async def top_up(self, entry: TopUp, now_ms: int) -> tuple[Account, bool]:
        """Put an amount in, and say whether that entry had been made before: then nothing is changed.

        An account that does not exist is made. Raises InvalidInput for another unit than the account's and for too much
        in all, EntryDiffers for an entry id that stands for another amount.
        """
        return await self._database.write(lambda connection: _top_up(connection, entry, now_ms))

    async def get(self, key: AccountKey) -> Account | None:
        """One account, or None."""
        return await self._database.read(lambda connection: _read(connection, key))

    async def page(
        self, tenant: str = "", prefix: str = "", after: AccountKey = ("", ""), limit: int = MOST_LISTED
    ) -> list[Account]:
        """The accounts after this key in the order of tenant and name: of all tenants or one, with a prefix or any."""
        c = accounts.c
        asked = _accounts().where((c.tenant > after[0]) | ((c.tenant == after[0]) & (c.name > after[1])))
        if tenant:
            asked = asked.where(c.tenant == tenant)
        if prefix:
            # No LIKE: it folds case in one database and not in the other.
            asked = asked.where(func.substr(c.name, 1, len(prefix)) == prefix)
        asked = asked.order_by(c.tenant, c.name).limit(limit)
        return await self._database.read(lambda connection: [Account(*row) for row in connection.execute(asked)])

    async def entries(self, key: AccountKey, limit: int = MOST_LISTED) -> list[Entry]:
        """The newest top-ups of an account, the newest first."""
        c = account_entries.c
        asked = select(c.entry_id, c.micros, c.at_ms, c.made_by).where(c.account == account_id(key))
        asked = asked.order_by(c.seq.desc()).limit(limit)
        return await self._database.read(lambda connection: [Entry(*row) for row in connection.execute(asked)])

    # ---- for the slices ----

    async def grant(
        self, key: AccountKey, allot: Allot, now_ms: int, seen: Mapping[int, int], arrived: Sequence[Grant] = ()
    ) -> tuple[Account | None, list[Grant]]:
        """Grant what `allot` says out of what is free, and return the account and every grant of it that is open.

        Those that `arrived` in their slices are closed first. A partition whose last grant is still open gets none:
        finish that one and ask again. `seen` is how many grants a partition's slice has had, for slices that are older
        than these books. No account: None.
        """
        return await self._database.write(lambda connection: _grant(connection, key, allot, now_ms, seen, arrived))

    async def arrived(self, done: Sequence[Grant]) -> None:
        """The slices have taken these grants in."""
        await self._database.write(lambda connection: _arrived(connection, done))

    async def renumber(self, grant: Grant, number: int, taken_number: int) -> None:
        """A slice was lost and counts from its beginning again; an open grant gets the number that it expects.

        What was granted to the lost slice stays granted: nobody knows how much of it was spent.
        """
        await self._database.write(lambda connection: _renumber(connection, grant, number, taken_number))

    async def take_back(self, key: AccountKey, partition: int, number: int, micros: int, now_ms: int) -> None:
        """A slice gave this up; it is free again. A number that is known changes nothing."""
        await self._database.write(lambda connection: _take_back(connection, key, partition, number, micros, now_ms))

    async def unfinished(self) -> list[Grant]:
        """Every open grant of every account."""
        asked = _open_grants()
        return await self._database.read(lambda connection: [Grant(*row) for row in connection.execute(asked)])


def account_id(key: AccountKey) -> str:
    """Return the digest that stands for an account in every table."""
    tenant, name = (part.encode() for part in key)
    return sha256(len(tenant).to_bytes(4, "big") + tenant + name).hexdigest()[:32]


def _accounts() -> Select[Any]:
    c = accounts.c
    return select(c.tenant, c.name, c.unit, c.total_micros, c.granted_micros, c.updated_ms)


def _read(connection: Connection, key: AccountKey, lock: bool = False) -> Account | None:
    asked = _accounts().where(accounts.c.id == account_id(key))
    row = connection.execute(asked.with_for_update() if lock else asked).one_or_none()
    return Account(*row) if row is not None else None


def _change(connection: Connection, key: AccountKey, **values: int) -> None:
    connection.execute(update(accounts).where(accounts.c.id == account_id(key)).values(**values))


def _top_up(connection: Connection, entry: TopUp, now_ms: int) -> tuple[Account, bool]:
    key = (entry.tenant, entry.account)
    account = _opened(connection, entry, now_ms)
    _check(account, entry)
    if _is_known(connection, entry):
        return account, True
    if account.total_micros + entry.micros > MOST_MICROS:
        _refuse("micros", f"the account {account.name!r} would hold more than {MOST_MICROS} micros")
    noted = {"entry_id": entry.entry_id, "micros": entry.micros, "made_by": entry.made_by}
    connection.execute(insert(account_entries).values(account=account_id(key), at_ms=now_ms, **noted))
    total = account.total_micros + entry.micros
    _change(connection, key, total_micros=total, updated_ms=now_ms)
    return Account(*key, account.unit, total, account.granted_micros, now_ms), False


def _opened(connection: Connection, entry: TopUp, now_ms: int) -> Account:
    """Lock the account of an entry; it is made if it is missing, also when two make it at once."""
    key = (entry.tenant, entry.account)
    values: dict[str, str | int] = {
        "id": account_id(key),
        "tenant": entry.tenant,
        "name": entry.account,
        "unit": entry.unit,
    }
    values |= {"total_micros": 0, "granted_micros": 0, "updated_ms": now_ms}
    if connection.dialect.name == "sqlite":
        connection.execute(sqlite.insert(accounts).values(values).on_conflict_do_nothing())
    else:
        unchanged = [("id", accounts.c.id)]  # INSERT IGNORE would swallow other faults too
        connection.execute(mysql.insert(accounts).values(values).on_duplicate_key_update(unchanged))
    account = _read(connection, key, lock=True)
    assert account is not None  # nothing deletes accounts
    return account


def _is_known(connection: Connection, entry: TopUp) -> bool:
    """Was this entry made before? Raises EntryDiffers if its id stands for another amount."""
    c = account_entries.c
    own = and_(c.account == account_id((entry.tenant, entry.account)), c.entry_id == entry.entry_id)
    before = connection.execute(select(c.micros).where(own)).scalar()
    if before is not None and before != entry.micros:
        raise EntryDiffers(f"the entry {entry.entry_id!r} was made before with {before} micros; give a new entry_id")
    return before is not None


def _check(account: Account, entry: TopUp) -> None:
    if entry.micros <= 0:
        _refuse("micros", "an entry puts in more than 0")
    if entry.unit != account.unit:
        _refuse("unit", f"the account {account.name!r} is in {account.unit}, not in {entry.unit}")


def _refuse(field: str, description: str) -> None:
    raise InvalidInput([FieldViolation(field, description)])


# ---- grants ----


def _own_grants(key: AccountKey, *partitions: int) -> Any:
    own = grants.c.account == account_id(key)
    return and_(own, grants.c.part.in_(partitions)) if partitions else own


def _open_grants() -> Select[Any]:
    a, g = accounts.c, grants.c
    joined = select(a.tenant, a.name, a.unit, g.part, g.number, g.micros).join_from(grants, accounts)
    return joined.where(g.is_open)


def _grant(
    connection: Connection,
    key: AccountKey,
    allot: Allot,
    now_ms: int,
    seen: Mapping[int, int],
    arrived: Sequence[Grant],
) -> tuple[Account | None, list[Grant]]:
    account = _read(connection, key, lock=True)
    if account is None:
        return None, []
    _arrived(connection, arrived)
    last = {row.part: row for row in connection.execute(select(grants).where(_own_grants(key)))}
    allotted = allot(account.free_micros)
    made = {part: micros for part, micros in allotted.items() if part not in last or not last[part].is_open}
    granted = account.granted_micros + sum(made.values())
    if min(made.values(), default=0) < 0 or granted > account.total_micros:
        raise ValueError(f"allotted {made} of {account.free_micros} micros")
    for partition, micros in made.items():
        _number_grant(connection, key, last.get(partition), partition, micros, now_ms, seen.get(partition, 0))
    if granted != account.granted_micros:
        _change(connection, key, granted_micros=granted)
    is_open = [Grant(*row) for row in connection.execute(_open_grants().where(_own_grants(key)))]
    return Account(*key, account.unit, account.total_micros, granted, account.updated_ms), is_open


def _number_grant(
    connection: Connection,
    key: AccountKey,
    last: Row[Any] | None,
    partition: int,
    micros: int,
    now_ms: int,
    seen: int,
) -> None:
    number, before = (last.number, last.granted_micros) if last is not None else (0, 0)
    values = {"number": max(number, seen) + 1, "micros": micros, "is_open": True, "granted_micros": before + micros}
    values["updated_ms"] = now_ms
    if last is None:
        connection.execute(insert(grants).values(account=account_id(key), part=partition, taken_number=0, **values))
    else:
        connection.execute(update(grants).where(_own_grants(key, partition)).values(**values))


def _arrived(connection: Connection, done: Sequence[Grant]) -> None:
    for grant in done:
        own = _own_grants((grant.tenant, grant.account), grant.partition)
        connection.execute(update(grants).where(own, grants.c.number == grant.number).values(is_open=False))


def _renumber(connection: Connection, grant: Grant, number: int, taken_number: int) -> None:
    own = _own_grants((grant.tenant, grant.account), grant.partition)
    still = and_(own, grants.c.number == grant.number, grants.c.is_open)
    connection.execute(update(grants).where(still).values(number=number, taken_number=taken_number))


def _take_back(connection: Connection, key: AccountKey, partition: int, number: int, micros: int, now_ms: int) -> None:
    account = _read(connection, key, lock=True)
    last = connection.execute(select(grants).where(_own_grants(key, partition))).one_or_none()
    if account is None or last is None or last.taken_number >= number:
        return
    changed = {"taken_number": number, "granted_micros": last.granted_micros - micros, "updated_ms": now_ms}
    connection.execute(update(grants).where(_own_grants(key, partition)).values(**changed))
    _change(connection, key, granted_micros=account.granted_micros - micros)
