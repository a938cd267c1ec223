"""Reading sentences: values are right or unsaid, never guessed, whatever the text."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from milepost_agent.sentence import Framer, Reading, read_sentence
from milepost_schemas.fix import FixKind, instant
from tests.agent.line import RECORDED, gga, joined, needs_recorded, rmc


def read(body: str) -> Reading:
    """Read a sentence that we read."""
    reading = read_sentence(body)
    assert reading is not None
    return reading


def test_rmc_is_read_whole() -> None:
    """An RMC says time, date, position, speed and course."""
    assert read("GNRMC,093015.25,A,4719.1234,N,00831.4321,W,41.2,210.5,030410,,,D") == Reading(
        type="RMC",
        time_of_day_ms=((9 * 60 + 30) * 60 + 15) * 1000 + 250,
        day=date(2010, 4, 3),
        valid=True,
        lat_e6=47_318_723,
        lon_e6=-8_523_868,
        speed_dmps=212,
        course_deg=210,
        kind=FixKind.DIFFERENTIAL,
    )


def test_gga_is_read_whole() -> None:
    """A GGA says time, position, altitude, satellites, HDOP and quality, but no date."""
    assert read(
        "GPGGA,184353.07,1929.045,S,02410.506,E,4,04,2.6,-100.04,M,-33.9,M,,0000"
    ) == Reading(
        type="GGA",
        time_of_day_ms=((18 * 60 + 43) * 60 + 53) * 1000 + 70,
        valid=True,
        lat_e6=-19_484_083,
        lon_e6=24_175_100,
        altitude_dm=-1000,
        hdop_tenths=26,
        satellites=4,
        kind=FixKind.RTK,
    )


def test_gll_gsa_and_vtg_are_read_whole() -> None:
    """The lesser sentences say what they can."""
    assert read("GPGLL,4717.1143,N,00833.9152,E,121500.00,A,E") == Reading(
        type="GLL",
        time_of_day_ms=44_100_000,
        valid=True,
        lat_e6=47_285_238,
        lon_e6=8_565_253,
        kind=FixKind.ESTIMATED,
    )
    assert read("GPGSA,A,3,05,16,18,23,26,29,31,,,,,,1.1,0.8,0.7") == Reading(
        type="GSA", hdop_tenths=8, kind=FixKind.THREE_D
    )
    assert read("GPVTG,359.6,T,,M,14.6,N,27.0,K,A") == Reading(
        type="VTG", speed_dmps=75, course_deg=0
    )


@pytest.mark.parametrize(
    ("lat", "lon", "expected"),
    [
        ("4717.1143,N", "00833.9152,E", (47_285_238, 8_565_253)),
        ("9000.0000,S", "18000.0000,W", (-90_000_000, -180_000_000)),
        ("0000.0000,N", "00000.0000,E", (0, 0)),
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
    reading = read(write(lat=lat, lon=lon))
    assert (reading.lat_e6, reading.lon_e6) == (expected or (None, None))


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("000000", 0),
        ("235959.999", 86_399_999),
        ("121500.5", 44_100_500),
        ("121500.", 44_100_000),
        ("235960.00", 86_400_000),
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
    assert reading.speed_dmps is None
    assert (reading.lat_e6, reading.course_deg) == (47_285_238, 90)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("359.4", 359), ("359.5", 0), ("360.0", 0), ("361", None), ("-1", None), ("", None)],
)
def test_course_is_0_to_359_or_unsaid(text: str, expected: int | None) -> None:
    """A course of 360 is north, and one beyond is unknown."""
    assert read(rmc(course=text)).course_deg == expected


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("altitude", "-430.5", ("altitude_dm", -4305)),
        ("altitude", "000115.4", ("altitude_dm", 1154)),
        ("altitude", "-0028", ("altitude_dm", -280)),
        ("altitude", "100001", ("altitude_dm", None)),
        ("altitude", "-2001", ("altitude_dm", None)),
        ("altitude", "nan", ("altitude_dm", None)),
        ("altitude", "", ("altitude_dm", None)),
        ("hdop", "0.94", ("hdop_tenths", 9)),
        ("hdop", "99.99", ("hdop_tenths", None)),
        ("hdop", "-1", ("hdop_tenths", None)),
        ("satellites", "00", ("satellites", 0)),
        ("satellites", "256", ("satellites", None)),
        ("satellites", "8.5", ("satellites", 8)),
    ],
)
def test_gga_value_is_in_range_or_unsaid(
    field: str, text: str, expected: tuple[str, int | None]
) -> None:
    """A value that the wire cannot carry is unknown; 99.99 is what receivers write for no HDOP."""
    name, value = expected
    reading = read(gga(**{field: text}))
    assert getattr(reading, name) == value
    assert reading.lat_e6 == 47_285_238


@pytest.mark.parametrize(
    ("body", "valid", "kind"),
    [
        (rmc(), True, None),
        (rmc(mode=""), True, None),
        (rmc(mode="D"), True, FixKind.DIFFERENTIAL),
        (rmc(mode="F"), True, FixKind.RTK),
        (rmc(mode="E"), True, FixKind.ESTIMATED),
        (rmc(mode="N"), False, None),
        (rmc(mode="A,V"), True, None),
        (rmc(status="V"), False, None),
        (rmc(status=""), False, None),
        (rmc(status="a"), False, None),
        ("GPRMC,,V,,,,,,,,,,N", False, None),
        (gga(), True, None),
        (gga(quality="2"), True, FixKind.DIFFERENTIAL),
        (gga(quality="5"), True, FixKind.RTK),
        (gga(quality="6"), True, FixKind.ESTIMATED),
        (gga(quality="0"), False, None),
        (gga(quality=""), False, None),
        (gga(quality="9"), False, None),
        ("GPGLL,4717.1143,N,00833.9152,E,121500.00,V", False, None),
        ("GPGLL,,,,,,V,N", False, None),
        ("GPGSA,A,1,,,,,,,,,,,,,,,", None, None),
        ("GPGSA,A,2,,,,,,,,,,,,,1,1,1", None, FixKind.TWO_D),
    ],
)
def test_claim_of_a_fix_is_read(body: str, valid: bool | None, kind: FixKind | None) -> None:
    """Whether a sentence claims a fix, and of which kind; NMEA 4.1's status is no matter."""
    reading = read(body)
    assert (reading.valid, reading.kind) == (valid, kind)


