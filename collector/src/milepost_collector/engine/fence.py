"""Fences: named shapes, for whom and when they hold.

In flows GeoJSON (RFC 7946): a Polygon or MultiPolygon is an area, a Point with the property
`radius_m` a circle, a LineString with `width_m` a corridor. A fence's id is the feature's `id`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, TypeGuard

from milepost_collector.engine.shape import Shape, ShapeError
from milepost_schemas.fix import milliseconds

_MAX_RADIUS_M = 100_000.0
_MAX_VERTICES = 10_000

# Of a wrong value at most so many characters are repeated.
_MOST_SHOWN = 80

# Longer than GPS time can be told.
_FOR_EVER_MS = 2**62


class FenceError(ValueError):
    """A fence file or a fence in it cannot be used; the message says which and why."""


class Purpose(Enum):
    """What it means to be in a fence."""

    FENCE = "fence"
    STOP = "stop"
    ROUTE = "route"


@dataclass(frozen=True, slots=True)
class Fence:
    """A shape with a name.

    Attributes:
        id: Its name in events.
        shape: Where it is.
        name: What people call it; None: nothing else than its id.
        vehicles: For whom it holds; None: for all.
        from_ms: From when it holds, GPS milliseconds since 1970.
        to_ms: Until before when.
        dwell_ms: After how long inside `fence.dwelled` is told; None: never.
        speed_limit_mps: How fast one may go in it; None: as anywhere.
        purpose: What it means to be in it.
        plan: Of a stop or route whose it is; None: it is a fence.
        stop: The stop's id in its plan.
    """

    id: str
    shape: Shape
    name: str | None = None
    vehicles: frozenset[str] | None = None
    from_ms: int = -_FOR_EVER_MS
    to_ms: int = _FOR_EVER_MS
    dwell_ms: int | None = None
    speed_limit_mps: float | None = None
    purpose: Purpose = Purpose.FENCE
    plan: str | None = None
    stop: str | None = None


def fences_from_geojson(collection: object) -> tuple[Fence, ...]:
    """Read fences from a GeoJSON FeatureCollection.

    Properties: `radius_m` of a circle, `width_m` of a corridor, `name`, `vehicles` (a list of
    names), `valid_from` and `valid_to` (RFC 3339), `dwell_s`, `speed_limit_mps`. Others are left
    to their makers.

    Raises:
        FenceError: It is no FeatureCollection, or a feature is no fence; the message names it.
    """
    if not isinstance(collection, Mapping) or collection.get("type") != "FeatureCollection":
        raise FenceError("is no GeoJSON FeatureCollection")
    features = collection.get("features")
    if not isinstance(features, list):
        raise FenceError("has no list of features")
    fences = tuple(_fence(feature, index) for index, feature in enumerate(features))
    seen: set[str] = set()
    for fence in fences:
        if fence.id in seen:
            raise FenceError(f"fence {fence.id!r} stands twice")
        seen.add(fence.id)
    return fences


def _fence(feature: object, index: int) -> Fence:
    if not isinstance(feature, Mapping):
        raise FenceError(f"feature {index} is no object")
    name = feature.get("id")
    if not isinstance(name, str | int) or isinstance(name, bool) or not str(name):
        raise FenceError(f"feature {index} has no id")
    geometry, properties = feature.get("geometry"), feature.get("properties") or {}
    try:
        if not isinstance(geometry, Mapping):
            raise FenceError("has no geometry")
        if not isinstance(properties, Mapping):
            raise FenceError("properties is no object")
        return Fence(str(name), _shape(geometry, properties), *_told(properties))
    except (FenceError, ShapeError) as error:
        raise FenceError(f"fence {str(name)!r}: {error}") from None


def _shape(geometry: Mapping[str, Any], properties: Mapping[str, Any]) -> Shape:
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    vertices = _count(coordinates)
    if vertices > _MAX_VERTICES:
        raise FenceError(f"{vertices} vertices are more than {_MAX_VERTICES}")
    if kind == "Point":
        radius_m = _number(properties, "radius_m", 1.0, _MAX_RADIUS_M)
        if radius_m is None:
            raise FenceError("a Point has no radius_m")
        return Shape.circle(*_point(coordinates), radius_m)
    if not isinstance(coordinates, list) or not coordinates:
        raise FenceError(f"geometry {kind!r} has no coordinates")
    if kind == "LineString":
        width_m = _number(properties, "width_m", 2.0, _MAX_RADIUS_M)
        if width_m is None:
            raise FenceError("a LineString has no width_m")
        if len(coordinates) < 2:
            raise FenceError("a line is not two or more positions")
        return Shape.corridor([_point(each) for each in coordinates], width_m)
    if kind == "Polygon":
        return Shape.polygon([_rings(coordinates)])
    if kind == "MultiPolygon":
        return Shape.polygon([_rings(each) for each in coordinates])
    raise FenceError(f"geometry {kind!r} is neither Point, LineString, Polygon nor MultiPolygon")


def _count(coordinates: object, depth: int = 4) -> int:
    """Count positions, no deeper than a MultiPolygon is nested."""
    if not isinstance(coordinates, list) or not coordinates or not depth:
        return 0
    if not isinstance(coordinates[0], list):
        return 1
    return sum(_count(each, depth - 1) for each in coordinates)


def _rings(rings: object) -> list[list[tuple[float, float]]]:
    if not isinstance(rings, list) or not rings:
        raise FenceError("a polygon has no ring")
    return [_ring(ring) for ring in rings]


def _ring(ring: object) -> list[tuple[float, float]]:
    if not isinstance(ring, list) or len(ring) < 4 or ring[0] != ring[-1]:
        raise FenceError("a ring is not four or more positions that end where they begin")
    return [_point(position) for position in ring]


def _point(position: object) -> tuple[float, float]:
    if not isinstance(position, list) or len(position) < 2 or not all(map(_is_number, position)):
        raise FenceError(f"{_shown(position)} is not [longitude, latitude]")
    lon_deg, lat_deg = position[:2]
    if not (abs(lat_deg) <= 90 and abs(lon_deg) <= 180):
        raise FenceError(f"longitude {lon_deg}, latitude {lat_deg} is not on Earth")
    return lat_deg, lon_deg


def _told(
    properties: Mapping[str, Any],
) -> tuple[str | None, frozenset[str] | None, int, int, int | None, float | None]:
    name, vehicles = properties.get("name"), properties.get("vehicles")
    if name is not None and not isinstance(name, str):
        raise FenceError(f"name {_shown(name)} is no text")
    if vehicles is not None:
        if not isinstance(vehicles, list) or not all(isinstance(each, str) for each in vehicles):
            raise FenceError(f"vehicles {_shown(vehicles)} is no list of names")
        vehicles = frozenset(vehicles)
    from_ms = _time_ms(properties, "valid_from", -_FOR_EVER_MS)
    to_ms = _time_ms(properties, "valid_to", _FOR_EVER_MS)
    if from_ms >= to_ms:
        raise FenceError("valid_to is not after valid_from")
    dwell_s = _number(properties, "dwell_s", 1.0, 30 * 86_400.0)
    limit_mps = _number(properties, "speed_limit_mps", 1.0, 100.0)
    dwell_ms = None if dwell_s is None else round(dwell_s * 1000)
    return name, vehicles, from_ms, to_ms, dwell_ms, limit_mps


def _time_ms(properties: Mapping[str, Any], key: str, otherwise: int) -> int:
    text = properties.get(key)
    if text is None:
        return otherwise
    try:
        return milliseconds(datetime.fromisoformat(text))
    except (TypeError, ValueError):
        raise FenceError(f"{key} {_shown(text)} is no time with an offset (RFC 3339)") from None


def _number(properties: Mapping[str, Any], key: str, low: float, high: float) -> float | None:
    value = properties.get(key)
    if value is None:
        return None
    if not _is_number(value) or not low <= value <= high:
        raise FenceError(f"{key} {_shown(value)} is not from {low:g} to {high:g}")
    return float(value)


def _is_number(value: Any) -> TypeGuard[float]:
    # Compared, not math.isfinite: JSON may write a whole number that no float can hold.
    return type(value) in (int, float) and -math.inf < value < math.inf


def _shown(value: object) -> str:
    """Write a value for people, and not more of it than they read."""
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "..."
