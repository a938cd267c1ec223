"""The step over fixes: fences entered and exited, with nothing but values."""

import math
import random
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from milepost_collector.engine import (
    Definitions,
    EngineState,
    EngineStateError,
    Fence,
    fences_from_geojson,
    run_engine,
)
from milepost_schemas.event import Event
from milepost_schemas.fix import Fix, KeptFix
from tests.collector.fences import Ring, circle, collection, polygon

# On the equator east is x, north is y; a degree is so long there (WGS 84).
X_M = 111_319.491
Y_M = 110_574.276

START_MS = 1_790_000_000_000
ORIGIN = Fix(START_MS, 0, 0)


def at(time_s: float, x_m: float, y_m: float = 0.0) -> Fix:
    """A fix at a place in metres from the origin."""
    return Fix(START_MS + round(time_s * 1000), round(y_m / Y_M * 1e6), round(x_m / X_M * 1e6))


def track(*fixes: Fix, holes: Iterable[int] = ()) -> list[KeptFix]:
    """Number fixes; those of the given numbers come after a hole."""
    return [KeptFix(n, fix, hole=n in set(holes)) for n, fix in enumerate(fixes, 1)]


def square(half_m: float, x_m: float = 0.0) -> Ring:
    """A square around a place on the equator."""
    x, y, middle = half_m / X_M, half_m / Y_M, x_m / X_M
    return [(middle - x, -y), (middle + x, -y), (middle + x, y), (middle - x, y)]


def definitions(*features: dict[str, Any], from_ms: int = 0) -> Definitions:
    """Definitions of one version."""
    return Definitions.of(1, [(from_ms, fences_from_geojson(collection(*features)))])


def run(fixes: Sequence[KeptFix], rules: Definitions) -> list[Event]:
    """Run over a whole track."""
    return run_engine(EngineState(), fixes, rules, device="unit-1", subject="van-1").events


def told(events: Iterable[Event]) -> list[tuple[str, str, Any]]:
    """Type, fence and seconds since the start of each event."""
    return [
        (event.type.removeprefix("fence."), event.data["fence"], (event.time_ms - START_MS) / 1000)
        for event in events
    ]


CIRCLE = definitions(circle("yard", ORIGIN, 100))


def test_engine_on_the_way_through_a_circle_tells_both_crossings() -> None:
    """A circle is entered and exited at the instants interpolated between two fixes."""
    fixes = track(*(at(second, -205 + 10 * second) for second in range(50)))
    entered, exited = run(fixes, CIRCLE)
    assert told([entered, exited]) == [
        ("entered", "yard", pytest.approx(10.5, abs=0.02)),
        ("exited", "yard", pytest.approx(30.5, abs=0.02)),
    ]
    assert (entered.device, entered.subject) == ("unit-1", "van-1")
    assert entered.data["edge_distance_m"] <= -5
    assert exited.data["edge_distance_m"] > 15
    assert entered.id != exited.id


def test_engine_between_distant_fixes_interpolates_on_the_line() -> None:
    """The instant of a crossing is that of the straight line between the fixes, also far apart."""
    (entered,) = run(track(at(0, -600), at(60, 0)), CIRCLE)
    assert told([entered]) == [("entered", "yard", pytest.approx(50, abs=0.1))]


@pytest.mark.parametrize(
    "feature",
    [circle("yard", ORIGIN, 100), polygon("yard", square(100))],
    ids=["circle", "polygon"],
)
def test_engine_that_ends_beyond_the_middle_interpolates_at_the_edge(
    feature: dict[str, Any],
) -> None:
    """The instant is that of the edge, also where the way goes on far into the fence or across."""
    fixes = track(at(0, -900), at(98, 80), at(100, 60), at(110, -900))
    ((_, _, entered_s), (_, _, exited_s)) = told(run(fixes, definitions(feature)))
    assert entered_s == pytest.approx(80, abs=0.05)
    assert exited_s == pytest.approx(100 + 10 * 160 / 960, abs=0.05)


def test_engine_at_a_long_polygon_interpolates_at_its_own_edge() -> None:
    """A long narrow fence is entered at its edge, not at the circle around it."""
    x, y = 1000 / X_M, 10 / Y_M
    rules = definitions(polygon("road", [(-x, -y), (x, -y), (x, y), (-x, y)]))
    fixes = track(at(0, 0, -2010), at(201, 0, 0), at(211, 0, 100))
    assert told(run(fixes, rules)) == [
        ("entered", "road", pytest.approx(200, abs=0.1)),
        ("exited", "road", pytest.approx(202, abs=0.1)),
    ]


