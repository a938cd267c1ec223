"""A line to drive along, read from GeoJSON (RFC 7946).

In flows a file with one or more LineStrings, out flows one line of places with what holds between
each two. Properties of a feature hold for its line: `speed_kmh` (or `speed_mps`), `tunnel`, and
`surroundings` (open, street, narrow); each is one value, or a list with one for each stretch.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any

from milepost_firmware_sim.drive.drive import DriveError
from milepost_firmware_sim.path import Stretch, Surroundings
from milepost_firmware_sim.plane import LonLat, Projection
from milepost_firmware_sim.town.places import check_place

# Lines whose ends lie farther apart are not the parts of one way.
_GAP_M = 200.0
_FASTEST_KMH = 360.0


@dataclass(frozen=True, slots=True)
class Line:
    """A line over land.

    Attributes:
        places: Two or more, (longitude, latitude) in degrees.
        altitudes_m: At each place; None where the file has none.
        stretches: Between each two places.
    """

    places: tuple[LonLat, ...]
    altitudes_m: tuple[float | None, ...]
    stretches: tuple[Stretch, ...]


def read_line(file: FilePath, limit_mps: float) -> Line:
    """Read a LineString, MultiLineString, Feature or FeatureCollection.

    Args:
        limit_mps: Speed limit where the file says none.

    Raises:
        DriveError: The file cannot be read, is no GeoJSON, or holds no line that can be driven.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        lines = list(_lines(found, {}, limit_mps))
    except OSError as error:
        raise DriveError(f"--line {file}: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise DriveError(f"--line {file}: not JSON: {error}") from None
    except KeyError as error:
        raise DriveError(f"--line {file}: not GeoJSON: {error} is missing") from None
    except (TypeError, AttributeError, IndexError, ValueError, RecursionError) as error:
        raise DriveError(f"--line {file}: {error}") from None
    if not lines:
        raise DriveError(f"--line {file}: holds no LineString")
    try:
        return _joined(lines)
    except ValueError as error:
        raise DriveError(f"--line {file}: {error}") from None


def _lines(found: Any, properties: Any, limit_mps: float) -> Iterator[Line]:
    """Yield the lines of any GeoJSON object; what is no line is passed over."""
    kind = found["type"] if isinstance(found, dict) else None
    match kind:
        case "FeatureCollection":
            for feature in found["features"]:
                yield from _lines(feature, {}, limit_mps)
        case "Feature":
            if found["geometry"] is not None:
                yield from _lines(found["geometry"], found.get("properties") or {}, limit_mps)
        case "GeometryCollection":
            for geometry in found["geometries"]:
                yield from _lines(geometry, properties, limit_mps)
        case "LineString":
            yield _line(found["coordinates"], properties, limit_mps)
        case "MultiLineString":
            for coordinates in found["coordinates"]:
                yield _line(coordinates, properties, limit_mps)
        case "Point" | "MultiPoint" | "Polygon" | "MultiPolygon":
            return
        case _:
            raise ValueError(f"not GeoJSON: its type is {kind!r}")


def _line(coordinates: Any, properties: Any, limit_mps: float) -> Line:
    places, altitudes = [], []
    for position in coordinates:
        numbers = [_number("a coordinate", one) for one in position]
        if len(numbers) < 2:
            raise ValueError(f"{position}: a position has a longitude and a latitude")
        check_place(numbers[0], numbers[1], f"{numbers[0]:g},{numbers[1]:g}")
        places.append((numbers[0], numbers[1]))
        altitudes.append(numbers[2] if len(numbers) > 2 else None)
    if len(places) < 2:
        raise ValueError("a LineString has fewer than two positions")
    count = len(places) - 1
    speeds = _each("speed_kmh", properties.get("speed_kmh"), count)
    if properties.get("speed_kmh") is None:
        in_mps = _each("speed_mps", properties.get("speed_mps"), count)
        speeds = [one if one is None else _number("speed_mps", one) * 3.6 for one in in_mps]
    tunnels = _each("tunnel", properties.get("tunnel"), count)
    around = _each("surroundings", properties.get("surroundings"), count)
    stretches = [_stretch(*facts, limit_mps) for facts in zip(speeds, tunnels, around, strict=True)]
    return Line(tuple(places), tuple(altitudes), tuple(stretches))


def _stretch(speed_kmh: Any, tunnel: Any, around: Any, limit_mps: float) -> Stretch:
    if speed_kmh is not None:
        limit_mps = checked_speed_kmh("speed_kmh", _number("speed_kmh", speed_kmh)) / 3.6
    if tunnel not in (None, True, False):
        raise ValueError(f"tunnel {tunnel!r}: must be true or false")
    if tunnel:
        return Stretch(limit_mps, Surroundings.TUNNEL)
    if around is None:
        return Stretch(limit_mps)
    try:
        return Stretch(limit_mps, Surroundings(around))
    except ValueError:
        kinds = ", ".join(one.value for one in Surroundings)
        raise ValueError(f"surroundings {around!r}: must be one of {kinds}") from None


def checked_speed_kmh(name: str, speed_kmh: float) -> float:
    """Return a speed limit that a van can have.

    Raises:
        ValueError: It is not above 0, or above 360.
    """
    if not 0.0 < speed_kmh <= _FASTEST_KMH:
        raise ValueError(f"{name} {speed_kmh:g}: must be above 0 and at most {_FASTEST_KMH:g}")
    return speed_kmh


def _each(name: str, value: Any, count: int) -> list[Any]:
    """Return a property for each stretch."""
    if not isinstance(value, list):
        return [value] * count
    if len(value) != count:
        raise ValueError(f"{name} has {len(value)} values for {count} stretches")
    return value


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{name} {value!r}: not a number")
    return float(value)


def _joined(lines: Sequence[Line]) -> Line:
    """Drive one line after the other; between two of them straight on.

    Raises:
        ValueError: Two lie apart.
    """
    whole = lines[0]
    for number, line in enumerate(lines[1:], start=2):
        end, begin = whole.places[-1], line.places[0]
        gap_m = math.dist(Projection(end[1], end[0]).to_plane(begin), (0.0, 0.0))
        if gap_m > _GAP_M:
            raise ValueError(f"line {number} begins {gap_m:.0f} m from where the one before ends")
        between = replace(line.stretches[0], surroundings=Surroundings.OPEN)
        whole = Line(
            whole.places + line.places,
            whole.altitudes_m + line.altitudes_m,
            (*whole.stretches, between, *line.stretches),
        )
    return whole
