"""A track at another rate: points at whole steps of UTC, as a receiver gives them.

Between two points of the track positions are interpolated at their own time, along a straight line;
across a hole nothing is, so that what was not measured is not invented. Next to a void point the
epochs between are void.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import overload

from milepost_schemas.fix import FixKind
from milepost_schemas.tracks.track import TrackPoint

# A time so near to a step is on it: floats of Unix seconds are good to some 0.2 µs.
_ON_STEP_S = 1e-5


class Resampled(Sequence[TrackPoint]):
    """The points of a track at `rate_hz`, made when they are asked for."""

    def __init__(self, points: Sequence[TrackPoint], rate_hz: int, longest_step_s: float) -> None:
        """Lay the steps.

        Args:
            points: At least one, in the order of their times.
            rate_hz: Steps a second, all of them at whole parts of a second of UTC.
            longest_step_s: A longer step between two points is a hole.
        """
        self._points = points
        self._rate_hz = rate_hz
        self._times = [point.time_s for point in points]
        self._steps: list[int] = []
        begin = 0
        for number, (one, other) in enumerate(pairwise(self._times), 1):
            if other - one > longest_step_s:
                self._lay(self._times[begin], one)
                begin = number
        self._lay(self._times[begin], self._times[-1])

    def __len__(self) -> int:
        return len(self._steps)

    @overload
    def __getitem__(self, index: int) -> TrackPoint: ...
    @overload
    def __getitem__(self, index: slice) -> list[TrackPoint]: ...
    def __getitem__(self, index: int | slice) -> TrackPoint | list[TrackPoint]:
        if isinstance(index, slice):
            return [self._at(step) for step in self._steps[index]]
        return self._at(self._steps[index])

    def times_s(self) -> list[float]:
        """Return the times of all points."""
        return [step / self._rate_hz for step in self._steps]

    def _lay(self, begin_s: float, end_s: float) -> None:
        """Lay steps from one time to another; at least the nearest one."""
        first = math.ceil((begin_s - _ON_STEP_S) * self._rate_hz)
        last = math.floor((end_s + _ON_STEP_S) * self._rate_hz)
        if last < first:
            first = last = round(begin_s * self._rate_hz)
        if self._steps:
            first = max(first, self._steps[-1] + 1)
        self._steps.extend(range(first, last + 1))

    def _at(self, step: int) -> TrackPoint:
        time_s = step / self._rate_hz
        number = bisect_right(self._times, time_s + _ON_STEP_S) - 1
        before = self._points[max(number, 0)]
        after = self._points[min(number + 1, len(self._points) - 1)]
        if time_s - before.time_s <= _ON_STEP_S or after is before:
            return replace(before, time_s=time_s)
        share = (time_s - before.time_s) / (after.time_s - before.time_s)
        return _between(before, after, share, time_s)


def _between(one: TrackPoint, other: TrackPoint, share: float, time_s: float) -> TrackPoint:
    if FixKind.NONE in (one.kind, other.kind):
        return TrackPoint(time_s, None, None, kind=FixKind.NONE)
    lat_deg, lon_deg = one.lat_deg, one.lon_deg
    if lat_deg is not None and lon_deg is not None and other.lon_deg is not None:
        lat_deg = _mixed(lat_deg, other.lat_deg, share)
        east_deg = _turned(other.lon_deg - lon_deg)
        lon_deg = _turned(lon_deg + east_deg * share)
    course_deg = one.course_deg
    if course_deg is not None and other.course_deg is not None:
        course_deg = (course_deg + _turned(other.course_deg - course_deg) * share) % 360.0
    return replace(
        one,
        time_s=time_s,
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        altitude_m=_mixed(one.altitude_m, other.altitude_m, share),
        speed_mps=_mixed(one.speed_mps, other.speed_mps, share),
        course_deg=course_deg,
    )


def _mixed(one: float | None, other: float | None, share: float) -> float | None:
    return one if one is None or other is None else one + (other - one) * share


def _turned(angle_deg: float) -> float:
    """Return the angle as -180 to below 180."""
    return (angle_deg + 180.0) % 360.0 - 180.0
