"""The sampler on the recorded drives, against the limits; `sampler_table` prints the figures."""

from dataclasses import replace
from functools import cache

import pytest

from milepost_agent.sampling.sampler import SamplingPolicy
from tests.agent.line import needs_recorded
from tests.agent.recorded_tracks import recorded_tracks
from tests.agent.sampled import errors_m, sample
from tests.agent.sampler_table import Row, row

MOST_KEPT = 0.14
MOST_BEYOND_FEWEST = 1.10
MOST_ERROR_M = 5.1


@cache
def rows() -> list[Row]:
    """Sample all drives once."""
    return [row(track, SamplingPolicy()) for track in recorded_tracks()]


@needs_recorded
def test_drives_lose_nothing_beyond_the_tolerance() -> None:
    """After the wire, every dropped fix of every drive is rebuilt within 5.1 m."""
    assert rows()
    for each in rows():
        assert each.error_m <= MOST_ERROR_M, each.track.name


@needs_recorded
def test_drives_keep_few() -> None:
    """At most 14 % is kept: of all fixes of the drives, and on average over the recorded ones.

    The simulated drive has noise of 50 m from fix to fix: the fewest possible are 88 % of it.
    """
    enough = [each for each in rows() if each.counts]
    assert sum(each.kept for each in enough) <= MOST_KEPT * sum(each.fixes for each in enough)
    shares = [each.kept / each.fixes for each in enough if not each.track.simulated]
    assert sum(shares) <= MOST_KEPT * len(shares)


@needs_recorded
def test_drives_keep_hardly_more_than_the_fewest_possible() -> None:
    """Summed over the drives, at most 1.10 times the shortest path over valid segments is kept."""
    assert all(each.kept >= each.fewest for each in rows())
    kept, fewest = sum(each.kept for each in rows()), sum(each.fewest for each in rows())
    assert kept <= MOST_BEYOND_FEWEST * fewest


@needs_recorded
@pytest.mark.parametrize("tolerance_m", [1.0, 20.0])
def test_drives_hold_other_tolerances_as_well(tolerance_m: float) -> None:
    """The tolerance is the policy's, not 5 m."""
    for track in recorded_tracks():
        outcome = sample(track, SamplingPolicy(tolerance_m=tolerance_m))
        kept = [each.fix for each in outcome.kept]
        assert errors_m(track.fixes, outcome.numbers, kept).max() <= tolerance_m


@needs_recorded
def test_drives_without_their_speeds_move_and_stand_at_the_same_times() -> None:
    """Where no speed is stated, positions tell the same in nine of ten fixes, with fewer turns."""
    fixes = same = turns = turns_blind = 0
    for track in recorded_tracks():
        blind = replace(track, fixes=[replace(fix, speed_dmps=None) for fix in track.fixes])
        told, guessed = sample(track), sample(blind)
        fixes += len(track.fixes)
        same += sum(a == b for a, b in zip(told.moving, guessed.moving, strict=True))
        turns += len(told.turns)
        turns_blind += len(guessed.turns)
    assert same >= 0.9 * fixes
    assert turns_blind <= turns
