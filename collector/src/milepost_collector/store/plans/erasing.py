"""Erasing what is personal: rows lose content and salt, and the record says which.

Only what is over can be erased: a stop that a vehicle is still to come to needs its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from milepost_collector.delivery.changes import ChangeKind, Difference
from milepost_collector.delivery.states import OPEN
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.plans.current import write_head
from milepost_collector.store.plans.locking import By, lock_plans
from milepost_collector.store.plans.record import record
from milepost_collector.store.plans.rows import UnknownOrderError, known_orders, stored_plan
from milepost_collector.store.proofs.erasing import erase_proofs, erase_proofs_of_order


class EraseError(ValueError):
    """Something cannot be erased yet; the message says why."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did.

    Attributes:
        plans: Plans that were erased now.
        orders: Orders that were erased now.
        rows: How many personal rows lost their content.
        kept: Orders of these plans that another plan is still to bring: they were left alone.
    """

    plans: list[str]
    orders: list[str]
    rows: int
    kept: list[str]


async def erase_plans(
    database: AsyncDatabase, by: By, *, before: date, vehicle: str | None
) -> Erased:
    """Erase plans of days before one, with the orders that they brought.

    Args:
        database: In autocommit mode; each plan is a transaction.
        by: Who does it.
        before: Plans of this day and later ones stay.
        vehicle: Only of this one; None: of all.
    """
    cursor = await database.execute(
        "SELECT id FROM plan WHERE day < %s AND (%s::text IS NULL OR vehicle = %s) "
        "AND erased_at IS NULL ORDER BY day, id",
        (before, vehicle, vehicle),
    )
    names = [name for (name,) in await cursor.fetchall()]
    orders: list[str] = []
    kept: list[str] = []
    rows = 0
    for name in names:
        async with database.transaction():
            await lock_plans(database)
            own, left, count = await _erase_plan(database, name, by)
        orders, kept, rows = orders + own, kept + left, rows + count
    return Erased(names, orders, rows, kept)


async def _erase_plan(
    database: AsyncDatabase, name: str, by: By
) -> tuple[list[str], list[str], int]:
    stored = await stored_plan(database, name)
    known = stored.known.orders
    kept = [
        order
        for order, each in known.items()
        if each.plan not in (name, None) and each.stop_state in OPEN
    ]
    gone = [order for order in known if order not in kept and not known[order].is_erased]
    numbers = await _empty(database, by, "plan = %s OR order_id = ANY(%s)", (name, [*gone]))
    said = {"rows": numbers, "orders": gone}
    recorded = await record(database, stored.head, [Difference(ChangeKind.ERASED, said=said)], by)
    await write_head(database, recorded.head)
    await database.execute("UPDATE plan SET erased_at = %s WHERE id = %s", (by.at, name))
    await _mark_orders(database, gone, by)
    await erase_proofs(database, name, by)
    return gone, kept, len(numbers)


async def erase_order(database: AsyncDatabase, name: str, by: By) -> Erased:
    """Erase who waited for an order, and where that was.

    Raises:
        UnknownOrderError: Nobody knows it.
        EraseError: A vehicle is still to bring it.
    """
    async with database.transaction():
        await lock_plans(database)
        stored = (await known_orders(database, [name])).get(name)
        if stored is None:
            raise UnknownOrderError(f"there is no order {name}")
        known = stored.known
        if known.stop_state in OPEN:
            raise EraseError(
                f"order {name} is at stop {known.stop} of plan {known.plan}, which is "
                f"{known.stop_state}: drop that first"
            )
        # All stops that ever were to bring it, and what was said of them; another order may be
        # on its way to one of them now.
        numbers = await _empty(
            database,
            by,
            "(order_id = %s OR kind <> 'way' AND (plan, stop) IN (SELECT "
            "substr(chain, 6), c.stop FROM plan_change AS c WHERE c.order_id = %s AND c.kind = %s "
            "AND chain LIKE 'plan/%%')) AND NOT EXISTS (SELECT FROM plan_stop AS s "
            "WHERE s.place = no AND s.state = ANY(%s))",
            (name, name, ChangeKind.ORDER_PLACED, list(OPEN)),
        )
        said = {"rows": numbers, "orders": [name]}
        found = Difference(ChangeKind.ERASED, order=name, said=said)
        if numbers or not known.is_erased:
            recorded = await record(database, stored.head, [found], by)
            await write_head(database, recorded.head)
        await _mark_orders(database, [name], by)
        await erase_proofs_of_order(database, name, by)
        return Erased([], [] if known.is_erased else [name], len(numbers), [])


async def _empty(
    database: AsyncDatabase, by: By, which: str, values: Sequence[object]
) -> list[int]:
    """Empty personal rows; return their numbers."""
    cursor = await database.execute(
        f"UPDATE personal SET salt = NULL, content = NULL, erased_at = %s "  # noqa: S608 - ours
        f"WHERE ({which}) AND content IS NOT NULL RETURNING no",
        (by.at, *values),
    )
    return sorted(number for (number,) in await cursor.fetchall())


async def _mark_orders(database: AsyncDatabase, names: Sequence[str], by: By) -> None:
    await database.execute(
        "UPDATE customer_order SET erased_at = coalesce(erased_at, %s) WHERE id = ANY(%s)",
        (by.at, list(names)),
    )
