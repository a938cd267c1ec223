"""Which fences are near which tracks: one search for all batches of a call.

In flow tracks, out flow `Meetings`: a row for each position and fence that may have to do with one
another, with the distance to the edge. What is left out is farther than `FAR_M` outside, and the
way to it does not touch the fence.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from milepost_collector.engine.fence import Fence
from milepost_collector.engine.shape import short_way_deg
from milepost_collector.engine.state import FenceState
from milepost_collector.engine.tracks import Job, Reals, Tracks, short_way
from milepost_schemas.bulk.rows import Flags, Integers

# Farther outside a fence nothing of it is remembered.
FAR_M = 60.0

_TURN = 360.0

# For whom a fence is, where it is not for one vehicle only; and a vehicle that has none.
_ALL, _SOME, _NOBODY = -1, -2, -3

# A track is looked up in runs of about a kilometre.
_RUN_DEG = 0.01

# Positions and fences are looked at so many pairs of them at a time; each takes some 200 bytes.
_AT_ONCE = 500_000


Held = Mapping[str, FenceState]


@dataclass(frozen=True, slots=True)
class Meetings:
    """Positions and fences, pair behind pair; of each pair all rows of the job.

    Attributes:
        begins: The first of each pair's rows here, and the end of all.
        job: Of each pair.
        fence: Of each pair: its place among the fences.
        row: The rows of the tracks.
        distance_m: To the edge, negative inside; where it is beyond `FAR_M` it may be less.
        x_m: In the fence's plane; likewise `y_m`.
    """

    begins: Integers
    job: Integers
    fence: Integers
    row: Integers
    distance_m: Reals
    x_m: Reals
    y_m: Reals


class FenceIndex:
    """Fences, found by place.

    Args:
        fences: In any number.
    """

    def __init__(self, fences: Sequence[Fence]) -> None:
        self.fences = tuple(fences)
        self.places = {fence.id: place for place, fence in enumerate(self.fences)}
        self.has_limits = any(fence.speed_limit_mps is not None for fence in self.fences)
        shapes = [fence.shape for fence in self.fences]
        planes = np.array(
            [
                (s.plane.lat_deg, s.plane.lon_deg, s.plane.x_m_per_deg, s.plane.y_m_per_deg)
                for s in shapes
            ]
        ).reshape(len(shapes), 4)
        self._lat, self._lon, self._x, self._y = planes.T
        self._round_m = np.array([s.round_m for s in shapes])
        self._is_circle = np.array([s.edge is None for s in shapes], np.bool_)
        bounds = np.array([s.bounds_m for s in shapes]).reshape(len(shapes), 4)
        self._west, self._south, self._east, self._north = bounds.T
        self._owners: dict[str, int] = {}
        self._owner = np.array([self._owner_of(fence) for fence in self.fences], np.int64)
        self._tree, self._of = self._make_tree()

    def _owner_of(self, fence: Fence) -> int:
        """Return a number for the only vehicle that a fence is for, or one for all or some."""
        if fence.vehicles is None:
            return _ALL
        if len(fence.vehicles) != 1:
            return _SOME
        return self._owners.setdefault(next(iter(fence.vehicles)), len(self._owners))

    def _make_tree(self) -> "tuple[shapely.STRtree, Integers]":
        """Make a tree of boxes in degrees; those across the date line stand in it twice."""
        x, y = np.maximum(self._x, 1e-6), self._y
        boxes = np.stack(
            [
                self._lon + (self._west - FAR_M) / x,
                self._lat + (self._south - FAR_M) / y,
                self._lon + (self._east + FAR_M) / x,
                self._lat + (self._north + FAR_M) / y,
            ],
            axis=1,
        )
        boxes, of = _both_sides(boxes)
        return shapely.STRtree(np.asarray(shapely.box(*boxes.T))), of

    def meetings(
        self, jobs: Sequence[Job], tracks: Tracks, held: Sequence[Held]
    ) -> Iterator[Meetings]:
        """Yield what is near, and all pairs that are held, a bounded part at a time.

        Args:
            jobs: Of the tracks.
            tracks: Believed positions.
            held: What is remembered of each job, by fence.
        """
        starts = tracks.starts(len(jobs))
        job, fence = self._pairs(jobs, tracks, starts, held)
        sizes = np.cumsum(np.diff(starts)[job])
        cuts = np.searchsorted(sizes, np.arange(_AT_ONCE, sizes[-1] if len(sizes) else 0, _AT_ONCE))
        for pairs in np.split(np.arange(len(job)), cuts):
            if len(pairs):
                yield self._met(held, tracks, starts, job[pairs], fence[pairs])

    def _met(
        self,
        held: Sequence[Held],
        tracks: Tracks,
        starts: Integers,
        job: Integers,
        fence: Integers,
    ) -> Meetings:
        counts = np.diff(starts)[job]
        begins = np.concatenate([[0], np.cumsum(counts)])
        place = np.arange(begins[-1]) - np.repeat(begins[:-1], counts)
        row = np.repeat(starts[job], counts) + place
        of = np.repeat(fence, counts)
        # Not counted on beyond the date line, so that rounding is the same in every batch.
        east = short_way(tracks.lon_e6[row]) / 1e6 - self._lon[of]
        x_m = short_way_deg(east) * self._x[of]
        y_m = (tracks.lat_e6[row] / 1e6 - self._lat[of]) * self._y[of]
        outside_m = self._outside_m(of, x_m, y_m)
        touched = self._touched(of, x_m, y_m, place == 0)
        remembered = self._remembered(held, job, fence)
        near = np.add.reduceat(touched, begins[:-1]) > 0 if len(job) else np.zeros(0, np.bool_)
        kept = near | remembered
        if not kept.all():
            rows_kept = np.repeat(kept, counts)
            row, of, x_m, y_m = row[rows_kept], of[rows_kept], x_m[rows_kept], y_m[rows_kept]
            outside_m = outside_m[rows_kept]
            job, fence, counts = job[kept], fence[kept], counts[kept]
            begins = np.concatenate([[0], np.cumsum(counts)])
        distance_m = self._distances_m(of, x_m, y_m, outside_m)
        return Meetings(begins, job, fence, row, distance_m, x_m, y_m)

    def _pairs(
        self, jobs: Sequence[Job], tracks: Tracks, starts: Integers, held: Sequence[Held]
    ) -> tuple[Integers, Integers]:
        """Return pairs of job and fence whose boxes meet, and those that are held."""
        filled = np.flatnonzero(np.diff(starts))
        boxes, whose = _boxes(tracks, starts[:-1][filled])
        boxes, of = _both_sides(boxes)
        at, found = self._tree.query(shapely.box(*boxes.T))
        size = max(1, len(self.fences))
        keys = whose[of[at]] * size + self._of[found]
        known = [
            number * size + self.places[name]
            for number in filled.tolist()
            for name in held[number]
            if name in self.places
        ]
        keys = np.unique(np.concatenate([keys, np.array(known, np.int64)]))
        job, fence = keys // size, keys % size
        owners = np.array([self._owners.get(each.subject, _NOBODY) for each in jobs])
        mine = (self._owner[fence] == _ALL) | (self._owner[fence] == owners[job])
        for place in np.flatnonzero(self._owner[fence] == _SOME).tolist():
            vehicles = self.fences[fence[place]].vehicles
            mine[place] = vehicles is not None and jobs[job[place]].subject in vehicles
        return job[mine], fence[mine]

    def _remembered(self, held: Sequence[Held], job: Integers, fence: Integers) -> Flags:
        pairs = zip(job.tolist(), fence.tolist(), strict=True)
        found = [bool(h := held[j]) and self.fences[f].id in h for j, f in pairs]
        return np.array(found, np.bool_)

    def _outside_m(self, of: Integers, x_m: Reals, y_m: Reals) -> Reals:
        """Return how far positions lie outside the box of a fence; 0 inside."""
        x_out = np.maximum(self._west[of] - x_m, x_m - self._east[of])
        y_out = np.maximum(self._south[of] - y_m, y_m - self._north[of])
        found: Reals = np.maximum(np.maximum(x_out, y_out), 0.0)
        return found

    def _touched(self, of: Integers, x_m: Reals, y_m: Reals, is_first: Flags) -> Flags:
        """Say which ways from the row before come near the box of the fence."""
        x_before, y_before = np.roll(x_m, 1), np.roll(y_m, 1)
        x_before[is_first], y_before[is_first] = x_m[is_first], y_m[is_first]
        found: Flags = (
            (np.maximum(x_m, x_before) >= self._west[of] - FAR_M)
            & (np.minimum(x_m, x_before) <= self._east[of] + FAR_M)
            & (np.maximum(y_m, y_before) >= self._south[of] - FAR_M)
            & (np.minimum(y_m, y_before) <= self._north[of] + FAR_M)
        )
        return found

    def _distances_m(self, of: Integers, x_m: Reals, y_m: Reals, outside_m: Reals) -> Reals:
        """Return distances to the edge; where a box is far, that to the box."""
        found: Reals = np.sqrt(x_m * x_m + y_m * y_m) - self._round_m[of]
        other = ~self._is_circle[of]
        if other.any():
            found[other] = outside_m[other]
            rows = np.flatnonzero(other & (outside_m <= FAR_M))
            rows = rows[np.argsort(of[rows], kind="stable")]
            cuts = np.flatnonzero(np.diff(of[rows])) + 1
            for part in np.split(rows, cuts) if len(rows) else []:
                shape = self.fences[of[part[0]]].shape
                found[part] = shape.distances_m(x_m[part], y_m[part])
        return found


def _boxes(tracks: Tracks, firsts: Integers) -> tuple[Reals, Integers]:
    """Return boxes around runs of tracks, none much longer than `_RUN_DEG`, and whose they are."""
    lon, lat = tracks.lon_e6 / 1e6, tracks.lat_e6 / 1e6
    before = np.arange(len(lon)) - 1
    before[firsts] = firsts
    steps = np.maximum(np.abs(lon - lon[before]), np.abs(lat - lat[before]))
    is_new = np.diff(np.floor(np.cumsum(steps) / _RUN_DEG), prepend=-1.0) != 0
    is_new[firsts] = True
    runs = np.flatnonzero(is_new)
    sides = [
        extreme.reduceat(extreme(column, column[before]), runs)
        for extreme in (np.minimum, np.maximum)
        for column in (lon, lat)
    ]
    return np.stack(sides, axis=1), tracks.job[runs]


def _both_sides(boxes: Reals) -> tuple[Reals, Integers]:
    """Add boxes that reach across the date line once more, a turn apart; and whose each is."""
    west, east = boxes[:, 0] < -180.0, boxes[:, 2] > 180.0
    shift = np.array([_TURN, 0.0, _TURN, 0.0])
    of = np.arange(len(boxes))
    return (
        np.concatenate([boxes, boxes[west] + shift, boxes[east] - shift]),
        np.concatenate([of, of[west], of[east]]),
    )
