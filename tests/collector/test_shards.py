"""The division of the shards: even, at rest once it is, and found by everybody alone."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from milepost_collector.ingest.shards import shards_to_take, shares

SHARDS = 64

NAMES = [f"collector-{number}" for number in range(9)]
HOLDERS = st.lists(st.sampled_from([None, *NAMES]), min_size=SHARDS, max_size=SHARDS)
TAKERS = st.sets(st.sampled_from(NAMES), min_size=1)


def taken_in_turn(
    holders: list[str | None], takers: set[str], chances: random.Random
) -> list[str | None]:
    """Let each taker, in any order, take what it wants."""
    for me in chances.sample(sorted(takers), len(takers)):
        for shard in shards_to_take(holders, takers, me):
            holders[shard] = me
    return holders


def is_even(holders: list[str | None], takers: set[str]) -> bool:
    """Whether the takers hold all, even within one."""
    held = Counter(holders)
    counts = [held[name] for name in takers]
    return sum(counts) == len(holders) and max(counts) - min(counts) <= 1


@given(HOLDERS, TAKERS, st.randoms(use_true_random=False))
def test_shards_are_even_after_few_rounds_whoever_held_them(
    holders: list[str | None], takers: set[str], chances: random.Random
) -> None:
    """From any division, with dead holders and free shards, two rounds lead to an even one."""
    for _ in range(2):
        taken_in_turn(holders, takers, chances)
    assert is_even(holders, takers)


@given(HOLDERS, TAKERS, st.randoms(use_true_random=False))
def test_shards_that_are_even_stay_where_they_are(
    holders: list[str | None], takers: set[str], chances: random.Random
) -> None:
    """Once the division is even nobody takes anything."""
    for _ in range(2):
        taken_in_turn(holders, takers, chances)
    assert all(shards_to_take(holders, takers, me) == [] for me in takers)


@given(HOLDERS, TAKERS)
def test_shards_that_are_taken_leave_nobody_below_its_share(
    holders: list[str | None], takers: set[str]
) -> None:
    """What one takes is free or above the share of its holder, and does not exceed its own."""
    for me in takers:
        wanted = shards_to_take(holders, takers, me)
        assert len(wanted) == len(set(wanted))
        held = Counter(holder for holder in holders if holder in takers)
        share = shares({name: held[name] for name in takers}, SHARDS)
        lost = Counter(holders[shard] for shard in wanted)
        assert all(held[name] - lost[name] >= share[name] for name in takers if lost[name])
        assert not wanted or held[me] + len(wanted) <= share[me]


def test_shards_of_a_single_collector_are_all() -> None:
    """Whoever is alone takes everything at once, also from one that only lives."""
    holders = [None] * 32 + ["away"] * 32
    assert sorted(shards_to_take(holders, {"me"}, "me")) == list(range(64))


def test_shards_are_not_for_one_that_takes_none() -> None:
    """A collector that is about to end takes nothing."""
    assert shards_to_take([None] * 64, {"other"}, "me") == []
    assert shards_to_take([None] * 64, set(), "me") == []


def test_shares_leave_as_many_as_possible_where_they_are() -> None:
    """Those who hold most keep what does not divide evenly."""
    assert shares({"a": 0, "b": 32, "c": 32}, 64) == {"a": 21, "b": 22, "c": 21}
    assert shares({"a": 0, "b": 3}, 3) == {"a": 1, "b": 2}
    assert shares({}, 64) == {}
