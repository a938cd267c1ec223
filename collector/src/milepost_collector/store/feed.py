"""The feed: committed events in one order that never changes and never skips.

A number is given after the commit, by one process at a time, so a reader that has seen number n
has seen every event below it. Within a device numbers follow the order of writing.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from milepost_collector.store.connection import AsyncDatabase
from milepost_schemas.event import Event, cloud_event
from milepost_schemas.fix import milliseconds

FEED_CHANNEL = "milepost_feed"

_NUMBERED_AT_ONCE = 5_000


class CursorError(ValueError):
    """A cursor cannot be read."""


class ForeignCursorError(Exception):
    """A cursor is of another database, or of this one before it was restored.

    Attributes:
        resume_from: Our time up to which this database holds events; None without any.
    """

    def __init__(self, cursor: str, resume_from: datetime | None) -> None:
        super().__init__(f"cursor {cursor} is of another feed")
        self.resume_from = resume_from


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a feed: behind event `number` of feed `feed`."""

    feed: uuid.UUID
    number: int

    def __str__(self) -> str:
        return f"{self.feed.hex}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read a cursor.

        Raises:
            CursorError: It is not of our form.
        """
        feed, _, number = text.partition("-")
        if not (number.isascii() and number.isdigit() and len(number) <= 18):
            raise CursorError(f"cursor {text!r} cannot be read")
        try:
            return cls(uuid.UUID(hex=feed), int(number))
        except ValueError:
            raise CursorError(f"cursor {text!r} cannot be read") from None


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """An event with its place in the feed."""

    cursor: Cursor
    event: Event
    recorded_at: datetime

    def as_cloud_event(self) -> dict[str, object]:
        """Write it as CloudEvents 1.0."""
        return cloud_event(
            self.event, recorded_ms=milliseconds(self.recorded_at), cursor=str(self.cursor)
        )


@dataclass(frozen=True, slots=True)
class _EventRow:
    number: int
    time: datetime
    id: uuid.UUID
    type: str
    device: str
    subject: str
    data: dict[str, object]
    recorded_at: datetime

    def in_feed(self, feed: uuid.UUID) -> FeedEvent:
        event = Event(
            self.id, self.type, self.device, self.subject, milliseconds(self.time), self.data
        )
        return FeedEvent(Cursor(feed, self.number), event, self.recorded_at)


_COLUMNS = "number, time, id, type, device, subject, data, recorded_at"


async def open_feed(connection: AsyncDatabase) -> None:
    """Give the feed a new id when the database was restored.

    A dump that is loaded elsewhere finds itself in another system, a restored base backup on
    another timeline.
    """
    await connection.execute(
        "UPDATE feed SET id = gen_random_uuid(), timeline = here.timeline_id, "
        "system_identifier = system.system_identifier "
        "FROM pg_control_system() AS system, pg_control_checkpoint() AS here "
        "WHERE (feed.system_identifier, feed.timeline) IS DISTINCT FROM "
        "(system.system_identifier, here.timeline_id)"
    )


async def become_the_numberer(connection: AsyncDatabase) -> bool:
    """Try to be the one who numbers, until the connection ends; say whether we are."""
    cursor = await connection.execute("SELECT pg_try_advisory_lock(hashtext('milepost.numberer'))")
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def number_fresh(connection: AsyncDatabase) -> int:
    """Number the committed events that have no number yet; return how many got one.

    The lock on the feed's row orders numberers; the advisory lock only keeps them from waiting.
    """
    async with connection.transaction():
        cursor = await connection.execute("SELECT last_number FROM feed FOR UPDATE")
        row = await cursor.fetchone()
        last = row[0] if row else 0
        cursor = await connection.execute(
            "UPDATE event SET number = %s + fresh.place "
            "FROM (SELECT time, id, row_number() OVER (ORDER BY entry) AS place FROM event "
            "WHERE number IS NULL ORDER BY entry LIMIT %s) AS fresh "
            "WHERE (event.time, event.id) = (fresh.time, fresh.id)",
            (last, _NUMBERED_AT_ONCE),
        )
        count = cursor.rowcount
        if count:
            await connection.execute("UPDATE feed SET last_number = last_number + %s", (count,))
            await connection.execute("SELECT pg_notify(%s, '')", (FEED_CHANNEL,))
    return count


async def beginning(connection: AsyncDatabase) -> Cursor:
    """Return the cursor before the first event."""
    feed, _ = await _feed(connection)
    return Cursor(feed, 0)


async def end(connection: AsyncDatabase) -> Cursor:
    """Return the cursor behind the newest numbered event."""
    return Cursor(*await _feed(connection))


async def checked(connection: AsyncDatabase, cursor: Cursor) -> Cursor:
    """Return a cursor that a consumer brought, if it is of this feed.

    Raises:
        ForeignCursorError: It is not.
    """
    feed, last = await _feed(connection)
    if cursor.feed == feed and cursor.number <= last:
        return cursor
    found = await connection.execute("SELECT max(recorded_at) FROM event WHERE number IS NOT NULL")
    row = await found.fetchone()
    raise ForeignCursorError(str(cursor), row[0] if row else None)


async def read(
    connection: AsyncDatabase,
    after: Cursor,
    limit: int,
    *,
    types: list[str] | None = None,
    subject: str | None = None,
) -> list[FeedEvent]:
    """Return at most `limit` events behind a checked cursor, in the order of the feed.

    Args:
        connection: Open.
        after: From `checked`, `beginning` or `end`.
        limit: 1 or more.
        types: Only these types, without prefix.
        subject: Only of this vehicle.
    """
    async with connection.cursor(row_factory=class_row(_EventRow)) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM event WHERE number > %(after)s "  # noqa: S608
            "AND (%(types)s::text[] IS NULL OR type = ANY(%(types)s)) "
            "AND (%(subject)s::text IS NULL OR subject = %(subject)s) "
            "ORDER BY number LIMIT %(limit)s",
            {"after": after.number, "types": types, "subject": subject, "limit": limit},
        )
        return [row.in_feed(after.feed) async for row in cursor]


async def read_last(connection: AsyncDatabase, count: int) -> list[FeedEvent]:
    """Return the newest `count` events, in the order of the feed."""
    feed, last = await _feed(connection)
    return await read(connection, Cursor(feed, max(0, last - count)), count)


async def _feed(connection: AsyncDatabase) -> tuple[uuid.UUID, int]:
    cursor = await connection.execute("SELECT id, last_number FROM feed")
    row = await cursor.fetchone()
    if row is None:
        raise LookupError("the database has no feed: run `milepost-collector migrate`")
    return row[0], row[1]
