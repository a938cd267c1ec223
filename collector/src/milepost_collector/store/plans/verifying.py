"""The proof of the record: every chain walked from its first change to its last."""

from collections.abc import AsyncIterator

from milepost_collector.delivery.chain import FIRST, PersonalRow, Walked, erased_by, walk
from milepost_collector.delivery.changes import ChangeKind
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.plans.record import PLAN, changes
from milepost_collector.store.plans.rows import UnknownPlanError

_HEADS = (
    "SELECT 'plan/' || id AS chain, changes, head FROM plan "
    "UNION ALL SELECT 'order/' || id, changes, head FROM customer_order "
    "WHERE changes > 0 OR EXISTS (SELECT FROM plan_change WHERE chain = 'order/' || id) "
    "UNION ALL SELECT chain, 0, NULL FROM (SELECT DISTINCT chain FROM plan_change) AS c "
    "WHERE NOT EXISTS (SELECT FROM plan WHERE chain = 'plan/' || id) "
    "AND NOT EXISTS (SELECT FROM customer_order WHERE chain = 'order/' || id)"
)


async def verify(database: AsyncDatabase, plan: str | None = None) -> AsyncIterator[Walked]:
    """Walk along chains and tell what was found of each, in the order of their names.

    Args:
        database: In autocommit mode; all is read as of one moment.
        plan: Only this plan's chain; None: all.

    Raises:
        UnknownPlanError: There is no such plan.
    """
    async with database.transaction():
        await database.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        heads = await _heads(database, plan)
        erased = await _erased(database)
        for chain, count, head in heads:
            rows = await changes(database, chain)
            personal = await _personal(database, chain)
            yield walk(chain, rows, (count, head), personal, erased)


async def _heads(database: AsyncDatabase, plan: str | None) -> list[tuple[str, int, bytes]]:
    cursor = await database.execute(
        f"SELECT chain, changes, head FROM ({_HEADS}) AS h "  # noqa: S608 - ours
        "WHERE %s::text IS NULL OR chain = %s ORDER BY chain",
        (plan, plan and PLAN + plan),
    )
    rows = await cursor.fetchall()
    if plan is not None and not rows:
        raise UnknownPlanError(f"there is no plan {plan}")
    return [(chain, count, FIRST if head is None else bytes(head)) for chain, count, head in rows]


async def _erased(database: AsyncDatabase) -> frozenset[int]:
    """Return the personal rows of which any chain says that they were erased."""
    cursor = await database.execute(
        "SELECT said FROM plan_change WHERE kind = %s", (ChangeKind.ERASED,)
    )
    return frozenset(number for (said,) in await cursor.fetchall() for number in erased_by(said))


async def _personal(database: AsyncDatabase, chain: str) -> dict[int, PersonalRow]:
    # A text that is no JSON any more is told by the walk.
    cursor = await database.execute(
        "SELECT no, salt, content FROM personal WHERE no IN (SELECT "
        "(regexp_match(said, '\"personal\":\\[(\\d{1,18}),'))[1]::bigint "
        "FROM plan_change WHERE chain = %s)",
        (chain,),
    )
    return {
        number: PersonalRow(None if salt is None else bytes(salt), content)
        for number, salt, content in await cursor.fetchall()
    }
