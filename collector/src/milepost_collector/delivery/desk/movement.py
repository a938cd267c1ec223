"""Track events: where the vehicle came and left, and when it was off its way.

What a run of history with other fences withdraws has not happened: its facts go.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from milepost_collector.delivery.desk.facts import Span, StopDesk, Visit
from milepost_collector.delivery.desk.heading import head_on, turn_away
from milepost_collector.delivery.desk.inputs import Degrees, TrackInput
from milepost_collector.delivery.desk.state import DeskState
from milepost_collector.events.difference import WITHDRAWN
from milepost_schemas.event import Event
from milepost_schemas.fix import milliseconds
from milepost_schemas.tracks.track import TrackPoint, distance_m


def take_track(state: DeskState, entry: TrackInput) -> set[str]:
    """Take a track event in; return the stops that it touches."""
    if entry.feed <= state.feed:
        return set()
    state.feed = entry.feed
    event = entry.event
    take = _TAKERS.get(event.type)
    if take is None or event.data.get("plan") not in (None, state.plan):
        return set()
    if event.type != WITHDRAWN:
        state.tracks[event.id.bytes] = entry.number
    return take(state, entry.number, min(event.time_ms, entry.at_ms), event)


def apart_m(one: Degrees, other: Degrees) -> float:
    """Return the length of the short way between two places."""
    return distance_m(TrackPoint(0.0, *one), TrackPoint(0.0, *other))


def _arrived(state: DeskState, number: int, time_ms: int, event: Event) -> set[str]:
    stop = state.stops.get(str(event.data.get("stop")))
    if stop is None:
        return set()
    stop.visits.append(Visit(number, time_ms))
    return turn_away(state, number, time_ms, stop.id) | {stop.id}


def _departed(state: DeskState, number: int, time_ms: int, event: Event) -> set[str]:
    stop = state.stops.get(str(event.data.get("stop")))
    if stop is None:
        return set()
    arrived_ms = min(_told_ms(event, "arrived_at", time_ms), time_ms)
    begun = _begun(stop, arrived_ms, time_ms)
    if begun is None:
        # It had arrived before it was a stop of this plan.
        stop.visits.append(Visit(number, arrived_ms, number, time_ms, state.at_ms))
    else:
        left = {"departed_number": number, "departed_ms": time_ms, "known_ms": state.at_ms}
        stop.visits[begun] = stop.visits[begun]._replace(**left)
    return head_on(state, number, time_ms, stop.id) | {stop.id}


def _begun(stop: StopDesk, arrived_ms: int, time_ms: int) -> int | None:
    """Return the place of the visit that has ended: that of this arrival, else the newest."""
    lasting = [
        (visit.arrived_ms == arrived_ms, visit.arrived_ms, place)
        for place, visit in enumerate(stop.visits)
        if visit.departed_ms is None and visit.arrived_ms <= time_ms
    ]
    return max(lasting)[2] if lasting else None


def _told_ms(event: Event, name: str, otherwise_ms: int) -> int:
    try:
        return milliseconds(datetime.fromisoformat(str(event.data.get(name))))
    except ValueError:
        return otherwise_ms


def _set_out(state: DeskState, number: int, time_ms: int, event: Event) -> set[str]:
    """Take in that a trip began: from the depot, or, where none is known, the first one."""
    lat_deg, lon_deg = event.data.get("lat_deg"), event.data.get("lon_deg")
    if state.depot is not None and lat_deg is not None and lon_deg is not None:
        away_m = apart_m(state.depot[:2], (lat_deg, lon_deg)) - state.depot[2]
        if away_m > state.rules.depot_margin_m:
            return set()
    elif state.exits:
        return set()
    state.exits.append((number, time_ms))
    head_on(state, number, time_ms)
    return set(state.stops)


def _deviated(state: DeskState, number: int, time_ms: int, _event: Event) -> set[str]:
    state.detours.append(Span(number, time_ms))
    return set()


def _rejoined(state: DeskState, number: int, time_ms: int, _event: Event) -> set[str]:
    if state.detours and state.detours[-1].to_ms is None:
        begun = state.detours[-1]
        state.detours[-1] = Span(begun.number, begun.from_ms, number, max(time_ms, begun.from_ms))
    return set()


def _withdrawn(state: DeskState, _number: int, _time_ms: int, event: Event) -> set[str]:
    """Forget what followed from a track event that is not true any more."""
    try:
        identity = UUID(str(event.data.get("withdraws"))).bytes
    except ValueError:
        return set()
    gone = state.tracks.pop(identity, None)
    if gone is None:
        return set()
    for stop in state.stops.values():
        stop.marks = [mark for mark in stop.marks if mark.number != gone]
        stop.visits = [
            visit._replace(departed_number=None, departed_ms=None)
            if visit.departed_number == gone
            else visit
            for visit in stop.visits
            if visit.number != gone
        ]
    state.exits = [each for each in state.exits if each[0] != gone]
    state.detours = [
        span._replace(to_number=None, to_ms=None) if span.to_number == gone else span
        for span in state.detours
        if span.number != gone
    ]
    return set(state.stops)


_Taker = Callable[[DeskState, int, int, Event], set[str]]
_TAKERS: Mapping[str, _Taker] = MappingProxyType(
    {
        "stop.arrived": _arrived,
        "stop.departed": _departed,
        "trip.started": _set_out,
        "route.deviated": _deviated,
        "route.rejoined": _rejoined,
        WITHDRAWN: _withdrawn,
    }
)

# Whose desks want to know of them.
TRACK_TYPES = tuple(_TAKERS)
