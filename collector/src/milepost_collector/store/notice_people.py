"""Whom a notice is for: orders at a stop, their contacts as they are now, and who has opted out."""

import hashlib
import hmac
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from milepost_collector.delivery.notices.deciding import OrderAt
from milepost_collector.delivery.notices.told import Happening
from milepost_collector.store.connection import AsyncDatabase
from milepost_schemas.plan import Contact


class UnknownOrderError(LookupError):
    """There is no such order, or nothing is known any more of who waits for it."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a notice's recipient now.

    Attributes:
        contact: Of the order; None: it was erased, or the order is gone.
        time_zone: Where the plan's vehicle goes: IANA name.
        vehicle: Who brings it.
    """

    contact: Contact | None
    time_zone: str
    vehicle: str


_AT = """
SELECT o.id, s.plan, s.id, s.attempts FROM plan_stop AS s
LEFT JOIN customer_order AS o ON o.plan = s.plan AND o.stop = s.id
"""
_OF_ORDER = _AT + "WHERE o.id = %(order)s"
_OF_STOP = _AT + "WHERE (s.plan, s.id) = (%(plan)s, %(stop)s) ORDER BY o.id"


async def orders_at(database: AsyncDatabase, happening: Happening) -> list[OrderAt]:
    """Return the stop of an event (its order is None) and the orders that the event is of.

    An order that is brought nowhere yet, or a stop that nobody knows, gives none.
    """
    cursor = await database.execute(
        _OF_ORDER if happening.order else _OF_STOP,
        {"order": happening.order, "plan": happening.plan, "stop": happening.stop},
    )
    rows = await cursor.fetchall()
    if not rows:
        return []
    orders = [
        OrderAt(order, plan, stop, happening.attempt or attempts)
        for order, plan, stop, attempts in rows
        if order is not None
    ]
    _, plan, stop, attempts = rows[0]
    return [OrderAt(None, plan, stop, happening.attempt or attempts), *orders]


async def known_of(database: AsyncDatabase, at: OrderAt) -> Known | None:
    """Return what is known of who is told; None: there is no such plan.

    The contact of a notice of a stop (without order) is one without anything.
    """
    cursor = await database.execute(
        "SELECT plan.time_zone, plan.vehicle, personal.content FROM plan "
        "LEFT JOIN customer_order AS o ON o.id = %s LEFT JOIN personal ON personal.no = o.contact "
        "WHERE plan.id = %s",
        (at.order, at.plan),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    zone, vehicle, content = row
    if at.order is None:
        return Known(Contact(), zone, vehicle)
    return Known(None if content is None else Contact(**json.loads(content)), zone, vehicle)


async def have_opted_out(database: AsyncDatabase, addresses: Collection[str]) -> bool:
    """Whether somebody with one of these addresses wants to hear nothing."""
    cursor = await database.execute(
        "SELECT EXISTS (SELECT FROM notice_optout WHERE address = ANY(%s))",
        (await _digests(database, addresses),),
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def opt_out(database: AsyncDatabase, addresses: Collection[str]) -> int:
    """Note that whoever has these addresses wants to hear nothing; return how many are new."""
    cursor = await database.execute(
        "INSERT INTO notice_optout (address) SELECT unnest(%s::bytea[]) ON CONFLICT DO NOTHING",
        (await _digests(database, addresses),),
    )
    return cursor.rowcount


async def opt_in(database: AsyncDatabase, addresses: Collection[str]) -> int:
    """Take that back; return for how many it was so."""
    cursor = await database.execute(
        "DELETE FROM notice_optout WHERE address = ANY(%s)", (await _digests(database, addresses),)
    )
    return cursor.rowcount


async def addresses_of(database: AsyncDatabase, order: str) -> list[str]:
    """Return the addresses of who waits for an order.

    Raises:
        UnknownOrderError: There is no such order, or its contact was erased.
    """
    cursor = await database.execute(
        "SELECT content FROM customer_order JOIN personal ON no = contact WHERE id = %s", (order,)
    )
    row = await cursor.fetchone()
    if row is None or row[0] is None:
        raise UnknownOrderError(f"there is no order {order!r}, or who waits for it was erased")
    return addresses(Contact(**json.loads(row[0])), order)


def addresses(contact: Contact, order: str) -> list[str]:
    """Return all addresses by which the recipient of an order can be told, in one form."""
    known = [contact.phone, contact.email and contact.email.lower(), f"order:{order}"]
    return [each for each in known if each]


async def _digests(database: AsyncDatabase, addresses: Collection[str]) -> Sequence[bytes]:
    cursor = await database.execute("SELECT salt FROM notice_salt")
    row = await cursor.fetchone()
    if row is None:
        raise LookupError("the database has no salt: run `milepost-collector migrate`")
    salt = bytes(row[0])
    return [hmac.digest(salt, each.encode(), hashlib.sha256) for each in addresses]
