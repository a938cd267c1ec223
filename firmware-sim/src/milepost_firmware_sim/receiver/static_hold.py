"""Static hold: a receiver that believes to stand keeps its place, as many makes can be told to."""

import math

from milepost_firmware_sim.plane import LonLat, degree_m

# u-blox calls these the static hold threshold and distance (u-blox 8 protocol, UBX-CFG-NAV5).
_STANDS_MPS = 0.5
_MOVES_MPS = 0.8
_SURE_S = 3.0
_FARTHEST_M = 20.0


class StaticHold:
    """Holds the place of one receiver."""

    def __init__(self) -> None:
        self._slow_s = 0.0
        self._held: LonLat | None = None

    def step(self, elapsed_s: float, place: LonLat, speed_mps: float) -> tuple[LonLat, float]:
        """Return the place and speed to tell: the held place and 0 while it believes to stand."""
        self._slow_s = self._slow_s + elapsed_s if speed_mps < _STANDS_MPS else 0.0
        if self._held is None and self._slow_s >= _SURE_S:
            self._held = place
        if self._held is not None:
            if speed_mps < _MOVES_MPS and _apart_m(self._held, place) < _FARTHEST_M:
                return self._held, 0.0
            self._held, self._slow_s = None, 0.0
        return place, speed_mps


def _apart_m(one: LonLat, other: LonLat) -> float:
    east_degree_m, north_degree_m = degree_m(one[1])
    return math.hypot((other[0] - one[0]) * east_degree_m, (other[1] - one[1]) * north_degree_m)
