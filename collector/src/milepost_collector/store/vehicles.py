"""What the map asks: where each vehicle is and how its unit does, and where it has been."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from psycopg.rows import args_row, class_row

from milepost_collector.store.connection import AsyncDatabase


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A vehicle as it was heard of last.

    Attributes:
        id: Its name; until it is assigned otherwise, that of its device.
        position_time: GPS time of the position; None when there is none yet.
        heard_at: Our time of its newest message.
        online: What its status says; None when it has said nothing.
        stored: Numbers of its streams that are stored.
        waiting: Numbers that the unit told of and that are not stored yet.
    """

    id: str
    position_time: datetime | None
    lat_deg: float | None
    lon_deg: float | None
    altitude_m: float | None
    speed_mps: float | None
    course_deg: int | None
    heard_at: datetime | None
    online: bool | None
    stored: int
    waiting: int


@dataclass(frozen=True, slots=True)
class TrackPoint:
    """One stored position."""

    time: datetime
    lat_deg: float
    lon_deg: float


async def all_vehicles(connection: AsyncDatabase) -> list[Vehicle]:
    """Return every vehicle, by name."""
    # In the order of the fields and as binary: 10,000 by name and as text take twice the time.
    async with connection.cursor(binary=True, row_factory=args_row(Vehicle)) as cursor:
        await cursor.execute(
            "SELECT device AS id, position_time, lat_e6 / 1e6::float8 AS lat_deg, "
            "lon_e6 / 1e6::float8 AS lon_deg, altitude_dm / 10::float8 AS altitude_m, "
            "speed_dmps / 10::float8 AS speed_mps, course_deg, heard_at, "
            "(status ->> 'online')::boolean AS online, "
            "coalesce(sums.stored, 0)::bigint AS stored, "
            "coalesce(sums.waiting, 0)::bigint AS waiting "
            "FROM device LEFT JOIN ("
            "SELECT device AS no, sum(fixes) AS stored, sum(greatest(newest - last_seq, 0)) "
            "AS waiting FROM stream GROUP BY device) AS sums USING (no) ORDER BY device"
        )
        return await cursor.fetchall()


class LastPosition(NamedTuple):
    """Where a vehicle was last, for those who ask often: as it is stored, nothing reckoned."""

    id: str
    position_time: datetime
    lat_e6: int
    lon_e6: int
    speed_dmps: int | None
    course_deg: int | None


async def last_positions(connection: AsyncDatabase) -> list[LastPosition]:
    """Return the newest position of every vehicle that has one, in no order."""
    async with connection.cursor(binary=True, row_factory=args_row(LastPosition)) as cursor:
        await cursor.execute(
            "SELECT device, position_time, lat_e6, lon_e6, speed_dmps, course_deg FROM device "
            "WHERE position_time IS NOT NULL"
        )
        return await cursor.fetchall()


async def track(connection: AsyncDatabase, vehicle: str, last: int) -> list[TrackPoint]:
    """Return the newest `last` stored positions of a vehicle, oldest first; none if unknown."""
    async with connection.cursor(row_factory=class_row(TrackPoint)) as cursor:
        await cursor.execute(
            "SELECT time, lat_e6 / 1e6::float8 AS lat_deg, lon_e6 / 1e6::float8 AS lon_deg "
            "FROM fix WHERE device = (SELECT no FROM device WHERE device = %s) "
            "ORDER BY time DESC LIMIT %s",
            (vehicle, last),
        )
        return list(reversed(await cursor.fetchall()))
