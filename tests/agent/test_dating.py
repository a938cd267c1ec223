"""Dates: mended, refused, trusted and carried as the invariants of `dating.live` say."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_agent import BUILD_DAY
from milepost_agent.dating import Known, LiveDating
from milepost_schemas.dating import Dated, RecordedDating, Undatable
from milepost_schemas.dating.dated import ROLLOVER_MS, SLACK_MS, mended, nearest, unix_ms
from milepost_schemas.fix import instant, milliseconds
from tests.agent.line import RECORDED, needs_recorded

FLOOR = date(2026, 11, 21)
TODAY = date(2026, 12, 1)
DAY_MS = 86_400_000
NOON_MS = DAY_MS // 2
TEN_MINUTES = range(601)


def at(text: str) -> int:
    """Return Unix milliseconds of an instant in UTC."""
    return milliseconds(datetime.fromisoformat(text).replace(tzinfo=UTC))


def live(known: Known | None = None, boot_id: str = "") -> LiveDating:
    """Return the dating of a unit that was built at the floor."""
    return LiveDating(FLOOR, boot_id, known)


def said(dating: LiveDating, day: date, second: float) -> str:
    """Say a date at so many seconds after noon; return the date that is believed, or why none."""
    dated = dating.date(day, NOON_MS + round(second * 1000), 100.0 + second)
    return dated if isinstance(dated, Undatable) else str(instant(dated.time_ms).date())


def all_said(dating: LiveDating, day: date, seconds: Iterable[int]) -> set[str]:
    """Say a date each second; return the answers."""
    return {said(dating, day, second) for second in seconds}


def heard(dating: LiveDating, text: str, second: float) -> bool:
    """Let the server say its time, so many seconds after the receiver's noon."""
    return dating.server_heard(at(text), 100.0 + second)


@pytest.mark.parametrize(
    ("day", "true_day"),
    [
        (date(2007, 4, 7), date(2026, 11, 21)),
        (date(2006, 4, 6), date(2025, 11, 20)),
        (date(1987, 8, 22), date(2026, 11, 21)),
    ],
)
@pytest.mark.parametrize("server", [False, True])
def test_date_of_1024_or_2048_weeks_ago_is_mended_and_flagged(
    day: date, true_day: date, server: bool
) -> None:
    """A week number that rolled over is put right, and the fix says so (I1)."""
    dating = live()
    if server:
        assert heard(dating, "2026-11-21T12:00:00", 0)
    dated = dating.date(day, NOON_MS, 100.0)
    assert dated == Dated(unix_ms(true_day, NOON_MS), repaired=True)


@pytest.mark.parametrize("day", [date(2025, 10, 17), FLOOR, TODAY, date(2031, 11, 20)])
def test_date_that_can_be_true_is_kept(day: date) -> None:
    """From 400 days before the floor to 5 years after it a date is what the receiver says."""
    assert live().date(day, NOON_MS, 0.0) == Dated(unix_ms(day, NOON_MS), repaired=False)


@pytest.mark.parametrize(
    "day",
    [date(1980, 1, 6), date(2013, 9, 1), date(2080, 1, 6), date(1999, 8, 22), date(2032, 1, 1)],
)
def test_date_of_a_cold_start_is_refused(day: date) -> None:
    """What is or becomes too late is no date, with the server's time known or not (I2)."""
    for server in (False, True):
        dating = live()
        if server:
            heard(dating, "2026-12-01T12:00:00", 0)
        assert said(dating, day, 1) is Undatable.REFUSED


def test_server_time_narrows_what_is_believed() -> None:
    """With server time no date is more than a day ahead of it, nor 400 days behind it (I2)."""
    dating = live()
    assert said(dating, date(2029, 1, 1), 0) == "2029-01-01"
    heard(dating, "2027-12-31T12:00:00", 0)
    assert said(dating, date(2028, 1, 2), 2) is Undatable.REFUSED
    assert said(dating, date(2028, 1, 1), 2) == "2028-01-01"
    assert said(dating, date(2026, 11, 27), 2) == "2026-11-27"
    assert said(dating, date(2026, 11, 25), 2) is Undatable.REFUSED


