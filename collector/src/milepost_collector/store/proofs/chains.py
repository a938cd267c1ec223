"""Links at the end of a plan's chain, and links as they are stored."""

from collections.abc import Sequence
from typing import Any

from psycopg.rows import TupleRow

from milepost_collector.delivery.chain import Entry, Linked, canonical, linked
from milepost_collector.delivery.proof.linking import CHAIN
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.plans.locking import By

COLUMNS = "chain, n, at, source, input, kind, stop, order_id, said, previous, hash"


async def lock_chain(database: AsyncDatabase, plan: str) -> tuple[int, bytes]:
    """Wait until nobody else adds to a plan's chain; return its number of links and its head.

    Raises:
        OperationalError: Somebody did for 2 s (`connection.LOST`): try again.
    """
    await database.execute(
        "INSERT INTO proof_chain (plan) VALUES (%s) ON CONFLICT DO NOTHING", (plan,)
    )
    cursor = await database.execute(
        "SELECT links, head FROM proof_chain WHERE plan = %s FOR UPDATE", (plan,)
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - it was just made, and none is ever removed
    return row[0], bytes(row[1])


async def add_links(
    database: AsyncDatabase,
    plan: str,
    end: tuple[int, bytes],
    said: Sequence[tuple[str, dict[str, Any]]],
    stop: str | None,
    by: By,
) -> None:
    """Write links at the end of a plan's chain.

    Args:
        database: Inside the transaction that has `lock_chain`ed it.
        plan: Whose.
        end: What that returned.
        said: Of each link its kind and what it says: ids, numbers and digests alone.
        stop: Which they are of; None: all.
        by: Who does it.
    """
    count, head = end
    chain = CHAIN + plan
    rows = linked(
        head,
        [
            Entry(chain, n, by.at, by.source, by.input, kind, stop, None, canonical(what))
            for n, (kind, what) in enumerate(said, count + 1)
        ],
    )
    async with database.cursor() as cursor:
        await cursor.executemany(
            f"INSERT INTO proof_link ({COLUMNS}) VALUES "  # noqa: S608 - columns of ours
            "(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [_written(row) for row in rows],
        )
    await database.execute(
        "UPDATE proof_chain SET links = %s, head = %s WHERE plan = %s",
        (count + len(rows), rows[-1].hash if rows else head, plan),
    )


def _written(row: Linked) -> tuple[object, ...]:
    it = row.entry
    entry = (it.chain, it.n, it.at, it.source, it.input, it.kind, it.stop, it.order, it.said)
    return (*entry, row.previous, row.hash)


def as_linked(row: TupleRow) -> Linked:
    """Return a link as it is stored."""
    *entry, previous, own = row
    return Linked(Entry(*entry), bytes(previous), bytes(own))
