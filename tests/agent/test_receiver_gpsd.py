"""gpsd as the receiver: its reports become fixes, whatever they hold and however they are cut."""

import json
import os
import re
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost_agent.dating import LiveDating
from milepost_agent.receiver import ReceiverState
from milepost_agent.receiver.gpsd import GpsdDecoder, GpsdReject, watch_command
from milepost_schemas.dating import RecordedDating
from milepost_schemas.fix import Fix, FixKind, milliseconds
from milepost_schemas.nmea.epoch import MadeFix, Unfixed
from tests.agent.line import replayed
from tests.agent.programs import MILEPOST_AGENT, unused_port
from tests.agent.receivers import Reading, TcpPlug, receiver_at

DEADLINE_S = 60.0
NOON_MS = milliseconds(datetime(2026, 1, 1, 12, tzinfo=UTC))
DEVICE, OTHER = "/dev/gps0", "/dev/gps1"
GREETING = b'{"class":"VERSION","release":"3.22","rev":"3.22","proto_major":3,"proto_minor":14}\r\n'

GPSD = shutil.which("gpsd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
MILEPOST_SIM = MILEPOST_AGENT.with_name("milepost-sim")
SPEED = 5
# gpsd looks for the receiver's language, then for its date, and reports an instant when the next
# one begins.
MISSED_AT_FIRST, MISSED_AT_LAST = 12, 2

# No value of these is a number for a report.
NO_NUMBERS: list[Any] = [None, "5", True, [5], {"value": 5}, float("nan"), float("inf"), -1e300]


def tpv(second: int = 0, **changed: Any) -> dict[str, Any]:
    """Return a TPV so many seconds after noon, with some values changed; `...` leaves one out."""
    report = {
        "class": "TPV",
        "device": DEVICE,
        "mode": 3,
        "time": f"2026-01-01T12:{second // 60:02}:{second % 60:02}.000Z",
        "lat": 47.285238333 + second / 1000,
        "lon": 8.565253333,
        "altMSL": 408.0,
        "speed": 5.144,
        "track": 90.4,
        "eph": 18.62,
    } | changed
    return {key: value for key, value in report.items() if value is not ...}


def sky(**values: Any) -> dict[str, Any]:
    """Return a SKY."""
    return {"class": "SKY", "device": DEVICE, **values}


def gst(second: int = 0, **values: Any) -> dict[str, Any]:
    """Return a GST so many seconds after noon."""
    return {"class": "GST", "device": DEVICE, "time": tpv(second)["time"], **values}


def lines(*reports: dict[str, Any]) -> bytes:
    """Return reports as gpsd writes them."""
    return b"".join(json.dumps(each).encode() + b"\r\n" for each in reports)


def decoder_of() -> GpsdDecoder:
    """Return a decoder whose dates are as gpsd says them."""
    return GpsdDecoder(RecordedDating())


def made(*reports: dict[str, Any], decoder: GpsdDecoder | None = None) -> list[MadeFix]:
    """Return the fixes of reports that come at once, the last one too."""
    decoder = decoder or decoder_of()
    return decoder.feed(lines(*reports), 0.0) + decoder.close()


def fix_of(*reports: dict[str, Any]) -> Fix:
    """Return the only fix of reports."""
    (only,) = made(*reports)
    return only.fix


def seconds(fixes: list[MadeFix]) -> list[float]:
    """Return the times of fixes, in seconds after noon."""
    return [(each.fix.time_ms - NOON_MS) / 1000 for each in fixes]


def test_tpv_becomes_a_fix() -> None:
    """Time, place, height, movement, kind and error of a TPV are those of its fix."""
    decoder = decoder_of()
    assert decoder.feed(lines(tpv()), 7.0) == []
    (only,) = decoder.close()
    assert only.fix == Fix(
        NOON_MS, 47_285_238, 8_565_253, 4080, 51, 90, kind=FixKind.THREE_D, error_dm=93
    )
    assert (only.hole, only.read_s) == (False, 7.0)
    assert (only.measured.lat_deg, only.measured.speed_mps) == (47.285238333, 5.144)
    assert (decoder.sentences, decoder.rejects, decoder.unfixed) == (1, {}, {})


@pytest.mark.parametrize(
    ("mode", "status", "kind"),
    [
        (2, ..., FixKind.TWO_D),
        (3, ..., FixKind.THREE_D),
        (3, 0, FixKind.THREE_D),
        (2, 1, FixKind.TWO_D),
        (2, 2, FixKind.DIFFERENTIAL),
        (3, 3, FixKind.RTK),
        (3, 4, FixKind.RTK),
        (2, 5, FixKind.ESTIMATED),
        (3, 6, FixKind.THREE_D),
        (3, 7, FixKind.ESTIMATED),
        (3, 9, FixKind.THREE_D),
        (3, 1000, FixKind.THREE_D),
        (3, "2", FixKind.THREE_D),
    ],
)
def test_kind_is_of_status_else_of_mode(mode: int, status: Any, kind: FixKind) -> None:
    """The status tells what corrected or estimated a place; without it two dimensions or three."""
    assert fix_of(tpv(mode=mode, status=status)).kind is kind


@pytest.mark.parametrize("mode", [0, 1, 4, 2.5, 10**400, ..., *NO_NUMBERS])
def test_tpv_without_a_mode_of_a_fix_is_none(mode: Any) -> None:
    """Only the modes 2 and 3 are fixes; place and time that stand beside another are old."""
    decoder = decoder_of()
    assert made(tpv(mode=mode), decoder=decoder) == []
    assert decoder.unfixed == {Unfixed.VOID: 1}


def test_simulated_place_is_none() -> None:
    """A receiver in demonstration mode (status 8) is nowhere."""
    assert made(tpv(status=8)) == []


@pytest.mark.parametrize(
    "said",
    [
        *("", "12:00:00Z", "2026-01-01T12:00:00", "2026-01-01T24:00:00Z", "2026-01-01 12:00:00Z"),
        *("2026-02-30T12:00:00Z", "2026-01-01T12:00:61Z", "0000-01-01T12:00:00Z", "NaN"),
        *(
            "2026-01-01T12:00:00.Z",
            "2026-01-01T12:00:00+01:00",
            "\N{FULLWIDTH DIGIT TWO}026-01-01T12:00:00Z",
        ),
        *(1767268800, 1767268800.0, ..., *NO_NUMBERS),
    ],
)
def test_tpv_without_a_time_is_none(said: Any) -> None:
    """A place without an instant, or with one that no calendar has, is no fix."""
    decoder = decoder_of()
    assert made(tpv(time=said), decoder=decoder) == []
    assert decoder.unfixed == {Unfixed.UNDATED: 1}


@pytest.mark.parametrize(
    ("said", "after_noon_s"),
    [
        ("2026-01-01T12:00:00Z", 0.0),
        ("2026-01-01T12:00:00.25Z", 0.25),
        ("2026-01-01T12:00:00.123456789Z", 0.123),
        ("2026-01-01T12:00:59.999Z", 59.999),
        ("2025-12-31T23:59:60.000Z", -43_200.0),
        ("2024-02-29T12:00:00.000Z", -672 * 86_400.0),
    ],
)
def test_time_is_read_to_the_millisecond(said: str, after_noon_s: float) -> None:
    """Fractions of any length, leap days and leap seconds are instants."""
    assert seconds(made(tpv(time=said))) == [after_noon_s]


@pytest.mark.parametrize("key", ["lat", "lon"])
@pytest.mark.parametrize("value", [180.001, -1e6, 10**400, ..., *NO_NUMBERS])
def test_half_a_place_is_none(key: str, value: Any) -> None:
    """Without a right latitude and a right longitude there is no fix, and nothing is guessed."""
    decoder = decoder_of()
    assert made(tpv(**{key: value}), decoder=decoder) == []
    assert decoder.unfixed == {Unfixed.VOID: 1}


@pytest.mark.parametrize(
    ("lat", "lon", "is_place"),
    [(90, -180, True), (-90, 180, True), (90.001, 0, False), (0, 1e-6, True), (0, 0, False)],
)
def test_place_is_on_the_globe(lat: float, lon: float, is_place: bool) -> None:
    """Poles and the date line are places; exactly 0, 0 is what is written for none."""
    places = [
        (each.measured.lat_deg, each.measured.lon_deg) for each in made(tpv(lat=lat, lon=lon))
    ]
    assert places == ([(lat, lon)] if is_place else [])


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("altMSL", "altitude_m"),
        ("speed", "speed_mps"),
        ("track", "course_deg"),
        ("eph", "error_m"),
    ],
)
@pytest.mark.parametrize("value", [1e300, 10**400, ..., *NO_NUMBERS])
def test_value_that_cannot_be_is_unknown(key: str, field: str, value: Any) -> None:
    """A value that is missing, no number or out of range is unknown, and the rest holds."""
    (right,), (wrong,) = made(tpv()), made(tpv(**{key: value}))
    assert getattr(right.measured, field) is not None
    assert wrong.measured._asdict() == right.measured._asdict() | {field: None}


