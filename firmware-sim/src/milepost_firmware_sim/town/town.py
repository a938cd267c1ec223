"""A town: its streets, waters and greens, and their graph to drive on.

Invariants: streets meet where they share a vertex, exactly; along a one-way street one drives in
the order of its vertices.
"""

from dataclasses import dataclass
from itertools import pairwise

import networkx as nx

from milepost_firmware_sim.plane import LonLat, Point, Projection, length_m


class TownError(ValueError):
    """A file is no town that can be driven on, or a place is not in the town."""


@dataclass(frozen=True, slots=True)
class Street:
    """A street, or the part of one between two changes of its name or kind.

    Attributes:
        id: Unique in the town.
        rank: `primary`, `secondary`, `residential`, `lane` (old quarter) or `service` (depot).
        speed_mps: Speed limit.
        oneway: Driven only in the order of the line.
        bridge: Crosses the river.
        line: Its vertices, (longitude, latitude) in degrees.
        tunnel: Runs below the ground, all of it.
    """

    id: str
    name: str
    rank: str
    speed_mps: float
    oneway: bool
    bridge: bool
    line: tuple[LonLat, ...]
    tunnel: bool = False


@dataclass(frozen=True, slots=True)
class Feature:
    """Anything else that is drawn: river, railway, park, depot, quarter.

    Attributes:
        shape: `LineString` or `Polygon` (then `line` is its closed outer ring).
    """

    id: str
    kind: str
    name: str
    shape: str
    line: tuple[LonLat, ...]


@dataclass(frozen=True, slots=True)
class Town:
    """A town.

    Attributes:
        gate: Where the depot's street ends: drives begin and end here; (longitude, latitude).
    """

    name: str
    streets: tuple[Street, ...]
    features: tuple[Feature, ...]
    gate: LonLat

    @property
    def projection(self) -> Projection:
        """Return flat metres around the depot's gate."""
        return Projection(self.gate[1], self.gate[0])


def street_graph(town: Town) -> "nx.DiGraph[Point]":
    """Turn the streets into a directed graph of their vertices.

    Nodes are points in metres of `town.projection`. Edges carry `length_m`, `time_s` at the speed
    limit, `speed_mps` and `street` (its id).
    """
    graph: nx.DiGraph[Point] = nx.DiGraph()
    projection = town.projection
    for street in town.streets:
        line = [projection.to_plane(place) for place in street.line]
        for one, other in pairwise(line):
            metres = length_m((one, other))
            facts = {
                "length_m": metres,
                "time_s": metres / street.speed_mps,
                "speed_mps": street.speed_mps,
                "street": street.id,
            }
            graph.add_edge(one, other, **facts)
            if not street.oneway:
                graph.add_edge(other, one, **facts)
    return graph
