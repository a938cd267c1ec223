"""GPX files, read as tracks."""

from datetime import UTC, datetime

import pytest

from milepost_schemas.fix import FixKind
from milepost_schemas.tracks.gpx import read_gpx
from milepost_schemas.tracks.track import Timing, TrackError

_SPACE = 'xmlns="http://www.topografix.com/GPX/1/1" xmlns:x="http://example.org/x"'


def _gpx(body: str, head: str = "") -> bytes:
    return f'<?xml version="1.0"?>{head}<gpx version="1.1" {_SPACE}>{body}</gpx>'.encode()


def _point(second: int | None, inner: str = "", name: str = "trkpt") -> str:
    time = "" if second is None else f"<time>2026-01-05T08:00:{second:02}Z</time>"
    return f'<{name} lat="51.5" lon="-10.25">{time}{inner}</{name}>'


def _at(second: int) -> float:
    return datetime(2026, 1, 5, 8, 0, second, tzinfo=UTC).timestamp()


def test_read_gpx_point_all_fields_are_read() -> None:
    """Height, speed, course, dilution, satellites and kind are read where a point has them."""
    inner = (
        "<ele>12.5</ele><hdop>0.9</hdop><sat>9</sat><fix>dgps</fix><geoidheight>46</geoidheight>"
        "<extensions><x:speed>7.5</x:speed><x:course>361</x:course></extensions>"
    )
    [track] = read_gpx(_gpx(f"<trk><name>A\n day</name><trkseg>{_point(3, inner)}</trkseg></trk>"))
    [point] = track.points
    assert track.name == "A day"
    assert (point.time_s, point.lat_deg, point.lon_deg) == (_at(3), 51.5, -10.25)
    assert (point.altitude_m, point.hdop, point.satellites, point.geoid_m) == (12.5, 0.9, 9, 46.0)
    assert (point.speed_mps, point.course_deg, point.kind) == (7.5, 1.0, FixKind.DIFFERENTIAL)


def test_read_gpx_version_1_0_speed_stands_in_the_point() -> None:
    """GPX 1.0, with a namespace of its own, has speed and course as elements of the point."""
    inner = "<course>90</course><speed>3</speed>"
    data = _gpx(f"<trk><trkseg>{_point(1, inner)}</trkseg></trk>").replace(b"1/1", b"1/0")
    [track] = read_gpx(data)
    assert (track.points[0].speed_mps, track.points[0].course_deg) == (3.0, 90.0)


def test_read_gpx_segments_follow_each_other_and_routes_the_tracks() -> None:
    """A track is all its segments; routes come after tracks; what has no point is left out."""
    route = f"<rte><name>plan</name>{_point(None, name='rtept')}</rte>"
    segments = f"<trkseg>{_point(1)}{_point(2)}</trkseg><trkseg/><trkseg>{_point(9)}</trkseg>"
    tracks = read_gpx(_gpx(f"{route}<trk>{segments}</trk><trk><trkseg/></trk>"))
    assert [(track.name, len(track.points)) for track in tracks] == [("track 1", 3), ("plan", 1)]
    assert [track.timing for track in tracks] == [Timing.DATED, Timing.NONE]


def test_read_gpx_unbelievable_points_are_counted() -> None:
    """Points without a place or, where others have one, without a time are left out."""
    broken = '<trkpt lat="91" lon="0"/><trkpt lat="x" lon="1"/><trkpt/>'
    points = f"{_point(1)}{broken}{_point(None)}{_point(2)}"
    [track] = read_gpx(_gpx(f"<trk><trkseg>{points}</trkseg></trk>"))
    assert (len(track.points), track.left_out) == (2, 4)


def test_read_gpx_document_type_is_refused_before_its_entities() -> None:
    """A document type, in which entities would stand, ends the reading, in any encoding."""
    bomb = '<!DOCTYPE gpx [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    plain = _gpx(f"<trk><name>&b;</name><trkseg>{_point(1)}</trkseg></trk>", bomb).decode()
    for data in (
        plain.encode(),
        plain.replace('"1.0"', '"1.0" encoding="UTF-16"').encode("utf-16"),
    ):
        with pytest.raises(TrackError, match="document type"):
            read_gpx(data)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (_gpx("<trk><trkseg>")[:-6], "damaged XML"),
        (b"<kml/>", "<kml>"),
        (b'<?xml version="1.0" encoding="klingon"?><gpx/>', "unknown encoding"),
        (b'<?xml version="1.0" encoding="shift_jis"?><gpx/>', "multi-byte encodings"),
        (_gpx('<wpt lat="1" lon="1"/>'), "1 waypoints"),
    ],
)
def test_read_gpx_other_xml_is_told(data: bytes, told: str) -> None:
    """What is damaged, no GPX, or without a track says so."""
    with pytest.raises(TrackError, match=told):
        read_gpx(data)
