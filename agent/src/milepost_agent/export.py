"""Held fixes as files for people and other programs: CSV as they are numbered, GPX, GeoJSON.

In flow streams of kept fixes, oldest first; out flow the lines of a file.
"""

from collections.abc import Callable, Iterator

from milepost_schemas.exported.drawn import Streams, geojson_lines, gpx_lines
from milepost_schemas.exported.rows import COLUMNS, row_of

_CREATOR = "milepost-agent"


def csv_lines(streams: Streams) -> Iterator[str]:
    """Yield the fixes as numbers at the resolution that travels, without their device."""
    yield ",".join(COLUMNS[1:]) + "\n"
    for stream, fixes in streams:
        for kept in fixes:
            yield ",".join(row_of(stream, kept)) + "\n"


FORMATS: dict[str, Callable[[Streams], Iterator[str]]] = {
    "csv": csv_lines,
    "gpx": lambda streams: gpx_lines([("", streams)], _CREATOR),
    "geojson": lambda streams: geojson_lines([("", streams)]),
}
