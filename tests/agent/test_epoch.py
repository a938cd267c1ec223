"""Joining sentences into fixes: one instant, one fix, with its date and its holes."""

import pytest

from milepost_schemas.event import rfc3339
from milepost_schemas.fix import ErrorSource, Fix, FixKind
from milepost_schemas.nmea.epoch import MadeFix, Unfixed
from milepost_schemas.nmea.measured import Measured
from milepost_schemas.nmea.sentence import read_sentence
from milepost_schemas.nmea.values import KNOT_MPS, Position, read_position
from tests.agent.line import gga, joined, joiner_of, rmc

GSA = "GPGSA,A,3,05,16,18,23,26,29,31,,,,,,1.1,0.7,0.7"
VTG = "GPVTG,45.0,T,,M,,N,36.0,K,A"
HOME = read_position(b"4717.1143", b"N", b"00833.9152", b"E") or Position(0.0, 0.0)
NOON_MS = 1_767_225_600_000 + 12 * 3_600_000


def times(made: list[MadeFix]) -> list[str]:
    """Return the times of day of fixes of the first of January 2026, or whole instants."""
    return [rfc3339(each.fix.time_ms).removeprefix("2026-01-01T") for each in made]


def seconds(*moments: int, **values: str) -> list[str]:
    """Return an RMC for each second after noon."""
    return [
        rmc(time=f"{12 + s // 3600:02}{s // 60 % 60:02}{s % 60:02}.00", **values) for s in moments
    ]


def test_sentences_of_one_instant_are_one_fix() -> None:
    """RMC, GGA and GSA with the same time are one fix that holds what each of them says."""
    bodies = [rmc("120000.00"), gga("120000.00"), GSA]
    assert joined(bodies) == [
        MadeFix(
            Fix(NOON_MS, 47_285_238, 8_565_253, 4080, 51, 90, 9, 8, FixKind.THREE_D),
            hole=False,
            read_s=0.0,
            measured=Measured(
                *HOME,
                altitude_m=408.0,
                speed_mps=10 * KNOT_MPS,
                course_deg=90.0,
                hdop=0.9,
                satellites=8,
                kind=FixKind.THREE_D,
            ),
        )
    ]


def test_order_of_sentences_within_an_instant_is_no_matter() -> None:
    """A receiver that sends GGA first makes the same fix."""
    bodies = [rmc("120000.00"), gga("120000.00"), GSA, VTG]
    assert joined(bodies) == joined(bodies[::-1]) == joined([bodies[i] for i in (2, 1, 3, 0)])


def test_speed_is_taken_from_vtg_where_rmc_has_none() -> None:
    """A value that one sentence leaves empty is taken from another of the same instant."""
    made = joined([rmc("120000.00", speed="", course=""), VTG])
    assert [(each.fix.speed_dmps, each.fix.course_deg) for each in made] == [(100, 45)]


GST = "GPGST,120000.00,23.0,2.5,2.4,126,3.0,4.0,3.1"


def test_speed_course_and_place_are_rounded_to_the_nearest() -> None:
    """What travels is the nearest to what was measured, and a course of 359.5 is north."""
    [made] = joined([rmc("120000.00", speed="9.99", course="359.5"), gga(altitude="-0.26")])[:1]
    assert made.measured.speed_mps == pytest.approx(5.139300)
    assert (made.fix.speed_dmps, made.fix.course_deg) == (51, 0)
    assert made.measured.course_deg == 359.5


def test_error_is_taken_from_gst() -> None:
    """The error is the root of the sum of the squares of both deviations; it needs no more."""
    made = joined([rmc("120000.00"), GST, gga("120000.00")])
    assert [each.fix.error_dm for each in made] == [50]
    assert made[0].fix.error_source is ErrorSource.RECEIVER


def test_precision_beyond_the_wire_is_as_bad_as_can_be_said() -> None:
    """An HDOP of 99.99 or an error of 10 km is no good fix, and must not look unknown."""
    bodies = [gga("120000.00", hdop="99.99"), GST.replace("4.0", "10000.0"), rmc("120000.00")]
    [made] = joined(bodies)
    assert (made.fix.hdop_tenths, made.fix.error_dm) == (999, 65_535)
    assert made.measured.hdop == 99.99


