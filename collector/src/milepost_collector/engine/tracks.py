"""The tracks of many devices, row behind row: what the engine works on.

In flow the fixes of a call, device by device, out flow columns of integers and metres with the
newest believed position of each device before its fixes, so that every way between two positions is
there once, however batches are cut.

Fixes not after the newest so far are left out: the engine does not look back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from milepost_collector.engine.shape import metres_per_degree
from milepost_collector.engine.state import EngineState, Place
from milepost_schemas.bulk.rows import MISSING, FixRows, Flags, Integers
from milepost_schemas.fix import Fix, FixKind

Reals = NDArray[np.float64]

TURN_E6 = 360_000_000

# One sigma of a fix whose receiver says neither its error nor its dilution, in metres.
USUAL_ERROR_M = 7.5

# How far at most the sampler of a unit lets the track bend unsaid, in metres.
_VOUCHED_M = 5.0

# One sigma at a dilution of 1, by kind.
_RANGE_ERROR_M = np.array(
    [Fix(0, 0, 0, hdop_tenths=10, kind=kind).error_m for kind in FixKind], np.float64
)


@dataclass(frozen=True, slots=True)
class Job:
    """Fixes of one device in a call.

    Attributes:
        state: What is remembered of it; changed in place.
        device: Its id.
        subject: Its vehicle.
        first: The first of its rows.
        end: The row behind its last.
    """

    state: EngineState
    device: str
    subject: str
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Tracks:
    """Positions, a row each, job behind job, each job in the order of time.

    Attributes:
        row: Which of the call's fixes it is; -1: the job's newest believed position from before.
        job: Its place in the list of jobs.
        time_ms: GPS time.
        lat_e6: Millionths of a degree.
        lon_e6: Likewise; counted on across the date line.
        error_m: One sigma.
        speed_mps: As the receiver said, else reckoned from the row before; NaN: unknown.
        same_ms: Since when the receiver has said this very place.
        is_hole: Nothing was measured between the row before and this one.
        is_alone: No other fix was measured between the row before and this one.
        way_m: Along the ground from the row before; 0 in the first of a job.
        sure_m: So much of it as the receiver's own speed says was driven.
    """

    row: Integers
    job: Integers
    time_ms: Integers
    lat_e6: Integers
    lon_e6: Integers
    error_m: Reals
    speed_mps: Reals
    same_ms: Integers
    is_hole: Flags
    is_alone: Flags
    way_m: Reals
    sure_m: Reals

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.job)

    @property
    def has_before(self) -> Flags:
        """Whether the row before is of the same job."""
        found = np.zeros(len(self), np.bool_)
        found[1:] = self.job[1:] == self.job[:-1]
        return found

    @property
    def bend_m(self) -> Reals:
        """How far a vehicle may have been from the straight way to each row, in metres.

        Where fixes were left out on the way the unit vouches for it; where none were taken the
        vehicle may have followed a bend, with a sideways acceleration of 0.2 g.
        """
        step_s = np.diff(self.time_ms, prepend=0) / 1000.0
        found: Reals = np.where(self.is_alone, step_s * step_s / 4, _VOUCHED_M)
        return np.minimum(found, self.way_m / 2)

    def starts(self, jobs: int) -> Integers:
        """Return the first row of each job, and the end of all."""
        return np.searchsorted(self.job, np.arange(jobs + 1))

    def where(self, chosen: Flags | slice) -> Self:
        """Return some of the rows; a hole before a row that is left out is before the next one."""
        columns = {name: getattr(self, name)[chosen] for name in self.__slots__}
        holes = np.cumsum(self.is_hole)[chosen]
        columns["is_hole"] = np.diff(holes, prepend=0) > 0
        found = type(self)(**columns)
        return replace(found, is_hole=found.is_hole & found.has_before)

    def turned_e6(self, rows: Integers) -> Integers:
        """Return by how much longitudes of rows are counted on beyond the date line."""
        found: Integers = self.lon_e6[rows] - short_way(self.lon_e6[rows])
        return found

    def places(self, rows: Integers | slice) -> list[Place]:
        """Return rows as they are remembered."""
        columns = (
            self.time_ms[rows],
            self.lat_e6[rows],
            short_way(self.lon_e6[rows]),
            self.error_m[rows],
            self.speed_mps[rows],
            self.same_ms[rows],
        )
        return [
            Place(time_ms, lat_e6, lon_e6, error_m, None if speed != speed else speed, same_ms)
            for time_ms, lat_e6, lon_e6, error_m, speed, same_ms in zip(
                *(each.tolist() for each in columns), strict=True
            )
        ]


@dataclass(frozen=True, slots=True)
class Gathered:
    """The fixes of a call, sorted.

    Attributes:
        tracks: New ones behind the newest believed position of each job.
        late: Rows that come after a later one.
        broken: For each job whether a hole lies behind the last of its tracks.
    """

    tracks: Tracks
    late: Integers
    broken: Flags


def gather(jobs: Sequence[Job], rows: FixRows, is_bad: Flags, gap_ms: Integers) -> Gathered:
    """Put the new fixes of each job behind its newest believed position.

    Moves `newest_ms` of the states on. Ways and speeds that nobody said are not reckoned yet.

    Args:
        jobs: At least one.
        rows: Of all jobs.
        is_bad: Which of them say nothing, not even of the time; but a hole before one is one.
        gap_ms: For each job after how long without any measurement a step is a hole, although the
            unit does not say so.
    """
    newest_ms = np.array([job.state.newest_ms for job in jobs])
    holes = np.array([job.state.hole for job in jobs])
    index, job_of, hole, late, broken = _new_rows(jobs, rows, is_bad)
    seeded = [n for n, job in enumerate(jobs) if job.state.last is not None]
    places = [place for job in jobs if (place := job.state.last) is not None]
    order = order_behind(np.array(seeded, np.int64), job_of)
    time_ms = rows.time_ms[index]
    said = np.where(rows.speed_dmps[index] == MISSING, np.nan, rows.speed_dmps[index] / 10.0)
    fresh = (
        index, job_of, time_ms, rows.lat_e6[index], rows.lon_e6[index], errors_m(rows)[index],
        said, time_ms, hole, rows.stands_for[index] <= 1,
    )  # fmt: skip
    seeds = _seeds(seeded, places)
    columns: list[NDArray[Any]] = [
        np.concatenate(pair)[order] for pair in zip(seeds, fresh, strict=True)
    ]
    tracks = Tracks(*columns, *np.zeros((2, len(order))))
    step_ms, is_hole = np.diff(tracks.time_ms, prepend=0), tracks.is_hole
    # Behind the newest believed position there may have been fixes that are not believed.
    firsts = np.flatnonzero((tracks.row[:-1] < 0) & tracks.has_before[1:]) + 1
    step_ms[firsts] = tracks.time_ms[firsts] - newest_ms[tracks.job[firsts]]
    is_hole[firsts] |= holes[tracks.job[firsts]]
    silent = tracks.is_alone & (step_ms >= gap_ms[tracks.job])
    is_hole = (is_hole | silent) & tracks.has_before
    return Gathered(replace(tracks, is_hole=is_hole), late, broken)


def _new_rows(
    jobs: Sequence[Job], rows: FixRows, is_bad: Flags
) -> tuple[Integers, Integers, Flags, Integers, Flags]:
    """Return the rows later than all before them, the job of each, and whether a hole is before it.

    Also the rows that are not, and of each job whether a hole is behind the last of those that are.
    """
    counts = np.array([job.end - job.first for job in jobs])
    begins = np.cumsum(counts) - counts
    job_of = np.repeat(np.arange(len(jobs)), counts)
    index = np.arange(len(job_of)) + (np.array([job.first for job in jobs]) - begins)[job_of]
    newest = np.array([job.state.newest_ms for job in jobs])
    # Jobs lie apart by more than any time, so that one running maximum serves them all.
    apart = job_of << 48
    bad, time_ms = is_bad[index], rows.time_ms[index]
    told_ms = np.where(bad, -1, time_ms)
    seen = np.maximum.accumulate(np.maximum(told_ms, newest[job_of]) + apart) - apart
    firsts = np.flatnonzero(np.diff(job_of, prepend=-1))
    lasts = np.flatnonzero(np.diff(job_of, append=-1))
    before = np.concatenate([[0], seen[:-1]])[: len(seen)]
    before[firsts] = newest[job_of[firsts]]
    for number, value in zip(job_of[lasts].tolist(), seen[lasts].tolist(), strict=True):
        jobs[number].state.newest_ms = value
    is_new = ~bad & (time_ms > before)
    # Holes are counted up, so that one before a fix that is left out is before the next one.
    holes = np.concatenate([[0], np.cumsum((rows.hole[index] > 0) & (bad | is_new))])
    new = np.flatnonzero(is_new)
    since = np.concatenate([[0], new[:-1] + 1])[: len(new)]
    since = np.maximum(since, begins[job_of[new]])
    ends = begins.copy()
    ends[job_of[new]] = new + 1  # the last one of each job stays
    broken = holes[begins + counts] > holes[ends]
    hole = holes[new + 1] > holes[since]
    return index[new], job_of[new], hole, index[~bad & ~is_new], broken


def _seeds(seeded: Sequence[int], places: Sequence[Place]) -> tuple[NDArray[np.generic], ...]:
    count = len(places)
    table = np.array([(p.time_ms, p.lat_e6, p.lon_e6, p.same_ms) for p in places], np.int64)
    time_ms, lat_e6, lon_e6, same_ms = table.reshape(count, 4).T
    return (
        np.full(count, -1),
        np.array(seeded, np.int64),
        time_ms,
        lat_e6,
        lon_e6,
        np.array([place.error_m for place in places], np.float64),
        np.array([place.speed_mps for place in places], np.float64),  # None becomes NaN
        same_ms,
        np.zeros(count, np.bool_),
        np.ones(count, np.bool_),
    )


def order_behind(firsts: Integers, others: Integers) -> Integers:
    """Return the order in which rows come first, each before all others of its number.

    Args:
        firsts: The numbers of the first rows, at most one each; ascending.
        others: The numbers of the others; ascending.
    """
    count = len(firsts)
    behind = np.arange(count, count + len(others))
    return np.insert(behind, np.searchsorted(others, firsts), np.arange(count))


def errors_m(rows: FixRows) -> Reals:
    """Return one sigma of each row in metres: as `Fix.error_m`, or a usual one."""
    diluted = rows.hdop_tenths / 10.0 * _RANGE_ERROR_M[rows.kind]
    known = np.where(rows.hdop_tenths == MISSING, USUAL_ERROR_M, diluted)
    return np.where(rows.error_dm == MISSING, known, rows.error_dm / 10.0)


def way_m(lat_e6: Any, lon_e6: Any, to_lat_e6: Any, to_lon_e6: Any) -> Reals:
    """Return distances along the ground in metres, to a metre in a thousand within 50 km.

    Args:
        lat_e6: Numbers or arrays, millionths of a degree; and so the others.
    """
    x_m, y_m = metres_per_degree((lat_e6 + to_lat_e6) / 2e6)
    east_e6 = to_lon_e6 - lon_e6
    if np.size(east_e6) and np.abs(east_e6).max() > TURN_E6 // 2:
        east_e6 = short_way(east_e6)
    x = east_e6 / 1e6 * x_m
    y = (to_lat_e6 - lat_e6) / 1e6 * y_m
    found: Reals = np.sqrt(x * x + y * y)
    return found


def short_way(east_e6: Any) -> Any:
    """Return differences of longitude the shorter way round, in millionths of a degree."""
    return (east_e6 + TURN_E6 // 2) % TURN_E6 - TURN_E6 // 2
