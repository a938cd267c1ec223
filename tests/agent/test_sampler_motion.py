"""Stops, starts and parking, told in seconds and metres at any rate."""

from dataclasses import replace
from itertools import pairwise

import pytest

from milepost_agent.sampling.motion import START_DMPS, STOP_DMPS
from milepost_agent.sampling.sampler import SamplingPolicy
from milepost_schemas.fix import Fix
from tests.agent.made_tracks import BEGIN_MS, journey
from tests.agent.recorded_tracks import Track
from tests.agent.sampled import Outcome, sample

RATES_HZ = [0.5, 1.0, 5.0, 10.0]

# A drive with a delivery of 60 s, a long rest, and a red light.
ROUND = [(30.0, 0.0), (90.0, 14.0), (67.0, 0.0), (60.0, 9.0), (900.0, 0.0), (40.0, 12.0)]
ROUND += [(20.0, 0.0), (30.0, 12.0)]


def at_s(track: Track, number: int) -> float:
    """Return the time of a fix since the beginning."""
    return round((track.fixes[number].time_ms - BEGIN_MS) / 1000, 3)


def turns(track: Track, outcome: Outcome) -> list[tuple[str, float]]:
    """Return what became known, and when."""
    return [
        ("start" if outcome.moving[number] else "stop", at_s(track, number))
        for number in outcome.turns
    ]


@pytest.mark.parametrize("hz", RATES_HZ)
def test_a_stop_is_kept_at_its_first_standing_fix_and_a_start_at_its_first_moving_one(
    hz: float,
) -> None:
    """The stop of a delivery begins and ends with kept fixes, exact to the receiver's step."""
    track = journey(ROUND, hz)
    outcome = sample(track)
    for number in outcome.turns:
        assert number in outcome.numbers
        speed, before = (track.fixes[i].speed_dmps or 0 for i in (number, number - 1))
        if outcome.moving[number]:
            assert speed >= START_DMPS > before
        else:
            assert speed <= STOP_DMPS < before


def test_stops_and_starts_are_the_same_at_every_rate() -> None:
    """From 0.5 to 10 Hz the same stops and starts are known within 2 s of one another."""
    told = [turns(track, sample(track)) for track in (journey(ROUND, hz) for hz in RATES_HZ)]
    for other in told:
        assert [kind for kind, _ in other] == ["start", "stop"] * 3 + ["start"]
        assert all(abs(a[1] - b[1]) <= 2 for a, b in zip(told[-1], other, strict=True))


@pytest.mark.parametrize("hz", RATES_HZ)
@pytest.mark.parametrize("knows_speed", [True, False])
def test_a_dwell_at_a_door_is_seen_within_20_s(hz: float, knows_speed: bool) -> None:
    """Within 20 s of a stop a second standing fix is kept; the first is, where speed tells it."""
    track = journey([(60, 10.0), (100, 0.0)], hz, knows_speed=knows_speed)
    standing = journey([(60, 10.0), (100, 0.0)], hz).fixes
    first = next(i for i, fix in enumerate(standing) if (fix.speed_dmps or 0) <= STOP_DMPS)
    kept_s = [at_s(track, number) - at_s(track, first) for number in sample(track).numbers]
    assert sum(0 <= moment <= 20 for moment in kept_s) >= 1 + knows_speed


@pytest.mark.parametrize("hz", RATES_HZ)
def test_parking_begins_three_minutes_after_standing_began(hz: float) -> None:
    """Until 180 s fixes are kept each 15 s at most, from then on each 300 s."""
    track = journey([(60, 10.0), (1300, 0.0)], hz, white_m=0.1)
    outcome = sample(track)
    (stop,) = outcome.turns
    first = outcome.parked.index(True)
    assert 180 <= at_s(track, first) - at_s(track, stop) <= 180 + 1 / hz
    kept_s = [at_s(track, number) for number in outcome.numbers]
    gaps = [(a, round(b - a, 3)) for a, b in pairwise(kept_s)]
    assert all(gap <= 15 for a, gap in gaps if a < at_s(track, first))
    assert max(gap for _, gap in gaps) == 300


@pytest.mark.parametrize("hz", RATES_HZ)
def test_a_parked_vehicle_leaves_between_two_kept_fixes(hz: float) -> None:
    """The last standing fix and the first moving one are both kept, at once."""
    track = journey([(60, 10.0), (400, 0.0), (30, 10.0)], hz)
    outcome = sample(track)
    start = outcome.turns[-1]
    assert {start - 1, start} <= set(outcome.numbers)
    assert outcome.parked[start - 1]
    assert not outcome.parked[start]


@pytest.mark.parametrize("hz", RATES_HZ)
def test_noise_of_speed_and_place_wakes_no_parked_vehicle(hz: float) -> None:
    """An hour of 0.0 to 0.5 m/s and a wander of 5 to 15 m is one standing, and few fixes."""
    track = journey([(3600, 0.0)], hz, speed_noise_mps=0.5, wander_m=6, white_m=0.4)
    outcome = sample(track)
    assert outcome.turns == []
    assert outcome.parked[-1]
    assert len(outcome.kept) <= 300


