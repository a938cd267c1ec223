"""When a day is: from midnight to midnight where the vehicle is, 23 to 25 hours."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from milepost_schemas.fix import milliseconds


@dataclass(frozen=True, slots=True)
class Span:
    """A day somewhere.

    Attributes:
        day: The date.
        time_zone: IANA name.
    """

    day: date
    time_zone: str

    @property
    def begin_ms(self) -> int:
        """GPS time of its midnight, milliseconds since 1970."""
        return self._midnight(self.day)

    @property
    def end_ms(self) -> int:
        """GPS time of the next one."""
        return self._midnight(self.day + timedelta(days=1))

    def _midnight(self, day: date) -> int:
        return milliseconds(datetime.combine(day, time(), ZoneInfo(self.time_zone)))
