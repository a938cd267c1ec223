"""Tracks on a grid of five seconds: where each device was in the mean over each.

The mean is taken over time on the straight ways between positions, so it is nearly the same for a
track of every second and for its samples, and noise that differs from fix to fix is gone. Sums are
whole numbers, so they do not depend on how batches are cut. Who is found after a hole near where it
was before has stood there; any other hole breaks the grid.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from milepost_collector.engine.motion_state import Bucket
from milepost_collector.engine.tail import GRID_MS
from milepost_collector.engine.tracks import Job, Reals, Tracks, order_behind
from milepost_schemas.bulk.rows import Flags, Integers

# A bucket of which the track covers less says nothing.
LEAST_COVERED_MS = GRID_MS // 2


@dataclass(frozen=True, slots=True)
class Buckets:
    """Completed buckets and breaks, in the order of time, job behind job.

    Attributes:
        job: Whose it is.
        row: The row of the tracks that completed it: the first position not in it.
        number: GPS time in units of five seconds; of a break that of the row.
        covered_ms: How much of it the track covers; -1: a break.
        lat_e6: Where the device was in the mean; likewise `lon_e6`.
        way_mm: Length of the track in it.
        sure_mm: So much of it as the receiver's own speed says was driven.
    """

    job: Integers
    row: Integers
    number: Integers
    covered_ms: Integers
    lat_e6: Integers
    lon_e6: Integers
    way_mm: Integers
    sure_mm: Integers


def on_the_grid(jobs: Sequence[Job], tracks: Tracks, bridge_m: Reals, gap_ms: Integers) -> Buckets:
    """Put tracks on the grid; moves the buckets of the states on.

    Args:
        jobs: Of the tracks.
        tracks: Believed positions.
        bridge_m: For each row how far the ends of a hole may be apart to be one place.
        gap_ms: For each row how long a hole is a gap, of which nobody knows anything.
    """
    carried, fresh = _carried(jobs), _pieces(tracks, bridge_m, gap_ms)
    pieces = _joined(carried, fresh, order_behind(carried.job, fresh.job))
    changes = [np.diff(each, prepend=-1) != 0 for each in (pieces.job, pieces.number)]
    broken = pieces.is_break.copy()
    broken[1:] |= pieces.is_break[:-1]
    begins = np.flatnonzero(changes[0] | changes[1] | broken)
    if not len(begins):
        return Buckets(*(np.zeros(0, np.int64),) * 8)
    groups = pieces.summed(begins)
    ends = np.diff(groups.job, append=-1) != 0
    _carry(jobs, tracks, groups.where(ends))
    by = np.where(groups.is_break, groups.row, np.append(groups.row[1:], -1))
    by, done = by[~ends], groups.where(~ends)
    twice_ms = 2 * np.maximum(done.covered_ms, 1)
    lat_e6, lon_e6 = done.lat_sum // twice_ms, done.lon_sum // twice_ms
    covered_ms = np.where(done.is_break, -1, done.covered_ms)
    return Buckets(done.job, by, done.number, covered_ms, lat_e6, lon_e6, done.way_mm, done.sure_mm)


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Parts of ways that lie in one bucket each, or sums of such."""

    job: Integers
    row: Integers
    number: Integers
    is_break: Flags
    covered_ms: Integers
    lat_sum: Integers
    lon_sum: Integers
    way_mm: Integers
    sure_mm: Integers

    def where(self, chosen: Flags | Integers) -> "_Pieces":
        return _Pieces(*(getattr(self, name)[chosen] for name in self.__slots__))

    def summed(self, begins: Integers) -> "_Pieces":
        first = self.where(begins)
        sums = (self.covered_ms, self.lat_sum, self.lon_sum, self.way_mm, self.sure_mm)
        return _Pieces(
            first.job,
            first.row,
            first.number,
            first.is_break,
            *(np.add.reduceat(each, begins) for each in sums),
        )


def _joined(firsts: _Pieces, others: _Pieces, order: Integers) -> _Pieces:
    both = (
        np.concatenate([getattr(firsts, name), getattr(others, name)])[order]
        for name in _Pieces.__slots__
    )
    return _Pieces(*both)


def _carried(jobs: Sequence[Job]) -> _Pieces:
    """Return what earlier calls left of buckets."""
    left = [
        (n, -1, b.number, 0, b.covered_ms, b.lat_sum, b.lon_sum, b.way_mm, b.sure_mm)
        for n, job in enumerate(jobs)
        if (b := job.state.motion.bucket) is not None
    ]
    job, row, number, is_break, *sums = np.array(left, np.int64).reshape(len(left), 9).T
    return _Pieces(job, row, number, is_break > 0, *sums)


