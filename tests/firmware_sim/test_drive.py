"""The drive through a town, and what its receiver writes."""

import itertools
import math
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from milepost_firmware_sim.drive import Drive, drive_through
from milepost_firmware_sim.motion import ACCELERATION_MPS2, BRAKING_MPS2
from milepost_firmware_sim.receiver import receive
from milepost_firmware_sim.recording import parse
from milepost_firmware_sim.sentence import Checksum, find_sentence
from milepost_firmware_sim.town import Town
from milepost_firmware_sim.town_generator import generate_town
from tests.firmware_sim.programs import run

_SEEDS = range(3)
_BEGIN = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


@cache
def _driven(seed: int) -> tuple[Town, Drive]:
    town = generate_town(seed)
    return town, drive_through(town, seed)


@pytest.mark.parametrize("seed", _SEEDS)
def test_drive_speed_keeps_the_limits(seed: int) -> None:
    """The van is never faster than its street allows, and gets along all the same."""
    _, drive = _driven(seed)
    assert all(state.speed_mps <= state.limit_mps + 0.1 for state in drive.states)
    moving = [state.speed_mps for state in drive.states if state.speed_mps > 0.0]
    assert sum(moving) / len(moving) > 5.0


@pytest.mark.parametrize("seed", _SEEDS)
def test_drive_acceleration_is_bounded(seed: int) -> None:
    """Speed changes by what engine and brakes can do, and positions by what the speed says."""
    _, drive = _driven(seed)
    for one, other in itertools.pairwise(drive.states):
        gain = other.speed_mps - one.speed_mps
        assert -BRAKING_MPS2 - 0.01 <= gain <= ACCELERATION_MPS2 + 0.01
        assert math.dist(one.point, other.point) <= max(one.speed_mps, other.speed_mps) + 1.0


@pytest.mark.parametrize("seed", _SEEDS)
def test_drive_stands_at_every_stop(seed: int) -> None:
    """The van stands at each of its addresses from arrival to departure, at least a minute."""
    town, drive = _driven(seed)
    assert len(drive.visits) == 8
    for visit in drive.visits:
        assert visit.left_s - visit.arrived_s >= 60.0
        place = town.projection.to_plane(visit.place)
        for state in drive.states[math.ceil(visit.arrived_s) : math.floor(visit.left_s)]:
            assert state.speed_mps == 0.0
            assert math.dist(state.point, place) < 0.5


@pytest.mark.parametrize("seed", _SEEDS)
def test_drive_begins_and_ends_at_the_depot(seed: int) -> None:
    """The van stands at the gate before and after its round, which is the origin of the plane."""
    _, drive = _driven(seed)
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


def test_receive_errors_are_small_and_slow() -> None:
    """Positions are off by metres, and the error of a second is nearly that of the next."""
    town, drive = _driven(0)
    recording = parse(b"".join(receive(drive, town.projection, _BEGIN, 0)))
    assert recording is not None
    errors = []
    for (_, lat_deg, lon_deg), state in zip(recording.track, drive.states, strict=True):
        east_m, north_m = town.projection.to_plane((lon_deg, lat_deg))
        errors.append((east_m - state.point[0], north_m - state.point[1]))
    sizes = [math.hypot(*error) for error in errors]
    assert 0.5 < sum(sizes) / len(sizes) < 6.0
    assert max(sizes) < 15.0
    assert max(math.dist(one, other) for one, other in itertools.pairwise(errors)) < 3.0


def test_drive_program_same_seed_same_bytes(tmp_path: Path) -> None:
    """The program writes the same drive twice, into a file or not, from a town's file or not."""
    file, town = tmp_path / "drive.nmea", tmp_path / "town.geojson"
    run("town", "--seed", "4", "--out", town)
    run("drive", "--seed", "4", "--town", town, "--stops", "2", "--out", file)
    written = file.read_bytes()
    assert run("drive", "--seed", "4", "--stops", "2").stdout == written
    assert written.startswith(b"$GPRMC,080000.00,A,")
    assert b",050126," in written[:100]
    assert run("drive", "--seed", "5", "--stops", "2").stdout != written
