"""What the unit's sampler leaves out changes no event: recorded drives, sampled and not."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache

import pytest

from milepost_agent.sampling.sampler import Sampled, Sampler, SamplingPolicy
from milepost_collector.engine import Definitions, Fence, Version
from milepost_schemas.event import Event
from milepost_schemas.fix import KeptFix
from tests.agent.line import needs_recorded
from tests.collector.drives_truth import drive, names
from tests.collector.engine_tracks import go

# How far apart an event of a sampled drive may be from that of the whole one.
WITHIN_MS = 2000

# Fences at whose edge the drive itself is in doubt: a sampled one, up to 5 m beside, decides
# otherwise. All of them are called not clean by the truth.
IN_DOUBT = {
    ("bike_liverpool_2022-03-04", "f1"): "along the edge within 2 m for 13 s before it goes in",
    ("bike_liverpool_2022-03-04", "f3"): "for 17 s up to 13.7 m inside, in the sampled one 11 m",
}

# Of the events of motion so many are the same within 2 s. A place is the mean of ten and more
# seconds of the track, and a sampled track moves it by its tolerance: with bicycles that creep or
# jitter about the size of a place, one may begin or end some seconds off.
MOTION_SHARE = 0.97


def sampled(fixes: Sequence[KeptFix], tolerance_m: float) -> list[KeptFix]:
    """Give a drive to the sampler that runs in the vehicle."""
    sampler = Sampler(SamplingPolicy(tolerance_m=tolerance_m))
    kept: list[Sampled] = []
    for each in fixes:
        kept += sampler.add(each.seq, each.fix, hole=each.hole)
    end = sampler.close()
    kept += [] if end is None else [end]
    return [KeptFix(seq, each.fix, each.stands_for, each.hole) for seq, each in enumerate(kept, 1)]


@cache
def events(name: str, tolerance_m: float | None) -> list[Event]:
    """What is told of a drive and the truth's fences; None: of all of its fixes."""
    fixes = drive(name).fixes
    known = [each.fence for each in drive(name).fences]
    kept = fixes if tolerance_m is None else sampled(fixes, tolerance_m)
    return go(kept, Definitions.always(Version.of(known))).events


def times(told: Iterable[Event]) -> dict[tuple[str, str], list[int]]:
    """When what happened, by type and fence."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for event in told:
        found[event.type, str(event.data.get("fence", ""))].append(event.time_ms)
    return found


def apart(whole: Iterable[Event], sparse: Iterable[Event]) -> list[tuple[str, str, object]]:
    """What differs: another number of events, or one more than two seconds off."""
    one, two = times(whole), times(sparse)
    found: list[tuple[str, str, object]] = []
    for key in sorted(one.keys() | two.keys()):
        here, there = one.get(key, []), two.get(key, [])
        if len(here) != len(there):
            found.append((*key, (here, there)))
            continue
        pairs = zip(here, there, strict=True)
        found += [(*key, b - a) for a, b in pairs if abs(a - b) > WITHIN_MS]
    return found


@needs_recorded
@pytest.mark.parametrize("name", names())
def test_drive_at_tolerance_0_is_the_drive(name: str) -> None:
    """A sampler that keeps all changes nothing, not even an id."""
    assert events(name, 0.0) == events(name, None)


@needs_recorded
@pytest.mark.parametrize("name", names())
def test_drive_at_tolerance_5_crosses_the_same_fences(name: str) -> None:
    """Sampled at 5 m, every crossing is told, within 2 s, but those that were in doubt before."""
    known = {each.fence.id: each for each in drive(name).fences}
    other = apart(
        (each for each in events(name, None) if each.type.startswith("fence.")),
        (each for each in events(name, 5.0) if each.type.startswith("fence.")),
    )
    doubted = {fence for _, fence, _ in other}
    assert doubted <= {fence for drive_name, fence in IN_DOUBT if drive_name == name}
    assert not any(known[fence].clean for fence in doubted)


@needs_recorded
def test_drives_at_tolerance_5_move_and_stop_as_before() -> None:
    """Sampled at 5 m, trips are as many, and most events of motion are within 2 s."""
    same, total = 0, 0
    for name in names():
        whole = [each for each in events(name, None) if not each.type.startswith("fence.")]
        sparse = [each for each in events(name, 5.0) if not each.type.startswith("fence.")]
        trips = [
            [each.type for each in told if each.type.startswith("trip.")]
            for told in (whole, sparse)
        ]
        assert trips[0] == trips[1], name
        total += len(whole)
        same += sum(_has_one_like(event, sparse) for event in whole)
    assert same >= MOTION_SHARE * total, f"{same} of {total}"


def _has_one_like(event: Event, others: Sequence[Event]) -> bool:
    return any(
        each.type == event.type and abs(each.time_ms - event.time_ms) <= WITHIN_MS
        for each in others
    )


def test_fence_of_a_sampled_drive_is_the_one_that_is_asked_for() -> None:
    """The differences that are listed name drives and fences that exist."""
    for name, fence in IN_DOUBT:
        if name in names():
            found: list[Fence] = [each.fence for each in drive(name).fences]
            assert fence in {each.id for each in found}