def _carry(jobs: Sequence[Job], tracks: Tracks, groups: _Pieces) -> None:
    """Leave the bucket that each job is in to the next call."""
    lasts = np.searchsorted(tracks.job, groups.job, side="right") - 1
    columns = (groups.job, lasts, groups.number, groups.covered_ms, groups.lat_sum)
    rest = (groups.lon_sum, groups.way_mm, groups.sure_mm, tracks.turned_e6(lasts))
    for job, _, number, covered_ms, lat, lon, way_mm, sure_mm, turned_e6 in zip(
        *(each.tolist() for each in (*columns, *rest)), strict=True
    ):
        lon_sum = lon - 2 * covered_ms * turned_e6
        jobs[job].state.motion.bucket = Bucket(number, covered_ms, lat, lon_sum, way_mm, sure_mm)


def _pieces(tracks: Tracks, bridge_m: Reals, gap_ms: Integers) -> _Pieces:
    """Cut the ways of tracks where buckets end."""
    before = tracks.has_before
    time_ms = tracks.time_ms
    step_ms = np.diff(time_ms, prepend=0)
    stood = (tracks.way_m <= bridge_m) & (tracks.way_m <= _STOOD_MPS / 1000.0 * step_ms)
    stood &= step_ms < gap_ms
    is_break = tracks.is_hole & ~stood
    begin_ms = np.where(before & ~is_break, np.append(time_ms[:1], time_ms[:-1]), time_ms)
    first = begin_ms // GRID_MS
    counts = time_ms // GRID_MS - first + 1
    row = np.repeat(np.arange(len(tracks)), counts)
    place = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    keep = _kept(tracks, bridge_m, counts)[row] | (place < _KEPT) | (counts[row] - place <= _KEPT)
    row, number = row[keep], first[row[keep]] + place[keep]
    cut = _cut(tracks, row, number, begin_ms[row])
    if not is_break.any():
        return cut
    # The break itself stands before the bucket in which the track goes on.
    rows = np.flatnonzero(is_break)
    zero = np.zeros(len(rows), np.int64)
    number = time_ms[rows] // GRID_MS
    breaks = _Pieces(tracks.job[rows], rows, number, is_break[rows], *(zero,) * 5)
    return _joined(breaks, cut, order_behind(rows, cut.row))


# Who was on the move in a hole went faster than this in the mean, in metres a second.
_STOOD_MPS = 1.0

# Of long standing only so many buckets at either end are looked at.
_KEPT = 6


def _kept(tracks: Tracks, bridge_m: Reals, counts: Integers) -> Flags:
    """Say of which ways all buckets are to be looked at."""
    found: Flags = (counts <= 2 * _KEPT) | (tracks.way_m > bridge_m)
    return found


def _cut(tracks: Tracks, row: Integers, number: Integers, begin_ms: Integers) -> _Pieces:
    """Cut pieces out of ways.

    Args:
        tracks: The ways.
        row: The way that each piece is of.
        number: The bucket that it lies in.
        begin_ms: When its way begins; where that is when it ends, the piece has no length.
    """
    end_ms = tracks.time_ms[row]
    stood = tracks.is_hole[row] | (begin_ms == end_ms)
    before = np.where(begin_ms < end_ms, row - 1, row)
    lasts_ms = np.maximum(end_ms - begin_ms, 1)
    since_ms = np.maximum(number * GRID_MS, begin_ms) - begin_ms
    until_ms = np.minimum((number + 1) * GRID_MS, end_ms) - begin_ms
    covered_ms = until_ms - since_ms
    sums = []
    for column in (tracks.lat_e6, tracks.lon_e6):
        start = column[before]
        change = np.where(stood, 0, column[row] - start)
        both = 2 * start + change * since_ms // lasts_ms + change * until_ms // lasts_ms
        sums.append(both * covered_ms)
    for way_m in (tracks.way_m, tracks.sure_m):
        whole_mm = np.where(stood, 0, _mm(way_m[row]))
        sums.append(whole_mm * until_ms // lasts_ms - whole_mm * since_ms // lasts_ms)
    is_break = np.zeros(len(row), np.bool_)
    return _Pieces(tracks.job[row], row, number, is_break, covered_ms, *sums)


def _mm(ways_m: Reals) -> Integers:
    found: Integers = np.rint(ways_m * 1000).astype(np.int64)
    return found