def test_server_with_a_dead_clock_is_not_believed() -> None:
    """A server that lives in 1970 would have every fix refused, so it is not heard (I1)."""
    dating = live()
    assert not heard(dating, "1970-01-01T00:10:00", 0)
    assert said(dating, TODAY, 1) == str(TODAY)
    assert dating.known(100.0).server_ms is None


def test_floor_moves_with_the_server_in_both_directions() -> None:
    """The newest word of the server holds, but never below the build (I1)."""
    dating = live()
    for text, floor in [
        ("2036-01-01T00:00:00", "2036-01-01T00:00:00"),
        ("2026-12-01T00:00:00", "2026-12-01T00:00:00"),
        ("2026-08-20T00:00:00", "2026-11-21T00:00:00"),
    ]:
        assert heard(dating, text, 0)
        assert dating.known(100.0).floor_ms == at(floor)


def test_cold_start_dates_that_wander_do_not_raise_the_floor() -> None:
    """1980, then 2007, then right: nothing is trusted, and the right date holds at once (I5)."""
    dating = live()
    assert all_said(dating, date(1980, 1, 6), range(300)) == {Undatable.REFUSED}
    assert all_said(dating, date(2007, 4, 30), range(300, 890)) == {"2026-12-14"}
    assert all_said(dating, TODAY, range(890, 1000)) == {str(TODAY)}
    assert dating.known(1100.0).fixes_floor_ms is None
    assert all_said(dating, TODAY, range(1000, 1500)) == {str(TODAY)}
    assert dating.known(1600.0).fixes_floor_ms == unix_ms(TODAY, NOON_MS + 1_499_000)


def test_floor_is_raised_by_ten_minutes_of_agreeing_fixes_and_not_before() -> None:
    """9 minutes and 59 seconds raise nothing (I5)."""
    dating = live()
    all_said(dating, TODAY, range(600))
    assert dating.known(700.0).fixes_floor_ms is None
    said(dating, TODAY, 600)
    assert dating.known(700.0).fixes_floor_ms == unix_ms(TODAY, NOON_MS + 600_000)


def test_unit_that_meets_no_server_for_years_is_carried_by_its_fixes() -> None:
    """The floor that fixes raise keeps dates believable later than 5 years after the build (I5)."""
    known = None
    for year in range(2027, 2036, 4):
        dating = live(known, boot_id=str(year))
        assert all_said(dating, date(year, 1, 1), TEN_MINUTES) == {f"{year}-01-01"}
        known = dating.known(800.0)
    assert said(live(), date(2035, 1, 1), 0) is Undatable.REFUSED


@pytest.mark.parametrize("days", [-300, -1, 1, 300])
def test_jump_of_a_trusted_line_is_refused(days: int) -> None:
    """A glitch of the receiver's date in the middle of a drive moves no fix (I4)."""
    dating = live()
    all_said(dating, TODAY, TEN_MINUTES)
    other = TODAY + timedelta(days)
    assert all_said(dating, other, range(601, 900)) == {Undatable.REFUSED}
    assert all_said(dating, TODAY, range(900, 1000)) == {str(TODAY)}


def test_jump_before_trust_is_believed() -> None:
    """Ten minutes have to pass before anything is refused for a jump (I4)."""
    dating = live()
    assert all_said(dating, TODAY, range(599)) == {str(TODAY)}
    assert said(dating, date(2006, 4, 6), 600) == "2025-11-20"


@pytest.mark.parametrize("wrong", [date(2026, 3, 1), date(2029, 5, 5)])
def test_first_trusted_line_that_was_wrong_costs_ten_minutes(wrong: date) -> None:
    """A wrong date for an hour, then the right one without any server: it wins by itself (I4, I5).

    The wrong date of 2029 has raised the floor so far that the right one is contested.
    """
    dating = live()
    assert all_said(dating, wrong, range(3600)) == {str(wrong)}
    answers = [said(dating, TODAY, second) for second in range(3600, 4400)]
    assert answers[:600] == [Undatable.REFUSED] * 600
    assert set(answers[600:]) == {str(TODAY)}
    assert dating.known(4500.0).fixes_floor_ms == unix_ms(TODAY, NOON_MS + 4_399_000)


