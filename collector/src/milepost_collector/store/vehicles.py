"""What the map asks: where each vehicle is and how its unit does, and where it has been."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

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
    async with connection.cursor(row_factory=class_row(Vehicle)) as cursor:
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


async def set_status(
    connection: AsyncDatabase, device: str, shard: int, status: dict[str, Any]
) -> None:
    """Store a unit's own words.

    A goodbye or a will counts only for the connection that it names: it may come late.
    """
    async with connection.transaction():
        await connection.execute(
            "INSERT INTO device (device, shard, status) VALUES (%(device)s, %(shard)s, %(status)s) "
            "ON CONFLICT (device) DO UPDATE SET status = CASE "
            "WHEN (excluded.status ->> 'online')::boolean THEN excluded.status "
            "ELSE coalesce(device.status, '{}') || excluded.status END "
            "WHERE (excluded.status ->> 'online')::boolean OR "
            "(device.status ->> 'run', device.status ->> 'connection') IS NOT DISTINCT FROM "
            "(excluded.status ->> 'run', excluded.status ->> 'connection')",
            {"device": device, "shard": shard, "status": Jsonb(status)},
        )
