"""Erasing what is personal of proofs: rows lose their content, and the record says which.

What PostgreSQL has written is gone from its files once VACUUM has passed, and from backups when
those are thrown away.
"""

from milepost_collector.delivery.proof.linking import CHAIN, ERASED, MADE
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.plans.locking import By
from milepost_collector.store.proofs.chains import add_links, lock_chain


async def erase_proofs(
    database: AsyncDatabase, plan: str, by: By, *, stop: str | None = None
) -> int:
    """Erase what is personal of the proofs of a plan; return how many rows lost their content.

    Args:
        database: In autocommit mode, or inside a transaction that then commits all or nothing.
        plan: Whose.
        by: Who does it; `input` tells why, and nothing personal.
        stop: Only of this stop; None: of all.

    Raises:
        OperationalError: The chain was busy for 2 s (`connection.LOST`): try again.
    """
    async with database.transaction():
        cursor = await database.execute("SELECT FROM proof_chain WHERE plan = %s", (plan,))
        if await cursor.fetchone() is None:
            return 0
        end = await lock_chain(database, plan)
        cursor = await database.execute(
            "UPDATE proof_part SET salt = NULL, content = NULL, picture = NULL, erased_at = %s "
            "WHERE plan = %s AND (%s::text IS NULL OR stop = %s) AND erased_at IS NULL "
            "RETURNING no",
            (by.at, plan, stop, stop),
        )
        numbers = sorted(number for (number,) in await cursor.fetchall())
        if numbers:
            await add_links(database, plan, end, [(ERASED, {"rows": numbers})], stop, by)
        return len(numbers)


async def erase_proofs_of_order(database: AsyncDatabase, order: str, by: By) -> int:
    """Erase what is personal of the proofs of stops where an order was proved; return the rows.

    Args:
        database: In autocommit mode, or inside a transaction that then commits all or nothing.
        order: Its id. Other orders of the same stop were for the same door.
        by: Who does it; `input` tells why, and nothing personal.

    Raises:
        OperationalError: A chain was busy for 2 s (`connection.LOST`): try again.
    """
    async with database.transaction():
        cursor = await database.execute(
            # Between quotes: no other text of such a link can be the id of an order.
            "SELECT DISTINCT chain, stop FROM proof_link WHERE kind = %s AND strpos(said, %s) > 0 "
            "ORDER BY chain, stop",
            (MADE, f'"{order}"'),
        )
        count = 0
        for chain, stop in await cursor.fetchall():
            count += await erase_proofs(database, chain.removeprefix(CHAIN), by, stop=stop)
        return count
