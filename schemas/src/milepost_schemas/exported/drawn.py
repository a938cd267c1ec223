"""Fixes as the files that maps read: GPX 1.1 and GeoJSON.

In flow the streams of devices, each oldest first, out flow the lines of a file, one fix at a time:
what is written may be longer than memory. A track is broken where a stream begins or a hole is, so
that no line is drawn over what was not measured.

Sources: the schema of GPX 1.1 (topografix.com/GPX/1/1), which wants its elements in this order;
Garmin's TrackPointExtension v2 for speed (m/s) and course, for which GPX 1.1 has no word; RFC 7946
for GeoJSON, and `coordTimes` as other programs write it.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from milepost_schemas.event import rfc3339
from milepost_schemas.fix import FixKind, KeptFix

Streams = Iterable[tuple[bytes, Iterable[KeptFix]]]
Devices = Iterable[tuple[str, Streams]]

# A line of GeoJSON is held whole while it is put together: a longer one goes on in another, which
# begins with the fix that this one ends with.
LONGEST_LINE = 20_000

# GPX 1.1, fixType; what it has no word for is left out.
_GPX_FIX = {FixKind.TWO_D: "2d", FixKind.THREE_D: "3d", FixKind.DIFFERENTIAL: "dgps"}

_GPX_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<gpx version="1.1" creator={} xmlns="http://www.topografix.com/GPX/1/1" '
    'xmlns:tpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v2">\n'
)


@dataclass(frozen=True, slots=True)
class Waypoint:
    """A place with a name.

    Attributes:
        lat_deg: WGS 84; likewise `lon_deg`.
        name: What it is called.
        told: What is to be said of it; None: nothing.
        time_ms: When something was there, GPS milliseconds since 1970; None: unknown.
    """

    lat_deg: float
    lon_deg: float
    name: str
    told: str | None = None
    time_ms: int | None = None


def gpx_lines(devices: Devices, creator: str, waypoints: Iterable[Waypoint] = ()) -> Iterator[str]:
    """Yield a GPX 1.1 document: a track a device, named by it, of as many segments as there are.

    Args:
        devices: A device's name, or nothing, and its streams.
        creator: The program that writes it.
        waypoints: Places beside the tracks.
    """
    yield _GPX_HEAD.format(quoteattr(creator))
    yield from map(_waypoint, waypoints)
    for name, streams in devices:
        yield f"<trk>\n<name>{escape(name)}</name>\n" if name else "<trk>\n"
        for _, fixes in streams:
            yield from _gpx_segments(fixes)
        yield "</trk>\n"
    yield "</gpx>\n"


def geojson_lines(devices: Devices) -> Iterator[str]:
    """Yield a GeoJSON FeatureCollection: a line a segment (a point where it is one fix).

    The property `device` is the device's name where it has one, `coordTimes` holds the instant of
    each position.
    """
    yield '{"type": "FeatureCollection", "features": [\n'
    between = ""
    for name, streams in devices:
        for _, fixes in streams:
            for line in _lines(fixes):
                yield between + json.dumps(_feature(name, line))
                between = ",\n"
    yield "\n]}\n"


def _gpx_segments(fixes: Iterable[KeptFix]) -> Iterator[str]:
    is_open = False
    for kept in fixes:
        if kept.hole and is_open:
            yield "</trkseg>\n<trkseg>\n"
        elif not is_open:
            yield "<trkseg>\n"
            is_open = True
        yield _track_point(kept)
    if is_open:
        yield "</trkseg>\n"


def _waypoint(point: Waypoint) -> str:
    time = "" if point.time_ms is None else f"<time>{rfc3339(point.time_ms)}</time>"
    told = "" if point.told is None else f"<desc>{escape(point.told)}</desc>"
    place = f'lat="{point.lat_deg:.6f}" lon="{point.lon_deg:.6f}"'
    return f"<wpt {place}>{time}<name>{escape(point.name)}</name>{told}</wpt>\n"


def _track_point(kept: KeptFix) -> str:
    fix = kept.fix
    parts = [f'<trkpt lat="{fix.lat_deg:.6f}" lon="{fix.lon_deg:.6f}">']
    if fix.altitude_m is not None:
        parts.append(f"<ele>{fix.altitude_m:.1f}</ele>")
    parts.append(f"<time>{rfc3339(fix.time_ms)}</time>")
    if fix.kind in _GPX_FIX:
        parts.append(f"<fix>{_GPX_FIX[fix.kind]}</fix>")
    if fix.satellites is not None:
        parts.append(f"<sat>{fix.satellites}</sat>")
    if fix.hdop is not None:
        parts.append(f"<hdop>{fix.hdop:.1f}</hdop>")
    motion = "" if fix.speed_mps is None else f"<tpx:speed>{fix.speed_mps:.1f}</tpx:speed>"
    motion += "" if fix.course_deg is None else f"<tpx:course>{fix.course_deg}</tpx:course>"
    if motion:
        inside = f"<tpx:TrackPointExtension>{motion}</tpx:TrackPointExtension>"
        parts.append(f"<extensions>{inside}</extensions>")
    return "".join(parts) + "</trkpt>\n"


def _lines(fixes: Iterable[KeptFix]) -> Iterator[list[KeptFix]]:
    line: list[KeptFix] = []
    for kept in fixes:
        if kept.hole and line:
            yield line
            line = []
        elif len(line) == LONGEST_LINE:
            yield line
            line = line[-1:]
        line.append(kept)
    if line:
        yield line


def _feature(name: str, line: Sequence[KeptFix]) -> dict[str, object]:
    positions = [_position(kept) for kept in line]
    times = [rfc3339(kept.fix.time_ms) for kept in line]
    alone = len(positions) == 1
    return {
        "type": "Feature",
        "geometry": {
            "type": "Point" if alone else "LineString",
            "coordinates": positions[0] if alone else positions,
        },
        "properties": {**({"device": name} if name else {}), "coordTimes": times},
    }


def _position(kept: KeptFix) -> list[float]:
    fix = kept.fix
    height = [] if fix.altitude_m is None else [fix.altitude_m]
    return [fix.lon_deg, fix.lat_deg, *height]
