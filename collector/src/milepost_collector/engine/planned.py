"""Plans as fences: the stops that a vehicle is to arrive at, and the way that it is to keep to.

Who stays within a stop's radius for `ARRIVED_AFTER_S` has arrived when it came there; who passes by
has not. Who is farther than `DEVIATED_M` from its way, after it has been on it, has deviated.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from milepost_collector.engine.fence import Fence, Purpose
from milepost_collector.engine.shape import Shape
from milepost_schemas.fix import milliseconds
from milepost_schemas.plan import Plan

ARRIVED_AFTER_S = 30.0
DEVIATED_M = 100.0

# A day's plan holds from midnight where the vehicle is until so long after the next one.
_AFTER_MIDNIGHT = timedelta(hours=4)

# Longer than GPS time can be told.
_FOR_EVER_MS = 2**62


@dataclass(frozen=True, slots=True)
class _Mark:
    """A stop or a way of a plan: equal in two versions of it if nothing of it has changed.

    Attributes:
        plan: The plan's id.
        stop: The stop's; None: it is the way.
        vehicle: Whose it is.
        line: (latitude, longitude) in degrees; of a stop one point.
        radius_m: Who is so near to it is there.
    """

    plan: str
    stop: str | None
    vehicle: str
    line: tuple[tuple[float, float], ...]
    radius_m: float

    @property
    def name(self) -> str:
        return self.plan if self.stop is None else f"{self.plan}/{self.stop}"

    def fence(self, name: str, from_ms: int, to_ms: int) -> Fence:
        is_way = self.stop is None
        shape = (
            Shape.corridor(self.line, 2 * self.radius_m)
            if is_way
            else Shape.circle(*self.line[0], self.radius_m)
        )
        return Fence(
            name,
            shape,
            vehicles=frozenset([self.vehicle]),
            from_ms=from_ms,
            to_ms=to_ms,
            dwell_ms=None if is_way else round(ARRIVED_AFTER_S * 1000),
            purpose=Purpose.ROUTE if is_way else Purpose.STOP,
            plan=self.plan,
            stop=self.stop,
        )


def planned_fences(versions: Sequence[tuple[int, Plan]]) -> list[Fence]:
    """Return the stops and ways of a plan, each as long as it holds.

    What stands unchanged in versions that follow one another is one fence, so that an edit of one
    stop does nothing to the others. What was changed, or comes back, is another one of that name
    with a number behind it.

    Args:
        versions: Of one plan, by the GPS time in milliseconds since 1970 from which each is in
            force, in that order; one without stops is a plan that was withdrawn.
    """
    spans: dict[_Mark, list[tuple[int, int]]] = {}
    ends = [*(at for at, _ in versions[1:]), _FOR_EVER_MS]
    for (at_ms, plan), next_ms in zip(versions, ends, strict=True):
        first_ms, end_ms = holds_ms(plan.date, plan.time_zone)
        from_ms, to_ms = max(at_ms, first_ms), min(next_ms, end_ms)
        for mark in _marks(plan) if from_ms < to_ms else ():
            known = spans.setdefault(mark, [])
            if known and known[-1][1] == from_ms:
                known[-1] = (known[-1][0], to_ms)
            else:
                known.append((from_ms, to_ms))
    every = sorted(
        ((span, mark.name, mark) for mark, own in spans.items() for span in own),
        key=lambda each: each[:2],
    )
    times: Counter[str] = Counter()
    found = []
    for (from_ms, to_ms), name, mark in every:
        times[name] += 1
        numbered = name if times[name] == 1 else f"{name}#{times[name]}"
        found.append(mark.fence(numbered, from_ms, to_ms))
    return found


def holds_ms(day: date, time_zone: str) -> tuple[int, int]:
    """Return from when until when a plan of a day can hold: the day, and the night behind it."""
    midnight = datetime.combine(day, time(), ZoneInfo(time_zone))
    return milliseconds(midnight), milliseconds(midnight + timedelta(days=1) + _AFTER_MIDNIGHT)


def _marks(plan: Plan) -> Iterator[_Mark]:
    for stop in plan.stops:
        lat_deg, lon_deg = stop.place.lat_deg, stop.place.lon_deg
        if lat_deg is not None and lon_deg is not None:
            yield _Mark(plan.id, stop.id, plan.vehicle, ((lat_deg, lon_deg),), stop.radius_m)
    if any(one != other for one, other in pairwise(plan.path)):
        yield _Mark(plan.id, None, plan.vehicle, plan.path, DEVIATED_M)
