"""Plans out of JSON values: all that is wrong with one is told at once, each thing where it stands.

Numbers are checked to be finite and in range, times to be RFC 3339 with an offset, ids to be unique
and of a form that topics, addresses and files can carry.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from milepost_schemas.plan.plan import (
    USUAL_PRIORITY,
    USUAL_RADIUS_M,
    USUAL_SERVICE_S,
    Contact,
    Depot,
    Order,
    Place,
    Plan,
    Stop,
    Window,
)
from milepost_schemas.plan.reader import (
    EMAIL,
    ID,
    LOCALE,
    MOST_ORDERS,
    MOST_PARCELS,
    MOST_PATH,
    MOST_STOPS,
    PHONE,
    VEHICLE,
    PlanError,
    Problem,
    Reader,
    at,
)


def read_plan(value: object) -> Plan:
    """Read a plan; fields that nobody knows are refused, so that a misspelt one is not lost.

    Raises:
        PlanError: It says something that is no plan; all problems are in it.
    """
    reader = Reader()
    plan = _plan(reader, value)
    reader.problems += _twice(plan)
    if reader.problems:
        raise PlanError(reader.problems)
    return plan


def read_stop(value: object, where: str = "") -> Stop:
    """Read a stop of a plan.

    Args:
        value: What it is read of.
        where: What problems are told to stand in.

    Raises:
        PlanError: It says something that is no stop; all problems are in it.
    """
    reader = Reader()
    stop = _stop(reader, value, where)
    reader.problems += [
        Problem(where, f"{what} {each!r} stands {times} times")
        for what, each, times in _twice_in([stop])
    ]
    if reader.problems:
        raise PlanError(reader.problems)
    return stop


def read_order(value: object, where: str = "") -> Order:
    """Read an order; as `read_stop`."""
    reader = Reader()
    order = _order(reader, value, where)
    reader.problems += [
        Problem(where, f"parcel {each!r} stands {times} times")
        for each, times in Counter(order.parcels).items()
        if times > 1 and each
    ]
    if reader.problems:
        raise PlanError(reader.problems)
    return order


def _twice(plan: Plan) -> Iterator[Problem]:
    """Say what stands twice that may stand once."""
    for stop, times in Counter(stop.id for stop in plan.stops).items():
        if times > 1 and stop:
            yield Problem("stops", f"stop {stop!r} stands {times} times")
    for what, each, times in _twice_in(plan.stops):
        yield Problem("stops", f"{what} {each!r} stands {times} times")


def _twice_in(stops: Sequence[Stop]) -> Iterator[tuple[str, str, int]]:
    orders = [order for stop in stops for order in stop.orders]
    for what, ids in (
        ("order", [order.id for order in orders]),
        ("parcel", [parcel for order in orders for parcel in order.parcels]),
    ):
        for each, times in Counter(ids).items():
            if times > 1 and each:
                yield what, each, times


def _plan(reader: Reader, value: object) -> Plan:
    known = "id vehicle date time_zone depot stops path"
    given = reader.fields(value, "", known, "id vehicle date stops")
    depot = given.get("depot")
    return Plan(
        reader.text(given["id"], "id", ID, f"an id: {ID.pattern}") if "id" in given else "",
        reader.text(given["vehicle"], "vehicle", VEHICLE, f"a vehicle: {VEHICLE.pattern}")
        if "vehicle" in given
        else "",
        reader.date(given["date"], "date") if "date" in given else date(1970, 1, 1),
        reader.each(given.get("stops", []), "stops", MOST_STOPS, lambda v, w: _stop(reader, v, w)),
        reader.zone(given.get("time_zone", "UTC"), "time_zone"),
        None if depot is None else _depot(reader, depot),
        reader.each(given.get("path", []), "path", MOST_PATH, lambda v, w: _point(reader, v, w)),
    )


def _depot(reader: Reader, value: object) -> Depot:
    given = reader.fields(value, "depot", "lat_deg lon_deg address radius_m departs_at")
    departs = given.get("departs_at")
    return Depot(
        _place(reader, given, "depot"),
        reader.number(given.get("radius_m", USUAL_RADIUS_M), "depot.radius_m", 10, 1000),
        None if departs is None else reader.time_ms(departs, "depot.departs_at"),
    )


def _place(reader: Reader, given: Mapping[str, Any], where: str) -> Place:
    lat, lon = given.get("lat_deg"), given.get("lon_deg")
    address = given.get("address")
    if (lat is None) != (lon is None):
        missing = "lat_deg" if lat is None else "lon_deg"
        reader.problems.append(Problem(at(where, missing), "is missing beside the other"))
    elif lat is None and address is None:
        reader.problems.append(Problem(where, "has neither lat_deg and lon_deg nor an address"))
    return Place(
        None if lat is None else reader.number(lat, at(where, "lat_deg"), -90, 90),
        None if lon is None else reader.number(lon, at(where, "lon_deg"), -180, 180),
        None if address is None else reader.words(address, at(where, "address")),
    )


def _point(reader: Reader, value: object, where: str) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        reader.wrong(where, value, "[latitude, longitude]")
        return 0.0, 0.0
    return reader.number(value[0], where, -90, 90), reader.number(value[1], where, -180, 180)


def _stop(reader: Reader, value: object, where: str) -> Stop:
    known = "id lat_deg lon_deg address radius_m window service_s priority orders"
    given = reader.fields(value, where, known, "id")
    window, orders = given.get("window"), given.get("orders", [])
    priority = reader.number(
        given.get("priority", USUAL_PRIORITY), at(where, "priority"), -100, 100
    )
    if not priority.is_integer():
        reader.wrong(at(where, "priority"), priority, "a whole number")
    return Stop(
        reader.text(given["id"], at(where, "id"), ID, f"an id: {ID.pattern}")
        if "id" in given
        else "",
        _place(reader, given, where),
        reader.number(given.get("radius_m", USUAL_RADIUS_M), at(where, "radius_m"), 10, 1000),
        None if window is None else _window(reader, window, at(where, "window")),
        reader.number(given.get("service_s", USUAL_SERVICE_S), at(where, "service_s"), 0, 86_400),
        int(priority),
        reader.each(orders, at(where, "orders"), MOST_ORDERS, lambda v, w: _order(reader, v, w)),
    )


def _window(reader: Reader, value: object, where: str) -> Window:
    given = reader.fields(value, where, "from to", "from to")
    times = {name: reader.time_ms(given[name], at(where, name)) for name in given}
    window = Window(times.get("from", 0), times.get("to", 0))
    if len(times) == 2 and all(times.values()) and window.to_ms <= window.from_ms:
        reader.wrong(at(where, "to"), given["to"], f"after from, {given['from']}")
    return window


def _order(reader: Reader, value: object, where: str) -> Order:
    given = reader.fields(value, where, "id parcels contact", "id")
    contact = given.get("contact")

    def parcel(value: object, where: str) -> str:
        return reader.text(value, where, ID, f"a parcel: {ID.pattern}")

    return Order(
        reader.text(given["id"], at(where, "id"), ID, f"an id: {ID.pattern}")
        if "id" in given
        else "",
        reader.each(given.get("parcels", []), at(where, "parcels"), MOST_PARCELS, parcel),
        Contact() if contact is None else _contact(reader, contact, at(where, "contact")),
    )


def _contact(reader: Reader, value: object, where: str) -> Contact:
    given = reader.fields(value, where, "name phone email locale note")
    forms = {
        "phone": (PHONE, "a number in the form +4917012345678 (E.164)"),
        "email": (EMAIL, "an e-mail address"),
        "locale": (LOCALE, "a language tag (BCP 47)"),
    }
    read = {
        name: reader.text(text, at(where, name), *forms[name])
        if name in forms
        else reader.words(text, at(where, name))
        for name, text in given.items()
    }
    return Contact(**read)
