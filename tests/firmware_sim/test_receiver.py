"""What a receiver measures: how large its errors are, how they hang together, and its settings."""

import itertools
import math
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random

import pytest

from milepost_firmware_sim.drive.delivery_round import drive_through
from milepost_firmware_sim.path import Surroundings
from milepost_firmware_sim.receiver.dilution import dilutions
from milepost_firmware_sim.receiver.errors import UERE_M
from milepost_firmware_sim.receiver.receiver import Epoch, ReceiverOptions, measure
from milepost_firmware_sim.receiver.static_hold import StaticHold
from milepost_firmware_sim.receiver.wander import Wander
from milepost_firmware_sim.sentence_sets import FixKind
from milepost_firmware_sim.town.generator import generate_town
from tests.firmware_sim.driven import apart_m, driven, root_mean_square

_BEGIN = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
_USUAL = ReceiverOptions()


@cache
def _epochs(seed: int, options: ReceiverOptions = _USUAL) -> list[Epoch]:
    town = generate_town(seed)
    drive = drive_through(town, seed, stops=4)
    return list(measure(drive, town.projection, _BEGIN, seed, options))


def _solid(seeds: range) -> list[Epoch]:
    epochs = [epoch for seed in seeds for epoch in _epochs(seed)]
    return [epoch for epoch in epochs if epoch.measured.kind is FixKind.SOLID]


def _off_m(epoch: Epoch) -> tuple[float, float]:
    """Return the error of a fix, metres north and east."""
    true, fix = epoch.truth, epoch.measured
    assert fix.lat_deg is not None
    assert fix.lon_deg is not None
    north_m = apart_m((true.lat_deg, true.lon_deg), (fix.lat_deg, true.lon_deg))
    east_m = apart_m((true.lat_deg, true.lon_deg), (true.lat_deg, fix.lon_deg))
    return (
        math.copysign(north_m, fix.lat_deg - true.lat_deg),
        math.copysign(east_m, fix.lon_deg - true.lon_deg),
    )


