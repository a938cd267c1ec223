"""Reading fences from GeoJSON: what is taken, and what each refusal says."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_collector.engine import Fence, FenceError, fences_from_geojson
from tests.collector.fences import collection, corridor, polygon, polygons

SQUARE = [(11.0, 48.0), (11.1, 48.0), (11.1, 48.1), (11.0, 48.1)]


def point(**changes: Any) -> dict[str, Any]:
    """A circle, with changes."""
    feature = {
        "type": "Feature",
        "id": "yard",
        "geometry": {"type": "Point", "coordinates": [11.0, 48.0]},
        "properties": {"radius_m": 80},
    }
    return feature | changes


def rings(*coordinates: Any) -> dict[str, Any]:
    """A polygon with any rings."""
    return point(geometry={"type": "Polygon", "coordinates": list(coordinates)})


def line(*coordinates: Any, width_m: Any = 20) -> dict[str, Any]:
    """A corridor along any positions."""
    geometry = {"type": "LineString", "coordinates": list(coordinates)}
    return point(geometry=geometry, properties={"width_m": width_m})


def told(**properties: Any) -> dict[str, Any]:
    """A circle with more properties."""
    return point(properties={"radius_m": 80} | properties)


def distance_m(fence: Fence, lat_deg: float, lon_deg: float) -> float:
    """How far a place is from a fence's edge, negative inside."""
    x_m, y_m = fence.shape.plane.project(lat_deg, lon_deg)
    return float(fence.shape.distances_m(np.array([x_m]), np.array([y_m]))[0])


def test_fences_from_geojson_takes_circles_polygons_and_corridors() -> None:
    """Each kind of geometry becomes a fence with the feature's id, also a number."""
    fences = fences_from_geojson(
        collection(
            point(),
            polygon("area", SQUARE),
            polygons("areas", [SQUARE], [[(12.0, 48.0), (12.1, 48.0), (12.1, 48.1)]]),
            corridor("road", [(11.0, 48.0), (11.1, 48.0)], 20),
            point(id=7),
        )
    )
    assert [fence.id for fence in fences] == ["yard", "area", "areas", "road", "7"]
    yard, area, areas, road, _ = fences
    assert distance_m(yard, 48.0, 11.0) == pytest.approx(-80)
    assert distance_m(area, 48.05, 11.05) < -1000
    assert distance_m(areas, 48.05, 11.05) < -1000
    assert distance_m(areas, 48.03, 12.08) < -1000
    assert distance_m(areas, 48.05, 11.5) > 1000
    assert distance_m(road, 48.0, 11.05) == pytest.approx(-10)


def test_fences_from_geojson_takes_what_is_told_of_a_fence() -> None:
    """Name, vehicles, times of validity, dwell and limit are taken over; others are left."""
    (fence,) = fences_from_geojson(
        collection(
            told(
                name="The yard",
                vehicles=["van-1", "van-2"],
                valid_from="2026-09-21T14:13:20Z",
                valid_to="2026-09-21T16:13:20.5+01:00",
                dwell_s=90,
                speed_limit_mps=8.3,
                colour="red",
            )
        )
    )
    assert (fence.name, fence.vehicles) == ("The yard", frozenset({"van-1", "van-2"}))
    assert (fence.from_ms, fence.to_ms) == (1_790_000_000_000, 1_790_003_600_500)
    assert (fence.dwell_ms, fence.speed_limit_mps) == (90_000, 8.3)


def test_fences_from_geojson_without_more_hold_for_all_and_always() -> None:
    """What is not told, or null, is as if the property did not exist."""
    nothing = dict.fromkeys(
        ["name", "vehicles", "valid_from", "valid_to", "dwell_s", "speed_limit_mps"]
    )
    bare, null = (fences_from_geojson(collection(each))[0] for each in (point(), told(**nothing)))
    for fence in (bare, null):
        assert (fence.name, fence.vehicles, fence.dwell_ms, fence.speed_limit_mps) == (None,) * 4
        assert fence.from_ms < -(2**60)
        assert fence.to_ms > 2**60


def test_fences_from_geojson_takes_positions_with_a_height() -> None:
    """A third number of a position is a height (RFC 7946, 3.1.1) and does not matter."""
    fences_from_geojson(collection(point(geometry={"type": "Point", "coordinates": [11, 48, 519]})))


@pytest.mark.parametrize(
    "document",
    [None, [], "x", 5, {}, {"type": "Feature"}, {"type": ["FeatureCollection"]}],
)
def test_fences_from_geojson_refuses_what_is_no_collection(document: object) -> None:
    """Anything but a FeatureCollection is named as that."""
    with pytest.raises(FenceError, match=r"^is no GeoJSON FeatureCollection$"):
        fences_from_geojson(document)


@pytest.mark.parametrize("features", [None, {}, "x"])
def test_fences_from_geojson_refuses_a_collection_without_a_list(features: object) -> None:
    """A FeatureCollection without a list of features is named as that."""
    with pytest.raises(FenceError, match=r"^has no list of features$"):
        fences_from_geojson({"type": "FeatureCollection", "features": features})


