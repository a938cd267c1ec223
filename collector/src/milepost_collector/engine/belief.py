"""What is believed: which fixes tell where a vehicle was, and why others do not.

What comes after a later fix of its device is passed over (late): the engine does not look back. Any
other fix is judged by itself (no lock, zero-zero, imprecise) and by the believed one before it:
whether anybody gets from there to here in that time (teleport), or changes speed so (acceleration),
and whether the receiver repeats a place while it says that it moves (frozen). What a receiver
claims after a jump is believed when it has agreed with itself for ten seconds; nothing is
interpolated across the jump.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from milepost_collector.engine.judging import FROZEN_M, MOVES_MPS, Doubt, Judge, judge_ways
from milepost_collector.engine.rules import Rules
from milepost_collector.engine.tracks import (
    TURN_E6,
    Job,
    Reals,
    Tracks,
    errors_m,
    gather,
    short_way,
    way_m,
)
from milepost_schemas.bulk.rows import FixRows, Flags, Integers
from milepost_schemas.fix import FixKind

# A receiver that measures less may be standing.
_ROLLS_MPS = 0.8

# Dilution from which a solution says nothing (NMEA 0183 receivers write 99 where there is none),
# and the receiver's own word for the same.
_POOR_HDOP_TENTHS = 200
_POOR_ERROR_M = 150.0

# Within 11 m of where the equator meets Greenwich: what faulty software writes for nothing.
_ZERO_E6 = 100


@dataclass(frozen=True, slots=True)
class Doubted:
    """Fixes that are not believed: rows of the call, and the `Doubt` of each."""

    row: Integers
    doubt: Integers


def believe(
    jobs: Sequence[Job], rows: FixRows, alone: Integers, rules: Sequence[Rules]
) -> tuple[Tracks, Doubted]:
    """Sift fixes into believed and doubted ones.

    Moves `newest_ms` and `elsewhere` of the states on.

    Args:
        jobs: At least one.
        rows: Of all jobs.
        alone: From `doubted_alone`.
        rules: Of each job.
    """
    gap_ms = np.array([round(each.gap_s * 1000) for each in rules])
    gathered = gather(jobs, rows, alone > 0, gap_ms)
    measured = told = gathered.tracks
    kept = np.arange(len(told))
    doubted = [Doubted(gathered.late, np.full(len(gathered.late), Doubt.LATE))]
    if alone.any():
        bad = np.concatenate([np.arange(job.first, job.end) for job in jobs])
        bad = bad[alone[bad] > 0]
        doubted.append(Doubted(bad, alone[bad]))
    tracks = _reckoned(told)
    fastest_mps = np.array([each.max_speed_mps for each in rules])
    uneasy = set(tracks.job[_doubted_beside(tracks, fastest_mps[tracks.job]) > 0].tolist())
    uneasy |= {n for n, job in enumerate(jobs) if job.state.elsewhere is not None}
    if uneasy:
        told, more, believed = _sifted(jobs, told, sorted(uneasy), fastest_mps)
        doubted.append(more)
        kept = kept[believed]
        tracks = _reckoned(told)
    _remember_holes(jobs, measured, kept, gathered.broken)
    return tracks, Doubted(
        np.concatenate([each.row for each in doubted]),
        np.concatenate([each.doubt for each in doubted]),
    )


def _remember_holes(jobs: Sequence[Job], measured: Tracks, kept: Integers, broken: Flags) -> None:
    """Remember of each job whether there was a hole behind its newest believed position."""
    holes = np.concatenate([np.cumsum(measured.is_hole), [0]])
    bounds = measured.starts(len(jobs))
    first, end = bounds[:-1], bounds[1:]
    newest = np.append(kept, -1)[np.searchsorted(kept, end) - 1]
    found = (newest >= first) & (holes[end - 1] > holes[newest])
    is_filled = first < end
    is_new = is_filled & (np.append(measured.row, -1)[end - 1] >= 0)
    before = np.array([job.state.hole for job in jobs])
    found = np.where(is_new, found, before) | (is_filled & broken)
    for job, is_hole in zip(jobs, found.tolist(), strict=True):
        job.state.hole = is_hole


def doubted_alone(rows: FixRows) -> Integers:
    """Judge each fix by itself: return its `Doubt`."""
    found = np.zeros(len(rows), np.int64)
    poor = (rows.hdop_tenths >= _POOR_HDOP_TENTHS) | (errors_m(rows) > _POOR_ERROR_M)
    found[poor] = Doubt.IMPRECISE
    zero = (np.abs(rows.lat_e6) <= _ZERO_E6) & (np.abs(rows.lon_e6) <= _ZERO_E6)
    found[zero] = Doubt.ZERO_ZERO
    found[(rows.kind == FixKind.NONE) | (rows.kind == FixKind.ESTIMATED)] = Doubt.NO_LOCK
    return found


def _reckoned(tracks: Tracks) -> Tracks:
    """Reckon ways, speeds that nobody said, and for how long a place has been the same."""
    before = tracks.has_before
    ways = np.zeros(len(tracks))
    lon_e6, speed = tracks.lon_e6, tracks.speed_mps.copy()
    ways[1:] = way_m(tracks.lat_e6[:-1], lon_e6[:-1], tracks.lat_e6[1:], lon_e6[1:])
    ways[~before] = 0.0
    step_s = np.diff(tracks.time_ms, prepend=0) / 1000.0
    sure_m = np.where(speed >= _ROLLS_MPS, ways, 0.0)
    unsaid = np.isnan(speed) & before
    speed[unsaid] = ways[unsaid] / step_s[unsaid]
    same = before & (ways == 0.0)
    begins = np.maximum.accumulate(np.where(same, 0, np.arange(len(tracks))))
    return replace(
        tracks,
        lon_e6=_counted_on(tracks, before),
        speed_mps=speed,
        same_ms=tracks.same_ms[begins] if len(tracks) else tracks.same_ms,
        way_m=ways,
        sure_m=sure_m,
    )


def _counted_on(tracks: Tracks, before: Flags) -> Integers:
    """Return longitudes that go on across the date line."""
    east = np.diff(tracks.lon_e6, prepend=0)
    wraps = before & (np.abs(east) > TURN_E6 // 2)
    if not wraps.any():
        return tracks.lon_e6
    turns = np.cumsum(np.where(wraps, short_way(east) - east, 0))
    firsts = np.flatnonzero(~before)
    begun = np.repeat(turns[firsts], np.diff(firsts, append=len(tracks)))
    found: Integers = tracks.lon_e6 + turns - begun
    return found


def _doubted_beside(tracks: Tracks, fastest_mps: Reals) -> Integers:
    """Judge each row by the row before, as if that one were believed."""
    found = np.zeros(len(tracks), np.int64)
    if len(tracks) < 2:
        return found
    found[1:] = judge_ways(
        (tracks.time_ms[1:] - tracks.time_ms[:-1]) / 1000.0,
        tracks.way_m[1:],
        tracks.error_m[1:] + tracks.error_m[:-1],
        tracks.speed_mps[:-1],
        fastest_mps[1:],
        tracks.is_hole[1:],
    )
    moved_m = tracks.speed_mps * (tracks.time_ms - tracks.same_ms) / 1000.0
    frozen = (tracks.way_m == 0.0) & (tracks.speed_mps >= MOVES_MPS) & (moved_m >= FROZEN_M)
    found[frozen] = Doubt.FROZEN
    found[~tracks.has_before] = Doubt.NONE
    return found


def _sifted(
    jobs: Sequence[Job], told: Tracks, uneasy: Sequence[int], fastest_mps: Reals
) -> tuple[Tracks, Doubted, Flags]:
    """Judge the rows of some jobs in turn, each by the newest believed one before it."""
    judged = np.zeros(len(told), np.int64)
    is_hole = told.is_hole.copy()
    starts = told.starts(len(jobs))
    for number in uneasy:
        judge = Judge(jobs[number].state, float(fastest_mps[number]))
        rows = slice(starts[number], starts[number + 1])
        for row, place in enumerate(told.places(rows), rows.start):
            judged[row], is_hole[row] = judge.take(place, bool(told.is_hole[row]))
    told = replace(told, is_hole=is_hole)
    believed = judged == 0
    return told.where(believed), Doubted(told.row[~believed], judged[~believed]), believed
