"""A route measured: how long each of its legs is, and how far a vehicle has come on one.

Along the planned path where there is one that passes the stops, else the straight line times the
fleet's detour factor. Measured once for a route; an update only places the vehicle on one leg.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from milepost_collector.delivery.eta.route import Degrees, Route

# The mean radius of the Earth (IUGG).
EARTH_M = 6_371_008.8
# Who is farther from the planned path than that is not on it, and a stop is not passed by it.
_OFF_PATH_M = 250.0
# Of two parts of the path that are equally near, the one is meant that is where the vehicle should
# be by now: a metre along the path counts so much beside a metre aside.
_ALONG_SHARE = 0.02

_Numbers = NDArray[np.float64]


class Spot(NamedTuple):
    """A place that legs begin and end at.

    Attributes:
        place: None: wherever the vehicle is.
        radius_m: Who is so near is there.
        mark_m: Where along the path; None: it does not lead there.
    """

    place: Degrees | None
    radius_m: float = 0.0
    mark_m: float | None = None


@dataclass(frozen=True, slots=True)
class Leg:
    """The way from one place to the next.

    Attributes:
        start: None: wherever the vehicle is at first.
        end: Where the stop is.
        length_m: How far it is, from the middle to the middle.
        straight_m: As the crow flies.
        outside_m: How far it is to drive between departure and arrival: without the radii.
        arrives_m: Who is so near has arrived.
        along_m: From where to where it is along the path; None: the path does not lead there.
    """

    start: Degrees | None
    end: Degrees
    length_m: float
    straight_m: float
    outside_m: float
    arrives_m: float = 0.0
    along_m: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """A measured route.

    Attributes:
        route: What was measured.
        legs: To each call; from the one before it, or from the start.
        detour: What straight lines are multiplied by where there is no path.
        line: The path.
        spots: The start, and each call.
        numbers: The number of each call by its id.
    """

    route: Route
    legs: tuple[Leg, ...]
    detour: float
    line: "Line | None"
    spots: tuple[Spot, ...]
    numbers: dict[str, int]

    def leg_between(self, begin: int | None, end: int) -> Leg:
        """Return the leg from one call to any other.

        Args:
            begin: Number of the call; None: from the start.
            end: Number of a call.
        """
        first = 0 if begin is None else begin + 1
        if end == first:
            return self.legs[end]
        start, goal = self.spots[first], self.spots[end + 1]
        if end < first:  # the path does not lead back
            start, goal = start._replace(mark_m=None), goal._replace(mark_m=None)
        return _leg(start, goal, self.detour)

    def leg_from(self, place: Degrees, end: int) -> Leg:
        """Return the leg from any place to a call."""
        return _leg(Spot(place), self.spots[end + 1], self.detour)

    def rest_m(self, leg: Leg, place: Degrees, expected_share: float) -> float:
        """Return how far it is from a place on a leg to where the vehicle has arrived.

        Args:
            leg: One of these legs.
            place: Where the vehicle is.
            expected_share: How much of the leg should be behind it by the clock, 0 to 1.
        """
        rest_m = straight(place, leg.end) * self.detour
        if leg.along_m and self.line:
            begin_m, end_m = leg.along_m
            expected_m = begin_m + expected_share * (end_m - begin_m)
            aside_m, along_m = self.line.nearest(place, begin_m, end_m, expected_m)
            if aside_m <= _OFF_PATH_M:
                rest_m = max(end_m - along_m, 0.0) + aside_m
        return max(rest_m - leg.arrives_m, 0.0)


class Line:
    """A path on the plane that touches the Earth at its middle, with the lengths along it."""

    def __init__(self, path: tuple[Degrees, ...]) -> None:
        places = np.array(path, dtype=np.float64)
        self._middle = (places.min(axis=0) + places.max(axis=0)) / 2.0
        self._scale = (
            np.radians(1.0) * EARTH_M * np.array([1.0, np.cos(np.radians(self._middle[0]))])
        )
        points = (places - self._middle) * self._scale
        steps = np.diff(points, axis=0)
        lengths = np.hypot(steps[:, 0], steps[:, 1])
        kept = lengths > 0.0
        self._points, self._steps, self._lengths = points[:-1][kept], steps[kept], lengths[kept]
        self._along = np.concatenate([[0.0], np.cumsum(self._lengths)])

    def __len__(self) -> int:
        """Return how many stretches of it have a length."""
        return len(self._lengths)

    @property
    def length_m(self) -> float:
        """How long it is."""
        return float(self._along[-1])

    def at(self, along_m: float) -> Degrees:
        """Return the place so far along."""
        last = len(self._lengths) - 1
        stretch = min(int(np.searchsorted(self._along, along_m, side="right")) - 1, last)
        share = (along_m - self._along[stretch]) / self._lengths[stretch]
        point = (self._points[stretch] + share * self._steps[stretch]) / self._scale + self._middle
        return float(point[0]), float(point[1])

    def nearest(
        self, place: Degrees, begin_m: float, end_m: float, expected_m: float
    ) -> tuple[float, float]:
        """Return how far aside a place is from a part of the path, and where along it."""
        first = max(int(np.searchsorted(self._along, begin_m, side="right")) - 1, 0)
        last = max(int(np.searchsorted(self._along, end_m, side="left")), first + 1)
        aside, along = self._aside(place, slice(first, last))
        found = int(np.argmin(aside + _ALONG_SHARE * np.abs(along - expected_m)))
        return float(aside[found]), min(max(float(along[found]), begin_m), end_m)

    def pass_in_order(self, places: list[Degrees]) -> list[tuple[float, float]]:
        """Return how far aside and where along the path it passes each place, one after the other.

        The way of matching is the one with the least sum of squared distances that never goes
        back: dynamic programming (Bellman 1957) over stops and stretches.
        """
        sums: list[NDArray[np.float32]] = []
        least = np.zeros(len(self))
        for place in places:
            least = np.minimum.accumulate(least) + self._aside(place, slice(None))[0] ** 2
            sums.append(least.astype(np.float32))
        found: list[tuple[float, float]] = []
        end = len(self)
        for place, total in zip(places[::-1], sums[::-1], strict=True):
            at = int(np.argmin(total[:end]))
            aside, along = self._aside(place, slice(at, at + 1))
            found.append((float(aside[0]), float(along[0])))
            end = at + 1
        return found[::-1]

    def _aside(self, place: Degrees, part: slice) -> tuple[_Numbers, _Numbers]:
        """Return for stretches how far aside a place is, and where along the path its foot is."""
        point = (np.array(place) - self._middle) * self._scale
        to, steps, lengths = point - self._points[part], self._steps[part], self._lengths[part]
        share = np.clip((to * steps).sum(axis=1) / lengths**2, 0.0, 1.0)
        away = to - steps * share[:, None]
        return np.hypot(away[:, 0], away[:, 1]), self._along[:-1][part] + share * lengths


def measured(route: Route, detour: float) -> Course:
    """Measure a route.

    Args:
        route: What a vehicle is to do.
        detour: What straight lines are multiplied by where the path does not help; 1 or more.
    """
    line = Line(route.path) if len(route.path) > 1 else None
    line = line if line is not None and len(line) else None
    start = Spot(route.start, route.start_radius_m if route.start else 0.0)
    spots = [start, *(Spot(call.place, call.radius_m) for call in route.calls)]
    if line:
        spots = _marked(spots, line)
    legs = tuple(_leg(one, other, detour) for one, other in pairwise(spots))
    numbers = {call.id: number for number, call in enumerate(route.calls)}
    return Course(route, legs, detour, line, tuple(spots), numbers)


def _marked(spots: Sequence[Spot], line: Line) -> list[Spot]:
    """Return spots with where along the path they are."""
    passed = iter(line.pass_in_order([spot.place for spot in spots if spot.place is not None]))
    found = []
    for spot in spots:
        aside_m, along_m = (0.0, None) if spot.place is None else next(passed)
        near = aside_m <= _OFF_PATH_M
        found.append(spot._replace(mark_m=along_m if near else None))
    return found


def _leg(start: Spot, goal: Spot, detour: float) -> Leg:
    end = goal.place or (0.0, 0.0)
    straight_m = straight(start.place, end) if start.place else 0.0
    length_m, along_m = straight_m * detour, None
    if start.mark_m is not None and goal.mark_m is not None:
        along_m = start.mark_m, max(goal.mark_m, start.mark_m)
        length_m = max(along_m[1] - along_m[0], straight_m)
    outside_m = max(length_m - start.radius_m - goal.radius_m, 0.0)
    return Leg(start.place, end, length_m, straight_m, outside_m, goal.radius_m, along_m)


def straight(one: Degrees, other: Degrees) -> float:
    """Return the length of the short way between two places on a sphere, metres (haversine)."""
    half_lat = math.radians(other[0] - one[0]) / 2.0
    half_lon = math.radians(other[1] - one[1]) / 2.0
    narrow = math.cos(math.radians(one[0])) * math.cos(math.radians(other[0]))
    chord = math.sin(half_lat) ** 2 + narrow * math.sin(half_lon) ** 2
    return 2.0 * EARTH_M * math.asin(min(1.0, math.sqrt(chord)))
