"""The physics of a drive, as its truth tells, and what a receiver writes of it."""

import itertools
import math
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from milepost_firmware_sim.drive.bends import TURNING_RADIUS_M, pieces_of
from milepost_firmware_sim.drive.delivery_round import drive_through
from milepost_firmware_sim.drive.drive import Drive
from milepost_firmware_sim.drive.motion import ACCELERATION_MPS2, BRAKING_MPS2, SIDEWAYS_MPS2
from milepost_firmware_sim.path import Path as Way
from milepost_firmware_sim.path import Stretch
from milepost_firmware_sim.receiver.receiver import receive
from milepost_firmware_sim.replay.recording import parse
from milepost_firmware_sim.sentence import Checksum, find_sentence
from milepost_firmware_sim.town.generator import generate_town
from milepost_firmware_sim.town.town import Town
from tests.firmware_sim.driven import Driven, apart_m, driven
from tests.firmware_sim.programs import run

_SEEDS = range(3)
_BEGIN = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
_HZ = 10


@cache
def _driven(seed: int) -> tuple[Town, Drive]:
    town = generate_town(seed)
    return town, drive_through(town, seed)


@pytest.fixture(scope="module")
def round_trip(tmp_path_factory: pytest.TempPathFactory) -> Driven:
    """Return a delivery round at 10 Hz."""
    return driven(tmp_path_factory.mktemp("round"), f"--seed 6 --stops 4 --rate {_HZ}")


@pytest.mark.parametrize("seed", _SEEDS)
def test_drive_speed_keeps_the_limits(seed: int) -> None:
    """The van is never faster than its street allows, and gets along all the same."""
    _, drive = _driven(seed)
    assert all(state.speed_mps <= state.limit_mps + 0.001 for state in drive.states)
    moving = [state.speed_mps for state in drive.states if state.speed_mps > 0.0]
    assert sum(moving) / len(moving) > 5.0


def test_truth_acceleration_is_bounded(round_trip: Driven) -> None:
    """From one instant to the next speed changes by what engine and brakes can do."""
    gains = [
        (other.speed_mps - one.speed_mps) * _HZ
        for one, other in itertools.pairwise(round_trip.rows)
    ]
    rounding = 0.002 * _HZ
    assert -BRAKING_MPS2 - rounding <= min(gains) < -BRAKING_MPS2 + 0.1
    assert ACCELERATION_MPS2 - 0.1 < max(gains) <= ACCELERATION_MPS2 + rounding


def test_truth_sideways_acceleration_is_bounded(round_trip: Driven) -> None:
    """Speed times turn rate stays below what keeps parcels in place, and bends do reach it."""
    sideways = []
    for one, other in itertools.pairwise(round_trip.rows):
        turn_deg = (other.course_deg - one.course_deg + 180.0) % 360.0 - 180.0
        speed_mps = (one.speed_mps + other.speed_mps) / 2.0
        sideways.append(abs(math.radians(turn_deg)) * _HZ * speed_mps)
    assert SIDEWAYS_MPS2 - 0.1 < max(sideways) <= SIDEWAYS_MPS2 + 0.01


def test_truth_places_follow_speed_and_course(round_trip: Driven) -> None:
    """Each instant lies where speed and course of the one before lead, to centimetres."""
    for one, other in itertools.pairwise(round_trip.rows):
        moved_m = apart_m((one.lat_deg, one.lon_deg), (other.lat_deg, other.lon_deg))
        assert moved_m == pytest.approx((one.speed_mps + other.speed_mps) / 2.0 / _HZ, abs=0.01)


def test_truth_stands_still_at_every_stop(round_trip: Driven) -> None:
    """Between arrival and departure nothing moves: not the place, not the course, not the speed."""
    stops = round_trip.told["stops"]
    assert len(stops) == 6
    assert stops[0]["name"] == stops[-1]["name"] == "Depot"
    for stop in stops[1:-1]:
        arrived = datetime.fromisoformat(stop["arrived"])
        departed = datetime.fromisoformat(stop["departed"])
        assert 60.0 <= (departed - arrived).total_seconds() <= 240.0
        inside = [row for row in round_trip.rows if arrived <= row.time <= departed]
        assert len({(row.lat_deg, row.lon_deg, row.course_deg) for row in inside}) == 1
        assert {(row.speed_mps, row.stands, row.stop) for row in inside} == {
            (0.0, True, stop["name"])
        }
        there = stop["lat_deg"], stop["lon_deg"]
        assert apart_m((inside[0].lat_deg, inside[0].lon_deg), there) < 0.2
    named = {row.stop for row in round_trip.rows}
    assert named == {"", *(stop["name"] for stop in stops)}


