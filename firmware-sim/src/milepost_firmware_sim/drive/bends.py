"""The line that wheels can follow: a path's corners rounded, as straights and bends of one radius.

In flows a path with corners, out flow pieces that join without a kink. A corner is cut by 2.5 m at
most, or by what a van's turning circle needs; where a path turns back, the van drives a loop.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from milepost_firmware_sim.path import Path, Stretch
from milepost_firmware_sim.plane import Point, between

_CUT_M = 2.5
# Kerb to kerb a van needs some 12 m, if the streets give it the room.
TURNING_RADIUS_M = 6.0
# A slight bend begins and ends no farther from its corner.
_WIDEST_M = 40.0
_STRAIGHT = 1e-6
_BACK = math.pi - 1e-3


@dataclass(frozen=True, slots=True)
class Piece:
    """A straight, or a bend of one radius.

    Attributes:
        start: Where it begins, metres of the plane.
        heading: Of its begin, radians counterclockwise from east.
        length_m: Along it.
        curvature: One over the radius in metres; positive to the left, 0 straight on.
        stretch: What holds along it.
        altitudes_m: At its begin and its end.
        wait_s: How long the van waits at its begin.
    """

    start: Point
    heading: float
    length_m: float
    curvature: float
    stretch: Stretch
    altitudes_m: tuple[float, float]
    wait_s: float = 0.0

    def at(self, along_m: float) -> tuple[Point, float, float]:
        """Return the place, heading and altitude after so many metres."""
        low_m, high_m = self.altitudes_m
        altitude_m = low_m + (high_m - low_m) * along_m / self.length_m
        heading = self.heading + self.curvature * along_m
        if self.curvature == 0.0:
            ahead = math.cos(self.heading) * along_m, math.sin(self.heading) * along_m
        else:
            ahead = (
                (math.sin(heading) - math.sin(self.heading)) / self.curvature,
                (math.cos(self.heading) - math.cos(heading)) / self.curvature,
            )
        return (self.start[0] + ahead[0], self.start[1] + ahead[1]), heading, altitude_m


def pieces_of(path: Path) -> list[Piece]:
    """Round the corners of a path."""
    return list(_pieces(path))


def _pieces(path: Path) -> Iterator[Piece]:
    points, stretches, altitudes = path.points, path.stretches, path.altitudes_m
    waits = dict(path.halts)
    here, last = points[0], len(points) - 1
    wait_s = waits.get(0, 0.0)
    for number, stretch in enumerate(stretches):
        one, other = points[number], points[number + 1]
        heading = math.atan2(other[1] - one[1], other[0] - one[0])
        climb_m = altitudes[number], altitudes[number + 1]
        if number + 1 == last:
            yield from _straight(here, other, heading, stretch, climb_m, wait_s)
            return
        after = points[number + 2]
        turn = _half_turn(math.atan2(after[1] - other[1], after[0] - other[0]) - heading)
        room_m = min(math.dist(one, other), math.dist(other, after)) / 2.0
        reach_m = _reach_m(abs(turn), room_m)
        end = between(other, one, reach_m / math.dist(one, other))
        yield from _straight(here, end, heading, stretch, climb_m, wait_s)
        wait_s = waits.get(number + 1, 0.0)
        if reach_m > 0.0:
            both = stretch, stretches[number + 1]
            yield from _around(end, heading, turn, reach_m, both, climb_m[1])
        here = (
            end if abs(turn) > _BACK else between(other, after, reach_m / math.dist(other, after))
        )


def _reach_m(turn: float, room_m: float) -> float:
    """Return how far before and after a corner its bend begins and ends."""
    if turn < _STRAIGHT:
        return 0.0
    if turn > _BACK:
        return min(room_m, (1.0 + math.sqrt(3.0)) * TURNING_RADIUS_M)
    wide_m = min(_WIDEST_M, _CUT_M / math.tan(turn / 4.0))
    return min(room_m, max(wide_m, TURNING_RADIUS_M * math.tan(turn / 2.0)))


def _straight(
    start: Point,
    end: Point,
    heading: float,
    stretch: Stretch,
    altitudes_m: tuple[float, float],
    wait_s: float,
) -> Iterator[Piece]:
    metres = math.dist(start, end)
    if metres > 1e-6 or wait_s > 0.0:
        yield Piece(start, heading, max(metres, 1e-6), 0.0, stretch, altitudes_m, wait_s)


def _around(
    start: Point,
    heading: float,
    turn: float,
    reach_m: float,
    stretches: tuple[Stretch, Stretch],
    altitude_m: float,
) -> Iterator[Piece]:
    """Yield the bend of a corner, half of it on either stretch.

    To turn back the van drives a loop: left 60, right 300, left 60 degrees.
    """
    before, after = stretches
    if abs(turn) <= _BACK:
        radius_m = reach_m / math.tan(abs(turn) / 2.0)
        turns = [(turn / 2.0, before), (turn / 2.0, after)]
    else:
        radius_m = TURNING_RADIUS_M
        aside = math.pi / 3.0
        turns = [(aside, before), (-2.5 * aside, before), (-2.5 * aside, after), (aside, after)]
    for angle, stretch in turns:
        curvature = math.copysign(1.0 / radius_m, angle)
        level_m = altitude_m, altitude_m
        piece = Piece(start, heading, abs(angle) * radius_m, curvature, stretch, level_m)
        yield piece
        start, heading, _ = piece.at(piece.length_m)


def _half_turn(angle: float) -> float:
    """Return an angle as -pi to below pi."""
    return (angle + math.pi) % math.tau - math.pi