def test_altitude_and_quality_are_carried_for_5_s() -> None:
    """A receiver that sends GGA and GSA each fourth second has an altitude each second."""
    first = [gga("120000.00", quality="2"), GSA, rmc("120000.00")]
    made = joined([*first, *seconds(1, 2, 3, 4, 5, 6, mode="")])
    assert [each.fix.altitude_dm for each in made] == [*[4080] * 6, None]
    assert [each.measured.altitude_carried for each in made] == [False, *[True] * 5, False]
    assert [each.fix.satellites for each in made] == [*[8] * 6, None]
    assert [each.fix.hdop_tenths for each in made] == [*[9] * 6, None]
    assert [each.fix.kind for each in made] == [*[FixKind.DIFFERENTIAL] * 6, FixKind.TWO_D]


def test_what_changes_fast_is_not_carried() -> None:
    """Speed and course are of this instant or unknown."""
    made = joined([rmc("120000.00"), gga("120001.00")])
    assert [each.fix.speed_dmps for each in made] == [51, None]
    assert [each.fix.course_deg for each in made] == [90, None]


def test_plain_mode_ends_a_carried_quality() -> None:
    """An RMC that says autonomous is no differential fix, whatever the last GGA said."""
    made = joined([gga("120000.00", quality="2"), rmc("120000.00", mode="D"), GSA, *seconds(1)])
    assert [each.fix.kind for each in made] == [FixKind.DIFFERENTIAL, FixKind.THREE_D]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (seconds(2), 4080),
        (["GPRMC,,V,,,,,,,,,,N", *seconds(2)], None),
        (seconds(-6), None),
        ([gga("120002.00", altitude=""), *seconds(2)], None),
    ],
    ids=["goes on", "void between", "clock set back", "left empty"],
)
def test_altitude_is_carried_over_no_hole(after: list[str], expected: int | None) -> None:
    """What was known before a hole, or is left empty now, is not known."""
    made = joined([rmc("120000.00"), gga("120000.00"), *after])
    assert made[1].fix.altitude_dm == expected


def test_satellites_of_gns_count_those_of_all_systems() -> None:
    """GGA counts up to 12, or those of one system; GNS counts all."""
    gns = "GNGNS,120000.00,4717.1143,N,00833.9152,E,AA,17,0.7,409.0,47.0,,"
    [made] = joined([gns, rmc("120000.00"), gga("120000.00")])
    assert (made.fix.satellites, made.fix.altitude_dm) == (17, 4080)


@pytest.mark.parametrize(
    "body",
    [
        "GNGNS,120000.00,4717.1143,N,00833.9152,E,AA,17,0.7,409.0,47.0,,",
        "GPGLL,4717.1143,N,00833.9152,E,120000.00,A,A",
        gga("120000.00"),
    ],
)
def test_receiver_without_rmc_takes_its_date_from_zda(body: str) -> None:
    """GGA, GNS or GLL alone make fixes where a ZDA says the day, before or after them."""
    zda = "GPZDA,120000.00,01,01,2026,00,00"
    assert times(joined([body, zda])) == times(joined([zda, body])) == ["12:00:00.000Z"]


def test_zda_that_runs_ahead_tells_the_day_and_makes_no_instant() -> None:
    """A ZDA 2 s ahead of the GGA beside it (Ashtech AC12) is neither a fix nor a hole."""
    joiner = joiner_of()
    bodies = [
        body
        for s in range(3)
        for body in (gga(f"12000{s}.00"), f"GPZDA,12000{s + 2}.00,01,01,2026,00,00")
    ]
    made = joined(bodies, joiner)
    assert times(made) == ["12:00:01.000Z", "12:00:02.000Z"]
    assert [each.hole for each in made] == [False, False]
    assert joiner.unfixed == {Unfixed.UNDATED: 1}


