"""The sampler's promises, on tracks of any kind."""

import math
import pickle
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_agent.sampling.sampler import Sampled, Sampler, SamplingPolicy
from milepost_schemas.fix import Fix, FixKind
from tests.agent.made_tracks import BEGIN_MS, journey, tracks
from tests.agent.recorded_tracks import Track
from tests.agent.sampled import errors_m, fewest, sample

# What floating point may add to an error, in metres.
ROUNDING_M = 1e-5

POLICIES = st.builds(
    SamplingPolicy,
    tolerance_m=st.sampled_from([0.5, 5.0, 5.0, 40.0]),
    moving_interval_s=st.sampled_from([3.0, 15.0, 15.0, 120.0]),
    parked_interval_s=st.sampled_from([300.0, 300.0, 20.0]),
    parked_after_s=st.sampled_from([180.0, 10.0, 0.0]),
)


def worst_m(fixes: Sequence[Fix], kept: Sequence[Sampled]) -> float:
    """Return the largest error of the track that is rebuilt from the kept fixes."""
    return float(
        errors_m(fixes, [each.number for each in kept], [each.fix for each in kept]).max(initial=0)
    )


@given(tracks(), POLICIES)
def test_every_dropped_fix_is_rebuilt_within_the_tolerance(
    track: Track, policy: SamplingPolicy
) -> None:
    """Whatever comes in, the kept fixes rebuild each other one at its own time."""
    outcome = sample(track, policy)
    if not track.fixes:
        assert not outcome.kept
        return
    assert outcome.numbers[0] == 0
    assert outcome.numbers[-1] == len(track.fixes) - 1
    assert all(each.fix is track.fixes[each.number] for each in outcome.kept)
    assert worst_m(track.fixes, outcome.kept) <= policy.tolerance_m + ROUNDING_M


@given(tracks(), POLICIES, st.sets(st.integers(0, 120)))
def test_what_is_on_disk_rebuilds_all_at_every_moment(
    track: Track, policy: SamplingPolicy, closings: set[int]
) -> None:
    """After every fix the kept ones and the open end are a whole track; closing costs nothing."""
    sampler = Sampler(policy)
    kept: list[Sampled] = []
    for number, (fix, hole) in enumerate(zip(track.fixes, track.holes, strict=True)):
        kept += sampler.add(number, fix, hole=hole)
        end = sampler.end()
        whole = [*kept, end] if end else kept
        assert whole[-1].number == number
        assert sum(each.stands_for for each in whole) == number + 1
        assert sampler.end() == end
        if number in closings:
            assert sampler.close() == end
            assert sampler.close() is None
            kept = whole
        if number % 7 == 0:
            assert worst_m(track.fixes[: number + 1], whole) <= policy.tolerance_m + ROUNDING_M


@given(tracks(), POLICIES)
def test_kept_fixes_are_never_further_apart_than_the_interval(
    track: Track, policy: SamplingPolicy
) -> None:
    """Where fixes were dropped, the moving interval holds; only in standing, the parked one."""
    outcome = sample(track, policy)
    for before, after in pairwise(outcome.kept):
        between = range(before.number + 1, after.number)
        if not between:
            continue
        apart_s = (after.fix.time_ms - before.fix.time_ms) / 1000
        if apart_s > policy.moving_interval_s:
            assert apart_s <= policy.parked_interval_s
            assert outcome.parked[before.number]
            assert outcome.parked[after.number]
            assert not any(outcome.moving[i] or outcome.turned[i] for i in between)


@given(tracks(), POLICIES)
def test_what_must_be_kept_is_kept_with_the_fix_that_tells_it(
    track: Track, policy: SamplingPolicy
) -> None:
    """Ends of holes, steps back in time, kinds that change, stops and starts are kept at once."""
    sampler, known = Sampler(policy), set[int]()
    for number, (fix, hole) in enumerate(zip(track.fixes, track.holes, strict=True)):
        kept = sampler.add(number, fix, hole=hole)
        assert [each.number for each in kept] in ([], [number - 1], [number], [number - 1, number])
        known |= {each.number for each in kept}
        if sampler.turned or number == 0:
            assert number in known
        before = track.fixes[number - 1] if number else fix
        estimated = FixKind.ESTIMATED in (fix.kind, before.kind) and fix.kind != before.kind
        if number and (hole or fix.time_ms <= before.time_ms or estimated):
            assert {number - 1, number} <= known


@given(tracks(), POLICIES)
def test_a_hole_is_told_by_exactly_the_fix_after_it(track: Track, policy: SamplingPolicy) -> None:
    """The kept fixes with a hole before them are those that came with one."""
    kept = sample(track, policy).kept
    assert [each.number for each in kept if each.hole] == [
        number for number, hole in enumerate(track.holes) if hole
    ]


@given(tracks(), POLICIES)
def test_no_fewer_are_kept_than_can_be(track: Track, policy: SamplingPolicy) -> None:
    """The judge of the fewest possible finds a way as short as the sampler's, or a shorter one."""
    if track.fixes:
        # The corridor's metres are 0.5 % on the safe side, the judge's are the ellipsoid's.
        outcome = sample(track, policy)
        assert 1 <= fewest(track, outcome, policy) <= len(outcome.kept)


@given(tracks())
def test_tolerance_of_nothing_keeps_all(track: Track) -> None:
    """With a tolerance of 0 every fix is kept the moment that it comes, also equal ones."""
    sampler = Sampler(SamplingPolicy(tolerance_m=0))
    for number, (fix, hole) in enumerate(zip(track.fixes, track.holes, strict=True)):
        assert sampler.add(number, fix, hole=hole) == [Sampled(number, fix, 1, hole)]
        assert sampler.end() is None


