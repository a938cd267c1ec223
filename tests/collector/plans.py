"""Plans for tests, a day's way through them, and a database that holds some."""

import asyncio
import copy
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from milepost_collector.delivery.source import Source
from milepost_collector.store.connection import AsyncDatabase, connect_async
from milepost_collector.store.plans.locking import By
from milepost_collector.store.plans.verifying import verify
from milepost_collector.store.plans.writing import Written, put_plan
from milepost_schemas.plan import Plan, read_plan
from tests.fixtures.servers import FreshDatabase

T = TypeVar("T")

NOW = datetime(2026, 11, 19, 6, tzinfo=UTC)
BY = By(Source.DISPATCHER, "a test", NOW)


def stop_value(number: int, *, prefix: str = "") -> dict[str, Any]:
    """Return a stop with one order of one parcel."""
    return {
        "id": f"{prefix}s{number}",
        "lat_deg": 48 + number / 100,
        "lon_deg": 11.5,
        "address": f"Ringstrasse {number}",
        "window": {"from": "2026-11-19T08:00:00Z", "to": "2026-11-19T10:00:00Z"},
        "orders": [
            {
                "id": f"{prefix}o{number}",
                "parcels": [f"{prefix}k{number}"],
                "contact": {"name": f"Ada {number}", "phone": "+4917012345678", "note": "ring"},
            }
        ],
    }


def plan_value(
    stops: int = 3, *, name: str = "p1", prefix: str = "", **more: Any
) -> dict[str, Any]:
    """Return a plan as JSON values."""
    return copy.deepcopy(
        {
            "id": name,
            "vehicle": "van-1",
            "date": "2026-11-19",
            "time_zone": "Europe/Berlin",
            "depot": {"lat_deg": 48.0, "lon_deg": 11.0, "departs_at": "2026-11-19T06:30:00Z"},
            "path": [[48.0, 11.0], [48.1, 11.5]],
            "stops": [stop_value(number, prefix=prefix) for number in range(1, stops + 1)],
        }
        | more
    )


def a_plan(stops: int = 3, *, name: str = "p1", prefix: str = "", **more: Any) -> Plan:
    """Return a plan."""
    return read_plan(plan_value(stops, name=name, prefix=prefix, **more))


def within(database: FreshDatabase, work: Callable[[AsyncDatabase], Awaitable[T]]) -> T:
    """Do some work on a connection, and return what it returns."""

    async def once() -> T:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            return await work(connection)

    return asyncio.run(once())


def put(
    database: FreshDatabase, plan: Plan, by: By = BY, effective_at: datetime | None = None
) -> Written:
    """Put a plan."""
    return within(
        database, lambda connection: put_plan(connection, plan, by, effective_at=effective_at)
    )


def kinds(written: Written) -> list[tuple[str, str | None]]:
    """Return kinds and stops of what was recorded."""
    return [(row.entry.kind, row.entry.stop) for row in written.changes]


def causes(database: FreshDatabase) -> dict[str, tuple[int | None, str] | None]:
    """Return what the proof says of each chain: None, or the first broken change and why."""

    async def walk(connection: AsyncDatabase) -> dict[str, tuple[int | None, str] | None]:
        return {
            each.chain: None if each.cause is None else (each.broken_at, each.cause)
            async for each in verify(connection)
        }

    return within(database, walk)
