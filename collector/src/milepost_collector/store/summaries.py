"""Hour and day rows per device: arrays of fixes in, sums a device and hour out, added to the table.

Every figure can be added to, so fixes may come in any order and any time later: the transaction
that stores them adds what they come to. A day's sums are made of its hours'. Hours and days are
those of UTC.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from milepost_collector.store.arrays import BinaryArray, Kind, binary_array
from milepost_collector.store.connection import AsyncDatabase

HOUR_MS = 3_600_000
DAY_MS = 86_400_000

# Fixes are sent once a minute where data is dear: what is stored within two minutes is in time.
LATE_MS = 120_000

# A speed that the receiver did not say.
NO_SPEED = -1

Whole = NDArray[np.signedinteger[Any]]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Summaries:
    """What fixes come to, per device and span of time: arrays of one length, one row each.

    Rows are in the order of device and time; no two are of the same device and span.

    Attributes:
        device: The device's row number.
        start_ms: When the span begins, milliseconds since 1970.
        first_ms: GPS time of its first fix; likewise.
        last_ms: GPS time of its last fix.
        measured: Raw fixes that the fixes stand for.
        fixes: Fixes.
        holes: Those before which the receiver was silent or void.
        late: Those stored more than `LATE_MS` after their GPS time.
        max_speed_dmps: The highest speed in decimetres a second, `NO_SPEED` where none is known.
    """

    device: Whole
    start_ms: Whole
    first_ms: Whole
    last_ms: Whole
    measured: Whole
    fixes: Whole
    holes: Whole
    late: Whole
    max_speed_dmps: Whole

    def __len__(self) -> int:
        return len(self.device)

    def by_day(self) -> "Summaries":
        """Return the sums by day of sums by hour."""
        return _gathered(
            self.device,
            self.start_ms // DAY_MS * DAY_MS,
            (self.first_ms, self.last_ms, self.max_speed_dmps),
            (self.measured, self.fixes, self.holes, self.late),
        )


def summarise(
    device: Whole, time_ms: Whole, stands_for: Whole, hole: Flags, speed_dmps: Whole, late: Flags
) -> Summaries:
    """Sum up fixes by device and hour; arrays of one length, in any order.

    Args:
        device: The device's row number.
        time_ms: GPS time, milliseconds since 1970.
        stands_for: Raw fixes that each stands for.
        hole: Whether the receiver was silent or void before it.
        speed_dmps: Decimetres a second, `NO_SPEED` where the receiver said none.
        late: Whether it is stored more than `LATE_MS` after its GPS time.
    """
    return _gathered(
        device,
        time_ms // HOUR_MS * HOUR_MS,
        (time_ms, time_ms, speed_dmps),
        (stands_for, np.ones(len(device), np.int64), hole, late),
    )


def _gathered(
    device: Whole,
    start_ms: Whole,
    extremes: tuple[Whole, Whole, Whole],
    sums: tuple[Whole, Whole, Whole | Flags, Whole | Flags],
) -> Summaries:
    """Gather rows of the same device and span: least, greatest, greatest; sums."""
    if len(device) == 0:
        none = np.empty(0, np.int64)
        return Summaries(none, none, none, none, none, none, none, none, none)
    new = (np.diff(device) != 0) | (np.diff(start_ms) != 0)
    if not _in_order(device, start_ms):
        order = np.lexsort((start_ms, device))
        device, start_ms = device[order], start_ms[order]
        extremes = (extremes[0][order], extremes[1][order], extremes[2][order])
        sums = (sums[0][order], sums[1][order], sums[2][order], sums[3][order])
        new = (np.diff(device) != 0) | (np.diff(start_ms) != 0)
    begins = np.concatenate(([0], np.flatnonzero(new) + 1))
    first, last, speed = extremes
    measured, fixes, holes, late = (np.add.reduceat(each, begins, dtype=np.int64) for each in sums)
    return Summaries(
        device[begins],
        start_ms[begins],
        np.minimum.reduceat(first, begins),
        np.maximum.reduceat(last, begins),
        measured,
        fixes,
        holes,
        late,
        np.maximum.reduceat(speed, begins),
    )


def _in_order(device: Whole, start_ms: Whole) -> bool:
    later = np.diff(device)
    return bool(((later > 0) | ((later == 0) & (np.diff(start_ms) >= 0))).all())


_ADD = """
INSERT INTO fix_{span} (device, {span}, first_time, last_time, measured, fixes, holes, late,
                        max_speed_dmps)
SELECT device, start, first, last, measured, fixes, holes, late, nullif(speed, -1)
FROM unnest(%s::integer[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::bigint[],
            %s::integer[], %s::integer[], %s::integer[], %s::smallint[])
     AS new (device, start, first, last, measured, fixes, holes, late, speed)
ON CONFLICT (device, {span}) DO UPDATE
SET first_time = least(fix_{span}.first_time, excluded.first_time),
    last_time = greatest(fix_{span}.last_time, excluded.last_time),
    measured = fix_{span}.measured + excluded.measured,
    fixes = fix_{span}.fixes + excluded.fixes,
    holes = fix_{span}.holes + excluded.holes,
    late = fix_{span}.late + excluded.late,
    max_speed_dmps = greatest(fix_{span}.max_speed_dmps, excluded.max_speed_dmps)
"""
_ADD_HOURS = _ADD.format(span="hour").encode()
_ADD_DAYS = _ADD.format(span="day").encode()


async def add_summaries(connection: AsyncDatabase, summaries: Summaries) -> None:
    """Add sums by hour to the hour and day rows; the caller holds the devices' rows and commits.

    Raises:
        DataError: A sum does not fit its column (`writes.NOT_STORABLE`).
        OperationalError: The server is lost or too busy.
    """
    if len(summaries):
        await connection.execute(_ADD_HOURS, _arrays(summaries))
        await connection.execute(_ADD_DAYS, _arrays(summaries.by_day()))


def _arrays(summaries: Summaries) -> list[BinaryArray]:
    return [
        binary_array(summaries.device, Kind.INTEGER),
        binary_array(summaries.start_ms, Kind.TIMESTAMPTZ),
        binary_array(summaries.first_ms, Kind.TIMESTAMPTZ),
        binary_array(summaries.last_ms, Kind.TIMESTAMPTZ),
        binary_array(summaries.measured, Kind.BIGINT),
        binary_array(summaries.fixes, Kind.INTEGER),
        binary_array(summaries.holes, Kind.INTEGER),
        binary_array(summaries.late, Kind.INTEGER),
        binary_array(summaries.max_speed_dmps, Kind.SMALLINT),
    ]
