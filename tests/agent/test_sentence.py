"""Reading sentences: values are right or unsaid, never guessed, whatever the text."""

import gzip
import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pynmea2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from milepost_schemas.fix import FixKind, instant
from milepost_schemas.nmea.epoch import MadeFix
from milepost_schemas.nmea.framer import Framer
from milepost_schemas.nmea.sentence import Reading, read_sentence
from tests.agent.line import RECORDED, gga, joined, needs_recorded, rmc


def read(body: str) -> Reading:
    """Read a sentence that we read."""
    reading = read_sentence(body.encode())
    assert reading is not None
    return reading


def test_rmc_is_read_whole() -> None:
    """An RMC says time, date, position, speed and course."""
    reading = read("GNRMC,093015.25,A,4719.1234,N,00831.4321,W,41.2,210.5,030410,,,D")
    assert reading == Reading(
        type="RMC",
        time_of_day_ms=((9 * 60 + 30) * 60 + 15) * 1000 + 250,
        day=date(2010, 4, 3),
        valid=True,
        position=reading.position,
        speed_mps=41.2 * 1852 / 3600,
        course_deg=210.5,
        quality=FixKind.DIFFERENTIAL,
    )
    assert reading.position == pytest.approx((47 + 19.1234 / 60, -8 - 31.4321 / 60))


@pytest.mark.parametrize(
    "body",
    [
        "GPGGA,184353.07,1929.045,S,02410.506,E,4,04,2.6,-100.04,M,-33.9,M,,0000",
        "GNGNS,184353.07,1929.045,S,02410.506,E,ARN,04,2.6,-100.04,-33.9,,",
        "GNGNS,184353.07,1929.045,S,02410.506,E,NF,04,2.6,-100.04,-33.9,,,V",
    ],
)
def test_gga_and_gns_are_read_whole(body: str) -> None:
    """They say time, position, altitude, satellites, HDOP and quality, but no date."""
    reading = read(body)
    assert reading == Reading(
        type=body[2:5],
        time_of_day_ms=((18 * 60 + 43) * 60 + 53) * 1000 + 70,
        valid=True,
        position=reading.position,
        altitude_m=-100.04,
        hdop=2.6,
        satellites=4,
        quality=FixKind.RTK,
    )
    assert reading.position == pytest.approx((-19 - 29.045 / 60, 24 + 10.506 / 60))


def test_lesser_sentences_are_read_whole() -> None:
    """GLL, GSA, VTG, GST and ZDA say what they can."""
    gll = read("GPGLL,4717.1143,N,00833.9152,E,121500.00,A,E")
    assert gll == Reading(
        type="GLL",
        time_of_day_ms=44_100_000,
        valid=True,
        position=gll.position,
        quality=FixKind.ESTIMATED,
    )
    assert gll.position == pytest.approx((47 + 17.1143 / 60, 8 + 33.9152 / 60))
    assert read("GPGSA,A,3,05,16,18,23,26,29,31,,,,,,1.1,0.8,0.7") == Reading(
        type="GSA", hdop=0.8, dimension=FixKind.THREE_D
    )
    assert read("GPVTG,359.6,T,,M,14.6,N,27.0,K,A") == Reading(
        type="VTG", speed_mps=7.5, course_deg=359.6
    )
    assert read("GPVTG,359.6,T,,M,10.0,N,,K,A").speed_mps == pytest.approx(5.14444)
    assert read("GNGST,121500,23.0,2.5,2.4,126,3.0,4.0,3.1") == Reading(
        type="GST", time_of_day_ms=44_100_000, to_the_second=True, error_m=5.0
    )
    assert read("GNGST,121500,23.0,2.5,2.4,126,-3.0,4.0,3.1").error_m is None
    assert read("GNGST,121500,23.0,2.5,2.4,126,,4.0,3.1").error_m is None
    assert read("GPZDA,121500.00,01,02,2026,00,00") == Reading(
        type="ZDA", time_of_day_ms=44_100_000, day=date(2026, 2, 1)
    )
    assert read("GPZDA,121500.00,01,02,26,00,00").day is None
    assert read("GPZDA,121500.00,01,02,0579,00,00").day is None
    assert read("GPZDA,,,,,00,00").day is None


