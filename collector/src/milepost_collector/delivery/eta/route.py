"""What the forecast is told: the route of a vehicle, where it is, and what it has done today.

Times are UTC milliseconds since 1970, lengths metres, durations seconds, places WGS 84 degrees.
Unknown is None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from milepost_schemas.plan import Plan, Window
from milepost_schemas.plan.plan import USUAL_RADIUS_M

Degrees = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Call:
    """A stop of a route, as far as times depend on it.

    Attributes:
        id: Unique in its route.
        lat_deg: Where it is; likewise `lon_deg`.
        service_s: How long it is planned to take there.
        window: When it is expected; None: at any time.
        planned_ms: When the plan has the vehicle there; None: it does not say.
        radius_m: Who is so near has arrived, and has not departed.
    """

    id: str
    lat_deg: float
    lon_deg: float
    service_s: float
    window: Window | None = None
    planned_ms: int | None = None
    radius_m: float = USUAL_RADIUS_M

    @property
    def place(self) -> Degrees:
        """Latitude and longitude."""
        return self.lat_deg, self.lon_deg


@dataclass(frozen=True, slots=True)
class Route:
    """What a vehicle is to do on a day.

    Attributes:
        calls: Its stops, in the order in which they are to be made.
        path: The way that it should take, (latitude, longitude); empty: any.
        start: Where it begins; None: wherever it is.
        departs_ms: When it should leave the start; None: unknown.
        offset_s: Local time minus UTC on that day; habits of traffic follow the local hour.
        waits: Who comes before a window opens waits until it does.
        start_radius_m: Who is so near to the start has not left it.
        vehicle: Who drives; drivers have habits. Empty: unknown.
    """

    calls: tuple[Call, ...]
    path: tuple[Degrees, ...] = ()
    start: Degrees | None = None
    departs_ms: int | None = None
    offset_s: float = 0.0
    waits: bool = True
    start_radius_m: float = USUAL_RADIUS_M
    vehicle: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """A stop that was made, or is being made.

    Attributes:
        id: Of the call.
        arrived_ms: When the vehicle came.
        departed_ms: When it left; None: it is still there.
    """

    id: str
    arrived_ms: int
    departed_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """The newest that is known of where the vehicle is.

    Attributes:
        lat_deg: WGS 84; likewise `lon_deg`.
        time_ms: When it was there; what is later is silence.
        standing_s: How long it had been standing there then; None: unknown.
    """

    lat_deg: float
    lon_deg: float
    time_ms: int
    standing_s: float | None = None


def route_of(
    plan: Plan,
    offset_s: float,
    *,
    planned_ms: Mapping[str, int] = MappingProxyType({}),
    waits: bool = True,
) -> Route:
    """Return what the times of a plan depend on; stops without coordinates are left out.

    Args:
        plan: A plan.
        offset_s: Local time minus UTC on its day.
        planned_ms: When its maker has the vehicle at stops, by their ids.
        waits: Who comes before a window opens waits until it does.
    """
    calls = tuple(
        Call(
            stop.id,
            stop.place.lat_deg,
            stop.place.lon_deg,
            stop.service_s,
            stop.window,
            planned_ms.get(stop.id),
            stop.radius_m,
        )
        for stop in plan.stops
        if stop.place.lat_deg is not None and stop.place.lon_deg is not None
    )
    depot = plan.depot
    start = None
    if depot and depot.place.lat_deg is not None and depot.place.lon_deg is not None:
        start = depot.place.lat_deg, depot.place.lon_deg
    departs_ms = depot.departs_ms if depot else None
    radius_m = depot.radius_m if depot else USUAL_RADIUS_M
    return Route(calls, plan.path, start, departs_ms, offset_s, waits, radius_m, plan.vehicle)
