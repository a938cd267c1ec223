"""The step over fixes: fences entered and exited.

A crossing happens where the straight line between two fixes meets the edge, at the time
interpolated there. It is told once the vehicle is clear of the edge: a few metres inside for an
entry, a wider margin outside for an exit, so that jitter on the edge tells nothing. Across a hole
in the track nothing is interpolated; the crossing then has the time of the fix that shows it. A
fence that is met for the first time tells nothing: where a vehicle was before is not known.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from milepost_collector.engine.definitions import Definitions
from milepost_collector.engine.fence import Fence
from milepost_collector.engine.state import EngineState, FenceState
from milepost_schemas.event import Event, event_id, rfc3339
from milepost_schemas.fix import Fix, KeptFix

EXIT_MARGIN_M = 15.0

ENTERED = "fence.entered"
EXITED = "fence.exited"


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a run: the state after it, and its events in order."""

    state: EngineState
    events: list[Event]


def run_engine(
    state: EngineState,
    fixes: Iterable[KeptFix],
    definitions: Definitions,
    *,
    device: str,
    subject: str,
) -> Run:
    """Take fixes in the order of their numbers; those not after the newest so far are passed over.

    Args:
        state: What was remembered; changed in place.
        fixes: Of one device.
        definitions: The fences, by the time from which they are in force.
        device: The device's id.
        subject: The vehicle's.
    """
    events: list[Event] = []
    for kept in fixes:
        fix, last = kept.fix, state.last
        if last is not None and fix.time_ms <= last.time_ms:
            continue
        fences = definitions.in_force(fix.time_ms)
        if len(state.fences) > len(fences):
            _forget(state, fences)
        for fence in fences:
            crossing = _meet(state, fence, fix, None if kept.hole else last)
            if crossing is not None:
                events.append(_event(crossing, fence, fix, device, subject))
        state.last = fix
    return Run(state, events)


@dataclass(frozen=True, slots=True)
class _Crossing:
    kind: str
    time_ms: int
    distance_m: float


def _meet(state: EngineState, fence: Fence, fix: Fix, last: Fix | None) -> _Crossing | None:
    distance_m = fence.edge_distance_m(fix.lat_deg, fix.lon_deg)
    known = state.fences.get(fence.id)
    if known is None:
        state.fences[fence.id] = FenceState(inside=distance_m <= 0)
        return None
    beyond = distance_m > 0 if known.inside else distance_m <= 0
    if not beyond:
        known.crossed_ms = None
        return None
    if known.crossed_ms is None:
        known.crossed_ms = _crossed_ms(fence, last, fix)
    clear = distance_m > EXIT_MARGIN_M if known.inside else distance_m <= -fence.enter_margin_m
    if not clear:
        return None
    crossing = _Crossing(EXITED if known.inside else ENTERED, known.crossed_ms, distance_m)
    known.inside, known.crossed_ms = not known.inside, None
    return crossing


def _crossed_ms(fence: Fence, last: Fix | None, fix: Fix) -> int:
    """Interpolate when the way from the last fix to this one met the edge."""
    if last is None:
        return fix.time_ms
    share = fence.last_crossing((last.lat_deg, last.lon_deg), (fix.lat_deg, fix.lon_deg))
    return last.time_ms + round(share * (fix.time_ms - last.time_ms))


def _forget(state: EngineState, fences: tuple[Fence, ...]) -> None:
    """Forget fences that are in force no more."""
    in_force = {fence.id for fence in fences}
    state.fences = {name: known for name, known in state.fences.items() if name in in_force}


def _event(crossing: _Crossing, fence: Fence, fix: Fix, device: str, subject: str) -> Event:
    return Event(
        id=event_id(device, fix.time_ms, crossing.kind, fence.id),
        type=crossing.kind,
        device=device,
        subject=subject,
        time_ms=crossing.time_ms,
        data={
            "fence": fence.id,
            "confirmed_at": rfc3339(fix.time_ms),
            "edge_distance_m": round(crossing.distance_m, 1),
            "lat_deg": fix.lat_deg,
            "lon_deg": fix.lon_deg,
        },
    )
