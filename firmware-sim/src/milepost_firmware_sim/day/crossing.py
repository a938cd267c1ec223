"""When a van on a leg passes a place, or the edge of a circle."""

from collections.abc import Callable
from math import ceil, dist

from milepost_firmware_sim.drive.motion import Motion
from milepost_firmware_sim.plane import Point

_EXACT_S = 0.01


def entered_s(motion: Motion, middle: Point, radius_m: float) -> float:
    """Return when a leg that ends in a circle came into it for the last time; 0: it began there."""

    def is_inside(time_s: float) -> bool:
        return dist(motion.at(time_s).point, middle) <= radius_m

    inside_s = motion.duration_s
    while inside_s > 0.0 and is_inside(inside_s - 1.0):
        inside_s -= 1.0
    return 0.0 if inside_s <= 0.0 else _edge_s(is_inside, inside_s - 1.0, inside_s)


def exited_s(motion: Motion, middle: Point, radius_m: float) -> float:
    """Return when a leg that begins in a circle left it; its duration where it never did."""

    def is_outside(time_s: float) -> bool:
        return dist(motion.at(time_s).point, middle) > radius_m

    for second in range(1, ceil(motion.duration_s) + 1):
        if is_outside(float(second)):
            return _edge_s(is_outside, second - 1.0, float(second))
    return motion.duration_s


def passes_s(motion: Motion, place: Point) -> float:
    """Return when a leg first is nearest to a place, to the second."""
    seconds = range(ceil(motion.duration_s) + 1)
    return float(min(seconds, key=lambda second: dist(motion.at(float(second)).point, place)))


def _edge_s(is_beyond: Callable[[float], bool], before_s: float, beyond_s: float) -> float:
    """Halve the time between two sides of an edge until it is exact."""
    while beyond_s - before_s > _EXACT_S:
        middle_s = (before_s + beyond_s) / 2.0
        if is_beyond(middle_s):
            beyond_s = middle_s
        else:
            before_s = middle_s
    return beyond_s
