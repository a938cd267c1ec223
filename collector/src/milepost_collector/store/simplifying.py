"""Simplifying a track: the few points between which straight lines show where a vehicle was."""

import numpy as np
import shapely
from numpy.typing import NDArray

# A map of a phone or a desk shows no more; a track of a day is a few hundred at this tolerance.
MAX_POINTS = 1000
TOLERANCE_M = 5.0

# Metres in a millionth of a degree of a meridian, on a sphere of the Earth's mean radius.
_METRES_PER_E6 = 0.111195

_HALF_E6 = 180_000_000
_TURN_E6 = 360_000_000

Whole = NDArray[np.int64]


def simplified(
    lat_e6: Whole, lon_e6: Whole, hole: NDArray[np.bool_], most: int = MAX_POINTS
) -> tuple[Whole, float]:
    """Choose the places of the points to draw, and say the tolerance in metres that they keep.

    The rule is Douglas and Peucker's (1973), in each piece between holes: no point is farther from
    the line between those kept than the tolerance. Metres are those of a plane that understates
    none: degrees of longitude count as where the track is nearest to the equator.
    """
    if len(lat_e6) == 0:
        return np.empty(0, np.int64), TOLERANCE_M
    lines, alone = _pieces(_metres(lat_e6, lon_e6), hole)
    fewest = 2 * len(lines) + len(alone)
    tolerance_m = TOLERANCE_M
    while True:
        kept = shapely.simplify(lines, tolerance_m, preserve_topology=False)
        numbers = shapely.get_coordinates(kept, include_z=True)[:, 2]
        places = np.sort(np.concatenate((np.rint(numbers).astype(np.int64), alone)))
        if len(places) <= max(most, fewest):
            return places, tolerance_m
        tolerance_m *= 2


def _pieces(
    metres: NDArray[np.float64], hole: NDArray[np.bool_]
) -> tuple[NDArray[np.object_], Whole]:
    """Return the lines between holes, and the places of points that no line leads to or from."""
    if len(metres) > 1 and not hole[1:].any():
        return np.array([shapely.linestrings(metres)]), np.empty(0, np.int64)
    begins = hole.copy()
    begins[0] = True
    piece = np.cumsum(begins) - 1
    sizes = np.bincount(piece)
    drawable = (sizes > 1)[piece]
    numbered = (np.cumsum(sizes > 1) - 1)[piece]
    lines = np.asarray(shapely.linestrings(metres[drawable], indices=numbered[drawable]))
    return lines, np.flatnonzero(~drawable)


def _metres(lat_e6: Whole, lon_e6: Whole) -> NDArray[np.float64]:
    """Return metres from the first point and each one's place; no edge at the date line."""
    crosses = lon_e6.max() - lon_e6.min() > _HALF_E6
    east_e6 = np.unwrap(lon_e6, period=_TURN_E6) if crosses else lon_e6
    metres = np.empty((len(lat_e6), 3))
    widest = np.cos(np.radians(np.abs(lat_e6).min() / 1e6))
    np.multiply(east_e6 - east_e6[0], widest * _METRES_PER_E6, out=metres[:, 0])
    np.multiply(lat_e6 - lat_e6[0], _METRES_PER_E6, out=metres[:, 1])
    metres[:, 2] = np.arange(len(lat_e6))
    return metres
