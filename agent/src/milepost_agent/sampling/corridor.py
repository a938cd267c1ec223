"""The corridor: which straight run from a kept fix still rebuilds all fixes dropped since.

In flow the fixes after a kept one (the anchor), in order; out flows whether the track may be drawn
straight from the anchor to the newest of them, at steady speed, and pass each of the others at its
own time within the tolerance (synchronised Euclidean distance).

A dropped fix at distance d and time t from the anchor is met within the tolerance r by every steady
velocity in the disc of radius r/t around d/t. The velocities that meet all of them are the discs'
intersection; here each disc is taken as a regular polygon inside it, always turned the same way,
so that the intersection is known by its extent along six axes: constant time and memory a fix.
(Velocity-space form of the opening window of Meratnia and de By, EDBT 2004.)

Invariants:
- Where the corridor says yes, no dropped fix is further than the tolerance from the straight run,
  measured on the sphere or the ellipsoid: a metre here is at no place and in no direction longer
  than a metre on the ground, and the polygons lie inside their discs.
- Straight means linear in latitude and longitude, the shorter way round in longitude; so it is
  the same on both sides of the date line.
- Altitude has no say: it is interpolated like the rest, without a promise.
"""

from math import cos, inf, pi, radians, sqrt

from milepost_schemas.fix import Fix

# A millionth of a degree of arc on the largest circle that fits anywhere to the WGS 84 ellipsoid
# (polar radius of curvature a²/b).
METRES_PER_E6 = radians(1e-6) * 6_399_593.6258

HALF_TURN_E6 = 180_000_000
TURN_E6 = 360_000_000

# Six axes, twelve corners. Over the recorded drives, fixes kept beyond the fewest possible and time
# a fix: 8 corners 4.3 % and 0.8 times, 12 corners 2.9 %, 16 corners 2.1 % and 1.4 times; the discs
# themselves 1.8 %, without a bound on time.
_INSCRIBED = cos(pi / 12)
_ROOT_3 = sqrt(3)

# A corridor reaches no further north or south, so that the scale of longitude taken at its edge
# next to the equator is too small nowhere in it: 5.5 km, more than a vehicle makes in 15 s.
_REACH_E6 = 50_000

# The least and greatest velocity along each axis, before any fix has a say.
_OPEN = (-inf, inf) * 6


class Corridor:
    """The velocities with which the track may go on from an anchor.

    Args:
        tolerance_m: How far from its place a dropped fix may be rebuilt, in metres; 0 or more.
    """

    __slots__ = ("_edges", "_half_e6", "_lat_e6", "_lon_e6", "_lon_scale", "_time_ms")

    def __init__(self, tolerance_m: float) -> None:
        self._half_e6 = tolerance_m / METRES_PER_E6 * _INSCRIBED

    def begin(self, anchor: Fix) -> None:
        """Begin anew at a kept fix, from which every velocity is open."""
        self._time_ms = anchor.time_ms
        self._lat_e6 = anchor.lat_e6
        self._lon_e6 = anchor.lon_e6
        self._lon_scale = cos(radians(max(0, abs(anchor.lat_e6) - _REACH_E6) / 1e6))
        self._edges = _OPEN

    def narrow(self, fix: Fix) -> bool:
        """Take the next fix; say whether the track may run straight to it from the anchor.

        After a no the corridor is of no more use and must begin anew. Written out axis by axis
        because a loop costs three times as much, and this runs for every fix.

        Args:
            fix: A fix later than the anchor and than every one before.
        """
        north_e6 = fix.lat_e6 - self._lat_e6
        east_e6 = fix.lon_e6 - self._lon_e6
        if not -HALF_TURN_E6 <= east_e6 < HALF_TURN_E6:
            east_e6 = (east_e6 + HALF_TURN_E6) % TURN_E6 - HALF_TURN_E6
        per_ms = 1 / (fix.time_ms - self._time_ms)
        a = east_e6 * self._lon_scale * per_ms
        b = north_e6 * per_ms
        a_root3 = a * _ROOT_3
        b_root3 = b * _ROOT_3
        c, d = a_root3 + b, a + b_root3
        e, f = b_root3 - a, b - a_root3
        a0, a1, b0, b1, c0, c1, d0, d1, e0, e1, f0, f1 = self._edges
        if not (
            (a0 <= a <= a1 and b0 <= b <= b1 and c0 <= c <= c1)
            and (d0 <= d <= d1 and e0 <= e <= e1 and f0 <= f <= f1)
            and -_REACH_E6 <= north_e6 <= _REACH_E6
        ):
            return False
        half = self._half_e6 * per_ms
        twice = half * 2
        self._edges = (
            least if (least := a - half) > a0 else a0,
            most if (most := a + half) < a1 else a1,
            least if (least := b - half) > b0 else b0,
            most if (most := b + half) < b1 else b1,
            least if (least := c - twice) > c0 else c0,
            most if (most := c + twice) < c1 else c1,
            least if (least := d - twice) > d0 else d0,
            most if (most := d + twice) < d1 else d1,
            least if (least := e - twice) > e0 else e0,
            most if (most := e + twice) < e1 else e1,
            least if (least := f - twice) > f0 else f0,
            most if (most := f + twice) < f1 else f1,
        )
        return True
