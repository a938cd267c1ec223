"""The engine on one core: processor time a fix, beside its limits and beside plain questions.

A call takes 200 batches of 60 fixes; each vehicle's state is decoded before it and encoded behind
it, as the collector does. The first round of all vehicles is not measured, so that each has a past.
All is done again from the same states, and of each call's times the least counts: the work is the
same each time, and the least is what other programs disturbed least.
"""

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from milepost_collector.engine import Definitions, EngineState, Job, Version, run_engine
from milepost_schemas.bulk import FixRows
from milepost_schemas.fix import Fix, FixKind, KeptFix
from tests.bench import engine_load
from tests.bench.engine_load import AT_ONCE, ROUNDS, SIZE, VEHICLES, Call
from tests.bench.engine_peers import near_a_fix, peer_rows

PASSES = 3

_LIMIT_US, _GOAL_US, _QUIET_LIMIT_US, _DENSE_LIMIT_US = 6.0, 4.0, 1.0, 40.0
_MANY, _DENSE = 10_000, 100_000
_GROWTH = (10, 100, 1_000, _MANY, _DENSE)
_PROTOTYPE_CALL_US = 400.0
_LONE_TIMES = 200


@dataclass(frozen=True, slots=True)
class Cost:
    """What a fleet cost.

    Attributes:
        cpu_us: Processor time a fix.
        wall_us: Time a fix.
        told: How many events of each vehicle.
        held: Of how many fences a vehicle's state remembers something in the end, in the mean.
        state_bytes: How large a state is in the end, in the mean.
    """

    cpu_us: float
    wall_us: float
    told: list[int]
    held: float
    state_bytes: float