def test_first_trusted_line_that_was_wrong_ends_with_the_word_of_the_server() -> None:
    """Server time confirms the right date at once, whatever was trusted (I4)."""
    dating = live()
    assert all_said(dating, date(2026, 10, 1), range(3600)) == {"2026-10-01"}
    assert said(dating, TODAY, 3600) is Undatable.REFUSED
    heard(dating, "2026-12-01T13:00:00", 3601)
    assert all_said(dating, TODAY, range(3602, 3610)) == {str(TODAY)}
    assert said(dating, date(2026, 8, 1), 3610) == "2026-08-01", "nothing is trusted yet"


def test_wrong_future_that_was_trusted_ends_with_the_word_of_the_server() -> None:
    """A floor that wrong fixes raised holds only until the server speaks (I5)."""
    dating = live()
    all_said(dating, date(2029, 5, 5), range(3600))
    heard(dating, "2026-12-01T13:00:00", 3600)
    assert said(dating, date(2029, 5, 5), 3601) is Undatable.REFUSED
    assert said(dating, date(2026, 9, 1), 3602) == "2026-09-01", "nothing is trusted any more"
    assert said(dating, TODAY, 3603) == str(TODAY)
    assert dating.known(4000.0).fixes_floor_ms is None


def test_floor_of_fixes_from_another_boot_costs_ten_minutes_when_it_was_wrong() -> None:
    """Also a floor that was only remembered gives way to fixes that agree for long (I5)."""
    before = live(boot_id="before")
    all_said(before, date(2029, 5, 5), TEN_MINUTES)
    dating = live(before.known(800.0), boot_id="after")
    answers = [said(dating, TODAY, second) for second in range(700)]
    assert answers == [Undatable.REFUSED] * 600 + [str(TODAY)] * 100


def test_glitches_do_not_keep_a_line_from_trust() -> None:
    """A wrong first date, and a glitch every few minutes, do not begin the ten minutes anew."""
    dating = live()
    assert said(dating, date(2026, 9, 1), 0) == "2026-09-01"
    for second in range(1, 700):
        said(dating, date(2026, 7, 1) if second % 200 == 0 else TODAY, second)
    assert said(dating, date(2026, 7, 1), 700) is Undatable.REFUSED


def test_two_receivers_on_one_line_do_not_take_turns() -> None:
    """While the trusted line is heard, another never wins, however long it keeps step (I4)."""
    dating = live()
    all_said(dating, TODAY, TEN_MINUTES)
    for second in range(601, 2000):
        assert said(dating, TODAY, second) == str(TODAY)
        assert said(dating, date(2026, 11, 30), second + 0.5) is Undatable.REFUSED


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0, 86_400.0])
def test_counter_that_jumps_refuses_nothing(jump_s: float) -> None:
    """A line that goes on by itself is believed whatever the counter does (I6)."""
    dating = live()
    all_said(dating, TODAY, TEN_MINUTES)
    for second in range(601, 3000):
        # Soon after the jump a tunnel of 5 minutes: the gap agrees with the counter again.
        if 700 <= second < 1000:
            continue
        dated = dating.date(TODAY, NOON_MS + second * 1000, 100.0 + second + jump_s)
        assert dated == Dated(unix_ms(TODAY, NOON_MS + second * 1000), repaired=False)


def test_lines_that_are_read_late_are_no_jump() -> None:
    """A stall of 5 minutes, then what the port still held, then now: all of it is believed (I4)."""
    dating = live()
    all_said(dating, TODAY, TEN_MINUTES)
    for second in (*range(601, 605), *range(900, 2000)):
        read_s = max(100.0 + second, 1000.0 + second / 1000)
        dated = dating.date(TODAY, NOON_MS + second * 1000, read_s)
        assert dated == Dated(unix_ms(TODAY, NOON_MS + second * 1000), repaired=False)


def test_late_leap_seconds_are_no_jump() -> None:
    """A receiver that learns the leap seconds after a quarter of an hour is believed (I4)."""
    dating = live()
    all_said(dating, TODAY, range(900))
    for second in range(900, 3000):
        dated = dating.date(TODAY, NOON_MS + (second - 18) * 1000, 100.0 + second)
        assert isinstance(dated, Dated)


