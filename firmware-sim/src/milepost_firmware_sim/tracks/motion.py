"""Speed and course for points whose file gives none: from where the points around them stand.

Across a hole nothing is concluded. A course is held while the receiver stands, as receivers do.
"""

from collections.abc import Sequence
from dataclasses import replace

from milepost_schemas.tracks.track import TrackPoint, bearing_deg, distance_m

# Slower than this the direction between two points is noise.
_STANDING_MPS = 0.5


def with_motion(points: Sequence[TrackPoint], longest_step_s: float) -> tuple[TrackPoint, ...]:
    """Return the points, each with the speed and course it has, or else with derived ones.

    Args:
        points: In the order of their times.
        longest_step_s: Neighbours further apart than this are none.
    """
    moving: list[TrackPoint] = []
    held_deg: float | None = None
    for number, point in enumerate(points):
        if point.lat_deg is None:
            moving.append(point)
            continue
        before, after = points[max(number - 1, 0)], points[min(number + 1, len(points) - 1)]
        if point.time_s - before.time_s > longest_step_s:
            before = point
        if after.time_s - point.time_s > longest_step_s:
            after = point
        span_s = after.time_s - before.time_s
        speed_mps, course_deg = point.speed_mps, point.course_deg
        if span_s > 0.0:
            derived_mps = distance_m(before, after) / span_s
            speed_mps = derived_mps if speed_mps is None else speed_mps
            if course_deg is None and derived_mps >= _STANDING_MPS:
                course_deg = bearing_deg(before, after)
        held_deg = held_deg if course_deg is None else course_deg
        moving.append(replace(point, speed_mps=speed_mps, course_deg=held_deg))
    return tuple(moving)
