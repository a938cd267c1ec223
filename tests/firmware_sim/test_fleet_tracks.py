"""Where simulated vehicles are, when, and what befalls them: drawn, plausible, the same again."""

import math
from itertools import pairwise

import pytest

from milepost_firmware_sim.fleet.mishap import Kind, draw_mishaps
from milepost_firmware_sim.fleet.track import Beat, Track, draw_tracks
from milepost_schemas.fix import Fix, FixKind

BEGIN_MS = 1_800_000_000_000
_METRES_PER_E6 = math.radians(1e-6) * 6_371_008.8


@pytest.fixture(scope="module")
def tracks() -> list[Track]:
    """The ways of three vehicles."""
    return draw_tracks(seed=4, count=3)


def apart_m(one: Fix, other: Fix) -> float:
    """The way between two fixes that are near each other."""
    north = (other.lat_e6 - one.lat_e6) * _METRES_PER_E6
    east = (other.lon_e6 - one.lon_e6) * _METRES_PER_E6 * math.cos(math.radians(one.lat_deg))
    return math.hypot(north, east)


def test_fix_of_an_instant_is_the_same_for_whoever_asks(tracks: list[Track]) -> None:
    """A track and a time make one fix, also when the same seed draws the track again."""
    again = draw_tracks(seed=4, count=3)

    for one, other in zip(tracks, again, strict=True):
        assert one.fix(BEGIN_MS) == other.fix(BEGIN_MS) == one.fix(BEGIN_MS)
        assert one.fix(BEGIN_MS).time_ms == BEGIN_MS


def test_other_seed_draws_other_ways(tracks: list[Track]) -> None:
    """Two fleets of different seeds do not drive on one another's heels."""
    other = draw_tracks(seed=5, count=3)

    assert not {track.fix(BEGIN_MS) for track in tracks} & {track.fix(BEGIN_MS) for track in other}


@pytest.mark.parametrize("step_ms", [1000, 200])
def test_vehicles_move_as_vans_do(tracks: list[Track], step_ms: int) -> None:
    """From fix to fix a van goes as far as its speed says, give or take the receiver's errors."""
    for track in tracks:
        fixes = [track.fix(BEGIN_MS + step_ms * number) for number in range(3000)]
        moved = 0
        for one, other in pairwise(fixes):
            assert one.speed_mps is not None
            assert other.speed_mps is not None
            fastest_mps = max(one.speed_mps, other.speed_mps)
            # One round ends where the next one begins, within the wander of two receptions.
            assert apart_m(one, other) <= fastest_mps * step_ms / 1000 + 12.0
            assert fastest_mps < 45.0
            moved += fastest_mps > 3.0
        assert moved > 300
        assert all(0 <= (fix.course_deg or 0) < 360 for fix in fixes)
        measured = [fix for fix in fixes if fix.kind is FixKind.THREE_D]
        assert len(measured) > 2900
        assert all(fix.satellites and fix.hdop_tenths and fix.altitude_dm for fix in measured)


def test_between_two_seconds_a_van_is_between_its_two_places(tracks: list[Track]) -> None:
    """At 10 Hz the tenths lie on the line from second to second."""
    one, other = tracks[0].fix(BEGIN_MS), tracks[0].fix(BEGIN_MS + 1000)

    middle = tracks[0].fix(BEGIN_MS + 500)

    assert middle.lat_e6 == pytest.approx((one.lat_e6 + other.lat_e6) / 2, abs=1)
    assert middle.lon_e6 == pytest.approx((one.lon_e6 + other.lon_e6) / 2, abs=1)


def test_many_vehicles_are_in_as_many_places() -> None:
    """No two of sixty vehicles that share four drives are ever in one place."""
    fleet = draw_tracks(seed=1, count=60)

    for second in (0, 100, 2000):
        places = {track.fix(BEGIN_MS + 1000 * second).measured()[:2] for track in fleet}
        assert len(places) == 60


@pytest.mark.parametrize("rate_hz", [0.2, 1.0, 3.0, 10.0])
def test_instants_follow_the_clock_at_the_rate_that_was_asked(rate_hz: float) -> None:
    """Each instant has its own millisecond, and no time of a run belongs to two of them."""
    beat = Beat(rate_hz)
    first = beat.instant(1_800_000_000.0)

    times = [beat.time_ms(first + number) for number in range(100)]

    assert beat.instant(1_800_000_100.0) - first == pytest.approx(100 * rate_hz, abs=1)
    assert all(
        other - one == pytest.approx(1000 / rate_hz, abs=1) for one, other in pairwise(times)
    )
    assert times[0] <= 1_800_000_000_000


def test_share_of_the_fleet_loses_its_link_once_within_the_run() -> None:
    """A quarter of the vehicles is offline for a while, and all are back before the end."""
    mishaps = draw_mishaps(1, 200, 60.0, offline_share=0.25, crashes_per_hour=0.0)

    assert len({mishap.vehicle for mishap in mishaps}) == len(mishaps) == 50
    assert all(mishap.kind is Kind.OUTAGE for mishap in mishaps)
    assert all(0 < mishap.begin_s < mishap.end_s <= 60.0 for mishap in mishaps)
    assert mishaps == draw_mishaps(1, 200, 60.0, offline_share=0.25, crashes_per_hour=0.0)
    assert mishaps != draw_mishaps(2, 200, 60.0, offline_share=0.25, crashes_per_hour=0.0)


def test_agents_are_killed_as_often_as_was_asked() -> None:
    """Twelve kills an hour of 100 vehicles are some 1,200, one after the other for each."""
    mishaps = draw_mishaps(1, 100, 3600.0, offline_share=0.0, crashes_per_hour=12.0)

    assert 1050 < len(mishaps) < 1350
    for vehicle in range(100):
        own = [mishap for mishap in mishaps if mishap.vehicle == vehicle]
        assert all(one.end_s < other.begin_s for one, other in pairwise(own))
        assert all(mishap.kind is Kind.CRASH and mishap.end_s < 3600.0 for mishap in own)