@pytest.mark.parametrize(
    ("heights", "altitude_dm"),
    [
        ({"altMSL": 408.0, "alt": 455.0, "altHAE": 455.0}, 4080),
        ({"alt": 408.0}, 4080),
        ({"alt": 455.0, "altHAE": 455.0}, None),
        ({"altHAE": 455.0}, None),
        ({"altMSL": -2001}, None),
        ({"altMSL": 0}, 0),
    ],
)
def test_altitude_is_above_the_sea(heights: dict[str, Any], altitude_dm: int | None) -> None:
    """Since gpsd 3.20 `altMSL` is, before `alt`; what is above the ellipsoid is not taken."""
    assert fix_of(tpv(**{"altMSL": ..., **heights})).altitude_dm == altitude_dm


def test_course_of_a_whole_turn_is_north() -> None:
    """360 degrees are 0."""
    assert made(tpv(track=360.0))[0].measured.course_deg == 0


@pytest.mark.parametrize(
    ("errors", "error_m"),
    [
        ({"eph": 20.0}, 10.0),
        ({"eph": 20.0, "epx": 6.0, "epy": 8.0}, 10.0),
        ({"epx": 6.0, "epy": 8.0}, 5.0),
        ({"epx": 6.0}, None),
        ({"eph": -1.0}, None),
        ({"eph": -1.0, "epx": 6.0, "epy": 8.0}, 5.0),
    ],
)
def test_error_is_half_of_what_gpsd_states(errors: dict[str, Any], error_m: float | None) -> None:
    """gpsd states 95 %, which is two sigma, of the place or of both its directions."""
    assert made(tpv(**{"eph": ..., **errors}))[0].measured.error_m == error_m


