"""Places in the feed: times, and the cursors of databases that were copied and restored."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from milepost_collector.store import feed
from milepost_collector.store.connection import AsyncDatabase, connect_async
from milepost_collector.store.feed import Cursor, ForeignCursorError
from milepost_collector.store.writes import Writes, write
from tests.collector.batches import NOW, NOW_MS
from tests.collector.events import event, fill
from tests.fixtures.servers import FreshDatabase

T = TypeVar("T")


def ask(database: FreshDatabase, question: Callable[[AsyncDatabase], Awaitable[T]]) -> T:
    """Ask over a connection of its own."""

    async def once() -> T:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            return await question(connection)

    return asyncio.run(once())


def record(database: FreshDatabase, *times_s: int) -> None:
    """Write events, each in a transaction of that time (seconds after NOW), and number them."""

    async def both(connection: AsyncDatabase) -> None:
        for number, time_s in enumerate(times_s):
            events = [event(len(times_s) * 1000 + number)]
            async with connection.transaction():
                await write(connection, Writes(events=events), NOW_MS + time_s * 1000)
        await feed.open_feed(connection)
        await feed.number_fresh(connection)

    ask(database, both)


def resume_from(database: FreshDatabase, cursor: Cursor) -> datetime:
    """Return the time that the holder of a foreign cursor is told."""

    async def check(connection: AsyncDatabase) -> datetime:
        with pytest.raises(ForeignCursorError) as raised:
            await feed.checked(connection, cursor)
        return raised.value.resume_from

    return ask(database, check)


def numbers_from(database: FreshDatabase, time: datetime) -> list[int]:
    """Return the numbers of the events that are read from a time."""

    async def read(connection: AsyncDatabase) -> list[int]:
        events = await feed.read(connection, await feed.at_time(connection, time), 100)
        return [found.cursor.number for found in events]

    return ask(database, read)


def test_feed_from_a_time_skips_nothing_recorded_since(plain_database: FreshDatabase) -> None:
    """Reading begins at the first number recorded at that time or later, whatever comes between."""
    times_s = [0, 10, 30, 5, 20, 40, 25]
    record(plain_database, *times_s)
    for time_s in (-1, 0, 1, 5, 6, 10, 11, 20, 25, 26, 30, 31, 40, 41):
        numbers = numbers_from(plain_database, NOW + timedelta(seconds=time_s))
        wanted = {number for number, at_s in enumerate(times_s, 1) if at_s >= time_s}
        assert numbers == list(range(min(wanted, default=8), 8))
        assert wanted <= set(numbers)


def test_feed_from_a_time_of_an_empty_database_begins(plain_database: FreshDatabase) -> None:
    """Without events a time is the beginning, so that what comes is read."""
    cursor = ask(plain_database, lambda connection: feed.at_time(connection, NOW))
    assert cursor.number == 0


def test_cursor_of_a_feed_that_was_never_ours_resumes_at_the_beginning(
    plain_database: FreshDatabase,
) -> None:
    """Of this database its holder has seen nothing: nothing may be skipped, also while empty."""
    stranger = Cursor(uuid.uuid4(), 7)
    assert resume_from(plain_database, stranger).year == 1970
    record(plain_database, 5, 1, 9)
    assert numbers_from(plain_database, resume_from(plain_database, stranger)) == [1, 2, 3]


@pytest.mark.parametrize("seen", [0, 1, 3, 5, 9])
def test_cursor_from_before_a_restore_resumes_where_its_holder_was(
    plain_database: FreshDatabase, seen: int
) -> None:
    """Who had read up to a number reads on behind it, or earlier where the restored feed ends."""
    record(plain_database, 0, 10, 20, 30, 40)
    before = ask(plain_database, feed.end)
    plain_database.run("UPDATE feed SET system_identifier = 1")
    time = resume_from(plain_database, Cursor(before.feed, seen))
    record(plain_database, 100, 90)
    # The time is the same however much the restored feed has grown since.
    assert resume_from(plain_database, Cursor(before.feed, seen)) == time
    numbers = numbers_from(plain_database, time)
    assert numbers[0] <= min(seen, 5) + 1
    assert numbers == list(range(max(1, min(seen, 5)), 8))


def test_cursor_beyond_the_end_resumes_at_the_last_event(plain_database: FreshDatabase) -> None:
    """A database that went back to an earlier image tells the last of its events."""
    record(plain_database, 0, 10, 20)
    end = ask(plain_database, feed.end)
    time = resume_from(plain_database, Cursor(end.feed, 4))
    assert time == NOW + timedelta(seconds=20)
    assert numbers_from(plain_database, time) == [3]


def test_feed_of_a_copied_database_is_another(plain_database: FreshDatabase) -> None:
    """A copy on the same server has an id of its own from the first question on."""
    record(plain_database, 0, 10)
    end = ask(plain_database, feed.end)
    name = conninfo_to_dict(plain_database.dsn)["dbname"]
    server = make_conninfo(plain_database.dsn, dbname="postgres")
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}_copy" TEMPLATE "{name}"'.encode())
        try:
            copied = FreshDatabase(make_conninfo(server, dbname=f"{name}_copy"), "plain")
            assert resume_from(copied, end) == NOW + timedelta(seconds=10)
            assert ask(copied, feed.end).feed != end.feed
        finally:
            admin.execute(f'DROP DATABASE "{name}_copy" WITH (FORCE)'.encode())
    assert ask(plain_database, feed.end) == end


def test_feed_of_a_table_that_was_loaded_again_is_another(plain_database: FreshDatabase) -> None:
    """A dump that is loaded into the database it came from makes old cursors foreign."""
    record(plain_database, 0, 10)
    end = ask(plain_database, feed.end)
    plain_database.run("CREATE TABLE dump AS TABLE feed")
    plain_database.run("CREATE TABLE again (LIKE feed INCLUDING ALL)")
    plain_database.run("INSERT INTO again TABLE dump")
    plain_database.run("DROP TABLE feed")
    plain_database.run("ALTER TABLE again RENAME TO feed")
    assert resume_from(plain_database, end) == NOW + timedelta(seconds=10)


def test_feed_that_went_back_under_a_reader_is_another(plain_database: FreshDatabase) -> None:
    """Who has seen a number that is not there any more knows that the database was restored."""
    fill(plain_database, [event(1), event(2)])

    async def go_back(connection: AsyncDatabase) -> None:
        end = await feed.end(connection)
        await feed.went_back(connection, end)
        assert await feed.end(connection) == end
        await connection.execute("UPDATE feed SET last_number = 1")
        await connection.execute("DELETE FROM event WHERE number > 1")
        await feed.went_back(connection, end)
        assert (await feed.end(connection)).feed != end.feed
        await feed.went_back(connection, end)
        with pytest.raises(ForeignCursorError) as raised:
            await feed.checked(connection, end)
        assert raised.value.resume_from == NOW + timedelta(seconds=1)

    ask(plain_database, go_back)


def test_feed_that_went_back_and_grew_resumes_before_what_it_grew(
    plain_database: FreshDatabase,
) -> None:
    """Numbers given out since the server started are of other events than those of old cursors."""
    record(plain_database, 0, 10, 20, 30, 40)
    end = ask(plain_database, feed.end)
    # The image ends with number 2, the server starts over it, and two events are numbered.
    plain_database.run("DELETE FROM event WHERE number > 2")
    plain_database.run("UPDATE feed SET last_number = 2, server_started = '2026-01-01T00:00Z'")
    record(plain_database, 50, 60)
    ask(plain_database, lambda connection: feed.went_back(connection, end))
    for seen in (2, 3, 4, 5):
        time = resume_from(plain_database, Cursor(end.feed, seen))
        assert numbers_from(plain_database, time) == [2, 3, 4]


def test_numbers_in_a_table_that_was_loaded_again_are_of_another_feed(
    plain_database: FreshDatabase,
) -> None:
    """A numberer that goes on over a loaded dump gives no number under the old id."""
    record(plain_database, 0)
    before = ask(plain_database, feed.end)
    plain_database.run("UPDATE feed SET relation = 1")

    async def number(connection: AsyncDatabase) -> int:
        async with connection.transaction():
            await write(connection, Writes(events=[event(1)]), NOW_MS)
        return await feed.number_fresh(connection)

    assert ask(plain_database, number) == 1
    assert plain_database.rows("SELECT id, last_number FROM feed_past") == [(before.feed, 1)]
    assert ask(plain_database, feed.end).number == 2


def test_feed_id_changes_once_for_all_who_open_it(plain_database: FreshDatabase) -> None:
    """Programs that find a restored database together agree on one new id."""
    plain_database.run("UPDATE feed SET timeline = timeline + 1")

    async def together() -> None:
        async def opened() -> uuid.UUID:
            async with await connect_async(plain_database.dsn, autocommit=True) as connection:
                return (await feed.end(connection)).feed

        found = await asyncio.gather(*(opened() for _ in range(8)))
        assert len(set(found)) == 1

    asyncio.run(together())
    assert plain_database.value("SELECT count(*) FROM feed_past") == 1
