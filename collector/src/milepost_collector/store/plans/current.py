"""Writing the rows of how plans and orders stand now; whoever calls has recorded the change."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from milepost_collector.delivery.changes import ChangeKind, Difference
from milepost_collector.delivery.states import Standing
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.plans.record import PLAN, Head
from milepost_schemas.plan import Order, Plan


async def write_plan_row(database: AsyncDatabase, plan: Plan, way: int, head: Head) -> None:
    """Write the row of a plan; its version is counted by `add_version`."""
    await database.execute(
        "INSERT INTO plan (id, vehicle, day, time_zone, way, version, changes, head) "
        "VALUES (%s, %s, %s, %s, %s, 0, %s, %s) ON CONFLICT (id) DO UPDATE SET "
        "vehicle = excluded.vehicle, day = excluded.day, time_zone = excluded.time_zone, "
        "way = excluded.way, changes = excluded.changes, head = excluded.head",
        (plan.id, plan.vehicle, plan.date, plan.time_zone, way, head.n, head.hash),
    )


async def write_head(database: AsyncDatabase, head: Head) -> None:
    """Note the end of a chain beside it."""
    if head.chain.startswith(PLAN):
        await database.execute(
            "UPDATE plan SET changes = %s, head = %s WHERE id = %s",
            (head.n, head.hash, head.chain.removeprefix(PLAN)),
        )
    else:
        await database.execute(
            "UPDATE customer_order SET changes = %s, head = %s WHERE id = %s",
            (head.n, head.hash, head.chain.partition("/")[2]),
        )


async def write_stops(
    database: AsyncDatabase,
    plan: Plan,
    standings: Mapping[str, Standing],
    places: Mapping[str, int],
    at: datetime,
) -> None:
    """Write all stops of a plan, and which of the others are skipped.

    Args:
        database: Inside the transaction.
        plan: With the stops that are in force.
        standings: Of them, and of those that are skipped.
        places: The numbers of their places' personal rows.
        at: When states have changed, if they have.
    """
    values = []
    for position, stop in enumerate(plan.stops):
        window, standing = stop.window, standings[stop.id]
        between = (None, None) if window is None else (window.from_ms, window.to_ms)
        place = (position, places[stop.id], stop.radius_m, *between, stop.service_s, stop.priority)
        incident = standing.incident
        stands = (standing.state, standing.attempts, incident and incident.kind)
        photo = incident and incident.photo
        values.append((plan.id, stop.id, *place, *stands, photo, at))
    in_force = {stop.id for stop in plan.stops}
    skipped = [(at, plan.id, name) for name in standings if name not in in_force]
    async with database.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO plan_stop AS known (plan, id, position, place, radius_m, from_ms, to_ms, "
            "service_s, priority, state, attempts, incident, photo) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
            "ON CONFLICT (plan, id) DO UPDATE SET position = excluded.position, "
            "place = excluded.place, radius_m = excluded.radius_m, from_ms = excluded.from_ms, "
            "to_ms = excluded.to_ms, service_s = excluded.service_s, "
            "priority = excluded.priority, state = excluded.state, state_at = CASE "
            "WHEN known.state = excluded.state THEN known.state_at ELSE %s END",
            values,
        )
        await cursor.executemany(
            "UPDATE plan_stop SET state = 'skipped', state_at = %s "
            "WHERE plan = %s AND id = %s AND state <> 'skipped'",
            skipped,
        )


async def write_orders(
    database: AsyncDatabase,
    plan: Plan,
    found: Sequence[Difference],
    contacts: Mapping[str, int],
    at: datetime,
    *,
    gone: Collection[str],
) -> None:
    """Write what has changed of a plan's orders, and take away stops that went to another plan.

    Args:
        database: Inside the transaction.
        plan: With the stops that are in force.
        found: What has changed.
        contacts: The numbers of new personal rows, by order.
        at: When.
        gone: Stops that went to another plan, with their orders, which were written there.
    """
    by_id = {order.id: order for stop in plan.stops for order in stop.orders}
    named = {each.order for each in found if each.order is not None}
    left = [each.order for each in found if each.kind is ChangeKind.ORDER_LEFT]
    await database.execute(
        "DELETE FROM plan_order WHERE plan = %s AND (order_id = ANY(%s) OR stop = ANY(%s))",
        (plan.id, left, list(gone)),
    )
    await database.execute(
        "UPDATE customer_order SET plan = NULL, stop = NULL WHERE plan = %s AND id = ANY(%s)",
        (plan.id, left),
    )
    await write_order_content(
        database, [by_id[name] for name in sorted(named) if name in by_id], contacts, at
    )
    placed = {e.order for e in found if e.kind is ChangeKind.ORDER_PLACED}
    values = [
        (plan.id, order.id, stop.id, position)
        for stop in plan.stops
        for position, order in enumerate(stop.orders)
    ]
    async with database.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO plan_order AS known (plan, order_id, stop, position) "
            "VALUES (%s, %s, %s, %s) ON CONFLICT (plan, order_id) DO UPDATE "
            "SET stop = excluded.stop, position = excluded.position "
            "WHERE (known.stop, known.position) <> (excluded.stop, excluded.position)",
            values,
        )
        await cursor.executemany(
            "UPDATE customer_order SET plan = %s, stop = %s WHERE id = %s",
            [(p, stop, order) for p, order, stop, _ in values if order in placed],
        )
    await database.execute(
        "DELETE FROM plan_stop WHERE plan = %s AND id = ANY(%s)", (plan.id, list(gone))
    )


async def write_order_content(
    database: AsyncDatabase, orders: Sequence[Order], contacts: Mapping[str, int], at: datetime
) -> None:
    """Write orders, and their parcels.

    Args:
        database: Inside the transaction.
        orders: As they are to be; new ones have a number in `contacts`.
        contacts: The numbers of new personal rows, by order.
        at: When new ones were ordered.
    """
    parcels = [
        (parcel, order.id, position)
        for order in orders
        for position, parcel in enumerate(order.parcels)
    ]
    async with database.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO customer_order (id, state_at, contact) VALUES (%s, %s, %s) "
            "ON CONFLICT (id) DO UPDATE SET contact = excluded.contact",
            [(order.id, at, contacts[order.id]) for order in orders if order.id in contacts],
        )
        await cursor.execute(
            "DELETE FROM parcel WHERE order_id = ANY(%s)", ([order.id for order in orders],)
        )
        await cursor.executemany(
            "INSERT INTO parcel (id, order_id, position) VALUES (%s, %s, %s)", parcels
        )
