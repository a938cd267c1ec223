"""Fences as GeoJSON, for tests."""

from collections.abc import Sequence
from typing import Any

from milepost_schemas.fix import Fix

Ring = Sequence[tuple[float, float]]


def collection(*features: dict[str, Any]) -> dict[str, Any]:
    """A FeatureCollection."""
    return {"type": "FeatureCollection", "features": list(features)}


def circle(name: str, middle: Fix, radius_m: float) -> dict[str, Any]:
    """A circle around a fix."""
    return {
        "type": "Feature",
        "id": name,
        "geometry": {"type": "Point", "coordinates": [middle.lon_deg, middle.lat_deg]},
        "properties": {"radius_m": radius_m},
    }


def polygon(name: str, *rings: Ring) -> dict[str, Any]:
    """A polygon of rings of (lon_deg, lat_deg), which are closed here."""
    return {
        "type": "Feature",
        "id": name,
        "geometry": {
            "type": "Polygon",
            "coordinates": [[list(point) for point in [*ring, ring[0]]] for ring in rings],
        },
        "properties": {},
    }
