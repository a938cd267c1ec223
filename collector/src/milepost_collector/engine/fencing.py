"""Vehicles and fences: each pair that has to do with one another, taken through its positions.

Of most pairs nothing comes: who is outside and whose way does not lead through the fence, and who
is well inside and stays. Those are seen for all pairs at once; the rest goes one by one.
"""

import math
import sys
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from milepost_collector.engine.crossing import Edge, Step
from milepost_collector.engine.fence import Fence
from milepost_collector.engine.nearby import FenceIndex, Held, Meetings
from milepost_collector.engine.rules import Rules
from milepost_collector.engine.state import FenceState
from milepost_collector.engine.telling import Telling
from milepost_collector.engine.tracks import Job, Reals, Tracks
from milepost_schemas.bulk.rows import Flags, Integers


@dataclass(slots=True)
class Limits:
    """Fences with speed limits that a vehicle is in, in the course of a call.

    Attributes:
        inside: At first, by id.
        changes: Rows from which on it is in a fence, or is not.
    """

    inside: dict[str, Fence] = field(default_factory=dict)
    changes: list[tuple[int, Fence, bool]] = field(default_factory=list)

    def at_rows(self, rows: Sequence[int]) -> list[dict[str, Fence]]:
        """Return in which fences it is at rows."""
        inside, changes = dict(self.inside), sorted(self.changes, key=lambda each: each[0])
        found = []
        for row in rows:
            while changes and changes[0][0] <= row:
                _, fence, is_inside = changes.pop(0)
                inside.pop(fence.id, None)
                if is_inside:
                    inside[fence.id] = fence
            found.append(dict(inside))
        return found


def cross(
    jobs: Sequence[Job],
    tracks: Tracks,
    stood_ms: Integers,
    rules: Sequence[Rules],
    index: FenceIndex,
    held: Sequence[dict[str, FenceState]],
    told: Sequence[Telling],
) -> list[Limits]:
    """Take vehicles past fences.

    Args:
        jobs: Of the tracks.
        tracks: Believed positions.
        stood_ms: For each row since when the vehicle has been standing for good.
        rules: Of each job.
        index: The fences.
        held: What is remembered of each job, by fence; changed in place.
        told: Takes the events of each job.

    Returns:
        For each job which fences with speed limits it was in.
    """
    limits = [Limits() for _ in jobs]
    if not index.fences and not any(held):
        return limits
    for job, limit, own in zip(jobs, limits, held, strict=True):
        if own:
            _forget(job, own, index)
            known = ((index.fences[index.places[n]], s) for n, s in own.items())
            limit.inside = {f.id: f for f, s in known if s.inside and f.speed_limit_mps is not None}
    if not index.fences:
        return limits
    for meetings in index.meetings(jobs, tracks, held):
        passes = _may_pass(meetings, tracks)
        views = _Views(meetings, tracks, stood_ms, passes)
        for pair in _lively(held, tracks, meetings, passes, index):
            whose = int(meetings.job[pair])
            fence = index.fences[meetings.fence[pair]]
            edge = Edge(held[whose], fence, rules[whose], told[whose])
            views.follow(pair, edge, fence, limits[whose])
    return limits


def _forget(job: Job, held: dict[str, FenceState], index: FenceIndex) -> None:
    """Forget fences that are in force no more, or not for this vehicle."""
    for name in list(held):
        place = index.places.get(name)
        vehicles = None if place is None else index.fences[place].vehicles
        if place is None or (vehicles is not None and job.subject not in vehicles):
            del held[name]


def _may_pass(meetings: Meetings, tracks: Tracks) -> Flags:
    """Say which ways between two positions outside may lead through the fence."""
    if not len(meetings.row):
        return np.zeros(0, np.bool_)
    x_m, y_m = np.diff(meetings.x_m, prepend=0.0), np.diff(meetings.y_m, prepend=0.0)
    away_m = meetings.distance_m
    both_m = away_m + np.concatenate([[math.inf], away_m[:-1]])
    found: Flags = both_m < np.sqrt(x_m * x_m + y_m * y_m)
    found &= ~tracks.is_hole[meetings.row]
    found[meetings.begins[:-1]] = False
    return found


