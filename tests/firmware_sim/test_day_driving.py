"""How vans drive on delivery days, with what traffic, and that the truth tells of it."""

import itertools
import math
from datetime import date, time
from pathlib import Path
from statistics import mean

import pytest
from shapely import LineString, Point, STRtree

from milepost_firmware_sim.day.driven import DrivenDay, Outcome
from milepost_firmware_sim.day.making import driven_days
from milepost_firmware_sim.day.mishaps import Mishap, Wish
from milepost_firmware_sim.day.options import DayOptions, TrackKind
from milepost_firmware_sim.drive.bends import TURNING_RADIUS_M
from milepost_firmware_sim.drive.motion import ACCELERATION_MPS2, BRAKING_MPS2
from milepost_firmware_sim.town.generator import generate_town
from milepost_firmware_sim.town.town import Town
from tests.firmware_sim.delivery_days import Days, made, seconds
from tests.firmware_sim.driven import apart_m

_SEED = 11
_TOWN = generate_town(_SEED)
_ALL = ("late-start", "delay", "detour", "incident", "left", "skipped", "silent", "off")
# Half of a street of two lanes; vans are driven in its middle.
_LANE_M = 3.5
_NOISE_M = 25.0


def _options(*wishes: Wish, **changed: object) -> DayOptions:
    usual: dict[str, object] = {
        "seed": _SEED,
        "town": None,
        "vans": 1,
        "stops": 8,
        "days": 1,
        "first": date(2026, 1, 6),
        "departs": (time(8), time(8)),
        "tracks": TrackKind.CSV,
        "every_s": 5.0,
        "wishes": wishes,
        "events": 0,
        "out": Path("nowhere"),
    }
    return DayOptions(**{**usual, **changed})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def calm() -> DrivenDay:
    """Return a round on which nothing goes wrong."""
    (day,) = driven_days(_options())
    return day


@pytest.fixture(scope="module")
def unlucky() -> DrivenDay:
    """Return the same round with all that may go wrong."""
    (day,) = driven_days(_options(*(Wish(mishap, "van-1") for mishap in Mishap)))
    return day


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Days:
    """Return a day of two vans as files; the second one has all that may go wrong."""
    wishes = " ".join(f"--{name} van-2" for name in _ALL)
    command = f"--seed {_SEED} --vans 2 --stops 8 --date 2026-01-06 --tracks csv {wishes}"
    return made(tmp_path_factory.mktemp("written") / "out", command)


def _streets(town: Town) -> STRtree:
    lines = [[town.projection.to_plane(place) for place in one.line] for one in town.streets]
    return STRtree([LineString(line) for line in lines])


def _off_street_m(tree: STRtree, point: tuple[float, float]) -> float:
    _, metres = tree.query_nearest(Point(point), return_distance=True)
    return float(metres[0])


def test_drive_stays_on_the_streets(unlucky: DrivenDay) -> None:
    """The van never leaves its lane, but for the loops in which it turns back."""
    tree = _streets(_TOWN)
    metres = [_off_street_m(tree, state.point) for state in unlucky.drive.states]
    assert max(metres) <= 2.0 * TURNING_RADIUS_M + _LANE_M
    assert sum(each > _LANE_M for each in metres) < 0.02 * len(metres)


