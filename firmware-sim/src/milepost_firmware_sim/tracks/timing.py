"""The times of a track put in order, and given to a track that has none.

Invariant: the points that come out have times, each later than the one before.
"""

from dataclasses import replace
from itertools import pairwise

from milepost_schemas.tracks.order import sorted_by_time
from milepost_schemas.tracks.track import Timing, Track, TrackPoint, distance_m

# Points of a drawn line stand at least so far apart in time.
_LEAST_STEP_S = 1.0


def in_order(track: Track, untimed_speed_mps: float) -> Track:
    """Return the track with times that rise; see `sorted_by_time`.

    Args:
        track: As it was read.
        untimed_speed_mps: How fast a track without times is driven; above 0. Its whole seconds
            make the times of a receiver.
    """
    if track.timing is Timing.NONE:
        points = _driven(track.points, untimed_speed_mps)
        track = replace(track, points=points, timing=Timing.UNDATED)
    return sorted_by_time(track)


def _driven(points: tuple[TrackPoint, ...], speed_mps: float) -> tuple[TrackPoint, ...]:
    times, time_s = [0.0], 0.0
    for one, other in pairwise(points):
        time_s += max(_LEAST_STEP_S, round(distance_m(one, other) / speed_mps))
        times.append(time_s)
    return tuple(replace(point, time_s=at_s) for point, at_s in zip(points, times, strict=True))