def test_position_errors_are_as_large_as_hdop_says() -> None:
    """Error over (HDOP x range error) has the spread of a Rayleigh law of two equal axes."""
    epochs = _solid(range(8))
    ratios = sorted(
        math.hypot(*_off_m(epoch)) / ((epoch.measured.hdop or 0.0) * UERE_M) for epoch in epochs
    )
    assert 0.85 < root_mean_square(ratios) < 1.25
    # Of a Rayleigh law with root mean square 1 the median is 0.83 and 95 % are below 1.73.
    assert 0.68 < ratios[len(ratios) // 2] < 1.0
    assert 1.4 < ratios[len(ratios) * 95 // 100] < 2.3
    assert ratios[-1] < 9.0


def test_position_errors_have_no_side() -> None:
    """Over many drives errors north and east are as large, and neither leans to one side."""
    norths, easts = zip(*(_off_m(epoch) for epoch in _solid(range(8))), strict=True)
    for axis in (norths, easts):
        assert abs(sum(axis) / len(axis)) < 0.7
    assert 0.7 < root_mean_square(list(norths)) / root_mean_square(list(easts)) < 1.4


def test_position_errors_hang_together() -> None:
    """The error of a second is nearly that of the next, and no more that of ten minutes later."""
    for seed in range(3):
        epochs = _epochs(seed)
        pairs = [
            (one, other)
            for one, other in itertools.pairwise(epochs)
            if one.measured.kind is other.measured.kind is FixKind.SOLID
        ]
        steps = [math.dist(_off_m(one), _off_m(other)) for one, other in pairs]
        assert sorted(steps)[len(steps) // 2] < 0.6
        assert max(steps) < 12.0
    assert _correlation(1) > 0.95
    assert abs(_correlation(600)) < 0.35


def _correlation(lag_s: int) -> float:
    together = spread = 0.0
    for seed in range(8):
        epochs = _epochs(seed)
        for one, other in zip(epochs, epochs[lag_s:], strict=False):
            if one.measured.kind is other.measured.kind is FixKind.SOLID:
                (north, east), (later_north, later_east) = _off_m(one), _off_m(other)
                together += north * later_north + east * later_east
                spread += north**2 + east**2
    return together / spread


def test_narrow_streets_have_fewer_satellites_and_larger_errors() -> None:
    """From open roads over streets to the old quarter sight gets worse, and so do the fixes."""
    satellites, hdops, errors = [], [], []
    for surroundings in (Surroundings.OPEN, Surroundings.STREET, Surroundings.NARROW):
        part = [each for each in _solid(range(8)) if each.truth.surroundings is surroundings]
        assert len(part) > 500
        satellites.append(sum(each.measured.satellites or 0 for each in part) / len(part))
        hdops.append(sum(each.measured.hdop or 0.0 for each in part) / len(part))
        errors.append(root_mean_square([math.hypot(*_off_m(each)) for each in part]))
    assert satellites[0] > satellites[1] > satellites[2] >= 5.0
    assert 0.7 < hdops[0] < hdops[1] < hdops[2] < 5.0
    assert 1.5 < errors[0] < errors[1] < errors[2] < 12.0


def test_speed_and_course_are_those_of_doppler() -> None:
    """Moving, speed is right to 0.3 m/s and course to some degrees; standing, speed is near 0."""
    epochs = _solid(range(3))
    moving = [each for each in epochs if each.truth.speed_mps > 3.0]
    wrong = [abs((each.measured.speed_mps or 0.0) - each.truth.speed_mps) for each in moving]
    assert 0.02 < root_mean_square(wrong) < 0.15
    turned = [
        abs(((each.measured.course_deg or 0.0) - each.truth.course_deg + 180.0) % 360.0 - 180.0)
        for each in moving
    ]
    assert 0.1 < root_mean_square(turned) < 3.0
    standing = [each.measured.speed_mps or 0.0 for each in epochs if each.truth.stands]
    assert 0.0 < sum(standing) / len(standing) < 0.1
    assert max(standing) < 0.5


def test_course_is_unknown_until_it_moves() -> None:
    """At the depot, before it has moved, the receiver has no course; standing later it holds it."""
    epochs = _epochs(0)
    assert {each.measured.course_deg for each in epochs[:50]} == {None}
    stood = next(i for i, each in enumerate(epochs) if i > 100 and each.truth.stay is not None)
    assert len({each.measured.course_deg for each in epochs[stood + 5 : stood + 40]}) == 1


def test_noise_scales_every_error() -> None:
    """Twice the noise is twice the error, at the same instant; without noise the truth is told."""
    usual, twice = _epochs(1), _epochs(1, ReceiverOptions(noise=2.0))
    for one, other in zip(usual, twice, strict=True):
        if one.measured.kind is FixKind.SOLID:
            expected = [2.0 * metres for metres in _off_m(one)]
            assert _off_m(other) == pytest.approx(expected, abs=1e-3)
    for epoch in _epochs(1, ReceiverOptions(noise=0.0)):
        true, fix = epoch.truth, epoch.measured
        if fix.kind is not FixKind.NONE:
            assert (fix.lat_deg, fix.lon_deg) == (true.lat_deg, true.lon_deg)
            assert fix.altitude_m == true.altitude_m
            if fix.kind is FixKind.SOLID:
                assert fix.speed_mps == pytest.approx(true.speed_mps, abs=1e-9)


@pytest.mark.parametrize("rate_hz", [1, 5, 10])
def test_rate_gives_so_many_instants_of_one_truth(rate_hz: int) -> None:
    """At any rate there is an instant at each step of the clock, and the truth is the same."""
    epochs = _epochs(2, ReceiverOptions(rate_hz=rate_hz))
    times = [epoch.truth.time for epoch in epochs]
    step = timedelta(seconds=1.0 / rate_hz)
    assert all(other - one == step for one, other in itertools.pairwise(times))
    slow = {each.truth.time: each.truth for each in _epochs(2)}
    found = [each.truth for each in epochs if each.truth.time in slow]
    assert found == list(slow.values())


def test_static_hold_keeps_the_place_while_standing() -> None:
    """With static hold a stop is one place at speed 0; the first metres of a drive release it."""
    epochs = _epochs(3, ReceiverOptions(static_hold=True))
    first = next(each.truth.stay for each in epochs[100:] if each.truth.stay is not None)
    at_stop = [number for number, each in enumerate(epochs) if each.truth.stay == first][10:-1]
    held = [epochs[number].measured for number in at_stop]
    usual = [_epochs(3)[number].measured for number in at_stop]
    assert len({(fix.lat_deg, fix.lon_deg) for fix in held}) <= 2
    assert {fix.speed_mps for fix in held} == {0.0}
    assert len({(fix.lat_deg, fix.lon_deg) for fix in usual}) > 30
    moving = [each.measured for each in epochs if each.truth.speed_mps > 2.0]
    assert all(fix.speed_mps > 1.0 for fix in moving if fix.speed_mps is not None)


def test_static_hold_lets_go_of_a_place_that_is_far_away() -> None:
    """A receiver that is carried off slowly does not keep its old place for ever."""
    hold = StaticHold()
    told = [hold.step(1.0, (10.0 + 1e-6 * second, 50.0), 0.1)[0] for second in range(2000)]
    assert told[3] == told[100]
    assert apart_m(told[-1][::-1], (50.0, 10.0 + 1e-6 * 1999)) < 20.1


@pytest.mark.parametrize("faster", [0.0, 0.3])
def test_wander_keeps_its_spread(faster: float) -> None:
    """However far it steps, a wandering error has its spread, and forgets as fast as told."""
    wander = Wander(Random(5), 3.0, 20.0)
    values = [wander.step(2.0, faster) for _ in range(40_000)]
    assert root_mean_square(values) == pytest.approx(3.0, rel=0.06)
    lagged = sum(one * other for one, other in itertools.pairwise(values)) / len(values) / 9.0
    assert lagged == pytest.approx(math.exp(-0.1 - faster), abs=0.05)


def test_dilutions_of_a_known_sky() -> None:
    """Three satellites at the horizon and one overhead: HDOP is 2 over root 3, VDOP root 4 / 3."""
    hdop, vdop = dilutions(((0, 0), (0, 120), (0, 240), (90, 0)))
    assert hdop == pytest.approx(2.0 / math.sqrt(3.0))
    assert vdop == pytest.approx(2.0 / math.sqrt(3.0))
    assert dilutions(((45, 10), (45, 10), (45, 10), (45, 10))) == (20.0, 20.0)


def test_errors_of_the_program_are_those_of_the_rows(tmp_path: Path) -> None:
    """What the program writes as truth, fix, HDOP and satellites has the same statistics."""
    drive = driven(tmp_path, "--seed 21 --stops 4 --noise 3")
    ratios = [
        (row.error_m or 0.0) / ((row.hdop or 0.0) * UERE_M * 3.0)
        for row in drive.rows
        if row.fix == "3D"
    ]
    assert 0.5 < root_mean_square(ratios) < 2.0
    assert {row.satellites for row in drive.rows if row.fix == "3D"} <= set(range(4, 13))
    assert sum(drive.told["epochs"].values()) == len(drive.rows)