def test_error_of_the_receiver_is_before_that_of_gpsd() -> None:
    """Where the receiver states an error (GST), gpsd's own is not taken any more."""
    fixes = made(
        tpv(0), gst(1, lat=3.0, lon=4.0), tpv(1), gst(2, lat=-1, lon=4.0), tpv(2), tpv(3, eph=2.0)
    )
    assert [each.measured.error_m for each in fixes] == [9.31, 5.0, 5.0, 5.0]


@pytest.mark.parametrize(
    ("said", "hdop", "used"),
    [
        ({"hdop": 0.9, "uSat": 8, "nSat": 14}, 0.9, 8),
        ({"hdop": 0.9, "satellites": [{"used": True}, {"used": False}, {"used": True}]}, 0.9, 2),
        ({"uSat": 8, "satellites": []}, None, 8),
        ({"uSat": -1, "satellites": [{"used": True}]}, None, 1),
        ({"satellites": [{"used": True}] * 300}, None, 255),
        ({"satellites": [{"used": "yes"}, {"used": 1}, {}, None, 5, "used"]}, None, 0),
        ({"satellites": {"used": True}}, None, None),
        *(({"hdop": value, "uSat": value}, None, None) for value in [*NO_NUMBERS, -1, 10**400]),
        ({"hdop": 0}, None, None),
        ({}, None, None),
    ],
)
def test_sky_tells_hdop_and_used_satellites(
    said: dict[str, Any], hdop: float | None, used: int | None
) -> None:
    """What a SKY says is of the TPV behind it, and not of the one after that."""
    fixes = made(sky(**said), tpv(0), tpv(1))
    told = [(each.measured.hdop, each.measured.satellites) for each in fixes]
    assert told == [(hdop, used), (None, None)]


