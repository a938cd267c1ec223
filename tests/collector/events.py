"""Events written into a real database and numbered there, for tests."""

import asyncio
import uuid
from collections.abc import Sequence

from milepost_collector.store import feed
from milepost_collector.store.connection import AsyncDatabase, connect_async
from milepost_collector.store.writes import Writes, write
from milepost_schemas.event import Event
from tests.collector.batches import NOW_MS
from tests.fixtures.servers import FreshDatabase


def event(number: int, *, kind: str = "fence.entered", vehicle: str = "van-1") -> Event:
    """An event of its own."""
    return Event(
        uuid.uuid5(uuid.NAMESPACE_OID, f"{vehicle}-{number}"),
        kind,
        vehicle,
        vehicle,
        NOW_MS + number,
        {"fence": f"f{number}"},
    )


async def add(connection: AsyncDatabase, events: Sequence[Event]) -> None:
    """Write events in a transaction and number what is committed."""
    async with connection.transaction():
        await write(connection, Writes(events=list(events)), NOW_MS + 1000)
    await feed.open_feed(connection)
    await feed.number_fresh(connection)


def fill(database: FreshDatabase, events: Sequence[Event]) -> None:
    """As `add`, over a connection of its own."""

    async def once() -> None:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            await add(connection, events)

    asyncio.run(once())
