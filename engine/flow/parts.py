"""What every process of a server has: Redis and SQL, and who reads and writes them."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from engine.clock import Clock
from engine.flow.refill import Refill
from engine.records.accounts import Accounts
from engine.records.database import Database
from engine.records.feed import Feed
from engine.records.queries import Queries
from engine.state.admit import Admitter
from engine.state.apply import Changes
from engine.state.connection import Store, StoreOptions
from engine.state.control import Control
from engine.state.events import Events
from engine.state.identities import Identities
from engine.state.lanes import Lanes
from engine.state.ledger import Ledger
from engine.state.limit_ids import LimitIds
from engine.state.messages import Messages
from engine.state.slices import Slices
from engine.state.timers import Timers
from engine.state.windows import Windows


@dataclass(frozen=True, slots=True)
class State:
    """Redis and SQL, and who reads and writes them."""

    clock: Clock
    store: Store
    database: Database
    messages: Messages
    changes: Changes
    lanes: Lanes
    timers: Timers
    events: Events
    control: Control
    windows: Windows
    identities: Identities
    ledger: Ledger
    admitter: Admitter
    accounts: Accounts
    refill: Refill
    queries: Queries
    feed: Feed


async def open_state(
    options: StoreOptions, records_url: str | None, data_dir: Path, window_ms: int, clock: Clock, parts: AsyncExitStack
) -> State:
    """Connect to Redis (or start it) and to SQL, and push the ends of both onto `parts`.

    Raises ConfigurationError, StateUnavailable and RecordsUnavailable.
    """
    store = await Store.open(options)
    parts.push_async_callback(store.close)
    database = await Database.open(records_url, data_dir)
    parts.push_async_callback(database.close)
    ids, accounts = LimitIds(store), Accounts(database)
    refill = Refill(accounts, Slices(store), clock)
    parts.push_async_callback(refill.close)
    return State(
        clock=clock,
        store=store,
        database=database,
        messages=Messages(store),
        changes=Changes(store),
        lanes=Lanes(store),
        timers=Timers(store),
        events=Events(store),
        control=Control(store),
        windows=Windows(store, window_ms),
        identities=Identities(store),
        ledger=Ledger(store, ids),
        admitter=Admitter(store, ids),
        accounts=accounts,
        refill=refill,
        queries=Queries(database),
        feed=Feed(database),
    )
