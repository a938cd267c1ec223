"""The times of a track put in order, and given to a track that has none.

Invariant: the points that come out have times, each later than the one before.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from milepost_firmware_sim.tracks.track import Timing, Track, TrackPoint, distance_m

# Points of a drawn line stand at least so far apart in time.
_LEAST_STEP_S = 1.0
_LEAST_HOLE_S = 5.0
# A step that nine of ten are not longer than is the usual one; thrice that is a hole.
_USUAL_SHARE = 0.9
_HOLE_STEPS = 3.0


def in_order(track: Track, untimed_speed_mps: float) -> Track:
    """Return the track with times that rise.

    Points are sorted (segments may stand in any order), repeats of a time are left out and counted.

    Args:
        track: As it was read.
        untimed_speed_mps: How fast a track without times is driven; above 0. Its whole seconds
            make the times of a receiver.
    """
    points = track.points
    if track.timing is Timing.NONE:
        points = _driven(points, untimed_speed_mps)
    ordered = sorted(points, key=lambda point: point.time_s)
    kept = ordered[:1]
    for point in ordered[1:]:
        if point.time_s > kept[-1].time_s:
            kept.append(point)
    left_out = track.left_out + len(ordered) - len(kept)
    timing = Timing.DATED if track.timing is Timing.DATED else Timing.UNDATED
    return Track(track.name, tuple(kept), timing, left_out)


def longest_step_s(points: Sequence[TrackPoint]) -> float:
    """Return how long a step may be that is no hole: 5 s, or thrice the usual step of the track."""
    steps = sorted(other.time_s - one.time_s for one, other in pairwise(points))
    if not steps:
        return _LEAST_HOLE_S
    usual_s = steps[int(_USUAL_SHARE * (len(steps) - 1))]
    return max(_LEAST_HOLE_S, _HOLE_STEPS * usual_s)


def _driven(points: Sequence[TrackPoint], speed_mps: float) -> tuple[TrackPoint, ...]:
    times, time_s = [0.0], 0.0
    for one, other in pairwise(points):
        time_s += max(_LEAST_STEP_S, round(distance_m(one, other) / speed_mps))
        times.append(time_s)
    return tuple(replace(point, time_s=at_s) for point, at_s in zip(points, times, strict=True))
