"""Storing a proof: once for each key, in one transaction with its links."""

import json
import secrets
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from milepost_collector.delivery.chain import canonical
from milepost_collector.delivery.proof.linking import (
    CHAIN,
    MADE,
    Laid,
    Part,
    links_of,
    parts_of,
    proof_id,
)
from milepost_collector.delivery.proof.proof import Picture, Proof
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.plans.locking import By
from milepost_collector.store.plans.requests import KeyReusedError
from milepost_collector.store.plans.rows import UnknownOrderError, UnknownStopOfPlanError
from milepost_collector.store.proofs.chains import add_links, lock_chain

_SALT_BYTES = 16


class ErasedStopError(ValueError):
    """A proof came of what was erased meanwhile: it would be known again."""


@dataclass(frozen=True, slots=True)
class Given:
    """A proof as it is to be stored.

    Attributes:
        plan: Whose stop it is.
        stop: Which.
        proof: What the phone told.
        asked: The `fingerprint` of what it sent.
        by: Who; `input` is the key that the phone gave it.
    """

    plan: str
    stop: str
    proof: Proof
    asked: str
    by: By

    @property
    def id(self) -> uuid.UUID:
        """Its id."""
        return proof_id(self.plan, self.by.input)


async def is_stored(database: AsyncDatabase, given: Given) -> bool:
    """Tell whether a proof has come before.

    Where its parts were erased since, its key alone tells.

    Raises:
        KeyReusedError: Its key came with another one.
    """
    cursor = await database.execute(
        "SELECT stop, said FROM proof_link WHERE chain = %s AND input = %s AND kind = %s",
        (CHAIN + given.plan, given.by.input, MADE),
    )
    row = await cursor.fetchone()
    if row is None:
        return False
    stop, said = row
    cursor = await database.execute(
        "SELECT content FROM proof_part WHERE no = %s", (json.loads(said)["personal"][0],)
    )
    (content,) = await cursor.fetchone() or (None,)
    if stop != given.stop or content not in (None, canonical(given.asked)):
        raise KeyReusedError(f"the key {given.by.input!r} came with another proof")
    return True


async def store_proof(database: AsyncDatabase, given: Given, picture: Picture | None) -> bool:
    """Store a proof, unless it has come before; return whether it is new.

    Args:
        database: In autocommit mode, or inside a transaction that then commits all or nothing.
        given: The proof.
        picture: Its photo, as we have encoded it.

    Raises:
        UnknownStopOfPlanError: The plan has, and had, no such stop.
        UnknownOrderError: The stop has no such order.
        ErasedStopError: Its plan, or one of its orders, was erased.
        KeyReusedError: Its key came with another proof.
        OperationalError: The chain was busy for 2 s (`connection.LOST`): try again.
    """
    async with database.transaction():
        there = await _there(database, given)
        end = await lock_chain(database, given.plan)
        if await is_stored(database, given):
            return False
        orders = _orders(given, there)
        laid = await _laid(database, given, parts_of(given.proof, picture, given.asked))
        said = links_of((given.plan, given.stop), given.id, given.proof, orders, laid)
        await add_links(database, given.plan, end, said, given.stop, given.by)
        return True


async def _there(database: AsyncDatabase, given: Given) -> dict[str, bool]:
    """Return the orders of a stop, and whether they were erased, or the plan with them.

    Until the transaction ends nobody can erase them.
    """
    cursor = await database.execute(
        "SELECT p.erased_at IS NOT NULL FROM plan AS p JOIN plan_stop AS s ON s.plan = p.id "
        "WHERE p.id = %s AND s.id = %s FOR SHARE OF p",
        (given.plan, given.stop),
    )
    row = await cursor.fetchone()
    if row is None:
        raise UnknownStopOfPlanError(f"plan {given.plan} has no stop {given.stop}")
    if row[0]:
        raise ErasedStopError(f"plan {given.plan} was erased: nothing more is stored of it")
    cursor = await database.execute(
        "SELECT o.id, o.erased_at IS NOT NULL FROM plan_order AS p JOIN customer_order AS o "
        "ON o.id = p.order_id WHERE p.plan = %s AND p.stop = %s ORDER BY p.position, o.id "
        "FOR SHARE OF o",
        (given.plan, given.stop),
    )
    return dict(await cursor.fetchall())


def _orders(given: Given, there: Mapping[str, bool]) -> tuple[str, ...]:
    """Return the orders that a proof is of."""
    orders = tuple(there) if given.proof.orders is None else given.proof.orders
    for order in orders:
        if order not in there:
            told = f"stop {given.stop} of plan {given.plan} has no order {order}"
            raise UnknownOrderError(told)
        if there[order]:
            raise ErasedStopError(f"order {order} was erased: nothing more is stored of it")
    return orders


async def _laid(database: AsyncDatabase, given: Given, parts: Iterable[Part]) -> list[Laid]:
    """Store what is personal in rows of its own."""
    found = []
    for part in parts:
        salt = secrets.token_bytes(_SALT_BYTES)
        what = (part.kind, salt, part.content, part.picture)
        cursor = await database.execute(
            "INSERT INTO proof_part (plan, stop, kind, salt, content, picture, made_at) "
            "VALUES (%s, %s, %s, %s, %s, %b, %s) RETURNING no",
            (given.plan, given.stop, *what, given.by.at),
        )
        found += [Laid(part, number, salt) for (number,) in await cursor.fetchall()]
    return found
