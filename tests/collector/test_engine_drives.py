"""Recorded drives against their truth: fences, stops and distance."""

import gzip
import json
from itertools import pairwise

import pytest

from milepost_collector.engine import Definitions, Fence, Version
from milepost_collector.engine.shape import Shape
from milepost_schemas.event import Event
from tests.agent.line import RECORDED, needs_recorded
from tests.collector.drives_truth import (
    Drive,
    KnownFence,
    Stop,
    apart_m,
    drive,
    names,
    recorded,
)
from tests.collector.engine_tracks import go, odometer_m

# How exactly an instant of the truth is to be met.
WITHIN_MS = 1000

# Two crossings of one fence within so long are flapping, unless the truth has them.
FLAPS_MS = 10_000


def crossings(of: Drive, known: KnownFence) -> list[Event]:
    """What is told of one fence alone."""
    return go(of.fixes, Definitions.always(Version.of([known.fence]))).events_of("fence.")


def is_within(at_ms: int, span: tuple[int | None, int | None]) -> bool:
    """Whether an instant lies in an interval that may be open, and a second more."""
    first, last = span
    after = first is None or at_ms >= first - WITHIN_MS
    return after and (last is None or at_ms <= last + WITHIN_MS)


def of_fences(*, clean: bool) -> list[object]:
    """All fences of all drives that are clean, or are not."""
    return [
        pytest.param(name, known, id=f"{name}-{known.fence.id}")
        for name in names()
        for known in drive(name).fences
        if known.clean is clean
    ]


@needs_recorded
@pytest.mark.parametrize(("name", "known"), of_fences(clean=True))
def test_drive_crosses_a_clean_fence_when_the_truth_does(name: str, known: KnownFence) -> None:
    """Each visit is one entry and one exit within its intervals ±1 s; a decoy has none."""
    found, truth = crossings(drive(name), known), known.crossings()
    assert [each.type for each in found] == [kind for kind, _ in truth]
    late = [
        (event.type, event.time_ms, span)
        for event, (_, span) in zip(found, truth, strict=True)
        if not is_within(event.time_ms, span)
    ]
    assert late == []


@needs_recorded
@pytest.mark.parametrize(("name", "known"), of_fences(clean=False))
def test_drive_near_the_edge_of_a_fence_never_flaps(name: str, known: KnownFence) -> None:
    """No more crossings than in truth, in turns, and close to one another only where truth is.

    The truth counts every fix that is across the edge, so it is the most that anybody may tell.
    """
    found, truth = crossings(drive(name), known), known.crossings()
    assert len(found) <= len(truth)
    assert [each.type for each in found] == ["fence.entered", "fence.exited"] * (
        len(found) // 2
    ) + ["fence.entered"] * (len(found) % 2)
    quick = [
        (one.time_ms, two.time_ms)
        for one, two in pairwise(found)
        if two.time_ms - one.time_ms < FLAPS_MS
        and not any(
            kinds == (one.type, two.type)
            and is_within(one.time_ms, first)
            and is_within(two.time_ms, second)
            for (kinds, first, second) in (
                ((a, b), span, after) for (a, span), (b, after) in pairwise(truth)
            )
        )
    ]
    assert quick == []
    assert all(
        any(kind == event.type and is_within(event.time_ms, span) for kind, span in truth)
        for event in found
    )


# How near a stop that is told is to that of the truth.
STOP_MS, STOP_M = 20_000, 50.0


def is_begun(stop: Stop, told: list[Event]) -> bool:
    """Whether the begin of a stop of the truth is told, near its time and place."""
    return any(
        event.type == "vehicle.stopped"
        and abs(event.time_ms - stop.start_ms) <= STOP_MS
        and apart_m(Stop(0, 0, event.data["lat_deg"], event.data["lon_deg"]), stop) <= STOP_M
        for event in told
    )


def is_ended(stop: Stop, told: list[Event], of: Drive) -> bool:
    """Whether its end is told: between its last fix and the next one, 20 s more, or by a gap.

    A recording that ends there has no end to be told.
    """
    after_ms = next((k.fix.time_ms for k in of.fixes if k.fix.time_ms > stop.end_ms), None)
    return after_ms is None or any(
        event.type in ("vehicle.moved", "vehicle.gap")
        and stop.end_ms - STOP_MS <= event.time_ms <= after_ms + STOP_MS
        for event in told
    )


@needs_recorded
def test_drives_stop_when_and_where_the_truth_does() -> None:
    """Nine in ten stops begin within 20 s and 50 m, and eight in ten of those end within 20 s.

    A place of the truth is larger than ours: it joins stays among which the bicycles moved on, or
    cuts one in two where the jitter goes farther; there the ends differ.
    """
    begun, ended, all_stops = 0, 0, 0
    for each in map(drive, names()):
        told = go(each.fixes, Definitions()).events
        found = [stop for stop in each.stops if is_begun(stop, told)]
        all_stops += len(each.stops)
        begun += len(found)
        ended += sum(is_ended(stop, told, each) for stop in found)
    assert begun >= 0.9 * all_stops, f"{begun} of {all_stops}"
    assert ended >= 0.8 * begun, f"{ended} of {begun}"


@needs_recorded
@pytest.mark.parametrize("name", names())
def test_drive_is_as_long_as_the_truth(name: str) -> None:
    """The odometer is within 2 % of what was driven."""
    least_m, most_m = drive(name).way_m()
    told_m = odometer_m(go(drive(name).fixes, Definitions()).state)
    assert 0.98 * least_m <= told_m <= 1.02 * most_m


WITHIN = ["fence.entered"]


@needs_recorded
@pytest.mark.parametrize("radius_m", [80, 100])
def test_bus_with_poor_reception_visits_each_stop_once(radius_m: float) -> None:
    """Dwells of 5 to 9 s at a noise of 18 m are one visit each of a fence of a sensible size.

    The receiver says an HDOP of 3.5, a sigma of 26 m: 80 m are three of those. Of 50 m, two of the
    four visits are not believed, of 60 m one. The stop's place is the mean of its fixes. The
    recording ends 20 s after the last dwell, before that exit is certain.
    """
    fixes = recorded(RECORDED / "drives/simbus_21pt.nmea.gz")
    told = gzip.decompress((RECORDED / "truth/simbus_21pt_arrivals.json.gz").read_bytes())
    arrivals = json.loads(told)
    for arrival in arrivals:
        from_ms = arrival["timestamp"] * 1000
        to_ms = from_ms + arrival["dwell_s"] * 1000
        there = [each.fix for each in fixes if from_ms <= each.fix.time_ms < to_ms]
        lat_deg = sum(fix.lat_deg for fix in there) / len(there)
        lon_deg = sum(fix.lon_deg for fix in there) / len(there)
        stop = Fence("stop", Shape.circle(lat_deg, lon_deg, radius_m))
        known = Definitions.always(Version.of([stop]))
        visit = go(fixes, known).events_of("fence.")
        told_kinds = [each.type for each in visit]
        last = arrival is arrivals[-1]
        assert told_kinds == ["fence.entered", "fence.exited"] or (last and told_kinds == WITHIN)
        assert visit[0].time_ms <= from_ms
        assert last or to_ms <= visit[1].time_ms
