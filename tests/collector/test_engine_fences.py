"""Fences: crossings, stays, passages, for whom and when they hold, and their changes."""

from itertools import pairwise
from typing import Any

import pytest

from milepost_collector.engine import Definitions
from milepost_schemas.event import rfc3339
from milepost_schemas.fix import Fix, FixKind, KeptFix
from tests.collector.engine_tracks import (
    ORIGIN,
    START_MS,
    X_M,
    Y_M,
    at,
    definitions,
    go,
    place,
    square,
    straight,
    track,
    version,
)
from tests.collector.fences import circle, corridor, polygon, polygons

YARD = definitions(circle("yard", ORIGIN, 100))


def test_way_through_a_circle_tells_both_crossings() -> None:
    """A circle is entered and exited at the instants interpolated between two fixes."""
    outcome = go(track(*straight(0, 50, -205, 10)), YARD)
    assert outcome.crossings() == [
        ("entered", "yard", pytest.approx(10.5, abs=0.05)),
        ("exited", "yard", pytest.approx(30.5, abs=0.05)),
    ]
    entered, exited = outcome.events_of("fence.")
    assert (
        entered.data["evidence"]["edge_distance_m"] < 0 < exited.data["evidence"]["edge_distance_m"]
    )
    assert entered.data["evidence"]["error_m"] == pytest.approx(6.8, abs=0.1)
    assert exited.data["inside_s"] == pytest.approx(20, abs=0.1)
    assert entered.data["passed"] is exited.data["passed"] is False


def test_way_between_distant_fixes_is_interpolated_on_the_line() -> None:
    """The instant of a crossing is that of the straight line between the fixes, also far apart."""
    outcome = go(track(at(0, -600), at(60, 0), at(61, 0)), YARD)
    assert outcome.crossings() == [("entered", "yard", pytest.approx(50, abs=0.1))]


@pytest.mark.parametrize(
    "feature",
    [circle("yard", ORIGIN, 100), polygon("yard", square(100))],
    ids=["circle", "polygon"],
)
def test_way_that_ends_beyond_the_middle_is_interpolated_at_the_edge(
    feature: dict[str, Any],
) -> None:
    """The instant is that of the edge, also where the way goes on far into the fence or across."""
    fixes = track(at(0, -900), at(98, 80), at(100, 60), at(110, -200), at(111, -230))
    ((_, _, entered_s), (_, _, exited_s)) = go(fixes, definitions(feature)).crossings()
    assert entered_s == pytest.approx(80, abs=0.05)
    assert exited_s == pytest.approx(100 + 10 * 160 / 260, abs=0.05)


def test_long_polygon_is_entered_at_its_own_edge() -> None:
    """A long narrow fence is entered at its edge, not at the circle around it."""
    ring = [place(x, y) for x, y in [(-1000, -20), (1000, -20), (1000, 20), (-1000, 20)]]
    fixes = track(at(0, 0, -2020), at(202, 0, 0), at(222, 0, 100), at(226, 0, 120))
    assert go(fixes, definitions(polygon("road", ring))).crossings() == [
        ("entered", "road", pytest.approx(200, abs=0.1)),
        ("exited", "road", pytest.approx(206, abs=0.1)),
    ]


def test_hole_of_a_polygon_is_outside() -> None:
    """Driving through a ring is an entry and an exit on either side of its hole."""
    ring = definitions(polygon("ring", square(200), square(100)))
    assert go(track(*straight(0, 60, -305, 10)), ring).crossings() == [
        ("entered", "ring", pytest.approx(10.5, abs=0.05)),
        ("exited", "ring", pytest.approx(20.5, abs=0.05)),
        ("entered", "ring", pytest.approx(40.5, abs=0.05)),
        ("exited", "ring", pytest.approx(50.5, abs=0.05)),
    ]


def test_multipolygon_is_one_fence_of_several_areas() -> None:
    """Each of its areas is entered and exited under one name."""
    both = definitions(polygons("both", [square(100)], [square(100, 600)]))
    assert [each[:2] for each in go(track(*straight(0, 100, -205, 10)), both).crossings()] == [
        ("entered", "both"),
        ("exited", "both"),
    ] * 2


def test_corridor_reaches_half_its_width_to_each_side() -> None:
    """A road of 40 m is left 20 m from its middle."""
    road = definitions(corridor("road", [place(-500, 0), place(500, 0)], 40))
    along = straight(0, 20, -100, 10)
    away = [at(20 + second, 100, 5 * second) for second in range(1, 20)]
    assert go(track(*along, *away), road).crossings() == [
        ("entered", "road", 0.0),
        ("exited", "road", pytest.approx(24, abs=0.1)),
    ]


E = 500 / X_M