def test_truth_halts_are_red_lights_and_crossings(round_trip: Driven) -> None:
    """Where it stands on the way it is no stop, and goes on within 40 s."""
    halts = round_trip.told["halts"]
    assert halts
    for halt in halts:
        begin, end = (datetime.fromisoformat(halt[name]) for name in ("begin", "end"))
        assert 0.0 < (end - begin).total_seconds() <= 40.0
    waiting = [row for row in round_trip.rows if row.stands and not row.stop]
    assert len(waiting) >= len(halts)


@pytest.mark.parametrize("seed", _SEEDS)
def test_drive_begins_and_ends_at_the_depot(seed: int) -> None:
    """The van stands at the gate before and after its round, which is the origin of the plane."""
    _, drive = _driven(seed)
    assert len(drive.visits) == 8
    for state in (drive.states[0], drive.states[-1]):
        assert math.dist(state.point, (0.0, 0.0)) < 0.5
        assert state.speed_mps == 0.0


def test_drive_minutes_is_its_length() -> None:
    """A drive of 40 minutes is back at the depot by then, and lasts so long."""
    drive = drive_through(generate_town(2), 2, minutes=40.0)
    assert len(drive.states) == 40 * 60 + 1
    assert len(drive.visits) >= 2
    assert math.dist(drive.states[-1].point, (0.0, 0.0)) < 0.5


def test_drive_without_stops_stands() -> None:
    """A drive over no stops never leaves the depot."""
    drive = drive_through(generate_town(2), 2, stops=0)
    assert drive.visits == ()
    assert {state.speed_mps for state in drive.states} == {0.0}


@pytest.mark.parametrize("turn_deg", [1.0, 30.0, 90.0, 135.0, 170.0, 179.99])
def test_bends_are_as_wide_as_a_van_turns(turn_deg: float) -> None:
    """A corner of any angle becomes bends without a kink, no tighter than the van can drive."""
    turn = math.radians(turn_deg)
    corner = (400.0, 0.0)
    after = (400.0 + 400.0 * math.cos(turn), 400.0 * math.sin(turn))
    pieces = pieces_of(Way(((0.0, 0.0), corner, after), (Stretch(10.0),) * 2, (0.0, 0.0, 0.0)))
    for one, other in itertools.pairwise(pieces):
        end, heading, _ = one.at(one.length_m)
        assert math.dist(end, other.start) < 0.15
        assert abs((heading - other.heading + math.pi) % math.tau - math.pi) < 2e-3
    assert max(abs(piece.curvature) for piece in pieces) <= 1.0 / TURNING_RADIUS_M + 1e-9
    end, _, _ = pieces[-1].at(pieces[-1].length_m)
    assert math.dist(end, after) < 0.15


def test_receive_sentences_are_right_and_one_epoch_a_second() -> None:
    """Every sentence has a right checksum, and every second RMC, VTG, GGA and GSA."""
    town, drive = _driven(0)
    epochs = list(receive(drive, town.projection, _BEGIN, 0))
    assert len(epochs) == len(drive.states)
    for epoch in epochs:
        found = [find_sentence(line) for line in epoch.splitlines()]
        assert all(one is not None and one.checksum is Checksum.RIGHT for one in found)
        assert [one and one.formatter for one in found] == [b"RMC", b"VTG", b"GGA", b"GSA"]
    recording = parse(b"".join(epochs))
    assert recording is not None
    assert recording.pace.origin_s == _BEGIN.timestamp()
    assert recording.span_s == len(drive.states) - 1


def test_drive_program_same_seed_same_bytes(tmp_path: Path) -> None:
    """The program writes the same drive twice, into a file or not, from a town's file or not."""
    file, town = tmp_path / "drive.nmea", tmp_path / "town.geojson"
    run("town", "--seed", "4", "--out", town)
    run("drive", "--seed", "4", "--town", town, "--stops", "2", "--out", file)
    written = file.read_bytes()
    order = {"PYTHONHASHSEED": "7"}
    assert run("drive", "--seed", "4", "--stops", "2", environment=order).stdout == written
    assert written.startswith(b"$GPRMC,080000.00,A,")
    assert b",050126," in written[:100]
    assert run("drive", "--seed", "5", "--stops", "2").stdout != written
