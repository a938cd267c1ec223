"""The addresses of a town: drawn by chance, found by name, or nearest to a place.

Houses are numbered along each street of one name, part after part, a number for some 9 metres; the
same number always is the same place.
"""

import difflib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from random import Random

from milepost_firmware_sim.plane import LonLat, Point, between, length_m
from milepost_firmware_sim.town.town import Street, Town, TownError

DEPOT = "Depot"
_LIVED_IN = ("residential", "lane", "secondary")
_HOUSE_M = 9.0
# A place farther from every street is outside: the middle of a park is some 200 m from one.
_OUTSIDE_M = 300.0
# Who stands so near to a crossing may leave it by any street.
_AT_VERTEX_M = 0.5
_NUMBER_FIRST = re.compile(r"([0-9]{1,4})\s+(\S.*)")
_NUMBER_LAST = re.compile(r"(\S.*)\s+([0-9]{1,4})")


@dataclass(frozen=True, slots=True)
class Address:
    """A place at the kerb where a van can stand.

    Attributes:
        name: House number and street.
        behind: The vertex of the street that is passed before it, driving toward `ahead`.
        ahead: The vertex after it; both are `point` itself where that is a vertex.
        point: Where it is, in metres of the town's projection.
    """

    name: str
    behind: Point
    ahead: Point
    point: Point


@dataclass(frozen=True, slots=True)
class Houses:
    """The numbers along one part of a street.

    Attributes:
        street: The part.
        first: The lowest number.
        last: The highest one.
    """

    street: Street
    first: int
    last: int


def number_houses(town: Town) -> list[Houses]:
    """Number the houses of all streets, in the order of `town.streets`."""
    projection = town.projection
    last: dict[str, int] = {}
    numbered = []
    for street in town.streets:
        metres = length_m([projection.to_plane(place) for place in street.line])
        first = last.get(street.name, 0) + 1
        last[street.name] = first + max(1, int(metres / _HOUSE_M)) - 1
        numbered.append(Houses(street, first, last[street.name]))
    return numbered


class AddressBook:
    """All addresses of one town."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._parts = number_houses(town)
        self._lines = {
            part.street.id: [town.projection.to_plane(place) for place in part.street.line]
            for part in self._parts
        }
        self._by_name: dict[str, list[Houses]] = {}
        for part in self._parts:
            self._by_name.setdefault(_plain(part.street.name), []).append(part)
        self._homes = [part for part in self._parts if part.street.rank in _LIVED_IN] or self._parts
        self._lengths = list(
            accumulate(length_m(self._lines[part.street.id]) for part in self._homes)
        )
        gate = town.projection.to_plane(town.gate)
        self.depot = Address(DEPOT, gate, gate, gate)

    def draw(self, random: Random) -> Address:
        """Pick an address; every metre of a lived-in street is as likely as any other."""
        (index,) = random.choices(range(len(self._homes)), cum_weights=self._lengths)
        part = self._homes[index]
        share = random.uniform(0.05, 0.95)
        return self._house(part, part.first + int(share * (part.last - part.first + 1)))

    def find(self, text: str) -> Address:
        """Find `12 Mill Street`, `Mill Street 12`, `Mill Street` (its middle) or `Depot`.

        Raises:
            TownError: There is no such street or number; the message names what is close.
        """
        wanted = _plain(text)
        if wanted == _plain(DEPOT):
            return self.depot
        if wanted in self._by_name:
            part = self._by_name[wanted][len(self._by_name[wanted]) // 2]
            return self._house(part, (part.first + part.last) // 2)
        number, name = _split(wanted)
        parts = self._by_name.get(name)
        if parts is None:
            raise TownError(self._unknown(text, name))
        if number is None:
            raise TownError(f"{text}: not a house number and a street of {self._town.name}")
        for part in parts:
            if part.first <= number <= part.last:
                return self._house(part, number)
        street = parts[0].street.name
        raise TownError(f"{text}: {street} has the numbers 1 to {parts[-1].last}")

    def nearest(self, place: LonLat, name: str) -> Address:
        """Return the place on a street that is nearest to another place, or the vertex at it.

        Raises:
            TownError: It lies outside the town: every street is farther away than 300 m.
        """
        point = self._town.projection.to_plane(place)
        metres, address = min(
            (
                (math.dist(point, foot), Address(name, behind, ahead, foot))
                for behind, ahead, foot in self._feet(point)
            ),
            key=lambda found: found[0],
        )
        if metres > _OUTSIDE_M:
            raise TownError(
                f"{name}: outside {self._town.name}; the nearest street is {_told(metres)} away"
            )
        for vertex in (address.behind, address.ahead):
            if math.dist(vertex, address.point) < _AT_VERTEX_M:
                return Address(name, vertex, vertex, vertex)
        return address

    def _feet(self, point: Point) -> Iterator[tuple[Point, Point, Point]]:
        for part in self._parts:
            if part.street.tunnel:
                continue
            for behind, ahead in pairwise(self._lines[part.street.id]):
                yield behind, ahead, foot_on(behind, ahead, point)

    def _house(self, part: Houses, number: int) -> Address:
        """Return the address in the middle of a house's front."""
        line = self._lines[part.street.id]
        share = (number - part.first + 0.5) / (part.last - part.first + 1)
        along_m = share * length_m(line)
        name = f"{number} {part.street.name}"
        for behind, ahead in pairwise(line):
            stretch_m = length_m((behind, ahead))
            if along_m < stretch_m:
                return Address(name, behind, ahead, between(behind, ahead, along_m / stretch_m))
            along_m -= stretch_m
        return Address(name, line[-2], line[-1], between(line[-2], line[-1], 0.5))

    def _unknown(self, text: str, name: str) -> str:
        names = difflib.get_close_matches(name, self._by_name, n=3, cutoff=0.6)
        close = ", ".join(self._by_name[one][0].street.name for one in names)
        told = f"; close: {close}" if close else ""
        return f"{text}: no such street in {self._town.name}{told}"


def foot_on(one: Point, other: Point, point: Point) -> Point:
    """Return the point of a straight stretch that is nearest to another point."""
    east_m, north_m = other[0] - one[0], other[1] - one[1]
    square = east_m * east_m + north_m * north_m
    if square == 0.0:
        return one
    share = ((point[0] - one[0]) * east_m + (point[1] - one[1]) * north_m) / square
    return between(one, other, min(max(share, 0.0), 1.0))


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _split(wanted: str) -> tuple[int | None, str]:
    if match := _NUMBER_FIRST.fullmatch(wanted):
        return int(match[1]), match[2]
    if match := _NUMBER_LAST.fullmatch(wanted):
        return int(match[2]), match[1]
    return None, wanted


def _told(metres: float) -> str:
    return f"{metres:.0f} m" if metres < 1000.0 else f"{metres / 1000.0:.1f} km"
