"""The engine again over what is stored, and what has changed by it.

A device is run from its first stored fix on, so that the engine is at the beginning of the time in
question where it was then: what it remembers may be as old as the first fix. It is run some days
beyond the end, for what happens is told later. Fixes come in the order of time without those that
were marked as late when they came: that is what the engine took, in the order in which it did. So a
replay with the definitions of then is exact. Where retention has dropped weeks, what the engine
remembered of them at the first fix that is left is unknown, and events before that fix are left
alone; where the engine did not run, nothing was marked, and all fixes are taken.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from milepost_collector.engine import Definitions, EngineState, Job, run_engine
from milepost_collector.events.difference import Difference, difference, standing
from milepost_collector.store import replays
from milepost_collector.store.connection import Database
from milepost_collector.store.replays import ReplayedDevice
from milepost_schemas.event import Event
from milepost_schemas.fix import instant

_DAY_MS = 86_400_000

# Events may move into the time in question, or out of it.
AROUND_MS = _DAY_MS

# How long after it happened something is told at most, while fixes come.
_TOLD_WITHIN_MS = 7 * _DAY_MS


@dataclass(frozen=True, slots=True)
class Period:
    """A time in question: GPS time from `begin_ms` until before `end_ms`."""

    begin_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of one device.

    Attributes:
        device: Its id.
        difference: Between what was recorded and what the engine tells now.
        taken: Events that are recorded around, withdrawn ones included.
        fixes: How many were run.
        first_ms: GPS time of its first fix; None: no fix is stored.
    """

    device: str
    difference: Difference
    taken: list[Event]
    fixes: int
    first_ms: int | None


def replay(
    connection: Database,
    definitions: Definitions,
    period: Period,
    vehicle: str | None,
    step: Callable[[int], None],
) -> Iterator[Replayed]:
    """Yield what came of each device.

    Args:
        connection: As `store.replays.opened`.
        definitions: Fences and rules.
        period: The time in question.
        vehicle: Only this one; None: all.
        step: Is told of so many more fixes.
    """
    wide = Period(period.begin_ms - AROUND_MS, period.end_ms + AROUND_MS)
    told = replays.recorded(connection, vehicle, instant(wide.begin_ms), instant(wide.end_ms))
    waiting = next(told, None)
    for device in replays.devices(connection, vehicle):
        recorded: list[Event] = []
        if waiting is not None and waiting[0] == device.device:
            recorded = waiting[1]
            waiting = next(told, None)
        computed, fixes = _run(connection, device, definitions, wide, step)
        found = Difference()
        if device.first_ms is not None:
            stands = [each for each in standing(recorded) if each.time_ms >= device.first_ms]
            found = difference(stands, computed).within(period.begin_ms, period.end_ms)
        yield Replayed(device.device, found, recorded, fixes, device.first_ms)


def _run(
    connection: Database,
    device: ReplayedDevice,
    definitions: Definitions,
    wide: Period,
    step: Callable[[int], None],
) -> tuple[list[Event], int]:
    state = EngineState()
    events: list[Event] = []
    fixes = 0
    end = instant(wide.end_ms + _TOLD_WITHIN_MS)
    for rows in replays.fixes_until(connection, device, end):
        job = Job(state, device.device, device.device, 0, len(rows))
        run = run_engine([job], rows, definitions)
        events += (e for e in run.events[0] if wide.begin_ms <= e.time_ms < wide.end_ms)
        fixes += len(rows)
        step(len(rows))
    return events, fixes
