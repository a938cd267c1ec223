"""What forecasts are measured against, from the same inputs.

`straight`: as the crow flies over the fleet's mean speed (straight metres of finished legs over
their time, of the same past days), the planned service times, and waiting for windows. `plan`: the
planned times as they are, or shifted by the vehicle's delay at the newest thing that it did. A plan
that states no times gets them from `straight`, from its planned departure on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from milepost_collector.delivery.eta.course import straight
from milepost_collector.delivery.eta.day import Day
from milepost_collector.delivery.eta.route import Call, Degrees, Route, Visit
from milepost_collector.delivery.eta.walk import Now

# Until a leg is seen.
_USUAL_MPS = 6.0


@dataclass(slots=True)
class MeanSpeed:
    """The fleet's mean speed as the crow flies; learns of days."""

    metres: float = 0.0
    seconds: float = 0.0

    @property
    def mps(self) -> float:
        """Metres a second."""
        return self.metres / self.seconds if self.seconds > 0.0 else _USUAL_MPS

    def learn(self, day: Day) -> None:
        """Add the legs of a day."""
        places = {call.id: call.place for call in day.route.calls}
        visits = [visit for visit in day.visits if visit.id in places]
        if visits and day.route.start is not None and day.left_ms is not None:
            first = visits[0]
            self._add(day.route.start, places[first.id], first.arrived_ms - day.left_ms)
        for one, other in pairwise(visits):
            if one.departed_ms is not None:
                lasted_ms = other.arrived_ms - one.departed_ms
                self._add(places[one.id], places[other.id], lasted_ms)

    def _add(self, one: Degrees, other: Degrees, lasted_ms: int) -> None:
        self.metres += straight(one, other)
        self.seconds += max(lasted_ms, 0) / 1000.0


def straight_etas_ms(now: Now, route: Route, order: Sequence[Call], mps: float) -> list[float]:
    """Return when the vehicle is at each remaining stop, as the crow flies.

    Args:
        now: What is known.
        route: Of the vehicle.
        order: The remaining stops.
        mps: The fleet's mean speed as the crow flies.
    """
    calls = {call.id: call for call in route.calls}
    last = next((visit for visit in now.visits[::-1] if visit.id in calls), None)
    place, time_ms = route.start, float(now.now_ms)
    if last is not None:
        place = calls[last.id].place
        if last.departed_ms is None:
            time_ms = max(_served_ms(calls[last.id], last.arrived_ms, route), time_ms)
    driving = last is None or last.departed_ms is not None
    if driving and now.position is not None:
        place = now.position.lat_deg, now.position.lon_deg
    found = []
    for call in order:
        time_ms += 1000.0 * straight(place or call.place, call.place) / mps
        found.append(time_ms)
        time_ms, place = _served_ms(call, time_ms, route), call.place
    return found


def planned_ms(route: Route, begin_ms: int, mps: float) -> dict[str, float]:
    """Return when the plan has the vehicle at each stop.

    Args:
        route: Of the vehicle.
        begin_ms: When it begins, if the plan does not say.
        mps: The fleet's mean speed as the crow flies, for plans that state no times.
    """
    stated = {call.id: float(call.planned_ms) for call in route.calls if call.planned_ms}
    if len(stated) == len(route.calls):
        return stated
    now = Now(begin_ms if route.departs_ms is None else route.departs_ms)
    made = straight_etas_ms(now, route, route.calls, mps)
    return {call.id: time_ms for call, time_ms in zip(route.calls, made, strict=True)} | stated


def delay_ms(
    route: Route, planned: dict[str, float], visits: Sequence[Visit], left_ms: int | None
) -> float:
    """Return how late the vehicle is at the newest thing that it did: left, came or went on."""
    calls = {call.id: call for call in route.calls}
    last = next((visit for visit in visits[::-1] if visit.id in calls), None)
    if last is None:
        if left_ms is None or route.departs_ms is None:
            return 0.0
        return float(left_ms - route.departs_ms)
    if last.departed_ms is None:
        return last.arrived_ms - planned[last.id]
    return last.departed_ms - _served_ms(calls[last.id], planned[last.id], route)


def _served_ms(call: Call, arrived_ms: float, route: Route) -> float:
    """Return when a stop is over as planned."""
    begun_ms = arrived_ms
    if call.window is not None and route.waits:
        begun_ms = max(begun_ms, call.window.from_ms)
    return begun_ms + 1000.0 * call.service_s
