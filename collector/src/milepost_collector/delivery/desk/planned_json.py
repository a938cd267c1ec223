"""Versions of plans in inputs, out of JSON values."""

from milepost_collector.delivery.desk.input_reader import InputReader
from milepost_collector.delivery.desk.inputs import PlannedDay, PlannedOrder, PlannedStop
from milepost_schemas.plan import Window
from milepost_schemas.plan.reader import MOST_ORDERS, MOST_PARCELS, MOST_STOPS, VEHICLE
from milepost_schemas.plan.reader import at as under


def read_day(reader: InputReader, value: object) -> PlannedDay:
    """Read a version of a plan."""
    known = "vehicle stops depot depot_radius_m departs_ms"
    day = reader.fields(value, "planned", known, "vehicle stops")
    return PlannedDay(
        reader.text(day.get("vehicle", ""), "planned.vehicle", VEHICLE, "a vehicle"),
        reader.each(
            day.get("stops", []), "planned.stops", MOST_STOPS, lambda v, w: _stop(reader, v, w)
        ),
        reader.degrees(day, "depot", "planned"),
        reader.number(day.get("depot_radius_m", 0.0), "planned.depot_radius_m", 0, 1000),
        reader.known(day, "departs_ms", "planned"),
    )


def _stop(reader: InputReader, value: object, where: str) -> PlannedStop:
    known = "id place radius_m window service_s arrives_ms orders"
    given = reader.fields(value, where, known, "id radius_m service_s")
    window, between = given.get("window"), under(where, "window")
    ends = {} if window is None else reader.fields(window, between, "from_ms to_ms", "to_ms")
    return PlannedStop(
        reader.id(given, "id", where) or "",
        reader.degrees(given, "place", where),
        reader.number(given.get("radius_m", 0), under(where, "radius_m"), 0, 1000),
        None
        if window is None
        else Window(
            reader.whole(ends, "from_ms", 0, between), reader.whole(ends, "to_ms", 0, between)
        ),
        reader.number(given.get("service_s", 0), under(where, "service_s"), 0, 86_400),
        reader.known(given, "arrives_ms", where),
        reader.each(
            given.get("orders", []),
            under(where, "orders"),
            MOST_ORDERS,
            lambda v, w: _order(reader, v, w),
        ),
    )


def _order(reader: InputReader, value: object, where: str) -> PlannedOrder:
    given = reader.fields(value, where, "id parcels", "id")
    parcels = reader.ids(given, "parcels", MOST_PARCELS, where)
    return PlannedOrder(reader.id(given, "id", where) or "", parcels)
