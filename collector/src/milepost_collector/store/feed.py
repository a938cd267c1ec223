"""The feed: committed events in one order that never changes and never skips.

A number is given after the commit, by one process at a time, so a reader that has seen number n
has seen every event below it. Within a device numbers follow the order of writing.

A feed has an id, which a restored database changes: its later numbers are of other events than
those that were given before, and whoever holds a cursor of them is told so. Ids that it had are
kept with the last number of each, up to which nothing differs.
"""

import re
import uuid
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from milepost_collector.store.connection import AsyncDatabase
from milepost_schemas.event import Event, cloud_event
from milepost_schemas.fix import milliseconds

FEED_CHANNEL = "milepost_feed"

# The form of a cursor; for us, and for those who check requests. To consumers it is opaque.
CURSOR_PATTERN = "^[0-9a-f]{32}-(0|[1-9][0-9]{0,17})$"

_NUMBERED_AT_ONCE = 5_000

_CURSOR = re.compile(CURSOR_PATTERN)

# Where this database is. The timeline is that which is written now: the control file learns of a
# promotion only with the next checkpoint.
_HERE = """
    SELECT system_identifier,
           ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::integer
               AS timeline,
           pg_database.oid AS database, 'feed'::regclass::oid AS relation
    FROM pg_control_system(), pg_database WHERE datname = current_database()
"""
_IS_ELSEWHERE = """
    (feed.system_identifier, feed.timeline, feed.database, feed.relation) IS DISTINCT FROM
    (here.system_identifier, here.timeline, here.database, here.relation)
"""
_RENEW = f"""
    WITH here AS ({_HERE}),
    old AS (SELECT feed.id, %s AS common FROM feed, here WHERE %s FOR UPDATE OF feed),
    kept AS (INSERT INTO feed_past SELECT id, common FROM old)
    UPDATE feed SET id = gen_random_uuid(), system_identifier = here.system_identifier,
        timeline = here.timeline, database = here.database, relation = here.relation
    FROM old, here
"""  # noqa: S608 - all of it is ours
_FEED = f"SELECT feed.id, last_number, {_IS_ELSEWHERE} FROM feed, ({_HERE}) AS here"  # noqa: S608
_MOVED = _RENEW % ("last_number", _IS_ELSEWHERE)
# What was numbered since the server started may be other events than those that were lost.
_WENT_BACK = _RENEW % (
    "CASE WHEN server_started = pg_postmaster_start_time() THEN started_number "
    "ELSE last_number END",
    "feed.id = %(id)s AND feed.last_number < %(number)s",
)
_LOCK_FEED = f"{_FEED} FOR UPDATE OF feed"
_NUMBERED = """
    UPDATE feed SET last_number = last_number + %s, server_started = pg_postmaster_start_time(),
        started_number = CASE WHEN server_started = pg_postmaster_start_time()
            THEN started_number ELSE last_number END
"""


class CursorError(ValueError):
    """A cursor cannot be read."""


class ForeignCursorError(Exception):
    """A cursor is of another database, or of this one before it was restored.

    Attributes:
        resume_from: Our time from which to read on; see `checked`.
    """

    def __init__(self, cursor: str, why: str, resume_from: datetime) -> None:
        super().__init__(f"cursor {cursor} is {why}")
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
        if not _CURSOR.fullmatch(text):
            raise CursorError(f"cursor {text[:100]!r} cannot be read")
        feed, _, number = text.partition("-")
        return cls(uuid.UUID(hex=feed), int(number))


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

    A dump that is loaded elsewhere finds itself in another system, one that is loaded again in
    another table, a copy in another database, and a restored base backup on another timeline.
    """
    await connection.execute(_MOVED.encode())


async def went_back(connection: AsyncDatabase, seen: Cursor) -> None:
    """Give the feed a new id when it ends before a cursor that we ourselves have read.

    Then the database was restored in a way that shows nowhere else: from an image of its disk.
    """
    await connection.execute(_WENT_BACK.encode(), {"id": seen.feed, "number": seen.number})


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
        _, last, is_elsewhere = await _feed_row(connection, _LOCK_FEED)
        if is_elsewhere:  # loaded again under a numberer that never lost its connection
            await open_feed(connection)
        cursor = await connection.execute(
            "UPDATE event SET number = %s + fresh.place "
            "FROM (SELECT time, id, row_number() OVER (ORDER BY entry) AS place FROM event "
            "WHERE number IS NULL ORDER BY entry LIMIT %s) AS fresh "
            "WHERE (event.time, event.id) = (fresh.time, fresh.id)",
            (last, _NUMBERED_AT_ONCE),
        )
        count = cursor.rowcount
        if count:
            await connection.execute(_NUMBERED, (count,))
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
        ForeignCursorError: It is not. Reading on from its `resume_from` skips nothing that the
            consumer has not seen: that is the time of the last event here that it may have seen,
            or, for a feed that was never ours, of the first event; 1970 where there is none.
    """
    feed, last = await _feed(connection)
    if cursor.feed == feed and cursor.number <= last:
        return cursor
    why = "beyond the end of the feed" if cursor.feed == feed else "of another feed"
    found = await connection.execute(
        "SELECT last_number FROM feed_past WHERE id = %s", (cursor.feed,)
    )
    row = await found.fetchone()
    common = last if cursor.feed == feed else row[0] if row else 0
    known = min(cursor.number, common)
    raise ForeignCursorError(str(cursor), why, await _recorded_at(connection, known))


