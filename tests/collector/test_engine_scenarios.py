"""Tables of inputs and expected answers of peers: motion, trips, overspeed, crossings, filters.

Where ours differs on purpose, our answer stands beside the reason.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from milepost_collector.engine import Doubt
from milepost_schemas.event import Event
from milepost_schemas.fix import Fix, FixKind, KeptFix
from tests.agent.line import RECORDED, needs_recorded
from tests.collector.drives_truth import time_ms
from tests.collector.engine_tracks import at, definitions, go, track
from tests.collector.fences import circle


def cases(table: str) -> list[Any]:
    """The cases of a table; none where the data is absent."""
    path = RECORDED / f"scenarios/{table}.json"
    if not path.exists():
        return []
    told = json.loads(path.read_text(encoding="utf-8"))["cases"]
    return [pytest.param(case, id=f"{number}-{case['name']}") for number, case in enumerate(told)]


def driven(case: dict[str, Any], *, before: bool) -> list[KeptFix]:
    """Put the points of a case on a line, by their odometer.

    Args:
        case: Its points have instants, and odometers in metres.
        before: Also ten minutes of what it did before: stood or drove, as its state at first says.
    """
    first_ms = time_ms(case["points"][0]["t"])
    fixes = []
    if before:
        speed_mps = 10.0 if case["initial_state"] == "moving" else 0.0
        first_m = case["points"][0]["odometer_m"]
        fixes += [
            on_line(first_ms + second * 1000, first_m + speed_mps * second)
            for second in range(-600, 0, 10)
        ]
    fixes += [on_line(time_ms(each["t"]), each["odometer_m"]) for each in case["points"]]
    return track(*fixes)


def on_line(at_ms: int, way_m: float, **measured: Any) -> Fix:
    """A fix at an instant, so far along a line to the east."""
    return replace(at(0, way_m, **measured), time_ms=at_ms)


def seconds_after(case: dict[str, Any], at_ms: int) -> float:
    """How long after the first point of a case something was."""
    return (at_ms - time_ms(case["points"][0]["t"])) / 1000


# How near our instants are to a peer's. A stop is a place of 30 m for us, and begins and ends where
# that is entered and left: at the speeds of the tables some seconds off.
WITHIN_S = 25.0

TRIP_TYPES = {"trip.started": "moving", "trip.ended": "stopped"}

# Where our trips differ from the peer's on purpose: ours, in seconds after the first point, and
# why.
MOVING_DIFFERS: dict[str, tuple[list[tuple[str, float]], str]] = {
    "start_by_time": (
        [],
        "10 m each half minute is within the noise of a parked receiver: places, not flags, count, "
        "so each 30 m are a stop",
    ),
    "traffic_light": (
        [("stopped", 60), ("moving", 247)],
        "its last 20 m before the light took 15 s, and it left at 40 m in 15 s more: at one place "
        "of 30 m for 187 s, which is above 180 s",
    ),
    "gap_while_moving": (
        [("stopped", 60), ("moving", 960)],
        "after a gap a trip begins where the vehicle is found, not at the fix after",
    ),
    "duplicate_timestamps": (
        [],
        "of two fixes of one instant the second is not believed, so nothing has moved yet",
    ),
}


def rules_of(case: dict[str, Any]) -> dict[str, float]:
    """The peer's parameters as our rules; what has none keeps its usual one."""
    told = case["params"]
    return {
        "trip_m": told["min_trip_m"],
        "trip_s": told["min_trip_s"],
        "trip_end_s": told["min_stop_s"],
        "gap_s": told.get("no_data_s", 900),
    }


@needs_recorded
@pytest.mark.parametrize("case", cases("motion_events"))
def test_trip_begins_and_ends_when_the_peer_says(case: dict[str, Any]) -> None:
    """The peer's moving and stopped are our trip.started and trip.ended, at the same instants.

    We have no ignition: both of its cases are a stop confirmed by its length, with the same time.
    """
    outcome = go(driven(case, before=True), definitions(**rules_of(case)))
    told: list[tuple[str, Any]] = [
        (TRIP_TYPES[event.type], seconds_after(case, event.time_ms))
        for event in outcome.events_of("trip.")
    ]
    if case["initial_state"] == "moving":
        assert told.pop(0)[0] == "moving"  # on the way to the first point
    wanted = [
        (event["type"], seconds_after(case, time_ms(event["time"]))) for event in case["events"]
    ]
    wanted, _ = MOVING_DIFFERS.get(case["name"], (wanted, ""))
    assert told == [(kind, pytest.approx(at_s, abs=WITHIN_S)) for kind, at_s in wanted]


# Peer's trips that are not ours: the numbers of ours and why.
TRIPS_DIFFER: dict[str, tuple[list[tuple[float, float, float]], str]] = {
    "never_stops": ([], "a trip is told as ended when it has ended; the track ends on the way"),
    "fluctuating_speed": (
        [(60, 360, 3960)],
        "40 m in the three minutes after it came to 3,960 m are one place: it stands there",
    ),
    "gap_ends_trip": (
        [(0, 300, 3960)],
        "the second trip has not ended when the track does; it is started at 1800 s, where the "
        "vehicle is found after the gap",
    ),
}