@pytest.mark.parametrize("speed", [0.5, 1.2, 10, 1000, 1e6])
def test_replay_at_another_speed_is_believed_and_never_trusted(speed: float) -> None:
    """Days with hours between them, played fast or slow: nothing refused, no floor raised (I3)."""
    dating = live()
    begin_ms, second = unix_ms(TODAY, 0), 0
    for minute in range(2000):
        second += 3600 * 30 if minute % 500 == 499 else 1
        time_ms = begin_ms + second * 1000
        day, time_of_day_ms = instant(time_ms).date(), time_ms % DAY_MS
        dated = dating.date(day, time_of_day_ms, second / speed)
        assert dated == Dated(time_ms, repaired=False)
    assert dating.known(0.0).fixes_floor_ms is None


def test_scaled_clock_is_carried_at_its_own_speed() -> None:
    """With MILEPOST_CLOCK at 600, a minute without the server is ten hours for its time too."""
    dating = LiveDating(FLOOR, speed=600)
    dating.server_heard(unix_ms(TODAY, 0), 0.0)
    assert dating.now_ms(60.0) == unix_ms(TODAY, 10 * 3_600_000)
    for second in range(200):
        time_ms = unix_ms(TODAY, 0) + second * 600_000
        dated = dating.date(instant(time_ms).date(), time_ms % DAY_MS, second + second % 3 / 10)
        assert dated == Dated(time_ms, repaired=False)


def test_leap_second_is_the_second_after_it() -> None:
    """23:59:60 raises nothing and keeps the order; Unix time has one name for it and midnight."""
    for dating in (live(), RecordedDating()):
        times = [
            dating.date(date(2016 + 10, 12, 31), 86_399_000, 0.0),
            dating.date(date(2016 + 10, 12, 31), 86_400_000, 1.0),
            dating.date(date(2016 + 10, 12, 31), 86_400_999, 1.999),
            dating.date(date(2017 + 10, 1, 1), 0, 2.0),
            dating.date(None, 1000, 3.0),
        ]
        moments = [dated.time_ms for dated in times if isinstance(dated, Dated)]
        midnight_ms = at("2027-01-01T00:00:00")
        assert [moment - midnight_ms for moment in moments] == [-1000, 0, 999, 0, 1000]


def test_leap_second_without_a_date_is_of_the_day_that_ends() -> None:
    """Also a receiver that says no date goes through 23:59:60 in order."""
    recorded, carried = RecordedDating(date(2026, 12, 31)), live()
    heard(carried, "2026-12-31T12:00:00", 0)
    for dating in (recorded, carried):
        for second, time_of_day_ms in [(-1, 86_399_000), (0, 86_400_000), (0, 0), (1, 1000)]:
            dated = dating.date(None, time_of_day_ms, 100.0 + 43_200 + second)
            assert dated == Dated(at("2027-01-01T00:00:00") + second * 1000, repaired=True)


def test_time_without_a_date_is_undated_while_nothing_is_known() -> None:
    """A receiver that says no date, in a unit that knows no time, makes no fix (I7)."""
    assert live().date(None, NOON_MS, 0.0) is Undatable.NO_DATE
    assert live(live().known(0.0), "boot").date(None, NOON_MS, 0.0) is Undatable.NO_DATE


@pytest.mark.parametrize(
    ("after_s", "time_of_day", "expected"),
    [
        (0.0, "12:00:00", "2026-12-01T12:00:00"),
        (60.0, "11:59:58", "2026-12-01T11:59:58"),
        (43_200.0, "00:00:01", "2026-12-02T00:00:01"),
        (43_200.0, "23:59:59", "2026-12-01T23:59:59"),
        (10 * 86_400.0, "18:00:00", "2026-12-11T18:00:00"),
    ],
)
def test_time_without_a_date_is_of_the_day_nearest_to_now(
    after_s: float, time_of_day: str, expected: str
) -> None:
    """The server's noon, carried on by the counter, tells the day of a GGA; it is flagged (I7)."""
    dating = live()
    heard(dating, "2026-12-01T12:00:00", 0)
    time_of_day_ms = at(f"1970-01-01T{time_of_day}")
    dated = dating.date(None, time_of_day_ms, 100.0 + after_s)
    assert dated == Dated(at(expected), repaired=True)


