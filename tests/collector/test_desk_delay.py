"""Delay: how far behind the plan, what it does to later stops, and why, to the millisecond."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_collector.delivery.delay import Call, Cause, Day, PlannedCall, carried, delays
from milepost_collector.delivery.desk.day import day_of
from milepost_collector.delivery.desk.inputs import StopEta
from tests.collector import desk_day
from tests.collector.desk_log import Log, at, planned, stop

MINUTE_MS = 60_000


def minutes(shares: dict[Cause, int]) -> dict[str, float]:
    """Return causes that took something, in minutes."""
    return {cause.value: ms / MINUTE_MS for cause, ms in shares.items() if ms}


def planned_calls(*times: str, service: int = 5, opens: str | None = None) -> list[PlannedCall]:
    """Return stops a, b, c, ... of some arrivals; the last one has a window that opens."""
    last = len(times) - 1
    return [
        PlannedCall(
            "abcdefgh"[place],
            at(time),
            service * MINUTE_MS,
            at(opens) if opens is not None and place == last else None,
        )
        for place, time in enumerate(times)
    ]


def test_delay_of_each_cause_goes_to_it() -> None:
    """A late start, a long service, a slow leg, a detour and silence: each has its minutes."""
    day = Day(
        tuple(planned_calls("08:30", "09:00", "09:30", "10:00", "10:30")),
        (
            Call("a", at("08:37"), at("08:42")),
            Call("b", at("09:07"), at("09:16")),
            Call("c", at("09:43"), at("09:48")),
            Call("d", at("10:23"), at("10:28")),
            Call("e", at("11:03")),
        ),
        departs_ms=at("08:00"),
        departed_ms=at("08:07"),
        detours=((at("10:00"), at("10:08")),),
        silences=((at("10:05"), at("10:07")), (at("10:30"), at("10:45"))),
    )
    late, service, slow, off, silent = delays(day)
    assert minutes(late.shares) == {"late_start": 7}
    assert minutes(service.shares) == {"late_start": 7}
    assert minutes(slow.shares) == {"late_start": 7, "service": 4, "slow_leg": 2}
    assert minutes(off.shares) == {"late_start": 7, "service": 4, "slow_leg": 4, "detour": 8}
    assert minutes(silent.shares) == {
        "late_start": 7,
        "service": 4,
        "slow_leg": 4,
        "detour": 8,
        "silence": 10,
    }
    assert [each.delay_ms / MINUTE_MS for each in delays(day)] == [7, 7, 13, 23, 33]


def test_wait_before_a_window_absorbs_delay_from_its_causes_in_proportion() -> None:
    """Ten minutes of waiting take ten of fifteen minutes of delay, whoever caused them."""
    calls = [
        PlannedCall("a", at("08:30"), 5 * MINUTE_MS),
        PlannedCall("b", at("08:50"), 5 * MINUTE_MS, at("09:00")),
        PlannedCall("c", at("09:20"), 5 * MINUTE_MS),
    ]
    day = Day(
        tuple(calls),
        (
            Call("a", at("08:39"), at("08:50")),
            Call("b", at("09:05"), at("09:10")),
            Call("c", at("09:25")),
        ),
        departs_ms=at("08:00"),
        departed_ms=at("08:09"),
    )
    first, second, third = delays(day)
    assert minutes(first.shares) == {"late_start": 9}
    assert minutes(second.shares) == {"late_start": 9, "service": 6}
    assert minutes(third.shares) == {"late_start": 3, "service": 2}
    assert third.delay_ms == 5 * MINUTE_MS


@pytest.mark.parametrize(
    ("delay", "later"),
    [(15, [15, 15, 15, 5]), (10, [10, 10, 10, 0]), (4, [4, 4, 4, 0]), (-5, [-5, -5, -5, 0])],
)
def test_delay_moves_later_stops_by_what_slack_does_not_absorb(
    delay: int, later: list[int]
) -> None:
    """The last but one waits ten minutes by the plan: so much less late is what comes after."""
    calls = [
        *planned_calls("08:30", "09:00", "09:20", opens="09:30"),
        PlannedCall("d", at("10:00"), MINUTE_MS),
    ]
    moved = carried(calls, "a", delay * MINUTE_MS)
    assert [(name, ms / MINUTE_MS) for name, ms in moved] == list(zip("abcd", later, strict=True))
    assert carried(calls, "d", MINUTE_MS) == [("d", MINUTE_MS)]
    with pytest.raises(KeyError):
        carried(calls, "x", MINUTE_MS)


SPANS = st.lists(st.tuples(st.integers(-50, 3000), st.none() | st.integers(-50, 4000)), max_size=4)


@given(
    plan=st.lists(
        st.tuples(st.integers(-20, 200), st.integers(0, 90), st.none() | st.integers(-50, 90)),
        max_size=8,
    ),
    calls=st.lists(
        st.tuples(st.integers(0, 8), st.integers(-100, 3000), st.none() | st.integers(0, 300)),
        max_size=10,
    ),
    departs=st.none() | st.integers(-100, 100),
    departed=st.none() | st.integers(-200, 300),
    detours=SPANS,
    silences=SPANS,
)
def test_causes_add_up_to_the_delay_exactly(
    plan: Sequence[tuple[int, int, int | None]],
    calls: Sequence[tuple[int, int, int | None]],
    departs: int | None,
    departed: int | None,
    detours: list[tuple[int, int | None]],
    silences: list[tuple[int, int | None]],
) -> None:
    """Whatever the day was, in whichever order: no millisecond is left over or counted twice."""
    arrives_ms, stops = 0, []
    for number, (leg_ms, service_ms, opens) in enumerate(plan):
        arrives_ms += leg_ms
        opens_ms = None if opens is None else arrives_ms + opens
        stops.append(PlannedCall(str(number), arrives_ms, service_ms, opens_ms))
        arrives_ms = stops[-1].departs_ms(arrives_ms)
    went = tuple(
        Call(str(number), came_ms, None if stay_ms is None else came_ms + stay_ms)
        for number, came_ms, stay_ms in sorted(calls, key=lambda call: call[1])
    )
    day = Day(tuple(stops), went, departs, departed, tuple(detours), tuple(silences))
    found = delays(day)
    for each in found:
        assert sum(each.shares.values()) == each.delay_ms
        assert set(each.shares) == set(Cause)
        assert each.shares[Cause.DETOUR] >= 0 or any(call.opens_ms is not None for call in stops)
    assert {each.stop for each in found} == {call.stop for call in went} & {
        call.stop for call in stops
    }


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9), st.integers(0, 40)), min_size=1),
    st.integers(0, 200),
)
def test_delay_that_is_carried_is_what_a_day_with_it_comes_to(
    plan: Sequence[tuple[int, int, int]], delay_ms: int
) -> None:
    """Both reckonings agree: a day that starts late and goes as planned is as late as carried."""
    arrives_ms, stops = 0, []
    for number, (leg_ms, service_ms, wait_ms) in enumerate(plan):
        arrives_ms += leg_ms
        stops.append(PlannedCall(str(number), arrives_ms, service_ms, arrives_ms + wait_ms))
        arrives_ms = stops[-1].departs_ms(arrives_ms)
    moved = carried(stops, "0", delay_ms)
    calls = tuple(
        Call(call.stop, call.arrives_ms + late_ms)
        for call, (_, late_ms) in zip(stops, moved, strict=True)
    )
    day = Day(tuple(stops), calls, departs_ms=0, departed_ms=delay_ms)
    assert [(each.stop, each.delay_ms) for each in delays(day)] == moved
    for each in delays(day):
        assert minutes(each.shares).keys() <= {"late_start"}


def test_day_of_a_desk_has_its_delays_and_their_causes() -> None:
    """The day by hand: five minutes late from the depot, ten on the leg to the fourth stop."""
    log = desk_day.day()
    found = {each.stop: each for each in delays(day_of(log.state))}
    assert "s11" not in found
    fourth = found["s04"]
    assert fourth.delay_ms == 16 * MINUTE_MS
    assert minutes(fourth.shares) == {"late_start": 5, "service": 1, "slow_leg": 10}
    assert all(sum(each.shares.values()) == each.delay_ms for each in found.values())


def test_stops_that_are_forecast_stand_behind_those_that_were_made() -> None:
    """A vehicle at its first stop, off its way before, and silent now: what is to come is shown."""
    log = Log()
    log.plan("06:00", planned([stop(1, arrives="08:20"), stop(2, arrives="08:45")]))
    log.set_out("08:00")
    log.track("08:10", "route.deviated", plan="p1")
    log.track("08:16", "route.rejoined", plan="p1")
    log.arrive("08:30", "s01")
    log.silent("08:45", "08:40")
    etas = [StopEta("s02", at("09:10"), at("09:00"), at("09:20"))]
    first, second = delays(day_of(log.state, etas))
    assert not first.is_forecast
    assert minutes(first.shares) == {"detour": 6, "slow_leg": 4}
    assert second.is_forecast
    # It stands there since half past, three minutes of that by the plan; nobody knows why.
    assert minutes(second.shares) == {
        "detour": 6,
        "slow_leg": 4,
        "service": 12,
        "silence": 3,
    }
