"""Orders, from the moment they are known: put outside of plans, and where each is."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from milepost_collector.delivery.chain import Linked
from milepost_collector.delivery.changes import (
    ChangeKind,
    Difference,
    KnownOrder,
    PersonalKind,
    contact_of,
)
from milepost_collector.delivery.order_changes import (
    PlanConflictError,
    order_changed,
    order_told,
)
from milepost_collector.delivery.states import OPEN, OrderState, changed_order
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.plans.current import write_head, write_order_content
from milepost_collector.store.plans.locking import By, lock_plans
from milepost_collector.store.plans.record import ORDER, Head, record
from milepost_collector.store.plans.rows import (
    StoredOrder,
    UnknownOrderError,
    known_orders,
    stored_plan,
)
from milepost_schemas.plan import Order

_NOTHING = bytes(32)


@dataclass(frozen=True, slots=True)
class WhereStop:
    """The stop of an order.

    Attributes:
        plan: The plan that brings it, or brought it last.
        vehicle: Of that plan.
        date: Its day there, YYYY-MM-DD.
        stop: The stop's id.
        state: How it stands.
        state_at: Since when; None: since it was planned.
        attempts: The one that is due, or was made, included.
        stops_before: How many stops the vehicle is still to make before it; None: it is not to
            come there any more.
        from_ms: When it is expected, from `from_ms` to `to_ms`, UTC milliseconds since 1970; None:
            at any time.
        eta: When it will be there, hardly before `low` or after `high`; None: nobody has told.
        made_at: When that was told.
        position_time: Of the vehicle's newest position; None: there is none.
        lat_e6: Millionths of a degree; likewise `lon_e6`.
    """

    plan: str
    vehicle: str
    date: str
    stop: str
    state: str
    state_at: datetime | None
    attempts: int
    stops_before: int | None
    from_ms: int | None
    to_ms: int | None
    eta: datetime | None
    low: datetime | None
    high: datetime | None
    made_at: datetime | None
    position_time: datetime | None
    lat_e6: int | None
    lon_e6: int | None


@dataclass(frozen=True, slots=True)
class WhereOrder:
    """Where an order is.

    Attributes:
        order: What it is.
        state: How far it is.
        state_at: Since when.
        is_erased: Whether what was personal of it is gone.
        at: Its stop; None: no plan has it.
    """

    order: Order
    state: OrderState
    state_at: datetime
    is_erased: bool
    at: WhereStop | None


@dataclass(frozen=True, slots=True)
class WrittenOrder:
    """What a change of an order did.

    Attributes:
        order: Its id.
        is_new: Whether nobody knew it before.
        changes: What was recorded; none: it stands as it was.
    """

    order: str
    is_new: bool
    changes: list[Linked]


async def put_order(
    database: AsyncDatabase, order: Order, by: By, *, state: OrderState | None = None
) -> WrittenOrder:
    """Make an order known, or put it in the place of what is known of it.

    What happens to an order of a plan stands in the record of that plan, else in its own.

    Args:
        database: In autocommit mode, or inside a transaction.
        order: The whole order.
        by: Who does it.
        state: How far it is; None: as it was, `ordered` at first.

    Raises:
        PlanConflictError: One of its parcels is another's, or it was erased.
        IllegalChangeError: It cannot be that far.
        OperationalError: The database is lost, or busy (`connection.LOST`).
    """
    async with database.transaction():
        await lock_plans(database)
        await _refuse_parcels(database, order)
        stored = (await known_orders(database, [order.id])).get(order.id)
        known = stored.known if stored else None
        found = _differences(known, order, state)
        if not found:
            return WrittenOrder(order.id, is_new=False, changes=[])
        recorded = await record(database, await _head(database, order.id, stored), found, by)
        number = recorded.personal.get(0)
        contacts = {} if number is None else {order.id: number}
        await write_order_content(database, [order], contacts, by.at)
        if state is not None:
            await database.execute(
                "UPDATE customer_order SET state = %s, state_at = %s WHERE id = %s AND state <> %s",
                (state, by.at, order.id, state),
            )
        await write_head(database, recorded.head)
        return WrittenOrder(order.id, stored is None, recorded.rows)


def _differences(
    known: KnownOrder | None, order: Order, state: OrderState | None
) -> list[Difference]:
    if known is None:
        contact = (PersonalKind.CONTACT, contact_of(order))
        found = [Difference(ChangeKind.ORDER_MADE, None, order.id, order_told(order), contact)]
        was, stop = OrderState.ORDERED, None
    else:
        found = list(order_changed(known, order, known.stop))
        was, stop = known.state, known.stop
    if state is not None and state is not was:
        to = changed_order(was, state, order=f"order {order.id}")
        told = {"from": was, "to": to}
        found.append(Difference(ChangeKind.ORDER_STATE, stop, order.id, told))
    return found


async def _head(database: AsyncDatabase, order: str, stored: StoredOrder | None) -> Head:
    """Return the end of the chain that an order's changes stand in."""
    if stored is None:
        return Head(ORDER + order, 0, _NOTHING)
    if stored.known.plan is None:
        return stored.head
    return (await stored_plan(database, stored.known.plan)).head


async def _refuse_parcels(database: AsyncDatabase, order: Order) -> None:
    cursor = await database.execute(
        "SELECT id, order_id FROM parcel WHERE id = ANY(%s) AND order_id <> %s ORDER BY id",
        (list(order.parcels), order.id),
    )
    for parcel, other in await cursor.fetchall():
        raise PlanConflictError(
            f"parcel {parcel} is of order {other}, so it cannot be of order {order.id}"
        )


async def where_order(database: AsyncDatabase, name: str) -> WhereOrder:
    """Return where an order is.

    Raises:
        UnknownOrderError: Nobody knows it.
    """
    stored = (await known_orders(database, [name])).get(name)
    if stored is None:
        raise UnknownOrderError(f"there is no order {name}")
    known = stored.known
    told = (known.order, known.state, stored.state_at, known.is_erased)
    if known.plan is None:
        return WhereOrder(*told, None)
    async with database.cursor(row_factory=class_row(WhereStop)) as cursor:
        await cursor.execute(
            "SELECT plan.id AS plan, vehicle, day::text AS date, s.id AS stop, s.state, "
            "s.state_at, attempts, CASE WHEN s.state = ANY(%(open)s) THEN (SELECT count(*) "
            "FROM plan_stop AS b WHERE b.plan = s.plan AND b.position < s.position "
            "AND b.state = ANY(%(open)s)) END AS stops_before, s.from_ms, s.to_ms, "
            "eta, low, high, made_at, position_time, lat_e6, lon_e6 FROM plan_stop AS s "
            "JOIN plan ON plan.id = s.plan LEFT JOIN device ON device = vehicle "
            "LEFT JOIN stop_eta AS e ON e.plan = s.plan AND e.stop = s.id "
            "WHERE s.plan = %(plan)s AND s.id = %(stop)s",
            {"open": list(OPEN), "plan": known.plan, "stop": known.stop},
        )
        return WhereOrder(*told, await cursor.fetchone())