def test_sky_before_a_loss_is_not_of_the_fix_behind_it() -> None:
    """What was said of the satellites before the fix was lost is forgotten."""
    fixes = made(tpv(0), sky(hdop=0.9, uSat=8), tpv(1, mode=1), tpv(2))
    assert [each.fix.satellites for each in fixes] == [None, None]


# Three seconds with all that gpsd says, a loss, and lines that are none.
STREAM = (
    GREETING
    + lines(sky(hdop=0.9, uSat=8), tpv(0, altMSL=...), tpv(0), gst(1, lat=3.0, lon=4.0), tpv(1))
    + b'{"class":"TPV","mode":3,"ti\r\n\r\n\xff\xfe\n'
    + lines(tpv(2, mode=1), {"class": "DEVICE", "path": "/dev/gps\u00e4"}, tpv(3))
    + lines(tpv(4))
)


def fed(pieces: list[bytes]) -> tuple[list[MadeFix], Any, int]:
    """Return what a decoder makes of bytes in pieces: fixes, rejects, and reports."""
    decoder = decoder_of()
    fixes = [each for piece in pieces for each in decoder.feed(piece, 0.0)] + decoder.close()
    return fixes, decoder.rejects, decoder.sentences


def test_stream_yields_its_fixes() -> None:
    """The stream of which the cuts are tested holds fixes, a hole, and what is no report."""
    fixes, rejects, sentences = fed([STREAM])
    assert [(each.fix.time_ms - NOON_MS, each.hole) for each in fixes] == [
        (0, False),
        (1000, False),
        (3000, True),
        (4000, False),
    ]
    assert (rejects, sentences) == ({GpsdReject.UNREADABLE: 2}, 8)


def test_stream_may_be_cut_at_any_byte() -> None:
    """Wherever a stream is cut in two, and byte for byte, it yields the same."""
    whole = fed([STREAM])
    assert fed([STREAM[at : at + 1] for at in range(len(STREAM))]) == whole
    assert all(fed([STREAM[:at], STREAM[at:]]) == whole for at in range(len(STREAM)))


@given(st.lists(st.integers(0, len(STREAM)), max_size=40))
def test_stream_may_be_cut_at_any_bytes(cuts: list[int]) -> None:
    """Into whatever pieces a stream is cut, it yields the same."""
    ends = sorted(cuts)
    pieces = [STREAM[a:b] for a, b in zip([0, *ends], [*ends, len(STREAM)], strict=True)]
    assert fed(pieces) == fed([STREAM])


@pytest.mark.parametrize("piece_bytes", [1000, 4096, 65_536])
def test_line_without_an_end_is_one_reject(piece_bytes: int) -> None:
    """A megabyte without an end is not kept, counted once, and the line behind it is read."""
    decoder = decoder_of()
    data = b"{" * 1_000_000
    for at in range(0, len(data), piece_bytes):
        assert decoder.feed(data[at : at + piece_bytes], 0.0) == []
    assert decoder.rejects == {GpsdReject.LONG: 1}
    fixes = decoder.feed(b'"}\r\n' + lines(tpv(0)), 0.0) + decoder.feed(lines(tpv(1)), 0.0)
    assert seconds(fixes + decoder.close()) == [0.0, 1.0]
    assert decoder.rejects == {GpsdReject.LONG: 1}


