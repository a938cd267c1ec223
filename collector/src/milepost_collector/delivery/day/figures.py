"""What a day's fixes come to: the engine's own account of them, beginning at midnight.

The engine is what says whether a vehicle stands, drives or is silent, so the day is run through it
once more, without fences; nothing is reckoned here in a second way.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from milepost_collector.engine import (
    Definitions,
    Doubt,
    EngineState,
    Job,
    RuleBook,
    Version,
    run_engine,
)
from milepost_schemas.bulk import FixRows
from milepost_schemas.event import Event
from milepost_schemas.fix import milliseconds


@dataclass(frozen=True, slots=True)
class Silence:
    """A time of which nothing was measured: GPS milliseconds since 1970, and how far it moved."""

    begin_ms: int
    end_ms: int
    distance_m: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What fixes come to.

    Attributes:
        fixes: How many there are.
        measured: How many raw ones they stand for.
        holes: Before how many the receiver was silent or void.
        doubted: How many are not believed, by the reason.
        first_ms: GPS time of the first; None without any.
        last_ms: GPS time of the last.
        distance_m: How far it went, standing not counted.
        moving_s: For how long it moved.
        standing_s: For how long it stood, and of that `idling_s` long enough with power.
        idling_s: Likewise.
        trips: How many it began.
        silences: Gaps: nothing is known of them.
    """

    fixes: int = 0
    measured: int = 0
    holes: int = 0
    doubted: dict[str, int] = field(default_factory=dict)
    first_ms: int | None = None
    last_ms: int | None = None
    distance_m: float = 0.0
    moving_s: float = 0.0
    standing_s: float = 0.0
    idling_s: float = 0.0
    trips: int = 0
    silences: tuple[Silence, ...] = ()

    @property
    def completeness(self) -> float | None:
        """Which share of the time from the first to the last fix is known; None without any."""
        if self.first_ms is None or self.last_ms is None or self.first_ms == self.last_ms:
            return None
        silent_ms = sum(each.end_ms - each.begin_ms for each in self.silences)
        return 1.0 - silent_ms / (self.last_ms - self.first_ms)


def figures_of(vehicle: str, fixes: FixRows, rules: RuleBook) -> Figures:
    """Reckon the figures of a vehicle's fixes, in the order of time.

    Args:
        vehicle: Its name, for its own rules.
        fixes: Those of a day; in any number.
        rules: The fleet's.
    """
    if not len(fixes):
        return Figures()
    state = EngineState()
    definitions = Definitions.always(Version.of((), rules))
    run = run_engine([Job(state, vehicle, vehicle, 0, len(fixes))], fixes, definitions)
    doubted = Counter(Doubt(value).label for value in run.doubted.doubt.tolist())
    first_ms, last_ms = int(fixes.time_ms.min()), int(fixes.time_ms.max())
    bucket = state.motion.bucket
    way_mm = state.motion.way_mm + (bucket.way_mm if bucket else 0)
    stood_s, idled_s, silences = _stood(run.events[0], last_ms)
    silent_s = sum(each.end_ms - each.begin_ms for each in silences) / 1000
    return Figures(
        fixes=len(fixes),
        measured=int(np.maximum(fixes.stands_for, 1).sum()),
        holes=int(np.count_nonzero(fixes.hole)),
        doubted=dict(sorted(doubted.items())),
        first_ms=first_ms,
        last_ms=last_ms,
        distance_m=round(way_mm / 1000, 1),
        moving_s=max(0.0, round((last_ms - first_ms) / 1000 - stood_s - silent_s, 3)),
        standing_s=round(stood_s, 3),
        idling_s=round(idled_s, 3),
        trips=sum(event.type == "trip.started" for event in run.events[0]),
        silences=tuple(silences),
    )


def _stood(events: list[Event], last_ms: int) -> tuple[float, float, list[Silence]]:
    """Return for how long it stood and idled, in seconds, and when it was silent.

    A stop ends when it is left, when nothing more is known of it, or with the day.
    """
    stood_ms, idled_ms, silences = 0, 0, list[Silence]()
    since_ms: int | None = None
    is_idle = False
    for event in sorted(events, key=lambda each: each.time_ms):
        ended_ms: int | None = None
        if event.type == "vehicle.stopped":
            since_ms, is_idle = event.time_ms, False
        elif event.type == "vehicle.idling":
            is_idle = True
        elif event.type == "vehicle.moved":
            ended_ms = event.time_ms
        elif event.type == "vehicle.gap":
            ended_ms = event.time_ms
            end_ms = event.time_ms + round(float(event.data["gap_s"]) * 1000)
            silences.append(Silence(event.time_ms, end_ms, float(event.data["distance_m"])))
        if ended_ms is not None and since_ms is not None:
            stood_ms += ended_ms - since_ms
            idled_ms += ended_ms - since_ms if is_idle else 0
            since_ms = None
    if since_ms is not None:
        stood_ms += last_ms - since_ms
        idled_ms += last_ms - since_ms if is_idle else 0
    return stood_ms / 1000, idled_ms / 1000, silences


def told_ms(event: Event, key: str) -> int:
    """Return an instant that an event tells in its data."""
    return milliseconds(datetime.fromisoformat(str(event.data[key])))
