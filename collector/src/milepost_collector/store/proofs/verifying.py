"""The proof of proofs: every chain walked from its first link to its last."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, replace

from milepost_collector.delivery.chain import FIRST, PersonalRow, Walked, erased_by, walk
from milepost_collector.delivery.proof.linking import CHAIN, ERASED, sealed
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.proofs.reading import links

_PLANS = (
    "SELECT coalesce(c.plan, found.plan) AS plan, coalesce(links, 0), head FROM proof_chain AS c "
    "FULL JOIN (SELECT substr(chain, %s) AS plan FROM proof_link "
    "UNION SELECT plan FROM proof_part) AS found ON found.plan = c.plan "
    "WHERE %s::text IS NULL OR coalesce(c.plan, found.plan) = %s ORDER BY 1"
)


async def verify(database: AsyncDatabase, plan: str | None = None) -> AsyncIterator[Walked]:
    """Walk along chains and tell what was found of each, in the order of their names.

    Args:
        database: In autocommit mode; all is read as of one moment.
        plan: Only this plan's chain; None: all.
    """
    async with database.transaction():
        await database.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor = await database.execute(_PLANS, (len(CHAIN) + 1, plan, plan))
        for name, count, head in await cursor.fetchall():
            end = (count, FIRST if head is None else bytes(head))
            yield await _walked(database, name, end)


async def _walked(database: AsyncDatabase, plan: str, end: tuple[int, bytes]) -> Walked:
    rows = [row async for row in links(database, plan)]
    parts = await _parts(database, plan)
    erased = {
        number: row.entry.n
        for row in rows
        if row.entry.kind == ERASED
        for number in erased_by(row.entry.said)
    }
    found = walk(CHAIN + plan, rows, end, parts, erased)
    if found.broken_at is not None:
        return found
    return _beside(found, parts, erased, (row.entry.said for row in rows))


def _beside(
    found: Walked,
    parts: Mapping[int, PersonalRow],
    erased: Mapping[int, int],
    rows: Iterable[str],
) -> Walked:
    """Look at what lies beside a chain that is whole: no more than its links say."""
    for number, link in sorted(erased.items()):
        if number in parts and parts[number].salt is not None:
            cause = f"it erased personal row {number}, which is there again"
            return replace(found, broken_at=link, cause=cause)
    named = {json.loads(said).get("personal", [None])[0] for said in rows}
    stray = min(parts.keys() - named, default=None)
    if stray is None:
        return found
    cause = f"personal row {stray} lies beside it, and no link names it"
    return replace(found, broken_at=found.changes + 1, cause=cause)


async def _parts(database: AsyncDatabase, plan: str) -> dict[int, PersonalRow]:
    cursor = await database.execute(
        "SELECT no, stop, kind, salt, content, sha256(picture) FROM proof_part WHERE plan = %s",
        (plan,),
    )
    return {
        number: PersonalRow(
            None if salt is None else bytes(salt),
            None if content is None else sealed(plan, stop, kind, content, picture),
        )
        for number, stop, kind, salt, content, picture in await cursor.fetchall()
    }


@dataclass(frozen=True, slots=True)
class KnownHead:
    """What was noted of a chain earlier, elsewhere.

    Attributes:
        chain: Which.
        changes: How many links it had.
        head: The hash of the last one, in hexadecimal digits.
    """

    chain: str
    changes: int
    head: str


async def differs(database: AsyncDatabase, known: KnownHead) -> str | None:
    """Tell in what a chain is not the one that was noted, grown since; None: it is.

    Whoever owns the database can make a chain anew that is whole in itself, or take one away: by a
    head that was noted elsewhere that shows.
    """
    cursor = await database.execute(
        "SELECT hash FROM proof_link WHERE chain = %s AND n = %s", (known.chain, known.changes)
    )
    row = await cursor.fetchone()
    if row is None and known.changes:
        return f"it had {known.changes} links, and has not so many now"
    if row is not None and bytes(row[0]).hex() != known.head:
        return f"its link {known.changes} is not the one that was noted"
    return None