# At either end of a trip is a place of 30 m, within which nothing is counted; and 2 % of the way.
PLACE_M = 60.0


@needs_recorded
@pytest.mark.parametrize("case", cases("trips_and_stops"))
def test_trip_is_as_long_as_the_peer_says(case: dict[str, Any]) -> None:
    """Begin, end and length of every trip that has ended are the peer's."""
    outcome = go(driven(case, before=False), definitions(**rules_of(case)))
    told: list[tuple[Any, ...]] = [
        (
            seconds_after(case, time_ms(event.data["started_at"])),
            seconds_after(case, event.time_ms),
            event.data["distance_m"],
        )
        for event in outcome.events_of("trip.ended")
    ]
    wanted = [
        (
            seconds_after(case, time_ms(trip["start"])),
            seconds_after(case, time_ms(trip["end"])),
            trip["distance_m"],
        )
        for trip in case["trips"]
    ]
    wanted, _ = TRIPS_DIFFER.get(case["name"], (wanted, ""))
    assert told == [
        (
            pytest.approx(start_s, abs=WITHIN_S),
            pytest.approx(end_s, abs=WITHIN_S),
            pytest.approx(way_m, abs=max(PLACE_M, way_m / 50)),
        )
        for start_s, end_s, way_m in wanted
    ]


@needs_recorded
@pytest.mark.parametrize("case", cases("trips_and_stops"))
def test_stop_begins_when_the_peer_says(case: dict[str, Any]) -> None:
    """Where the peer has a stop we tell one at the same instant, or a gap that begins there.

    We tell shorter ones, too: from a minute on, where the peer waits for the end of a trip.
    """
    outcome = go(driven(case, before=False), definitions(**rules_of(case)))
    told = [
        seconds_after(case, event.time_ms)
        for event in outcome.events
        if event.type in ("vehicle.stopped", "vehicle.gap")
    ]
    for stop in case["stops"]:
        began_s = seconds_after(case, time_ms(stop["start"]))
        assert any(abs(each - began_s) <= WITHIN_S for each in told), stop


# From point to point of the tables are up to ten seconds: what a speed did in between is not said.
STEP_S = 10.0

OVERSPEED_DIFFERS: dict[str, tuple[list[tuple[float, float]], str]] = {
    "zero_minimum": (
        [(0, 14.9)],
        "the last point is above the limit for 4 s and less: not in the mean over five seconds",
    ),
    "too_short": (
        [(0.5, 18.9)],
        "the peer counts from the first fix above the limit; a speed that rises steadily from the "
        "fix before was above it for 14 s, not 9",
    ),
    "rearm": (
        [(30, 16.9)],
        "our speed is that over five seconds of the track, which are vouched for when samples are "
        "taken, not that of one fix; 1 m/s above the limit for 10 s is less than 10 s of those",
    ),
}


def sped(case: dict[str, Any]) -> list[KeptFix]:
    """Drive a case's speeds, steady between its points; 20 s below the limit before and after."""
    below_mps = 0.8 * case["limit_mps"]
    first_ms, last_ms = (time_ms(case["points"][end]["t"]) for end in (0, -1))
    points = [(time_ms(each["t"]), each["speed_mps"]) for each in case["points"]]
    known = [(first_ms - 1000, below_mps), *points, (last_ms + 1000, below_mps)]
    times_ms, speeds_mps = [each[0] for each in known], [each[1] for each in known]
    fixes, way_m, before_mps = [], 0.0, below_mps
    for at_ms in range(first_ms - 20_000, last_ms + 20_001, 1000):
        speed_mps = float(np.interp(at_ms, times_ms, speeds_mps))
        way_m, before_mps = way_m + (before_mps + speed_mps) / 2, speed_mps
        fixes.append(on_line(at_ms, way_m, speed_dmps=round(speed_mps * 10)))
    return track(*fixes)


@needs_recorded
@pytest.mark.parametrize("case", cases("overspeed"))
def test_speeding_is_told_when_the_peer_says(case: dict[str, Any]) -> None:
    """Each excess that lasts is told once, with when it began and the most of it."""
    rules = definitions(speed_limit_mps=case["limit_mps"], speeding_s=case["min_s"])
    told: list[tuple[Any, ...]] = [
        (seconds_after(case, event.time_ms), event.data["speed_mps"])
        for event in go(sped(case), rules).events_of("vehicle.speeding")
    ]
    wanted = [
        (seconds_after(case, time_ms(event["began"])), event["speed_mps"])
        for event in case["events"]
    ]
    wanted, _ = OVERSPEED_DIFFERS.get(case["name"], (wanted, ""))
    # The most may come after it is told.
    assert told == [
        (pytest.approx(began_s, abs=STEP_S), pytest.approx(speed_mps, rel=0.25))
        for began_s, speed_mps in wanted
    ]


# The tables say places without instants; from one to the next we take so long.
PACE_S = 20