def test_date_of_a_zda_without_fix_is_not_believed() -> None:
    """Before the fix a receiver's clock says what it remembers; that day is no fix's."""
    joiner = joiner_of()
    void = gga("120000.00", quality="0")
    bodies = [void, "GPZDA,115959.00,01,09,2013,00,00", gga("120001.00")]
    assert joined(bodies, joiner) == []
    assert joiner.unfixed == {Unfixed.VOID: 1, Unfixed.UNDATED: 1}


def test_time_without_fraction_is_of_the_instant_of_its_second() -> None:
    """A receiver that writes fractions in one sentence and none in another makes one fix each."""
    bodies = [
        body
        for s in range(3)
        for body in (gga(f"12000{s}.20"), rmc(f"12000{s}"), f"GPGST,12000{s},1,1,1,1,3.0,4.0,5.0")
    ]
    made = joined(bodies)
    assert times(made) == [f"12:00:0{s}.200Z" for s in range(3)]
    assert [each.fix.error_dm for each in made] == [50] * 3
    assert times(joined([bodies[1], bodies[0]])) == ["12:00:00.200Z"]


def test_times_to_the_second_at_5_hz_make_a_fix_each_second() -> None:
    """Where five instants say the same second, only the first can be at its beginning."""
    joiner = joiner_of()
    bodies = [
        body
        for i in range(15)
        for body in (
            rmc(f"12000{i // 5}", lat=f"4717.1{i:03},N"),
            gga(f"12000{i // 5}", lat=f"4717.1{i:03},N"),
        )
    ]
    made = joined(bodies, joiner)
    assert times(made) == [f"12:00:0{s}.000Z" for s in range(3)]
    assert [round(each.measured.lat_deg * 600_000 % 10_000) for each in made] == [1000, 1005, 1010]
    assert joiner.again == 24


def test_fractions_at_10_hz_are_instants_of_their_own() -> None:
    """Ten instants a second are ten fixes, also over midnight between two sentences."""
    bodies = [
        body
        for time, day in (("235959.80", "311225"), ("235959.90", "311225"), ("000000.00", "010126"))
        for body in (gga(time), rmc(time, date=day))
    ]
    made = joined([*bodies, gga("000000.10")])
    assert [each.fix.time_ms - made[0].fix.time_ms for each in made] == [0, 100, 200, 300]


def test_same_sentence_of_two_satellite_systems_is_one_instant() -> None:
    """A receiver that sends a GGA for GPS and one for GLONASS makes one fix."""
    bodies = [gga("120000.00"), gga("120000.00", satellites="02").replace("GP", "GL")]
    [made] = joined([*bodies, rmc("120000.00")])
    assert made.fix.satellites == 8


def test_gsa_without_satellites_says_nothing() -> None:
    """Of the GSA of all systems, the one that knows the dimension counts."""
    empty = "GNGSA,A,1,,,,,,,,,,,,,99.99,99.99,99.99"
    [made] = joined([rmc("120000.00"), empty, GSA])
    assert (made.fix.kind, made.fix.hdop_tenths) == (FixKind.THREE_D, 7)


def test_estimated_positions_are_marked() -> None:
    """Dead reckoning in a tunnel is a fix, and says that it is estimated."""
    made = joined([rmc("120000.00", mode="E"), gga("120000.00", quality="6"), GSA])
    assert made[0].fix.kind is FixKind.ESTIMATED


@pytest.mark.parametrize(
    "bodies",
    [
        [rmc("120000.00", status="V")],
        [rmc("120000.00", mode="N")],
        [rmc("120000.00"), gga("120000.00", quality="0")],
        [rmc("120000.00", status="V"), gga("120000.00")],
        [rmc("120000.00", lat=",", lon=",")],
        [rmc("120000.00", lat="9100.0,N")],
        ["GPRMC,,V,,,,,,,,,,N", "GPGGA,,,,,,0,,,,,,,,"],
        ["GPRMC,,V,,,,,,,,,,N", "GPGGA,,,,,,0,,,,,,,,", "GPZDA,,,,,00,00"],
        [rmc("120000.00"), gga("120000.00", quality="8")],
        [rmc("120000.00", lat="0000.0000,N", lon="00000.0000,E")],
    ],
)
def test_void_instant_is_no_fix(bodies: list[str]) -> None:
    """Where any sentence of the instant says void, or none has a position, there is none."""
    joiner = joiner_of()
    assert joined(bodies, joiner) == []
    assert joiner.unfixed == {Unfixed.VOID: 1}


