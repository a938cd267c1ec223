"""Changing plans: the difference to what stands is recorded, then written, in one transaction.

A plan that is put as it stands already changes nothing: no row, no version, no entry of the record.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from milepost_collector.delivery import edits
from milepost_collector.delivery.chain import Linked
from milepost_collector.delivery.changes import ChangeKind, Difference, Known, Moves
from milepost_collector.delivery.difference import completed, differences
from milepost_collector.delivery.order_changes import PlanConflictError
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.plans.current import (
    write_orders,
    write_plan_row,
    write_stops,
)
from milepost_collector.store.plans.locking import By, lock_plans
from milepost_collector.store.plans.record import PLAN, Head, record
from milepost_collector.store.plans.rows import (
    StoredPlan,
    UnknownPlanError,
    known_orders,
    stored_plan,
)
from milepost_collector.store.plans.versions import add_version
from milepost_schemas.plan import Plan, Stop

_NOTHING = bytes(32)

# Every transaction that begins after this knows of a version, so no fix was judged without it.
EFFECTIVE_AFTER = timedelta(seconds=10)

_OF_ORDERS = frozenset(
    {
        ChangeKind.ORDER_MADE,
        ChangeKind.ORDER_PLACED,
        ChangeKind.ORDER_LEFT,
        ChangeKind.ORDER_CHANGED,
        ChangeKind.ORDER_STATE,
    }
)


@dataclass(frozen=True, slots=True)
class Written:
    """What a change of a plan did.

    Attributes:
        plan: Its id.
        is_new: Whether there was none before.
        version: The newest version.
        changes: What was recorded; none: it stands as it was.
    """

    plan: str
    is_new: bool
    version: int
    changes: list[Linked]


@dataclass(frozen=True, slots=True)
class Insert:
    """A stop that comes into a plan, before another one or as its last."""

    stop: Stop
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """A stop that is skipped."""

    stop: str


@dataclass(frozen=True, slots=True)
class Reorder:
    """All stops that are not finished, in their new order."""

    stops: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """A stop that goes to another plan, before one of its stops or as its last."""

    stop: str
    to: str
    before: str | None = None


Edit = Insert | Drop | Reorder | Move


async def put_plan(
    database: AsyncDatabase, plan: Plan, by: By, *, effective_at: datetime | None = None
) -> Written:
    """Make a plan, or put it in the place of the one that there is.

    Args:
        database: In autocommit mode, or inside a transaction.
        plan: As it is to be. An order of which it says the id alone brings what is known of it.
        by: Who does it.
        effective_at: From when it is in force; None: 10 s after `by.at`.

    Raises:
        PlanConflictError: It contradicts what was done already, or another plan; or the plan was
            erased.
        IllegalChangeError: A stop cannot be skipped.
        OperationalError: The database is lost, or busy (`connection.LOST`).
    """
    async with database.transaction():
        await lock_plans(database)
        try:
            stored = await stored_plan(database, plan.id)
        except UnknownPlanError:
            stored = None
        return await _put(database, stored, plan, by, effective_at)


async def edit_plan(database: AsyncDatabase, name: str, edit: Edit, by: By) -> list[Written]:
    """Change a plan during its day; return what that did to it, and to the other one of a move.

    Raises:
        UnknownPlanError, UnknownStopError: There is none of that name.
        EditError, PlanError: The edit cannot be made; the message says why.
        PlanConflictError, IllegalChangeError, OperationalError: As for `put_plan`.
    """
    async with database.transaction():
        await lock_plans(database)
        stored = await stored_plan(database, name)
        plan, standings = stored.plan, stored.known.standings
        match edit:
            case Insert(stop, before):
                new = edits.inserted(plan, standings, stop, before)
            case Drop(stop):
                new = edits.dropped(plan, standings, stop)
            case Reorder(stops):
                new = edits.reordered(plan, standings, stops)
            case Move():
                return await _move(database, stored, edit, by)
        return [await _put(database, stored, new, by)]


async def _move(database: AsyncDatabase, stored: StoredPlan, move: Move, by: By) -> list[Written]:
    target = await stored_plan(database, move.to)
    to = (target.plan, target.known.standings)
    plan, standings = stored.plan, stored.known.standings
    left, right = edits.moved(plan, standings, move.stop, to, move.before)
    standing = edits.after_move(standings[move.stop])
    here = Moves(here={move.stop: (plan.id, standing)})
    away = Moves(away={move.stop: move.to})
    arrived = await _put(database, target, right, by, moves=here, note_from=stored)
    return [await _put(database, stored, left, by, moves=away), arrived]


async def _put(
    database: AsyncDatabase,
    stored: StoredPlan | None,
    plan: Plan,
    by: By,
    effective_at: datetime | None = None,
    *,
    moves: Moves | None = None,
    note_from: StoredPlan | None = None,
) -> Written:
    moves = moves or Moves()
    known, new = await _known(database, stored, plan)
    found, standings = differences(known, new, moves)
    if stored and not found:
        return Written(plan.id, is_new=False, version=stored.version, changes=[])
    if stored and stored.erased_at:
        raise PlanConflictError(f"plan {plan.id} was erased: give another one another id")
    head = stored.head if stored else Head(PLAN + plan.id, 0, _NOTHING)
    recorded = await record(database, head, found, by)
    numbers = _numbers(found, recorded.personal)
    way = numbers.get((None, None), stored.way if stored else 0)
    await write_plan_row(database, new, way, recorded.head)
    places = {name: each.place for name, each in stored.stops.items()} if stored else {}
    places |= {stop: number for (stop, order), number in numbers.items() if stop and not order}
    await write_stops(database, new, standings, places, by.at)
    await _carry_notes(database, new, moves, note_from)
    contacts = {order: number for (_, order), number in numbers.items() if order}
    await write_orders(database, new, found, contacts, by.at, gone=moves.away)
    version = stored.version if stored else 0
    if not stored or any(each.kind not in _OF_ORDERS for each in found):
        version = await add_version(database, plan.id, effective_at or by.at + EFFECTIVE_AFTER)
    return Written(plan.id, stored is None, version, recorded.rows)


def _numbers(
    found: list[Difference], personal: Mapping[int, int]
) -> dict[tuple[str | None, str | None], int]:
    """Return the new personal rows by stop and order: of contacts, places, and the way."""
    return {(found[place].stop, found[place].order): no for place, no in personal.items()}


async def _known(
    database: AsyncDatabase, stored: StoredPlan | None, plan: Plan
) -> tuple[Known, Plan]:
    """Return what is known before a change, and the new plan with all that is known of orders."""
    known = stored.known if stored else Known()
    named = {order.id for stop in plan.stops for order in stop.orders}
    orders = await known_orders(database, named | set(known.placed))
    told = {name: each.known for name, each in orders.items()}
    new = completed(plan, told)
    await _refuse_parcels(database, new)
    own = (known.plan, known.standings, known.skipped, known.placed, told, known.erased)
    return Known(*own), new


async def _refuse_parcels(database: AsyncDatabase, plan: Plan) -> None:
    """Refuse parcels that another order has.

    Raises:
        PlanConflictError: One is of another order, which this plan does not change.
    """
    orders = [order for stop in plan.stops for order in stop.orders]
    whose: dict[str, str] = {}
    for order in orders:
        for parcel in order.parcels:
            if whose.setdefault(parcel, order.id) != order.id:
                raise PlanConflictError(f"parcel {parcel} is of orders {whose[parcel]}, {order.id}")
    cursor = await database.execute(
        "SELECT id, order_id FROM parcel WHERE id = ANY(%s) ORDER BY id", (list(whose),)
    )
    named = {order.id for order in orders}
    for parcel, known in await cursor.fetchall():
        if known not in named:
            raise PlanConflictError(
                f"parcel {parcel} is of order {known}, so it cannot be of order {whose[parcel]}"
            )


async def _carry_notes(
    database: AsyncDatabase, plan: Plan, moves: Moves, origin: StoredPlan | None
) -> None:
    """Let the note of a stop's incident go with it, so that it is erased with its new plan."""
    for stop in moves.here:
        note = origin.stops[stop].note if origin else None
        if note is not None:
            await database.execute("UPDATE personal SET plan = %s WHERE no = %s", (plan.id, note))
            await database.execute(
                "UPDATE plan_stop SET note = %s WHERE plan = %s AND id = %s", (note, plan.id, stop)
            )
