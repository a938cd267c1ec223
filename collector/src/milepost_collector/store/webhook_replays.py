"""Sending again: dead letters, single events, and everything from a place in the feed on."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.webhooks import UnknownWebhookError, change
from milepost_schemas.event import TYPE_PREFIX


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that was given up.

    Attributes:
        webhook: Whose.
        event: Its id; None: the event was erased.
        type: With prefix.
        vehicle: Its subject.
        failures: How often it failed, as counted; 0: it waited behind others all the time.
        dead_at: When it was given up.
        status: Of the last try; None: no answer came.
        error: Of the last try.
    """

    webhook: int
    event: uuid.UUID | None
    type: str | None
    vehicle: str
    failures: int
    dead_at: datetime
    status: int | None
    error: str | None


_REVIVE = """
UPDATE webhook_delivery
SET attempts = 0, due_at = NULL, queued_at = clock_timestamp(), first_tried_at = NULL,
    dead_at = NULL
WHERE webhook = %s AND dead_at IS NOT NULL
"""

_REPEAT = """
INSERT INTO webhook_delivery (webhook, number, subject)
SELECT %s, number, subject FROM event WHERE id = %s AND number IS NOT NULL
ON CONFLICT (webhook, number) DO UPDATE
SET attempts = 0, due_at = NULL, queued_at = clock_timestamp(), first_tried_at = NULL,
    dead_at = NULL
"""


async def replay_dead(connection: AsyncDatabase, webhook: int) -> int:
    """Queue all dead letters of a subscription again; return how many.

    Raises:
        UnknownWebhookError: There is none with this number.
    """
    async with connection.transaction():
        await _replayed(connection, webhook)
        cursor = await connection.execute(_REVIVE.encode(), (webhook,))
        return cursor.rowcount


async def replay_event(connection: AsyncDatabase, webhook: int, event: uuid.UUID) -> None:
    """Queue an event again, a dead letter or any other of the feed.

    Raises:
        UnknownWebhookError: There is no subscription with this number, or no event with this id.
    """
    async with connection.transaction():
        await _replayed(connection, webhook)
        cursor = await connection.execute(_REPEAT.encode(), (webhook, event))
        if cursor.rowcount == 0:
            raise UnknownWebhookError(f"the feed has no event {event}")


async def replay_from(connection: AsyncDatabase, webhook: int, after: int) -> int:
    """Queue again what a subscription wants of the events behind a number.

    Returns:
        How many events are looked at again.

    Raises:
        UnknownWebhookError: There is none with this number.
    """
    async with connection.transaction():
        await _replayed(connection, webhook)
        cursor = await connection.execute(
            "SELECT queued_to FROM webhook WHERE id = %s FOR UPDATE", (webhook,)
        )
        row = await cursor.fetchone()
        queued_to: int = row[0] if row else 0
        await connection.execute(
            "UPDATE webhook SET queued_to = least(queued_to, %s) WHERE id = %s", (after, webhook)
        )
    return max(0, queued_to - after)


async def dead_letters(
    connection: AsyncDatabase, webhook: int | None, limit: int
) -> list[DeadLetter]:
    """Return dead letters, the newest first.

    Args:
        connection: Open.
        webhook: Whose; None: all.
        limit: The most.
    """
    async with connection.cursor(row_factory=class_row(DeadLetter)) as cursor:
        await cursor.execute(
            "SELECT webhook, event.id AS event, %(prefix)s || event.type AS type, "
            "letter.subject AS vehicle, attempts AS failures, dead_at, status, error "
            "FROM webhook_delivery AS letter LEFT JOIN event USING (number) "
            "WHERE dead_at IS NOT NULL AND (%(id)s::integer IS NULL OR webhook = %(id)s) "
            "ORDER BY dead_at DESC, number DESC LIMIT %(limit)s",
            {"prefix": TYPE_PREFIX, "id": webhook, "limit": limit},
        )
        return await cursor.fetchall()


async def _replayed(connection: AsyncDatabase, webhook: int) -> None:
    await change(
        connection, webhook, "UPDATE webhook SET replays = replays + 1 WHERE id = %(id)s", {}
    )
