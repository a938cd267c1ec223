"""Joining sentences into fixes: one instant, one fix, with its date and its holes."""

import pytest

from milepost_agent.epoch import EpochJoiner, MadeFix, Unfixed
from milepost_agent.sentence import read_sentence
from milepost_schemas.event import rfc3339
from milepost_schemas.fix import Fix, FixKind
from tests.agent.line import gga, joined, rmc

GSA = "GPGSA,A,3,05,16,18,23,26,29,31,,,,,,1.1,0.7,0.7"
VTG = "GPVTG,45.0,T,,M,,N,36.0,K,A"
NOON_MS = 1_767_225_600_000 + 12 * 3_600_000


def times(made: list[MadeFix]) -> list[str]:
    """Return the times of day of fixes of the first of January 2026, or whole instants."""
    return [rfc3339(each.fix.time_ms).removeprefix("2026-01-01T") for each in made]


def seconds(*moments: int, **values: str) -> list[str]:
    """Return an RMC for each second after noon."""
    return [rmc(time=f"12{s // 60:02}{s % 60:02}.00", **values) for s in moments]


def test_sentences_of_one_instant_are_one_fix() -> None:
    """RMC, GGA and GSA with the same time are one fix that holds what each of them says."""
    bodies = [rmc("120000.00"), gga("120000.00"), GSA]
    assert joined(bodies) == [
        MadeFix(
            Fix(NOON_MS, 47_285_238, 8_565_253, 4080, 51, 90, 9, 8, FixKind.THREE_D),
            hole=False,
            read_s=0.0,
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


def test_instant_without_gga_has_no_altitude() -> None:
    """What no sentence of this instant says is unknown, and not carried from the last one."""
    made = joined([rmc("120000.00"), gga("120000.00"), rmc("120001.00")])
    assert [each.fix.altitude_dm for each in made] == [4080, None]
    assert made[1].fix.kind is FixKind.TWO_D


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
    ],
)
def test_void_instant_is_no_fix(bodies: list[str]) -> None:
    """Where any sentence of the instant says void, or none has a position, there is none."""
    joiner = EpochJoiner()
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
    joiner = EpochJoiner()
    made = joined([*void, rmc("120000.00"), GSA, *void, *void, rmc("120009.00"), *void], joiner)
    assert times(made) == ["12:00:00.000Z", "12:00:09.000Z"]
    assert [each.hole for each in made] == [False, True]
    assert joiner.unfixed == {Unfixed.VOID: 3}


def test_void_without_a_time_leaves_a_hole_in_the_track() -> None:
    """Even the shortest loss of the fix is a hole, also where its sentences have no time."""
    made = joined([rmc("120000.00"), "GPRMC,,V,,,,,,,,,,N", rmc("120002.00")])
    assert [each.hole for each in made] == [False, True]


def test_empty_and_timed_void_of_one_instant_are_counted_once() -> None:
    """A void GGA without a time and a void RMC with one are one instant without a fix."""
    joiner = EpochJoiner()
    empty, timed = "GPGGA,,,,,,0,,,,,,,,", rmc("120000.00", status="V")
    assert joined([empty, timed, empty, rmc("120001.00", status="V")], joiner) == []
    assert joiner.unfixed == {Unfixed.VOID: 2}


def test_fix_with_a_time_that_cannot_be_read_is_dropped() -> None:
    """A position of minute 60 is of no instant, and spoils no other."""
    joiner = EpochJoiner()
    made = joined([rmc("120000.00"), rmc("126000.00"), rmc("120001.00")], joiner)
    assert times(made) == ["12:00:00.000Z", "12:00:01.000Z"]
    assert joiner.unfixed == {Unfixed.UNDATED: 1}


def test_fix_before_the_first_date_is_dropped_and_counted() -> None:
    """A receiver that sends GGA only never says a date, so its positions are no fixes."""
    joiner = EpochJoiner()
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
    joiner = EpochJoiner()
    made = joined(seconds(*range(100), *range(40, 110)), joiner)
    assert len(made) == 110
    assert joiner.unfixed == {Unfixed.REPEATED: 60}


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
    joiner = EpochJoiner()
    for body, read_s in [(rmc("120000.00"), 7.25), (gga("120000.00"), 7.5), (GSA, 7.75)]:
        reading = read_sentence(body)
        assert reading is not None
        assert joiner.add(reading, read_s) is None
    made = joiner.close()
    assert made is not None
    assert (made.fix.time_ms, made.read_s) == (NOON_MS, 7.25)
    assert joiner.close() is None


def test_straggler_after_a_quiet_line_makes_no_second_fix() -> None:
    """A sentence of an instant that has been closed changes nothing but a count."""
    joiner = EpochJoiner()
    assert len(joined([rmc("120000.00")], joiner)) == 1
    assert joined([gga("120000.00")], joiner) == []
    assert joiner.unfixed == {Unfixed.REPEATED: 1}


def test_gsa_alone_is_no_instant() -> None:
    """Sentences without a time and a claim are neither a fix nor counted as one that failed."""
    joiner = EpochJoiner()
    assert joined([GSA, VTG, GSA], joiner) == []
    assert joiner.unfixed.total() == 0
