"""How far stops and orders are: changes of states, recorded and written in one transaction."""

from datetime import datetime

from milepost_collector.delivery.changes import ChangeKind, Difference, PersonalKind
from milepost_collector.delivery.order_changes import refuse_elsewhere
from milepost_collector.delivery.states import (
    Incident,
    OrderState,
    Standing,
    StopState,
    changed_stop,
    order_after,
)
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.plans.current import write_head
from milepost_collector.store.plans.locking import By, lock_plans
from milepost_collector.store.plans.record import record
from milepost_collector.store.plans.rows import StoredPlan, UnknownStopOfPlanError, stored_plan
from milepost_collector.store.plans.versions import add_version
from milepost_collector.store.plans.writing import EFFECTIVE_AFTER, Written
from milepost_schemas.event import rfc3339
from milepost_schemas.fix import milliseconds


async def change_stop(
    database: AsyncDatabase,
    plan: str,
    stop: str,
    to: StopState,
    by: By,
    *,
    incident: Incident | None = None,
    at: datetime | None = None,
) -> Written:
    """Change the state of a stop; its orders follow, where their own states allow it.

    A stop that is in that state already, with the same incident, stays as it is.

    Args:
        database: In autocommit mode, or inside a transaction.
        plan: Its plan.
        stop: Its id.
        to: The new state.
        by: Who or what changes it.
        incident: What went wrong, exactly where it becomes an incident.
        at: When it happened; None: now, as `by` says.

    Raises:
        UnknownPlanError, UnknownStopOfPlanError: There is none.
        IllegalChangeError: It cannot become that.
        PlanConflictError: It is to be tried again, and one of its orders is elsewhere by now.
        IncidentError: An incident is not said, or said of something else.
        OperationalError: The database is lost, or busy (`connection.LOST`).
    """
    async with database.transaction():
        await lock_plans(database)
        stored = await stored_plan(database, plan)
        if stop not in stored.stops:
            raise UnknownStopOfPlanError(f"plan {plan} has no stop {stop}")
        was = stored.known.standings[stop]
        if was.state is to and incident in (None, was.incident):
            return Written(plan, is_new=False, version=stored.version, changes=[])
        now = changed_stop(was, to, incident, stop=f"stop {stop}")
        if to is StopState.PENDING:
            for order in _orders_at(stored, stop):
                refuse_elsewhere(stored.known.orders[order], plan, stop)
        return await _write(database, stored, stop, now, by, at or by.at)


async def _write(
    database: AsyncDatabase, stored: StoredPlan, stop: str, now: Standing, by: By, at: datetime
) -> Written:
    was, orders = stored.known.standings[stop], _following(stored, stop, now.state)
    found = [_of_stop(stop, was, now, at), *(_of_order(stop, *each) for each in orders)]
    recorded = await record(database, stored.head, found, by)
    await write_head(database, recorded.head)
    incident = now.incident
    is_told = now.incident is not was.incident
    note = recorded.personal.get(0) if is_told else stored.stops[stop].note
    await database.execute(
        "UPDATE plan_stop SET state = %s, state_at = %s, attempts = %s, incident = %s, note = %s, "
        "photo = %s WHERE plan = %s AND id = %s",
        (
            *(now.state, at, now.attempts, incident and incident.kind, note),
            *(incident and incident.photo, stored.plan.id, stop),
        ),
    )
    for order, _, to in orders:
        await database.execute(
            "UPDATE customer_order SET state = %s, state_at = %s WHERE id = %s", (to, at, order)
        )
    version = stored.version
    if StopState.SKIPPED in (was.state, now.state):
        # One that comes back is the last: others may have its place by now.
        await database.execute(
            "UPDATE plan_stop SET position = (SELECT max(position) + 1 FROM plan_stop "
            "WHERE plan = %s) WHERE plan = %s AND id = %s AND state <> 'skipped'",
            (stored.plan.id, stored.plan.id, stop),
        )
        version = await add_version(database, stored.plan.id, by.at + EFFECTIVE_AFTER)
    return Written(stored.plan.id, is_new=False, version=version, changes=recorded.rows)


def _orders_at(stored: StoredPlan, stop: str) -> list[str]:
    return [order for order, where in stored.known.placed.items() if where == stop]


def _following(
    stored: StoredPlan, stop: str, to: StopState
) -> list[tuple[str, OrderState, OrderState]]:
    """Return the orders that are at a stop and change with it, and how."""
    found = []
    for name in _orders_at(stored, stop):
        known = stored.known.orders[name]
        if (known.plan, known.stop) == (stored.plan.id, stop):
            after = order_after(known.state, to)
            if after is not known.state:
                found.append((name, known.state, after))
    return found


def _of_stop(stop: str, was: Standing, now: Standing, at: datetime) -> Difference:
    said: dict[str, object] = {
        "from": was.state,
        "to": now.state,
        "attempts": now.attempts,
        "at": rfc3339(milliseconds(at)),
    }
    incident = now.incident if now.state is StopState.INCIDENT else None
    if incident is None:
        return Difference(ChangeKind.STOP_STATE, stop, said=said)
    said |= {"incident": incident.kind, "photo": incident.photo}
    note = None if incident.note is None else (PersonalKind.NOTE, {"note": incident.note})
    return Difference(ChangeKind.STOP_STATE, stop, said=said, personal=note)


def _of_order(stop: str | None, order: str, was: OrderState, to: OrderState) -> Difference:
    return Difference(ChangeKind.ORDER_STATE, stop, order, {"from": was, "to": to})


async def stand_stop(
    database: AsyncDatabase, plan: str, stop: str, standing: Standing, by: By, at: datetime
) -> None:
    """Write how a stop stands by its desk, which has judged whether it can.

    A stop that is not in the plan any more, or an erased plan, is left as it is.

    Args:
        database: Inside the transaction that took the desk's input.
        plan: Its plan.
        stop: Its id.
        standing: How it stands now.
        by: What changed it.
        at: When.
    """
    await lock_plans(database)
    stored = await stored_plan(database, plan)
    was = stored.known.standings.get(stop)
    if was is not None and was != standing and stored.erased_at is None:
        await _write(database, stored, stop, standing, by, at)
