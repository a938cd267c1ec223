"""What an import asks of the database before and after it stores."""

from milepost_collector.store.connection import AsyncDatabase


async def shard_of(database: AsyncDatabase, device: str) -> int | None:
    """Return the shard of a device; None where it is unknown."""
    cursor = await database.execute("SELECT shard FROM device WHERE device = %s", (device,))
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def expired_of(database: AsyncDatabase, device: str, stream: bytes) -> int:
    """Return how many fixes of a stream were stored and have been dropped for their age."""
    cursor = await database.execute(
        "SELECT expired.fixes FROM expired JOIN stream ON stream.no = expired.stream "
        "JOIN device ON device.no = stream.device WHERE device.device = %s AND stream.stream = %s",
        (device, stream),
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])
