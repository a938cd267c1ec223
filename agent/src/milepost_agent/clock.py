"""The one place of the agent that reads a clock."""

import os
import time

from milepost_schemas.timescale import ENVIRONMENT_KEY, timescale_from


class Clock:
    """Reads the scaled time of the system and the monotonic time of this machine.

    Raises:
        TimescaleError: `MILEPOST_CLOCK` cannot be read.
    """

    def __init__(self) -> None:
        self._timescale = timescale_from(os.environ)

    @property
    def factor(self) -> float:
        """Scaled seconds in a second of this machine."""
        return self._timescale.factor

    @property
    def line(self) -> str:
        """Name the line of scaled time; empty where time is not scaled."""
        return str(self._timescale) if ENVIRONMENT_KEY in os.environ else ""

    def now_s(self) -> float:
        """Return the scaled time in Unix seconds."""
        return self._timescale.scaled(time.time())  # noqa: TID251 - this is the clock reader

    def monotonic_s(self) -> float:
        """Return the seconds of a clock that never jumps, is never scaled, and counts sleep too."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)
