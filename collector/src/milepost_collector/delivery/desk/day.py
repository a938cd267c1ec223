"""The day of a desk, as `delivery.delay` takes it: planned, as it went, and as it is forecast."""

from collections.abc import Sequence

from milepost_collector.delivery.delay import Call, Day, PlannedCall
from milepost_collector.delivery.desk.facts import StopDesk
from milepost_collector.delivery.desk.inputs import StopEta
from milepost_collector.delivery.desk.state import DeskState


def day_of(state: DeskState, etas: Sequence[StopEta] = ()) -> Day:
    """Return the day of a plan's desk; stops of which no arrival is planned are left out.

    Args:
        state: The desk.
        etas: The newest forecast of the stops that remain.
    """
    planned = {
        name: _planned(state.stops[name], arrives_ms)
        for name in state.order
        if (arrives_ms := state.stops[name].arrives_ms) is not None
    }
    calls = [
        _call(state, state.stops[name], plan)
        for name, plan in planned.items()
        if state.stops[name].visits
    ]
    been = {call.stop for call in calls}
    calls += [
        Call(eta.stop, eta.eta_ms, is_forecast=True)
        for eta in etas
        if eta.stop in planned and eta.stop not in been
    ]
    left = (*state.exits, *state.starts)[:1]
    silence = state.silence
    silences = [(span.from_ms, span.to_ms) for span in state.silences]
    if silence is not None:
        silences.append((silence.since_ms, None))
    return Day(
        tuple(planned.values()),
        tuple(sorted(calls, key=lambda call: call.arrived_ms)),
        state.departs_ms,
        left[0][1] if left else None,
        tuple((span.from_ms, span.to_ms) for span in state.detours),
        tuple(silences),
    )


def _planned(stop: StopDesk, arrives_ms: int) -> PlannedCall:
    opens_ms = None if stop.window is None else stop.window[0]
    return PlannedCall(stop.id, arrives_ms, round(stop.service_s * 1000), opens_ms)


def _call(state: DeskState, stop: StopDesk, plan: PlannedCall) -> Call:
    """Return the first visit to a stop; who is still there leaves as planned, or now if later."""
    visit = min(stop.visits, key=lambda each: each.arrived_ms)
    departed_ms = visit.departed_ms
    if departed_ms is None:
        departed_ms = max(plan.departs_ms(visit.arrived_ms), state.at_ms)
    return Call(stop.id, visit.arrived_ms, departed_ms)