@pytest.mark.parametrize(
    ("lat", "lon", "expected"),
    [
        ("4717.1143,N", "00833.9152,E", (47_285_238, 8_565_253)),
        ("9000.0000,S", "18000.0000,W", (-90_000_000, -180_000_000)),
        ("0000.0000,N", "00000.0001,W", (0, -2)),
        ("5128.6700,N", "00000.0000,W", (51_477_833, 0)),
        pytest.param("0000.0000,N", "00000.0000,E", None, id="null_island"),
        ("4717,N", "00833,E", (47_283_333, 8_550_000)),
        ("4717.,N", "00833.,E", (47_283_333, 8_550_000)),
        ("5959.99999999,N", "17959.99999999,W", (60_000_000, -180_000_000)),
        pytest.param("9100.0000,N", "00833.9152,E", None, id="latitude_91"),
        pytest.param("9000.0001,N", "00833.9152,E", None, id="beyond_the_pole"),
        pytest.param("4717.1143,N", "18100.0000,E", None, id="longitude_181"),
        pytest.param("4760.0000,N", "00833.9152,E", None, id="minute_60"),
        pytest.param("4717.1143,N", "00860.0000,E", None, id="minute_60_of_longitude"),
        pytest.param("4717.1143,X", "00833.9152,E", None, id="hemisphere_x"),
        pytest.param("4717.1143,E", "00833.9152,N", None, id="hemispheres_swapped"),
        pytest.param("4717.1143,", "00833.9152,E", None, id="no_hemisphere"),
        pytest.param("4717.1143,NS", "00833.9152,E", None, id="two_hemispheres"),
        pytest.param("4717.1143,n", "00833.9152,E", None, id="small_hemisphere"),
        pytest.param(",", ",", None, id="empty"),
        pytest.param("4717.1143,N", ",", None, id="half"),
        pytest.param("nan,N", "00833.9152,E", None, id="nan"),
        pytest.param("inf,N", "00833.9152,E", None, id="inf"),
        pytest.param("-4717.1143,N", "00833.9152,E", None, id="negative"),
        pytest.param("+717.1143,N", "00833.9152,E", None, id="plus"),
        pytest.param("717.1143,N", "00833.9152,E", None, id="too_few_digits"),
        pytest.param("04717.1143,N", "00833.9152,E", None, id="too_many_digits"),
        pytest.param("4717.1143,N", "0833.9152,E", None, id="too_few_digits_of_longitude"),
        pytest.param("4717,1143,N", "00833.9152,E", None, id="decimal_comma"),
        pytest.param("47 7.1143,N", "00833.9152,E", None, id="blank"),
        pytest.param("4_17.1143,N", "00833.9152,E", None, id="underscore"),
        pytest.param("47e1,N", "00833.9152,E", None, id="exponent"),
        pytest.param("4\uff171\u0667.1143,N", "00833.9152,E", None, id="unicode_digits"),
    ],
)
@pytest.mark.parametrize("write", [rmc, gga])
def test_position_is_whole_or_unsaid(
    lat: str, lon: str, expected: tuple[int, int] | None, write: Any
) -> None:
    """A position out of range or not of the form `ddmm.mmmm` is no position."""
    position = read(write(lat=lat, lon=lon)).position
    if position is not None:
        assert (round(position.lat_deg * 1e6), round(position.lon_deg * 1e6)) == expected
    else:
        assert expected is None


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("000000", 0),
        ("235959.999", 86_399_999),
        ("121500.5", 44_100_500),
        ("121500.", 44_100_000),
        ("235960.00", 86_400_000),
        ("235959.9996", 86_400_000),
        ("240000", None),
        ("126000.00", None),
        ("121561", None),
        ("12150", None),
        ("1215000", None),
        ("-12150", None),
        ("121500.0.0", None),
        ("121500,5", 44_100_000),
        ("nan", None),
        ("\u0661\u0662\u0661\u0665\u0660\u0660", None),
        ("", None),
    ],
)
def test_time_of_day_is_right_or_unsaid(text: str, expected_ms: int | None) -> None:
    """A time is hhmmss with an optional fraction, up to a leap second."""
    assert read(rmc(time=text)).time_of_day_ms == expected_ms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("010126", date(2026, 1, 1)),
        ("290224", date(2024, 2, 29)),
        ("311299", date(1999, 12, 31)),
        ("060180", date(1980, 1, 6)),
        ("311279", date(2079, 12, 31)),
        ("20161023", date(2016, 10, 23)),
        ("23102016", date(2016, 10, 23)),
        ("290225", None),
        ("320126", None),
        ("011326", None),
        ("000026", None),
        ("2208-1", None),
        ("20161332", None),
        ("01010579", None),
        ("01012200", None),
        ("00000000", None),
        ("0101026", None),
        ("\uff10\uff11\uff10\uff11\uff12\uff16", None),
        ("\u00b2\u00b2\u00b2\u00b2\u00b2\u00b2\u00b2\u00b2", None),
        ("", None),
    ],
)
def test_date_is_right_or_unsaid(text: str, expected: date | None) -> None:
    """A date is ddmmyy from 1980 on, yyyymmdd or ddmmyyyy, and exists in the calendar."""
    assert read(rmc(date=text)).day == expected


