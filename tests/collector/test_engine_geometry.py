"""Shapes against a peer's table and against geodesics: inside, outside, ways through, distances."""

import json
import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from milepost_collector.engine.shape import Shape, ShapeError
from tests.agent.line import RECORDED, needs_recorded


def cases() -> list[Any]:
    """The cases of the table; none where the data is absent."""
    path = RECORDED / "scenarios/geofence_geometry.json"
    if not path.exists():
        return []
    told = json.loads(path.read_text(encoding="utf-8"))["cases"]
    return [pytest.param(case, id=f"{number}-{case['name']}") for number, case in enumerate(told)]


def shape_of(case: dict[str, Any]) -> Shape:
    """Make the shape of a case.

    The peer's corridor reaches its whole width to each side of the line, ours half of it: a road
    of 20 m is a corridor of 20 m.
    """
    told = case["shape"]
    if case["kind"] == "circle":
        lat_deg, lon_deg = told["center"]
        return Shape.circle(lat_deg, lon_deg, told["radius_m"])
    points = [(lat, lon) for lat, lon in told["points"]]
    if case["kind"] == "polygon":
        return Shape.polygon([[[*points, points[0]]]])
    return Shape.corridor(points, 2 * told["width_m"])


def distance_m(shape: Shape, lat_deg: float, lon_deg: float) -> float:
    """How far a point is from the edge, negative inside."""
    x_m, y_m = shape.plane.project(lat_deg, lon_deg)
    return float(shape.distances_m(np.array([x_m]), np.array([y_m]))[0])


@needs_recorded
@pytest.mark.parametrize("case", cases())
def test_shape_holds_the_points_that_the_peer_says(case: dict[str, Any]) -> None:
    """Every probe is inside or outside as in the peer's table."""
    shape = shape_of(case)
    other = [
        (probe, distance_m(shape, probe["lat"], probe["lon"]))
        for probe in case["probes"]
        if (distance_m(shape, probe["lat"], probe["lon"]) <= 0) is not probe["inside"]
    ]
    assert other == []


@needs_recorded
@pytest.mark.parametrize("case", cases())
def test_shape_is_met_by_the_ways_that_the_peer_says(case: dict[str, Any]) -> None:
    """Every straight way leads through the shape or past it as in the peer's table."""
    shape = shape_of(case)
    project = shape.plane.project
    for way in case.get("segments", []):
        inside = shape.way_inside(project(*way["a"]), project(*way["b"]))
        assert bool(inside) is way["touches"], way


@given(
    lat=st.floats(-70, 70),
    lon=st.floats(-180, 180),
    bearing=st.floats(0, 2 * math.pi),
    radius=st.floats(20, 10_000),
)
def test_circle_has_its_radius_in_metres_anywhere(
    lat: float, lon: float, bearing: float, radius: float
) -> None:
    """The edge of a circle is its radius away on the ellipsoid, to a metre in a thousand."""
    east, north, _ = Geod(ellps="WGS84").fwd(lon, lat, math.degrees(bearing), radius)
    assert abs(distance_m(Shape.circle(lat, lon, radius), north, east)) <= radius * 0.001


@given(
    x_m=st.floats(-400, 400), y_m=st.floats(-400, 400), vertices=st.integers(3, 80),
)  # fmt: skip
def test_polygon_of_many_corners_is_measured_like_one_of_few(
    x_m: float, y_m: float, vertices: int
) -> None:
    """The distance to the edge is that to the nearest of its lines, however many there are."""
    turns = [2 * math.pi * corner / vertices for corner in range(vertices)]
    ring = [(48 + 0.002 * math.sin(turn), 11 + 0.003 * math.cos(turn)) for turn in turns]
    shape = Shape.polygon([[[*ring, ring[0]]]])
    corners = [shape.plane.project(*point) for point in [*ring, ring[0]]]
    nearest_m = min(_to_line_m((x_m, y_m), begin, end) for begin, end in pairwise(corners))
    found_m = float(shape.distances_m(np.array([x_m]), np.array([y_m]))[0])
    assert abs(found_m) == pytest.approx(nearest_m, abs=1e-6)


def _to_line_m(
    point: tuple[float, float], begin: tuple[float, float], end: tuple[float, float]
) -> float:
    (x, y), (bx, by), (ex, ey) = point, begin, end
    dx, dy = ex - bx, ey - by
    share = ((x - bx) * dx + (y - by) * dy) / (dx * dx + dy * dy)
    share = min(1.0, max(0.0, share))
    return math.dist(point, (bx + share * dx, by + share * dy))


def test_way_through_a_ring_lies_inside_twice() -> None:
    """Of a way straight through a square with a square hole two stretches lie inside."""
    outer, hole = _square(0.002), _square(0.001)
    shape = Shape.polygon([[outer, hole]])
    west, east = shape.plane.project(0.0, -0.004), shape.plane.project(0.0, 0.004)
    (first, second) = shape.way_inside(west, east)
    assert [*first, *second] == pytest.approx([0.25, 0.375, 0.625, 0.75])


def _square(half_deg: float) -> list[tuple[float, float]]:
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]
    return [(lat * half_deg, lon * half_deg) for lat, lon in corners]


def test_way_of_no_length_is_nowhere_inside() -> None:
    """Who stands in a circle makes no way through it."""
    assert Shape.circle(0, 0, 50).way_inside((0.0, 0.0), (0.0, 0.0)) == ()


def test_polygon_without_area_is_refused() -> None:
    """A ring that goes to and fro encloses nothing and says so."""
    with pytest.raises(ShapeError):
        Shape.polygon([[[(0.0, 0.0), (0.0, 1.0), (0.0, 0.0), (0.0, 0.0)]]])
