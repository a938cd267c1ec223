"""Stops and ways of plans: arrivals and departures come from movement alone."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from milepost_collector.engine import Definitions, Version, planned_fences
from milepost_collector.engine.nearby import FenceIndex
from milepost_schemas.fix import Fix, KeptFix, milliseconds
from milepost_schemas.plan import Place, Plan, Stop
from tests.collector.engine_tracks import START_MS, VEHICLE, Outcome, at, go, place, straight, track

DAY = date(2026, 9, 21)
MIDNIGHT_MS = milliseconds(datetime(2026, 9, 21, tzinfo=UTC))


def stop(name: str, x_m: float, y_m: float = 0.0, radius_m: float = 50.0) -> Stop:
    """Plan a stop at a place in metres."""
    lon_deg, lat_deg = place(x_m, y_m)
    return Stop(name, Place(lat_deg, lon_deg), radius_m)


def plan(*stops: Stop, vehicle: str = VEHICLE, way_m: tuple[float, ...] = ()) -> Plan:
    """Plan a day, with a way along the equator."""
    path = tuple(place(x_m, 0.0)[::-1] for x_m in way_m)
    return Plan("tour-1", vehicle, DAY, stops, path=path)


def told(fixes: list[Fix], *versions: tuple[int, Plan], cut: int = 10_000) -> Outcome:
    """Run a drive past plans."""
    return run(track(*fixes), *versions, cut=cut)


def run(fixes: list[KeptFix], *versions: tuple[int, Plan], cut: int = 10_000) -> Outcome:
    """Run fixes past plans."""
    index = FenceIndex(planned_fences(versions))
    return go(fixes, Definitions.always(Version.of(), index), cut)


def of_plans(outcome: Outcome) -> list[tuple[str, float, str | None]]:
    """Return what, when (seconds from the beginning) and at which stop."""
    return [
        (event.type, (event.time_ms - START_MS) / 1000, event.data.get("stop"))
        for event in outcome.events
        if event.type.startswith(("stop.", "route."))
    ]


# 500 m at 10 m/s, a minute and a half at the stop, and on.
VISIT = [
    *straight(0, 50, 0, 10),
    *straight(51, 140, 500, 0, speed_dmps=0),
    *straight(141, 200, 500, 10),
]


def test_day_at_which_tests_drive_is_the_plans() -> None:
    """The plan of these tests holds while their tracks are driven."""
    assert MIDNIGHT_MS < START_MS < MIDNIGHT_MS + 86_400_000


@pytest.mark.parametrize("cut", [10_000, 60, 7, 1])
def test_who_stays_at_a_stop_has_arrived_when_it_came_and_departs_when_it_leaves(cut: int) -> None:
    """Without anybody's tap: at the edges of the stop's circle, however the fixes are cut."""
    outcome = told(VISIT, (0, plan(stop("A", 500))), cut=cut)
    (arrived, at_s, name), (departed, left_s, _) = of_plans(outcome)
    assert (arrived, departed, name) == ("stop.arrived", "stop.departed", "A")
    assert at_s == pytest.approx(45, abs=1)
    assert left_s == pytest.approx(145, abs=1)
    data = outcome.events[[e.type for e in outcome.events].index("stop.departed")].data
    assert (data["plan"], data["stop"]) == ("tour-1", "A")
    assert data["inside_s"] == pytest.approx(100, abs=2)


def test_who_passes_by_a_stop_has_not_arrived() -> None:
    """Ten seconds within the circle are no arrival, and then there is no departure."""
    assert of_plans(told(straight(0, 100, 0, 10), (0, plan(stop("A", 500))))) == []


def test_stops_at_one_place_are_both_arrived_at() -> None:
    """Two stops at one door are two arrivals, with ids of their own."""
    outcome = told(VISIT, (0, plan(stop("A", 500), stop("B", 510))))
    arrivals = [each for each in outcome.events if each.type == "stop.arrived"]
    assert [each.data["stop"] for each in arrivals] == ["A", "B"]
    assert len({each.id for each in arrivals}) == 2


def test_plan_of_another_vehicle_is_none_of_ours() -> None:
    """Who drives past somebody else's stop has not arrived anywhere."""
    assert of_plans(told(VISIT, (0, plan(stop("A", 500), vehicle="van-2")))) == []


