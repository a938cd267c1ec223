"""How a van moves along a path: bounded acceleration, slower in curves, standing at both ends.

In flow paths, out flows the state of the van at any second.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from milepost_firmware_sim.plane import Point, between
from milepost_firmware_sim.route import Path

ACCELERATION_MPS2 = 1.4
BRAKING_MPS2 = 1.8
SIDEWAYS_MPS2 = 2.0
# A van turns round at walking pace.
_SLOWEST_TURN_MPS = 1.5
# Corners are cut by so much on either side, and rounded.
_CORNER_M = 7.0
_SHARP = math.radians(12.0)
_GRID_M = 2.0


@dataclass(frozen=True, slots=True)
class State:
    """The van at one moment.

    Attributes:
        point: Metres of the town's projection.
        course_deg: Clockwise from north, 0 to below 360.
    """

    point: Point
    speed_mps: float
    course_deg: float
    limit_mps: float


class Motion:
    """A van on its way along one path, from standing to standing.

    Attributes:
        duration_s: How long it takes.
    """

    def __init__(self, path: Path) -> None:
        rounded = list(_rounded(path))
        self._points, self._limits = _grid(rounded)
        caps = _caps(self._points, self._limits)
        self._speeds = _reachable(self._points, caps)
        self._times = [0.0]
        for number, (one, other) in enumerate(pairwise(self._points)):
            mean_mps = (self._speeds[number] + self._speeds[number + 1]) / 2.0
            self._times.append(self._times[-1] + math.dist(one, other) / mean_mps)
        self.duration_s = self._times[-1]

    def at(self, time_s: float) -> State:
        """Return the state after `time_s` seconds on the way."""
        if time_s >= self.duration_s:
            course_deg = _course_deg(self._points[-2], self._points[-1])
            return State(self._points[-1], 0.0, course_deg, self._limits[-1])
        last = len(self._points) - 2
        number = min(max(bisect_right(self._times, time_s) - 1, 0), last)
        one, other = self._points[number], self._points[number + 1]
        since_s = time_s - self._times[number]
        step_s = self._times[number + 1] - self._times[number]
        before, after = self._speeds[number], self._speeds[number + 1]
        speed_mps = before + (after - before) * since_s / step_s
        share = (before + speed_mps) / 2.0 * since_s / math.dist(one, other)
        point = between(one, other, min(share, 1.0))
        return State(point, speed_mps, _course_deg(one, other), self._limits[number])


def _rounded(path: Path) -> Iterator[tuple[Point, float]]:
    """Round the sharp corners of a path; yield points with the limit of the stretch after them."""
    points, limits = path.points, [*path.limits_mps, path.limits_mps[-1]]
    yield points[0], limits[0]
    for number in range(1, len(points) - 1):
        before, corner, after = points[number - 1 : number + 2]
        if abs(_turn(before, corner, after)) < _SHARP:
            yield corner, limits[number]
            continue
        limit = min(limits[number - 1], limits[number])
        in_share = min(0.45, _CORNER_M / math.dist(before, corner))
        out_share = min(0.45, _CORNER_M / math.dist(corner, after))
        begin, end = between(corner, before, in_share), between(corner, after, out_share)
        for part in range(6):
            share = part / 6
            yield between(between(begin, corner, share), between(corner, end, share), share), limit
        yield end, limits[number]
    yield points[-1], limits[-1]


def _grid(points: list[tuple[Point, float]]) -> tuple[list[Point], list[float]]:
    """Cut a path into stretches of at most `_GRID_M`."""
    line: list[Point] = [points[0][0]]
    limits: list[float] = []
    for (one, limit), (other, _) in pairwise(points):
        metres = math.dist(one, other)
        if metres < 1e-3:
            continue
        parts = math.ceil(metres / _GRID_M)
        line += [between(one, other, part / parts) for part in range(1, parts + 1)]
        limits += [limit] * parts
    return line, limits


def _caps(points: list[Point], limits: list[float]) -> list[float]:
    """Return the highest speed at each point: the limits around it, and what the bend allows."""
    caps = [0.0]
    for number in range(1, len(points) - 1):
        before, here, after = points[number - 1 : number + 2]
        cap = min(limits[number - 1], limits[number])
        turn = abs(_turn(before, here, after))
        if turn > 1e-6:
            # The circle that touches both stretches, the shorter one in its middle; a bend of a
            # street is spread over more than the two metres of the grid.
            near_m = min(math.dist(before, here), math.dist(here, after))
            spread_m = near_m if turn > _SHARP / 2.0 else 4.0 * _GRID_M
            radius_m = spread_m / (2.0 * math.tan(min(turn, 3.0) / 2.0))
            cap = min(cap, max(_SLOWEST_TURN_MPS, math.sqrt(SIDEWAYS_MPS2 * radius_m)))
        caps.append(cap)
    return [*caps, 0.0]


def _reachable(points: list[Point], caps: list[float]) -> list[float]:
    """Lower the speeds to what acceleration and brakes allow."""
    speeds = list(caps)
    for number in range(1, len(speeds)):
        gain = 2.0 * ACCELERATION_MPS2 * math.dist(points[number - 1], points[number])
        speeds[number] = min(speeds[number], math.sqrt(speeds[number - 1] ** 2 + gain))
    for number in range(len(speeds) - 2, -1, -1):
        gain = 2.0 * BRAKING_MPS2 * math.dist(points[number], points[number + 1])
        speeds[number] = min(speeds[number], math.sqrt(speeds[number + 1] ** 2 + gain))
    return speeds


def _turn(before: Point, corner: Point, after: Point) -> float:
    """Return the change of direction at a corner in radians, -pi to pi."""
    arriving = math.atan2(corner[1] - before[1], corner[0] - before[0])
    leaving = math.atan2(after[1] - corner[1], after[0] - corner[0])
    return (leaving - arriving + math.pi) % math.tau - math.pi


def _course_deg(one: Point, other: Point) -> float:
    return math.degrees(math.atan2(other[0] - one[0], other[1] - one[1])) % 360.0
