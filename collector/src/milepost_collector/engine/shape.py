"""Shapes on the ground: circles, polygons and corridors, and how far points are from their edge.

Each shape has a plane of its own around its middle, in which a degree has the length that it has
on the WGS 84 ellipsoid there; within 10 km of its middle and 70 degrees of the equator this is true
to a metre in a thousand. Distances are in metres and negative inside.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from milepost_collector.engine.ways import inside_band, inside_circle, inside_rings

Metres = NDArray[np.float64]
Degrees = NDArray[np.float64]

# Edges of more vertices than this are searched by a tree of their pieces.
_FEW_VERTICES = 32


class ShapeError(ValueError):
    """Points make no shape; the message says why."""


def metres_per_degree(lat_deg: Any) -> tuple[Any, Any]:
    """Return the lengths of a degree of longitude and of latitude on WGS 84, in metres.

    Source: American Practical Navigator (Bowditch), explanation of table 6; its multiples of the
    angle are written as powers of one cosine.

    Args:
        lat_deg: A number or an array.
    """
    c = np.cos(np.radians(lat_deg))
    cc = c * c
    twice = 2 * cc - 1
    east = c * (111412.84 - 93.5 * (4 * cc - 3) + 0.118 * ((16 * cc - 20) * cc + 5))
    return east, 111132.92 - 559.82 * twice + 1.175 * (2 * twice * twice - 1)


@dataclass(frozen=True, slots=True)
class Plane:
    """A plane that touches the ellipsoid at a middle; x points east, y north, in metres."""

    lat_deg: float
    lon_deg: float
    x_m_per_deg: float
    y_m_per_deg: float

    @classmethod
    def at(cls, lat_deg: float, lon_deg: float) -> "Plane":
        """Make the plane at a point."""
        x_m, y_m = metres_per_degree(lat_deg)
        return cls(lat_deg, lon_deg, float(x_m), float(y_m))

    @classmethod
    def around(cls, points: Sequence[tuple[float, float]]) -> "Plane":
        """Make the plane at the middle of (lat_deg, lon_deg); they may lie across the date line."""
        lats = [lat for lat, _ in points]
        first = points[0][1]
        east = [short_way_deg(lon - first) for _, lon in points]
        middle = first + (min(east) + max(east)) / 2
        return cls.at((min(lats) + max(lats)) / 2, short_way_deg(middle))

    def project(self, lat_deg: float, lon_deg: float) -> tuple[float, float]:
        """Return where a point lies in the plane."""
        east_deg = short_way_deg(lon_deg - self.lon_deg)
        return east_deg * self.x_m_per_deg, (lat_deg - self.lat_deg) * self.y_m_per_deg


def short_way_deg(east_deg: Any) -> Any:
    """Return differences of longitude the shorter way round, in degrees: a number or an array."""
    return (east_deg + 180.0) % 360.0 - 180.0


@dataclass(frozen=True, slots=True)
class Shape:
    """An area on the ground: all points within `round_m` of `core`.

    Attributes:
        plane: In which `core` lies.
        core: What it is around, in its plane: an area for a polygon, a line for a corridor, the
            middle for a circle.
        edge: The lines from which the distance to the edge is measured; None: `core` itself.
        round_m: How far it reaches around its core, metres: 0 for a polygon.
        depth_m: How far from its edge a point in it can be, roughly, metres.
    """

    plane: Plane
    core: Any
    edge: "_Edge | None"
    round_m: float
    depth_m: float

    @classmethod
    def circle(cls, lat_deg: float, lon_deg: float, radius_m: float) -> "Shape":
        """Make a circle."""
        return cls(Plane.at(lat_deg, lon_deg), shapely.Point(0, 0), None, radius_m, radius_m)

    @classmethod
    def corridor(cls, line: Sequence[tuple[float, float]], width_m: float) -> "Shape":
        """Make a corridor around a line of (lat_deg, lon_deg): half its width to each side.

        Raises:
            ShapeError: The line has no length.
        """
        plane = Plane.around(line)
        points = [plane.project(*point) for point in line]
        core = shapely.LineString(points)
        if core.length == 0.0:
            raise ShapeError("the line has no length")
        shapely.prepare(core)
        half_m = width_m / 2
        return cls(plane, core, _Edge.of(core), half_m, half_m)

    @classmethod
    def polygon(cls, areas: Sequence[Sequence[Sequence[tuple[float, float]]]]) -> "Shape":
        """Make an area from polygons, each of rings of (lat_deg, lon_deg): outside, then holes.

        Raises:
            ShapeError: Rings cross themselves or one another, or enclose nothing.
        """
        plane = Plane.around([point for rings in areas for point in rings[0]])
        made = []
        for outside, *holes in ([[plane.project(*p) for p in ring] for ring in a] for a in areas):
            made.append(shapely.Polygon(outside, holes))
        core = made[0] if len(made) == 1 else shapely.MultiPolygon(made)
        if not core.is_valid:
            raise ShapeError(shapely.is_valid_reason(core))
        if core.area == 0.0:
            raise ShapeError("it encloses nothing")
        shapely.prepare(core)
        # Exact for a circle and for a long strip, and near it in between.
        roundness = math.sqrt(4 * math.pi * core.area) / core.length
        depth_m = core.area / core.length * (1 + roundness)
        return cls(plane, core, _Edge.of(core.boundary), 0.0, depth_m)

    def distances_m(self, x_m: Metres, y_m: Metres) -> Metres:
        """Return the distances of points of the plane to the edge, negative inside."""
        if self.edge is None:
            return np.sqrt(x_m * x_m + y_m * y_m) - self.round_m
        away_m = self.edge.distances_m(x_m, y_m)
        if self.round_m:
            return away_m - self.round_m
        return np.where(shapely.contains_xy(self.core, x_m, y_m), -away_m, away_m)

    def way_inside(
        self, begin: tuple[float, float], end: tuple[float, float]
    ) -> tuple[tuple[float, float], ...]:
        """Return the stretches of a straight way that lie inside, as shares of it, in order.

        Args:
            begin: (x, y) in the plane.
            end: Likewise.
        """
        way_m = math.dist(begin, end)
        if way_m == 0.0:
            return ()
        if self.edge is None:
            return inside_circle(begin, end, self.round_m)
        if self.round_m:
            return inside_band(begin, end, self.edge.pieces, self.round_m)
        return inside_rings(begin, end, self.edge.pieces)

    @property
    def bounds_m(self) -> tuple[float, float, float, float]:
        """West, south, east and north in its plane."""
        west, south, east, north = shapely.bounds(self.core).tolist()
        more = self.round_m
        return west - more, south - more, east + more, north + more


@dataclass(frozen=True, slots=True)
class _Edge:
    """Lines to which distances are measured.

    Attributes:
        lines: In the plane.
        pieces: (x, y, x_to, y_to) of their straight pieces, a column each.
        tree: The pieces, where they are many.
    """

    lines: Any
    pieces: Metres
    tree: "shapely.STRtree | None"

    @classmethod
    def of(cls, lines: Any) -> "_Edge":
        parts = [shapely.get_coordinates(line) for line in shapely.get_parts(lines)]
        pieces = np.concatenate([np.hstack([points[:-1], points[1:]]) for points in parts])
        if len(pieces) <= _FEW_VERTICES:
            return cls(lines, pieces.T, None)
        drawn = np.asarray(shapely.linestrings(pieces.reshape(len(pieces), 2, 2)))
        return cls(lines, pieces.T, shapely.STRtree(drawn))

    def distances_m(self, x_m: Metres, y_m: Metres) -> Metres:
        points = np.asarray(shapely.points(x_m, y_m))
        if self.tree is None:
            return np.asarray(shapely.distance(self.lines, points))
        (at, _), away_m = self.tree.query_nearest(points, return_distance=True, all_matches=False)
        found = np.empty(len(points))
        found[at] = away_m
        return found
