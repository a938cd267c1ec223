"""Recorded drives through the engine: pure.

In flow drives as an import would store them, out flow their events and figures. What an import puts
in quarantine for its time is left out here too.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from milepost_collector.engine import Definitions, Doubt, EngineState, Job, run_engine
from milepost_collector.importing.drives import Drive
from milepost_collector.importing.feeding import OLDEST_MS
from milepost_collector.ingest.settle import is_plausible
from milepost_schemas.bulk import FixRows
from milepost_schemas.event import Event
from milepost_schemas.fix import KeptFix

# Fixes that are run at a time, to bound the memory.
_AT_ONCE = 20_000


@dataclass(slots=True)
class Figures:
    """What became of fixes.

    Attributes:
        fixes: How many there were.
        quarantined: Not run, because their times cannot be.
        doubted: Not believed, by the reason.
        left_out: Points of files that are no fixes.
        distance_m: Driven, as far as it is believed.
        events: By type.
    """

    fixes: int = 0
    quarantined: int = 0
    doubted: Counter[str] = field(default_factory=Counter)
    left_out: int = 0
    distance_m: float = 0.0
    events: Counter[str] = field(default_factory=Counter)


def in_order(placed: Sequence[tuple[str, Drive]]) -> dict[str, list[Drive]]:
    """Return the drives of each device in the order of their first fixes' times; by device."""
    found: dict[str, list[Drive]] = {}
    for device, drive in sorted(placed, key=lambda each: each[1].fixes[0].fix.time_ms):
        found.setdefault(device, []).append(drive)
    return dict(sorted(found.items()))


def try_drives(
    drives: Mapping[str, Sequence[Drive]],
    definitions: Definitions,
    now_ms: int,
    figures: Figures,
    vehicle: str | None = None,
) -> Iterator[Event]:
    """Yield the events of drives, device by device, in the order in which they come about.

    Args:
        drives: Of each device, in the order of time.
        definitions: Fences and rules.
        now_ms: Our time, milliseconds since 1970: later fixes are not believed.
        figures: Is added to.
        vehicle: Whose the events are; None: each device is its own vehicle.
    """
    for device, its in drives.items():
        state = EngineState()
        figures.left_out += sum(drive.left_out for drive in its)
        fixes = (fix for drive in its for fix in drive.fixes)
        while part := list(islice(fixes, _AT_ONCE)):
            rows = _plausible(part, now_ms, figures)
            job = Job(state, device, vehicle or device, 0, len(rows))
            run = run_engine([job], rows, definitions)
            figures.doubted.update(Doubt(doubt).label for doubt in run.doubted.doubt.tolist())
            figures.events.update(event.type for event in run.events[0])
            yield from run.events[0]
        figures.distance_m += state.motion.way_mm / 1000


def _plausible(part: Sequence[KeptFix], now_ms: int, figures: Figures) -> FixRows:
    rows = FixRows.of([(0, part)])
    kept = is_plausible(rows.time_ms, now_ms, OLDEST_MS)
    figures.fixes += len(rows)
    figures.quarantined += int(np.count_nonzero(~kept))
    return rows.where(kept)