def test_track_stays_near_the_streets(written: Days) -> None:
    """What the receivers say lies within a lane and their noise of a street."""
    tree = _streets(_TOWN)
    metres = sorted(
        _off_street_m(tree, _TOWN.projection.to_plane((fix.lon_deg, fix.lat_deg)))
        for drive in written.drives
        for fix in written.fixes(drive)
    )
    assert metres[int(0.99 * len(metres))] <= _LANE_M + _NOISE_M
    assert metres[len(metres) // 2] > 0.5, "an honest receiver is off by some metres"


def test_drive_never_jumps(unlucky: DrivenDay) -> None:
    """From second to second place and speed change by what a van can do."""
    for one, other in itertools.pairwise(unlucky.drive.states):
        assert other.speed_mps <= other.limit_mps + 0.001
        gain = other.speed_mps - one.speed_mps
        assert -BRAKING_MPS2 - 0.001 <= gain <= ACCELERATION_MPS2 + 0.001
        # Half a second of full braking and acceleration between them is the most.
        moved_m = math.dist(one.point, other.point)
        assert moved_m <= (one.speed_mps + other.speed_mps) / 2.0 + 0.5


def test_drive_stands_between_arrival_and_departure(unlucky: DrivenDay) -> None:
    """At a stop the van stands where the road meets the address, and only then and there."""
    for stop in unlucky.stops:
        if stop.stay is None:
            continue
        place = stop.planned.customer.address.point
        arrived_s, departed_s = stop.stay.arrived_s, stop.stay.departed_s
        for time_s in (arrived_s, (arrived_s + departed_s) / 2.0, departed_s):
            state = unlucky.drive.at(time_s)
            assert state.speed_mps == pytest.approx(0.0, abs=1e-6)
            assert math.dist(state.point, place) < 0.01
        assert unlucky.drive.at(arrived_s - 2.0).speed_mps > 0.5
        assert unlucky.drive.at(departed_s + 2.0).speed_mps > 0.5


def test_truth_enters_and_exits_at_the_radius(calm: DrivenDay) -> None:
    """Entered and exited are when the van crossed the circle around the stop's own place."""
    for stop in calm.stops:
        stay = stop.stay
        assert stay is not None
        door = _TOWN.projection.to_plane(stop.planned.customer.door)
        radius_m = stop.planned.stop.radius_m
        assert stay.entered_s < stay.arrived_s < stay.departed_s < stay.exited_s
        for time_s in (stay.entered_s, stay.exited_s):
            assert math.dist(calm.drive.at(time_s).point, door) == pytest.approx(radius_m, abs=0.3)
        inside = itertools.takewhile(
            lambda second, end_s=stay.exited_s: second < end_s,  # type: ignore[misc]
            itertools.count(stay.entered_s + 0.1),
        )
        for second in inside:
            assert math.dist(calm.drive.at(second).point, door) <= radius_m + 0.3


def test_truth_agrees_with_the_track(written: Days) -> None:
    """Each fix between arrival and departure lies within the stop's radius."""
    for drive in written.drives:
        fixes, plan = written.fixes(drive), written.plan(drive)
        for told, stop in zip(drive["stops"], plan.stops, strict=True):
            if told["arrived"] is None:
                continue
            assert stop.place.lat_deg is not None
            assert stop.place.lon_deg is not None
            door = stop.place.lat_deg, stop.place.lon_deg
            assert apart_m(door, (told["lat_deg"], told["lon_deg"])) < 14.5
            begin_s, end_s = seconds(told["arrived"]), seconds(told["departed"])
            inside = [fix for fix in fixes if begin_s <= fix.time_s <= end_s]
            assert all(apart_m(door, (fix.lat_deg, fix.lon_deg)) < stop.radius_m for fix in inside)


def test_truth_times_and_lengths_add_up(written: Days) -> None:
    """Legs and stops follow one another without a gap, and their lengths are the drive's."""
    for drive in written.drives:
        legs = drive["legs"]
        assert legs[0]["departed"] == drive["departed"]
        assert legs[-1]["arrived"] == drive["returned"]
        assert drive["begin"] < drive["departed"] < drive["returned"] < drive["end"]
        assert sum(leg["length_m"] for leg in legs) == pytest.approx(drive["length_m"], abs=2.0)
        stops = [stop for stop in drive["stops"] if stop["arrived"]]
        for stop, coming, going in zip(stops, legs[:-1], legs[1:], strict=True):
            assert coming["to"] == going["from"] == stop["stop"]
            assert coming["arrived"] == stop["arrived"]
            assert going["departed"] == stop["departed"]
            stood_s = seconds(stop["departed"]) - seconds(stop["arrived"])
            assert stop["waited_s"] + stop["service_s"] == pytest.approx(stood_s, abs=0.01)


def test_drive_waits_for_the_window() -> None:
    """No service begins before the stop's window does; who is early waits."""
    waited = []
    # In the evening vans are faster than planned.
    for day in driven_days(_options(stops=20, vans=2, departs=(time(20), time(20)))):
        for stop in day.stops:
            window = stop.planned.stop.window
            assert stop.stay is not None
            if window is None:
                assert stop.stay.waited_s == 0.0
                continue
            begun_s = stop.stay.arrived_s + stop.stay.waited_s
            assert day.time_ms(begun_s) >= window.from_ms - 1
            if stop.stay.waited_s > 0.0:
                waited.append(abs(day.time_ms(begun_s) - window.from_ms))
    assert waited
    assert max(waited) <= 1


def test_drive_rests_on_a_long_day() -> None:
    """After some hours the driver takes a break of 15 to 30 minutes at the roadside."""
    (day,) = driven_days(_options(stops=40))
    breaks = [one for one in day.happened if one.kind == "break"]
    assert breaks
    for one in breaks:
        assert one.lost_s is not None
        assert 900.0 <= one.lost_s <= 1800.0
        assert day.drive.at(one.begin_s + 2.0).speed_mps == 0.0
        assert day.drive.at(one.end_s - 2.0).speed_mps == 0.0
        assert day.drive.stay((one.begin_s + one.end_s) / 2.0) is None
    assert any(leg.break_s > 0.0 for leg in day.legs)


def test_mishap_late_start(calm: DrivenDay, unlucky: DrivenDay) -> None:
    """The van leaves 10 to 30 minutes later than it would have."""
    late_s = unlucky.legs[0].departed_s - calm.legs[0].departed_s
    assert 600.0 <= late_s <= 1800.0
    (told,) = _told(unlucky, "late_start")
    assert told.end_s == unlucky.legs[0].departed_s
    assert _told(calm, "late_start") == []


def test_mishap_delay(unlucky: DrivenDay) -> None:
    """One leg takes 5 to 25 minutes more, most of which the van creeps or stands on it."""
    (told,) = _told(unlucky, "delay")
    (leg,) = [leg for leg in unlucky.legs if leg.goal == told.stop]
    assert [one.delay_s > 0.0 for one in unlucky.legs].count(True) == 1
    assert told.lost_s == leg.delay_s
    assert 300.0 <= leg.delay_s <= 1500.0
    assert leg.departed_s <= told.begin_s < told.end_s <= leg.arrived_s + 1.0
    jammed = range(math.ceil(told.begin_s), math.floor(told.end_s))
    assert mean(unlucky.drive.at(float(second)).speed_mps for second in jammed) < 1.5
    assert told.end_s - told.begin_s >= leg.delay_s


def test_mishap_detour(unlucky: DrivenDay) -> None:
    """One leg is longer than planned, and keeps off a part of the planned way."""
    (told,) = _told(unlucky, "detour")
    (leg,) = [leg for leg in unlucky.legs if leg.goal == told.stop]
    assert leg.planned_m is not None
    assert leg.length_m > leg.planned_m + 75.0
    (stop,) = [stop for stop in unlucky.stops if stop.planned.stop.id == told.stop]
    seconds_of_leg = range(math.ceil(leg.departed_s), math.floor(leg.arrived_s))
    driven = LineString([unlucky.drive.at(float(second)).point for second in seconds_of_leg])
    away = [driven.distance(Point(point)) for point in stop.planned.leg.way.path.points]
    assert max(away) > 20.0


def test_mishaps_at_stops(calm: DrivenDay, unlucky: DrivenDay) -> None:
    """Nobody at home, left without being made, never driven to: one stop each; the rest is made."""
    assert {stop.outcome for stop in calm.stops} == {Outcome.COMPLETED}
    outcomes = [stop.outcome for stop in unlucky.stops]
    for outcome in (Outcome.INCIDENT, Outcome.LEFT, Outcome.SKIPPED):
        assert outcomes.count(outcome) == 1
        (stop,) = [stop for stop in unlucky.stops if stop.outcome is outcome]
        (told,) = _told(unlucky, outcome.value)
        assert told.stop == stop.planned.stop.id
        assert (stop.stay is None) == (outcome is Outcome.SKIPPED)
        if stop.stay is not None:
            assert 60.0 < stop.stay.service_s < 160.0
            assert told.end_s == stop.stay.departed_s
    skipped = _told(unlucky, "skipped")[0].stop
    assert skipped not in [leg.goal for leg in unlucky.legs]


def test_mishap_silence(written: Days) -> None:
    """Without a network all is measured; while the receiver is off nothing is."""
    drive = written.drives[1]
    events = {event["kind"]: event for event in drive["events"]}
    times = [fix.time_s for fix in written.fixes(drive)]
    for kind in ("unsent", "off"):
        begin_s, end_s = seconds(events[kind]["begin"]), seconds(events[kind]["end"])
        assert end_s - begin_s > 300.0
        within = [time_s for time_s in times if begin_s <= time_s < end_s]
        assert len(within) == (
            0 if kind == "off" else pytest.approx((end_s - begin_s) / 5, rel=0.2)
        )
    assert times[-1] == pytest.approx(seconds(drive["end"]), abs=5.0)
    assert written.drives[0]["events"] == []


def _told(day: DrivenDay, kind: str) -> list:  # type: ignore[type-arg]
    return [one for one in day.happened if one.kind == kind]