@pytest.mark.parametrize(
    "line",
    [
        *(b"$GPRMC,120000.00,A", b"{", b"[]", b"5", b'"TPV"', b"null", b"NaN", b"\x00", b"\xff"),
        *(b"{}", b'{"mode":3}', b'{"class":5}', b'{"class":null}', b'{"class":["TPV"]}'),
        b'{"class":"TPV","mode":' + b"9" * 5000 + b"}",
        b'{"class":"TPV","mode":' + b"[" * 60_000 + b"}",
        b'{"class":"TPV","mode":3}' * 2,
    ],
)
def test_line_that_is_no_report_is_counted(line: bytes) -> None:
    """What is no JSON object with a class is a reject, and the next line is read."""
    decoder = decoder_of()
    assert decoder.feed(line + b"\n" + lines(tpv()), 0.0) == []
    assert decoder.rejects == {GpsdReject.UNREADABLE: 1}
    assert seconds(decoder.close()) == [0.0]
    assert decoder.sentences == 1


def test_report_of_another_class_is_neither() -> None:
    """What gpsd says besides is no reject, no report of a receiver, and says nothing of a fix."""
    decoder = decoder_of()
    classes = ("VERSION", "DEVICES", "WATCH", "ERROR", "AIS", "ATT", "PPS", "tpv", "")
    assert made(*(tpv() | {"class": each} for each in classes), decoder=decoder) == []
    assert (decoder.sentences, decoder.rejects, decoder.unfixed) == (0, {}, {})


def test_lines_are_yielded_before_what_they_complete() -> None:
    """Each line stands in its order, without its end, and a fix behind the line that closed it."""
    items = list(decoder_of().items(lines(tpv(0), tpv(1)), 0.0))
    assert items[:2] == [lines(tpv(0)).strip(), lines(tpv(1)).strip()]
    assert [type(each) for each in items] == [bytes, bytes, MadeFix]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
KEYS = (
    *("class", "device", "mode", "status", "time", "lat", "lon", "alt", "altMSL", "altHAE"),
    *("speed", "track", "eph", "epx", "epy", "hdop", "uSat", "satellites"),
)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["TPV", "SKY", "GST"]),
            st.dictionaries(st.sampled_from(KEYS), JSON_VALUES | st.floats(-200, 200), max_size=4),
        ),
        max_size=5,
    )
)
def test_report_may_hold_any_values(reports: list[tuple[str, dict[str, Any]]]) -> None:
    """Whatever stands in reports, nothing raises, and what is made of them is in range."""
    decoder = decoder_of()
    strange = [tpv(second, **{"class": kind}) | odd for second, (kind, odd) in enumerate(reports)]
    fixes = made(*strange, tpv(30), decoder=decoder)
    for each in fixes:
        assert -90 <= each.measured.lat_deg <= 90
        assert -180 <= each.measured.lon_deg <= 180
        assert each.fix.satellites is None or 0 <= each.fix.satellites <= 255
        assert each.fix.error_dm is None or 0 <= each.fix.error_dm <= 65_535
    assert len(fixes) + sum(decoder.unfixed.values()) <= len(reports) + 1


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_bytes_may_be_any(pieces: list[bytes]) -> None:
    """Whatever comes, nothing raises, and a good line behind it is a fix."""
    decoder = decoder_of()
    for piece in pieces:
        decoder.feed(piece, 0.0)
    assert seconds(decoder.feed(b"\n" + lines(tpv()), 0.0) + decoder.close()) == [0.0]


def test_instant_that_is_said_again_is_one_fix() -> None:
    """While gpsd learns the cycle it says an instant thrice: first place and first height hold."""
    (only,) = made(
        tpv(mode=2, lat=47.1, altMSL=..., eph=...),
        tpv(lat=47.2, altMSL=400.0, eph=20.0),
        tpv(lat=47.3, altMSL=500.0, eph=30.0),
    )
    measured = only.measured
    assert (measured.lat_deg, measured.altitude_m, measured.error_m) == (47.1, 400.0, 10.0)


def test_instants_that_are_repeated_later_are_no_fixes() -> None:
    """What gpsd says again after other instants is counted, and not made again."""
    decoder = decoder_of()
    fixes = made(tpv(0), tpv(1), tpv(0), tpv(1), tpv(2), decoder=decoder)
    assert seconds(fixes) == [0.0, 1.0, 2.0]
    assert decoder.unfixed == {Unfixed.REPEATED: 2}


