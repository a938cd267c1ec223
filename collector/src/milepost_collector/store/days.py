"""What is stored of a vehicle's day: its fixes, how many came late, and what happened."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from milepost_collector.store.connection import AsyncDatabase
from milepost_schemas.bulk import MISSING, FixRows
from milepost_schemas.event import Event
from milepost_schemas.fix import instant, milliseconds

# Rows taken from the connection between two looks at other work.
_AT_ONCE = 5_000

_EMPTY = np.zeros((0, 14), np.int64)


class UnknownVehicleError(LookupError):
    """There is no such vehicle."""


@dataclass(frozen=True, slots=True)
class StoredDay:
    """What is stored of a day.

    Attributes:
        fixes: In the order of GPS time.
        late: How many of them came late, by whole hours; None: it was not counted then.
        events: Those that happened in it; withdrawals are among them.
    """

    fixes: FixRows
    late: int | None
    events: list[Event]


async def read_day(database: AsyncDatabase, vehicle: str, begin_ms: int, end_ms: int) -> StoredDay:
    """Read a vehicle's day.

    Args:
        database: Inside a transaction that sees one state of all (`snapshot`).
        vehicle: Its name.
        begin_ms: GPS time, milliseconds since 1970.
        end_ms: Likewise; not included.

    Raises:
        UnknownVehicleError: There is none of that name.
    """
    cursor = await database.execute("SELECT no FROM device WHERE device = %s", (vehicle,))
    row = await cursor.fetchone()
    if row is None:
        raise UnknownVehicleError(f"there is no vehicle {vehicle!r}")
    period = instant(begin_ms), instant(end_ms)
    return StoredDay(
        await _fixes(database, row[0], *period),
        await _late(database, row[0], *period),
        await _events(database, vehicle, *period),
    )


async def _fixes(database: AsyncDatabase, device: int, begin: datetime, end: datetime) -> FixRows:
    parts = [_EMPTY]
    async with database.cursor(binary=True) as cursor:
        await cursor.execute(
            "SELECT seq, (extract(epoch FROM time) * 1000)::bigint, lat_e6, lon_e6, "
            "coalesce(altitude_dm, %(none)s), coalesce(speed_dmps, %(none)s), "
            "coalesce(course_deg, %(none)s), coalesce(hdop_tenths, %(none)s), "
            "coalesce(satellites, %(none)s), coalesce(kind, %(none)s), "
            "coalesce(error_dm, %(none)s), date_repaired::integer, stands_for, hole::integer "
            "FROM fix WHERE device = %(device)s AND time >= %(begin)s AND time < %(end)s "
            "ORDER BY time, stream, seq",
            {"none": MISSING, "device": device, "begin": begin, "end": end},
        )
        while rows := await cursor.fetchmany(_AT_ONCE):
            parts.append(np.array(rows, np.int64))
    columns = np.concatenate(parts).T
    return FixRows(np.zeros(columns.shape[1], np.int64), *columns)


async def _late(database: AsyncDatabase, device: int, begin: datetime, end: datetime) -> int | None:
    cursor = await database.execute(
        "SELECT CASE WHEN bool_and(late IS NOT NULL) THEN sum(late) END FROM fix_hour "
        "WHERE device = %s AND hour >= %s AND hour < %s",
        (device, begin, end),
    )
    row = await cursor.fetchone()
    return None if row is None or row[0] is None else int(row[0])


async def _events(
    database: AsyncDatabase, vehicle: str, begin: datetime, end: datetime
) -> list[Event]:
    cursor = await database.execute(
        "SELECT id, type, device, subject, time, data FROM event "
        "WHERE subject = %s AND time >= %s AND time < %s ORDER BY time, entry",
        (vehicle, begin, end),
    )
    return [
        Event(name, kind, device, subject, milliseconds(time), data)
        async for name, kind, device, subject, time, data in cursor
    ]
