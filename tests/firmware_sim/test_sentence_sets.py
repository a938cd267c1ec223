"""What the makes of receivers write, read back by us and by gpsd."""

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_firmware_sim.replay.recording import parse
from milepost_firmware_sim.sentence import Checksum, find_sentence, position_of
from milepost_firmware_sim.sentence_sets import (
    FixKind,
    Measured,
    ReceiverSet,
    epoch_sentences,
    start_sentences,
)
from milepost_firmware_sim.sky import System, satellites_over

_BEGIN = datetime(2026, 1, 5, 8, 0, 3, 250_000, tzinfo=UTC)
_SETS = list(ReceiverSet)
# Half of the last digit that each writes of a minute, in degrees.
_RESOLUTION_DEG = {ReceiverSet.SIRF: 1e-6, ReceiverSet.MEDIATEK: 1e-6}


def _measured(**other: object) -> Measured:
    usual: dict[str, object] = {
        "time": _BEGIN,
        "lon_deg": 10.5,
        "lat_deg": 51.5,
        "altitude_m": 200.0,
        "speed_mps": 10.0,
        "course_deg": 90.0,
        "satellites": 9,
        "hdop": 1.1,
    }
    return Measured(**(usual | other))  # type: ignore[arg-type]


def _formatters(data: bytes) -> list[str]:
    return [line[1:6].decode() for line in data.splitlines()]


@given(
    st.sampled_from(_SETS),
    st.floats(-90.0, 90.0),
    st.floats(-180.0, 180.0),
    st.none() | st.floats(0.0, 90.0),
    st.none() | st.floats(0.0, 360.0, exclude_max=True),
    st.none() | st.integers(0, 40),
    st.sampled_from(list(FixKind)),
    st.datetimes(datetime(1990, 1, 1), datetime(2070, 1, 1)),  # noqa: DTZ001
)
def test_epoch_any_measurement_is_written_rightly(
    make: ReceiverSet,
    lat_deg: float,
    lon_deg: float,
    speed_mps: float | None,
    course_deg: float | None,
    satellites: int | None,
    kind: FixKind,
    time: datetime,
) -> None:
    """Checksums are right, lines end with CR LF within 82 bytes, and the position is ours."""
    measured = _measured(
        time=time.replace(tzinfo=UTC),
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        speed_mps=speed_mps,
        course_deg=course_deg,
        satellites=satellites,
        kind=kind,
    )
    data = epoch_sentences(measured, make)
    positions = 0
    for line in data.splitlines(keepends=True):
        assert line.endswith(b"\r\n")
        assert not line.startswith(b"$GPRMC") or len(line) <= 82
        found = find_sentence(line)
        assert found is not None
        assert found.checksum is Checksum.RIGHT
        place = position_of(found)
        if place is not None:
            positions += 1
            resolution_deg = _RESOLUTION_DEG.get(make, 1e-7)
            assert place.lat_deg == pytest.approx(lat_deg, abs=resolution_deg)
            assert place.lon_deg == pytest.approx(lon_deg, abs=resolution_deg)
    assert positions == (0 if kind is FixKind.NONE else 2)


def test_epoch_talkers_and_order_are_those_of_the_make() -> None:
    """Each make writes its own sentences, in its own order, under its own talkers."""
    first = {
        make: list(dict.fromkeys(_formatters(epoch_sentences(_measured(time=_BEGIN), make))))
        for make in _SETS
    }
    systems = ["GPGSV", "GLGSV", "GAGSV", "GBGSV"]
    assert first == {
        ReceiverSet.PLAIN: ["GPRMC", "GPVTG", "GPGGA", "GPGSA"],
        ReceiverSet.UBLOX: ["GNRMC", "GNVTG", "GNGGA", "GNGSA", *systems, "GNGLL"],
        ReceiverSet.SIRF: ["GPGGA", "GPGSA", "GPRMC"],
        ReceiverSet.MEDIATEK: ["GNGGA", "GPGSA", "GLGSA", "GNRMC", "GNVTG"],
        ReceiverSet.QUECTEL: ["GNGGA", "GNGLL", "GNGSA", *systems, "GNRMC", "GNVTG"],
    }


@pytest.mark.parametrize("make", [ReceiverSet.SIRF, ReceiverSet.MEDIATEK])
def test_epoch_sky_comes_each_fifth_second(make: ReceiverSet) -> None:
    """At 10 Hz GSV is written once in five seconds."""
    begin = _BEGIN.replace(second=0, microsecond=0)
    told = [
        any("GSV" in one for one in _formatters(epoch_sentences(_measured(time=time), make)))
        for time in (begin + timedelta(seconds=n / 10) for n in range(100))
    ]
    assert [n for n, one in enumerate(told) if one] == [0, 50]