def test_first_device_is_read_as_long_as_it_has_a_fix() -> None:
    """Of several receivers one is read; what the others say is of none of its fixes."""
    decoder = decoder_of()
    fixes = []
    for second in range(20):
        aside = [sky(device=OTHER, hdop=9.0), gst(second, device=OTHER, lat=9.0, lon=9.0)]
        said = lines(tpv(second, device=OTHER, lat=1.0), *aside, tpv(second))
        data = lines(tpv(0)) + said if second == 0 else said
        fixes += decoder.feed(data, float(second))
    fixes += decoder.close()
    assert seconds(fixes) == [float(second) for second in range(20)]
    assert all(each.fix.lat_deg > 47 and each.fix.hdop is None for each in fixes)
    assert {each.measured.error_m for each in fixes} == {9.31}


@pytest.mark.parametrize("first", [tpv(0, mode=1), sky(hdop=0.9), tpv(0)])
def test_other_device_is_believed_when_the_first_one_fails(first: dict[str, Any]) -> None:
    """After 5 s without a fix of the receiver so far, another one that has one takes its place."""
    decoder = decoder_of()
    decoder.feed(lines(first), 0.0)
    decoder.close()
    other = [
        (now_s, decoder.feed(lines(tpv(mode=1, time=...), *also), now_s) + decoder.close())
        for now_s, also in [
            (4.0, [tpv(4, device=OTHER)]),
            (5.0, [tpv(5, device=OTHER)]),
            (5.5, [tpv(5, device=OTHER, mode=1)]),
            (6.0, [tpv(6, device=OTHER)]),
            (7.0, [tpv(7, device=OTHER)]),
        ]
    ]
    assert [now_s for now_s, fixes in other if fixes] == [6.0, 7.0]


def test_instant_is_over_when_gpsd_is_quiet() -> None:
    """The last instant becomes a fix when nothing follows it for a moment, and only once."""
    decoder = decoder_of()
    assert decoder.quiet_at_s() is None
    assert decoder.feed(lines(tpv()), 10.0) == []
    quiet_at_s = decoder.quiet_at_s()
    assert quiet_at_s is not None
    assert 10.0 < quiet_at_s <= 10.5
    assert decoder.quiet(quiet_at_s - 0.01) == []
    assert seconds(decoder.quiet(quiet_at_s)) == [0.0]
    assert (decoder.quiet_at_s(), decoder.quiet(99.0), decoder.close()) == (None, [], [])


def test_instant_is_over_with_its_report_once_the_cycle_is_known() -> None:
    """After some instants of the same kind fixes do not wait for the quiet line any more."""
    decoder, waited = decoder_of(), []
    for second in range(12):
        at_once = decoder.feed(lines(tpv(second)), float(second))
        assert len(at_once + decoder.quiet(second + 0.5)) == 1
        waited.append(not at_once)
    assert waited[0]
    assert not any(waited[8:])


def test_dates_are_mended_and_refused_as_those_of_sentences() -> None:
    """A date 1024 weeks early is moved to where it belongs, one of the far future is refused."""
    decoder = GpsdDecoder(LiveDating(date(2026, 1, 1)))
    (only,) = made(tpv(time="2006-05-18T12:00:00.000Z"), decoder=decoder)
    assert (only.fix.time_ms, only.fix.date_repaired) == (NOON_MS, True)
    (only,) = made(tpv(1), decoder=decoder)
    assert (only.fix.time_ms, only.fix.date_repaired) == (NOON_MS + 1000, False)
    assert made(tpv(time="2060-01-01T12:00:02.000Z"), decoder=decoder) == []
    assert decoder.unfixed == {Unfixed.REFUSED_DATE: 1}


@pytest.mark.parametrize("lost", [tpv(1, mode=1), tpv(mode=1, time=...), tpv(1, mode=0, lat=...)])
def test_lost_fix_leaves_a_hole(lost: dict[str, Any]) -> None:
    """The first fix after a report without one is behind a hole, the next one is not."""
    fixes = made(lost, tpv(0), lost, tpv(2), tpv(3))
    assert [each.hole for each in fixes] == [False, True, False]


