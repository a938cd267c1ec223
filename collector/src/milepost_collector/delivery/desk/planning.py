"""Versions of a plan: its stops come, go, change and are put in another order."""

from milepost_collector.delivery.desk.facts import KnownOrder, Mark, StopDesk
from milepost_collector.delivery.desk.heading import head_to, headed_to, next_stop
from milepost_collector.delivery.desk.inputs import PlanInput, PlannedOrder, PlannedStop
from milepost_collector.delivery.desk.state import DeskState
from milepost_collector.delivery.states import StopState


def take_plan(state: DeskState, entry: PlanInput) -> set[str]:
    """Take a version of the plan in; return the stops that it touches: all."""
    planned, before = entry.planned, state.order
    headed = headed_to(state, entry.at_ms)
    state.vehicle, state.departs_ms = planned.vehicle, planned.departs_ms
    state.depot = None if planned.depot is None else (*planned.depot, planned.depot_radius_m)
    state.order = [stop.id for stop in planned.stops]
    for stop in planned.stops:
        known = state.stops.get(stop.id)
        if known is not None and stop.id not in before:
            known.marks.append(_mark(entry, StopState.PENDING))
        state.stops[stop.id] = _known(entry, stop, known)
    for name in sorted(set(before) - set(state.order)):
        is_quiet = name in entry.moved_away
        state.stops[name].marks.append(_mark(entry, StopState.SKIPPED, is_quiet=is_quiet))
    if headed is not None:
        # What was next may be so no longer.
        _head_again(state, entry, headed, before)
    return set(state.stops)


def _known(entry: PlanInput, stop: PlannedStop, known: StopDesk | None) -> StopDesk:
    """Return what is known of a stop with a version of the plan."""
    since = {order.id: order.since_ms for order in known.orders} if known else {}
    made = StopDesk(
        stop.id,
        stop.place,
        stop.radius_m,
        None if stop.window is None else (stop.window.from_ms, stop.window.to_ms),
        stop.service_s,
        stop.arrives_ms,
        [_order(order, since.get(order.id, entry.at_ms)) for order in stop.orders],
    )
    if stop.arrives_ms is not None:
        made.promised = stop.arrives_ms, entry.at_ms, 1
    if known is not None:
        made.visits, made.marks, made.said = known.visits, known.marks, known.said
        made.approached, made.due_ms = known.approached, known.due_ms
        made.arrives_ms = known.arrives_ms if stop.arrives_ms is None else stop.arrives_ms
        made.promised = known.promised or made.promised
    return made


def _order(order: PlannedOrder, since_ms: int) -> KnownOrder:
    return KnownOrder(order.id, order.parcels, since_ms)


def _mark(entry: PlanInput, to: StopState, *, is_quiet: bool = False) -> Mark:
    return Mark(
        entry.at_ms, entry.number, to.value, entry.source.value, is_edit=True, is_quiet=is_quiet
    )


def _head_again(state: DeskState, entry: PlanInput, headed: str, before: list[str]) -> None:
    """Turn to another stop where the one that the vehicle was on the way to is not next now."""
    behind = before[: before.index(headed)]
    place = next((each for each in reversed(behind) if each in state.order), None)
    following = next_stop(state, entry.at_ms, place)
    if following is not None and following != headed:
        head_to(state, entry.number, entry.at_ms, following)
