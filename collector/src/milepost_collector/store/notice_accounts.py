"""Notices as people look at them and mend them: lists, counts, and sending again."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.notices import NoticeState

# What a person may have sent again: of an unknown one they decide that a repeat is no harm.
_AGAIN = (NoticeState.FAILED, NoticeState.UNKNOWN)


class UnknownNoticeError(LookupError):
    """There is no such notice, or it is none that can be sent again."""


@dataclass(frozen=True, slots=True)
class NoticeAccount:
    """How a notice stands; nothing of it is personal.

    Attributes:
        number: Its place among all.
        id: The key that providers get.
        kind: What it tells.
        channel: By what.
        order: Whose; None: those of the house are told of the stop.
        plan: Where; `stop`: likewise. `attempt`: of the stop.
        event: The event's id; `type`: its type.
        state: What has become of it.
        reason: Why it was dropped, failed, or what is unknown.
        made_at: When it was made, our time; `told_at`: when it went out, or may have.
        held_to: It waits until then, our time; None: it does not.
        retry_at: The next try, by the server's clock.
        tries: Calls that began.
    """

    number: int
    id: uuid.UUID
    kind: str
    channel: str
    order: str | None
    plan: str
    stop: str
    attempt: int
    event: uuid.UUID
    type: str
    state: str
    reason: str | None
    made_at: datetime
    told_at: datetime | None
    held_to: datetime | None
    retry_at: datetime | None
    tries: int


async def accounts(
    database: AsyncDatabase,
    *,
    state: NoticeState | None = None,
    order: str | None = None,
    limit: int = 100,
) -> list[NoticeAccount]:
    """Return notices, the newest first.

    Args:
        database: An open connection.
        state: Only those; None: all.
        order: Only of this one.
        limit: The most.
    """
    async with database.cursor(row_factory=class_row(NoticeAccount)) as cursor:
        await cursor.execute(
            'SELECT number, id, kind, channel, order_id AS "order", plan, stop, attempt, event, '
            "type, state, reason, made_at, told_at, held_to, retry_at, tries FROM notice "
            "WHERE (%(state)s::text IS NULL OR state = %(state)s) "
            "AND (%(order)s::text IS NULL OR order_id = %(order)s) "
            "ORDER BY number DESC LIMIT %(limit)s",
            {"state": state, "order": order, "limit": limit},
        )
        return await cursor.fetchall()


async def counts(database: AsyncDatabase) -> dict[NoticeState, int]:
    """Return how many notices stand how."""
    cursor = await database.execute("SELECT state, count(*) FROM notice GROUP BY state")
    found = {NoticeState(state): count for state, count in await cursor.fetchall()}
    return {state: found.get(state, 0) for state in NoticeState}


async def send_again(database: AsyncDatabase, numbers: Sequence[int]) -> int:
    """Let notices that failed, or of which nothing is known, be sent again; return how many.

    They are sent however old they are.

    Raises:
        UnknownNoticeError: One of them is none of those; then nothing changes.
    """
    async with database.transaction():
        cursor = await database.execute(
            _SEND_AGAIN + "AND number = ANY(%s) RETURNING number",
            (list(_AGAIN), list(numbers)),
        )
        done = {row[0] for row in await cursor.fetchall()}
        for number in numbers:
            if number not in done:
                raise UnknownNoticeError(f"notice {number} is none that failed or is unknown")
    return len(done)


async def send_failed_again(database: AsyncDatabase) -> int:
    """Let all notices that failed be sent again; return how many."""
    cursor = await database.execute(_SEND_AGAIN, ([NoticeState.FAILED],))
    return cursor.rowcount


_SEND_AGAIN = """
UPDATE notice SET state = 'waiting', failures = 0, retry_at = NULL, held_to = NULL,
    stale_at = NULL, told_at = NULL, changed_at = clock_timestamp()
WHERE state = ANY(%s)
"""
