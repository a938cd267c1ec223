"""Fences: circles and polygons on the ground, and how far a point is from their edge.

In flows GeoJSON (RFC 7946), out flow fences that answer in metres. Each fence has a plane of its
own around its middle, in which a degree has the length that it has on the WGS 84 ellipsoid there;
within 10 km of its middle and 70 degrees of the equator this is true to a metre in a thousand.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import shapely

_FAR_M = 200.0
_MAX_RADIUS_M = 100_000.0


class FenceError(ValueError):
    """A fence file or a fence in it cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class _Plane:
    """A plane that touches the ellipsoid at a middle; x points east, y north, in metres."""

    lat_deg: float
    lon_deg: float
    x_m_per_deg: float
    y_m_per_deg: float

    @classmethod
    def at(cls, lat_deg: float, lon_deg: float) -> "_Plane":
        """Lengths of a degree: American Practical Navigator (Bowditch), explanation of table 6."""
        lat = math.radians(lat_deg)
        y = 111132.92 - 559.82 * math.cos(2 * lat) + 1.175 * math.cos(4 * lat)
        x = 111412.84 * math.cos(lat) - 93.5 * math.cos(3 * lat) + 0.118 * math.cos(5 * lat)
        return cls(lat_deg, lon_deg, x, y)

    def project(self, lat_deg: float, lon_deg: float) -> tuple[float, float]:
        east_deg = (lon_deg - self.lon_deg + 180.0) % 360.0 - 180.0
        return east_deg * self.x_m_per_deg, (lat_deg - self.lat_deg) * self.y_m_per_deg


@dataclass(frozen=True, slots=True)
class Fence:
    """An area on the ground.

    Attributes:
        id: Its name in events.
        reach_m: No point of it is farther from its middle than this, in metres.
        shape: The polygon in its plane; None for a circle of radius `reach_m`.
    """

    id: str
    plane: _Plane
    reach_m: float
    shape: Any = None

    @classmethod
    def circle(cls, id: str, lat_deg: float, lon_deg: float, radius_m: float) -> "Fence":  # noqa: A002
        """Make a circle."""
        return cls(id, _Plane.at(lat_deg, lon_deg), radius_m)

    @classmethod
    def polygon(cls, id: str, rings: Sequence[Sequence[tuple[float, float]]]) -> "Fence":  # noqa: A002
        """Make a polygon from rings of (lat_deg, lon_deg): the outside first, then holes.

        Raises:
            FenceError: The rings cross themselves or enclose nothing.
        """
        first_lon = rings[0][0][1]
        middle_lat = (min(p[0] for p in rings[0]) + max(p[0] for p in rings[0])) / 2
        east = [(p[1] - first_lon + 180.0) % 360.0 - 180.0 for p in rings[0]]
        plane = _Plane.at(middle_lat, first_lon + (min(east) + max(east)) / 2)
        outside, *holes = ([plane.project(*point) for point in ring] for ring in rings)
        shape = shapely.Polygon(outside, holes)
        if not shape.is_valid:
            raise FenceError(f"fence {id!r}: {shapely.is_valid_reason(shape)}")
        reach_m = max(math.hypot(x, y) for x, y in outside)
        shapely.prepare(shape)
        return cls(id, plane, reach_m, shape)

    @property
    def enter_margin_m(self) -> float:
        """How far inside a point must be before it counts as entered."""
        return min(5.0, self.reach_m / 4)

    def edge_distance_m(self, lat_deg: float, lon_deg: float) -> float:
        """Return the distance to the edge in metres, negative inside.

        Farther than 200 m outside the circle around a polygon it is the distance to that circle.
        """
        x, y = self.plane.project(lat_deg, lon_deg)
        beyond_m = math.hypot(x, y) - self.reach_m
        if self.shape is None or beyond_m > _FAR_M:
            return beyond_m
        point = shapely.Point(x, y)
        distance_m: float = self.shape.boundary.distance(point)
        return -distance_m if self.shape.covers(point) else distance_m

    def last_crossing(self, begin: tuple[float, float], end: tuple[float, float]) -> float:
        """Return which share of a straight way lies before its last meeting with the edge.

        Args:
            begin: (lat_deg, lon_deg).
            end: Likewise.

        Returns:
            0 to 1; 1 where the way does not meet the edge.
        """
        (x, y), (x_end, y_end) = self.plane.project(*begin), self.plane.project(*end)
        way_m = math.hypot(x_end - x, y_end - y)
        if way_m == 0.0:
            return 1.0
        if self.shape is None:
            shares = _circle_crossings(x, y, x_end - x, y_end - y, self.reach_m)
        else:
            way = shapely.LineString([(x, y), (x_end, y_end)])
            met = shapely.get_coordinates(way.intersection(self.shape.boundary))
            shares = [math.hypot(x_met - x, y_met - y) / way_m for x_met, y_met in met]
        return max((share for share in shares if 0.0 <= share <= 1.0), default=1.0)


