"""Who drives what, how fast time runs, and which fences lie along the way; pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from milepost_firmware_sim.replay.recording import Recording

# The drive fills this share of the time that the demo was given; the rest is for the way to the
# table.
PLAYED_SHARE = 0.7

LEAST_VEHICLES = 3

# How fast a demo without an end runs.
UNBOUNDED_FACTOR = 30.0

_EARTH_M = 6_371_008.8
_FENCE_SHARES = (0.12, 0.45, 0.8)
_RADIUS_SHARE = 0.08
_RADIUS_M = (8.0, 120.0)


@dataclass(frozen=True, slots=True)
class Track:
    """A drive that vehicles take: where it stands and what it holds."""

    path: Path
    recording: Recording

    @property
    def name(self) -> str:
        """The file's name without endings."""
        return self.path.name.partition(".")[0]

    @property
    def duration_s(self) -> float:
        """How long it takes at its own pace."""
        return self.recording.lead_s + self.recording.span_s


@dataclass(frozen=True, slots=True)
class Assignment:
    """A vehicle and the track that it drives."""

    vehicle: str
    track: Track


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole demo.

    Attributes:
        assignments: Who drives what.
        factor: Scaled seconds in a true second.
        fences: A GeoJSON FeatureCollection.
    """

    assignments: tuple[Assignment, ...]
    factor: float
    fences: dict[str, Any]


def make_plan(tracks: Sequence[Track], seconds: float | None) -> Plan:
    """Plan the demo.

    Args:
        tracks: One or more; fewer than three are driven by several vehicles.
        seconds: How long the demo runs; None: until it is stopped.
    """
    count = max(LEAST_VEHICLES, len(tracks))
    digits = len(str(count))
    assignments = tuple(
        Assignment(f"van-{number + 1:0{digits}}", tracks[number % len(tracks)])
        for number in range(count)
    )
    longest_s = max(track.duration_s for track in tracks)
    factor = UNBOUNDED_FACTOR if seconds is None else longest_s / (PLAYED_SHARE * seconds)
    return Plan(assignments, max(1.0, factor), _fences(tracks))


def _fences(tracks: Sequence[Track]) -> dict[str, Any]:
    features = [feature for track in tracks for feature in _fences_along(track)]
    return {"type": "FeatureCollection", "features": features}


def _fences_along(track: Track) -> list[dict[str, Any]]:
    """Lay a circle, a square and a circle early, midway and late on the way."""
    places = [(lat_deg, lon_deg) for _, lat_deg, lon_deg in track.recording.track]
    if len(places) < 2:
        return []
    ways = list(accumulate((_distance_m(a, b) for a, b in pairwise(places)), initial=0.0))
    radius_m = min(max(_extent_m(places) * _RADIUS_SHARE, _RADIUS_M[0]), _RADIUS_M[1])
    fences = []
    for number, share in enumerate(_FENCE_SHARES, 1):
        index = next(i for i, way in enumerate(ways) if way >= share * ways[-1])
        lat_deg, lon_deg = places[index]
        fences.append(_fence(f"{track.name}.{number}", lat_deg, lon_deg, radius_m, number == 2))
    return fences


def _fence(
    name: str, lat_deg: float, lon_deg: float, radius_m: float, square: bool
) -> dict[str, Any]:
    properties: dict[str, Any] = {"name": name}
    if square:
        north = math.degrees(radius_m / _EARTH_M)
        east = north / max(math.cos(math.radians(lat_deg)), 0.01)
        corners = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]
        ring = [[lon_deg + x * east, lat_deg + y * north] for x, y in corners]
        geometry: dict[str, Any] = {"type": "Polygon", "coordinates": [ring]}
    else:
        properties["radius_m"] = round(radius_m, 1)
        geometry = {"type": "Point", "coordinates": [lon_deg, lat_deg]}
    return {"type": "Feature", "id": name, "properties": properties, "geometry": geometry}


def _extent_m(places: Sequence[tuple[float, float]]) -> float:
    lats, lons = [p[0] for p in places], [p[1] for p in places]
    return _distance_m((min(lats), min(lons)), (max(lats), max(lons)))


def _distance_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Length of the short way on a sphere (haversine)."""
    lat_1, lat_2 = math.radians(one[0]), math.radians(other[0])
    half_lat, half_lon = (lat_2 - lat_1) / 2, math.radians(other[1] - one[1]) / 2
    chord = math.sin(half_lat) ** 2 + math.cos(lat_1) * math.cos(lat_2) * math.sin(half_lon) ** 2
    return 2 * _EARTH_M * math.asin(min(1.0, math.sqrt(chord)))
