"""Held fixes as files for people and other programs: CSV as they are numbered, GPX, GeoJSON.

In flow streams of kept fixes, oldest first; out flow the lines of a file. A track is broken where a
stream begins or a hole is, so that no line is drawn over what was not measured.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence

from milepost_schemas.event import rfc3339
from milepost_schemas.fix import FixKind, KeptFix

Streams = Iterable[tuple[bytes, Sequence[KeptFix]]]

_CSV_HEAD = (
    "stream,seq,time,lat_e6,lon_e6,altitude_dm,speed_dmps,course_deg,hdop_tenths,satellites,kind,"
    "error_dm,date_repaired,stands_for,hole"
)

# GPX 1.1, fixType; what it has no word for is left out.
_GPX_FIX = {FixKind.TWO_D: "2d", FixKind.THREE_D: "3d", FixKind.DIFFERENTIAL: "dgps"}


def csv_lines(streams: Streams) -> Iterator[str]:
    """Yield the fixes as numbers at the resolution that travels; unknown is empty."""
    yield _CSV_HEAD + "\n"
    for stream, fixes in streams:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for kept in fixes:
            *measured, repaired = kept.fix.measured()
            flags = (int(bool(repaired)), kept.stands_for, int(kept.hole))
            time = rfc3339(kept.fix.time_ms)
            writer.writerow([stream.hex(), kept.seq, time, *measured, *flags])
        yield text.getvalue()


def gpx_lines(streams: Streams) -> Iterator[str]:
    """Yield a GPX 1.1 document with one track of as many segments as there are."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield '<gpx version="1.1" creator="milepost-agent" xmlns="http://www.topografix.com/GPX/1/1">\n'
    yield "<trk>\n"
    for segment in _segments(streams):
        yield "<trkseg>\n"
        yield from map(_track_point, segment)
        yield "</trkseg>\n"
    yield "</trk>\n</gpx>\n"


def geojson_lines(streams: Streams) -> Iterator[str]:
    """Yield a GeoJSON FeatureCollection: a line a segment (a point where it is one fix).

    The property `coordTimes` holds the instant of each position, as other programs write it.
    """
    yield '{"type": "FeatureCollection", "features": [\n'
    between = ""
    for segment in _segments(streams):
        yield between + json.dumps(_feature(segment))
        between = ",\n"
    yield "\n]}\n"


FORMATS: dict[str, Callable[[Streams], Iterator[str]]] = {
    "csv": csv_lines,
    "gpx": gpx_lines,
    "geojson": geojson_lines,
}


def _segments(streams: Streams) -> Iterator[list[KeptFix]]:
    for _, fixes in streams:
        segment: list[KeptFix] = []
        for kept in fixes:
            if kept.hole and segment:
                yield segment
                segment = []
            segment.append(kept)
        if segment:
            yield segment


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
    return "".join(parts) + "</trkpt>\n"


def _feature(segment: Sequence[KeptFix]) -> dict[str, object]:
    positions = [_position(kept) for kept in segment]
    times = [rfc3339(kept.fix.time_ms) for kept in segment]
    alone = len(positions) == 1
    return {
        "type": "Feature",
        "geometry": {
            "type": "Point" if alone else "LineString",
            "coordinates": positions[0] if alone else positions,
        },
        "properties": {"coordTimes": times},
    }


def _position(kept: KeptFix) -> list[float]:
    fix = kept.fix
    height = [] if fix.altitude_m is None else [fix.altitude_m]
    return [fix.lon_deg, fix.lat_deg, *height]