CROSSINGS_DIFFER: dict[str, tuple[list[tuple[str, int]], str]] = {
    "skim": (
        [],
        "the chord is shallower than a vehicle may have been beside the straight way in 20 s",
    ),
    "flapping_no_hysteresis": (
        [("enter", 0)],
        "to and fro over the edge by 20 m, never on one side for long enough to be believed",
    ),
}


def paced(positions: Sequence[Sequence[float]]) -> list[KeptFix]:
    """Put an instant to each place."""
    return track(
        *(
            replace(at(PACE_S * number, 0), lat_e6=round(lat * 1e6), lon_e6=round(lon * 1e6))
            for number, (lat, lon) in enumerate(positions)
        )
    )


def places(told: list[Event]) -> list[tuple[str, int]]:
    """Crossings as the peers name them, each with the first place at or after it."""
    found = []
    for event in told:
        place = math.ceil((event.time_ms - at(0, 0).time_ms) / 1000 / PACE_S)
        if not event.data["passed"]:
            found.append(({"entered": "enter", "exited": "exit"}[event.type[6:]], place))
        elif event.type == "fence.entered":
            found.append(("cross", place))
    return found


def middle(lat_deg: float, lon_deg: float) -> Fix:
    """The middle of a circle."""
    return Fix(0, round(lat_deg * 1e6), round(lon_deg * 1e6))


@needs_recorded
@pytest.mark.parametrize("case", cases("fence_notifications"))
def test_fence_is_crossed_at_the_place_that_the_peer_says(case: dict[str, Any]) -> None:
    """Entries, exits and passages are the peer's; that it is inside or outside is no event of ours.

    What the peer was not asked to detect we leave out here; we always tell all three.
    """
    told = go(
        paced(case["positions"]),
        definitions(circle("fence", middle(*case["fence"]["center"]), case["fence"]["radius_m"])),
    ).events_of("fence.")
    known = {"enter", "exit", "cross"} & set(case["detect"] or ["enter", "exit", "cross"])
    wanted = [
        (kind, place)
        for place, kinds in enumerate(case["notifications"])
        for kind in kinds
        if kind in known
    ]
    wanted, _ = CROSSINGS_DIFFER.get(case["name"], (wanted, ""))
    assert [each for each in places(told) if each[0] in known] == wanted


@needs_recorded
@pytest.mark.parametrize("case", cases("waypoint_transitions"))
def test_waypoint_is_entered_and_left_where_the_peer_says(case: dict[str, Any]) -> None:
    """Transitions are the peer's; who was inside has been at the middle before."""
    point = case["waypoint"]
    before = [[point["lat"], point["lon"]]] * case["was_inside"]
    outcome = go(
        paced(before + case["positions"]),
        definitions(circle("point", middle(point["lat"], point["lon"]), point["rad"])),
    )
    told = places(outcome.events_of("fence."))
    if before:
        assert told.pop(0) == ("enter", 0)
    wanted = [
        (each["event"].replace("leave", "exit"), each["position"] + len(before))
        for each in case["transitions"]
    ]
    wanted, _ = CROSSINGS_DIFFER.get(case["name"], (wanted, ""))
    assert told == wanted


# What a peer may leave out before it stores anything, and what we do: we store every row, and the
# engine does not believe these. The other rules are for storage: see the reasons.
FILTERED: dict[str, tuple[Fix, Doubt]] = {
    "invalid": (at(10, 100, kind=FixKind.NONE), Doubt.NO_LOCK),
    "zero": (Fix(at(10, 0).time_ms, 0, 0, kind=FixKind.THREE_D), Doubt.ZERO_ZERO),
    "accuracy": (at(10, 100, error_dm=2000), Doubt.IMPRECISE),
    "duplicate": (at(9, 90), Doubt.LATE),
    "max_speed": (at(10, 5000), Doubt.TELEPORT),
}
NOT_FILTERED = {
    "future": "fixes outside now - 400 days .. now + 1 h go to quarantine before the engine",
    "past": "likewise; within that, a late fix is as good as any",
    "static": "a fix of a standing vehicle is what a stop is made of",
    "distance": "likewise; the unit's sampler leaves out what says nothing",
    "min_period": "the engine works in seconds and metres: more fixes a second change nothing",
}


def test_every_filter_of_the_peer_is_answered() -> None:
    """Each rule of the peer has a doubt of ours, or a reason why it has none."""
    path = RECORDED / "scenarios/filter_rules.json"
    if not path.exists():
        pytest.skip(f"the recorded data is not at {RECORDED}")
    told = {rule["rule"] for rule in json.loads(path.read_text(encoding="utf-8"))["rules"]}
    assert told == set(FILTERED) | set(NOT_FILTERED)


@pytest.mark.parametrize("rule", FILTERED)
def test_fix_that_the_peer_filters_is_not_believed(rule: str) -> None:
    """What a rule of the peer leaves out has a doubt with our reason, and moves nothing."""
    fix, doubt = FILTERED[rule]
    before = [at(second, 10 * second) for second in range(10)]
    outcome = go(track(*before, fix), definitions())
    assert outcome.doubts == [(fix, doubt)]
    assert outcome.state.last is not None
    assert outcome.state.last.time_ms == before[-1].time_ms
