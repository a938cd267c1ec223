"""Stops, trips, idling and gaps, from where a vehicle was in the mean of each five seconds.

A vehicle has stopped when the means stay within a small circle for `stop_s`; the stop begins and
ends where the line through the means crosses that circle. A trip begins where a stop ended, once
the vehicle has gone far enough or for long enough, and ends with a stop of `trip_end_s` or a gap.
Who is found near the place where it was before a short hole has stood there; any other hole breaks
off what was, and a gap is told.

Distance is counted on the way, not at stops: jitter of a parked vehicle adds nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from milepost_collector.engine.grid import on_the_grid
from milepost_collector.engine.means import Means
from milepost_collector.engine.motion_state import MotionState
from milepost_collector.engine.mover import Mover
from milepost_collector.engine.passing import pass_whole
from milepost_collector.engine.rules import Rules
from milepost_collector.engine.telling import Telling
from milepost_collector.engine.tracks import Job, Tracks
from milepost_schemas.bulk.rows import Integers


@dataclass(frozen=True, slots=True)
class Movement:
    """How vehicles moved.

    Attributes:
        stood_ms: For each row of the tracks since when the vehicle has been standing for good;
            `NOT_STANDING`: it is not.
        means: Where they were in the mean.
        starts: The first mean of each job, and the end of all.
    """

    stood_ms: Integers
    means: Means
    starts: list[int]


def move(
    jobs: Sequence[Job], tracks: Tracks, rules: Sequence[Rules], told: Sequence[Telling]
) -> Movement:
    """Follow vehicles over the five seconds that were completed; moves the states on.

    Args:
        jobs: Of the tracks.
        tracks: Believed positions.
        rules: Of each job.
        told: Takes the events of each job.

    Returns:
        Since when vehicles stand, and where they were in the mean.
    """
    radius_m = np.array([each.stop_radius_m for each in rules])
    gap_ms = np.array([round(each.gap_s * 1000) for each in rules])
    buckets = on_the_grid(jobs, tracks, 2 * radius_m[tracks.job], gap_ms[tracks.job])
    starts = np.searchsorted(buckets.job, np.arange(len(jobs) + 1))
    means = Means(buckets, tracks, radius_m, [job.state.motion.tail for job in jobs])
    movers = [
        Mover(job.state.motion, rule, each, means)
        for job, rule, each in zip(jobs, rules, told, strict=True)
    ]
    firsts = tracks.starts(len(jobs))
    holes = np.flatnonzero(tracks.is_hole)
    turned_e6 = tracks.turned_e6(firsts[1:] - 1)
    is_filled = np.diff(firsts) > 0
    for number in np.flatnonzero(is_filled).tolist():
        if jobs[number].state.last is None:
            movers[number].begin(int(firsts[number]))
    stood_ms = np.repeat([mover.stood_ms for mover in movers], np.diff(firsts))
    looked_at = ~is_filled | (turned_e6 != 0)
    looked_at[tracks.job[holes]] = True
    passed = pass_whole(movers, means, starts, looked_at)
    for number in np.flatnonzero(is_filled & ~passed).tolist():
        first, end = firsts[number : number + 2].tolist()
        silent = holes[slice(*np.searchsorted(holes, [first, end]))].tolist()
        mine = range(*starts[number : number + 2].tolist())
        for row, since_ms in _follow(movers[number], means, mine, silent):
            stood_ms[row:end] = since_ms
        if turned_e6[number]:
            _turn(jobs[number].state.motion, int(turned_e6[number]))
    return Movement(stood_ms, means, starts.tolist())


def _follow(
    mover: Mover, means: Means, buckets: range, silent: list[int]
) -> Iterator[tuple[int, int]]:
    """Take a vehicle over its buckets, and the holes before its rows in their places.

    Yields:
        Each row from which on it stands, or does not any more, and since when.
    """
    stood_ms, bucket = mover.stood_ms, buckets.start
    while bucket < buckets.stop:
        while silent and means.is_after(bucket, silent[0]):
            mover.silence(silent.pop(0))
        following = bucket if silent else mover.pass_by(bucket, buckets.stop)
        if following == bucket:
            mover.take(bucket)
            if mover.stood_ms != stood_ms:
                stood_ms = mover.stood_ms
                yield means.row[bucket], stood_ms
            following += 1
        bucket = following
    for row in silent:
        mover.silence(row)


def _turn(state: MotionState, turned_e6: int) -> None:
    """Bring longitudes back that were counted on across the date line."""
    state.tail.turn(turned_e6)
    for part in (state.stay, state.trip, state.origin):
        if part is not None:
            part.lon_e6 -= turned_e6
