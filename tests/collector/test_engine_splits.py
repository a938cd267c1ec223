"""The same fixes in other batches, in other calls, by other collectors: the same events."""

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from milepost_collector.engine import (
    Definitions,
    EngineState,
    Job,
    RuleBook,
    Rules,
    Version,
    fences_from_geojson,
    planned_fences,
    run_engine,
)
from milepost_collector.engine.nearby import FenceIndex
from milepost_schemas.bulk.rows import FixRows
from milepost_schemas.event import Event
from milepost_schemas.fix import Fix, FixKind, KeptFix
from milepost_schemas.plan import Place, Plan, Stop
from tests.collector.engine_tracks import START_MS, X_M, Y_M
from tests.collector.fences import collection, corridor, polygon, polygons

LATE = "2026-09-21T14:16:40Z", "2026-09-21T15:00:00Z"

# The world is where the equator meets the date line.
VEHICLES = ("van-0", "van-1", "van-2", "van-3")


@dataclass(frozen=True, slots=True)
class Leg:
    """Some fixes of a vehicle that are alike.

    Attributes:
        count: How many.
        step_ms: From one to the next; 0 and less: they come out of order.
        speed_mps: How fast it goes.
        heading: In quarters of a turn from east; 0.5 is north-east.
        jump_m: How far north it jumps before the first of them.
        noise_m: How much the receiver errs.
        says_speed: The receiver says its speed, too.
        hole: It was silent before the first of them.
        stands_for: Fixes that each stands for.
        kind: What the receiver says of its solution.
        hdop_tenths: Likewise.
        repeats: All of them say the place of the first one.
    """

    count: int
    step_ms: int
    speed_mps: float
    heading: float
    jump_m: float = 0.0
    noise_m: float = 0.0
    says_speed: bool = True
    hole: bool = False
    stands_for: int = 1
    kind: FixKind = FixKind.THREE_D
    hdop_tenths: int | None = 9
    repeats: bool = False


legs = st.builds(
    Leg,
    count=st.integers(1, 40),
    step_ms=st.sampled_from([1000, 1000, 1000, 200, 3700, 15_000, 90_000, 400_000, 0, -2500]),
    speed_mps=st.sampled_from([0.0, 0.0, 0.3, 3.0, 9.0, 17.0, 200.0]),
    heading=st.sampled_from([0.0, 0.5, 1.0, 2.0, 2.1, 3.0]),
    jump_m=st.sampled_from([0.0] * 7 + [-150.0, 600.0, 90_000.0]),
    noise_m=st.sampled_from([0.0, 2.0, 15.0]),
    says_speed=st.booleans(),
    hole=st.sampled_from([False] * 4 + [True]),
    stands_for=st.sampled_from([1, 1, 7]),
    kind=st.sampled_from([FixKind.THREE_D] * 6 + [FixKind.NONE]),
    hdop_tenths=st.sampled_from([9, None, 30, 990]),
    repeats=st.sampled_from([False] * 5 + [True]),
)


def driven(parts: Sequence[Leg], seed: int) -> list[KeptFix]:
    """Make the fixes of legs."""
    chances = random.Random(seed)
    time_ms, x_m, y_m = START_MS + chances.randrange(5000), -200.0, 0.0
    made: list[KeptFix] = []
    for leg in parts:
        y_m += leg.jump_m
        for number in range(leg.count):
            time_ms += leg.step_ms
            moved_m = leg.speed_mps * max(0, leg.step_ms) / 1000
            if not leg.repeats or not number:
                x_m += moved_m * math.cos(leg.heading * math.pi / 2)
                y_m += moved_m * math.sin(leg.heading * math.pi / 2)
                noise = chances.gauss(0, leg.noise_m), chances.gauss(0, leg.noise_m)
            east_e6 = round((x_m + noise[0]) / X_M * 1e6)
            fix = Fix(
                time_ms,
                round((y_m + noise[1]) / Y_M * 1e6),
                (east_e6 + 360_000_000) % 360_000_000 - 180_000_000,
                speed_dmps=round(leg.speed_mps * 10) if leg.says_speed else None,
                hdop_tenths=leg.hdop_tenths,
                kind=leg.kind,
            )
            hole = leg.hole and not number
            made.append(KeptFix(len(made) + 1, fix, leg.stands_for, hole))
    return made