@pytest.mark.parametrize(
    "body", ["GPRMC,", "GPRMC,121500", "GPGGA,121500.00,4717", "GPGLL,", "GPVTG,"]
)
def test_short_sentence_says_only_what_it_holds(body: str) -> None:
    """Missing fields are empty fields, and a sentence without its claim claims no fix."""
    reading = read(body)
    assert reading.lat_e6 is None
    assert not reading.valid


@pytest.mark.parametrize(
    "body", ["", "G", "GPABC,1,2", "PGRME,1", "PRMC,1", "GPGSV,1", "CCGPQ,GGA"]
)
def test_sentence_that_no_fix_needs_is_passed_over(body: str) -> None:
    """Proprietary, unknown, query and other sentences are no error and no reading."""
    assert read_sentence(body) is None


def test_sentence_without_fields_is_unreadable() -> None:
    """A type that we read without a comma behind it is no sentence at all."""
    with pytest.raises(ValueError, match="GPRMC"):
        read_sentence("GPRMC;121500")


FIELDS = st.text(st.characters(codec="utf-8"), max_size=8) | st.from_regex(
    r"[-+]?[0-9]{0,8}(\.[0-9]{0,6})?", fullmatch=True
)


@example("GP", "RMC", ["1e400"] * 12)
@given(
    st.sampled_from(["GP", "GN", "__", "II"]),
    st.sampled_from(["RMC", "GGA", "GLL", "GSA", "VTG"]),
    st.lists(FIELDS, max_size=18),
)
@settings(max_examples=600, deadline=None)
def test_any_fields_are_read_or_refused(talker: str, kind: str, fields: list[str]) -> None:
    """Whatever stands in the fields, the answer is a legal reading or a ValueError."""
    try:
        reading = read_sentence(f"{talker}{kind}," + ",".join(fields))
    except ValueError:
        return
    assert reading is not None
    for name, low, high in [
        ("time_of_day_ms", 0, 86_401_000),
        ("lat_e6", -90_000_000, 90_000_000),
        ("lon_e6", -180_000_000, 180_000_000),
        ("altitude_dm", -20_000, 1_000_000),
        ("speed_dmps", 0, 10_000),
        ("course_deg", 0, 359),
        ("hdop_tenths", 0, 999),
        ("satellites", 0, 255),
    ]:
        value = getattr(reading, name)
        assert value is None or (type(value) is int and low <= value <= high)


