"""Files of positions read as fixes: NMEA logs, GPX and CSV, told by their content."""

from datetime import date
from functools import reduce
from operator import xor

import pytest

from milepost_schemas.dating import RecordedDating
from milepost_schemas.fix import Fix, FixKind
from milepost_schemas.tracks.fixes import fixes_of, read_fixes
from milepost_schemas.tracks.order import longest_step_s
from milepost_schemas.tracks.recognise import FileKind, recognise
from milepost_schemas.tracks.track import Timing, Track, TrackError, TrackPoint

_EIGHT_MS = 1_767_600_000_000  # 2026-01-05T08:00:00Z
_EIGHT_S = _EIGHT_MS / 1000
_CSV = b"time,lat,lon\n2026-01-05T08:00:00Z,51.5,-10.25\n"
_GPX = (
    b'<?xml version="1.0"?><gpx version="1.1"><trk><name>drive</name><trkseg>'
    b'<trkpt lat="51.5" lon="-10.25"><time>2026-01-05T08:00:00Z</time></trkpt>'
    b"</trkseg></trk></gpx>"
)


def _nmea(*bodies: str) -> bytes:
    return b"".join(
        b"$%s*%02X\r\n" % (body.encode(), reduce(xor, body.encode())) for body in bodies
    )


def _rmc(clock: str, status: str = "A", day: str = "050126") -> str:
    return f"GNRMC,{clock},{status},5130.0000,N,01015.0000,W,14.578,90.0,{day},,,A,V"


def _track(*points: TrackPoint, timing: Timing = Timing.DATED) -> Track:
    return Track("drive", points, timing)


def _at(after_s: float, **told: float | FixKind | None) -> TrackPoint:
    return TrackPoint(_EIGHT_S + after_s, 51.5, -10.25, **told)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (_GPX, FileKind.GPX),
        (b"\xef\xbb\xbf  " + _GPX, FileKind.GPX),
        (
            _GPX.decode().replace('"1.0"?', '"1.0" encoding="UTF-16"?').encode("utf-16"),
            FileKind.GPX,
        ),
        (_CSV, FileKind.CSV),
        (b"# from a phone\n# yesterday\n" + _CSV, FileKind.CSV),
        (b"#time,lat,lon\n1,51,10\n", FileKind.CSV),
        (_nmea(_rmc("080000.00")), FileKind.NMEA),
        (b"# a receiver\n" + _nmea(_rmc("080000.00")), FileKind.NMEA),
        (b"", FileKind.NMEA),
    ],
)
def test_recognise_tells_a_file_by_its_content(data: bytes, kind: FileKind) -> None:
    """XML is GPX, a header of positions a CSV, all else a log; comments may stand in front."""
    assert recognise(data)[0] is kind


def test_recognise_takes_comments_off_but_keeps_a_header_that_begins_like_one() -> None:
    """What comes back is what the reader of that kind takes."""
    log = _nmea(_rmc("080000.00"))
    assert recognise(b"# a receiver\n" + log)[1] == log
    assert recognise(b"#time,lat,lon\n1,51,10\n")[1].startswith(b"#time")


def test_read_fixes_same_drive_of_any_kind_is_the_same_place() -> None:
    """A log, a GPX and a CSV of one instant give a fix of the same time and place."""
    for data in (_GPX, _CSV, _nmea(_rmc("080000.00"))):
        [track] = read_fixes(data)
        [fix] = track.fixes
        assert (fix.time_ms, fix.lat_e6, fix.lon_e6) == (_EIGHT_MS, 51_500_000, -10_250_000)
        assert track.holes == (False,)


def test_fixes_of_values_are_rounded_to_the_wire() -> None:
    """Millionths of a degree, milliseconds, tenths, whole degrees; HDOP ends at 99.9."""
    point = TrackPoint(
        _EIGHT_S + 0.25,
        51.500_000_6,
        -10.250_000_6,
        altitude_m=-1.26,
        speed_mps=7.449,
        course_deg=359.6,
        hdop=250.0,
        satellites=9,
        kind=FixKind.RTK,
    )
    expected = Fix(_EIGHT_MS + 250, 51_500_001, -10_250_001, -13, 74, 0, 999, 9, FixKind.RTK)
    assert fixes_of(_track(point)).fixes == (expected,)


