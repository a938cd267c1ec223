"""Where a vehicle has been, for pages and maps: its stored fixes of a time, as columns.

Whole, with all that a page shows; or simplified, a few hundred points that a map draws the same.
Both read the same rows in the same way on both kinds of storage: by (device, time), and packed by
the server into a few arrays of 64-bit numbers, for a row of its own costs more than its fix.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, LiteralString

import numpy as np
from numpy.typing import NDArray

from milepost_collector.store.arrays import Kind, numbers_of
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.simplifying import simplified
from milepost_schemas.bulk import MISSING

# Values that no receiver says, in place of NULL, which a packed number cannot be.
_NO_ALTITUDE = MISSING
_NO_SMALL = -1

Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Track:
    """Stored fixes in the order of GPS time: columns of one length.

    Attributes:
        time_ms: GPS time, milliseconds since 1970.
        lat_deg: Degrees, north positive.
        lon_deg: Degrees, east positive.
        altitude_m: Above mean sea level, or None.
        speed_mps: Over ground, or None.
        course_deg: From true north, or None.
        holes: Places of the fixes before which the receiver was silent or void.
    """

    time_ms: list[int]
    lat_deg: list[float]
    lon_deg: list[float]
    altitude_m: list[float | None]
    speed_mps: list[float | None]
    course_deg: list[int | None]
    holes: list[int]


@dataclass(frozen=True, slots=True)
class DrawnTrack:
    """Some of the stored fixes, such that lines between them show where the vehicle was.

    Attributes:
        time_ms: GPS time, milliseconds since 1970.
        lat_deg: Degrees, north positive.
        lon_deg: Degrees, east positive.
        holes: Places of the points to which no line leads: what was before was not measured.
        tolerance_m: No stored fix is farther than this from the lines.
        fixes: How many stored fixes these stand for.
    """

    time_ms: list[int]
    lat_deg: list[float]
    lon_deg: list[float]
    holes: list[int]
    tolerance_m: float
    fixes: int


@dataclass(frozen=True, slots=True)
class _Line:
    time_ms: Whole
    lat_e6: Whole
    lon_e6: Whole
    hole: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.time_ms)

    def of(self, places: Whole) -> "_Line":
        return _Line(
            self.time_ms[places], self.lat_e6[places], self.lon_e6[places], self.hole[places]
        )


# Two numbers in one: the second borrows from the first where it is negative.
_PLACE = "(lat_e6::bigint << 32) + lon_e6"
_MOTION = f"coalesce(speed_dmps, {_NO_SMALL}) * 65536 + coalesce(course_deg, {_NO_SMALL}::smallint)"

_ASKED = "device = %(device)s AND time >= %(begin)s AND time < %(end)s"

# Holes are asked for apart: there is a small index of them, and `hole` is the last of the columns,
# which makes the server read through all others of each row.
LINE: LiteralString = f"""
SELECT array_agg(time),
       array_agg({_PLACE}),
       ARRAY(SELECT time FROM fix WHERE {_ASKED} AND hole ORDER BY time)
FROM (SELECT time, lat_e6, lon_e6 FROM fix WHERE {_ASKED} ORDER BY time) AS stored
"""  # noqa: S608 - put together from constants
TRACK: LiteralString = f"""
SELECT array_agg(time),
       array_agg({_PLACE}),
       ARRAY(SELECT time FROM fix WHERE {_ASKED} AND hole ORDER BY time),
       array_agg(coalesce(altitude_dm, {_NO_ALTITUDE})),
       array_agg({_MOTION})
