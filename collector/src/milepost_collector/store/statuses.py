"""What units say of themselves, kept in their rows."""

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from milepost_collector.store.connection import AsyncDatabase

Status = Mapping[str, Any]

_MAKE = """
INSERT INTO device (device, shard)
SELECT * FROM unnest(%s::text[], %s::smallint[]) AS new (device, shard)
WHERE NOT EXISTS (SELECT FROM device WHERE device.device = new.device)
ORDER BY device
ON CONFLICT DO NOTHING
"""

_HOLD = "SELECT device FROM device WHERE device = ANY(%s) FOR UPDATE SKIP LOCKED"

# A goodbye or a will counts only for the connection that it names: it may come late. So may a
# birth: the broker repeats a retained one to whoever subscribes, while another collector still
# writes what came before or after it.
_SET = """
UPDATE device SET status = CASE
    WHEN (new.status ->> 'online')::boolean THEN new.status
    ELSE coalesce(device.status, '{}') || new.status END
FROM unnest(%s::text[], %s::jsonb[]) AS new (device, status)
WHERE device.device = new.device AND CASE
    WHEN NOT (new.status ->> 'online')::boolean THEN
        (device.status -> 'run', device.status -> 'connection') IS NOT DISTINCT FROM
        (new.status -> 'run', new.status -> 'connection')
    WHEN device.status -> 'run' = new.status -> 'run' THEN NOT coalesce(
        device.status -> 'connection' > new.status -> 'connection'
        OR device.status -> 'connection' = new.status -> 'connection'
        AND NOT (device.status ->> 'online')::boolean, false)
    ELSE true END
"""


async def set_statuses(
    connection: AsyncDatabase, shards: Mapping[str, int], statuses: Mapping[str, Status]
) -> set[str]:
    """Store a status each of some units; return those whose row another transaction holds.

    Args:
        connection: In autocommit mode.
        shards: The shard of each device; rows of unknown devices are made.
        statuses: By device; `online` is true or false in each.

    Raises:
        DataError: One of them cannot be stored (`writes.NOT_STORABLE`); none was.
        OperationalError: The server is lost or too busy.
    """
    names = sorted(statuses)
    async with connection.transaction():
        await connection.execute(_MAKE, (names, [shards[name] for name in names]))
        cursor = await connection.execute(_HOLD, (names,))
        held = [name async for (name,) in cursor]
        await connection.execute(_SET, (held, [Jsonb(dict(statuses[name])) for name in held]))
    return set(names) - set(held)
