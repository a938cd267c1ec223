"""Plans: each van's round of a day, with windows, orders, the way, and when it should be where.

In flow a town, customers and a day, out flows what a fleet's planner would have written: a `Plan`
as the server takes it, and beside it what only the simulator knows. Pure.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from random import Random

from milepost_firmware_sim.day.customers import Customer, StopKind
from milepost_firmware_sim.day.ordering import round_order
from milepost_firmware_sim.day.people import contact_at
from milepost_firmware_sim.day.roads import Roads
from milepost_firmware_sim.day.service import expected_s
from milepost_firmware_sim.plane import LonLat, Projection
from milepost_firmware_sim.town.addresses import Address
from milepost_firmware_sim.town.router import Way
from milepost_schemas.plan import Depot, Order, Place, Plan, Stop, Window

# The town lies in the middle of Germany.
TIME_ZONE = "Europe/Berlin"
DEPOT_STOP = "depot"
_DEPOT_RADIUS_M = 60.0
# What a planner takes for a way: its time at the limits by a factor, and something for crossings.
_SLOWER, _CROSSINGS_S = 1.55, 25.0
_MINUTE_MS = 60_000
_TIGHT_SHARE, _WIDE_SHARE = 0.25, 0.35
_PARCELS = ((1, 2, 3, 5), (0.7, 0.18, 0.08, 0.04))
_ORDERS_OF_FLATS = ((1, 2, 3), (0.75, 0.18, 0.07))
_URGENT_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class PlannedLeg:
    """From one stop to the next.

    Attributes:
        goal: Id of the stop that it leads to, or `depot`.
        start: Where the van should stand before.
        way: As it should be driven.
        drive_s: How long that should take.
    """

    goal: str
    start: Address
    way: Way
    drive_s: float


@dataclass(frozen=True, slots=True)
class PlannedStop:
    """A stop, and what its plan does not say.

    Attributes:
        leg: To it.
        arrives_ms: When the van should come to stand there.
        parcels: How many are brought.
    """

    stop: Stop
    customer: Customer
    leg: PlannedLeg
    arrives_ms: int
    parcels: int


@dataclass(frozen=True, slots=True)
class PlannedDay:
    """A van's round.

    Attributes:
        home: The way back.
        departs_ms: When it should leave the depot.
    """

    plan: Plan
    stops: tuple[PlannedStop, ...]
    home: PlannedLeg
    departs_ms: int


def plan_day(
    roads: Roads,
    customers: Sequence[Customer],
    *,
    seed: int,
    van: str,
    day: date,
    departs_ms: int,
) -> PlannedDay:
    """Plan a van's round over its customers.

    Args:
        roads: The town.
        customers: Each at another place than the depot; at least one.
        seed: Draws windows, orders and parcels.
        van: Who drives.
        day: The date there.
        departs_ms: When it leaves the depot, Unix milliseconds.
    """
    name = f"{van}-{day.isoformat()}"
    random = Random(f"plan {seed} {name}")  # noqa: S311 - a drawing, not a secret
    depot = roads.book.depot
    order = round_order(roads.router, depot, [one.address for one in customers])
    here, now_ms, stops = depot, departs_ms, list[PlannedStop]()
    for number, index in enumerate(order, start=1):
        customer = customers[index]
        leg = _leg(roads, f"s-{number:02}", here, customer.address)
        now_ms += round(leg.drive_s * 1000.0)
        stop, parcels = _stop(roads, customer, leg.goal, name, now_ms, random)
        stops.append(PlannedStop(stop, customer, leg, now_ms, parcels))
        now_ms += round(stop.service_s * 1000.0)
        here = leg.way.arrival
    home = _leg(roads, DEPOT_STOP, here, depot)
    plan = Plan(
        id=name,
        vehicle=van,
        date=day,
        stops=tuple(one.stop for one in stops),
        time_zone=TIME_ZONE,
        depot=_depot(roads, departs_ms),
        path=_path(roads.town.projection, [*(one.leg.way for one in stops), home.way]),
    )
    return PlannedDay(plan, tuple(stops), home, departs_ms)


def _leg(roads: Roads, goal: str, start: Address, address: Address) -> PlannedLeg:
    way = roads.router.way(start, address, turned=False)
    if way is None:
        raise ValueError(f"{address.name}: the van is there already")
    return PlannedLeg(goal, start, way, way.time_s * _SLOWER + _CROSSINGS_S)


def _depot(roads: Roads, departs_ms: int) -> Depot:
    lon_deg, lat_deg = roads.town.gate
    place = Place(lat_deg, lon_deg, f"Depot Yard, {roads.town.name}")
    return Depot(place, _DEPOT_RADIUS_M, departs_ms)


def _stop(
    roads: Roads, customer: Customer, id_: str, round_: str, arrives_ms: int, random: Random
) -> tuple[Stop, int]:
    """Return a stop as the plan says it, and how many parcels it gets."""
    is_shop = customer.kind is StopKind.SHOP
    flats = customer.kind is StopKind.FLAT
    (count,) = random.choices(*_ORDERS_OF_FLATS) if flats else (1,)
    orders, name = [], f"{round_}-{id_}"
    for number in range(1, count + 1):
        (parcels,) = random.choices(*_PARCELS)
        bell = f"{customer.address.name} {number}"
        orders.append(
            Order(
                id=f"o-{name}-{number}",
                parcels=tuple(f"p-{name}-{number}-{each}" for each in range(1, parcels + 1)),
                contact=contact_at(bell, is_shop=is_shop),
            )
        )
    parcels = sum(len(order.parcels) for order in orders)
    lon_deg, lat_deg = customer.door
    stop = Stop(
        id=id_,
        place=Place(lat_deg, lon_deg, f"{customer.address.name}, {roads.town.name}"),
        window=_window(arrives_ms, random),
        service_s=expected_s(customer.kind, parcels),
        priority=1 if random.random() < _URGENT_SHARE else 0,
        orders=tuple(orders),
    )
    return stop, parcels


def _window(arrives_ms: int, random: Random) -> Window | None:
    """Draw what was promised: 45 minutes, some hours, or nothing."""
    drawn = random.random()
    if drawn < _TIGHT_SHARE:
        return _begun(arrives_ms, random.uniform(3.0, 20.0), 45.0, 5)
    if drawn < _TIGHT_SHARE + _WIDE_SHARE:
        return _begun(arrives_ms, random.uniform(30.0, 90.0), random.choice((150.0, 240.0)), 30)
    return None


def _begun(arrives_ms: int, before_min: float, length_min: float, grid_min: int) -> Window:
    grid_ms = grid_min * _MINUTE_MS
    begin_ms = math.floor((arrives_ms - before_min * _MINUTE_MS) / grid_ms) * grid_ms
    return Window(begin_ms, begin_ms + round(length_min * _MINUTE_MS))


def _path(projection: Projection, ways: Sequence[Way]) -> tuple[tuple[float, float], ...]:
    """Return all ways as one line, (latitude, longitude)."""
    points = [ways[0].path.points[0]]
    for way in ways:
        points += way.path.points[1:]
    places: list[LonLat] = [projection.to_degrees(point) for point in points]
    return tuple((lat_deg, lon_deg) for lon_deg, lat_deg in places)
