"""A way to drive along, before anybody drives it: vertices, limits, and what stands around.

Made by the router of a town or from a line of one's own; `drive.motion` drives it.
"""

from dataclasses import dataclass
from enum import Enum

from milepost_firmware_sim.plane import Point


class Surroundings(Enum):
    """What stands around a street, which decides how much of the sky a receiver sees."""

    OPEN = "open"
    STREET = "street"
    NARROW = "narrow"
    TUNNEL = "tunnel"


@dataclass(frozen=True, slots=True)
class Stretch:
    """What holds between two vertices.

    Attributes:
        limit_mps: Speed limit.
        street: Its name; empty where it has none.
        rank: Rank of the street in a town (see `town.Street`); empty elsewhere.
    """

    limit_mps: float
    surroundings: Surroundings = Surroundings.OPEN
    street: str = ""
    rank: str = ""


@dataclass(frozen=True, slots=True)
class Path:
    """A way to drive from standing to standing.

    Attributes:
        points: From the start to the end, in metres of a plane; no two neighbours are the same.
        stretches: Between each two points.
        altitudes_m: At each point, above mean sea level.
        halts: Where it waits on the way, in their order: (index of a point, seconds).
    """

    points: tuple[Point, ...]
    stretches: tuple[Stretch, ...]
    altitudes_m: tuple[float, ...]
    halts: tuple[tuple[int, float], ...] = ()
