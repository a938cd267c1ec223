"""The points of a track in the order of their times, and where steps between them are holes."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from milepost_schemas.tracks.track import Track, TrackPoint

_LEAST_HOLE_S = 5.0
# A step that nine of ten are not longer than is the usual one; thrice that is a hole.
_USUAL_SHARE = 0.9
_HOLE_STEPS = 3.0


def sorted_by_time(track: Track) -> Track:
    """Return the track with times that rise, each later than the one before.

    Points are sorted (segments may stand in any order), repeats of a time are left out and counted.
    """
    ordered = sorted(track.points, key=lambda point: point.time_s)
    kept = ordered[:1]
    for point in ordered[1:]:
        if point.time_s > kept[-1].time_s:
            kept.append(point)
    left_out = track.left_out + len(ordered) - len(kept)
    return replace(track, points=tuple(kept), left_out=left_out)


def longest_step_s(points: Sequence[TrackPoint]) -> float:
    """Return how long a step may be that is no hole: 5 s, or thrice the usual step of the track."""
    steps = sorted(other.time_s - one.time_s for one, other in pairwise(points))
    if not steps:
        return _LEAST_HOLE_S
    usual_s = steps[int(_USUAL_SHARE * (len(steps) - 1))]
    return max(_LEAST_HOLE_S, _HOLE_STEPS * usual_s)