async def at_time(connection: AsyncDatabase, time: datetime) -> Cursor:
    """Return the cursor before the first event that was recorded at a time or after it.

    Everything recorded from then on stands behind it; between may stand events that were recorded
    earlier and committed later.
    """
    feed, last = await _feed(connection)
    found = await connection.execute(
        "SELECT EXISTS (SELECT FROM event WHERE number IS NOT NULL AND recorded_at < %s)", (time,)
    )
    row = await found.fetchone()
    if row is None or not row[0]:
        return Cursor(feed, 0)
    # Not as `min(number)` of the condition: that may be looked for from the lowest number up.
    found = await connection.execute(
        "WITH later AS MATERIALIZED (SELECT number FROM event WHERE number IS NOT NULL "
        "AND recorded_at >= %s) SELECT min(number) FROM later",
        (time,),
    )
    row = await found.fetchone()
    return Cursor(feed, last if row is None or row[0] is None else row[0] - 1)


async def read(connection: AsyncDatabase, after: Cursor, limit: int) -> list[FeedEvent]:
    """Return at most `limit` events behind a checked cursor, in the order of the feed."""
    async with connection.cursor(row_factory=class_row(_EventRow)) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM event WHERE number > %s ORDER BY number LIMIT %s",  # noqa: S608
            (after.number, limit),
        )
        return [row.in_feed(after.feed) async for row in cursor]


async def read_some(
    connection: AsyncDatabase, feed: uuid.UUID, numbers: list[int]
) -> list[FeedEvent]:
    """Return the events of these numbers, in the order of the feed."""
    if not numbers:
        return []
    async with connection.cursor(row_factory=class_row(_EventRow)) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM event WHERE number = ANY(%s) ORDER BY number",  # noqa: S608
            (numbers,),
        )
        return [row.in_feed(feed) async for row in cursor]


async def _recorded_at(connection: AsyncDatabase, number: int) -> datetime:
    """Return when the event of a number was recorded; without it, the first one before or any."""
    found = await connection.execute(
        "SELECT coalesce("
        "(SELECT recorded_at FROM event WHERE number <= %s ORDER BY number DESC LIMIT 1), "
        "(SELECT min(recorded_at) FROM event WHERE number IS NOT NULL), 'epoch')",
        (number,),
    )
    row = await found.fetchone()
    assert row is not None  # noqa: S101 - a question without FROM has one answer
    time: datetime = row[0]
    return time


async def _feed(connection: AsyncDatabase) -> tuple[uuid.UUID, int]:
    """Return the id and the last number, after giving it a new id where that is due."""
    feed, last, is_elsewhere = await _feed_row(connection)
    if is_elsewhere:
        await open_feed(connection)
        feed, last, _ = await _feed_row(connection)
    return feed, last


async def _feed_row(connection: AsyncDatabase, query: str = _FEED) -> tuple[uuid.UUID, int, bool]:
    cursor = await connection.execute(query.encode())
    row = await cursor.fetchone()
    if row is None:
        raise LookupError("the database has no feed: run `milepost-collector migrate`")
    return row[0], row[1], row[2]