def test_fixes_of_values_out_of_range_are_unknown() -> None:
    """What no receiver could have measured is None, and so is a dilution of 0."""
    off = {"altitude_m": 2e5, "speed_mps": 1001.0, "hdop": 0.0, "satellites": 300}
    [fix] = fixes_of(_track(_at(0, **off))).fixes
    assert fix == Fix(_EIGHT_MS, 51_500_000, -10_250_000, kind=FixKind.TWO_D)


def test_fixes_of_points_that_cannot_be_fixes_are_counted() -> None:
    """Void points, points without a place or at unbelievable times, repeats of a time."""
    void = TrackPoint(_EIGHT_S + 1, None, None, kind=FixKind.NONE)
    early = TrackPoint(0.0, 51.5, -10.25)
    track = fixes_of(_track(early, _at(0), _at(0), void, _at(2, kind=FixKind.NONE), _at(3)))
    assert [fix.time_ms - _EIGHT_MS for fix in track.fixes] == [0, 3000]
    assert (track.holes, track.left_out) == ((False, True), 4)


def test_fixes_of_long_steps_are_holes() -> None:
    """More than 5 s and three usual steps is a hole; the points are sorted before."""
    fast = fixes_of(_track(_at(26.0), _at(20.5), *(_at(float(n)) for n in range(20))))
    assert fast.holes == (False,) * 21 + (True,)
    slow = fixes_of(_track(*(_at(30.0 * n) for n in range(20)), _at(1000.0)))
    assert slow.holes == (False,) * 20 + (True,)


def test_longest_step_is_five_seconds_or_thrice_the_usual_one() -> None:
    """A second's track has holes after 5 s; one of half minutes is sparse, and has them later."""
    fast = [*(_at(float(n)) for n in range(50)), _at(100.0)]
    slow = [_at(30.0 * n) for n in range(50)]
    assert (longest_step_s(fast), longest_step_s(slow)) == (5.0, 90.0)


def test_read_fixes_nmea_log_has_the_holes_of_the_receiver() -> None:
    """A void instant leaves a hole, and is counted; damaged sentences say nothing."""
    data = _nmea(_rmc("080000.00"), _rmc("080001.00", "V"), _rmc("080002.00"))
    [track] = read_fixes(data + b"$GNRMC,080003.00,A*00\r\n")
    assert (len(track.fixes), track.holes, track.left_out) == (2, (False, True), 1)


def test_read_fixes_nmea_log_without_dates_takes_those_of_the_caller() -> None:
    """A log that says times of day only needs a day."""
    data = _nmea("GNGLL,5130.0,N,01015.0,W,080000.00,A,A")
    with pytest.raises(TrackError, match="1 undated"):
        read_fixes(data)
    [track] = read_fixes(data, RecordedDating(assumed=date(2026, 1, 5)))
    assert track.fixes[0].time_ms == _EIGHT_MS


def test_read_fixes_tracks_stay_apart() -> None:
    """Rows of two vehicles are two tracks; a planned route beside a drive has no fixes."""
    rows = b"".join(b"2026-01-05T08:00:0%dZ,51.5,10,%d\n" % (n, n % 2) for n in range(8))
    tracks = read_fixes(b"time,lat,lon,vehicle\n" + rows)
    assert [(track.name, len(track.fixes)) for track in tracks] == [("0", 4), ("1", 4)]
    route = (
        b'<rte><name>plan</name><rtept lat="51" lon="10"/><rtept lat="52" lon="10"/></rte></gpx>'
    )
    drive, plan = read_fixes(_GPX.replace(b"</gpx>", route))
    assert (len(drive.fixes), len(plan.fixes), plan.left_out) == (1, 0, 2)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "neither NMEA"),
        (b"what is this\n", "13 bytes are neither NMEA"),
        (_nmea(_rmc("080000.00", "V")), "1 void"),
        (_nmea("GNGSA,A,3,,,,,,,,,,,,,1.8,0.9,1.5,1"), "no sentence with a position"),
        (b"time,lat,lon\n08:00:00,51,10\n", "no dates"),
        (b"lat,lon,trip\n51,10,a\n51,10,a\n", "none at all: 'a'"),
        (b"time,lat,lon\n1900-01-01T00:00:00Z,51,10\n", "believable time"),
        (_GPX[:-6], "damaged XML"),
        (_GPX.replace(b"<time>2026-01-05T08:00:00Z</time>", b""), "'drive'"),
    ],
)
def test_read_fixes_file_without_fixes_says_why(data: bytes, told: str) -> None:
    """What is no file of positions, has no dates, or holds no fix is an error of one kind."""
    with pytest.raises(TrackError, match=told):
        read_fixes(data)
