"""Fences as GeoJSON, for tests."""

from collections.abc import Sequence
from typing import Any

from milepost_schemas.fix import Fix

Ring = Sequence[tuple[float, float]]


def collection(*features: dict[str, Any]) -> dict[str, Any]:
    """A FeatureCollection."""
    return {"type": "FeatureCollection", "features": list(features)}


def circle(name: str, middle: Fix, radius_m: float, **properties: Any) -> dict[str, Any]:
    """A circle around a fix."""
    geometry = {"type": "Point", "coordinates": [middle.lon_deg, middle.lat_deg]}
    return _feature(name, geometry, {"radius_m": radius_m} | properties)


def polygon(name: str, *rings: Ring, **properties: Any) -> dict[str, Any]:
    """A polygon of rings of (lon_deg, lat_deg), which are closed here."""
    return _feature(name, {"type": "Polygon", "coordinates": _closed(rings)}, properties)


def polygons(name: str, *areas: Sequence[Ring], **properties: Any) -> dict[str, Any]:
    """A multipolygon, each of rings as in `polygon`."""
    coordinates = [_closed(rings) for rings in areas]
    return _feature(name, {"type": "MultiPolygon", "coordinates": coordinates}, properties)


def corridor(name: str, line: Ring, width_m: float, **properties: Any) -> dict[str, Any]:
    """A corridor along (lon_deg, lat_deg)."""
    geometry = {"type": "LineString", "coordinates": [list(point) for point in line]}
    return _feature(name, geometry, {"width_m": width_m} | properties)


def _closed(rings: Sequence[Ring]) -> list[list[list[float]]]:
    return [[list(point) for point in [*ring, ring[0]]] for ring in rings]


def _feature(name: str, geometry: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "id": name, "geometry": geometry, "properties": properties}
