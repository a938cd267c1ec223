"""Which stretches of a straight way lie inside a shape: exact, in metres of a plane.

A way leads from `begin` to `end`, both (x, y); a stretch is a pair of shares of it from 0 to 1, and
stretches come in order. The same distances as `Shape.distances_m` decide, so a way that changes
sides has a stretch.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Stretches = tuple[tuple[float, float], ...]
Edges = NDArray[np.float64]


def inside_circle(begin: Point, end: Point, radius_m: float) -> Stretches:
    """Return the stretch inside a circle around (0, 0).

    Solves |begin + share (end - begin)| <= radius_m.
    """
    (x, y), dx, dy = begin, end[0] - begin[0], end[1] - begin[1]
    a, b, c = dx * dx + dy * dy, x * dx + y * dy, x * x + y * y - radius_m * radius_m
    discriminant = b * b - a * c
    if discriminant <= 0.0:
        return ()
    root = math.sqrt(discriminant)
    first, last = max(0.0, (-b - root) / a), min(1.0, (-b + root) / a)
    return ((first, last),) if first < last else ()


def inside_rings(begin: Point, end: Point, edges: Edges) -> Stretches:
    """Return the stretches inside an area: between the edges that it meets, two and two.

    Args:
        begin: Where the way begins.
        end: Where it ends, somewhere else.
        edges: Of all rings of the area, holes too: (x, y, x_to, y_to) each.
    """
    (x, y), dx, dy = begin, end[0] - begin[0], end[1] - begin[1]
    x_from, y_from, x_to, y_to = edges
    # On which side of the line of the way the ends of edges lie.
    sides = dx * (y_from - y) - dy * (x_from - x)
    sides_to = dx * (y_to - y) - dy * (x_to - x)
    met = (sides > 0) != (sides_to > 0)
    shares = sides[met] / (sides[met] - sides_to[met])
    at_x = x_from[met] + shares * (x_to[met] - x_from[met]) - x
    at_y = y_from[met] + shares * (y_to[met] - y_from[met]) - y
    along = np.sort((at_x * dx + at_y * dy) / (dx * dx + dy * dy)).tolist()
    return tuple(
        (max(0.0, first), min(1.0, last))
        for first, last in zip(along[::2], along[1::2], strict=True)
        if first < 1.0 and last > 0.0 and first < last
    )


def inside_band(begin: Point, end: Point, edges: Edges, half_m: float) -> Stretches:
    """Return the stretches within `half_m` of a line.

    Args:
        begin: Where the way begins.
        end: Where it ends, somewhere else.
        edges: The pieces of the line: (x, y, x_to, y_to) each.
        half_m: Half the width of the band.
    """
    x_from, y_from, x_to, y_to = edges
    near = (
        (np.maximum(x_from, x_to) >= min(begin[0], end[0]) - half_m)
        & (np.minimum(x_from, x_to) <= max(begin[0], end[0]) + half_m)
        & (np.maximum(y_from, y_to) >= min(begin[1], end[1]) - half_m)
        & (np.minimum(y_from, y_to) <= max(begin[1], end[1]) + half_m)
    )
    found = [_near_piece(begin, end, piece, half_m) for piece in edges[:, near].T.tolist()]
    merged: list[tuple[float, float]] = []
    for stretch in sorted(each for each in found if each is not None):
        if merged and stretch[0] <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stretch[1], merged[-1][1]))
        else:
            merged.append(stretch)
    return tuple(merged)


def _near_piece(
    begin: Point, end: Point, piece: Sequence[float], half_m: float
) -> tuple[float, float] | None:
    """Return the stretch near one piece of a line: a rectangle with a circle at each end."""
    x, y, x_to, y_to = piece
    parts = [
        part
        for cx, cy in ((x, y), (x_to, y_to))
        for part in inside_circle(
            (begin[0] - cx, begin[1] - cy), (end[0] - cx, end[1] - cy), half_m
        )
    ]
    length_m = math.hypot(x_to - x, y_to - y)
    if length_m:
        along, across = (x_to - x) / length_m, (y_to - y) / length_m
        bounds = []
        for px, py in (begin, end):
            east, north = px - x, py - y
            bounds.append((east * along + north * across, north * along - east * across))
        (first_u, first_v), (last_u, last_v) = bounds
        low, high = _between(first_u, last_u, 0.0, length_m)
        low_v, high_v = _between(first_v, last_v, -half_m, half_m)
        low, high = max(low, low_v), min(high, high_v)
        if low < high:
            parts.append((low, high))
    if not parts:
        return None
    return min(first for first, _ in parts), max(last for _, last in parts)


def _between(first: float, last: float, least: float, most: float) -> tuple[float, float]:
    """Return from which to which share a value that goes steadily lies between two others."""
    change = last - first
    if change == 0.0:
        return (0.0, 1.0) if least <= first <= most else (1.0, 0.0)
    low, high = sorted(((least - first) / change, (most - first) / change))
    return max(0.0, low), min(1.0, high)