def test_void_without_a_time_spoils_no_instant_beside_it() -> None:
    """A receiver that loses its fix empties its sentences; the fixes before and after stand."""
    void = [
        "GPGGA,,,,,,0,,,,,,,,",
        "GPVTG,,T,,M,,N,,K,N",
        "GPRMC,,V,,,,,,,,,,N",
        "GPGSA,A,1" + "," * 15,
    ]
    joiner = joiner_of()
    made = joined([*void, rmc("120000.00"), GSA, *void, *void, rmc("120009.00"), *void], joiner)
    assert times(made) == ["12:00:00.000Z", "12:00:09.000Z"]
    assert [each.hole for each in made] == [False, True]
    assert joiner.unfixed == {Unfixed.VOID: 4}


def test_void_without_a_time_leaves_a_hole_in_the_track() -> None:
    """Even the shortest loss of the fix is a hole, also where its sentences have no time."""
    made = joined([rmc("120000.00"), "GPRMC,,V,,,,,,,,,,N", rmc("120002.00")])
    assert [each.hole for each in made] == [False, True]


def test_empty_and_timed_void_of_one_instant_are_counted_once() -> None:
    """A void GGA without a time and a void RMC with one are one instant without a fix."""
    joiner = joiner_of()
    empty, timed = "GPGGA,,,,,,0,,,,,,,,", rmc("120000.00", status="V")
    assert joined([empty, timed, empty, rmc("120001.00", status="V")], joiner) == []
    assert joiner.unfixed == {Unfixed.VOID: 2}


def test_fix_with_a_time_that_cannot_be_read_is_dropped() -> None:
    """A position of minute 60 is of no instant, and spoils no other."""
    joiner = joiner_of()
    made = joined([rmc("120000.00"), rmc("126000.00"), rmc("120001.00")], joiner)
    assert times(made) == ["12:00:00.000Z", "12:00:01.000Z"]
    assert joiner.unfixed == {Unfixed.UNDATED: 1}


def test_fix_before_the_first_date_is_dropped_and_counted() -> None:
    """A receiver that sends GGA only never says a date, so its positions are no fixes."""
    joiner = joiner_of()
    made = joined([gga("115958.00"), gga("115959.00"), rmc("120000.00"), gga("120001.00")], joiner)
    assert times(made) == ["12:00:00.000Z", "12:00:01.000Z"]
    assert joiner.unfixed == {Unfixed.UNDATED: 2}


def test_impossible_date_is_no_date() -> None:
    """A date that the calendar does not have leaves the one before in force."""
    assert joined([rmc("120000.00", date="2208-1")]) == []
    made = joined([rmc("120000.00"), rmc("120001.00", date="310226")])
    assert times(made) == ["12:00:00.000Z", "12:00:01.000Z"]


def test_date_goes_on_at_midnight_between_two_dated_sentences() -> None:
    """A GGA after midnight, before the first RMC of the new day, is of the new day."""
    made = joined(
        [
            rmc("235959.00", date="311225"),
            gga("000000.00"),
            gga("000001.00"),
            rmc("000002.00", date="010126"),
        ]
    )
    assert times(made) == [
        "2025-12-31T23:59:59.000Z",
        "00:00:00.000Z",
        "00:00:01.000Z",
        "00:00:02.000Z",
    ]


def test_gga_before_its_rmc_at_midnight_is_of_the_new_day() -> None:
    """The date of an instant is the one of its own RMC, whatever stands first."""
    made = joined(
        [rmc("235959.00", date="311225"), gga("000000.00"), rmc("000000.00", date="010126")]
    )
    assert times(made) == ["2025-12-31T23:59:59.000Z", "00:00:00.000Z"]


