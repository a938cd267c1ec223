"""Writing the record: changes at the end of a chain, what is personal of them in rows beside it."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import TupleRow

from milepost_collector.delivery.chain import Entry, Linked, canonical, digest, linked
from milepost_collector.delivery.changes import Difference, PersonalKind
from milepost_collector.delivery.source import Source
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.plans.locking import By

_SALT_BYTES = 16

PLAN = "plan/"
ORDER = "order/"

_COLUMNS = "chain, n, at, source, input, kind, stop, order_id, said, previous, hash"


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain.

    Attributes:
        chain: Its name.
        n: How many changes it has.
        hash: Of the last one.
    """

    chain: str
    n: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was written.

    Attributes:
        head: The end of the chain now.
        rows: The changes.
        personal: The number of the personal row of each difference that has one, by its place.
    """

    head: Head
    rows: list[Linked]
    personal: dict[int, int]


async def record(
    database: AsyncDatabase, head: Head, differences: Sequence[Difference], by: By
) -> Recorded:
    """Write changes at the end of a chain; the caller notes the new head."""
    numbers, digests = await _store_personal(database, head.chain, differences, by.at)
    entries = []
    for place, each in enumerate(differences):
        said: dict[str, Any] = dict(each.said)
        if place in numbers:
            said["personal"] = [numbers[place], digests[place]]
        entries.append(
            Entry(
                head.chain,
                head.n + 1 + place,
                by.at,
                by.source,
                by.input,
                each.kind,
                each.stop,
                each.order,
                canonical(said),
            )
        )
    rows = linked(head.hash, entries)
    async with database.cursor() as cursor:
        await cursor.executemany(
            f"INSERT INTO plan_change ({_COLUMNS}) VALUES "  # noqa: S608 - columns of ours
            "(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [_written(row) for row in rows],
        )
    end = Head(head.chain, head.n + len(rows), rows[-1].hash) if rows else head
    return Recorded(end, rows, numbers)


def _written(row: Linked) -> tuple[object, ...]:
    it = row.entry
    return (
        *(it.chain, it.n, it.at, it.source, it.input, it.kind, it.stop, it.order, it.said),
        *(row.previous, row.hash),
    )


async def _store_personal(
    database: AsyncDatabase, chain: str, differences: Sequence[Difference], at: datetime
) -> tuple[dict[int, int], dict[int, str]]:
    """Store what is personal; return the numbers of the rows, and their digests."""
    digests: dict[int, str] = {}
    values = []
    for place, each in enumerate(differences):
        if each.personal is None:
            continue
        kind, content = each.personal
        salt, text = secrets.token_bytes(_SALT_BYTES), canonical(dict(content))
        digests[place] = digest(salt, text)
        is_contact = kind is PersonalKind.CONTACT
        plan = chain.removeprefix(PLAN) if chain.startswith(PLAN) and not is_contact else None
        stop = None if is_contact else each.stop
        order = each.order if is_contact else None
        values.append((kind, plan, stop, order, salt, text, at))
    if not values:
        return {}, {}
    numbers: list[int] = []
    async with database.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO personal (kind, plan, stop, order_id, salt, content, made_at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING no",
            values,
            returning=True,
        )
        while True:
            numbers += (row[0] for row in await cursor.fetchall())
            if not cursor.nextset():
                break
    return dict(zip(digests, numbers, strict=True)), digests


async def changes(
    database: AsyncDatabase, chain: str, after: int = 0, limit: int | None = None
) -> list[Linked]:
    """Return a chain's changes, the oldest first.

    Args:
        database: An open connection.
        chain: Its name.
        after: Only those behind this number.
        limit: The most; None: all.
    """
    cursor = await database.execute(
        f"SELECT {_COLUMNS} FROM plan_change "  # noqa: S608 - columns of ours
        "WHERE chain = %s AND n > %s ORDER BY n LIMIT %s",
        (chain, after, limit),
    )
    return [as_linked(row) for row in await cursor.fetchall()]


async def newest_source(database: AsyncDatabase, plan: str) -> Source:
    """Return who changed a plan last; movement changes how its stops stand, not the plan."""
    cursor = await database.execute(
        "SELECT source FROM plan_change WHERE chain = %s AND source <> %s ORDER BY n DESC LIMIT 1",
        (f"{PLAN}{plan}", Source.FENCE),
    )
    row = await cursor.fetchone()
    return Source(row[0]) if row else Source.DISPATCHER


def as_linked(row: TupleRow) -> Linked:
    """Return a row of the record."""
    *entry, previous, own = row
    return Linked(Entry(*entry), bytes(previous), bytes(own))