def test_silence_leaves_a_hole() -> None:
    """More than 5 s between fixes is a hole; 5 s are none."""
    assert [each.hole for each in made(tpv(0), tpv(5), tpv(11))] == [False, False, True]


@pytest.mark.parametrize(
    ("device", "asked"), [("", {}), ("/dev/gps1", {"device": "/dev/gps1"}), ('"};', None)]
)
def test_watch_command_is_json_behind_its_name(device: str, asked: dict[str, str] | None) -> None:
    """gpsd is asked for JSON by one line, of one device if one is named (gpsd_json(5), ?WATCH)."""
    match = re.fullmatch(rb"\?WATCH=(\{[^\n]*\});\n", watch_command(device))
    assert match is not None
    expected = {"device": device} if asked is None else asked
    assert json.loads(match[1]) == {"enable": True, "json": True, **expected}


@pytest.fixture
def server() -> Iterator[TcpPlug]:
    """Where a gpsd would be."""
    server = TcpPlug()
    yield server
    server.pull()


def connected(server: TcpPlug, scheme: str, device: str = "") -> tuple[Reading, Any]:
    """Return the reading of a receiver that is connected, and gpsd's end of it."""
    reading = Reading(receiver_at(f"{scheme}://127.0.0.1:{server.port}{device}"))
    reading.until(lambda: reading.receiver.fileno() is not None, DEADLINE_S)
    client = server.accept()
    client.settimeout(DEADLINE_S)
    return reading, client


def heard(reading: Reading, fixes: int) -> None:
    """Wait for so many fixes."""
    reading.until(lambda: len(reading.fixes) >= fixes and reading.receiver.hears, DEADLINE_S)


@pytest.mark.parametrize("device", ["", "/dev/gps1"])
def test_gpsd_is_asked_at_once_and_after_each_connection(server: TcpPlug, device: str) -> None:
    """Behind gpsd:// the reports are asked for before a word is heard, of the named device."""
    reading, client = connected(server, "gpsd", device)
    assert client.recv(1000) == watch_command(device)
    server.say(GREETING + lines(tpv(0), tpv(1)) + b'{"class":"TPV","mo')
    heard(reading, 2)
    assert reading.receiver.reason == f"gpsd from 127.0.0.1:{server.port}"
    server.hang_up()
    reading.until(lambda: reading.receiver.opens == 2, DEADLINE_S)
    assert server.accept().recv(1000) == watch_command(device)
    server.say(GREETING + lines(tpv(2)))
    heard(reading, 3)
    assert seconds(reading.fixes) == [0.0, 1.0, 2.0]
    assert reading.receiver.sentences == 3
    reading.receiver.close()


def test_gpsd_is_found_by_its_greeting(server: TcpPlug) -> None:
    """Behind tcp:// nothing is sent until gpsd greets; then its reports are asked for and read."""
    reading, client = connected(server, "tcp")
    reading.receiver.read(time.monotonic())
    assert select.select([client], [], [], 0.2)[0] == []
    server.say(GREETING[:5])
    reading.receiver.read(time.monotonic())
    server.say(GREETING[5:])
    reading.until(lambda: bool(select.select([client], [], [], 0)[0]), DEADLINE_S)
    assert client.recv(1000) == watch_command("")
    server.say(lines(tpv(0), tpv(1)))
    heard(reading, 2)
    assert reading.receiver.state is ReceiverState.RECEIVING
    assert reading.receiver.reason == f"gpsd from 127.0.0.1:{server.port}"
    reading.receiver.close()


