"""GeoJSON as rows (RFC 7946): each Point is one, in order; a LineString is the way."""

from typing import Any

from milepost_collector.planning.drafts import COLUMNS, OF_PLAN, Row


class PointsError(ValueError):
    """A file is no such GeoJSON; the message says why."""


def read_points(value: dict[str, Any]) -> tuple[list[Row], list[list[float]], dict[str, str]]:
    """Read a FeatureCollection.

    Properties are named as the columns of tables; others are left aside. Members `plan`, `vehicle`,
    `date` and `time_zone` of the collection hold for all features.

    Returns:
        Rows, numbered from 1; the way, [latitude, longitude] in degrees; what holds for all.

    Raises:
        PointsError: It is no collection of features.
    """
    features = value.get("features")
    if not isinstance(features, list):
        raise PointsError("has no list of features")
    rows: list[Row] = []
    way: list[list[float]] = []
    for number, feature in enumerate(features, 1):
        geometry = feature.get("geometry") if isinstance(feature, dict) else None
        kind = geometry.get("type") if isinstance(geometry, dict) else None
        if isinstance(geometry, dict) and kind == "LineString":
            way = [_swapped(number, each) for each in geometry.get("coordinates") or []]
            continue
        said = _said(feature)
        if isinstance(geometry, dict) and kind == "Point":
            said["lat"], said["lon"] = _swapped(number, geometry.get("coordinates"))
        elif geometry is not None:
            raise PointsError(f"feature {number} is no Point and no LineString")
        rows.append(Row(number, said))
    usual = {name: value[name] for name in OF_PLAN if isinstance(value.get(name), str)}
    return rows, way, usual


def _said(feature: Any) -> dict[str, Any]:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    given = properties if isinstance(properties, dict) else {}
    said = {name: given[name] for name in COLUMNS if given.get(name) not in (None, "")}
    if "stop" not in said and isinstance(feature, dict) and feature.get("id") is not None:
        said["stop"] = str(feature["id"])
    return said


def _swapped(number: int, position: Any) -> list[float]:
    """Return [latitude, longitude] of a position, which has the longitude first."""
    if (
        not isinstance(position, list)
        or len(position) < 2
        or not all(type(each) in (int, float) for each in position[:2])
    ):
        raise PointsError(f"feature {number}: {position!r:.80} is no position")
    return [position[1], position[0]]
