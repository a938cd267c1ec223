"""The ingest into a table that holds 20 million fixes, beside one that holds none.

The vehicles that send are those that the table is full of, and all of it is of one week: the same
partition and the same index take the new rows.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from milepost_collector.clock import Clock
from milepost_collector.embedded import EmbeddedPostgres
from milepost_collector.ingest.transaction import Intake
from milepost_collector.store.connection import AsyncDatabase, connect_async
from milepost_collector.store.migrate import migrate
from milepost_schemas.fix import milliseconds
from tests.bench.ingest import plain_database
from tests.bench.ingest_load import Fleet
from tests.bench.storage import BEGIN, DAY_FIXES, DAYS, VEHICLES, fill

ROUNDS = 33

# In them pages come to memory.
_FIRST_ROUNDS = 3


def ingest_full_rows(
    folder: Path, *, vehicles: int = VEHICLES, days: int = DAYS, fixes: int = DAY_FIXES
) -> list[dict[str, Any]]:
    """Measure batches of 60 into the full and the empty table by turns."""
    saturday = milliseconds(BEGIN.replace(hour=0) + timedelta(days=5))
    fleet = Fleet("van-", vehicles, 60, saturday)
    with (
        filled_database(folder, vehicles, days, fixes) as full,
        plain_database(folder) as empty,
    ):
        full_s, empty_s = asyncio.run(_by_turns(fleet, full, empty))
    count = fleet.devices * fleet.size
    return [
        {
            "what": f"ingest: batches of 60 at {vehicles * days * fixes / 1e6:.1f} M rows",
            "ours": count / full_s,
            "peer": "the same into an empty table",
            "peers": count / empty_s,
            "unit": "fixes/s",
        }
    ]


@contextmanager
def filled_database(folder: Path, vehicles: int, days: int, fixes: int) -> Iterator[str]:
    """Give the database that `storage_rows` has filled in this folder, or fill one."""
    with EmbeddedPostgres(folder / "storage") as postgres:
        migrate(postgres.dsn, plain=True)
        with psycopg.connect(postgres.dsn, autocommit=True) as database:
            is_empty = database.execute("SELECT FROM fix LIMIT 1").fetchone() is None
        if is_empty:
            fill(postgres.dsn, vehicles=vehicles, days=days, fixes=fixes)
        yield postgres.dsn


async def _by_turns(fleet: Fleet, *dsns: str) -> list[float]:
    """Return the median seconds of a round in each database."""
    databases = [await connect_async(dsn, autocommit=True) for dsn in dsns]
    try:
        intakes = [Intake(database, Clock()) for database in databases]
        taken = await _taken(fleet, intakes)
        return [median(each[_FIRST_ROUNDS:]) for each in taken]
    finally:
        await _close(databases)


async def _taken(fleet: Fleet, intakes: list[Intake]) -> list[list[float]]:
    taken: list[list[float]] = [[] for _ in intakes]
    for number in range(ROUNDS):
        messages = fleet.messages(number)
        for intake, times in zip(intakes, taken, strict=True):
            begin_s = time.perf_counter()
            outcome = await intake.take(messages)
            times.append(time.perf_counter() - begin_s)
            stored = fleet.devices * fleet.size
            assert outcome.fixes == stored, f"{outcome.fixes} were stored, not {stored}"
    return taken


async def _close(databases: list[AsyncDatabase]) -> None:
    for database in databases:
        await database.close()
