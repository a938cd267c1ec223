"""Vehicles of which nothing comes in a call, taken at a stroke: who stands, and who is on a trip.

Who stands at a stop that has been told, stays there, and of whom nothing is due; and who drives on
a trip and is at no place all the while. What a `Mover` would make of their means one by one is made
for all of them at once.
"""

from collections.abc import Sequence

import numpy as np

from milepost_collector.engine.grid import LEAST_COVERED_MS, Buckets
from milepost_collector.engine.means import Means
from milepost_collector.engine.motion_state import MotionState, Stay
from milepost_collector.engine.mover import Mover
from milepost_collector.engine.tail import GRID_MS, PACKED, TAIL
from milepost_schemas.bulk.rows import Flags, Integers

_NOWHERE = Stay(0, 0, 0, 0)


def pass_whole(movers: Sequence[Mover], means: Means, starts: Integers, looked_at: Flags) -> Flags:
    """Take all means of those vehicles of which nothing comes; moves their states on.

    Args:
        movers: Of each job.
        means: Where they were in the mean.
        starts: The first mean of each job, and the end of all.
        looked_at: Jobs that are to be left to their movers.

    Returns:
        Which jobs are done.
    """
    states = [mover.state for mover in movers]
    drives = np.array([state.stay is None and state.trip is not None for state in states])
    stands = np.array([state.stay is not None and state.stay.told for state in states])
    passed = drives & (means.drives_until[starts[:-1]] >= starts[1:])
    passed |= stands & _stays(movers, means, starts)
    passed &= ~looked_at
    filled = passed & (starts[:-1] < starts[1:])
    if filled.any():
        _count(states, drives, means.buckets, starts, np.flatnonzero(filled).tolist())
    return passed


def _stays(movers: Sequence[Mover], means: Means, starts: Integers) -> Flags:
    """Say who is never far from where it stands, before anything is due to be told."""
    buckets, job, (x_m, y_m) = means.buckets, means.buckets.job, means.scales_m
    stays = [mover.state.stay or _NOWHERE for mover in movers]
    east = (buckets.lon_e6 - np.array([stay.lon_e6 for stay in stays])[job]) * x_m
    north = (buckets.lat_e6 - np.array([stay.lat_e6 for stay in stays])[job]) * y_m
    leaves = np.sqrt(east * east + north * north) > np.array([m.leave_m for m in movers])[job]
    leaves |= buckets.covered_ms < LEAST_COVERED_MS
    due_ms = np.array([mover.due_ms for mover in movers])
    leaves |= (buckets.number + 1) * GRID_MS >= due_ms[job]
    count = np.concatenate([[0], np.cumsum(leaves)])
    found: Flags = count[starts[1:]] == count[starts[:-1]]
    return found


def _count(
    states: Sequence[MotionState],
    drives: Flags,
    buckets: Buckets,
    starts: Integers,
    jobs: Sequence[int],
) -> None:
    """Count the ways of some jobs, and remember their means."""
    job = buckets.job
    table = np.empty(len(job), PACKED)
    table["number"], table["lat_e6"], table["lon_e6"] = (
        buckets.number,
        buckets.lat_e6,
        buckets.lon_e6,
    )
    counted_mm = np.where(drives[job], buckets.way_mm, buckets.sure_mm)
    for name, column, begun in (
        ("way_mm", counted_mm, [state.way_mm for state in states]),
        ("sure_mm", buckets.sure_mm, [state.sure_mm for state in states]),
    ):
        sums = np.concatenate([[0], np.cumsum(column)])
        table[name] = sums[1:] + (np.array(begun) - sums[starts[:-1]])[job]
    packed, size = table.tobytes(), PACKED.itemsize
    ends = starts[1:].tolist()
    firsts = np.maximum(starts[:-1], starts[1:] - TAIL).tolist()
    way_mm, sure_mm = table["way_mm"].tolist(), table["sure_mm"].tolist()
    for number in jobs:
        state, last = states[number], ends[number] - 1
        state.tail.add_packed(packed[firsts[number] * size : (last + 1) * size])
        if state.stay is not None:
            state.stay.way_mm += sure_mm[last] - state.sure_mm
        state.way_mm, state.sure_mm = way_mm[last], sure_mm[last]
