"""Dates of a file: as recorded, unless the caller knows a floor.

A time without a date belongs to the day before it in the file, or to the day after that when the
time of day falls by more than 12 hours. The first date that the file says holds from there on, and
changes nothing before it.
"""

from datetime import date, timedelta

from milepost_schemas.dating.dated import (
    DAY_MS,
    LATE_WITHOUT_SERVER_MS,
    Dated,
    Undatable,
    mended,
    unix_ms,
)

# A time of day that rises by more than this has stepped back over midnight: spliced logs do.
_BACK_OVER_MIDNIGHT_MS = 23 * 3_600_000


class RecordedDating:
    """Dates of a file.

    Args:
        assumed: The day of the first instant, for as long as the file says none, such as the day on
            which the file was written; None: unknown.
        floor: Dates are mended and refused as those of a live receiver that never meets its
            server; None: they are what they are.
    """

    def __init__(self, assumed: date | None = None, floor: date | None = None) -> None:
        self._day = assumed
        self._repaired = assumed is not None
        self._floor_ms = None if floor is None else unix_ms(floor, 0)
        self._last_time_of_day_ms: int | None = None

    def date(self, day: date | None, time_of_day_ms: int, read_s: float) -> Dated | Undatable:
        """Date the next instant of the file; see `Dating`. When it was read does not matter."""
        if day is not None:
            believed = _believed(day, self._floor_ms)
            if believed is None:
                return Undatable.REFUSED
            self._day, self._repaired = believed, believed != day
        elif self._day is None:
            return Undatable.NO_DATE
        elif self._last_time_of_day_ms is not None:
            passed = _midnights(self._last_time_of_day_ms, time_of_day_ms)
            self._day += timedelta(days=passed)
        self._last_time_of_day_ms = time_of_day_ms
        return Dated(unix_ms(self._day, time_of_day_ms), self._repaired)


def _believed(day: date, floor_ms: int | None) -> date | None:
    """Return the date that a floor makes of one; None: refused."""
    if floor_ms is None:
        return day
    said_ms = unix_ms(day, 0)
    believed_ms = mended(said_ms, floor_ms)
    if believed_ms > floor_ms + LATE_WITHOUT_SERVER_MS:
        return None
    return day + timedelta(days=(believed_ms - said_ms) // DAY_MS)


def _midnights(last_ms: int, time_of_day_ms: int) -> int:
    """Return how many midnights lie between two times of day: 1, 0, or -1 for a step back."""
    rise_ms = time_of_day_ms - last_ms
    if rise_ms < -DAY_MS // 2:
        return 1
    return -1 if rise_ms > _BACK_OVER_MIDNIGHT_MS else 0
