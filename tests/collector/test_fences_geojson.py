"""Reading fences from GeoJSON: what is taken, and what each refusal says."""

from typing import Any

import pytest

from milepost_collector.engine import FenceError, fences_from_geojson
from tests.collector.fences import collection, polygon

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


def test_fences_from_geojson_takes_circles_and_polygons() -> None:
    """Points with a radius and polygons become fences with the features' ids, also numbers."""
    fences = fences_from_geojson(collection(point(), polygon("area", SQUARE), point(id=7)))
    assert [fence.id for fence in fences] == ["yard", "area", "7"]
    assert fences[0].edge_distance_m(48.0, 11.0) == pytest.approx(-80)
    assert fences[1].edge_distance_m(48.05, 11.05) < 0


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


@pytest.mark.parametrize(
    ("feature", "text"),
    [
        (5, "feature 1 is no object"),
        (point(id=None), "feature 1 has no id"),
        (point(id=""), "feature 1 has no id"),
        (point(id=True), "feature 1 has no id"),
        (point(id=1.5), "feature 1 has no id"),
        (point(geometry=None), "fence 'yard' has no geometry"),
        (point(geometry=[]), "fence 'yard' has no geometry"),
        (
            point(geometry={"type": "LineString", "coordinates": []}),
            "fence 'yard': geometry 'LineString' is neither Polygon nor Point",
        ),
        (rings(), "fence 'yard': geometry 'Polygon' is neither Polygon nor Point"),
        (point(properties=None), "fence 'yard': radius_m None is not above 0 and to 100000.0"),
        (point(properties=[1]), "fence 'yard': radius_m None is not above 0 and to 100000.0"),
        (point(properties={}), "fence 'yard': radius_m None is not above 0 and to 100000.0"),
        *(
            (
                point(properties={"radius_m": value}),
                f"fence 'yard': radius_m {value!r} is not above 0 and to 100000.0",
            )
            for value in [0, -5, True, "80", float("nan"), float("inf"), 100_001, 10**400, [80]]
        ),
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
        (
            rings([[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]),
            "fence 'yard': Self-intersection",
        ),
        (rings([[11, 48]] * 4), "fence 'yard': "),
        (
            rings(
                [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]],
                [[5, 5], [6, 5], [6, 6], [5, 5]],
            ),
            "fence 'yard': Hole lies outside shell",
        ),
        (polygon("area", SQUARE), "fence 'area' stands twice"),
    ],
)
def test_fences_from_geojson_names_the_fence_and_the_value(feature: object, text: str) -> None:
    """A feature that is no fence is refused with its name and the value that is wrong."""
    first: Any = polygon("area", SQUARE)
    with pytest.raises(FenceError) as raised:
        fences_from_geojson({"type": "FeatureCollection", "features": [first, feature]})
    assert str(raised.value).startswith(text)


def test_fences_from_geojson_refuses_one_name_as_text_and_number() -> None:
    """An id is the same written as text and as a number."""
    with pytest.raises(FenceError, match="fence '1' stands twice"):
        fences_from_geojson(collection(point(id=1), point(id="1")))
