"""What ought to be told of a stop: all that follows from facts and from the time that it is.

A claim is made anew from all facts each time. Whether it was told before, and what was told and is
not claimed any more, is for the ledger to see.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from milepost_collector.delivery.desk.facts import Mark, Said, StopDesk
from milepost_collector.delivery.desk.state import DeskState
from milepost_collector.delivery.desk.story import SETTLED, Step, Story, standing_before
from milepost_collector.delivery.source import Source
from milepost_collector.delivery.states import OPEN, OrderState, StopState, order_after
from milepost_schemas.event import rfc3339

AT_RISK = "stop.at_risk"
APPROACHING = "stop.approaching"
ETA_MOVED = "eta.moved"
LATE = "stop.late"
LEFT = "stop.left_without_completion"
ELSEWHERE = "stop.completed_elsewhere"
NOT_LOADED = "parcel.not_loaded"

_STATES = {
    StopState.EN_ROUTE: "stop.en_route",
    StopState.COMPLETED: "stop.completed",
    StopState.INCIDENT: "stop.incident",
    StopState.RETURNED: "stop.returned",
    StopState.SKIPPED: "stop.skipped",
}
_ORDERS = {
    OrderState.OUT_FOR_DELIVERY: "order.out_for_delivery",
    OrderState.DELIVERED: "order.delivered",
    OrderState.RETURNED: "order.returned",
}

PLAN_TYPES = (
    *_STATES.values(),
    *(APPROACHING, AT_RISK, LATE, ETA_MOVED, LEFT, ELSEWHERE, NOT_LOADED),
    *_ORDERS.values(),
)


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that ought to be told.

    Attributes:
        type: The type of the event.
        number: What it is told for: the number of an input, or an instant.
        cause: The stop, order or parcel.
        time_ms: When it happened.
        data: What is to be known of it.
    """

    type: str
    number: int
    cause: str
    time_ms: int
    data: Mapping[str, Any]


def claims(state: DeskState, stop: StopDesk, steps: Story) -> list[Claim]:
    """Return what ought to be told of a stop.

    Args:
        state: The desk.
        stop: The stop.
        steps: Its story.
    """
    return [
        *_state_claims(state, stop, steps),
        *_order_claims(state, stop, steps),
        *_left_claims(state, stop, steps),
        *_late_claims(state, stop, steps),
        *_parcel_claims(state, stop, steps),
    ]


def about(state: DeskState, stop: StopDesk) -> dict[str, Any]:
    """Return what is in the data of each event of a stop."""
    return {"plan": state.plan, "stop": stop.id}


def still_holds(stop: StopDesk, steps: Story, said: Said) -> bool:
    """Say whether a forecast was of something that was still to come.

    Args:
        stop: The stop.
        steps: Its story.
        said: What was told of it then.
    """
    reached_ms = reached(stop, steps, said.time_ms)
    if reached_ms is None:
        return True
    if said.type == AT_RISK:
        return stop.window is not None and reached_ms > stop.window[1]
    return reached_ms > said.time_ms


def falls_due_ms(state: DeskState, stop: StopDesk, steps: Story) -> int | None:
    """Return when something else is claimed of a stop, if nothing happens but time."""
    dues = [_late_ms(state, stop, steps)]
    dues += [due_ms for _, due_ms in _undone(state, stop, steps)]
    return min((due for due in dues if due is not None and due > state.at_ms), default=None)


def _state_claims(state: DeskState, stop: StopDesk, steps: Story) -> Iterator[Claim]:
    for step in steps:
        mark, kind = step.mark, _STATES.get(step.state)
        if kind is None or mark.is_quiet:
            continue
        data = about(state, stop) | {"attempt": step.standing.attempts} | _details(step)
        yield Claim(kind, mark.number, stop.id, mark.time_ms, data)
        far_m = mark.distance_m
        is_done = step.state is StopState.COMPLETED
        if is_done and far_m is not None and far_m > state.rules.elsewhere_m:
            data = about(state, stop) | {"distance_m": far_m}
            yield Claim(ELSEWHERE, mark.number, stop.id, mark.time_ms, data)


def _details(step: Step) -> dict[str, Any]:
    mark, state = step.mark, step.state
    if state is StopState.COMPLETED:
        return {"source": mark.source, "proof": mark.proof}
    if state is StopState.INCIDENT:
        told = {"incident": mark.kind, "note": mark.note, "photo": mark.photo}
        return {"source": mark.source} | told
    return {} if state is StopState.EN_ROUTE else {"source": mark.source}


