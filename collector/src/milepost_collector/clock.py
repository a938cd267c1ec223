"""The one place of the collector that reads a clock."""

import os
import time
from datetime import datetime

from milepost_schemas.fix import instant
from milepost_schemas.timescale import timescale_from


class Clock:
    """Reads the scaled time of the system.

    Raises:
        TimescaleError: `MILEPOST_CLOCK` cannot be read.
    """

    def __init__(self) -> None:
        self._timescale = timescale_from(os.environ)

    def now_ms(self) -> int:
        """Return the scaled time in milliseconds since 1970."""
        return round(self._timescale.scaled(time.time()) * 1000)  # noqa: TID251 - the clock reader

    def now(self) -> datetime:
        """Return the scaled time as an aware datetime in UTC."""
        return instant(self.now_ms())

    def real_ms(self) -> int:
        """Return the time that is never scaled, for others who compare it with their own clocks."""
        return round(time.time() * 1000)  # noqa: TID251 - the clock reader

    def monotonic_s(self) -> float:
        """Return the seconds of a clock that never jumps and is never scaled."""
        return time.monotonic()
