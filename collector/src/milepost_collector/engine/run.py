"""The engine's step: fixes of many devices, their states and the definitions; events come out.

Each fix meets the definitions in force at its GPS time; where those change within a batch, the
batch is run in parts. What happened to a device does not depend on which others are in the call.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from milepost_collector.engine.belief import Doubted, believe, doubted_alone
from milepost_collector.engine.definitions import Definitions
from milepost_collector.engine.fencing import cross
from milepost_collector.engine.motion import move
from milepost_collector.engine.speeding import watch_speed
from milepost_collector.engine.telling import Telling
from milepost_collector.engine.tracks import Job
from milepost_schemas.bulk.rows import FixRows, Integers
from milepost_schemas.event import Event


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a call.

    Attributes:
        events: Of each job, in order.
        doubted: Fixes that were not believed, and why.
    """

    events: list[list[Event]]
    doubted: Doubted


def run_engine(jobs: Sequence[Job], rows: FixRows, definitions: Definitions) -> Run:
    """Take fixes of devices in the order of their numbers.

    Args:
        jobs: Each device at most once; the states are changed in place.
        rows: Their fixes.
        definitions: By the time from which they are in force.
    """
    told = [Telling(job.device, job.subject) for job in jobs]
    doubted = []
    alone = doubted_alone(rows)
    # Of those that say nothing the time says nothing either.
    time_ms = np.where(alone > 0, -1, rows.time_ms)
    for version, part in _parts(jobs, time_ms, definitions):
        chosen = [told[number] for number, _ in part]
        doubted.append(_run([job for _, job in part], rows, alone, definitions, version, chosen))
    return Run(
        [each.events() for each in told],
        Doubted(
            np.concatenate([np.zeros(0, np.int64), *(each.row for each in doubted)]),
            np.concatenate([np.zeros(0, np.int64), *(each.doubt for each in doubted)]),
        ),
    )


# A long job is taken in parts, so that a part's track is near few of many fences: as many fixes as
# make so many pairs with all fences, but not fewer than are worth a part.
_PAIRS_AT_ONCE = 400_000
_ROWS_AT_LEAST = 128


def _parts(
    jobs: Sequence[Job], time_ms: Integers, definitions: Definitions
) -> list[tuple[int, list[tuple[int, Job]]]]:
    """Cut jobs where definitions change, and where they are long.

    Returns:
        Rounds of (version, jobs with their places), to be run one after another.
    """
    numbers = definitions.numbers_at(time_ms)
    most = max(_ROWS_AT_LEAST, _PAIRS_AT_ONCE // max(1, definitions.most_fences))
    if len(numbers) and (numbers == numbers[0]).all():
        begun = definitions.numbers_at(np.array([job.state.newest_ms for job in jobs]))
        is_short = all(job.end - job.first <= most for job in jobs)
        if is_short and (begun <= numbers[0]).all():
            return [(int(numbers[0]), list(enumerate(jobs)))]
    rounds: list[dict[int, list[tuple[int, Job]]]] = []
    for place, job in enumerate(jobs):
        for turn, (version, part) in enumerate(_cut(job, time_ms, definitions, most)):
            if turn == len(rounds):
                rounds.append({})
            rounds[turn].setdefault(version, []).append((place, part))
    return [(version, part) for turn in rounds for version, part in turn.items()]


def _cut(job: Job, time_ms: Integers, definitions: Definitions, most: int) -> list[tuple[int, Job]]:
    """Cut one job; a fix that comes too late belongs to the definitions of its neighbours."""
    if job.first == job.end:
        return []
    mine_ms = np.maximum(time_ms[job.first : job.end], job.state.newest_ms)
    numbers = definitions.numbers_at(np.maximum.accumulate(mine_ms))
    changes = np.flatnonzero(np.diff(numbers)) + 1
    longs = np.arange(most, len(numbers), most)
    bounds = np.unique(np.concatenate([[0, len(numbers)], changes, longs])).tolist()
    return [
        (
            int(numbers[first]),
            Job(job.state, job.device, job.subject, job.first + first, job.first + end),
        )
        for first, end in pairwise(bounds)
    ]


def _run(
    jobs: Sequence[Job],
    rows: FixRows,
    alone: Integers,
    definitions: Definitions,
    number: int,
    told: Sequence[Telling],
) -> Doubted:
    """Run one version over jobs."""
    version, planned = definitions.numbered(number), definitions.planned
    rules = [version.rules.of(job.subject) for job in jobs]
    tracks, doubted = believe(jobs, rows, alone, rules)
    if not len(tracks):
        return doubted
    moved = move(jobs, tracks, rules, told)
    fences = [job.state.fences for job in jobs]
    limits = cross(jobs, tracks, moved.stood_ms, rules, version.fences, fences, told)
    cross(jobs, tracks, moved.stood_ms, rules, planned, [job.state.planned for job in jobs], told)
    bounds = tracks.starts(len(jobs))
    lasts = tracks.places(bounds[1:] - 1)
    for number, job in enumerate(jobs):
        buckets = range(moved.starts[number], moved.starts[number + 1])
        watch_speed(job.state, moved.means, buckets, rules[number], limits[number], told[number])
        if bounds[number] < bounds[number + 1]:
            job.state.last = lasts[number]
            job.state.forget(lasts[number].time_ms)
    return doubted
