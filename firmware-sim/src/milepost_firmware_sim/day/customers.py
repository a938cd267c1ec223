"""Who is delivered to: addresses of a town, with what is there and how long it takes.

In flow a town and a seed, out flow each day's customers, van by van. Some are shops that are
delivered to again and again, the rest is anybody; what is at an address never changes.
"""

import math
from dataclasses import dataclass
from enum import Enum
from random import Random

from milepost_firmware_sim.day.roads import Roads
from milepost_firmware_sim.plane import LonLat, Point
from milepost_firmware_sim.town.addresses import Address
from milepost_firmware_sim.town.town import TownError

_REGULARS_OF_A_VAN = 8
_REGULAR_SHARE = 0.35
# Two stops are not nearer to each other, as long as the town has room; at the last try it is 0.3 m.
_APART_M = 60.0
_TRIES = 200
# From the middle of the street to the door.
_DOOR_M = (8.0, 14.0)


class StopKind(Enum):
    """What is at an address."""

    HOUSE = "house"
    FLAT = "flat"
    SHOP = "shop"


_KINDS = {
    "lane": (0.2, 0.6, 0.2),
    "secondary": (0.2, 0.5, 0.3),
    "residential": (0.65, 0.3, 0.05),
}
# How much longer it takes at one address than at another of its kind.
_LEVEL_SIGMA = 0.25
_LEVEL_MEAN = -_LEVEL_SIGMA * _LEVEL_SIGMA / 2.0


@dataclass(frozen=True, slots=True)
class Customer:
    """An address that is delivered to.

    Attributes:
        address: Where the van stands: where the road meets it.
        door: (longitude, latitude) of the door, some metres aside.
        level: How long it takes there, against others of its kind; about 1.
    """

    address: Address
    door: LonLat
    kind: StopKind
    level: float


class Clientele:
    """All who may order in a town.

    Args:
        roads: The town.
        seed: Chooses the regular ones, and each day's others.
        vans: How many vans there are.
    """

    def __init__(self, roads: Roads, seed: int, vans: int) -> None:
        self._roads = roads
        self._seed = seed
        self._vans = vans
        self._ranks = {street.name: street.rank for street in roads.town.streets}
        drawn = Random(f"regulars {seed}")  # noqa: S311 - a drawing, not a secret
        self._regulars = _apart(roads, drawn, _REGULARS_OF_A_VAN * vans, [])
        self._regular = {address.name for address in self._regulars}
        vertices = [
            roads.town.projection.to_plane(place)
            for street in roads.town.streets
            for place in street.line
        ]
        self._middle = (
            math.fsum(one[0] for one in vertices) / len(vertices),
            math.fsum(one[1] for one in vertices) / len(vertices),
        )

    def day(self, day: str, stops: int) -> list[list[Customer]]:
        """Return the customers of a day, `stops` for each van, each van's in one part of town."""
        random = Random(f"customers {self._seed} {day}")  # noqa: S311 - a drawing, not a secret
        count = stops * self._vans
        regular = min(len(self._regulars), round(_REGULAR_SHARE * count))
        chosen = random.sample(self._regulars, regular)
        chosen += _apart(self._roads, random, count - regular, chosen)
        chosen.sort(key=self._direction)
        customers = [self._customer(address) for address in chosen]
        return [customers[van * stops : (van + 1) * stops] for van in range(self._vans)]

    def _direction(self, address: Address) -> float:
        east_m, north_m = (
            there - here for there, here in zip(address.point, self._middle, strict=True)
        )
        return math.atan2(north_m, east_m)

    def _customer(self, address: Address) -> Customer:
        random = Random(f"what is at {address.name}")  # noqa: S311 - a drawing, not a secret
        street = address.name.partition(" ")[2]
        shares = _KINDS.get(self._ranks.get(street, ""), _KINDS["residential"])
        (kind,) = random.choices(tuple(StopKind), shares)
        if address.name in self._regular:
            kind = StopKind.SHOP
        door = _aside(address, random.choice((-1.0, 1.0)) * random.uniform(*_DOOR_M))
        place = self._roads.town.projection.to_degrees(door)
        return Customer(address, place, kind, random.lognormvariate(_LEVEL_MEAN, _LEVEL_SIGMA))


def _apart(roads: Roads, random: Random, count: int, others: list[Address]) -> list[Address]:
    """Draw addresses that are apart from the depot and one another; in a full town, less so.

    Raises:
        TownError: The town has not so many.
    """
    taken = [roads.book.depot.point, *(one.point for one in others)]
    drawn: list[Address] = []
    for _ in range(count):
        for tried in range(_TRIES):
            address = roads.book.draw(random)
            apart_m = _APART_M * (1.0 - tried / _TRIES)
            if all(math.dist(address.point, point) >= apart_m for point in taken):
                break
        else:
            raise TownError(f"{roads.town.name}: has too few addresses for all vans and stops")
        taken.append(address.point)
        drawn.append(address)
    return drawn


def _aside(address: Address, metres: float) -> Point:
    """Return the point so many metres to the left of the street; right where negative."""
    east_m, north_m = (b - a for a, b in zip(address.behind, address.ahead, strict=True))
    length_m = math.hypot(east_m, north_m)
    return (
        address.point[0] - metres * north_m / length_m,
        address.point[1] + metres * east_m / length_m,
    )
