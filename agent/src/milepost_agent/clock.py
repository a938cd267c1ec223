"""The one place of the agent that reads a clock."""

import os
import time

from milepost_schemas.timescale import timescale_from


class Clock:
    """Reads the scaled time of the system and the monotonic time of this machine.

    Raises:
        TimescaleError: `MILEPOST_CLOCK` cannot be read.
    """

    def __init__(self) -> None:
        self._timescale = timescale_from(os.environ)

    def now_s(self) -> float:
        """Return the scaled time in Unix seconds."""
        return self._timescale.scaled(time.time())  # noqa: TID251 - this is the clock reader

    def monotonic_s(self) -> float:
        """Return the seconds of a clock that never jumps and is never scaled."""
        return time.monotonic()