def _circle_crossings(x: float, y: float, dx: float, dy: float, radius_m: float) -> list[float]:
    """Solve |(x, y) + share (dx, dy)| = radius_m for the share."""
    a, b, c = dx * dx + dy * dy, x * dx + y * dy, x * x + y * y - radius_m * radius_m
    discriminant = b * b - a * c
    if discriminant < 0.0:
        return []
    root = math.sqrt(discriminant)
    return [(-b - root) / a, (-b + root) / a]


def fences_from_geojson(collection: object) -> tuple[Fence, ...]:
    """Read fences from a GeoJSON FeatureCollection.

    A Polygon is a polygon; a Point with the property `radius_m` is a circle. A fence's id is the
    feature's `id`.

    Raises:
        FenceError: It is no FeatureCollection, or a feature is no fence; the message names it.
    """
    if not isinstance(collection, Mapping) or collection.get("type") != "FeatureCollection":
        raise FenceError("is no GeoJSON FeatureCollection")
    features = collection.get("features")
    if not isinstance(features, list):
        raise FenceError("has no list of features")
    fences = tuple(_fence(feature, index) for index, feature in enumerate(features))
    seen: set[str] = set()
    for fence in fences:
        if fence.id in seen:
            raise FenceError(f"fence {fence.id!r} stands twice")
        seen.add(fence.id)
    return fences


def _fence(feature: object, index: int) -> Fence:
    where = f"feature {index}"
    if not isinstance(feature, Mapping):
        raise FenceError(f"{where} is no object")
    name = feature.get("id")
    if not isinstance(name, str | int) or isinstance(name, bool) or not str(name):
        raise FenceError(f"{where} has no id")
    where = f"fence {str(name)!r}"
    geometry = feature.get("geometry")
    if not isinstance(geometry, Mapping):
        raise FenceError(f"{where} has no geometry")
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind == "Point":
        properties = feature.get("properties")
        radius_m = properties.get("radius_m") if isinstance(properties, Mapping) else None
        if not _is_number(radius_m) or not 0 < radius_m <= _MAX_RADIUS_M:
            raise FenceError(
                f"{where}: radius_m {radius_m!r} is not above 0 and to {_MAX_RADIUS_M}"
            )
        return Fence.circle(str(name), *_point(coordinates, where), radius_m)
    if kind == "Polygon" and isinstance(coordinates, list) and coordinates:
        return Fence.polygon(str(name), [_ring(ring, where) for ring in coordinates])
    raise FenceError(f"{where}: geometry {kind!r} is neither Polygon nor Point")


def _ring(ring: object, where: str) -> list[tuple[float, float]]:
    if not isinstance(ring, list) or len(ring) < 4 or ring[0] != ring[-1]:
        raise FenceError(f"{where}: a ring is not four or more positions that end where they begin")
    return [_point(position, where) for position in ring]


def _point(position: object, where: str) -> tuple[float, float]:
    if not isinstance(position, list) or len(position) < 2 or not all(map(_is_number, position)):
        raise FenceError(f"{where}: {position!r} is not [longitude, latitude]")
    lon_deg, lat_deg = position[:2]
    if not (abs(lat_deg) <= 90 and abs(lon_deg) <= 180):
        raise FenceError(f"{where}: longitude {lon_deg}, latitude {lat_deg} is not on Earth")
    return lat_deg, lon_deg


def _is_number(value: Any) -> TypeGuard[float]:
    # Compared, not math.isfinite: JSON may write a whole number that no float can hold.
    return type(value) in (int, float) and -math.inf < value < math.inf