def test_time_without_a_date_follows_the_receivers_own_last_date() -> None:
    """A GGA between RMCs is of the RMCs' day, also when the server lives in another (I7)."""
    dating = live()
    heard(dating, "2026-12-01T12:00:00", 0)
    assert said(dating, date(2006, 4, 6), 1) == "2025-11-20"
    dated = dating.date(None, NOON_MS + 2000, 102.0)
    assert dated == Dated(at("2025-11-20T12:00:02"), repaired=True), "as flagged as its RMC"
    assert said(dating, TODAY, 3) == str(TODAY)
    dated = dating.date(None, NOON_MS + 4000, 104.0)
    assert dated == Dated(at("2026-12-01T12:00:04"), repaired=False)


def test_time_without_any_date_follows_the_newest_word_of_the_server() -> None:
    """Days that came from the server are not held against what it says later (I7)."""
    dating = live()
    for day, second in [("2026-12-01", 0), ("2026-12-04", 60)]:
        heard(dating, f"{day}T12:00:00", second)
        for after in (1, 2):
            dated = dating.date(None, NOON_MS + 1000, 100.0 + second + after)
            assert dated == Dated(at(f"{day}T12:00:01"), repaired=True)


def test_time_without_a_date_does_not_follow_a_date_that_the_server_denies() -> None:
    """What the server shows to be impossible carries no day on (I7)."""
    dating = live()
    said(dating, date(2029, 5, 5), 0)
    heard(dating, "2026-12-01T12:00:00", 1)
    assert dating.date(None, NOON_MS, 102.0) == Dated(at("2026-12-01T12:00:00"), repaired=True)


def test_midnight_without_a_date_begins_the_next_day() -> None:
    """The GGA after midnight is of the new day, at any speed of the line (I7)."""
    for step_s in (1.0, 0.0, 0.001):
        dating = live()
        dating.date(TODAY, DAY_MS - 1000, 0.0)
        assert dating.date(None, 0, step_s) == Dated(at("2026-12-02T00:00:00"), repaired=False)
        assert dating.date(None, 1000, 2 * step_s) == Dated(
            at("2026-12-02T00:00:01"), repaired=False
        )


def test_restart_in_the_same_boot_knows_the_time_at_once() -> None:
    """The counter carries server time, or the receiver's, over a restart of the agent (I7)."""
    by_server, by_fixes = live(boot_id="boot"), live(boot_id="boot")
    heard(by_server, "2026-12-01T12:00:00", 0)
    said(by_fixes, TODAY, 0)
    for before in (by_server, by_fixes):
        after = live(before.known(150.0), "boot")
        assert after.now_ms(200.0) == unix_ms(TODAY, NOON_MS + 100_000)
        dated = after.date(None, NOON_MS + 100_000, 200.0)
        assert dated == Dated(unix_ms(TODAY, NOON_MS + 100_000), repaired=True)
    after = live(by_server.known(150.0), "boot")
    assert said(after, date(2028, 1, 1), 200) is Undatable.REFUSED


@pytest.mark.parametrize("boot_id", ["another", ""])
def test_restart_in_another_boot_knows_the_floor_only(boot_id: str) -> None:
    """The counter began anew, or nobody can tell: only what is true for ever is kept."""
    before = live(boot_id="boot" if boot_id else "")
    heard(before, "2030-01-01T12:00:00", 0)
    after = live(before.known(150.0), boot_id)
    assert after.now_ms(200.0) is None
    assert after.date(None, NOON_MS, 200.0) is Undatable.NO_DATE
    assert after.known(200.0).floor_ms == at("2030-01-01T12:00:00")
    assert said(after, date(2010, 5, 18), 0) == "2030-01-01"


def test_newer_build_raises_the_floor_that_was_known() -> None:
    """An update of the package holds against an old note in the buffer."""
    before = LiveDating(date(2020, 1, 1)).known(0.0)
    assert live(before).known(0.0).floor_ms == unix_ms(FLOOR, 0)