@given(tracks(), POLICIES, POLICIES)
def test_thinning_adds_up_and_keeps_within_both_tolerances(
    track: Track, policy: SamplingPolicy, coarser: SamplingPolicy
) -> None:
    """What was sampled can be sampled again: the sums stay exact and the errors add at most."""
    first = sample(track, policy).kept
    sampler = Sampler(coarser)
    again: list[Sampled] = []
    for each in first:
        again += sampler.add(each.number, each.fix, hole=each.hole, stands_for=each.stands_for)
    end = sampler.end()
    again += [end] if end else []
    assert sum(each.stands_for for each in again) == len(track.fixes)
    allowed_m = policy.tolerance_m + coarser.tolerance_m
    assert worst_m(track.fixes, again) <= allowed_m + ROUNDING_M if again else not first


@given(tracks(), st.integers(-180_000_000, 180_000_000))
def test_the_date_line_is_a_place_as_any(track: Track, shift_e6: int) -> None:
    """Moved east or west around the world, the same fixes of a track are kept."""
    moved = [
        replace(fix, lon_e6=(fix.lon_e6 + shift_e6 + 180_000_000) % 360_000_000 - 180_000_000)
        for fix in track.fixes
    ]
    assert sample(replace(track, fixes=moved)).numbers == sample(track).numbers


def test_steady_straight_driving_keeps_one_fix_an_interval() -> None:
    """At 1 Hz, each fifteenth fix, and each is kept as it comes: none waits for the next."""
    track = journey([(30, 20.0), (600, 20.0)], white_m=0.0)
    sampler = Sampler(SamplingPolicy())
    kept = [
        (number, each.number)
        for number, fix in enumerate(track.fixes)
        for each in sampler.add(number, fix)
    ]
    steady = [pair for pair in kept if pair[0] > 60]
    assert all(at == number for at, number in steady)
    assert {b[1] - a[1] for a, b in pairwise(steady)} == {15}


def test_a_corner_is_kept_and_the_straights_are_not() -> None:
    """Of a track around a right angle, the corner itself is rebuilt within the tolerance."""
    east = [(i * 90, 0) for i in range(8)]
    north = [(7 * 90, i * 90) for i in range(1, 8)]
    fixes = [
        Fix(time_ms=BEGIN_MS + 1000 * i, lat_e6=y, lon_e6=x, speed_dmps=100)
        for i, (x, y) in enumerate(east + north)
    ]
    outcome = sample(Track("corner", fixes, [False] * len(fixes)))
    assert 3 <= len(outcome.kept) <= 4
    assert worst_m(fixes, outcome.kept) <= 5


def test_a_jump_is_kept_on_both_sides() -> None:
    """Where the position leaps 30 km in a second, the fixes before and after it are kept."""
    fixes = [
        Fix(time_ms=BEGIN_MS + 1000 * i, lat_e6=47_000_000 + (i >= 20) * 270_000, lon_e6=i * 100)
        for i in range(40)
    ]
    assert {19, 20} <= set(sample(Track("jump", fixes, [False] * 40)).numbers)


def test_a_leap_out_and_back_is_kept() -> None:
    """One fix that is 11 km off, between fixes that drive straight on, is not lost."""
    fixes = [
        Fix(time_ms=BEGIN_MS + 1000 * i, lat_e6=47_000_000 + (i == 20) * 100_000, lon_e6=i * 100)
        for i in range(40)
    ]
    assert {19, 20, 21} <= set(sample(Track("leap", fixes, [False] * 40)).numbers)


@pytest.mark.parametrize("lat_deg", [89.5, 75.0, -75.0])
@pytest.mark.parametrize("bump_every", [7, 23, 59, 110])
def test_fast_towards_the_equator_the_scale_of_longitude_stays_true(
    lat_deg: float, bump_every: int
) -> None:
    """Where a degree of longitude grows underway, what strays by 50.1 m is seen everywhere."""
    south = math.copysign(1, lat_deg)
    fixes = []
    for second in range(400):
        # At 15° from due east, where the corridor is widest.
        bump_e6 = 50.1 / 0.1112 * (second % bump_every == bump_every - 1)
        lat_e6 = lat_deg * 1e6 - south * 2500 * second + bump_e6 * math.sin(math.radians(15))
        east_e6 = bump_e6 * math.cos(math.radians(15)) / math.cos(math.radians(lat_e6 / 1e6))
        time_ms = BEGIN_MS + second * 1000
        fixes.append(Fix(time_ms=time_ms, lat_e6=round(lat_e6), lon_e6=round(east_e6)))
    policy = SamplingPolicy(tolerance_m=50, moving_interval_s=120)
    assert worst_m(fixes, sample(Track("fast", fixes, [False] * 400), policy).kept) <= 50


def test_a_sampler_grows_by_nothing() -> None:
    """After hours at 10 Hz it holds as much as after a minute."""

    def held_bytes(seconds: float) -> int:
        sampler = Sampler(SamplingPolicy())
        track = journey([(30, 15.0), (seconds, 0.0)], 10, wander_m=3)
        for number, fix in enumerate(track.fixes):
            sampler.add(number, fix)
        return len(pickle.dumps(sampler))

    assert abs(held_bytes(7200) - held_bytes(60)) < 40


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tolerance_m", -1.0),
        ("tolerance_m", float("nan")),
        ("tolerance_m", float("inf")),
        ("moving_interval_s", 0.0),
        ("parked_interval_s", float("nan")),
        ("parked_after_s", -0.1),
    ],
)
def test_a_policy_out_of_range_is_refused_by_name(name: str, value: float) -> None:
    """A policy that means nothing is an error that names the value."""
    with pytest.raises(ValueError, match=f"{name} is {value}"):
        SamplingPolicy(**{name: value})
