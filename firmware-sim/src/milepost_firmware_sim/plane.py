"""Flat metres for the piece of land that a drive needs, and lines drawn on it.

Points are (metres east, metres north) of an origin; places are (longitude, latitude) in degrees of
WGS 84. The plane is conformal: angles are true, and lengths are too long by half the square of
(metres east of the origin / Earth radius), 1 part in 10,000 at 90 km.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

Point = tuple[float, float]
LonLat = tuple[float, float]

# Six decimals of a degree are 0.1 m.
_DECIMALS = 6
# WGS 84 (NIMA TR8350.2): half axis in metres, flattening; n is the third flattening.
_HALF_AXIS_M = 6_378_137.0
_N = (1.0 / 298.257223563) / (2.0 - 1.0 / 298.257223563)
_ECCENTRICITY = 2.0 * math.sqrt(_N) / (1.0 + _N)
_RADIUS_M = _HALF_AXIS_M / (1.0 + _N) * (1.0 + _N**2 / 4.0 + _N**4 / 64.0)
# Krueger's series to the third order of n, below a millimetre within 1,000 km (C. F. F. Karney,
# Transverse Mercator with an accuracy of a few nanometers, J. Geodesy 85, 2011, equations 12, 35
# and 36): onto the plane, back, and from conformal to geographic latitude.
_ONTO = (
    _N / 2.0 - 2.0 * _N**2 / 3.0 + 5.0 * _N**3 / 16.0,
    13.0 * _N**2 / 48.0 - 3.0 * _N**3 / 5.0,
    61.0 * _N**3 / 240.0,
)
_BACK = (
    _N / 2.0 - 2.0 * _N**2 / 3.0 + 37.0 * _N**3 / 96.0,
    _N**2 / 48.0 + _N**3 / 15.0,
    17.0 * _N**3 / 480.0,
)
_LATITUDE = (
    2.0 * _N - 2.0 * _N**2 / 3.0 - 2.0 * _N**3,
    7.0 * _N**2 / 3.0 - 8.0 * _N**3 / 5.0,
    56.0 * _N**3 / 15.0,
)


@dataclass(frozen=True)
class Projection:
    """Turns metres around an origin into degrees of WGS 84 and back (transverse Mercator).

    Attributes:
        lat_deg: The origin; between 89 degrees south and north.
        lon_deg: Likewise, -180 to 180.
    """

    lat_deg: float
    lon_deg: float

    def to_degrees(self, point: Point) -> LonLat:
        """Return (longitude, latitude) in degrees, rounded to 0.1 m."""
        lon_deg, lat_deg = self.to_degrees_exact(point)
        return round(lon_deg, _DECIMALS), round(lat_deg, _DECIMALS)

    def to_degrees_exact(self, point: Point) -> LonLat:
        """Return (longitude, latitude) in degrees, not rounded."""
        east, north = point[0] / _RADIUS_M, (point[1] + self._origin_north_m) / _RADIUS_M
        bent_east, bent_north = east, north
        for order, factor in enumerate(_BACK, start=1):
            turn, stretch = 2.0 * order * north, 2.0 * order * east
            bent_east -= factor * math.cos(turn) * math.sinh(stretch)
            bent_north -= factor * math.sin(turn) * math.cosh(stretch)
        conformal = math.asin(math.sin(bent_north) / math.cosh(bent_east))
        lat = conformal
        for order, factor in enumerate(_LATITUDE, start=1):
            lat += factor * math.sin(2.0 * order * conformal)
        lon = math.atan2(math.sinh(bent_east), math.cos(bent_north))
        return half_turn_deg(self.lon_deg + math.degrees(lon)), math.degrees(lat)

    def to_plane(self, place: LonLat) -> Point:
        """Return the metres east and north of the origin."""
        east_m, north_m = _onto(half_turn_deg(place[0] - self.lon_deg), place[1])
        return east_m, north_m - self._origin_north_m

    def convergence_deg(self, place: LonLat) -> float:
        """Return how far clockwise of true north the plane's north points at a place."""
        lon = math.radians(half_turn_deg(place[0] - self.lon_deg))
        return math.degrees(math.atan(math.tan(lon) * math.sin(math.radians(place[1]))))

    @cached_property
    def _origin_north_m(self) -> float:
        return _onto(0.0, self.lat_deg)[1]


def _onto(lon_deg: float, lat_deg: float) -> Point:
    """Return metres east of the meridian 0 and north of the equator."""
    lon, sine = math.radians(lon_deg), math.sin(math.radians(lat_deg))
    steep = math.sinh(math.atanh(sine) - _ECCENTRICITY * math.atanh(_ECCENTRICITY * sine))
    bent_north = math.atan2(steep, math.cos(lon))
    bent_east = math.asinh(math.sin(lon) / math.hypot(steep, math.cos(lon)))
    east, north = bent_east, bent_north
    for order, factor in enumerate(_ONTO, start=1):
        turn, stretch = 2.0 * order * bent_north, 2.0 * order * bent_east
        east += factor * math.cos(turn) * math.sinh(stretch)
        north += factor * math.sin(turn) * math.cosh(stretch)
    return east * _RADIUS_M, north * _RADIUS_M


def half_turn_deg(angle_deg: float) -> float:
    """Return an angle as -180 to below 180 degrees."""
    return (angle_deg + 180.0) % 360.0 - 180.0 if abs(angle_deg) >= 180.0 else angle_deg


def degree_m(lat_deg: float) -> tuple[float, float]:
    """Return the lengths in metres of a degree of longitude and of latitude at a latitude."""
    sine = math.sin(math.radians(lat_deg))
    squeezed = 1.0 - _ECCENTRICITY**2 * sine * sine
    across_m = _HALF_AXIS_M / math.sqrt(squeezed)
    along_m = across_m * (1.0 - _ECCENTRICITY**2) / squeezed
    return (
        math.radians(across_m) * math.cos(math.radians(lat_deg)),
        math.radians(along_m),
    )


def length_m(line: Sequence[Point]) -> float:
    """Return the length of a line in metres."""
    # Not `sum`, which adds in another way since Python 3.12: the same line, the same length.
    return math.fsum(math.dist(one, other) for one, other in pairwise(line))


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