def engine_rows(_folder: Path) -> list[dict[str, Any]]:
    """Measure fences around and elsewhere, ever more of them, lone messages, and the peers."""
    whose, _ = engine_load.drives()
    fleet = engine_load.fleet()
    few = fleet[:: VEHICLES // AT_ONCE]
    fences = engine_load.fences_around(_DENSE)
    near = near_a_fix(few, fences, _GROWTH)
    with _settled():
        versions = {count: Version.of(fences[:count]) for count in _GROWTH}
        away = Version.of(engine_load.fences_elsewhere(_MANY))
        around = cost_of(_all_calls(fleet), versions[_MANY])
        costs = {count: cost_of(_all_calls(few), version) for count, version in versions.items()}
        without = cost_of(_all_calls(few), away)
        elsewhere = cost_of(_all_calls(fleet), away)
        quiet = [v for v, told in zip(fleet, elsewhere.told, strict=True) if not told]
        still = cost_of(_all_calls(quiet), away)
        parked = cost_of(_all_calls([_parked(number) for number in range(VEHICLES)]), away)
        lone_us = {size: _lone_us(fleet[0], size, versions[_MANY]) for size in (1, SIZE)}
    calls = f"{AT_ONCE} batches of {SIZE} a call"
    what = f"engine: {whose}, {VEHICLES:,} vehicles, {calls}, "
    where = f"fences within {engine_load.AROUND_M / 1000:g} km"
    nothing = f"the {len(quiet)} vehicles of which nothing is told"
    return [
        *_rows(f"{what}{_MANY:,} {where}", around, {"limit": _LIMIT_US, "goal": _GOAL_US}),
        *_rows(
            f"engine: {whose}, {calls}, {_DENSE:,} {where}",
            costs[_DENSE],
            {"limit": _DENSE_LIMIT_US},
        ),
        *_rows(f"{what}{_MANY:,} elsewhere", elsewhere, {"limit": _LIMIT_US}),
        *_rows(f"{what}{_MANY:,} elsewhere, {nothing}", still, {"limit": _QUIET_LIMIT_US}),
        *_rows(f"engine: parked, {_MANY:,} elsewhere", parked, {"limit": _QUIET_LIMIT_US}),
        *_growth_rows(costs, without, near),
        *_lone_rows(lone_us, around),
        *peer_rows(fleet, fences[:_MANY], around.cpu_us),
    ]


@contextmanager
def _settled() -> Iterator[None]:
    """Keep what stays out of the search for cycles, as the collector does with its fences."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _all_calls(fleet: Sequence[Sequence[KeptFix]]) -> list[list[Call]]:
    return [engine_load.calls(fleet, number) for number in range(ROUNDS)]


def cost_of(sent: Sequence[Sequence[Call]], version: Version, passes: int = PASSES) -> Cost:
    """Run a fleet through the engine; the calls of the first round are not counted."""
    definitions = Definitions.always(version)
    gc.freeze()
    cpu_s: dict[tuple[int, int], float] = {}
    wall_s: dict[tuple[int, int], float] = {}
    for _ in range(passes):
        states: dict[int, bytes] = {}
        told: dict[int, int] = {}
        for number, calls in enumerate(sent):
            for place, call in enumerate(calls):
                begin_s, begin_cpu_s = time.perf_counter(), time.process_time()
                counts = _taken(call, states, definitions)
                took_cpu_s = time.process_time() - begin_cpu_s
                took_s = time.perf_counter() - begin_s
                if not number:
                    continue
                key = number, place
                cpu_s[key] = min(took_cpu_s, cpu_s.get(key, took_cpu_s))
                wall_s[key] = min(took_s, wall_s.get(key, took_s))
                for vehicle, count in zip(call.vehicles, counts, strict=True):
                    told[vehicle] = told.get(vehicle, 0) + count
    fixes = sum(len(call.rows) for calls in sent[1:] for call in calls)
    ends = [EngineState.decode(state) for state in states.values()]
    return Cost(
        sum(cpu_s.values()) / fixes * 1e6,
        sum(wall_s.values()) / fixes * 1e6,
        [told[vehicle] for vehicle in sorted(told)],
        sum(len(state.fences) for state in ends) / len(ends),
        sum(map(len, states.values())) / len(states),
    )


def _taken(call: Call, states: dict[int, bytes], definitions: Definitions) -> list[int]:
    """Take a call as the collector does; return how many events each vehicle had."""
    jobs = [
        Job(EngineState.decode(states.get(vehicle)), f"van-{vehicle}", f"van-{vehicle}", *bounds)
        for vehicle, bounds in zip(call.vehicles, call.bounds, strict=True)
    ]
    run = run_engine(jobs, call.rows, definitions)
    for vehicle, job in zip(call.vehicles, jobs, strict=True):
        states[vehicle] = job.state.encode()
    return [len(events) for events in run.events]


def _parked(number: int) -> list[KeptFix]:
    """Return fixes of a vehicle that stands, for an hour in the first round, then a second each."""
    tracks = engine_load.drives()[1]
    where = tracks[number % len(tracks)].fixes[0]
    return [
        KeptFix(
            seq,
            Fix(
                where.time_ms + (min(seq, SIZE) * 60 + max(0, seq - SIZE)) * 1000,
                where.lat_e6 + (seq * 7 + number) % 31 - 15,
                where.lon_e6 + (seq * 11 + number) % 31 - 15,
                speed_dmps=0,
                hdop_tenths=9,
                kind=FixKind.THREE_D,
            ),
        )
        for seq in range(1, SIZE * ROUNDS + 1)
    ]


def _lone_us(kept: Sequence[KeptFix], size: int, version: Version) -> float:
    """Return the processor time of a call of one message, the least of many."""
    definitions = Definitions.always(version)
    states: dict[int, bytes] = {}
    before = FixRows.of([(0, kept[:SIZE])])
    _taken(Call([0], [(0, SIZE)], before), states, definitions)
    past = states[0]
    call = Call([0], [(0, size)], FixRows.of([(0, kept[SIZE : SIZE + size])]))
    least_s = float("inf")
    for _ in range(_LONE_TIMES):
        states[0] = past
        begin_s = time.process_time()
        _taken(call, states, definitions)
        least_s = min(least_s, time.process_time() - begin_s)
    return least_s * 1e6


def _rows(what: str, cost: Cost, beside: dict[str, float]) -> list[dict[str, Any]]:
    return [
        {
            "what": f"{what}: processor a fix",
            "ours": cost.cpu_us,
            "peer": peer,
            "peers": figure,
            "unit": "µs",
            "wall": round(cost.wall_us, 2),
            "events": sum(cost.told),
            "held_fences": round(cost.held, 2),
            "state_bytes": round(cost.state_bytes),
        }
        for peer, figure in beside.items()
    ]


def _growth_rows(
    costs: dict[int, Cost], without: Cost, near: dict[int, float]
) -> list[dict[str, Any]]:
    """Put what fences add to a fix beside how many there are near it, from one number to the next.

    What is added by few is less than the noise of what they are added to.
    """
    rows = [
        {
            "what": f"engine: {count:,} fences, {near[count]:.3g} near a fix: processor a fix",
            "ours": cost.cpu_us,
            "peer": f"{_MANY:,} fences elsewhere",
            "peers": without.cpu_us,
            "unit": "µs",
        }
        for count, cost in costs.items()
    ]
    added = {count: cost.cpu_us - without.cpu_us for count, cost in costs.items()}
    return [
        *rows,
        {
            "what": f"engine: what fences add to a fix, {_MANY:,} to {_DENSE:,}",
            "ours": added[_DENSE] / added[_MANY],
            "peer": "growth of how many are near",
            "peers": near[_DENSE] / near[_MANY],
            "unit": "times",
        },
    ]


def _lone_rows(lone_us: dict[int, float], cost: Cost) -> list[dict[str, Any]]:
    return [
        {
            "what": f"engine: a lone message of {size}, {_MANY:,} fences: processor a call",
            "ours": took_us,
            "peer": f"its fixes among {AT_ONCE} batches",
            "peers": cost.cpu_us * size,
            "unit": "µs",
        }
        for size, took_us in lone_us.items()
    ]
