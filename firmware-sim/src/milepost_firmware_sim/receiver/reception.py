"""Reception below the ground: some estimated fixes, then silence, then a jump that settles.

In flow instants of the truth, out flows what the receiver has to go by. It follows what recorded
SiRF receivers do in tunnels: for some seconds they go on with the last speed and course and say so
(mode E), then they are void; above the ground again they are void for a moment more, and their
first fixes, of few satellites, are off.
"""

import math
from dataclasses import replace
from enum import Enum
from random import Random

from milepost_firmware_sim.plane import degree_m, half_turn_deg
from milepost_firmware_sim.receiver.errors import Error
from milepost_firmware_sim.receiver.instants import Instant

_ESTIMATE_S = (3.0, 8.0)
_SEARCH_S = (1.0, 3.0)
_FIRST_SATELLITES = 4
_SATELLITE_EVERY_S = 0.7
_JUMP_M = (10.0, 35.0)
_SETTLE_S = 4.0
# After a shorter time below the ground the first fixes are less off.
_LONG_S = 8.0


class Signal(Enum):
    """What a receiver has to go by."""

    SKY = "sky"
    ESTIMATE = "estimate"
    NONE = "none"


class Reception:
    """What a receiver hears on its way."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._signal = Signal.SKY
        self._below_s: float | None = None
        self._estimate_s = 0.0
        self._search_s = 0.0
        self._back_s = math.inf
        self._jump_m = (0.0, 0.0)

    @property
    def satellites(self) -> int:
        """Return how many satellites it has found again at most."""
        found = min(self._back_s / _SATELLITE_EVERY_S, 99.0)
        return _FIRST_SATELLITES + int(found)

    def step(self, elapsed_s: float, at: Instant) -> Signal:
        """Go on by some time to an instant."""
        if at.in_tunnel:
            self._go_below(elapsed_s)
        elif self._signal is Signal.SKY:
            self._back_s += elapsed_s
        else:
            self._come_back(elapsed_s)
        return self._signal

    def settled(self, error: Error) -> Error:
        """Add what is left of the jump after a tunnel."""
        left = math.exp(-self._back_s / _SETTLE_S)
        return replace(
            error,
            east_m=error.east_m + self._jump_m[0] * left,
            north_m=error.north_m + self._jump_m[1] * left,
        )

    def _go_below(self, elapsed_s: float) -> None:
        if self._below_s is None:
            self._below_s = 0.0
            self._estimate_s = self._random.uniform(*_ESTIMATE_S)
            self._search_s = self._random.uniform(*_SEARCH_S)
        self._below_s += elapsed_s
        if self._signal is not Signal.NONE:
            goes_on = self._below_s <= self._estimate_s
            self._signal = Signal.ESTIMATE if goes_on else Signal.NONE

    def _come_back(self, elapsed_s: float) -> None:
        """Search for the satellites again; after estimates alone they are there at once."""
        if self._signal is Signal.NONE:
            self._search_s -= elapsed_s
            if self._search_s > 0.0:
                return
        long = min((self._below_s or 0.0) / _LONG_S, 1.0)
        self._signal, self._below_s, self._back_s = Signal.SKY, None, 0.0
        side = self._random.uniform(0.0, math.tau)
        size_m = long * self._random.uniform(*_JUMP_M)
        self._jump_m = size_m * math.sin(side), size_m * math.cos(side)


class DeadReckoning:
    """Where a receiver believes to be that goes on as it went at its last fix."""

    def __init__(self, at: Instant, error: Error) -> None:
        course = math.radians(at.course_deg)
        self._east_mps = at.speed_mps * math.sin(course) + error.east_mps
        self._north_mps = at.speed_mps * math.cos(course) + error.north_mps
        self._off_m = error.east_m, error.north_m
        self._last = at

    def step(self, elapsed_s: float, at: Instant) -> tuple[float, float]:
        """Go on to an instant; return how far off it is, metres east and north."""
        east_degree_m, north_degree_m = degree_m(at.lat_deg)
        turn_deg = half_turn_deg(at.lon_deg - self._last.lon_deg)
        driven_m = turn_deg * east_degree_m, (at.lat_deg - self._last.lat_deg) * north_degree_m
        self._off_m = (
            self._off_m[0] + self._east_mps * elapsed_s - driven_m[0],
            self._off_m[1] + self._north_mps * elapsed_s - driven_m[1],
        )
        self._last = at
        return self._off_m
