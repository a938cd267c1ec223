"""Ways through a town: addresses, and the quickest path from one to the next.

In flow a town's graph and random numbers, out flow paths: points in metres with the speed limit of
each stretch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from random import Random

import networkx as nx

from milepost_firmware_sim.plane import Point, between, length_m
from milepost_firmware_sim.town import Street, Town, street_graph

_LIVED_IN = ("residential", "lane", "secondary")
# A house number for every so many metres of street.
_HOUSE_M = 9.0


@dataclass(frozen=True, slots=True)
class Address:
    """A place at the kerb where a van can stand.

    Attributes:
        name: House number and street.
        behind: The vertex of the street that is passed before it, driving toward `ahead`.
        ahead: The vertex after it.
        point: Where it is, in metres of the town's projection.
    """

    name: str
    behind: Point
    ahead: Point
    point: Point


@dataclass(frozen=True, slots=True)
class Path:
    """A way to drive.

    Attributes:
        points: From the start to the end, in metres.
        limits_mps: Speed limit of each stretch between two points.
        ahead: The vertex of the graph that comes after the end.
    """

    points: tuple[Point, ...]
    limits_mps: tuple[float, ...]
    ahead: Point


class Router:
    """Finds ways through one town."""

    def __init__(self, town: Town) -> None:
        self.graph = street_graph(town)
        self.gate = town.projection.to_plane(town.gate)
        self._town = town
        self._homes = [street for street in town.streets if street.rank in _LIVED_IN]
        if not self._homes:
            self._homes = list(town.streets)
        self._lines = [[town.projection.to_plane(at) for at in one.line] for one in self._homes]
        self._lengths = list(accumulate(length_m(line) for line in self._lines))

    def address(self, random: Random) -> Address:
        """Pick an address; every metre of a lived-in street is as likely as any other."""
        (number,) = random.choices(range(len(self._homes)), cum_weights=self._lengths)
        street, line = self._homes[number], self._lines[number]
        return _at_kerb(street, line, random.uniform(0.05, 0.95) * length_m(line))

    def way(self, start: Point, ahead: Point, goal: Address | None, *, limit_mps: float) -> Path:
        """Return the quickest way from a point before the vertex `ahead` to an address.

        Without a goal it leads back to the depot's gate. A two-way street is entered from the end
        that is quicker. `limit_mps` holds between the start and `ahead`.
        """
        times, paths = nx.single_source_dijkstra(self.graph, ahead, weight="time_s")
        if goal is None:
            return self._path(start, paths[self.gate], self.gate, limit_mps)
        behind, beyond = goal.behind, goal.ahead
        back = self.graph.has_edge(beyond, behind)
        if back and times[beyond] < times[behind]:
            behind, beyond = beyond, behind
        return self._path(start, [*paths[behind], beyond], goal.point, limit_mps)

    def _path(self, start: Point, nodes: Sequence[Point], end: Point, limit_mps: float) -> Path:
        """Join the start, the vertices and the end, which is the last one or lies before it."""
        to_vertex = nodes[-1] == end
        points = [start, *(nodes if to_vertex else nodes[:-1]), end]
        limits = [limit_mps, *(self._limit(edge) for edge in pairwise(nodes))]
        if to_vertex:
            limits.append(limits[-1])
        kept = [number for number in range(len(limits)) if points[number] != points[number + 1]]
        return Path(
            (start, *(points[number + 1] for number in kept)),
            tuple(limits[number] for number in kept),
            nodes[-1],
        )

    def _limit(self, edge: tuple[Point, Point]) -> float:
        return float(self.graph.edges[edge]["speed_mps"])


def _at_kerb(street: Street, line: list[Point], along_m: float) -> Address:
    name = f"{1 + int(along_m / _HOUSE_M)} {street.name}"
    for behind, ahead in pairwise(line):
        stretch_m = length_m((behind, ahead))
        if along_m <= stretch_m:
            return Address(name, behind, ahead, between(behind, ahead, along_m / stretch_m))
        along_m -= stretch_m
    return Address(name, line[-2], line[-1], between(line[-2], line[-1], 0.5))