FROM (
    SELECT time, lat_e6, lon_e6, altitude_dm, speed_dmps, course_deg FROM fix WHERE {_ASKED}
    ORDER BY time
) AS stored
"""  # noqa: S608 - put together from constants


async def whole_track(
    connection: AsyncDatabase, vehicle: str, begin: datetime, end: datetime
) -> Track:
    """Return all stored fixes of a vehicle from `begin` until before `end`; none if unknown."""
    device = await _device(connection, vehicle)
    time, place, hole, altitude, motion = await _arrays(connection, TRACK, device, begin, end)
    line = _line(time, place, hole)
    altitude_dm = numbers_of(altitude, Kind.INTEGER)
    speed_dmps, course_deg = _apart(numbers_of(motion, Kind.INTEGER), 16)
    return Track(
        line.time_ms.tolist(),
        (line.lat_e6 / 1e6).tolist(),
        (line.lon_e6 / 1e6).tolist(),
        _known(altitude_dm / 10, altitude_dm != _NO_ALTITUDE),
        _known(speed_dmps / 10, speed_dmps != _NO_SMALL),
        _known(course_deg, course_deg != _NO_SMALL),
        np.flatnonzero(line.hole).tolist(),
    )


async def drawn_track(
    connections: Sequence[AsyncDatabase], vehicle: str, begin: datetime, end: datetime
) -> DrawnTrack:
    """Return a vehicle's way from `begin` until before `end` as a map draws it; none if unknown.

    At most `MAX_POINTS` points, unless the receiver had more holes than half of that: the ends of a
    hole are kept. The tolerance begins with `TOLERANCE_M` and is doubled until they are few enough.

    Args:
        connections: At least one. Each reads a part of the fixes, all at the same time: most of the
            work is the server's, a core a connection.
        vehicle: Its device's id.
        begin: GPS time, aware.
        end: Likewise.
    """
    device = await _device(connections[0], vehicle)
    bounds = await _evenly(connections[0], device, begin, end, len(connections))
    read = await asyncio.gather(
        *(
            _arrays(connection, LINE, device, first, last)
            for connection, (first, last) in zip(connections, pairwise(bounds), strict=False)
        )
    )
    line = _joined([_line(*arrays) for arrays in read])
    places, tolerance_m = simplified(line.lat_e6, line.lon_e6, line.hole)
    few = line.of(places)
    return DrawnTrack(
        few.time_ms.tolist(),
        (few.lat_e6 / 1e6).tolist(),
        (few.lon_e6 / 1e6).tolist(),
        np.flatnonzero(few.hole).tolist(),
        tolerance_m,
        len(line),
    )


async def _evenly(
    connection: AsyncDatabase, device: int | None, begin: datetime, end: datetime, parts: int
) -> list[datetime]:
    """Return the bounds of so many parts, or fewer, with about as many fixes each: full hours."""
    if parts == 1:
        return [begin, end]
    cursor = await connection.execute(
        "SELECT hour, sum(fixes) OVER (ORDER BY hour) FROM fix_hour "
        "WHERE device = %s AND hour >= %s AND hour < %s ORDER BY hour",
        (device, begin, end),
    )
    hours = await cursor.fetchall()
    total = hours[-1][1] if hours else 0
    marks = [total * part // parts for part in range(1, parts)]
    inner = [next(hour for hour, fixes in hours if fixes > mark) for mark in marks if total]
    return [begin, *sorted({hour for hour in inner if begin < hour < end}), end]


def _joined(lines: list["_Line"]) -> "_Line":
    """Put parts of a line behind one another."""
    return _Line(
        np.concatenate([line.time_ms for line in lines]),
        np.concatenate([line.lat_e6 for line in lines]),
        np.concatenate([line.lon_e6 for line in lines]),
        np.concatenate([line.hole for line in lines]),
    )


def _known(values: NDArray[Any], known: NDArray[np.bool_]) -> list[Any]:
    said: list[Any] = values.tolist()
    for place in np.flatnonzero(~known):
        said[place] = None
    return said


def _line(time: bytes | None, place: bytes | None, hole: bytes | None) -> _Line:
    time_ms = numbers_of(time, Kind.TIMESTAMPTZ)
    behind_hole = np.isin(time_ms, numbers_of(hole, Kind.TIMESTAMPTZ))
    return _Line(time_ms, *_apart(numbers_of(place, Kind.BIGINT), 32), behind_hole)


def _apart(both: Whole, bits: int) -> tuple[Whole, Whole]:
    """Take two signed numbers apart, of which the second has so many bits."""
    half = 1 << (bits - 1)
    second = ((both + half) & ((1 << bits) - 1)) - half
    return (both - second) >> bits, second


async def _device(connection: AsyncDatabase, vehicle: str) -> int | None:
    """Return the row number of a device; asked for by itself, the plans behind know it."""
    cursor = await connection.execute("SELECT no FROM device WHERE device = %s", (vehicle,))
    found = await cursor.fetchone()
    return None if found is None else found[0]


async def _arrays(
    connection: AsyncDatabase,
    query: LiteralString,
    device: int | None,
    begin: datetime,
    end: datetime,
) -> list[bytes | None]:
    """Run a query of one row of arrays and return them as they came."""
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(query, {"device": device, "begin": begin, "end": end})
        result = cursor.pgresult
        if result is None or result.ntuples != 1:
            raise LookupError("an aggregate without GROUP BY has one row")
        return [result.get_value(0, column) for column in range(result.nfields)]