def test_build_day_is_not_before_the_first_one() -> None:
    """A release moves the day on, never back."""
    assert date(2026, 11, 21) <= BUILD_DAY


# What we do otherwise than the peer, at which row and why.
ROLLOVER_DIFFERENT = {
    "1980-01-06T00:00:00Z": "the peer leaves the start of GPS alone; for us it is a cold start's",
    "2020-01-01T00:00:00Z": "6 years before now, and 13 after it when moved by 1024 weeks: no live "
    "receiver says so, and the design believes nothing before now - 400 days",
}


@needs_recorded
def test_rollover_table_of_the_peer_holds_but_where_we_differ() -> None:
    """Each row of the table comes out as the peer says, or is refused for the reason above."""
    table = json.loads((RECORDED / "scenarios/week_rollover.json").read_text(encoding="utf-8"))
    assert len(table["cases"]) == 5
    for case in table["cases"]:
        now, receiver, corrected = (
            datetime.fromisoformat(case[key]) for key in ("now", "receiver_time", "corrected")
        )
        dating = LiveDating(BUILD_DAY)
        assert dating.server_heard(milliseconds(now), 0.0)
        time_of_day_ms = milliseconds(receiver) % DAY_MS
        dated = dating.date(receiver.date(), time_of_day_ms, 0.0)
        if case["receiver_time"] in ROLLOVER_DIFFERENT:
            assert dated is Undatable.REFUSED
        else:
            assert dated == Dated(milliseconds(corrected), repaired=corrected != receiver)


ANY_MS = st.integers(min_value=0, max_value=at("2199-12-31T23:59:59"))


@given(ANY_MS, ANY_MS)
def test_mended_is_idempotent_and_in_the_window(time_ms: int, floor_ms: int) -> None:
    """What is mended is whole rollovers later, in the window, and is not mended again."""
    result = mended(time_ms, floor_ms)
    assert (result - time_ms) % ROLLOVER_MS == 0
    assert result >= floor_ms - SLACK_MS
    assert result == time_ms or result < floor_ms - SLACK_MS + ROLLOVER_MS
    assert mended(result, floor_ms) == result


@given(st.integers(0, 86_400_999), ANY_MS)
def test_nearest_is_within_half_a_day(time_of_day_ms: int, guide_ms: int) -> None:
    """No other day brings a time of day nearer."""
    result = nearest(time_of_day_ms, guide_ms)
    assert abs(result - guide_ms) <= DAY_MS // 2
    assert (result - time_of_day_ms) % DAY_MS == 0


@given(
    st.lists(st.tuples(st.floats(0.05, 90_000), st.booleans()), max_size=60),
    st.integers(0, 2),
    st.booleans(),
)
def test_true_time_of_a_line_stays_in_order(
    steps: list[tuple[float, bool]], rollovers: int, server: bool
) -> None:
    """Whatever gaps a right receiver leaves, with and without dates: every instant is right."""
    dating = live()
    time_ms, read_s = unix_ms(TODAY, NOON_MS), 0.0
    if server:
        dating.server_heard(time_ms, read_s)
    dated_once = server
    for step_s, has_date in steps:
        time_ms += round(step_s * 1000)
        read_s += step_s
        day = instant(time_ms - rollovers * ROLLOVER_MS).date() if has_date else None
        dated = dating.date(day, time_ms % DAY_MS, read_s)
        dated_once |= has_date
        if dated_once:
            assert isinstance(dated, Dated)
            assert dated.time_ms == time_ms
        else:
            assert dated is Undatable.NO_DATE


@given(
    st.lists(
        st.one_of(
            st.tuples(
                st.one_of(st.none(), st.dates(date(1980, 1, 1), date(2199, 12, 31))),
                st.integers(0, 86_400_999),
                st.floats(0, 1e6),
            ),
            st.tuples(ANY_MS, st.floats(0, 1e6)),
        ),
        max_size=50,
    )
)
def test_nothing_that_a_line_or_a_server_says_breaks_the_window(events: list[tuple]) -> None:  # type: ignore[type-arg]
    """Any dates at any times: no exception, and nothing believed outside of the window (I1, I2)."""
    dating = live()
    for event in events:
        if len(event) == 2:
            dating.server_heard(*event)
            continue
        day, time_of_day_ms, read_s = event
        dated = dating.date(day, time_of_day_ms, read_s)
        if day is not None and isinstance(dated, Dated):
            assert dated.time_ms >= unix_ms(FLOOR, 0) - SLACK_MS
            assert dated.repaired == (dated.time_ms != unix_ms(day, time_of_day_ms))