@pytest.mark.parametrize(
    "feature",
    [
        circle("yard", Fix(0, 0, 180_000_000), 500),
        circle("yard", Fix(0, 0, -180_000_000), 500),
        polygon("yard", [(180 - E, -E), (E - 180, -E), (E - 180, E), (180 - E, E)]),
        corridor("yard", [(180, -500 / Y_M), (-180, 500 / Y_M)], 1000),
    ],
    ids=["circle", "circle from the west", "polygon", "corridor"],
)
def test_fence_on_the_date_line_is_one_fence(feature: dict[str, Any]) -> None:
    """A fence on the date line is entered and exited once, whatever the sign of the longitude."""

    def across(second: int) -> Fix:
        east_e6 = round((-1005 + 10 * second) / X_M * 1e6)
        lon_e6 = 180_000_000 + east_e6 if east_e6 <= 0 else -180_000_000 + east_e6
        return Fix(START_MS + second * 1000, 0, lon_e6, hdop_tenths=9, kind=FixKind.THREE_D)

    for size in (None, 7):
        assert go(track(*map(across, range(201))), definitions(feature), size).crossings() == [
            ("entered", "yard", pytest.approx(50.5, abs=0.2)),
            ("exited", "yard", pytest.approx(150.5, abs=0.2)),
        ]


def test_first_fix_inside_is_an_entry_then() -> None:
    """Who is in a fence at its first fix entered it then, once that is believed."""
    fixes = [*straight(0, 10, 0, 5), *straight(11, 30, 55, 10)]
    outcome = go(track(*fixes), YARD)
    assert [each[:2] for each in outcome.crossings()] == [("entered", "yard"), ("exited", "yard")]
    assert outcome.crossings()[0][2] == 0


@pytest.mark.parametrize("shape", ["circle", "polygon", "corridor"])
@pytest.mark.parametrize("step_s", [10, 30])
def test_way_through_between_two_fixes_is_a_passage(shape: str, step_s: int) -> None:
    """A fence on the way between two fixes is entered and exited, in this order, as passed."""
    features = {
        "circle": circle("gate", ORIGIN, 40),
        "polygon": polygon("gate", square(40)),
        "corridor": corridor("gate", [place(0, -300), place(0, 300)], 80),
    }
    way_m = 10.0 * step_s
    fixes = track(*(at(step_s * n, way_m * (n - 2.5)) for n in range(6)))
    outcome = go(fixes, definitions(features[shape]))
    middle_s = 2.5 * step_s
    assert outcome.crossings() == [
        ("entered", "gate", pytest.approx(middle_s - 4, abs=0.1)),
        ("exited", "gate", pytest.approx(middle_s + 4, abs=0.1)),
    ]
    assert [event.data["passed"] for event in outcome.events_of("fence.")] == [True, True]


def test_way_past_a_fence_between_two_fixes_is_nothing() -> None:
    """A way that only comes near is no passage."""
    fixes = track(*(at(10 * n, 100 * (n - 2.5), 60) for n in range(6)))
    assert go(fixes, definitions(circle("gate", ORIGIN, 40))).crossings() == []


def test_hole_on_the_way_through_hides_the_passage() -> None:
    """Across a hole nothing is interpolated: nobody knows whether it went through."""
    fixes = track(*(at(10 * n, 100 * (n - 2.5)) for n in range(6)), holes=[4])
    assert go(fixes, definitions(circle("gate", ORIGIN, 40))).crossings() == []


def test_crossing_in_a_hole_has_the_instant_of_the_fix_that_shows_it() -> None:
    """Who is found on the other side of an edge after a hole has crossed it then."""
    there = [*straight(0, 5, -600, 0), *straight(600, 605, 0, 0), *straight(1200, 1205, 600, 0)]
    assert go(track(*there, holes=[7, 13]), YARD).crossings() == [
        ("entered", "yard", 600),
        ("exited", "yard", 1200),
    ]


def test_crossing_that_was_taken_back_is_forgotten() -> None:
    """Of ways over the edge and back only the one that lasts is told."""
    places = [-120, -98, -103, -98, *range(-90, 0, 10)]
    ((kind, _, time_s),) = go(track(*(at(s, x) for s, x in enumerate(places))), YARD).crossings()
    assert kind == "entered"
    assert 0.9 <= time_s <= 2.7


def test_who_stays_has_dwelled_once() -> None:
    """After the fence's time it is told, once a stay, at the instant at which it was reached."""
    known = definitions(circle("yard", ORIGIN, 100, dwell_s=60))
    stay = [*straight(0, 20, -205, 10), *straight(21, 300, -5, 0), *straight(301, 330, 5, 10)]
    back = [*straight(400, 420, 205, -10), *straight(421, 500, -5, 0)]
    outcome = go(track(*stay, *back), known)
    assert [each[0] for each in outcome.crossings()] == [
        "entered",
        "dwelled",
        "exited",
        "entered",
        "dwelled",
    ]
    entered, dwelled = outcome.events_of("fence.")[:2]
    assert dwelled.time_ms == entered.time_ms + 60_000
    assert dwelled.data["dwell_s"] == 60
    assert dwelled.data["entered_at"] == rfc3339(entered.time_ms)


