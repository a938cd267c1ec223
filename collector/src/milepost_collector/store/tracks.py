"""Where a vehicle has been, for pages and maps: its stored fixes of a time, as columns.

Whole, with all that a page shows; or simplified, a few hundred points that a map draws the same.
Both read the same rows in the same way on both kinds of storage: by (device, time), and packed by
the server into a few arrays of 64-bit numbers, for a row of its own costs more than its fix.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import numpy as np
import shapely
from numpy.typing import NDArray

from milepost_collector.store.arrays import Kind, numbers_of
from milepost_collector.store.connection import AsyncDatabase

# A map of a phone or a desk shows no more; a track of a day is a few hundred at this tolerance.
MAX_POINTS = 1000
TOLERANCE_M = 5.0

# Metres in a millionth of a degree of a meridian, on a sphere of the Earth's mean radius.
_METRES_PER_E6 = 0.111195

_HALF_E6 = 180_000_000
_TURN_E6 = 360_000_000

# Values that no receiver says, in place of NULL, which a packed number cannot be.
_NO_ALTITUDE = -(2**31)
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
    time, place, hole, altitude, motion = await _arrays(connection, TRACK, vehicle, begin, end)
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
    connection: AsyncDatabase, vehicle: str, begin: datetime, end: datetime
) -> DrawnTrack:
    """Return a vehicle's way from `begin` until before `end` as a map draws it; none if unknown.

    At most `MAX_POINTS` points, unless the receiver had more holes than half of that: the ends of a
    hole are kept. The tolerance begins with `TOLERANCE_M` and is doubled until they are few enough.
    """
    line = _line(*await _arrays(connection, LINE, vehicle, begin, end))
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


def simplified(
    lat_e6: Whole, lon_e6: Whole, hole: NDArray[np.bool_], most: int = MAX_POINTS
) -> tuple[Whole, float]:
    """Choose the places of the points to draw, and say the tolerance in metres that they keep.

    The rule is Douglas and Peucker's (1973), in each piece between holes: no point is farther from
    the line between those kept than the tolerance. Metres are those of a plane that understates
    none: degrees of longitude count as where the track is nearest to the equator.
    """
    if len(lat_e6) == 0:
        return np.empty(0, np.int64), TOLERANCE_M
    lines, alone = _pieces(_metres(lat_e6, lon_e6), hole)
    fewest = 2 * len(lines) + len(alone)
    tolerance_m = TOLERANCE_M
    while True:
        kept = shapely.simplify(lines, tolerance_m, preserve_topology=False)
        numbers = shapely.get_coordinates(kept, include_z=True)[:, 2]
        places = np.sort(np.concatenate((np.rint(numbers).astype(np.int64), alone)))
        if len(places) <= max(most, fewest):
            return places, tolerance_m
        tolerance_m *= 2


def _pieces(
    metres: NDArray[np.float64], hole: NDArray[np.bool_]
) -> tuple[NDArray[np.object_], Whole]:
    """Return the lines between holes, and the places of points that no line leads to or from."""
    if len(metres) > 1 and not hole[1:].any():
        return np.array([shapely.linestrings(metres)]), np.empty(0, np.int64)
    begins = hole.copy()
    begins[0] = True
    piece = np.cumsum(begins) - 1
    sizes = np.bincount(piece)
    drawable = (sizes > 1)[piece]
    numbered = (np.cumsum(sizes > 1) - 1)[piece]
    lines = np.asarray(shapely.linestrings(metres[drawable], indices=numbered[drawable]))
    return lines, np.flatnonzero(~drawable)


def _metres(lat_e6: Whole, lon_e6: Whole) -> NDArray[np.float64]:
    """Return metres from the first point and each one's place; no edge at the date line."""
    crosses = lon_e6.max() - lon_e6.min() > _HALF_E6
    east_e6 = np.unwrap(lon_e6, period=_TURN_E6) if crosses else lon_e6
    metres = np.empty((len(lat_e6), 3))
    widest = np.cos(np.radians(np.abs(lat_e6).min() / 1e6))
    np.multiply(east_e6 - east_e6[0], widest * _METRES_PER_E6, out=metres[:, 0])
    np.multiply(lat_e6 - lat_e6[0], _METRES_PER_E6, out=metres[:, 1])
    metres[:, 2] = np.arange(len(lat_e6))
    return metres


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


async def _arrays(
    connection: AsyncDatabase, query: LiteralString, vehicle: str, begin: datetime, end: datetime
) -> list[bytes | None]:
    """Run a query of one row of arrays and return them as they came."""
    async with connection.cursor(binary=True) as cursor:
        # By itself, so that the plan is made for a number that is known.
        await cursor.execute("SELECT no FROM device WHERE device = %s", (vehicle,))
        found = await cursor.fetchone()
        device = None if found is None else found[0]
        await cursor.execute(query, {"device": device, "begin": begin, "end": end})
        result = cursor.pgresult
        if result is None or result.ntuples != 1:
            raise LookupError("an aggregate without GROUP BY has one row")
        return [result.get_value(0, column) for column in range(result.nfields)]