AREA = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]
BAD: list[tuple[object, str]] = [
    (5, "feature 1 is no object"),
    (point(id=None), "feature 1 has no id"),
    (point(id=""), "feature 1 has no id"),
    (point(id=True), "feature 1 has no id"),
    (point(id=1.5), "feature 1 has no id"),
    (point(geometry=None), "fence 'yard': has no geometry"),
    (point(geometry=[]), "fence 'yard': has no geometry"),
    (point(geometry={"type": "Polygon"}), "fence 'yard': geometry 'Polygon' has no coordinates"),
    (rings(), "fence 'yard': geometry 'Polygon' has no coordinates"),
    (
        point(geometry={"type": "MultiPoint", "coordinates": [[11, 48]]}),
        "fence 'yard': geometry 'MultiPoint' is neither Point, LineString, Polygon nor",
    ),
    (point(properties=[1]), "fence 'yard': properties is no object"),
    (point(properties=None), "fence 'yard': a Point has no radius_m"),
    (point(properties={}), "fence 'yard': a Point has no radius_m"),
    *(
        (told(radius_m=value), f"fence 'yard': radius_m {value!r} is not from 1 to 100000")
        for value in [0, -5, True, "80", float("nan"), float("inf"), 100_001, [80]]
    ),
    (told(radius_m=10**400), f"fence 'yard': radius_m 1{79 * '0'}... is not from 1 to 100000"),
    (told(vehicles=["a"] * 10_000 + [1]), "fence 'yard': vehicles ['a', 'a', 'a', "),
    (line([11, 48]), "fence 'yard': a line is not two or more positions"),
    (line([11, 48], [12, 48], width_m=None), "fence 'yard': a LineString has no width_m"),
    (line([11, 48], [12, 48], width_m=1), "fence 'yard': width_m 1 is not from 2 to 100000"),
    (line([11, 48], [11, 48]), "fence 'yard': the line has no length"),
    (line([11, 48], [11, 91]), "fence 'yard': longitude 11, latitude 91 is not on Earth"),
    *(
        (
            point(geometry={"type": "Point", "coordinates": value}),
            f"fence 'yard': {value!r} is not [longitude, latitude]",
        )
        for value in [None, [], [11.0], ["11", 48.0], [11.0, None], [float("nan"), 48.0]]
    ),
    (
        point(geometry={"type": "Point", "coordinates": [48.0, 111.0]}),
        "fence 'yard': longitude 48.0, latitude 111.0 is not on Earth",
    ),
    (
        point(geometry={"type": "Point", "coordinates": [181, 48]}),
        "fence 'yard': longitude 181, latitude 48 is not on Earth",
    ),
    *(
        (
            rings(ring),
            "fence 'yard': a ring is not four or more positions that end where they begin",
        )
        for ring in [None, [], [[11, 48]] * 3, [[11, 48], [12, 48], [12, 49], [11, 49]]]
    ),
    (rings([[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]), "fence 'yard': Self-intersection"),
    (rings([[11, 48]] * 4), "fence 'yard': "),
    (rings(AREA, [[5, 5], [6, 5], [6, 6], [5, 5]]), "fence 'yard': Hole lies outside shell"),
    (
        point(geometry={"type": "MultiPolygon", "coordinates": [[AREA], []]}),
        "fence 'yard': a polygon has no ring",
    ),
    (
        rings([[n / 1e5, 0] for n in range(100_000)]),
        "fence 'yard': 100000 vertices are more than 10000",
    ),
    (told(name=5), "fence 'yard': name 5 is no text"),
    (told(vehicles="van-1"), "fence 'yard': vehicles 'van-1' is no list of names"),
    (told(vehicles=[1]), "fence 'yard': vehicles [1] is no list of names"),
    *(
        (told(**{key: value}), f"fence 'yard': {key} {value!r} is no time with an offset")
        for key in ("valid_from", "valid_to")
        for value in ["yesterday", 5, "2026-09-21T14:13:20", ""]
    ),
    (
        told(valid_from="2026-09-21T15:00:00Z", valid_to="2026-09-21T15:00:00Z"),
        "fence 'yard': valid_to is not after valid_from",
    ),
    (told(dwell_s=0), "fence 'yard': dwell_s 0 is not from 1 to 2.592e+06"),
    (told(dwell_s="60"), "fence 'yard': dwell_s '60' is not from 1 to 2.592e+06"),
    (told(speed_limit_mps=0.5), "fence 'yard': speed_limit_mps 0.5 is not from 1 to 100"),
    (polygon("area", SQUARE), "fence 'area' stands twice"),
]


@pytest.mark.parametrize(("feature", "text"), BAD)
def test_fences_from_geojson_names_the_fence_and_the_value(feature: object, text: str) -> None:
    """A feature that is no fence is refused with its name and the value that is wrong."""
    first: Any = polygon("area", SQUARE)
    with pytest.raises(FenceError) as raised:
        fences_from_geojson({"type": "FeatureCollection", "features": [first, feature]})
    assert str(raised.value).startswith(text)
    assert len(str(raised.value)) < 200


def test_fences_from_geojson_refuses_one_name_as_text_and_number() -> None:
    """An id is the same written as text and as a number."""
    with pytest.raises(FenceError, match="fence '1' stands twice"):
        fences_from_geojson(collection(point(id=1), point(id="1")))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=12,
)
positions = st.lists(st.sampled_from([0, 1, 11.5, 180, -180, 90, -90, 91, "x"]), max_size=3)


@given(
    kind=st.sampled_from(["Point", "LineString", "Polygon", "MultiPolygon", "Circle"]),
    coordinates=json_values
    | positions
    | st.lists(positions, max_size=5)
    | st.lists(st.lists(positions, max_size=5), max_size=2),
    properties=json_values
    | st.fixed_dictionaries({"radius_m": json_values, "width_m": st.just(5)}),
)
def test_fences_from_geojson_of_anything_is_a_fence_or_an_error(
    kind: str, coordinates: object, properties: object
) -> None:
    """Whatever JSON holds, it is fences, or a refusal of one short line that names the feature."""
    feature = point(geometry={"type": kind, "coordinates": coordinates}, properties=properties)
    message = "fence 'yard'"
    try:
        fences_from_geojson(collection(feature))
    except FenceError as error:
        message = str(error)
    assert message.startswith("fence 'yard'")
    assert "\n" not in message