def test_engine_in_a_polygon_with_a_hole_tells_the_hole_as_outside() -> None:
    """Driving through a ring is an entry and an exit on either side of its hole."""
    rules = definitions(polygon("ring", square(200), square(100)))
    fixes = track(*(at(second, -305 + 10 * second) for second in range(61)))
    assert told(run(fixes, rules)) == [
        ("entered", "ring", pytest.approx(10.5, abs=0.02)),
        ("exited", "ring", pytest.approx(20.5, abs=0.02)),
        ("entered", "ring", pytest.approx(40.5, abs=0.02)),
        ("exited", "ring", pytest.approx(50.5, abs=0.02)),
    ]


@pytest.mark.parametrize("seed", range(5))
def test_engine_with_jitter_on_the_edge_tells_one_stay_at_most(seed: int) -> None:
    """An hour on the edge with ±10 m of jitter is one entry and one exit at the most."""
    chances = random.Random(seed)
    fixes = track(
        at(0, -300),
        *(at(s, -100 + chances.uniform(-10, 10)) for s in range(1, 3600)),
        at(3600, 900),
    )
    kinds = [kind for kind, _, _ in told(run(fixes, CIRCLE))]
    assert kinds in (["entered", "exited"], [])


def test_engine_with_a_first_fix_inside_tells_nothing_of_it() -> None:
    """Where a vehicle was before its first fix is not known; its exit is told."""
    fixes = track(at(0, 0), at(1, 10), at(2, 200))
    assert [kind for kind, _, _ in told(run(fixes, CIRCLE))] == ["exited"]


def test_engine_across_a_hole_does_not_interpolate() -> None:
    """A crossing that nobody measured has the instant of the fix that shows it."""
    fixes = [at(0, -600), at(600, 0), at(1200, 600)]
    assert told(run(track(*fixes, holes=[2, 3]), CIRCLE)) == [
        ("entered", "yard", 600),
        ("exited", "yard", 1200),
    ]


def test_engine_that_turns_back_on_the_edge_tells_the_last_crossing() -> None:
    """A crossing that was taken back is forgotten; the one that lasts is told."""
    places = [-120, -98, -103, -98, -90]
    fixes = track(*(at(second, x) for second, x in enumerate(places)))
    ((kind, _, time_s),) = told(run(fixes, CIRCLE))
    assert kind == "entered"
    assert time_s == pytest.approx(2.6, abs=0.02)


E = 0.0045


@pytest.mark.parametrize(
    "feature",
    [
        circle("yard", Fix(0, 0, 180_000_000), 500),
        circle("yard", Fix(0, 0, -180_000_000), 500),
        polygon("yard", [(179.9955, -E), (-179.9955, -E), (-179.9955, E), (179.9955, E)]),
    ],
    ids=["circle", "circle from the west", "polygon"],
)  # fmt: skip
def test_engine_on_the_date_line_sees_one_fence(feature: dict[str, Any]) -> None:
    """A fence on the date line is entered and exited once, whatever the sign of the longitude."""

    def across(second: int) -> Fix:
        east_e6 = round((-1005 + 10 * second) / X_M * 1e6)
        lon_e6 = 180_000_000 + east_e6 if east_e6 <= 0 else -180_000_000 + east_e6
        return Fix(START_MS + second * 1000, 0, lon_e6)

    fixes = track(*map(across, range(201)))
    assert told(run(fixes, definitions(feature))) == [
        ("entered", "yard", pytest.approx(50.5, abs=0.2)),
        ("exited", "yard", pytest.approx(150.5, abs=0.2)),
    ]


def test_engine_passes_over_fixes_that_are_not_newer() -> None:
    """A fix with the time of the last one, or an earlier one, changes nothing."""
    fixes = [at(0, -300), at(1, -200), at(1, 0), at(0.5, 0), at(2, -190)]
    assert run(track(*fixes), CIRCLE) == []


