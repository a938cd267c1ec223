"""GPX 1.0 and 1.1: bytes to tracks.

Tracks come first, routes after them; the segments of a track follow each other. Elements are known
by their local names, so that the speed and course of GPX 1.0 and those of the usual extensions
(Garmin TrackPointExtension v2, OsmAnd, OSMTracker) are read alike; both are metres a second and
degrees. Source: the schemas of topografix.com, GPX/1/0 and GPX/1/1.

A document type is refused: GPX has none, and entities are how XML attacks its readers.
"""

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import UTC, datetime

from milepost_schemas.fix import FixKind
from milepost_schemas.tracks.track import (
    Timing,
    Track,
    TrackError,
    TrackPoint,
    believable,
)

_KINDS = {
    "none": FixKind.NONE,
    "2d": FixKind.TWO_D,
    "3d": FixKind.THREE_D,
    "dgps": FixKind.DIFFERENTIAL,
    "pps": FixKind.THREE_D,
}
_KINDS_OF_LINE = (("trk", "trkpt", "track"), ("rte", "rtept", "route"))


class _Plain(ET.TreeBuilder):
    """A tree of a document without a document type."""

    def doctype(self, name: str, _public: str | None, _system: str | None) -> None:
        """Refuse it, before anything in it is read."""
        raise TrackError(f"XML with a document type ({name}); GPX has none")


def read_gpx(data: bytes) -> list[Track]:
    """Read all tracks and routes that have a point.

    Raises:
        TrackError: Not XML, not GPX, or neither a track nor a route in it.
    """
    parser = ET.XMLParser(target=_Plain())  # noqa: S314 - see `_Plain`
    try:
        parser.feed(data)
        root = parser.close()
    except TrackError:
        raise
    except ET.ParseError as error:
        raise TrackError(f"damaged XML: {error}") from None
    except (LookupError, ValueError) as error:
        # The encoding that the XML names is none, or one that Expat cannot read.
        raise TrackError(f"XML that cannot be read: {error}") from None
    if _local(root) != "gpx":
        raise TrackError(f"XML, but <{_local(root)}> and not <gpx>")
    tracks = []
    for line, point, word in _KINDS_OF_LINE:
        for number, element in enumerate(_named(root, line), 1):
            track = _track(element, point, f"{word} {number}")
            if track.points:
                tracks.append(track)
    if not tracks:
        waypoints = sum(1 for _ in _named(root, "wpt"))
        raise TrackError(f"GPX without a track or route ({waypoints} waypoints)")
    return tracks


def _track(element: ET.Element, point: str, fallback: str) -> Track:
    name = next((" ".join((one.text or "").split()) for one in _named(element, "name")), "")
    found = [one for one in element.iter() if _local(one) == point]
    times = [_time_s(next((one.text for one in _named(each, "time")), None)) for each in found]
    timing = Timing.NONE if all(time_s is None for time_s in times) else Timing.DATED
    # Some points with times make a recording; those without could not be placed in it.
    kept = [
        made
        for number, (each, time_s) in enumerate(zip(found, times, strict=True))
        if (at_s := float(number) if timing is Timing.NONE else time_s) is not None
        and (made := _point(each, at_s)) is not None
    ]
    return Track(name or fallback, tuple(kept), timing, len(found) - len(kept))


def _point(element: ET.Element, time_s: float) -> TrackPoint | None:
    lat_deg, lon_deg = _number(element.get("lat")), _number(element.get("lon"))
    if not believable(lat_deg, lon_deg):
        return None
    # The first of a name counts: the point's own elements stand before its extensions.
    told: dict[str, str] = {}
    for one in element.iter():
        if one is not element and one.text:
            told.setdefault(_local(one), one.text.strip())
    speed_mps, course_deg = _number(told.get("speed")), _number(told.get("course"))
    satellites = _number(told.get("sat"))
    return TrackPoint(
        time_s=time_s,
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        altitude_m=_number(told.get("ele")),
        speed_mps=speed_mps if speed_mps is not None and speed_mps >= 0.0 else None,
        course_deg=None if course_deg is None else course_deg % 360.0,
        hdop=_number(told.get("hdop")),
        satellites=None if satellites is None else int(satellites),
        geoid_m=_number(told.get("geoidheight")),
        kind=_KINDS.get(told.get("fix", "")),
    )


def _time_s(text: str | None) -> float | None:
    """Read xsd:dateTime; without an offset it is UTC, as the schema wants."""
    try:
        instant = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _named(parent: ET.Element, name: str) -> Iterator[ET.Element]:
    return (one for one in parent if _local(one) == name)


def _local(element: ET.Element) -> str:
    return str(element.tag).rpartition("}")[2]