# Cases of sentences.json in which we differ from what is expected there, and why.
DIFFERENT: dict[str, str] = {
    "AIS: ignore": "A sentence begins at `$`; AIS begins at `!` and is not even counted.",
    "a full-width digit: Python float()/int() would take it if decoded as UTF-8": (
        "Bytes above 127 are in no sentence, so it is not found; the expected no fix is kept."
    ),
    "quality 6: estimated (dead reckoning)": (
        "An HDOP of 99.99 is what receivers write for none, and the wire ends at 99.9: unknown."
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
    bodies = list(Framer().feed(case["sentence"].encode("latin-1")))
    sound = expected["state"] == "checksum ok" and case["why"] not in list(DIFFERENT)[:2]
    assert len(bodies) == (1 if sound else 0)
    if not sound:
        assert not expected.get("fix")
        return
    if "gga" in expected:
        check_gga(read(bodies[0]), expected["gga"])
    if "fix" in expected:
        made = joined(bodies)
        assert len(made) == (0 if expected["fix"] is None else 1)
        for each in made:
            check_fix(each.fix, expected["fix"])
        if expected.get("note") == "estimated":
            assert made[0].fix.kind is FixKind.ESTIMATED
    elif expected["type"] not in ("GGA", "RMC"):
        assert read_sentence(bodies[0]) is None


def check_gga(reading: Reading, expected: dict[str, Any]) -> None:
    """Compare a GGA with what is expected, at the resolution of the wire."""
    hours, minutes, seconds = expected["tod"][:2], expected["tod"][2:4], expected["tod"][4:]
    since_midnight = timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))
    assert reading.time_of_day_ms == since_midnight // timedelta(milliseconds=1)
    assert reading.valid is (expected["quality"] != "0")
    assert reading.satellites == expected["sats"]
    hdop = expected["hdop"]
    assert reading.hdop_tenths == (None if hdop in (None, 99.99) else round(hdop * 10))
    altitude = expected["alt_msl_m"]
    assert reading.altitude_dm == (None if altitude is None else round(altitude * 10))
    for value, degrees in [(reading.lat_e6, expected["lat"]), (reading.lon_e6, expected["lon"])]:
        assert value == (None if degrees is None else pytest.approx(degrees * 1e6, abs=0.6))


def check_fix(fix: Any, expected: dict[str, Any]) -> None:
    """Compare a fix with what is expected, at the resolution of the wire.

    Where the table notes what a product might do beyond it, we do this: a week rollover is not
    corrected (1999 stays 1999), and 0,0 is a place like any other; both are later judgements.
    """
    time = datetime.fromisoformat(expected["time"])
    assert time.tzinfo == UTC
    assert instant(fix.time_ms) == time
    assert fix.lat_e6 == pytest.approx(expected["lat"] * 1e6, abs=0.6)
    assert fix.lon_e6 == pytest.approx(expected["lon"] * 1e6, abs=0.6)
    speed, course = expected["speed_mps"], expected["course_deg"]
    assert fix.speed_dmps == (None if speed is None else pytest.approx(speed * 10, abs=0.51))
    assert fix.course_deg == (None if course is None else round(course) % 360)