def test_time_that_steps_back_a_little_stays_on_its_day() -> None:
    """A line that repeats its last seconds is not taken for midnight."""
    made = joined([rmc("120010.00"), gga("120008.00"), gga("120011.00")])
    assert times(made) == ["12:00:10.000Z", "12:00:08.000Z", "12:00:11.000Z"]


def test_repeated_instant_is_one_fix() -> None:
    """A line that repeats or splices its last minutes makes no fix twice, and counts it."""
    joiner = joiner_of()
    made = joined(seconds(*range(100), *range(40, 110)), joiner)
    assert len(made) == 110
    assert joiner.unfixed == {Unfixed.REPEATED: 60}


def test_second_that_is_said_twice_is_one_fix() -> None:
    """Right after a cold start u-blox say a second again, of a place somewhat off."""
    joiner = joiner_of()
    made = joined([*seconds(0, 1), *seconds(1, lat="4717.2000,N"), *seconds(2)], joiner)
    assert times(made) == [f"12:00:0{s}.000Z" for s in range(3)]
    assert (joiner.again, joiner.unfixed) == (1, {})


def test_clock_that_is_set_back_loses_no_fix() -> None:
    """A receiver that learns of the leap seconds goes back 14 s; the places go on."""
    joiner = joiner_of()
    bodies = [
        rmc(f"1200{second:02}", lat=f"4717.{i:04},N")
        for i, second in enumerate([*range(30), *range(17, 50)])
    ]
    made = joined(bodies, joiner)
    assert len(made) == 63
    assert made[30].fix.time_ms == made[17].fix.time_ms
    assert made[30].fix.lat_e6 > made[29].fix.lat_e6
    assert joiner.unfixed == {}


def test_two_receivers_on_one_line_do_not_set_the_clock_back_for_ever() -> None:
    """Where a second receiver lags by a second, its instants are known ones, but for two."""
    joiner = joiner_of()
    bodies = [
        rmc(f"12{(i - lag) // 60:02}{(i - lag) % 60:02}", lat=f"47{17 + lag}.{i - lag:04},N")
        for i in range(1, 200)
        for lag in (0, 1)
    ]
    made = joined(bodies, joiner)
    assert len(made) <= 202
    assert joiner.unfixed[Unfixed.REPEATED] >= 195


@pytest.mark.parametrize(
    ("moments", "holes"),
    [
        ((0, 1, 2), [False, False, False]),
        ((0, 5, 10), [False, False, False]),
        ((0, 6, 7), [False, True, False]),
        ((10, 0, 1), [False, True, False]),
    ],
)
def test_hole_is_a_silence_of_more_than_5_s(moments: tuple[int, ...], holes: list[bool]) -> None:
    """A fix says whether the receiver was silent before it, forward or backward in time."""
    assert [each.hole for each in joined(seconds(*moments))] == holes


def test_hole_is_a_void_instant_however_short() -> None:
    """The first fix after a void one has a hole before it, the next has none."""
    bodies = [*seconds(0), *seconds(1, status="V"), *seconds(2, 3)]
    assert [each.hole for each in joined(bodies)] == [False, True, False]


def test_cold_start_leaves_no_hole() -> None:
    """Before the first fix there is no track that could have a hole."""
    bodies = [*seconds(0, 1, 2, status="V"), *seconds(3)]
    assert [each.hole for each in joined(bodies)] == [False]


def test_quiet_line_closes_the_instant() -> None:
    """What was said is a fix as soon as the receiver pauses, read when its first line was."""
    joiner = joiner_of()
    for body, read_s in [(rmc("120000.00"), 7.25), (gga("120000.00"), 7.5), (GSA, 7.75)]:
        reading = read_sentence(body.encode())
        assert reading is not None
        assert joiner.add(reading, read_s) is None
    made = joiner.close()
    assert made is not None
    assert (made.fix.time_ms, made.read_s) == (NOON_MS, 7.25)
    assert joiner.close() is None


def test_gsa_alone_is_no_instant() -> None:
    """Sentences without a time and a claim are neither a fix nor counted as one that failed."""
    joiner = joiner_of()
    assert joined([GSA, VTG, GSA], joiner) == []
    assert joiner.unfixed.total() == 0