def test_edit_of_one_stop_does_nothing_to_another_where_the_vehicle_is() -> None:
    """A version that drops B while the van stands at A: one arrival, one departure."""
    first = plan(stop("A", 500), stop("B", 900))
    edited = plan(stop("A", 500), stop("C", 1000))
    outcome = told(VISIT, (0, first), (START_MS + 100_000, edited))
    assert [each[0] for each in of_plans(outcome)] == ["stop.arrived", "stop.departed"]


def test_stop_that_was_dropped_is_not_departed_from() -> None:
    """Who stands at a stop that is dropped meanwhile departs from none."""
    dropped = START_MS + 100_000
    outcome = told(VISIT, (0, plan(stop("A", 500))), (dropped, plan(stop("B", 5000))))
    assert [each[0] for each in of_plans(outcome)] == ["stop.arrived"]


def test_stop_added_where_the_vehicle_stands_is_arrived_at_from_then() -> None:
    """It cannot have arrived before there was a stop."""
    added = START_MS + 90_000
    outcome = told(VISIT, (0, plan(stop("B", 5000))), (added, plan(stop("A", 500))))
    (arrived, at_s, _), *_ = of_plans(outcome)
    assert (arrived, at_s) == ("stop.arrived", 90)


def test_plan_of_another_day_does_not_hold() -> None:
    """Yesterday's stop is nobody's."""
    old = replace(plan(stop("A", 500)), date=date(2026, 9, 19))
    assert of_plans(told(VISIT, (0, old))) == []


def test_plan_holds_on_its_day_where_the_vehicle_is() -> None:
    """From local midnight until four hours after the next one."""
    there = replace(plan(stop("A", 500)), time_zone="Pacific/Auckland")
    (fence,) = planned_fences([(0, there)])
    assert datetime.fromtimestamp(fence.from_ms / 1000, UTC).hour == 12  # UTC+12 in September
    assert (fence.to_ms - fence.from_ms) / 3_600_000 == 28


def test_late_data_arrives_at_the_stops_of_then() -> None:
    """A drive that is delivered after the plan was withdrawn met the plan that was in force."""
    withdrawn = replace(plan(), stops=())
    outcome = told(VISIT, (0, plan(stop("A", 500))), (START_MS + 3_600_000, withdrawn))
    assert [each[0] for each in of_plans(outcome)] == ["stop.arrived", "stop.departed"]


def test_stop_that_comes_back_is_another_fence_of_that_name() -> None:
    """Dropped and inserted again: two spans, told under one stop."""
    with_it, without = plan(stop("A", 500)), plan(stop("B", 900))
    versions = [(0, with_it), (START_MS, without), (START_MS + 60_000, with_it)]
    names = {fence.id: fence.stop for fence in planned_fences(versions)}
    assert names == {"tour-1/A": "A", "tour-1/A#2": "A", "tour-1/B": "B"}


def test_stop_without_a_place_is_left_out() -> None:
    """An address that nobody has found yet is no fence."""
    assert planned_fences([(0, plan(Stop("A", Place(address="Elm Street 5"))))]) == []


def aside(y_m: float) -> list[Fix]:
    """Drive 1,000 m along the way, then a detour so far beside it, then along it again."""
    up = [at(100 + s, 1000, y_m * s / 30) for s in range(1, 31)]
    along = straight(131, 190, 1010, 10, y_m=y_m)
    down = [at(190 + s, 1600, y_m * (30 - s) / 30) for s in range(1, 31)]
    return [*straight(0, 100, 0, 10), *up, *along, *down, *straight(221, 300, 1610, 10)]


def test_who_leaves_its_way_has_deviated_once_and_rejoined_once() -> None:
    """Measured to the segment between distant vertices, out at 100 m and back there."""
    outcome = told(aside(300), (0, plan(way_m=(-500, 5000))))
    (out, out_s, _), (back, back_s, _) = of_plans(outcome)
    assert (out, back) == ("route.deviated", "route.rejoined")
    assert out_s == pytest.approx(110, abs=1)
    assert back_s == pytest.approx(210, abs=1)


def test_who_keeps_near_its_way_has_not_deviated() -> None:
    """The parallel street 80 m away is within what maps and receivers differ."""
    assert of_plans(told(aside(80), (0, plan(way_m=(-500, 5000))))) == []


def test_who_has_not_been_on_its_way_yet_has_neither_deviated_nor_rejoined() -> None:
    """The approach to the way from elsewhere is no alert."""
    approach = [at(s, 0, 2000 - 10 * s) for s in range(200)]
    assert of_plans(told(approach, (0, plan(way_m=(-500, 5000))))) == []