@pytest.mark.parametrize("text", ["", "NaN", "inf", "-1.0", "+1", "1e3", "99999", "1_0", "\u0661"])
def test_speed_that_is_none_is_unsaid(text: str) -> None:
    """A speed that is no number, negative or above 1,000 m/s is unknown, and the rest is kept."""
    reading = read(rmc(speed=text))
    assert reading.speed_mps is None
    assert (reading.position is not None, reading.course_deg) == (True, 90)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("359.45", 359.45), ("360.0", 0), ("360.1", None), ("-1", None), ("", None)],
)
def test_course_is_below_360_or_unsaid(text: str, expected: float | None) -> None:
    """A course of 360 is north, and one beyond is unknown."""
    assert read(rmc(course=text)).course_deg == expected


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("altitude", "-430.5", ("altitude_m", -430.5)),
        ("altitude", "000115.4", ("altitude_m", 115.4)),
        ("altitude", "-0028", ("altitude_m", -28)),
        ("altitude", "100001", ("altitude_m", None)),
        ("altitude", "-2001", ("altitude_m", None)),
        ("altitude", "nan", ("altitude_m", None)),
        ("altitude", "--1", ("altitude_m", None)),
        ("altitude", "1-1", ("altitude_m", None)),
        ("altitude", ".5", ("altitude_m", 0.5)),
        ("altitude", "9" * 200, ("altitude_m", None)),
        ("altitude", "", ("altitude_m", None)),
        ("hdop", "0.94", ("hdop", 0.94)),
        ("hdop", " 0.94", ("hdop", 0.94)),
        ("hdop", "99.99", ("hdop", 99.99)),
        ("hdop", "0.00", ("hdop", None)),
        ("hdop", "-1", ("hdop", None)),
        ("satellites", "00", ("satellites", 0)),
        ("satellites", "256", ("satellites", None)),
        ("satellites", "8.5", ("satellites", 8)),
    ],
)
def test_gga_value_is_in_range_or_unsaid(
    field: str, text: str, expected: tuple[str, float | None]
) -> None:
    """A value out of range is unknown, and the rest is kept."""
    name, value = expected
    reading = read(gga(**{field: text}))
    assert getattr(reading, name) == value
    assert reading.position is not None


@pytest.mark.parametrize(
    ("body", "valid", "kind"),
    [
        (rmc(), True, FixKind.NONE),
        (rmc(mode=""), True, None),
        (rmc(mode="D"), True, FixKind.DIFFERENTIAL),
        (rmc(mode="F"), True, FixKind.RTK),
        (rmc(mode="E"), True, FixKind.ESTIMATED),
        (rmc(mode="N"), False, None),
        (rmc(mode="S"), False, None),
        (rmc(mode="A,V"), True, FixKind.NONE),
        (rmc(status="V"), False, FixKind.NONE),
        (rmc(status=""), False, FixKind.NONE),
        (rmc(status="a"), False, FixKind.NONE),
        ("GPRMC,,V,,,,,,,,,,N", False, None),
        (gga(), True, FixKind.NONE),
        (gga(quality="2"), True, FixKind.DIFFERENTIAL),
        (gga(quality="5"), True, FixKind.RTK),
        (gga(quality="6"), True, FixKind.ESTIMATED),
        (gga(quality="0"), False, None),
        (gga(quality="8"), False, None),
        (gga(quality=""), False, None),
        (gga(quality="9"), False, None),
        ("GPGLL,4717.1143,N,00833.9152,E,121500.00,V", False, None),
        ("GPGLL,,,,,,V,N", False, None),
        ("GNGNS,121500.00,4717.1143,N,00833.9152,E,NNNN,00,,,,,", False, None),
        ("GNGNS,121500.00,4717.1143,N,00833.9152,E,NS,00,,,,,", False, None),
        ("GNGNS,121500.00,4717.1143,N,00833.9152,E,,00,,,,,", False, None),
        ("GNGNS,121500.00,4717.1143,N,00833.9152,E,AN,05,,,,,", True, FixKind.NONE),
        ("GNGNS,121500.00,4717.1143,N,00833.9152,E,EE,05,,,,,", True, FixKind.ESTIMATED),
        ("GNGNS,121500.00,4717.1143,N,00833.9152,E,EA,05,,,,,", True, FixKind.NONE),
        ("GPGSA,A,1,,,,,,,,,,,,,,,", None, None),
    ],
)
def test_claim_of_a_fix_is_read(body: str, valid: bool | None, kind: FixKind | None) -> None:
    """Whether a sentence claims a fix, and of which kind; NMEA 4.1's status is no matter."""
    reading = read(body)
    assert (reading.valid, reading.quality) == (valid, kind)


