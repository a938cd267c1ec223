"""What dating answers, and the arithmetic of days and of the 1024 weeks of GPS."""

from datetime import date
from enum import StrEnum
from typing import NamedTuple, Protocol

DAY_MS = 86_400_000
_UNIX_DAY = date(1970, 1, 1)

# The week number on the L1 C/A signal has ten bits (IS-GPS-200, 20.3.3.3.1.1).
ROLLOVER_MS = 1024 * 7 * DAY_MS

SLACK_MS = 400 * DAY_MS
LATE_WITHOUT_SERVER_MS = 5 * 366 * DAY_MS


class Undatable(StrEnum):
    """Why an instant has no time."""

    NO_DATE = "undated"
    REFUSED = "refused_date"


class Dated(NamedTuple):
    """When an instant was; a named tuple, since one is made for each fix.

    Attributes:
        time_ms: Unix milliseconds, UTC.
        repaired: The date is not the one that the receiver said, or it said none.
    """

    time_ms: int
    repaired: bool


class Dating(Protocol):
    """Gives instants their dates."""

    def date(self, day: date | None, time_of_day_ms: int, read_s: float) -> Dated | Undatable:
        """Date the next instant of the line.

        Only of a fix: without one, the time is often that of a clock that nobody has set.

        Args:
            day: The UTC date that the receiver says; None: it says none here.
            time_of_day_ms: UTC, milliseconds since midnight; 0 to 86,400,999. The last thousand
                are the leap second 23:59:60: Unix time has no name of its own for it, so it is the
                same as the second after.
            read_s: When it was read; monotonic seconds.
        """
        ...


def unix_ms(day: date, time_of_day_ms: int) -> int:
    """Return an instant in Unix milliseconds."""
    return (day - _UNIX_DAY).days * DAY_MS + time_of_day_ms


def mended(time_ms: int, floor_ms: int) -> int:
    """Return an instant moved by the fewest 1024-week steps to the floor less 400 days or later."""
    short_ms = floor_ms - SLACK_MS - time_ms
    return time_ms + max(0, -(-short_ms // ROLLOVER_MS)) * ROLLOVER_MS


def nearest(time_of_day_ms: int, guide_ms: int) -> int:
    """Return the instant with this time of day that is nearest to another one."""
    days = (guide_ms - time_of_day_ms + DAY_MS // 2) // DAY_MS
    return days * DAY_MS + time_of_day_ms