def _square(x_m: float, y_m: float, half_m: float) -> list[tuple[float, float]]:
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    return [
        ((180 + (x_m + x * half_m) / X_M + 180) % 360 - 180, (y_m + y * half_m) / Y_M)
        for x, y in corners
    ]


def _point(name: str, x_m: float, y_m: float, radius_m: float, **more: object) -> dict[str, object]:
    place = [(180 + x_m / X_M + 180) % 360 - 180, y_m / Y_M]
    return {
        "type": "Feature",
        "id": name,
        "geometry": {"type": "Point", "coordinates": place},
        "properties": {"radius_m": radius_m} | more,
    }


def _versions() -> list[tuple[int, Version]]:
    """Three versions, each with other fences and rules."""
    first = collection(
        _point("yard", 0, 0, 60, dwell_s=20),
        _point("gate", 120, 0, 12),
        polygon("ring", _square(0, 0, 200), _square(0, 0, 100), speed_limit_mps=8),
        corridor("road", [(179.99, 0.0002), (-179.99, 0.0002)], 40, vehicles=["van-0", "van-2"]),
    )
    second = collection(
        _point("yard", 30, 0, 80, dwell_s=45, speed_limit_mps=2),
        polygons("ring", [_square(0, 0, 180), _square(0, 0, 100)], [_square(600, 0, 200)]),
        _point("late", 0, 0, 150, valid_from=LATE[0], valid_to=LATE[1]),
    )  # fmt: skip
    usual = RuleBook(Rules(stop_s=20, trip_m=100, trip_end_s=30, idle_s=40, gap_s=120))
    fast = RuleBook(
        Rules(speed_limit_mps=10, speeding_s=3),
        {"van-1": Rules(stop_s=30, stop_radius_m=15, trip_end_s=60, idle_s=None)},
    )
    return [
        (START_MS - 1, Version.of(fences_from_geojson(first), usual)),
        (START_MS + 45_000, Version.of(fences_from_geojson(second), fast)),
        (START_MS + 600_000, Version.of(fences_from_geojson(first), fast)),
    ]


def _planned() -> FenceIndex:
    """Two plans, one of which is edited twice on its day."""
    day = datetime.fromtimestamp(START_MS / 1000, UTC).date()
    yard, gate = (_stop("yard", 0, 0, 60), _stop("gate", 120, 0, 20))
    moved = _stop("yard", 40, 10, 90)
    way = tuple((0.0, 180 + x_m / X_M) for x_m in (-150, 0, 150))
    path = tuple((lat, lon if lon <= 180 else lon - 360) for lat, lon in way)
    first = Plan("tour-0", "van-0", day, (yard, gate), path=path)
    second = Plan("tour-0", "van-0", day, (gate, moved), path=path)
    other = Plan("tour-3", "van-3", day, (gate, yard))
    edits = [(0, first), (START_MS + 30_000, second), (START_MS + 300_000, first)]
    return FenceIndex([*planned_fences(edits), *planned_fences([(0, other)])])


def _stop(name: str, x_m: float, y_m: float, radius_m: float) -> Stop:
    lon_deg = (180 + x_m / X_M + 180) % 360 - 180
    return Stop(name, Place(y_m / Y_M, lon_deg), radius_m)


# Each collector has read the definitions for itself.
COLLECTORS = [(_versions(), _planned()) for _ in range(4)]