@pytest.mark.parametrize(
    "body", ["GPRMC,", "GPRMC,121500", "GPGGA,121500.00,4717", "GPGNS,", "GPVTG,", "GPZDA,"]
)
def test_short_sentence_says_only_what_it_holds(body: str) -> None:
    """Missing fields are empty fields, and a sentence without its claim claims no fix."""
    reading = read(body)
    assert reading.position is None
    assert not reading.valid


@pytest.mark.parametrize(
    "body",
    ["", "G", "GPABC,1,2", "PGRME,1", "PRMC,1", "PARMC,1", "GPGSV,1", "CCGPQ,GGA", "GPRMC;121500"],
)
def test_sentence_that_no_fix_needs_is_passed_over(body: str) -> None:
    """Proprietary, unknown, query and other sentences are no error and no reading."""
    assert read_sentence(body.encode()) is None


def test_gll_without_status_is_passed_over() -> None:
    """Before NMEA 2.0 a GLL held a position and no claim; it is no word about a fix."""
    assert read_sentence(b"LCGLL,4717.1143,N,00833.9152,E") is None


FIELDS = st.text(st.characters(codec="utf-8"), max_size=8) | st.from_regex(
    r"[-+]?[0-9]{0,8}(\.[0-9]{0,6})?", fullmatch=True
)


RANGES = {
    "time_of_day_ms": (0, 86_401_000),
    "altitude_m": (-2000, 100_000),
    "speed_mps": (0, 1000),
    "course_deg": (0, 359.999999),
    "hdop": (1e-9, 1000),
    "satellites": (0, 255),
    "error_m": (0, 1e300),
}


@example("GP", "RMC", ["1e400"] * 12)
@given(
    st.sampled_from(["GP", "GN", "__", "II"]),
    st.sampled_from(["RMC", "GGA", "GNS", "GLL", "GSA", "VTG", "GST", "ZDA"]),
    st.lists(FIELDS, max_size=18),
)
@settings(max_examples=600, deadline=None)
def test_any_fields_are_read_to_legal_values(talker: str, kind: str, fields: list[str]) -> None:
    """Whatever stands in the fields, what is read of them is in range or unsaid."""
    reading = read_sentence(f"{talker}{kind},{','.join(fields)}".encode())
    if reading is None:
        assert kind == "GLL"
        return
    for name, (low, high) in RANGES.items():
        value = getattr(reading, name)
        assert value is None or low <= value <= high
    if reading.position is not None:
        assert abs(reading.position.lat_deg) <= 90
        assert abs(reading.position.lon_deg) <= 180


# Cases of sentences.json in which we differ from what is expected there, and why.
DIFFERENT: dict[str, str] = {
    "AIS: ignore": "A sentence begins at `$`; AIS begins at `!` and is not even counted.",
    "a full-width digit: Python float()/int() would take it if decoded as UTF-8": (
        "Bytes above 127 are in no sentence, so it is not found; the expected no fix is kept."
    ),
    "exactly 0,0 with status A: null island; drop or quarantine": (
        "We drop it: 0, 0 is what is written for no place, and no van drives in the Gulf of Guinea."
    ),
}


def recorded_cases() -> list[Any]:
    """Return the sentences and what is expected of them; none where the data is absent."""
    path = RECORDED / "sentences/sentences.json"
    if not path.exists():
        return []
    return [
        pytest.param(case, id=case["why"])
        for case in json.loads(path.read_text(encoding="utf-8"))["cases"]
    ]