def test_engine_judges_each_fix_by_the_definitions_of_its_time() -> None:
    """A late fix meets the fences that were in force when it was measured."""
    old = fences_from_geojson(collection(circle("old", ORIGIN, 100)))
    new = fences_from_geojson(collection(circle("new", at(0, 1000), 100)))
    rules = Definitions.of(2, [(START_MS + 45_000, new), (START_MS, old)])
    fixes = track(*(at(second, -205 + 10 * second) for second in range(150)))
    assert [(kind, fence) for kind, fence, _ in told(run(fixes, rules))] == [
        ("entered", "old"),
        ("exited", "old"),
        ("entered", "new"),
        ("exited", "new"),
    ]
    assert run(fixes[45:], Definitions.of(1, [(START_MS, old)])) == []


def test_engine_forgets_fences_that_are_in_force_no_more() -> None:
    """The state does not grow with fences that were removed."""
    many = tuple(Fence.circle(f"f{n}", 0, 0, 50) for n in range(20))
    rules = Definitions.of(2, [(0, many), (START_MS + 5000, many[:2])])
    state = EngineState()
    run_engine(state, track(*(at(s, 0) for s in range(10))), rules, device="d", subject="d")
    assert set(state.fences) == {"f0", "f1"}


def test_engine_before_the_first_definitions_tells_nothing() -> None:
    """Without fences in force there is nothing to tell."""
    fixes = track(*(at(second, -205 + 10 * second) for second in range(50)))
    assert run(fixes, definitions(circle("yard", ORIGIN, 100), from_ms=START_MS + 10**9)) == []
    assert run(fixes, Definitions()) == []


def test_state_of_another_version_is_refused() -> None:
    """A state that this engine did not write is not guessed at."""
    with pytest.raises(EngineStateError, match="engine state 2, this engine knows 1"):
        EngineState.decode(b"\x93\x02\xc0\x80")


def test_state_of_nothing_is_a_device_without_a_past() -> None:
    """No stored state is the state before the first fix, and survives being packed."""
    assert EngineState.decode(None) == EngineState.decode(EngineState().encode()) == EngineState()


FENCES = definitions(
    circle("middle", ORIGIN, 60),
    circle("tiny", at(0, 150), 4),
    polygon("ring", square(200), square(100)),
)

steps = st.lists(
    st.tuples(
        st.integers(-500, 20_000),
        st.floats(-260, 260),
        st.floats(-60, 60),
        st.booleans(),
        st.booleans(),
    ),
    max_size=60,
)


@given(steps=steps)
def test_engine_over_any_split_into_batches_tells_the_same(
    steps: list[tuple[int, float, float, bool, bool]],
) -> None:
    """However a track is cut, with the state stored in between, the events are equal."""
    time_ms, fixes, cuts = START_MS, [], []
    for number, (pause_ms, x_m, y_m, hole, cut) in enumerate(steps, 1):
        time_ms += pause_ms
        fixes.append(KeptFix(number, at((time_ms - START_MS) / 1000, x_m, y_m), hole=hole))
        cuts.append(cut)
    whole = run(fixes, FENCES)
    in_parts: list[Event] = []
    stored: bytes | None = None
    part: list[KeptFix] = []
    for kept, cut in zip(fixes, cuts, strict=True):
        part.append(kept)
        if cut:
            stored = step(stored, part, in_parts)
            part = []
    step(stored, part, in_parts)
    assert in_parts == whole
    assert len({event.id for event in whole}) == len(whole)


def step(stored: bytes | None, part: list[KeptFix], events: list[Event]) -> bytes:
    """Run over one batch from a stored state to the next."""
    made = run_engine(EngineState.decode(stored), part, FENCES, device="unit-1", subject="van-1")
    events += made.events
    return made.state.encode()


@given(
    lat=st.floats(-70, 70),
    lon=st.floats(-180, 180),
    bearing=st.floats(0, 2 * math.pi),
    radius=st.floats(20, 10_000),
)
def test_circle_has_its_radius_in_metres_anywhere(
    lat: float, lon: float, bearing: float, radius: float
) -> None:
    """The edge of a circle is its radius away on the ellipsoid, to a metre in a thousand."""
    east, north, _ = Geod(ellps="WGS84").fwd(lon, lat, math.degrees(bearing), radius)
    distance_m = Fence.circle("c", lat, lon, radius).edge_distance_m(north, east)
    assert abs(distance_m) <= radius * 0.001
