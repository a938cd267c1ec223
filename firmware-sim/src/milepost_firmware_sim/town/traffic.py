"""Lights and give-way signs of a town: where a van has to wait on its way, and how long.

In flow a path and random numbers, out flows the path with its halts. A main crossing, where three
or more arms of main roads meet, has lights; elsewhere who comes from a lesser street gives way.
"""

from dataclasses import replace
from itertools import pairwise
from math import dist
from random import Random

from milepost_firmware_sim.path import Path, Stretch
from milepost_firmware_sim.plane import Point, between
from milepost_firmware_sim.town.town import Town

_RANKS = ("service", "lane", "residential", "secondary", "primary")
_MAIN = _RANKS.index("secondary")
_RED_SHARE = 0.45
_RED_S = (3.0, 35.0)
_BUSY_SHARE = 0.5
_BUSY_S = (1.0, 6.0)
# The stop line lies so far before the middle of the crossing, or half way on a shorter stretch.
_STOP_LINE_M = 12.0


class Traffic:
    """The crossings of one town."""

    def __init__(self, town: Town) -> None:
        arms: dict[Point, dict[Point, int]] = {}
        for street in town.streets:
            rank = _RANKS.index(street.rank) if street.rank in _RANKS else _MAIN
            line = [town.projection.to_plane(place) for place in street.line]
            for one, other in pairwise(line):
                arms.setdefault(one, {})[other] = rank
                arms.setdefault(other, {})[one] = rank
        self._arms = {at: sorted(to.values()) for at, to in arms.items() if len(to) > 2}

    def with_halts(self, path: Path, random: Random) -> Path:
        """Put a vertex at each stop line where the van has to wait."""
        points, stretches = [path.points[0]], list[Stretch]()
        altitudes, halts = [path.altitudes_m[0]], list[tuple[int, float]]()
        for number, stretch in enumerate(path.stretches, start=1):
            end = path.points[number]
            wait_s = 0.0
            if number < len(path.stretches):
                wait_s = self._wait_s(end, stretch, random)
            if wait_s > 0.0:
                metres = dist(points[-1], end)
                back_share = min(_STOP_LINE_M, metres / 2.0) / metres
                halts.append((len(points), wait_s))
                points.append(between(end, points[-1], back_share))
                stretches.append(stretch)
                altitudes.append(path.altitudes_m[number])
            points.append(end)
            stretches.append(stretch)
            altitudes.append(path.altitudes_m[number])
        return replace(
            path,
            points=tuple(points),
            stretches=tuple(stretches),
            altitudes_m=tuple(altitudes),
            halts=tuple(halts),
        )

    def _wait_s(self, crossing: Point, stretch: Stretch, random: Random) -> float:
        ranks = self._arms.get(crossing)
        if ranks is None or stretch.rank not in _RANKS:
            return 0.0
        if ranks[-3] >= _MAIN:
            return random.uniform(*_RED_S) if random.random() < _RED_SHARE else 0.0
        if _RANKS.index(stretch.rank) < ranks[-1]:
            return random.uniform(*_BUSY_S) if random.random() < _BUSY_SHARE else 0.0
        return 0.0