@dataclass
class Fleet:
    """States as the database holds them, and as each collector remembers them.

    Attributes:
        stored: What is in the row of each vehicle, and which collector wrote it.
        events: What has been told of each vehicle.
        doubted: The fixes that were not believed, and why.
        newest_ms: Of all fixes that were taken.
    """

    stored: dict[str, tuple[bytes | None, int]] = field(default_factory=dict)
    memory: dict[tuple[int, str], EngineState] = field(default_factory=dict)
    events: dict[str, list[Event]] = field(default_factory=dict)
    doubted: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    newest_ms: int = 0

    def take(self, collector: int, batches: Sequence[tuple[str, list[KeptFix]]]) -> None:
        """Give some batches to a collector in one call."""
        rows = FixRows.of([(number, fixes) for number, (_, fixes) in enumerate(batches)])
        jobs, first = [], 0
        for vehicle, fixes in batches:
            state = self._state(collector, vehicle)
            jobs.append(Job(state, f"unit-{vehicle}", vehicle, first, first + len(fixes)))
            first += len(fixes)
        run = run_engine(jobs, rows, self._known(collector, rows))
        for (vehicle, _), job, events in zip(batches, jobs, run.events, strict=True):
            self.stored[vehicle] = job.state.encode(), collector
            self.memory[collector, vehicle] = job.state
            self.events.setdefault(vehicle, []).extend(events)
        for row, doubt in zip(run.doubted.row.tolist(), run.doubted.doubt.tolist(), strict=True):
            vehicle = batches[int(rows.batch[row])][0]
            self.doubted[vehicle, int(rows.seq[row]), doubt] += 1

    def _state(self, collector: int, vehicle: str) -> EngineState:
        """What a collector remembers counts only if it wrote the row itself."""
        data, writer = self.stored.get(vehicle, (None, -1))
        if writer == collector:
            return self.memory[collector, vehicle]
        return EngineState.decode(data)

    def _known(self, collector: int, rows: FixRows) -> Definitions:
        """A collector may not know yet what is in force only after all fixes so far."""
        self.newest_ms = max([self.newest_ms, *rows.time_ms.tolist()])
        versions, planned = COLLECTORS[collector]
        known = [each for each in versions if each[0] <= self.newest_ms]
        return Definitions(len(known), known, planned)


def in_one_go(vehicle: str, fixes: list[KeptFix]) -> Fleet:
    """One vehicle alone, all of its fixes in one call."""
    fleet = Fleet()
    fleet.take(0, [(vehicle, fixes)])
    return fleet


def in_parts(tracks: dict[str, list[KeptFix]], chances: random.Random) -> Fleet:
    """All vehicles, in any batches, groups and collectors."""
    fleet, done = Fleet(), dict.fromkeys(tracks, 0)
    while left := [vehicle for vehicle in tracks if done[vehicle] < len(tracks[vehicle])]:
        chosen = chances.sample(left, chances.randint(1, len(left)))
        batches = []
        for vehicle in chosen:
            size = chances.choice([1, 2, 7, 30, 200])
            batches.append((vehicle, tracks[vehicle][done[vehicle] : done[vehicle] + size]))
            done[vehicle] += size
        fleet.take(chances.randrange(4), batches)
    return fleet


STANDS_ON_AN_EDGE = [
    Leg(40, 1000, 9.0, 0.0, noise_m=2.0),
    Leg(40, 1000, 0.0, 0.0, noise_m=15.0),
    Leg(5, 1000, 17.0, 0.0, jump_m=90_000.0),
    Leg(40, 1000, 0.0, 0.0, noise_m=15.0, says_speed=False),
    Leg(30, 1000, 17.0, 2.0, hole=True),
]


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(journeys=[STANDS_ON_AN_EDGE] * 3, seed=1)
@given(
    journeys=st.lists(st.lists(legs, min_size=1, max_size=6), min_size=1, max_size=3),
    seed=st.integers(0, 2**32 - 1),
)
def test_engine_over_any_batches_tells_the_same(journeys: list[list[Leg]], seed: int) -> None:
    """Events, their order, doubts and the final state are those of one call a vehicle.

    However fixes are cut into batches, whichever vehicles share a call, and whichever of four
    collectors takes it: with repeated and late fixes, holes, jumps, samples, across the date line,
    and with definitions that change on the way.
    """
    tracks = {
        vehicle: driven(parts, seed + number)
        for number, (vehicle, parts) in enumerate(zip(VEHICLES, journeys, strict=False))
    }
    fleet = in_parts(tracks, random.Random(seed))
    doubted: Counter[tuple[str, int, int]] = Counter()
    for vehicle, fixes in tracks.items():
        alone = in_one_go(vehicle, fixes)
        assert fleet.events[vehicle] == alone.events[vehicle]
        ids = [event.id for event in alone.events[vehicle]]
        assert len(set(ids)) == len(ids)
        assert fleet.stored[vehicle][0] == alone.stored[vehicle][0]
        doubted += alone.doubted
    assert fleet.doubted == doubted