def _order_claims(state: DeskState, stop: StopDesk, steps: Story) -> Iterator[Claim]:
    for order in stop.orders:
        now = OrderState.ORDERED
        for step in steps:
            to = order_after(now, step.state)
            if to is not now and to in _ORDERS:
                data = about(state, stop) | {"order": order.id}
                time_ms = max(step.mark.time_ms, order.since_ms)
                yield Claim(_ORDERS[to], step.mark.number, order.id, time_ms, data)
            now = to


def _undone(state: DeskState, stop: StopDesk, steps: Story) -> Iterator[tuple[int, int]]:
    """Yield visits after which nobody tapped anything, and from when on that is to be told.

    A vehicle that was out of reach is heard before its driver: who has known for a shorter time
    that it left has to wait for as long.
    """
    left_after_s = state.rules.left_after_s
    for place, visit in enumerate(stop.visits):
        if left_after_s is None or visit.departed_ms is None or visit.departed_number is None:
            continue
        departed_ms, fence = visit.departed_ms, Source.FENCE.value
        grace_ms = round(left_after_s * 1000)
        deadline_ms = departed_ms + grace_ms
        mark = Mark(departed_ms, visit.departed_number, StopState.PENDING.value, fence)
        tapped = any(
            departed_ms <= step.mark.time_ms <= deadline_ms and step.state in SETTLED
            for step in steps
        )
        back = any(departed_ms < each.arrived_ms <= deadline_ms for each in stop.visits)
        if standing_before(steps, mark).state in OPEN and not tapped and not back:
            yield place, max(departed_ms, visit.known_ms) + grace_ms


def _left_claims(state: DeskState, stop: StopDesk, steps: Story) -> Iterator[Claim]:
    for place, due_ms in _undone(state, stop, steps):
        _, arrived_ms, departed_number, departed_ms, _ = stop.visits[place]
        if departed_ms is None or departed_number is None or due_ms > state.at_ms:
            continue
        data = about(state, stop) | {
            "arrived_at": rfc3339(arrived_ms),
            "inside_s": round((departed_ms - arrived_ms) / 1000, 3),
        }
        yield Claim(LEFT, departed_number, stop.id, departed_ms, data)


def reached(stop: StopDesk, steps: Story, time_ms: int | None = None) -> int | None:
    """Return from when on a stop was not waited for any more, in milliseconds; None: it is.

    Args:
        stop: The stop.
        steps: Its story.
        time_ms: In the attempt that was due then; None: in the first one.
    """
    times = [visit.arrived_ms for visit in stop.visits]
    times += [step.mark.time_ms for step in steps if step.state in SETTLED]
    if time_ms is not None:
        again = [
            step.mark.time_ms
            for step in steps
            if step.state is StopState.PENDING and step.mark.source != Source.FENCE
        ]
        begun_ms = max((each for each in again if each <= time_ms), default=-1)
        times = [each for each in times if each > begun_ms]
    return min(times, default=None)


def _late_ms(state: DeskState, stop: StopDesk, steps: Story) -> int | None:
    """Return when a stop is told to be late, if it is not reached in time."""
    if stop.window is None:
        return None
    reached_ms = reached(stop, steps)
    if reached_ms is not None and reached_ms <= stop.window[1]:
        return None
    return stop.window[1] + round(state.rules.late_after_s * 1000)


def _late_claims(state: DeskState, stop: StopDesk, steps: Story) -> Iterator[Claim]:
    due_ms = _late_ms(state, stop, steps)
    if stop.window is not None and due_ms is not None and due_ms <= state.at_ms:
        end_ms = stop.window[1]
        data = about(state, stop) | {"window_ends_at": rfc3339(end_ms)}
        yield Claim(LATE, end_ms, stop.id, end_ms, data)


def _parcel_claims(state: DeskState, stop: StopDesk, steps: Story) -> Iterator[Claim]:
    """Yield parcels that were not scanned when the vehicle left the depot, where any were."""
    if not state.scans:
        return
    settled_ms = [step.mark.time_ms for step in steps if step.state in SETTLED]
    claimed: set[str] = set()
    for number, exit_ms in state.exits:
        if any(time_ms <= exit_ms for time_ms in settled_ms):
            break
        for order in stop.orders:
            for parcel in order.parcels if order.since_ms <= exit_ms else ():
                scanned_ms = state.scans.get(parcel)
                is_loaded = scanned_ms is not None and scanned_ms <= exit_ms
                if not is_loaded and parcel not in claimed:
                    claimed.add(parcel)
                    data = about(state, stop) | {"order": order.id, "parcel": parcel}
                    yield Claim(NOT_LOADED, number, parcel, exit_ms, data)