def test_epoch_nmea_4_1_fields_stand_at_the_end() -> None:
    """u-blox and Quectel say V in good RMC, the system in GSA and the signal in GSV."""
    for make in (ReceiverSet.UBLOX, ReceiverSet.QUECTEL):
        lines = epoch_sentences(_measured(), make).splitlines()
        ends = {line[1:6]: line.rpartition(b"*")[0].split(b",") for line in lines}
        assert ends[b"GNRMC"][2] == b"A"
        assert ends[b"GNRMC"][-2:] == [b"A", b"V"]
        assert [ends[one][-1] for one in (b"GNGSA", b"GPGSV", b"GAGSV")] == [b"4", b"1", b"7"]


def test_epoch_void_is_empty() -> None:
    """Without a position the places, speeds and satellites are empty, the time is not."""
    void = _measured(
        lat_deg=None, lon_deg=None, altitude_m=None, speed_mps=None, course_deg=None,
        satellites=None, hdop=None, kind=FixKind.NONE,
    )  # fmt: skip
    lines = epoch_sentences(void, ReceiverSet.PLAIN).splitlines()
    assert lines[0].startswith(b"$GPRMC,080003.25,V,,,,,,,050126,,,N*")
    assert lines[2].startswith(b"$GPGGA,080003.25,,,,,0,00,,,M,,M,,*")


def test_epoch_course_is_never_360_and_ublox_hides_it_when_standing() -> None:
    """359.999 is written as 0.00; below half a metre a second u-blox writes no course."""
    fast = epoch_sentences(_measured(course_deg=359.999), ReceiverSet.UBLOX)
    slow = epoch_sentences(_measured(speed_mps=0.1), ReceiverSet.UBLOX)
    assert fast.split(b",")[8] == b"0.00"
    assert slow.split(b",")[8] == b""


def test_start_sentences_have_right_checksums() -> None:
    """What a receiver says of itself at its start is NMEA too."""
    for make in _SETS:
        for line in start_sentences(make).splitlines():
            found = find_sentence(line)
            assert found is not None
            assert found.checksum is Checksum.RIGHT
    assert start_sentences(ReceiverSet.MEDIATEK).startswith(b"$PMTK")


def test_sky_is_full_and_turns() -> None:
    """Everywhere each system shows 4 to 16 satellites, others after hours."""
    for lat_deg in (-80.0, -30.0, 0.0, 50.0, 85.0):
        for system in System:
            for hour in range(0, 24, 3):
                seen = satellites_over(system, hour * 3600.0, lat_deg, 10.0)
                assert 4 <= len(seen) <= 16
                assert all(0 <= one.azimuth_deg < 360 <= 360 for one in seen)
                assert all(3 <= one.elevation_deg <= 90 for one in seen)
    assert satellites_over(System.GPS, 0.0, 50.0, 10.0) != satellites_over(
        System.GPS, 7200.0, 50.0, 10.0
    )


@pytest.mark.skipif(shutil.which("gpsdecode") is None, reason="gpsdecode (gpsd-clients) is absent")
@pytest.mark.parametrize("make", _SETS)
def test_epoch_gpsd_reads_what_was_measured(make: ReceiverSet) -> None:
    """gpsd's own decoder finds every fix, with our time, place, height and speed."""
    points = [
        _measured(time=_BEGIN + timedelta(seconds=n), lat_deg=51.5 + n * 1e-4) for n in range(40)
    ]
    data = start_sentences(make) + b"".join(epoch_sentences(one, make) for one in points)
    decoded = subprocess.run(["gpsdecode", "-j"], input=data, capture_output=True, check=True)
    reports = [json.loads(line) for line in decoded.stdout.splitlines()]
    fixes = {
        report["time"]: report
        for report in reports
        if report["class"] == "TPV" and report["mode"] == 3 and "time" in report
    }
    read = 0
    for one in points:
        report = fixes.get(f"{one.time:%Y-%m-%dT%H:%M:%S}.250Z")
        if report is not None and "speed" in report:
            read += 1
            assert report["lat"] == pytest.approx(one.lat_deg, abs=2e-6)
            assert report["lon"] == pytest.approx(one.lon_deg, abs=2e-6)
            assert report["altMSL"] == pytest.approx(200.0)
            assert report["speed"] == pytest.approx(10.0, abs=0.01)
            assert report["track"] == pytest.approx(90.0)
    # The first epochs go by until gpsd knows the cycle.
    assert read >= 35
    recording = parse(data)
    assert recording is not None
    assert len(recording.track) == len(points)
