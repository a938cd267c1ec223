"""Fixes that are not believed: why, and that nothing comes of them."""

import json
from collections import Counter
from typing import Any

import pytest

from milepost_collector.engine import Definitions, Doubt
from milepost_schemas.fix import Fix, FixKind, KeptFix
from tests.agent.line import RECORDED, needs_recorded
from tests.collector.drives_truth import recorded
from tests.collector.engine_tracks import (
    ORIGIN,
    at,
    definitions,
    go,
    odometer_m,
    straight,
    track,
)
from tests.collector.fences import circle

DRIVE = straight(0, 29, 0, 10, speed_dmps=100)

# Doubtful fixes at the thirtieth second of a drive of 10 m/s, where it ought to be at 300 m.
DOUBTFUL: dict[str, tuple[Fix, Doubt]] = {
    "no lock": (at(30, 300, kind=FixKind.NONE), Doubt.NO_LOCK),
    "dead reckoning": (at(30, 300, kind=FixKind.ESTIMATED), Doubt.NO_LOCK),
    "zero-zero": (Fix(at(30, 0).time_ms, 0, 0, kind=FixKind.THREE_D), Doubt.ZERO_ZERO),
    "almost zero-zero": (Fix(at(30, 0).time_ms, 3, -7, kind=FixKind.THREE_D), Doubt.ZERO_ZERO),
    "HDOP 99": (at(30, 300, hdop_tenths=990), Doubt.IMPRECISE),
    "HDOP 20": (at(30, 300, hdop_tenths=200), Doubt.IMPRECISE),
    "an error of 200 m": (at(30, 300, error_dm=2000), Doubt.IMPRECISE),
    "a kilometre off": (at(30, 300, 1000), Doubt.TELEPORT),
    "a hundred metres off": (at(30, 300, 100), Doubt.TELEPORT),
    "50 m too far": (at(30, 350, speed_dmps=500), Doubt.ACCELERATION),
}


@pytest.mark.parametrize("what", DOUBTFUL)
def test_doubtful_fix_has_its_reason_and_changes_nothing(what: str) -> None:
    """One such fix in a drive is marked, and the rest tells what it tells without it."""
    fix, doubt = DOUBTFUL[what]
    known = definitions(circle("near", at(0, 300), 40), circle("off", fix, 40))
    after = straight(31, 60, 310, 10, speed_dmps=100)
    outcome = go(track(*DRIVE, fix, *after), known)
    assert outcome.doubts == [(fix, doubt)]
    without = go(track(*DRIVE, *after), known)
    assert outcome.events == without.events
    assert outcome.state.encode() == without.state.encode()


@pytest.mark.parametrize("hdop_tenths", [None, 9, 20])
@pytest.mark.parametrize("off_m", [100, 1000, 30_000])
@pytest.mark.parametrize("says_speed", [True, False])
def test_one_wild_fix_of_a_parked_vehicle_never_fires(
    hdop_tenths: int | None, off_m: int, says_speed: bool
) -> None:
    """A single fix 100 m and more away enters nothing, leaves nothing and moves no odometer."""
    said: dict[str, Any] = {
        "hdop_tenths": hdop_tenths,
        "speed_dmps": 0 if says_speed else None,
    }
    known = definitions(circle("here", ORIGIN, 50), circle("there", at(0, off_m), 45))
    parked = [at(second, 0, **said) for second in range(600)]
    wild = [at(300, off_m, **said) if each == parked[300] else each for each in parked]
    outcome = go(track(*wild), known)
    assert outcome.crossings() == [("entered", "here", 0)]
    assert {"trip.started", "vehicle.moved"}.isdisjoint(each.type for each in outcome.events)
    assert odometer_m(outcome.state) < 1


def test_parked_receiver_that_wanders_is_no_trip() -> None:
    """Jumps to and fro by a hundred metres each minute are neither trips nor distance."""
    fixes = [at(second, 120.0 * (second % 60 == 30), speed_dmps=0) for second in range(3600)]
    outcome = go(track(*fixes), Definitions())
    assert [each.type for each in outcome.events] == ["vehicle.stopped", "vehicle.idling"]
    assert odometer_m(outcome.state) < 1


def test_place_that_stays_the_same_on_the_move_is_frozen() -> None:
    """A receiver that says a speed and the same place again and again says nothing of places."""
    frozen = [at(second, 290, speed_dmps=100) for second in range(30, 90)]
    after = straight(90, 120, 900, 10, speed_dmps=100)
    known = definitions(circle("here", at(0, 290), 60, dwell_s=30))
    outcome = go(track(*DRIVE, *frozen, *after), known)
    assert {doubt for fix, doubt in outcome.doubts if fix in frozen} == {Doubt.FROZEN}
    assert sum(fix in frozen for fix, _ in outcome.doubts) >= len(frozen) - 3
    assert "fence.dwelled" not in {each.type for each in outcome.events}
    assert "vehicle.stopped" not in {each.type for each in outcome.events}