@contextmanager
def running(*command: str | Path) -> "Iterator[subprocess.Popen[str]]":
    """Run a program until the block ends."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(GPSD is None, reason="gpsd is neither on the PATH nor at /usr/sbin/gpsd")
def test_real_gpsd_makes_the_fixes_of_its_sentences(tmp_path: Path) -> None:
    """A drive through a real gpsd is what the sentences themselves say, whoever asks for it."""
    log, link, port = tmp_path / "drive.nmea", tmp_path / "gps", unused_port()
    drive = ("drive", "--seed", "1", "--minutes", "1", "--rate", "1", "--out", log)
    subprocess.run([MILEPOST_SIM, *drive], check=True)
    said = {each.fix.time_ms: each for each in replayed(log.read_bytes())}
    replay = ("replay", log, "--link", link, "--speed", str(SPEED), "--start-at", "recorded")
    with running(MILEPOST_SIM, *replay) as player:
        assert player.stdout is not None
        assert "port" in json.loads(player.stdout.readline())
        address = f"gpsd://127.0.0.1:{port}"
        every, named = Reading(receiver_at(address)), Reading(receiver_at(f"{address}{link}"))
        last_ms = max(said) - MISSED_AT_LAST * 1000

        def have_all() -> bool:
            named.fixes += named.receiver.read(time.monotonic())
            last = [each.fixes[-1].fix.time_ms for each in (every, named) if each.fixes]
            return len(last) == 2 and min(last) >= last_ms

        with (
            running(str(GPSD), "-N", "-n", "-b", "-S", str(port), link),
            closing(every.receiver),
            closing(named.receiver),
        ):
            every.until(have_all, len(said) / SPEED + DEADLINE_S)
    for each in (every, named):
        assert each.receiver.rejects == {}
        agrees(each.fixes, said)


def agrees(fixes: list[MadeFix], said: dict[int, MadeFix]) -> None:
    """Check that fixes are those of sentences, without gaps from the first one on."""
    times_ms = [each.fix.time_ms for each in fixes]
    expected_ms = [time_ms for time_ms in said if times_ms[0] <= time_ms <= times_ms[-1]]
    assert times_ms == expected_ms
    assert len(times_ms) >= len(said) - MISSED_AT_FIRST - MISSED_AT_LAST
    for each in fixes:
        ours, theirs = each.measured, said[each.fix.time_ms].measured
        assert ours.lat_deg == pytest.approx(theirs.lat_deg, abs=1e-6)
        assert ours.lon_deg == pytest.approx(theirs.lon_deg, abs=1e-6)
        assert ours.speed_mps == pytest.approx(theirs.speed_mps, abs=0.01)
        assert not each.hole
    # While gpsd looks for the cycle, an instant may be reported before its height.
    settled = fixes[3:]
    assert all(
        each.fix.altitude_dm == said[each.fix.time_ms].fix.altitude_dm
        and each.fix.kind is FixKind.THREE_D
        for each in settled
    )


def test_long_line_is_long_however_it_is_cut() -> None:
    """A line above the limit is refused in one piece as in many, and the next line is read."""
    long = b'{"class":"TPV","mode":3,"pad":"' + b"x" * 80_000 + b'"}\n'
    for cut in (1, 60_000, 70_000, len(long)):
        decoder = decoder_of()
        made = decoder.feed(long[:cut], 0.0) + decoder.feed(long[cut:] + lines(tpv()), 0.0)
        assert decoder.rejects == {GpsdReject.LONG: 1}
        assert len(made + decoder.close()) == 1


def test_date_before_gps_is_none() -> None:
    """A clock that nobody has set says 1970, which is no date of a receiver."""
    decoder = GpsdDecoder(RecordedDating())
    early = {"class": "TPV", "mode": 3, "time": "1970-01-01T00:00:01.000Z", "lat": 1.0, "lon": 2.0}
    assert decoder.feed(json.dumps(early).encode() + b"\n", 0.0) + decoder.close() == []


def test_sky_of_another_receiver_is_not_taken() -> None:
    """When gpsd goes on with another receiver, precision and satellites of the first are gone."""
    decoder = decoder_of()
    decoder.feed(lines(tpv(device="/dev/a")), 0.0)
    decoder.feed(lines({"class": "SKY", "device": "/dev/a", "hdop": 9.0, "uSat": 3}), 1.0)
    later = tpv(time="2026-01-01T12:10:00.000Z", device="/dev/b")
    made = decoder.feed(lines(later), 600.0) + decoder.close()
    assert [each.fix.hdop for each in made if each.fix.hdop is not None] == []