def test_who_leaves_before_its_time_has_not_dwelled() -> None:
    """A stay of less than the fence's time is an entry and an exit only."""
    known = definitions(circle("yard", ORIGIN, 100, dwell_s=21))
    assert [each[0] for each in go(track(*straight(0, 50, -205, 10)), known).crossings()] == [
        "entered",
        "exited",
    ]


def test_fence_holds_for_its_vehicles_only() -> None:
    """A fence with a list of vehicles is not there for others."""
    known = definitions(
        circle("mine", ORIGIN, 100, vehicles=["van-1"]), circle("other", ORIGIN, 100, vehicles=[])
    )
    fixes = track(*straight(0, 50, -205, 10))
    assert {each[1] for each in go(fixes, known).crossings()} == {"mine"}
    assert go(fixes, known, vehicle="van-2").crossings() == []


def test_fence_holds_in_its_time_only() -> None:
    """From valid_from on and until before valid_to; who is inside at first entered it then."""
    known = definitions(
        circle(
            "yard",
            ORIGIN,
            100,
            valid_from=rfc3339(START_MS + 30_000),
            valid_to=rfc3339(START_MS + 60_000),
        )
    )
    outcome = go(track(*straight(0, 90, -5, 0)), known)
    assert outcome.crossings() == [("entered", "yard", 30)]
    assert outcome.state.fences == {}
    assert go(track(*straight(61, 111, -205, 10)), known).crossings() == []


def test_fence_put_around_a_parked_vehicle_is_entered_when_it_comes_into_force() -> None:
    """Of a version with a fence around who stands there, the entry is told, and later its exit."""
    known = Definitions(1, [(START_MS + 30_000, version(circle("yard", ORIGIN, 100)))])
    fixes = [*straight(0, 90, 0, 0), *straight(91, 120, 10, 10)]
    assert go(track(*fixes), known).crossings() == [
        ("entered", "yard", 30),
        ("exited", "yard", pytest.approx(100, abs=0.1)),
    ]


def test_fence_that_is_removed_tells_no_exit() -> None:
    """Nobody leaves a fence that is no more; put back, it is entered anew."""
    there, gone = version(circle("yard", ORIGIN, 100)), version()
    known = Definitions(
        3, [(START_MS, there), (START_MS + 30_000, gone), (START_MS + 60_000, there)]
    )
    assert go(track(*straight(0, 90, 0, 0)), known).crossings() == [
        ("entered", "yard", 0),
        ("entered", "yard", 60),
    ]


def test_fence_that_is_moved_away_is_left_then() -> None:
    """The same fence at another place: who stands where it was is outside from then on."""
    known = Definitions(
        2,
        [
            (START_MS, version(circle("yard", ORIGIN, 100))),
            (START_MS + 30_000, version(circle("yard", at(0, 1000), 100))),
        ],
    )
    (entered, exited) = go(track(*straight(0, 90, 0, 0)), known).crossings()
    assert entered == ("entered", "yard", 0)
    assert exited[:2] == ("exited", "yard")
    assert 29 <= exited[2] <= 31


def test_fence_that_is_the_same_in_the_next_version_goes_on() -> None:
    """A version that changes others tells nothing of a fence that stays."""
    yard = circle("yard", ORIGIN, 100)
    known = Definitions(
        2,
        [
            (START_MS, version(yard)),
            (START_MS + 30_000, version(yard, circle("far", at(0, 9e3), 9))),
        ],
    )
    assert go(track(*straight(0, 90, 0, 0)), known).crossings() == [("entered", "yard", 0)]


def test_fence_with_a_limit_has_its_own_too_fast() -> None:
    """Above a fence's limit for long enough within it is told with the fence's name."""
    known = definitions(
        corridor("lane", [place(-300, 0), place(300, 0)], 40, speed_limit_mps=8), speeding_s=5
    )
    fixes = straight(0, 60, -600, 20, speed_dmps=200)
    (speeding,) = go(track(*fixes), known).events_of("vehicle.speeding")
    assert (speeding.data["fence"], speeding.data["limit_mps"]) == ("lane", 8)
    assert speeding.data["speed_mps"] == pytest.approx(20, abs=0.2)
    assert (speeding.time_ms - START_MS) / 1000 == pytest.approx(15, abs=8)


def ways(first: KeptFix, second: KeptFix) -> float:
    """How far apart two fixes of a track on the equator are in longitude, metres."""
    return abs(second.fix.lon_e6 - first.fix.lon_e6) / 1e6 * X_M


def test_made_track_is_as_far_apart_as_it_says() -> None:
    """The tracks of these tests are in metres: 10 m a second to within what a fix resolves."""
    assert all(abs(ways(*pair) - 10) < 0.2 for pair in pairwise(track(*straight(0, 9, 0, 10))))
