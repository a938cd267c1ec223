"""The engine's step: states, versions of definitions, late fixes, and several devices in a call."""

import msgpack
import pytest

from milepost_collector.engine import (
    Definitions,
    Doubt,
    EngineState,
    EngineStateError,
    Job,
    run_engine,
)
from milepost_collector.engine.state import STATE_VERSION
from milepost_collector.engine.telling import TYPES
from milepost_schemas.bulk.rows import FixRows
from milepost_schemas.event import event_id
from milepost_schemas.fix import FixKind
from tests.collector.drives_truth import time_ms
from tests.collector.engine_tracks import (
    DEVICE,
    ORIGIN,
    START_MS,
    VEHICLE,
    at,
    definitions,
    go,
    straight,
    track,
    version,
)
from tests.collector.fences import circle

CIRCLE = definitions(circle("yard", ORIGIN, 100))
THROUGH = track(*straight(0, 50, -205, 10))


def test_event_says_whose_it_is_and_which_fix_decided_it() -> None:
    """An event has device, vehicle, and an id made of device, deciding fix, type and fence."""
    entered, exited = go(THROUGH, CIRCLE).events_of("fence.")
    assert (entered.device, entered.subject) == (DEVICE, VEHICLE)
    decided = [
        fix.fix.time_ms
        for fix in THROUGH
        if event_id(DEVICE, fix.fix.time_ms, "fence.entered", "yard") == entered.id
    ]
    assert len(decided) == 1
    assert entered.time_ms < decided[0] == time_ms(entered.data["confirmed_at"])
    assert entered.id != exited.id


def test_engine_passes_over_fixes_that_are_not_newer() -> None:
    """A fix with the time of the last one, or an earlier one, is late and changes nothing."""
    fixes = [at(0, -300), at(1, -290), at(1, 0), at(0.5, 0), at(2, -280)]
    outcome = go(track(*fixes), CIRCLE)
    assert outcome.events == []
    assert outcome.doubts == [(fixes[3], Doubt.LATE), (fixes[2], Doubt.LATE)]
    assert outcome.state == go(track(fixes[0], fixes[1], fixes[4]), CIRCLE).state


def test_engine_judges_each_fix_by_the_definitions_of_its_time() -> None:
    """A late fix meets the fences that were in force when it was measured."""
    old = version(circle("old", ORIGIN, 100))
    new = version(circle("new", at(0, 1000), 100))
    known = Definitions(2, [(START_MS + 45_000, new), (START_MS, old)])
    fixes = track(*straight(0, 150, -205, 10))
    assert [each[:2] for each in go(fixes, known).crossings()] == [
        ("entered", "old"),
        ("exited", "old"),
        ("entered", "new"),
        ("exited", "new"),
    ]
    assert go(fixes[45:], Definitions(1, [(START_MS, old)])).crossings() == []


def test_engine_before_the_first_definitions_has_no_fences_and_the_usual_rules() -> None:
    """Without definitions in force, only what concerns no fence is told."""
    late = Definitions(1, [(START_MS + 10**9, version(circle("yard", ORIGIN, 100)))])
    fixes = track(*straight(0, 50, -205, 10))
    assert [each.type for each in go(fixes, late).events] == ["trip.started"]
    assert go(fixes, Definitions()).events == go(fixes, late).events


def test_engine_forgets_fences_that_are_in_force_no_more() -> None:
    """The state does not grow with fences that were removed."""
    many = [circle(f"f{number}", ORIGIN, 50) for number in range(20)]
    known = Definitions(2, [(0, version(*many)), (START_MS + 5000, version(*many[:2]))])
    fixes = track(*(at(second, 0) for second in range(10)))
    assert set(go(fixes[:5], known).state.fences) == {f"f{number}" for number in range(20)}
    assert set(go(fixes, known).state.fences) == {"f0", "f1"}


def test_engine_without_fixes_changes_nothing() -> None:
    """A job without rows beside one that has some keeps its state, byte for byte."""
    quiet = EngineState.decode(go(THROUGH, CIRCLE).state.encode())
    before = quiet.encode()
    rows = FixRows.of([(0, THROUGH)])
    jobs = [Job(quiet, "a", "a", 0, 0), Job(EngineState(), "b", "b", 0, len(rows))]
    run = run_engine(jobs, rows, CIRCLE)
    assert (run.events[0], quiet.encode()) == ([], before)
    assert [each.device for each in run.events[1]] == ["b"] * 3
    assert run_engine([], FixRows.of([]), CIRCLE).events == []


def test_hole_of_a_fix_that_is_not_believed_stays_with_its_device() -> None:
    """Silence before a doubted last fix of one device is no silence of the next in the call."""
    doubted = track(at(0, 0), at(1, 0), at(2, 0, kind=FixKind.NONE), holes=[3])
    rows = FixRows.of([(0, doubted), (1, THROUGH)])
    jobs = [
        Job(EngineState(), "a", "a", 0, 3),
        Job(EngineState(), DEVICE, VEHICLE, 3, len(rows)),
    ]
    assert run_engine(jobs, rows, CIRCLE).events[1] == go(THROUGH, CIRCLE).events


def test_hole_of_a_fix_that_is_not_believed_is_remembered() -> None:
    """Nothing is interpolated over a hole that a doubted fix told, also in a later batch."""
    fixes = track(
        at(0, -300), at(1, -290), at(60, 0, kind=FixKind.NONE), at(61, 290), at(62, 300), holes=[3]
    )
    for size in (None, 1, 3):
        assert go(fixes, CIRCLE, size).crossings() == []
    assert len(go(track(fixes[0].fix, fixes[1].fix, fixes[3].fix), CIRCLE).crossings()) == 2


def test_state_is_small() -> None:
    """Some hundred bytes a vehicle, also on its way between fences."""
    near = definitions(*(circle(f"f{number}", at(0, 100 * number), 120) for number in range(8)))
    assert len(go(THROUGH, near).state.encode()) < 1000


def test_state_of_another_version_is_refused() -> None:
    """A state that this engine did not write is not guessed at."""
    text = f"engine state {STATE_VERSION + 1}, this engine knows {STATE_VERSION}"
    with pytest.raises(EngineStateError, match=text):
        EngineState.decode(bytes(msgpack.packb([STATE_VERSION + 1, 5])))


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x05", b"\x93\x01", b"\xc0"])
def test_state_that_is_damaged_is_refused(data: bytes) -> None:
    """Bytes that hold no state say that they cannot be read."""
    with pytest.raises(EngineStateError, match="engine state"):
        EngineState.decode(data)


def test_state_of_nothing_is_a_device_without_a_past() -> None:
    """No stored state is the state before the first fix, and survives being packed."""
    assert EngineState.decode(None) == EngineState.decode(EngineState().encode()) == EngineState()


def test_types_of_events_are_the_ones_that_the_contract_names() -> None:
    """The engine tells fourteen types, none twice."""
    assert len(set(TYPES)) == len(TYPES) == 14