@needs_recorded
@pytest.mark.parametrize("case", recorded_cases())
def test_recorded_sentence_is_read_as_expected(case: dict[str, Any]) -> None:
    """Each recorded sentence is read and made a fix as its entry says, or differs knowingly."""
    expected = case["expect"]
    bodies = [body.decode() for body in Framer().feed(case["sentence"].encode("latin-1"))]
    sound = expected["state"] == "checksum ok" and case["why"] not in list(DIFFERENT)[:2]
    assert len(bodies) == (1 if sound else 0)
    if not sound:
        assert not expected.get("fix")
        return
    if "gga" in expected:
        check_gga(read(bodies[0]), expected["gga"])
    if "fix" in expected:
        made = joined(bodies)
        dropped = expected["fix"] is None or case["why"] in DIFFERENT
        assert len(made) == (0 if dropped else 1)
        for each in made:
            check_fix(each, expected["fix"])
        if expected.get("note") == "estimated":
            assert made[0].fix.kind is FixKind.ESTIMATED
    elif expected["type"] not in ("GGA", "RMC"):
        assert read_sentence(bodies[0].encode()) is None


def check_gga(reading: Reading, expected: dict[str, Any]) -> None:
    """Compare a GGA with what is expected."""
    hours, minutes, seconds = expected["tod"][:2], expected["tod"][2:4], expected["tod"][4:]
    since_midnight = timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))
    assert reading.time_of_day_ms == since_midnight // timedelta(milliseconds=1)
    assert reading.valid is (expected["quality"] != "0")
    assert reading.satellites == expected["sats"]
    assert reading.hdop == expected["hdop"]
    assert reading.altitude_m == expected["alt_msl_m"]
    if expected["lat"] is None:
        assert reading.position is None
    else:
        assert reading.position == pytest.approx((expected["lat"], expected["lon"]), abs=1e-8)


def check_fix(made: MadeFix, expected: dict[str, Any]) -> None:
    """Compare a fix with what is expected, as measured and at the resolution of the wire.

    A week rollover is not corrected here: that is for live receivers, and another module's.
    """
    fix, measured = made.fix, made.measured
    time = datetime.fromisoformat(expected["time"])
    assert time.tzinfo == UTC
    assert instant(fix.time_ms) == time
    place = (expected["lat"], expected["lon"])
    assert (measured.lat_deg, measured.lon_deg) == pytest.approx(place, abs=1e-8)
    assert (fix.lat_deg, fix.lon_deg) == pytest.approx(place, abs=0.501e-6)
    speed, course = expected["speed_mps"], expected["course_deg"]
    assert measured.speed_mps == (None if speed is None else pytest.approx(speed, abs=1e-4))
    assert fix.speed_dmps == (None if speed is None else pytest.approx(speed * 10, abs=0.501))
    assert measured.course_deg == (None if course is None else course % 360)
    assert fix.course_deg == (None if course is None else round(course) % 360)


def recorded_sentences() -> list[str]:
    """Return sentences of all recorded drives: the first 40 of each type of each."""
    bodies: list[str] = []
    for path in sorted((RECORDED / "drives").glob("*.gz")):
        seen: Counter[bytes] = Counter()
        for body in Framer().feed(gzip.decompress(path.read_bytes())):
            seen[body[2:5]] += 1
            if seen[body[2:5]] <= 40:
                bodies.append(body.decode())
    return bodies


@needs_recorded
def test_recorded_sentences_say_what_an_independent_parser_finds() -> None:
    """Where pynmea2 finds a value in a recorded sentence that claims a fix, we find the same."""
    compared = 0
    for body in recorded_sentences():
        reading = read_sentence(body.encode())
        if reading is None or not reading.valid:
            continue
        peer = pynmea2.parse(f"${body}")
        assert reading.position == pytest.approx((peer.latitude, peer.longitude), abs=1e-9)
        for ours, theirs in [
            (reading.altitude_m, getattr(peer, "altitude", None)),
            (reading.hdop, getattr(peer, "horizontal_dil", None)),
            (reading.satellites, getattr(peer, "num_sats", None)),
            (reading.course_deg, getattr(peer, "true_course", None)),
        ]:
            if theirs not in (None, "") and ours is not None:
                assert ours == pytest.approx(float(theirs))
                compared += 1
    assert compared > 1500
