"""The queues of webhooks: from the feed into rows, and out when a receiver has taken an event.

All times are those of the server, and of its real clock.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from milepost_collector.store import feed
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.feed import FeedEvent
from milepost_collector.store.webhooks import CHANNEL
from milepost_collector.webhooks.lane import Waiting

# A session that has said nothing for so long is ended by the server, and its locks with it.
SILENT_S = 15


@dataclass(frozen=True, slots=True)
class Queued:
    """What was queued.

    Attributes:
        looked_at: How many events of the feed.
        added: Vehicles, and how many of their events.
    """

    looked_at: int
    added: list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Pending:
    """An event that waits.

    Attributes:
        found: The event, with its place in the feed.
        waited_s: From its queueing to its first try, or to now.
        tried_s: Since its first try; 0 before that.
    """

    found: FeedEvent
    waited_s: float
    tried_s: float

    @property
    def number(self) -> int:
        """Its place in the feed."""
        return self.found.cursor.number


@dataclass(frozen=True, slots=True)
class Failed:
    """A try that failed, as it is stored.

    Attributes:
        number: The event's place in the feed.
        failures: How often it failed, as counted.
        delay_s: Until the next try; None: it is a dead letter now.
        status: The answer's; None: there was none.
        error: For people.
    """

    number: int
    failures: int
    delay_s: float | None
    status: int | None
    error: str


async def begin_session(connection: AsyncDatabase) -> None:
    """Prepare the connection that holds the locks and hears of changes.

    From then on it must say something more often than every `SILENT_S` seconds: a process that
    stands still loses its session, and others go on.
    """
    await connection.execute(f"SET idle_session_timeout = '{SILENT_S}s'".encode())
    await connection.execute(f"LISTEN {CHANNEL}".encode())


async def become_the_sender(connection: AsyncDatabase, webhook: int) -> bool:
    """Try to be the only one who sends for a webhook, until the connection ends."""
    cursor = await connection.execute(
        "SELECT pg_try_advisory_lock(hashtext('milepost.webhook'), %s)", (webhook,)
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def leave_to_others(connection: AsyncDatabase, webhook: int) -> None:
    """Let somebody else send for a webhook."""
    await connection.execute(
        "SELECT pg_advisory_unlock(hashtext('milepost.webhook'), %s)", (webhook,)
    )


async def wait_for_change(connection: AsyncDatabase, timeout_s: float) -> None:
    """Wait until somebody has changed a subscription or a queue, or for so long."""
    async for _ in connection.notifies(timeout=timeout_s, stop_after=1):
        pass


_ENQUEUE = """
WITH hook AS MATERIALIZED (
    SELECT queued_to, types, vehicles FROM webhook WHERE id = %(id)s FOR UPDATE
), page AS MATERIALIZED (
    SELECT number, type, subject FROM event
    WHERE number > (SELECT queued_to FROM hook) ORDER BY number LIMIT %(limit)s
), queued AS (
    INSERT INTO webhook_delivery AS known (webhook, number, subject)
    SELECT %(id)s, number, subject FROM page, hook
    WHERE (types IS NULL OR type = ANY(types) OR EXISTS (
              SELECT FROM unnest(types) AS beginning
              WHERE right(beginning, 1) = '.' AND starts_with(type, beginning)))
      AND (vehicles IS NULL OR subject = ANY(vehicles))
    ON CONFLICT (webhook, number) DO UPDATE
    SET attempts = 0, due_at = NULL, queued_at = clock_timestamp(), first_tried_at = NULL,
        dead_at = NULL
    WHERE known.dead_at IS NOT NULL
    RETURNING subject
), moved AS (
    UPDATE webhook SET queued_to = (SELECT max(number) FROM page)
    WHERE id = %(id)s AND EXISTS (SELECT FROM page)
)
SELECT NULL, count(*) FROM page
UNION ALL
SELECT subject, count(*) FROM queued GROUP BY subject
"""


async def enqueue(connection: AsyncDatabase, webhook: int, limit: int) -> Queued:
    """Queue what a webhook wants of the next events of the feed, at most `limit` of them.

    The rows and the place in the feed are one statement, so nothing is ever passed over. A dead
    letter that is met again is replayed; what waits already stays as it is.

    Args:
        connection: In autocommit mode, as for all functions here.
        webhook: Whose.
        limit: 1 or more.
    """
    cursor = await connection.execute(_ENQUEUE, {"id": webhook, "limit": limit})
    rows = await cursor.fetchall()
    return Queued(
        sum(count for vehicle, count in rows if vehicle is None),
        [(vehicle, count) for vehicle, count in rows if vehicle is not None],
    )


async def waiting(connection: AsyncDatabase, webhook: int) -> list[Waiting]:
    """Return what waits, by vehicle."""
    cursor = await connection.execute(
        "SELECT DISTINCT ON (subject) subject, count(*) OVER (PARTITION BY subject), attempts, "
        "greatest(0, extract(epoch FROM due_at - clock_timestamp()))::float8 "
        "FROM webhook_delivery WHERE webhook = %s AND dead_at IS NULL ORDER BY subject, number",
        (webhook,),
    )
    return [
        Waiting(vehicle, events, failures, due_in_s or 0.0)
        for vehicle, events, failures, due_in_s in await cursor.fetchall()
    ]


async def first_of(
    connection: AsyncDatabase, webhook: int, vehicle: str, limit: int
) -> list[Pending]:
    """Return the first events of a vehicle that wait, at most `limit`, in the order of the feed.

    What was erased from the feed meanwhile is dropped from the queue.
    """
    cursor = await connection.execute(
        "SELECT number, (SELECT id FROM feed), "
        "extract(epoch FROM coalesce(first_tried_at, clock_timestamp()) - queued_at)::float8, "
        "coalesce(extract(epoch FROM clock_timestamp() - first_tried_at), 0)::float8 "
        "FROM webhook_delivery WHERE webhook = %s AND subject = %s AND dead_at IS NULL "
        "ORDER BY number LIMIT %s",
        (webhook, vehicle, limit),
    )
    rows = await cursor.fetchall()
    if not rows:
        return []
    feed_id: uuid.UUID = rows[0][1]
    numbers = [number for number, *_ in rows]
    events = await feed.read_some(connection, feed_id, numbers)
    found = {event.cursor.number: event for event in events}
    erased = [number for number in numbers if number not in found]
    if erased:
        await connection.execute(
            "DELETE FROM webhook_delivery WHERE webhook = %s AND number = ANY(%s)",
            (webhook, erased),
        )
    return [
        Pending(found[number], waited_s, tried_s)
        for number, _, waited_s, tried_s in rows
        if number in found
    ]


async def taken(connection: AsyncDatabase, webhook: int, numbers: Sequence[int]) -> None:
    """Drop from the queue what the receiver has taken."""
    await connection.execute(
        "WITH gone AS (DELETE FROM webhook_delivery WHERE webhook = %(id)s "
        "AND number = ANY(%(numbers)s)) "
        "UPDATE webhook SET delivered = delivered + %(count)s, delivered_at = clock_timestamp(), "
        "failing_since = NULL WHERE id = %(id)s",
        {"id": webhook, "numbers": list(numbers), "count": len(numbers)},
    )


async def failed(connection: AsyncDatabase, webhook: int, failure: Failed) -> float:
    """Store that a try failed; return the seconds since the webhook began to fail."""
    cursor = await connection.execute(
        "WITH tried AS (UPDATE webhook_delivery SET attempts = %(failures)s, "
        "due_at = clock_timestamp() + make_interval(secs => %(delay)s::float8), "
        "first_tried_at = coalesce(first_tried_at, clock_timestamp()), "
        "tried_at = clock_timestamp(), status = %(status)s, error = %(error)s, "
        "dead_at = CASE WHEN %(delay)s::float8 IS NULL THEN clock_timestamp() END "
        "WHERE webhook = %(id)s AND number = %(number)s AND dead_at IS NULL) "
        "UPDATE webhook SET failing_since = coalesce(failing_since, clock_timestamp()), "
        "last_error = %(error)s WHERE id = %(id)s "
        "RETURNING extract(epoch FROM clock_timestamp() - failing_since)::float8",
        {
            "id": webhook,
            "number": failure.number,
            "failures": failure.failures,
            "delay": failure.delay_s,
            "status": failure.status,
            "error": failure.error,
        },
    )
    row = await cursor.fetchone()
    return row[0] if row else 0.0


async def give_up(connection: AsyncDatabase, webhook: int, total_s: float) -> int:
    """Make dead letters of all that has waited for so long; return how many.

    Args:
        connection: In autocommit mode.
        webhook: One to which nothing has got through for as long.
        total_s: How long.
    """
    cursor = await connection.execute(
        "UPDATE webhook_delivery SET dead_at = clock_timestamp(), error = coalesce(error, "
        "'not tried itself; others: ' || (SELECT last_error FROM webhook WHERE id = %(id)s)) "
        "WHERE webhook = %(id)s AND dead_at IS NULL "
        "AND queued_at <= clock_timestamp() - make_interval(secs => %(total)s)",
        {"id": webhook, "total": total_s},
    )
    return cursor.rowcount
