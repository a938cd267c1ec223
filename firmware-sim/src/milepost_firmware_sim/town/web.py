"""Where a town's streets run: lines of crossings, on both banks, before they have names.

The north bank is a web around the market place: rings, and spokes that double in number as they get
farther apart. The south bank is a mesh along the river. What makes it a town is what is then taken
away, bent and shifted.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from milepost_firmware_sim.plane import Point
from milepost_firmware_sim.town.ground import QUAY_M, RING_M, Ground

Crossing = tuple[str, int, int]

SPOKES = 64
# Distance from the market (metres) and number of spokes there.
RINGS = (
    (60.0, 8), (125.0, 8), (205.0, 16), (295.0, 16), (410.0, 32), (540.0, 32), (690.0, 32),
    (840.0, 32), (RING_M, 32), (1170.0, 64), (1350.0, 64), (1550.0, 64), (1770.0, 64),
    (2250.0, 8),
)  # fmt: skip
OLD_RING = 3
RING_ROAD = 8
LAST_RING = 12
SECONDARY_RING = 5
SOUTH_ROWS_M = (QUAY_M, 205.0, 330.0, 460.0, 590.0)
SECONDARY_ROW = 2
_COLUMN_M = 150.0
_COLUMNS = 8
# The main roads across the river leave the ring here, as parts of the circle of spokes.
BRIDGE_SPOKES = (48, 56)


@dataclass(frozen=True, slots=True)
class Run:
    """Crossings one after the other along one street.

    Attributes:
        group: What it belongs to: ring, spoke, row, column, bridge or depot.
        number: Which ring, spoke, row or column.
    """

    group: str
    number: int
    rank: str
    crossings: tuple[Crossing, ...]


class Web:
    """All crossings of a town, on paper.

    Attributes:
        points: Where each crossing lies, in metres around the market place.
        columns: The columns of the south bank that lead on from the bridges.
        depot_column: The one that leads to the depot.
    """

    def __init__(self, ground: Ground, random: Random) -> None:
        self._ground = ground
        self.points: dict[Crossing, Point] = {}
        turn = random.uniform(-0.02, 0.02)
        for ring, (radius_m, count) in enumerate(RINGS):
            for spoke in range(0, SPOKES, SPOKES // count):
                shift = random.uniform(-0.13, 0.13) * math.tau / count
                room_m = 0.0 if ring in (RING_ROAD, 0) else 16.0 if ring <= OLD_RING else 28.0
                angle = math.tau * spoke / SPOKES + turn + (0.0 if ring > LAST_RING else shift)
                point = ground.around_market(radius_m + random.uniform(-room_m, room_m), angle)
                if ring <= RING_ROAD or ground.north_of_quay_m(point) > 45.0:
                    self.points["north", ring, spoke] = point
        self.columns = self._south(random)
        self.depot_column = random.choice((-4, -3, 3))

    def _south(self, random: Random) -> list[int]:
        """Lay the crossings of the south bank; two columns lead on from the bridges."""
        bridges = [self.points["north", RING_ROAD, spoke][0] for spoke in BRIDGE_SPOKES]
        bridge_columns = [round(east_m / _COLUMN_M) for east_m in bridges]
        for column in range(-_COLUMNS, _COLUMNS + 1):
            at_bridge = column in bridge_columns
            for row, south_m in enumerate(SOUTH_ROWS_M):
                east_m = column * _COLUMN_M + random.uniform(-24.0, 24.0)
                if at_bridge:
                    east_m = bridges[bridge_columns.index(column)]
                shift_m = 0.0 if row == 0 else random.uniform(-20.0, 20.0)
                north_m = self._ground.river_north_m(east_m) - south_m + shift_m
                self.points["south", row, column] = (east_m, north_m)
        return bridge_columns

    def runs(self) -> Iterator[Run]:
        """Give all lines of crossings, whole, before anything is taken away."""
        for ring in range(LAST_RING + 1):
            step = SPOKES // RINGS[ring][1]
            around = tuple(("north", ring, spoke % SPOKES) for spoke in range(0, SPOKES + 1, step))
            yield Run("ring", ring, _rank_of_ring(ring), around)
        for spoke in range(SPOKES):
            yield from self._spoke_runs(spoke)
        for row in range(len(SOUTH_ROWS_M)):
            along = tuple(("south", row, column) for column in range(-_COLUMNS, _COLUMNS + 1))
            yield Run("row", row, "secondary" if row == SECONDARY_ROW else "residential", along)
        for column in range(-_COLUMNS, _COLUMNS + 1):
            down = tuple(("south", row, column) for row in range(len(SOUTH_ROWS_M)))
            if column in self.columns:
                rank = "primary"
            else:
                rank = "secondary" if column == self.depot_column else "residential"
            yield Run("column", column, rank, down)
        for spoke, column in zip(BRIDGE_SPOKES, self.columns, strict=True):
            ends: tuple[Crossing, ...] = ("north", RING_ROAD, spoke), ("south", 0, column)
            yield Run("bridge", spoke, "primary", ends)

    def _spoke_runs(self, spoke: int) -> Iterator[Run]:
        """Cut a spoke where its character changes: at the old wall and at the ring road."""
        rings = [ring for ring, (_, count) in enumerate(RINGS) if spoke % (SPOKES // count) == 0]
        main = spoke % (SPOKES // 8) == 0
        for first, last in ((0, OLD_RING), (OLD_RING, RING_ROAD), (RING_ROAD, len(RINGS))):
            part = tuple(("north", ring, spoke) for ring in rings if first <= ring <= last)
            if last == OLD_RING:
                rank = "lane"
            elif main:
                rank = "primary"
            else:
                rank = "secondary" if spoke % (SPOKES // 16) == 0 else "residential"
            if len(part) > 1:
                yield Run("spoke", spoke, rank, part)


def _rank_of_ring(ring: int) -> str:
    if ring == RING_ROAD:
        return "primary"
    if ring <= OLD_RING:
        return "lane"
    return "secondary" if ring == SECONDARY_RING else "residential"
