"""Places where a vehicle stands: found in its newest means, and where and when it came there."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from milepost_collector.engine.means import FEW
from milepost_collector.engine.motion_state import MotionState, Stay, Trip
from milepost_collector.engine.shape import metres_per_degree
from milepost_collector.engine.tail import GRID_MS, Middle
from milepost_collector.engine.ways import inside_circle


class Scale(NamedTuple):
    """Metres to a millionth of a degree, of longitude and of latitude."""

    x_m: float
    y_m: float

    @classmethod
    def at(cls, lat_e6: int) -> "Scale":
        """Return the scale at a latitude."""
        x_m, y_m = metres_per_degree(lat_e6 / 1e6)
        return cls(float(x_m / 1e6), float(y_m / 1e6))

    def way_m(self, a: Middle | Stay, b: Middle | Stay | Trip) -> float:
        """Return how far two places are apart."""
        x, y = (a.lon_e6 - b.lon_e6) * self.x_m, (a.lat_e6 - b.lat_e6) * self.y_m
        return math.sqrt(x * x + y * y)

    def crossed_ms(self, place: Stay, inner: Middle, outer: Middle, circle_m: float) -> int:
        """Return when the line between two means crossed a circle around a place."""
        x_m, y_m = self
        begin = ((inner.lon_e6 - place.lon_e6) * x_m, (inner.lat_e6 - place.lat_e6) * y_m)
        end = ((outer.lon_e6 - place.lon_e6) * x_m, (outer.lat_e6 - place.lat_e6) * y_m)
        inside = inside_circle(begin, end, circle_m)
        share = inside[-1][1] if inside else 0.0
        return inner.middle_ms + round(share * (outer.middle_ms - inner.middle_ms))


def place_of(state: MotionState, scale: Scale, radius_m: float) -> Stay | None:
    """Return the place at which the newest means lie; None where they lie apart."""
    few: Sequence[Middle] = state.tail.means[-FEW:]
    if len(few) < FEW or (few[0].number + 1) * GRID_MS <= state.begun_ms:
        return None
    if scale.way_m(few[-1], few[0]) > 2 * radius_m:
        return None
    lat_e6, lon_e6 = (sum([m.lat_e6 for m in few]), sum([m.lon_e6 for m in few]))
    stay = Stay(lat_e6 // FEW, lon_e6 // FEW, state.begun_ms, 0)
    for mean in few:
        if scale.way_m(mean, stay) > radius_m:
            return None
    _look_back(stay, state, len(state.tail.means) - FEW, scale, radius_m)
    return stay


def settle_down(stay: Stay, state: MotionState, scale: Scale, radius_m: float) -> None:
    """Take the middle of where a vehicle has stood so far for its place.

    What it seemed to be at first is the end of the way there, which differs between a track and its
    samples.
    """
    tail: Sequence[Middle] = state.tail.means
    first = len(tail)
    while first and scale.way_m(tail[first - 1], stay) <= radius_m:
        first -= 1
    own = tail[first + (len(tail) - first) // 3 :]
    if not first or not own:  # it began before what is remembered
        return
    stay.lat_e6 = sum(mean.lat_e6 for mean in own) // len(own)
    stay.lon_e6 = sum(mean.lon_e6 for mean in own) // len(own)
    if scale.way_m(tail[-1], stay) <= radius_m:
        _look_back(stay, state, len(tail) - 1, scale, radius_m)


def _look_back(stay: Stay, state: MotionState, first: int, scale: Scale, radius_m: float) -> None:
    """Say when the vehicle came to a place, and how far it had come by then.

    Args:
        stay: The place; changed.
        state: How it moved.
        first: A mean of the tail from which on it has been there.
        scale: Of the means.
        radius_m: How large the place is.
    """
    tail: Sequence[Middle] = state.tail.means
    while first and scale.way_m(tail[first - 1], stay) <= radius_m:
        first -= 1
    began_ms = tail[first].number * GRID_MS
    way_mm = tail[first].way_mm
    if first:
        began_ms = scale.crossed_ms(stay, tail[first], tail[first - 1], radius_m)
        way_mm = (tail[first - 1].way_mm + way_mm) // 2
    stay.began_ms = max(began_ms, state.begun_ms)
    in_mm = round(scale.way_m(tail[first], stay) * 1000)
    stay.way_mm = way_mm + max(in_mm, state.sure_mm - tail[first].sure_mm)
