"""The places up to which events were carried out of the house, and who carries them.

One process at a time carries for a consumer: the one whose session holds the consumer's lock. The
lock ends with the session: at once when its process dies, after `SILENT_S` when process or machine
stand still. A place moves after the confirmation, so an event is carried at least once.

Rejected: a lease in the row, as shards have. The server ends silent sessions itself, so there is no
time to compare, and after a crash nobody waits for a lease to run out.
"""

import asyncio
import uuid
from dataclasses import dataclass, replace
from enum import StrEnum

from milepost_collector.store import feed
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.feed import Cursor

# A session that has said nothing for so long is ended by the server.
SILENT_S = 8

# So often those who stand by try to take over.
STAND_BY_S = 1.0


class Start(StrEnum):
    """Where a consumer begins that has no place yet."""

    BEGINNING = "beginning"
    END = "end"


@dataclass(frozen=True, slots=True)
class Place:
    """How far events were carried for a consumer.

    Attributes:
        at: Every event up to here was confirmed.
        begun: Where it began.
        is_restored: The database was restored since the place was last looked up.
    """

    at: Cursor
    begun: Cursor
    is_restored: bool = False


async def become_the_carrier(connection: AsyncDatabase, name: str) -> bool:
    """Try to be the one who carries for a consumer, until the connection ends.

    From then on the connection must say something more often than every `SILENT_S` seconds.

    Args:
        connection: In autocommit mode, as for all functions here; for this consumer alone.
        name: The consumer.

    Returns:
        Whether we are.
    """
    await connection.execute(f"SET idle_session_timeout = '{SILENT_S}s'".encode())
    # A place that a crash of the server takes back means repeats, which are allowed.
    await connection.execute("SET synchronous_commit = off")
    cursor = await connection.execute(
        "SELECT pg_try_advisory_lock(hashtext('milepost.consumer'), hashtext(%s))", (name,)
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def stand_by(connection: AsyncDatabase, name: str) -> None:
    """Return as soon as we carry for a consumer; another process may do so until it ends."""
    while True:
        if await become_the_carrier(connection, name):
            return
        await asyncio.sleep(STAND_BY_S)


async def find_place(connection: AsyncDatabase, name: str, start: Start) -> Place:
    """Return a consumer's place in the feed as it is now; a new consumer gets one.

    In a restored database the place is as old as the events: those behind it are carried again,
    under a new feed id. A place behind the end of the feed belongs to other events, so that
    consumer begins again at the beginning.

    Args:
        connection: Of the one who carries.
        name: The consumer.
        start: Where it begins when it is new.
    """
    await feed.open_feed(connection)
    end = await feed.end(connection)
    first = end.number if start is Start.END else 0
    await connection.execute(
        "INSERT INTO consumer (name, feed, begun, number) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT DO NOTHING",
        (name, end.feed, first, first),
    )
    stored_feed, begun, number = await _row(connection, name)
    if stored_feed == end.feed and number <= end.number:
        return Place(Cursor(end.feed, number), Cursor(end.feed, begun))
    if number > end.number:
        begun, number = 0, 0
    await connection.execute(
        "UPDATE consumer SET feed = %s, begun = %s, number = %s, updated_at = clock_timestamp() "
        "WHERE name = %s",
        (end.feed, begun, number, name),
    )
    return Place(Cursor(end.feed, number), Cursor(end.feed, begun), is_restored=True)


async def agreed(
    connection: AsyncDatabase, place: Place, seen: Cursor, event_id: str | None
) -> Place:
    """Return where to go on when the other side itself says which event it has last.

    It knows better than the row: it may hold what was carried just before a crash, or lack what it
    had confirmed. A restored database still knows the ids that its feed had, and how far each of
    them told of the same events.

    Args:
        connection: Of the one who carries.
        place: From `find_place`.
        seen: The cursor of the last event that the other side has; every one before it is there,
            from where the consumer began.
        event_id: The id of that event: others may write to the other side, too.

    Returns:
        The place behind the last event that both have; the same where that cannot be known, or
        where the event is none of ours.
    """
    here, last = place.at.feed, (await feed.end(connection)).number
    if seen.feed != here:
        cursor = await connection.execute(
            "SELECT last_number FROM feed_past WHERE id = %s", (seen.feed,)
        )
        row = await cursor.fetchone()
        if row is None:
            return place
        last = min(last, row[0])
    # A restored database may lack what the other side has; any other has it.
    if seen.feed == here or seen.number <= last:
        cursor = await connection.execute(
            "SELECT id::text FROM event WHERE number = %s", (seen.number,)
        )
        row = await cursor.fetchone()
        if row is None or row[0] != event_id:
            return place
    return replace(place, at=Cursor(here, max(place.begun.number, min(seen.number, last))))


async def move(connection: AsyncDatabase, name: str, to: Cursor) -> None:
    """Say that every event up to a place was confirmed; also back, where the other side lost some.

    Args:
        connection: Of the one who carries.
        name: The consumer.
        to: Not before where it began.
    """
    await connection.execute(
        "UPDATE consumer SET number = %s, updated_at = clock_timestamp() "
        "WHERE name = %s AND feed = %s",
        (to.number, name, to.feed),
    )


async def stay(connection: AsyncDatabase) -> None:
    """Say something, so that the session is not ended for silence."""
    await connection.execute("SELECT 1")


async def _row(connection: AsyncDatabase, name: str) -> tuple[uuid.UUID, int, int]:
    cursor = await connection.execute(
        "SELECT feed, begun, number FROM consumer WHERE name = %s", (name,)
    )
    row = await cursor.fetchone()
    if row is None:
        raise LookupError(f"consumer {name} was deleted while it was looked up")
    return row[0], row[1], row[2]
