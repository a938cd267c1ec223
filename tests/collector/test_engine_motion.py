"""Stops, trips, idling, gaps and speeding of made drives."""

import random
from itertools import pairwise

import pytest

from milepost_collector.engine import Definitions
from milepost_schemas.event import rfc3339
from milepost_schemas.fix import Fix
from tests.agent.line import needs_recorded
from tests.collector.drives_truth import drive, names, time_ms
from tests.collector.engine_tracks import (
    START_MS,
    at,
    definitions,
    go,
    odometer_m,
    straight,
    track,
)


def stood(first_s: int, last_s: int, x_m: float) -> list[Fix]:
    """Fixes of a vehicle that stands, a metre of jitter."""
    chances = random.Random(first_s)
    return [
        at(second, x_m + chances.gauss(0, 1), chances.gauss(0, 1), speed_dmps=0)
        for second in range(first_s, last_s + 1)
    ]


# Stands for ten minutes, drives a kilometre, stands for ten minutes at 1,000 m.
ROUND = [
    *stood(0, 599, 0),
    *straight(600, 700, 0, 10, speed_dmps=100),
    *stood(701, 1300, 1000),
]


@pytest.mark.parametrize("size", [None, 60, 1])
def test_stop_that_is_one_only_with_its_last_seconds_before_a_hole(size: int | None) -> None:
    """It is told with the fix behind the hole, also where that begins a call."""
    fixes = track(*stood(0, 59, 0), at(163, 500, speed_dmps=0), holes=[61])
    assert go(fixes, Definitions(), size).told()[:2] == [
        ("vehicle.stopped", 0),
        ("vehicle.moved", 163),
    ]


@pytest.mark.parametrize("size", [None, 60, 1])
def test_drive_between_two_stops_is_a_trip(size: int | None) -> None:
    """Stops, idling and the trip between them have the times and places that they had."""
    outcome = go(track(*ROUND), Definitions(), size)
    assert outcome.told() == [
        ("vehicle.stopped", 0),
        ("vehicle.idling", 300),
        ("vehicle.moved", pytest.approx(603, abs=3)),
        ("trip.started", pytest.approx(603, abs=3)),
        ("vehicle.stopped", pytest.approx(697, abs=3)),
        ("trip.ended", pytest.approx(697, abs=3)),
        ("vehicle.idling", pytest.approx(997, abs=3)),
    ]
    assert odometer_m(outcome.state) == pytest.approx(1000, abs=15)


def test_trip_that_ended_says_how_long_and_how_far_it_was() -> None:
    """Begin, duration, distance and reason stand in the event, and agree with the others."""
    outcome = go(track(*ROUND), Definitions())
    started, ended = outcome.only("trip.started"), outcome.only("trip.ended")
    assert ended.data["started_at"] == rfc3339(started.time_ms)
    assert ended.data["trip_s"] == (ended.time_ms - started.time_ms) / 1000
    assert ended.data["distance_m"] == pytest.approx(1000, abs=15)
    assert ended.data["odometer_m"] - started.data["odometer_m"] == pytest.approx(
        ended.data["distance_m"], abs=0.2
    )
    assert ended.data["reason"] == "stopped"
    assert ended.data["lon_deg"] == pytest.approx(at(0, 1000).lon_deg, abs=1e-4)


def test_stop_says_where_and_moving_on_how_long_it_was() -> None:
    """The place of a stop is its middle; who moves on tells when and for how long it stood."""
    stopped, moved = go(track(*ROUND), Definitions()).events_of("vehicle.")[:3:2]
    assert (stopped.data["lat_deg"], stopped.data["lon_deg"]) == pytest.approx((0, 20), abs=1e-5)
    assert moved.data["stopped_at"] == rfc3339(stopped.time_ms)
    assert moved.data["stop_s"] == (moved.time_ms - stopped.time_ms) / 1000


def test_red_light_is_no_stop() -> None:
    """Standing for less than stop_s on the way is nothing."""
    fixes = [*straight(0, 60, 0, 10), *stood(61, 100, 600), *straight(101, 160, 600, 10)]
    assert [kind for kind, _ in go(track(*fixes), Definitions()).told()] == ["trip.started"]


def test_short_stop_does_not_end_a_trip() -> None:
    """A stop of less than trip_end_s is told, and the trip goes on."""
    fixes = [*straight(0, 60, 0, 10), *stood(61, 180, 600), *straight(181, 260, 600, 10)]
    assert [kind for kind, _ in go(track(*fixes), Definitions()).told()] == [
        "trip.started",
        "vehicle.stopped",
        "vehicle.moved",
    ]


