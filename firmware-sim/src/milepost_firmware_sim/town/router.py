"""Ways through a town: the quickest or shortest one from an address to the next.

In flow a town and two addresses, out flows a way. One-way streets hold; a van that has stopped goes
on in the direction in which it stands, and turns where that is quickest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from math import dist, fsum

import networkx as nx

from milepost_firmware_sim.path import Path, Stretch, Surroundings
from milepost_firmware_sim.plane import Point
from milepost_firmware_sim.town.addresses import Address
from milepost_firmware_sim.town.town import Street, Town, street_graph

# The hill country that the town lies in; the town itself is flat.
GROUND_M = 218.0
_AROUND = {
    "lane": Surroundings.NARROW,
    "residential": Surroundings.STREET,
    "secondary": Surroundings.STREET,
}


class Least(Enum):
    """What a way is the least of; the value is the weight of an edge."""

    TIME = "time_s"
    LENGTH = "length_m"


@dataclass(frozen=True, slots=True)
class Way:
    """A way from one address to another.

    Attributes:
        path: Vertices and limits, without halts.
        arrival: The address, seen in the direction in which the van arrives there.
        length_m: Along the streets.
        time_s: At the speed limits.
    """

    path: Path
    arrival: Address
    length_m: float
    time_s: float


@dataclass(frozen=True, slots=True)
class _Found:
    """A way while it is looked for: the vertices between its two ends, and how it arrives."""

    cost: float
    nodes: Sequence[Point]
    first: tuple[Point, Point]
    arrival: Address


class Router:
    """Finds ways through one town."""

    def __init__(self, town: Town) -> None:
        self.graph = street_graph(town)
        self._stretches = {street.id: _stretch(street) for street in town.streets}

    def way(
        self, start: Address, goal: Address, *, turned: bool = True, least: Least = Least.TIME
    ) -> Way | None:
        """Find the way from one address to another; None where both are the same place.

        Args:
            start: Where the van stands.
            goal: A two-way street is entered from the end that costs less.
            turned: The van may begin in either direction of a two-way street; else it begins
                toward `start.ahead`.
            least: What to minimise.
        """
        if start.point == goal.point:
            return None
        found = [
            one
            for first in self._leaving(start, turned=turned)
            for one in self._through(start, first, goal, least)
        ]
        best = min(found, key=lambda one: one.cost)
        return self._joined(start.point, best)

    def _through(
        self, start: Address, first: tuple[Point, Point], goal: Address, least: Least
    ) -> Iterator[_Found]:
        """Yield ways that begin along the edge `first`."""
        arrivals = list(self._arrivals(goal))
        begin = self._cost(first, start.point, first[1], least)
        for arrival in arrivals:
            edge = (arrival.behind, arrival.ahead)
            ahead_m = dist(first[0], goal.point) - dist(first[0], start.point)
            if edge == first and first[0] != first[1] and ahead_m >= 0.0:
                yield _Found(self._cost(first, start.point, goal.point, least), (), first, arrival)
        costs, paths = nx.single_source_dijkstra(self.graph, first[1], weight=least.value)
        for arrival in arrivals:
            end = self._cost((arrival.behind, arrival.ahead), arrival.behind, goal.point, least)
            cost = begin + costs[arrival.behind] + end
            yield _Found(cost, paths[arrival.behind], first, arrival)

    def _leaving(self, start: Address, *, turned: bool) -> Iterator[tuple[Point, Point]]:
        """Yield the edges along which a van may begin; a vertex is an edge to itself."""
        if start.behind == start.ahead or self.graph.has_edge(start.behind, start.ahead):
            yield start.behind, start.ahead
        turns = turned and start.behind != start.ahead
        if turns and self.graph.has_edge(start.ahead, start.behind):
            yield start.ahead, start.behind

    def _arrivals(self, goal: Address) -> Iterator[Address]:
        """Yield the directions in which a van may arrive."""
        if goal.behind == goal.ahead or self.graph.has_edge(goal.behind, goal.ahead):
            yield goal
        if goal.behind != goal.ahead and self.graph.has_edge(goal.ahead, goal.behind):
            yield Address(goal.name, goal.ahead, goal.behind, goal.point)

    def _cost(self, edge: tuple[Point, Point], one: Point, other: Point, least: Least) -> float:
        """Return what it costs from one point of an edge to another."""
        metres = dist(one, other)
        if metres == 0.0 or least is Least.LENGTH:
            return metres
        return metres / float(self.graph.edges[edge]["speed_mps"])

    def _joined(self, start: Point, found: _Found) -> Way:
        """Join the start, the vertices and the end."""
        arrival = found.arrival
        points = [start, *found.nodes, arrival.point]
        edges = [found.first, *pairwise(found.nodes), (arrival.behind, arrival.ahead)]
        if not found.nodes:
            edges = [found.first]
        kept = [
            (edge, one, other)
            for edge, (one, other) in zip(edges, pairwise(points), strict=True)
            if one != other
        ]
        stretches = tuple(self._stretches[self.graph.edges[edge]["street"]] for edge, _, _ in kept)
        lengths = [dist(one, other) for _, one, other in kept]
        times = [
            metres / stretch.limit_mps for metres, stretch in zip(lengths, stretches, strict=True)
        ]
        vertices = (start, *(other for _, _, other in kept))
        path = Path(vertices, stretches, (GROUND_M,) * len(vertices))
        return Way(path, arrival, fsum(lengths), fsum(times))


def _stretch(street: Street) -> Stretch:
    around = _AROUND.get(street.rank, Surroundings.OPEN)
    if street.tunnel:
        around = Surroundings.TUNNEL
    return Stretch(street.speed_mps, around, street.name, street.rank)