def test_parked_place_that_stays_the_same_is_believed() -> None:
    """A receiver that stands says one place for ever, and that is true."""
    assert go(track(*(at(s, 0, speed_dmps=0) for s in range(300))), Definitions()).doubts == []


def test_receiver_that_agrees_with_itself_elsewhere_is_believed_after_ten_seconds() -> None:
    """After a jump ten agreeing seconds move the vehicle there; the way between is not known."""
    elsewhere = straight(30, 90, 60_000, 10, speed_dmps=100)
    fixes = track(*DRIVE, *elsewhere)
    between = definitions(circle("between", at(0, 30_000), 500), circle("there", at(0, 60_300), 99))
    for size in (None, 1, 7):
        outcome = go(fixes, between, size)
        assert outcome.doubts == [(fix, Doubt.TELEPORT) for fix in elsewhere[:10]]
        assert [each[:2] for each in outcome.crossings()] == [
            ("entered", "there"),
            ("exited", "there"),
        ]


def test_receiver_that_agrees_with_itself_for_less_is_not_believed() -> None:
    """Nine seconds elsewhere and back are nine doubted fixes, and the drive goes on."""
    elsewhere = straight(30, 38, 60_000, 10, speed_dmps=100)
    after = straight(39, 60, 390, 10, speed_dmps=100)
    outcome = go(track(*DRIVE, *elsewhere, *after), Definitions())
    assert outcome.doubts == [(fix, Doubt.TELEPORT) for fix in elsewhere]
    assert odometer_m(outcome.state) == pytest.approx(600, abs=5)


@pytest.mark.parametrize("hole_s", [20, 200])
def test_acceleration_is_no_doubt_across_a_hole(hole_s: int) -> None:
    """Who stood before a hole may be fast behind it: its speed was not measured in between."""
    before = [at(second, 0, speed_dmps=0) for second in range(30)]
    after = straight(30 + hole_s, 60 + hole_s, 25 * hole_s, 30, speed_dmps=300)
    assert go(track(*before, *after, holes=[31]), Definitions()).doubts == []


def test_hard_braking_and_bends_are_no_doubt() -> None:
    """From 30 m/s to nothing in four seconds, and a corner of 90 degrees, are believed."""
    braking = [(0, 30), (30, 30), (60, 30), (86, 22), (104, 14), (114, 6), (117, 0), (117, 0)]
    fixes = [at(second, x, speed_dmps=10 * v) for second, (x, v) in enumerate(braking)]
    corner = [at(8 + second, 120 + 10 * second, speed_dmps=60) for second in range(3)]
    corner += [at(11 + second, 140, 10 + 10 * second, speed_dmps=100) for second in range(5)]
    assert go(track(*fixes, *corner), Definitions()).doubts == []


def files() -> list[str]:
    """The recorded drives; none where the data is absent."""
    manifest = RECORDED / "manifest.json"
    if not manifest.exists():
        return []
    entries = json.loads(manifest.read_text(encoding="utf-8"))["entries"]
    found = [each["file"] for each in entries if each["file"].startswith(("drives/", "gpx/"))]
    return [name for name in found if "silvretta_void" not in name]  # has no fix


def is_good(kept: KeptFix) -> bool:
    """Whether the receiver itself has nothing to say against a fix."""
    fix = kept.fix
    locked = fix.kind not in (FixKind.NONE, FixKind.ESTIMATED)
    return locked and (fix.hdop_tenths is None or fix.hdop_tenths < 50)


# Of fixes against which the receiver has nothing to say so many may be doubted, and one.
MOST_DOUBTED = 0.002


@needs_recorded
@pytest.mark.parametrize("name", files())
def test_recorded_drive_loses_next_to_no_good_fix(name: str) -> None:
    """Of the fixes with a lock and an HDOP below 5 no more than 0.2 % and one are doubted."""
    fixes = recorded(RECORDED / name)
    good = {each.fix for each in fixes if is_good(each)}
    # An instant twice is no doubt about a place.
    doubts = [
        (fix, doubt)
        for fix, doubt in go(fixes, Definitions()).doubts
        if fix in good and doubt is not Doubt.LATE
    ]
    assert len(doubts) <= 1 + MOST_DOUBTED * len(good), Counter(doubt for _, doubt in doubts)
