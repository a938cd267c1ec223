"""The land a town stands on: river, railway, and the bends that give every line its character.

Lines are planned on paper, in metres around the market place, and then bent all together by one
smooth field, so that what does not cross on paper does not cross on the land.
"""

import math
from random import Random

from milepost_firmware_sim.plane import Point

RING_M = 1000.0
QUAY_M = 78.0
_RIVER_NORTH_M = -820.0
_RAILWAY_NORTH_M = -1640.0
# Up to here the streets of the old quarter keep their distance from the market.
_OLD_M = 300.0


class Ground:
    """The land of one town, drawn by the random numbers it is given."""

    def __init__(self, random: Random) -> None:
        self._meander = (random.uniform(0.0, math.tau), random.uniform(330.0, 430.0))
        self._rail_phase = random.uniform(0.0, math.tau)
        self._waves = [
            (random.uniform(0.0, math.tau), random.uniform(0.0, math.tau), wavelength_m, height_m)
            for wavelength_m, height_m in ((1900.0, 70.0), (900.0, 26.0), (520.0, 9.0))
        ]

    def river_north_m(self, east_m: float) -> float:
        """Return where the middle of the river runs, on paper."""
        phase, wavelength_m = self._meander
        return _RIVER_NORTH_M + 55.0 * math.sin(phase + east_m / wavelength_m)

    def railway_north_m(self, east_m: float) -> float:
        """Return where the railway runs, on paper; it bends only gently."""
        return _RAILWAY_NORTH_M + 35.0 * math.sin(self._rail_phase + east_m / 1100.0)

    def bent(self, point: Point) -> Point:
        """Return where a point of the paper lies on the land.

        Every wave only shears the land across its own direction, which cannot fold it.
        """
        east_m, north_m = point
        for turn, phase, wavelength_m, height_m in self._waves:
            along = east_m * math.cos(turn) + north_m * math.sin(turn)
            push_m = height_m * math.sin(phase + math.tau * along / wavelength_m)
            east_m -= push_m * math.sin(turn)
            north_m += push_m * math.cos(turn)
        return east_m, north_m

    def around_market(self, radius_m: float, angle: float) -> Point:
        """Return the paper point at a distance from the market; the ring follows the quay."""
        reach_m = self._reach_m(angle)
        if radius_m > RING_M:
            distance_m = reach_m + radius_m - RING_M
        elif radius_m > _OLD_M:
            share = (radius_m - _OLD_M) / (RING_M - _OLD_M)
            distance_m = _OLD_M + share * (reach_m - _OLD_M)
        else:
            distance_m = radius_m
        return distance_m * math.cos(angle), distance_m * math.sin(angle)

    def north_of_quay_m(self, point: Point) -> float:
        """Return how far north of the northern quay a paper point lies; negative south of it."""
        return point[1] - self.river_north_m(point[0]) - QUAY_M

    def _reach_m(self, angle: float) -> float:
        """Return the distance of the ring road: round, but flat along the river."""
        if math.sin(angle) >= -0.2:
            return RING_M
        to_quay_m = RING_M
        for _ in range(12):
            east_m = to_quay_m * math.cos(angle)
            to_quay_m = (self.river_north_m(east_m) + QUAY_M) / math.sin(angle)
        return float((RING_M**-8 + to_quay_m**-8) ** (-1 / 8))
