"""Flat metres for a piece of land as small as a town, and lines drawn on it.

Points are (metres east, metres north) of an origin. Over 5 km the error against the ellipsoid is
below 0.3 %, less than any receiver's speed is wrong by.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[float, float]
LonLat = tuple[float, float]

# Mean radius of the Earth (IUGG), metres.
_EARTH_M = 6_371_008.8
# Six decimals of a degree are 0.1 m.
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Projection:
    """Turns metres around an origin into degrees of WGS 84 and back."""

    lat_deg: float
    lon_deg: float

    def to_degrees(self, point: Point) -> LonLat:
        """Return (longitude, latitude) in degrees, rounded to 0.1 m."""
        lat_deg = self.lat_deg + math.degrees(point[1] / _EARTH_M)
        lon_deg = self.lon_deg + math.degrees(point[0] / self._east_radius_m())
        return round(lon_deg, _DECIMALS), round(lat_deg, _DECIMALS)

    def to_degrees_exact(self, point: Point) -> LonLat:
        """Return (longitude, latitude) in degrees, not rounded."""
        lat_deg = self.lat_deg + math.degrees(point[1] / _EARTH_M)
        return self.lon_deg + math.degrees(point[0] / self._east_radius_m()), lat_deg

    def to_plane(self, place: LonLat) -> Point:
        """Return the metres east and north of the origin."""
        east_m = math.radians(place[0] - self.lon_deg) * self._east_radius_m()
        return east_m, math.radians(place[1] - self.lat_deg) * _EARTH_M

    def _east_radius_m(self) -> float:
        return _EARTH_M * math.cos(math.radians(self.lat_deg))


def length_m(line: Sequence[Point]) -> float:
    """Return the length of a line in metres."""
    return sum(math.dist(one, other) for one, other in pairwise(line))


def between(one: Point, other: Point, share: float) -> Point:
    """Return the point at a share (0 to 1) of the way from one to the other."""
    return one[0] + (other[0] - one[0]) * share, one[1] + (other[1] - one[1]) * share


def bend(points: Sequence[Point], parts: int = 4) -> list[Point]:
    """Draw a smooth line through all points (Catmull-Rom), each stretch cut into `parts`."""
    if len(points) < 3:
        return list(points)
    closed = points[0] == points[-1]
    first = points[-2] if closed else points[0]
    last = points[1] if closed else points[-1]
    control = [first, *points, last]
    line: list[Point] = [points[0]]
    for before, start, end, after in zip(
        control, control[1:], control[2:], control[3:], strict=False
    ):
        shares = [part / parts for part in range(1, parts)]
        line += [_on_spline(before, start, end, after, share) for share in shares]
        line.append(end)
    return line


def _on_spline(before: Point, start: Point, end: Point, after: Point, share: float) -> Point:
    def one(axis: int) -> float:
        a, b, c, d = before[axis], start[axis], end[axis], after[axis]
        linear, square = c - a, 2.0 * a - 5.0 * b + 4.0 * c - d
        cubic = 3.0 * (b - c) + d - a
        return b + 0.5 * share * (linear + share * (square + share * cubic))

    return one(0), one(1)


def crosses(one: Sequence[Point], other: Sequence[Point]) -> bool:
    """Say whether two lines cross each other."""
    return any(
        _turns(a, b, c) != _turns(a, b, d) and _turns(c, d, a) != _turns(c, d, b)
        for a, b in pairwise(one)
        for c, d in pairwise(other)
    )


def _turns(a: Point, b: Point, c: Point) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) > (b[1] - a[1]) * (c[0] - a[0])