def _lively(
    held: Sequence[Held], tracks: Tracks, meetings: Meetings, passes: Flags, index: FenceIndex
) -> list[int]:
    """Return the pairs of which something may come: in which `follow` stops somewhere."""
    if not len(meetings.job):
        return []
    begins = meetings.begins[:-1]
    is_in = meetings.distance_m <= 0
    some_in = np.logical_or.reduceat(is_in | passes, begins)
    some_out = np.logical_or.reduceat(~is_in, begins)
    firsts_ms = tracks.time_ms[meetings.row[begins]].tolist()
    lasts_ms = tracks.time_ms[meetings.row[meetings.begins[1:] - 1]].tolist()
    found = []
    for pair, (comes, leaves, first_ms, last_ms) in enumerate(
        zip(some_in.tolist(), some_out.tolist(), firsts_ms, lasts_ms, strict=True)
    ):
        fence = index.fences[meetings.fence[pair]]
        known = held[meetings.job[pair]].get(fence.id)
        if known is None:
            if comes:
                found.append(pair)
        elif (
            not fence.from_ms <= first_ms <= last_ms < fence.to_ms
            or (comes if not known.inside else leaves)
            or known.since_ms is not None
            or (known.inside and not known.is_settled(fence.dwell_ms, last_ms))
        ):
            found.append(pair)
    return found


class _Rows:
    """The positions of one vehicle as lists: what `Step`s are made of."""

    def __init__(self, tracks: Tracks, bend_m: Reals, stood_ms: Integers, rows: slice) -> None:
        self.rows = rows
        self.is_seeded = tracks.row[rows.start] < 0
        self.is_hole = tracks.is_hole[rows].tolist()
        self.time_ms = tracks.time_ms[rows].tolist()
        columns = (tracks.error_m, bend_m, stood_ms, tracks.lat_e6, tracks.lon_e6)
        self.seen = list(zip(*(column[rows].tolist() for column in columns), strict=True))


class _Views:
    """Positions seen from fences, taken one by one."""

    def __init__(
        self, meetings: Meetings, tracks: Tracks, stood_ms: Integers, passes: Flags
    ) -> None:
        self._meetings = meetings
        self._tracks = tracks
        self._stood_ms = stood_ms
        self._bend_m = tracks.bend_m
        self._outside = meetings.distance_m > 0
        self._lively = ~self._outside | passes
        self._begins = meetings.begins.tolist()
        self._rows: _Rows | None = None

    def follow(self, pair: int, edge: Edge, fence: Fence, limits: Limits) -> None:
        """Take the positions of a pair past its edge.

        Nothing comes of one outside of whom nothing is remembered, unless its way may lead through,
        and of one inside who is settled there.
        """
        meetings = self._meetings
        part = slice(self._begins[pair], self._begins[pair + 1])
        own = self._rows_of(part)
        time_ms, count = own.time_ms, part.stop - part.start
        comes = np.flatnonzero(self._lively[part]).tolist()
        leaves = np.flatnonzero(self._outside[part]).tolist()
        away_m = meetings.distance_m[part].tolist()
        points = list(zip(meetings.x_m[part].tolist(), meetings.y_m[part].tolist(), strict=True))
        lasts = fence.from_ms <= time_ms[0] and time_ms[-1] < fence.to_ms
        place = 1 if own.is_seeded else 0
        while place < count:
            known = edge.known
            if known is None or (lasts and not known.inside and known.since_ms is None):
                place = _next(comes, place)
            elif lasts and known.is_settled(fence.dwell_ms, time_ms[-1]):
                place = _next(leaves, place)
            if place >= count:
                break
            if lasts or fence.from_ms <= time_ms[place] < fence.to_ms:
                before = max(0, place - 1)
                begin = points[before] if place and not own.is_hole[place] else None
                whence = time_ms[before], time_ms[place], begin, points[place]
                edge.take(Step(*whence, away_m[before], away_m[place], *own.seen[place]))
            else:
                edge.forget()
            if fence.speed_limit_mps is not None:
                after = edge.known
                is_inside = after is not None and after.inside
                limits.changes.append((own.rows.start + place, fence, is_inside))
            place += 1

    def _rows_of(self, part: slice) -> _Rows:
        """Return the positions of a pair; pairs of one vehicle follow one another."""
        first = int(self._meetings.row[part.start])
        if self._rows is None or self._rows.rows.start != first:
            rows = slice(first, first + part.stop - part.start)
            self._rows = _Rows(self._tracks, self._bend_m, self._stood_ms, rows)
        return self._rows


def _next(places: list[int], place: int) -> int:
    """Return the first of some places from one on; far ahead without any."""
    at = bisect_left(places, place)
    return places[at] if at < len(places) else sys.maxsize
