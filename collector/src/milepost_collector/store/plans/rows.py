"""How plans and orders stand now: rows as the words of plans."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from psycopg.rows import dict_row

from milepost_collector.delivery.changes import Known, KnownOrder
from milepost_collector.delivery.states import (
    Incident,
    IncidentKind,
    OrderState,
    Standing,
    StopState,
)
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.plans.record import ORDER, PLAN, Head
from milepost_schemas.plan import Contact, Order, Place, Plan, Stop, Window, read_plan

_Row = dict[str, Any]


class UnknownPlanError(LookupError):
    """There is no such plan."""


class UnknownOrderError(LookupError):
    """There is no such order."""


class UnknownStopOfPlanError(LookupError):
    """A plan has no such stop, and had none."""


@dataclass(frozen=True, slots=True)
class StoredStop:
    """What is stored of a stop beside what was planned.

    Attributes:
        place: The number of its place's personal row.
        note: Of the note of its newest incident; None: there is none.
        state_at: Since when it stands so; None: since it was planned.
        position: Its place in the plan.
    """

    place: int
    note: int | None
    state_at: datetime | None
    position: int


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan as it stands.

    Attributes:
        known: The plan, its stops and its orders.
        head: The end of its chain.
        version: The newest version.
        way: The number of the personal row of its depot and path.
        stops: What else is stored of stops, also of those that were skipped.
        erased_at: When it was erased; None: it was not.
    """

    known: Known
    head: Head
    version: int
    way: int
    stops: dict[str, StoredStop]
    erased_at: datetime | None

    @property
    def plan(self) -> Plan:
        """The plan with the stops that are in force."""
        assert self.known.plan is not None  # noqa: S101 - it is stored
        return self.known.plan


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """An order as it stands.

    Attributes:
        known: The order and where it is.
        head: The end of its own chain.
        state_at: Since when it is so far.
    """

    known: KnownOrder
    head: Head
    state_at: datetime


def plan_from(
    name: str, vehicle: str, day: date, time_zone: str, way: str | None, stops: tuple[Stop, ...]
) -> Plan:
    """Return a plan from its columns and its way's content."""
    columns = {"id": name, "vehicle": vehicle, "date": day.isoformat(), "time_zone": time_zone}
    bare = read_plan({**columns, "stops": [], **json.loads(way or "{}")})
    return replace(bare, stops=stops)


def place_from(content: str | None) -> Place:
    """Return a place from its content; nothing is known of one that was erased."""
    return Place(**json.loads(content or "{}"))


async def stored_plan(database: AsyncDatabase, name: str) -> StoredPlan:
    """Return a plan as it stands.

    Raises:
        UnknownPlanError: There is none of that name.
    """
    async with database.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "SELECT id, vehicle, day, time_zone, way, version, changes, head, plan.erased_at, "
            "content FROM plan JOIN personal ON no = way WHERE id = %s",
            (name,),
        )
        row = await cursor.fetchone()
        if row is None:
            raise UnknownPlanError(f"there is no plan {name}")
        await cursor.execute(
            "SELECT s.*, place.content AS place_content, note.content AS note_content "
            "FROM plan_stop AS s JOIN personal AS place ON place.no = place "
            "LEFT JOIN personal AS note ON note.no = note WHERE s.plan = %s ORDER BY position, id",
            (name,),
        )
        stops = await cursor.fetchall()
        await cursor.execute(
            "SELECT order_id, stop FROM plan_order WHERE plan = %s ORDER BY stop, position", (name,)
        )
        placed = {each["order_id"]: each["stop"] for each in await cursor.fetchall()}
    orders = await known_orders(database, placed)
    return _stored_plan(row, stops, placed, orders)


def _stored_plan(
    row: _Row, stops: list[_Row], placed: dict[str, str], orders: dict[str, "StoredOrder"]
) -> StoredPlan:
    by_stop: dict[str, list[Order]] = {}
    for order, stop in placed.items():
        by_stop.setdefault(stop, []).append(orders[order].known.order)
    planned = {each["id"]: _stop(each, by_stop.get(each["id"], [])) for each in stops}
    skipped = {each["id"] for each in stops if each["state"] == StopState.SKIPPED}
    in_force = tuple(stop for stop in planned.values() if stop.id not in skipped)
    columns = (row["id"], row["vehicle"], row["day"], row["time_zone"], row["content"])
    return StoredPlan(
        Known(
            plan_from(*columns, in_force),
            {each["id"]: _standing(each) for each in stops},
            {stop.id: stop for stop in planned.values() if stop.id in skipped},
            placed,
            {name: order.known for name, order in orders.items()},
            frozenset(each["id"] for each in stops if each["place_content"] is None),
        ),
        Head(PLAN + row["id"], row["changes"], bytes(row["head"])),
        row["version"],
        row["way"],
        {
            each["id"]: StoredStop(each["place"], each["note"], each["state_at"], each["position"])
            for each in stops
        },
        row["erased_at"],
    )


def _stop(row: _Row, orders: Iterable[Order]) -> Stop:
    window = None if row["from_ms"] is None else Window(row["from_ms"], row["to_ms"])
    place = place_from(row["place_content"])
    numbers = (row["radius_m"], window, row["service_s"], row["priority"])
    return Stop(row["id"], place, *numbers, tuple(orders))


def _standing(row: _Row) -> Standing:
    note = row["note_content"] and json.loads(row["note_content"]).get("note")
    incident = row["incident"] and Incident(IncidentKind(row["incident"]), note, row["photo"])
    return Standing(StopState(row["state"]), row["attempts"], incident)


async def known_orders(database: AsyncDatabase, names: Collection[str]) -> dict[str, StoredOrder]:
    """Return orders as they stand, by id; those that nobody knows are left out."""
    async with database.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "SELECT o.*, content, s.state AS stop_state, ARRAY(SELECT id FROM parcel "
            "WHERE order_id = o.id ORDER BY position) AS parcels FROM customer_order AS o "
            "JOIN personal ON no = contact LEFT JOIN plan_stop AS s "
            "ON s.plan = o.plan AND s.id = o.stop WHERE o.id = ANY(%s)",
            (list(names),),
        )
        return {row["id"]: _stored_order(row) for row in await cursor.fetchall()}


def _stored_order(row: _Row) -> StoredOrder:
    contact = Contact(**json.loads(row["content"] or "{}"))
    return StoredOrder(
        KnownOrder(
            Order(row["id"], tuple(row["parcels"]), contact),
            OrderState(row["state"]),
            row["plan"],
            row["stop"],
            row["stop_state"] and StopState(row["stop_state"]),
            row["erased_at"] is not None,
        ),
        Head(ORDER + row["id"], row["changes"], bytes(row["head"])),
        row["state_at"],
    )
