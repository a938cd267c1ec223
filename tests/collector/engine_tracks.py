"""Made tracks on the equator, and runs of the engine over tracks, for tests."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from milepost_collector.engine import Definitions, Doubt, EngineState, Job, RuleBook, Rules, Version
from milepost_collector.engine.fence import Fence, fences_from_geojson
from milepost_collector.engine.run import run_engine
from milepost_schemas.bulk.rows import FixRows
from milepost_schemas.event import Event
from milepost_schemas.fix import Fix, FixKind, KeptFix
from tests.collector.fences import Ring, collection

# On the equator east is x, north is y; a degree is so long there (WGS 84).
X_M = 111_319.491
Y_M = 110_574.276

START_MS = 1_790_000_000_000
DEVICE, VEHICLE = "unit-1", "van-1"


def at(time_s: float, x_m: float, y_m: float = 0.0, **measured: Any) -> Fix:
    """A fix at a place in metres from where the equator meets 20 degrees east."""
    lat_e6, lon_e6 = round(y_m / Y_M * 1e6), 20_000_000 + round(x_m / X_M * 1e6)
    said = {"kind": FixKind.THREE_D, "hdop_tenths": 9} | measured
    return Fix(START_MS + round(time_s * 1000), lat_e6, lon_e6, **said)


ORIGIN = at(0, 0)


def track(*fixes: Fix, holes: Iterable[int] = ()) -> list[KeptFix]:
    """Number fixes; those of the given numbers come after a hole."""
    return [KeptFix(n, fix, hole=n in set(holes)) for n, fix in enumerate(fixes, 1)]


def straight(
    first_s: int, last_s: int, x_m: float, speed_mps: float, y_m: float = 0.0, **measured: Any
) -> list[Fix]:
    """Fixes of every second on a way to the east, both ends included."""
    seconds = range(first_s, last_s + 1)
    return [at(s, x_m + speed_mps * (s - first_s), y_m, **measured) for s in seconds]


def square(half_m: float, x_m: float = 0.0, y_m: float = 0.0) -> Ring:
    """A square around a place in metres, as (lon_deg, lat_deg)."""
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    return [place(x_m + x * half_m, y_m + y * half_m) for x, y in corners]


def place(x_m: float, y_m: float) -> tuple[float, float]:
    """Where metres are: (lon_deg, lat_deg)."""
    return 20 + x_m / X_M, y_m / Y_M


def fences(*features: dict[str, Any]) -> tuple[Fence, ...]:
    """Fences of GeoJSON features."""
    return fences_from_geojson(collection(*features))


def version(*features: dict[str, Any], **rules: Any) -> Version:
    """Fences and rules."""
    return Version.of(fences(*features), RuleBook(Rules(**rules)))


def definitions(*features: dict[str, Any], **rules: Any) -> Definitions:
    """Fences and rules that are in force at any time."""
    return Definitions.always(version(*features, **rules))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a track.

    Attributes:
        events: In order.
        state: What is remembered at the end.
        doubts: The fixes that were not believed.
    """

    events: list[Event]
    state: EngineState
    doubts: list[tuple[Fix, Doubt]]

    def told(self, prefix: str = "") -> list[tuple[str, Any]]:
        """Type and seconds since the start of each event of some types."""
        return [
            (each.type, (each.time_ms - START_MS) / 1000)
            for each in self.events
            if each.type.startswith(prefix)
        ]

    def crossings(self) -> list[tuple[str, str, Any]]:
        """Type without prefix, fence, and seconds since the start of each event of a fence."""
        return [
            (event.type.removeprefix("fence."), str(event.data["fence"]), time_s)
            for event, (_, time_s) in zip(self.events, self.told(), strict=True)
            if event.type.startswith("fence.")
        ]

    def events_of(self, prefix: str) -> list[Event]:
        """The events of some types."""
        return [each for each in self.events if each.type.startswith(prefix)]

    def only(self, kind: str) -> Event:
        """The one event of a type."""
        (found,) = (each for each in self.events if each.type == kind)
        return found


def go(
    fixes: Sequence[KeptFix],
    known: Definitions,
    size: int | None = None,
    *,
    vehicle: str = VEHICLE,
    state: bytes | None = None,
) -> Outcome:
    """Run over a track, whole or in batches of a size, the state packed in between."""
    current = EngineState.decode(state)
    events: list[Event] = []
    doubts: list[tuple[Fix, Doubt]] = []
    for first in range(0, len(fixes), size or max(1, len(fixes))):
        part = fixes[first : first + size] if size else fixes
        job = Job(current, DEVICE, vehicle, 0, len(part))
        run = run_engine([job], FixRows.of([(0, part)]), known)
        events += run.events[0]
        reasons = zip(run.doubted.row.tolist(), run.doubted.doubt.tolist(), strict=True)
        doubts += sorted(
            ((part[row].fix, Doubt(reason)) for row, reason in reasons),
            key=lambda each: each[0].time_ms,
        )
        current = EngineState.decode(current.encode())
    return Outcome(events, current, doubts)


def odometer_m(state: EngineState) -> float:
    """How far a vehicle has come, with what is not put on the grid yet."""
    bucket = state.motion.bucket
    return (state.motion.way_mm + (bucket.way_mm if bucket else 0)) / 1000