def test_way_around_the_yard_is_no_trip() -> None:
    """A move of less than trip_m for less than trip_s is a move and no trip."""
    fixes = [*stood(0, 300, 0), *straight(301, 320, 0, 5), *stood(321, 900, 100)]
    kinds = {kind for kind, _ in go(track(*fixes), Definitions()).told()}
    assert kinds == {"vehicle.stopped", "vehicle.moved", "vehicle.idling"}


def test_gap_is_a_state_of_its_own() -> None:
    """Nothing measured for gap_s and more ends a trip where the track breaks off."""
    fixes = track(*straight(0, 100, 0, 10), *straight(1000, 1100, 20_000, 10), holes=[102])
    for size in (None, 60, 1):
        outcome = go(fixes, Definitions(), size)
        assert outcome.told() == [
            ("trip.started", 0),
            ("vehicle.gap", 100),
            ("trip.ended", 100),
            ("trip.started", 1000),
        ]
    gap = outcome.only("vehicle.gap")
    assert gap.data["gap_s"] == 900
    assert gap.data["distance_m"] == pytest.approx(19_000, rel=0.001)
    assert outcome.only("trip.ended").data["reason"] == "gap"
    assert outcome.only("trip.ended").data["distance_m"] == pytest.approx(1000, abs=5)


def test_silence_without_a_word_of_the_unit_is_a_gap_too() -> None:
    """Fixes that stand for themselves alone and lie gap_s apart have a gap between them."""
    fixes = track(*straight(0, 100, 0, 10), *straight(500, 600, 5000, 10))
    assert ("vehicle.gap", 100) in go(fixes, Definitions()).told()


def test_hole_while_parked_is_a_stop_that_goes_on() -> None:
    """Who is found where it stood before a short hole has stood there, but not idled."""
    fixes = track(*stood(0, 100, 0), *stood(340, 800, 0), holes=[102])
    assert go(fixes, Definitions()).told() == [("vehicle.stopped", 0)]


def test_idling_is_told_once_a_stop_and_not_where_it_is_not_asked_for() -> None:
    """After idle_s of standing with power; never where the rule is none."""
    fixes = track(*stood(0, 2000, 0))
    assert go(fixes, definitions(idle_s=120)).told() == [
        ("vehicle.stopped", 0),
        ("vehicle.idling", 120),
    ]
    assert go(fixes, definitions(idle_s=None)).told() == [("vehicle.stopped", 0)]


def test_speeding_is_told_once_an_excess() -> None:
    """Above the limit for long enough is one event; below it and above again is the next."""
    fast = straight(100, 160, 1000, 20, speed_dmps=200)
    slow = straight(161, 220, 2210, 10, speed_dmps=100)
    again = straight(221, 280, 2810, 20, speed_dmps=200)
    fixes = track(*straight(0, 99, 0, 10, speed_dmps=100), *fast, *slow, *again)
    outcome = go(fixes, definitions(speed_limit_mps=15, speeding_s=10))
    assert outcome.told("vehicle.speeding") == [
        ("vehicle.speeding", pytest.approx(100, abs=8)),
        ("vehicle.speeding", pytest.approx(220, abs=8)),
    ]
    (first, _) = outcome.events_of("vehicle.speeding")
    assert (first.data["limit_mps"], first.data["fence"]) == (15, None)
    assert first.data["speed_mps"] == pytest.approx(20, abs=0.3)
    assert go(fixes, definitions(speed_limit_mps=25)).events_of("vehicle.speeding") == []


def test_odometer_is_not_moved_by_who_stands() -> None:
    """Two hours of jitter are no more distance than that of the seconds before it is a stop."""
    chances = random.Random(1)
    for says in (0, None):
        fixes = [
            at(second, chances.gauss(0, 4), chances.gauss(0, 4), speed_dmps=says)
            for second in range(7200)
        ]
        assert odometer_m(go(track(*fixes), Definitions()).state) < 100


@needs_recorded
@pytest.mark.parametrize("name", names())
def test_drive_stops_and_moves_in_turns(name: str) -> None:
    """A stop begins no earlier than the one before ended, and trips do not overlap."""
    told = go(drive(name).fixes, Definitions()).events
    assert [each.data["confirmed_at"] for each in told] == sorted(
        each.data["confirmed_at"] for each in told
    )
    moves = [each for each in told if each.type in ("vehicle.stopped", "vehicle.moved")]
    for before, after in pairwise(moves):
        assert before.time_ms <= after.time_ms, (before, after)
        if after.type == "vehicle.moved":
            assert after.data["stopped_at"] == rfc3339(before.time_ms)
    trips = [each.type for each in told if each.type.startswith("trip.")]
    assert trips == (["trip.started", "trip.ended"] * len(trips))[: len(trips)]
    for event in told:
        assert START_MS > time_ms(event.data["confirmed_at"]) >= event.time_ms
