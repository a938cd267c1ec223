"""Trips: from where a vehicle set out until it stands for long, or is not heard of."""

from milepost_collector.engine.motion_state import MotionState, Trip
from milepost_collector.engine.places import Scale
from milepost_collector.engine.rules import Rules
from milepost_collector.engine.telling import Kind, Telling, at, metres, seconds
from milepost_schemas.event import rfc3339


def set_out(state: MotionState, time_ms: int, lat_e6: int, lon_e6: int) -> None:
    """Remember where the next trip would begin."""
    state.origin = Trip(time_ms, lat_e6, lon_e6, state.way_mm)


def try_trip(
    state: MotionState, rules: Rules, told: Telling, end_ms: int, scale: Scale, decided_ms: int
) -> None:
    """Tell of a trip once it is one.

    Args:
        state: With an origin and a mean; changed.
        rules: From when on it is one.
        told: Takes the event.
        end_ms: GPS time up to which the vehicle was followed.
        scale: Of the newest mean.
        decided_ms: GPS time of the fix that decides it.
    """
    origin = state.origin
    assert origin is not None  # noqa: S101 - who tries has looked
    far = state.way_mm - origin.way_mm >= rules.trip_m * 1000
    if not far and end_ms - origin.began_ms < rules.trip_s * 1000:
        return
    # Jitter makes way without getting anywhere.
    if scale.way_m(state.tail.means[-1], origin) < 2 * rules.stop_radius_m:
        return
    state.trip, state.origin = origin, None
    data = at(origin.lat_e6, origin.lon_e6) | {"odometer_m": metres(origin.way_mm)}
    told.tell(Kind.TRIP_STARTED, origin.began_ms, decided_ms, data)


def end_trip(
    state: MotionState,
    told: Telling,
    times_ms: tuple[int, int],
    place: tuple[int, int],
    way_mm: int,
    reason: str,
) -> None:
    """Tell that the trip under way has ended.

    Args:
        state: Changed.
        told: Takes the event.
        times_ms: GPS time at which it ended, and that of the fix that decides it.
        place: Latitude and longitude in millionths of a degree.
        way_mm: How far the vehicle had come by then.
        reason: `stopped` or `gap`.
    """
    trip, (ended_ms, decided_ms) = state.trip, times_ms
    assert trip is not None  # noqa: S101 - who ends one has looked
    data = at(*place) | {
        "started_at": rfc3339(trip.began_ms),
        "trip_s": seconds(ended_ms - trip.began_ms),
        "distance_m": metres(way_mm - trip.way_mm),
        "odometer_m": metres(way_mm),
        "reason": reason,
    }
    told.tell(Kind.TRIP_ENDED, ended_ms, decided_ms, data)
    state.trip = None
