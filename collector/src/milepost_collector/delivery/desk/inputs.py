"""What desks are told, one thing after the other: the words of the log that they are replayed from.

Each input has the number that it has in the log of its desk, from 1 without gaps, and `at_ms`, our
clock when it was stored, which never decreases within a log. Times are UTC milliseconds since 1970.
Names, numbers, addresses and notes of people are in none of them; places are, and may be erased.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from milepost_collector.delivery.desk.rules import DeskRules
from milepost_collector.delivery.source import Source
from milepost_collector.delivery.states import IncidentKind
from milepost_schemas.event import Event
from milepost_schemas.plan import Place, Plan, Window

Degrees = tuple[float, float]

NO_STOPS: Mapping[str, int] = {}


class TapKind(StrEnum):
    """What people tap."""

    START = "start"
    SCAN = "scan"
    COMPLETE = "complete"
    INCIDENT = "incident"
    REATTEMPT = "reattempt"
    RETURN = "return"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Input:
    """Something that a desk is told.

    Attributes:
        number: Its place in the log of its desk, from 1.
        at_ms: When it was stored, by our clock.
    """

    number: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """An order, as far as desks need it: its id, and the parcels that are to be scanned."""

    id: str
    parcels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedStop:
    """A stop, as far as desks need it.

    Attributes:
        id: Unique in its plan.
        place: Latitude and longitude; None: unknown, or erased.
        radius_m: Who is within it is there.
        window: When it is expected; None: at any time.
        service_s: How long it takes there.
        arrives_ms: When the vehicle should come by the plan; None: nobody has worked it out.
        orders: What is brought or fetched there.
    """

    id: str
    place: Degrees | None
    radius_m: float
    window: Window | None
    service_s: float
    arrives_ms: int | None = None
    orders: tuple[PlannedOrder, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedDay:
    """A version of a plan, as far as desks need it.

    Attributes:
        vehicle: Who drives it.
        stops: In the order in which they are to be made.
        depot: Latitude and longitude of where it begins; None: anywhere, or erased.
        depot_radius_m: Who is within it is there.
        departs_ms: When it should leave; None: unknown.
    """

    vehicle: str
    stops: tuple[PlannedStop, ...]
    depot: Degrees | None = None
    depot_radius_m: float = 0.0
    departs_ms: int | None = None


@dataclass(frozen=True, slots=True)
class PlanInput(Input):
    """A plan was put, or edited.

    Attributes:
        planned: As it is now.
        source: Who did it.
        moved_away: Stops that are gone because another plan has them now: they are not skipped.
    """

    planned: PlannedDay
    source: Source
    moved_away: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrackInput(Input):
    """A track event was numbered.

    Attributes:
        feed: Its number in the feed; what is not above the newest one is a repeat.
        event: The event; of types that desks do not know, nothing follows.
    """

    feed: int
    event: Event


@dataclass(frozen=True, slots=True)
class TapInput(Input):
    """Somebody tapped something.

    Attributes:
        key: The same when it is sent again: it counts once.
        tap: What was tapped.
        tapped_ms: When, by the clock of the phone.
        source: Who.
        stop: Of which stop; None: of none (scan), or the next one (start).
        place: Where the proof was made, latitude and longitude.
        proof: The id of the proof.
        incident: What went wrong; exactly where an incident was tapped.
        note: The id of what was said of it.
        photo: The id of its picture.
        parcels: What was scanned.
    """

    key: str
    tap: TapKind
    tapped_ms: int
    source: Source = Source.DRIVER
    stop: str | None = None
    place: Degrees | None = None
    proof: str | None = None
    incident: IncidentKind | None = None
    note: str | None = None
    photo: str | None = None
    parcels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StopEta:
    """When the vehicle will be at a stop.

    Attributes:
        stop: The stop.
        eta_ms: The likeliest.
        low_ms: Hardly before.
        high_ms: Hardly after.
        distance_m: How far it is along the way; None: unknown.
    """

    stop: str
    eta_ms: int
    low_ms: int
    high_ms: int
    distance_m: float | None = None


@dataclass(frozen=True, slots=True)
class ForecastInput(Input):
    """A forecast was made.

    Attributes:
        made_ms: When.
        age_ms: How old the position was then that it was made of; None: there was none.
        etas: Of the stops that remain.
    """

    made_ms: int
    age_ms: int | None
    etas: tuple[StopEta, ...]


@dataclass(frozen=True, slots=True)
class SilentInput(Input):
    """Nothing has come of a unit for long.

    Attributes:
        device: The unit.
        since_ms: When something came last.
        reason: Why, as far as it was known then.
    """

    device: str
    since_ms: int
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class HeardInput(Input):
    """Something came of a unit again.

    Attributes:
        device: The unit.
        heard_ms: When.
    """

    device: str
    heard_ms: int


@dataclass(frozen=True, slots=True)
class RulesInput(Input):
    """Other rules hold from now on; a desk that never had this has the usual ones."""

    rules: DeskRules


@dataclass(frozen=True, slots=True)
class TickInput(Input):
    """Time has passed, and nothing else."""


def planned_day(plan: Plan, arrivals: Mapping[str, int] = NO_STOPS) -> PlannedDay:
    """Return what desks need of a plan: nothing of people.

    Args:
        plan: The plan.
        arrivals: By stop, when the vehicle should come, where somebody has worked it out.
    """
    depot = plan.depot
    return PlannedDay(
        plan.vehicle,
        tuple(
            PlannedStop(
                stop.id,
                _degrees(stop.place),
                stop.radius_m,
                stop.window,
                stop.service_s,
                arrivals.get(stop.id),
                tuple(PlannedOrder(order.id, order.parcels) for order in stop.orders),
            )
            for stop in plan.stops
        ),
        None if depot is None else _degrees(depot.place),
        0.0 if depot is None else depot.radius_m,
        None if depot is None else depot.departs_ms,
    )


def _degrees(place: Place) -> Degrees | None:
    lat_deg, lon_deg = place.lat_deg, place.lon_deg
    return None if lat_deg is None or lon_deg is None else (lat_deg, lon_deg)