def test_file_is_dated_as_recorded() -> None:
    """A file of 2005, a void 1980 and even 2080 keep their dates, unflagged."""
    dating = RecordedDating()
    for day in (date(1980, 1, 6), date(2005, 3, 1), date(2080, 1, 6), date(2005, 3, 1)):
        assert dating.date(day, NOON_MS, 0.0) == Dated(unix_ms(day, NOON_MS), repaired=False)


def test_file_with_a_floor_is_mended_and_refused() -> None:
    """With a floor a file is read as a live receiver's that never meets its server."""
    dating = RecordedDating(floor=date(2019, 4, 7))
    cases = {
        date(1999, 8, 22): Dated(at("2019-04-07T12:00:00"), repaired=True),
        date(2018, 3, 4): Dated(at("2018-03-04T12:00:00"), repaired=False),
        date(1980, 1, 6): Dated(at("2019-04-07T12:00:00"), repaired=True),
        date(2006, 1, 1): Undatable.REFUSED,
    }
    for day, expected in cases.items():
        assert dating.date(day, NOON_MS, 0.0) == expected
    assert dating.date(None, NOON_MS + 1, 0.0) == Dated(
        at("2019-04-07T12:00:00") + 1, repaired=True
    )


def test_file_without_dates_takes_the_assumed_day() -> None:
    """A GGA-only file begins at the day that the caller assumes, flagged, and passes midnights."""
    assert RecordedDating().date(None, NOON_MS, 0.0) is Undatable.NO_DATE
    dating = RecordedDating(TODAY)
    hours = [8, 21, 23, 0, 12, 23, 1]
    days = [1, 1, 1, 2, 2, 2, 3]
    for hour, day in zip(hours, days, strict=True):
        dated = dating.date(None, hour * 3_600_000, 0.0)
        assert dated == Dated(at(f"2026-12-{day:02}T{hour:02}:00:00"), repaired=True)


def test_first_date_in_a_file_holds_from_there_on() -> None:
    """What was assumed before is not touched; what comes after is of the day that was said."""
    dating = RecordedDating(TODAY)
    assert dating.date(None, 1000, 0.0) == Dated(at("2026-12-01T00:00:01"), repaired=True)
    assert dating.date(date(2005, 3, 1), 2000, 0.0) == Dated(
        at("2005-03-01T00:00:02"), repaired=False
    )
    assert dating.date(None, 3000, 0.0) == Dated(at("2005-03-01T00:00:03"), repaired=False)


def test_splice_over_midnight_steps_back_and_on_again() -> None:
    """A log that repeats the seconds around midnight does not gain a day by it."""
    dating = RecordedDating(TODAY)
    times = [86_398_000, 1000, 2000, 86_399_000, 3000, 4000]
    dated = [dating.date(None, time_of_day_ms, 0.0) for time_of_day_ms in times]
    midnight_ms = at("2026-12-02T00:00:00")
    moments = [each.time_ms - midnight_ms for each in dated if isinstance(each, Dated)]
    assert moments == [-2000, 1000, 2000, -1000, 3000, 4000]


def test_word_of_a_server_that_is_days_behind_ends_by_itself() -> None:
    """Dates that only a server's wrong clock forbids are believed some hours after its word."""
    dating = LiveDating(date(2026, 11, 21))
    dating.server_heard(unix_ms(date(2026, 11, 21), 0), 0.0)
    today = date(2026, 11, 25)
    assert dating.date(today, 36_000_000, 60.0) is Undatable.REFUSED
    assert dating.date(today, 57_600_000, 6 * 3600 + 60.0) == Dated(
        unix_ms(today, 57_600_000), False
    )
