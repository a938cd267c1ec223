"""Plans as JSON values, as `read_plan` reads them; what is usual or unknown is left out."""

from typing import Any

from milepost_schemas.event import rfc3339
from milepost_schemas.plan.plan import (
    USUAL_PRIORITY,
    USUAL_RADIUS_M,
    USUAL_SERVICE_S,
    Contact,
    Order,
    Place,
    Plan,
    Stop,
)


def write_plan(plan: Plan) -> dict[str, Any]:
    """Write a plan."""
    written: dict[str, Any] = {
        "id": plan.id,
        "vehicle": plan.vehicle,
        "date": plan.date.isoformat(),
        "time_zone": plan.time_zone,
    }
    if (depot := plan.depot) is not None:
        written["depot"] = _place(depot.place) | _unusual(
            radius_m=(depot.radius_m, USUAL_RADIUS_M),
            departs_at=(None if depot.departs_ms is None else rfc3339(depot.departs_ms), None),
        )
    written["stops"] = [write_stop(stop) for stop in plan.stops]
    if plan.path:
        written["path"] = [list(point) for point in plan.path]
    return written


def _unusual(**values: tuple[Any, Any]) -> dict[str, Any]:
    return {name: value for name, (value, usual) in values.items() if value != usual}


def _place(place: Place) -> dict[str, Any]:
    return _unusual(
        lat_deg=(place.lat_deg, None),
        lon_deg=(place.lon_deg, None),
        address=(place.address, None),
    )


def write_stop(stop: Stop) -> dict[str, Any]:
    """Write a stop of a plan."""
    window = stop.window
    between = window and {"from": rfc3339(window.from_ms), "to": rfc3339(window.to_ms)}
    return (
        {"id": stop.id}
        | _place(stop.place)
        | _unusual(
            radius_m=(stop.radius_m, USUAL_RADIUS_M),
            window=(between, None),
            service_s=(stop.service_s, USUAL_SERVICE_S),
            priority=(stop.priority, USUAL_PRIORITY),
            orders=([write_order(order) for order in stop.orders], []),
        )
    )


def write_order(order: Order) -> dict[str, Any]:
    """Write an order."""
    return {"id": order.id} | _unusual(
        parcels=(list(order.parcels), []), contact=(_contact(order.contact), {})
    )


def _contact(contact: Contact) -> dict[str, Any]:
    names = Contact.__slots__
    return {name: value for name in names if (value := getattr(contact, name)) is not None}
