"""What of the sky a receiver sees between houses, and how well it can place itself by that.

In flow a place, a time and the surroundings, out flow satellites and dilutions of precision. Houses
hide the low satellites across the street more than those along it; leaves and lorries hide any for
a while.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from milepost_firmware_sim.path import Surroundings
from milepost_firmware_sim.receiver.wander import Wander
from milepost_firmware_sim.sky import System, satellites_over

# Elevation in degrees below which houses hide the sky: along the street, and across it.
_MASKS_DEG = {
    Surroundings.OPEN: (8.0, 10.0),
    Surroundings.STREET: (10.0, 27.0),
    Surroundings.NARROW: (14.0, 48.0),
}
# How deep (in standard deviations) a satellite fades before it is lost.
_LOST_BELOW = {
    Surroundings.OPEN: -1.9,
    Surroundings.STREET: -1.5,
    Surroundings.NARROW: -1.2,
}
_FADING_S = 40.0
# Less than a second by what ten tenths are less than one.
_LOOK_EVERY_S = 1.0 - 1e-6
# With fewer the receiver makes do with satellites that it hears by reflection.
_LEAST = 5
_WORST = 20.0
_SATELLITES = 30


@dataclass(frozen=True, slots=True)
class View:
    """How well a receiver sees.

    Attributes:
        satellites: How many it uses.
        hdop: Horizontal dilution of precision, 0.5 to 20.
        vdop: Vertical dilution of precision, 0.5 to 20.
    """

    satellites: int
    hdop: float
    vdop: float


class Horizon:
    """The sky over a van on its way."""

    def __init__(self, random: Random) -> None:
        self._fading = [Wander(random, 1.0, _FADING_S) for _ in range(_SATELLITES)]
        self._waiting_s = 0.0

    def step(self, elapsed_s: float) -> bool:
        """Let the fading go on, once a second; say whether it did."""
        self._waiting_s += elapsed_s
        if self._waiting_s < _LOOK_EVERY_S:
            return False
        for one in self._fading:
            one.step(self._waiting_s)
        self._waiting_s = 0.0
        return True

    def view(
        self,
        time_s: float,
        place: tuple[float, float],
        surroundings: Surroundings,
        course_deg: float,
        most: int,
    ) -> View:
        """Return what the receiver sees.

        Args:
            time_s: Unix seconds.
            place: (longitude, latitude) in degrees.
            surroundings: Anything but a tunnel.
            course_deg: Along the street.
            most: Uses no more satellites than this; 4 or more.
        """
        seen = satellites_over(System.GPS, time_s, place[1], place[0])
        along_deg, across_deg = _MASKS_DEG[surroundings]
        wall = math.tan(math.radians(across_deg))
        clear, hidden = list[tuple[int, int]](), list[tuple[int, int]]()
        for one in seen:
            side = abs(math.sin(math.radians(one.azimuth_deg - course_deg)))
            mask_deg = max(along_deg, math.degrees(math.atan(wall * side)))
            fade = self._fading[one.number % _SATELLITES].value
            lost = one.elevation_deg < mask_deg or fade < _LOST_BELOW[surroundings]
            direction = one.elevation_deg, one.azimuth_deg
            (hidden if lost else clear).append(direction)
        missing = max(0, min(_LEAST, most) - len(clear))
        used = [*clear[:most], *hidden[:missing]]
        hdop, vdop = dilutions(tuple(used))
        return View(len(used), hdop, vdop)


@lru_cache(maxsize=4096)
def dilutions(directions: tuple[tuple[int, int], ...]) -> tuple[float, float]:
    """Return the horizontal and vertical dilution of precision, at most 20.

    They are the roots of the diagonal of the inverse of the normal matrix of (east, north, up,
    clock) (IS-GPS-200, 20.3.3.1; Langley, Dilution of precision, GPS World 5, 1999).

    Args:
        directions: Elevation and azimuth of each satellite in whole degrees.
    """
    rows = []
    for elevation_deg, azimuth_deg in directions:
        elevation, azimuth = math.radians(elevation_deg), math.radians(azimuth_deg)
        flat = math.cos(elevation)
        rows.append((flat * math.sin(azimuth), flat * math.cos(azimuth), math.sin(elevation), 1.0))
    normal = [[math.fsum(row[i] * row[j] for row in rows) for j in range(4)] for i in range(4)]
    spread = _inverse_diagonal(normal)
    if spread is None:
        return _WORST, _WORST
    return min(_WORST, math.sqrt(spread[0] + spread[1])), min(_WORST, math.sqrt(spread[2]))


def _inverse_diagonal(matrix: list[list[float]]) -> list[float] | None:
    """Return the diagonal of the inverse (Gauss and Jordan); None where there is none."""
    size = len(matrix)
    rows = [[*row, *(float(i == j) for j in range(size))] for i, row in enumerate(matrix)]
    for column in range(size):
        best = max(range(column, size), key=lambda number: abs(rows[number][column]))
        if abs(rows[best][column]) < 1e-6:
            return None
        rows[column], rows[best] = rows[best], rows[column]
        pivot = rows[column][column]
        rows[column] = [value / pivot for value in rows[column]]
        for number in range(size):
            if number != column:
                factor = rows[number][column]
                rows[number] = [
                    value - factor * other
                    for value, other in zip(rows[number], rows[column], strict=True)
                ]
    return [rows[number][size + number] for number in range(size)]