@pytest.mark.parametrize("hz", RATES_HZ)
def test_creeping_in_a_queue_makes_no_turns(hz: float) -> None:
    """Ten minutes of stopping and creeping below a walk's pace are one standing."""
    legs = [(60, 12.0), *[(6, 0.0), (6, 0.9)] * 50, (30, 12.0)]
    track = journey(legs, hz, speed_noise_mps=0.4)
    outcome = sample(track)
    assert [kind for kind, _ in turns(track, outcome)] == ["stop", "start"]


@pytest.mark.parametrize("hz", RATES_HZ)
def test_stop_and_go_is_told_as_often_as_it_is_driven(hz: float) -> None:
    """In a jam with real starts, each start and stop is told once, never more."""
    legs = [(60, 12.0), *[(15, 0.0), (15, 4.0)] * 10, (20, 0.0)]
    outcome = sample(journey(legs, hz, speed_noise_mps=0.4))
    assert len(outcome.turns) == 21


@pytest.mark.parametrize("hz", RATES_HZ)
def test_without_speed_the_places_tell_the_same_stops(hz: float) -> None:
    """A GGA-only receiver's vehicle stops and starts as often, known within 25 s and 10 s."""
    told = turns(track := journey(ROUND, hz), sample(track))
    blind = journey(ROUND, hz, knows_speed=False, wander_m=3)
    guessed = [turn for turn in turns(blind, sample(blind)) if turn[1] > 25]
    told = [turn for turn in told if turn[0] == "start" or turn[1] < 1100]
    assert [kind for kind, _ in guessed][:5] == [kind for kind, _ in told][:5]
    for (kind, known_s), (_, guessed_s) in list(zip(told, guessed, strict=False))[:5]:
        assert -2 <= guessed_s - known_s <= (25 if kind == "stop" else 10)


def test_without_speed_parking_counts_from_when_standing_began() -> None:
    """That a stop is known later makes parking no later: 180 s from standing, not from knowing."""
    track = journey([(60, 10.0), (400, 0.0)], knows_speed=False)
    outcome = sample(track)
    parked_s = at_s(track, outcome.parked.index(True))
    assert 60 + 5 + 180 - 8 <= parked_s <= 60 + 5 + 180 + 2


def test_a_receiver_that_says_standing_for_ever_is_not_believed() -> None:
    """Where the speed says 0 and the position drives on, the position is believed."""
    honest = journey([(10, 0.0), (600, 12.0), (300, 0.0)], 1)
    track = replace(honest, fixes=[replace(fix, speed_dmps=0) for fix in honest.fixes])
    outcome = sample(track)
    told = turns(track, outcome)
    assert [kind for kind, _ in told] == ["start", "stop"]
    assert told[0][1] <= 20
    assert 610 <= told[1][1] <= 650
    assert outcome.parked[-1]


def test_a_place_passed_twice_is_not_stood_in_between() -> None:
    """A fix without speed where the drive came by minutes ago is no sign of standing since."""
    track = journey([(20, 5.0)])
    out = [replace(fix, speed_dmps=None) if i < 3 else fix for i, fix in enumerate(track.fixes)]
    back = [
        replace(fix, time_ms=BEGIN_MS + 1000 * (39 - i), speed_dmps=None if i == 0 else 50)
        for i, fix in enumerate(track.fixes)
    ]
    there_and_back = Track("passed", out + back[::-1], [False] * 40)
    assert sample(there_and_back).turns == []


def test_a_clock_set_back_in_standing_begins_standing_anew() -> None:
    """Where time steps back, what was known of standing is forgotten: parking needs 180 s again."""
    before = [_standing(second) for second in range(300)]
    after = [_standing(200 + second) for second in range(90)]
    outcome = sample(Track("set back", before + after, [False] * 390))
    assert outcome.parked[299]
    assert not any(outcome.parked[300:])


def test_parked_on_the_date_line_is_parked() -> None:
    """A vehicle that wanders to and fro over the date line stands all the same."""
    track = journey([(900, 0.0)], wander_m=4, lon_deg=180.0)
    assert {fix.lon_e6 > 0 for fix in track.fixes} == {True, False}
    assert sample(track).turns == []


def test_a_short_silence_interrupts_no_parking_and_a_long_one_does() -> None:
    """After a hole of a minute the parked interval goes on; after more, standing begins anew."""

    def parked_after_hole(silent_s: int) -> bool:
        before = [_standing(second) for second in range(300)]
        after = [_standing(299 + silent_s + second) for second in range(5)]
        holes = [False] * 300 + [True] + [False] * 4
        return sample(Track("silent", before + after, holes)).parked[-1]

    assert parked_after_hole(60)
    assert not parked_after_hole(61)


def test_the_policy_says_when_standing_is_parked() -> None:
    """With another policy, another time."""
    track = journey([(300, 0.0)])
    outcome = sample(track, SamplingPolicy(parked_after_s=30, parked_interval_s=60))
    assert at_s(track, outcome.parked.index(True)) == 30
    assert [at_s(track, number) for number in outcome.numbers[:4]] == [0, 15, 30, 90]


def _standing(second: int) -> Fix:
    return Fix(time_ms=BEGIN_MS + second * 1000, lat_e6=0, lon_e6=0, speed_dmps=0)
