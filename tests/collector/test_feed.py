"""The feed: numbers that never skip, cursors that know their database."""

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from milepost_collector.store import feed
from milepost_collector.store.connection import AsyncDatabase, connect_async
from milepost_collector.store.feed import Cursor, CursorError, ForeignCursorError
from milepost_collector.store.feed_pages import Choice, Page, read_newest, read_page
from milepost_collector.store.writes import Writes, write
from milepost_schemas.event import Event
from tests.collector.batches import NOW, NOW_MS
from tests.collector.events import event, fill
from tests.fixtures.servers import FreshDatabase

T = TypeVar("T")

WRITERS = 6
TRANSACTIONS = 30
DEADLINE_S = 120.0


def ask(database: FreshDatabase, question: Callable[[AsyncDatabase], Awaitable[T]]) -> T:
    """Ask over a connection of its own."""

    async def once() -> T:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            return await question(connection)

    return asyncio.run(once())


class Story:
    """Writers that commit when they like, numberers, and a reader that follows by cursor."""

    def __init__(self, database: FreshDatabase) -> None:
        self.dsn = database.dsn
        self.written: list[Event] = []
        self.read: list[feed.FeedEvent] = []
        self.chances = random.Random(7)
        self.writing = WRITERS

    async def write(self, vehicle: str) -> None:
        """Commit transactions of one to three events, some long after they began."""
        async with await connect_async(self.dsn, autocommit=True) as connection:
            for number in range(TRANSACTIONS):
                count = self.chances.randint(1, 3)
                events = [event(number * 10 + n, vehicle=vehicle) for n in range(count)]
                async with connection.transaction():
                    await write(connection, Writes(events=events), NOW_MS)
                    await asyncio.sleep(self.chances.choice([0, 0, 0.002, 0.03]))
                self.written += events
        self.writing -= 1

    async def number(self) -> None:
        """Number until nobody writes and nothing is left."""
        async with await connect_async(self.dsn, autocommit=True) as connection:
            writing = True
            while writing:
                writing = self.writing > 0
                while await feed.number_fresh(connection):
                    pass

    async def follow(self) -> None:
        """Read on from the cursor of the last event that was read, until all are."""
        async with await connect_async(self.dsn, autocommit=True) as connection:
            cursor = await feed.beginning(connection)
            while self.writing or len(self.read) < len(self.written):
                events = await feed.read(connection, cursor, 7)
                self.read += events
                cursor = events[-1].cursor if events else cursor
                await asyncio.sleep(0 if events else 0.001)

    async def run(self) -> None:
        """Let all of them work at the same time."""
        async with await connect_async(self.dsn, autocommit=True) as connection:
            await feed.open_feed(connection)
        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as tasks:
            for number in range(WRITERS):
                tasks.create_task(self.write(f"van-{number}"))
            for _ in range(2):
                tasks.create_task(self.number())
            tasks.create_task(self.follow())


def test_feed_under_concurrent_writers_never_skips(database: FreshDatabase) -> None:
    """A reader meanwhile sees every event once, numbered 1, 2, 3 ..., a vehicle's in order."""
    story = Story(database)
    asyncio.run(story.run())
    assert len(story.written) > 300
    numbers = [found.cursor.number for found in story.read]
    assert numbers == list(range(1, len(story.written) + 1))
    assert {found.event.id for found in story.read} == {each.id for each in story.written}
    for number in range(WRITERS):
        vehicle = f"van-{number}"
        times = [found.event.time_ms for found in story.read if found.event.subject == vehicle]
        assert times == sorted(times)


def test_number_does_not_wait_for_an_open_transaction(database: FreshDatabase) -> None:
    """Somebody's open transaction holds up nobody's events but its own."""

    async def story() -> list[int]:
        async with (
            await connect_async(database.dsn, autocommit=True) as slow,
            await connect_async(database.dsn, autocommit=True) as quick,
        ):
            await feed.open_feed(quick)
            async with slow.transaction():
                await write(slow, Writes(events=[event(1)]), NOW_MS)
                async with quick.transaction():
                    await write(quick, Writes(events=[event(2)]), NOW_MS)
                first = await feed.number_fresh(quick)
            second = await feed.number_fresh(quick)
            found = await feed.read(quick, await feed.beginning(quick), 10)
        assert [each.event.id for each in found] == [event(2).id, event(1).id]
        return [first, second]

    assert asyncio.run(story()) == [1, 1]


def test_numberer_is_one_at_a_time(plain_database: FreshDatabase) -> None:
    """Who numbers is known by a lock that the next one gets when the connection ends."""

    async def story() -> list[bool]:
        async with await connect_async(plain_database.dsn, autocommit=True) as second:
            async with await connect_async(plain_database.dsn, autocommit=True) as first:
                got = [await feed.become_the_numberer(each) for each in (first, second)]
            async with asyncio.timeout(DEADLINE_S):
                while not await feed.become_the_numberer(second):
                    pass
        return got

    assert asyncio.run(story()) == [True, False]


def test_event_that_is_written_again_is_ignored(database: FreshDatabase) -> None:
    """The same event, worked out twice, stands in the feed once."""
    fill(database, [event(1), event(2)])
    fill(database, [event(2), event(3)])
    assert database.rows("SELECT number, data ->> 'fence' FROM event ORDER BY number") == [
        (1, "f1"),
        (2, "f2"),
        (3, "f3"),
    ]


def test_read_filters_by_type_and_vehicle(plain_database: FreshDatabase) -> None:
    """Types and a vehicle narrow what is read; the order stays that of the feed."""
    kinds = ["fence.entered", "fence.exited", "gap"]
    fill(
        plain_database,
        [event(n, kind=kinds[n % 3], vehicle=f"van-{n % 2}") for n in range(12)],
    )

    async def read(connection: AsyncDatabase) -> list[list[int]]:
        begin = await feed.beginning(connection)

        async def chosen(types: str = "", vehicles: str = "", limit: int = 100) -> Page:
            choice = Choice(frozenset(types.split()), frozenset(vehicles.split()))
            return await read_page(connection, begin, limit, choice)

        found = [
            await chosen("gap fence.exited"),
            await chosen(vehicles="van-1"),
            await chosen("gap", "van-0"),
            await chosen("gap", limit=2),
            await read_newest(connection, 3, Choice()),
        ]
        return [[each.cursor.number - 1 for each in page.events] for page in found]

    assert ask(plain_database, read) == [
        [1, 2, 4, 5, 7, 8, 10, 11],
        [1, 3, 5, 7, 9, 11],
        [2, 8],
        [2, 5],
        [9, 10, 11],
    ]


def test_cursor_reads_what_it_writes() -> None:
    """A cursor's text gives the same cursor."""
    cursor = Cursor(uuid.uuid4(), 10**18 - 1)
    assert Cursor.parse(str(cursor)) == cursor


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "5",
        "-5",
        f"{'0' * 32}-",
        f"{'0' * 32}--1",
        f"{'0' * 32}-1.5",
        f"{'0' * 32}-{'9' * 19}",
        f"{'0' * 32}-²",
        f"{'g' * 32}-1",
        f"{'0' * 31}-1",
        f"{'0' * 32}-01",
        f"{'0' * 32}-1\n",
        f"{'A' * 32}-1",
        str(uuid.UUID(int=5)),
    ],
)
def test_cursor_that_is_none_is_refused(text: str) -> None:
    """A text that is no cursor is named in the error."""
    with pytest.raises(CursorError) as raised:
        Cursor.parse(text)
    assert str(raised.value) == f"cursor {text!r} cannot be read"


def test_cursor_of_another_feed_is_foreign(plain_database: FreshDatabase) -> None:
    """A cursor of another feed, or beyond the end of this one, names when to resume from."""
    fill(plain_database, [event(1), event(2)])

    async def check(connection: AsyncDatabase) -> None:
        end = await feed.end(connection)
        assert end.number == 2
        assert await feed.checked(connection, end) == end
        for foreign in (Cursor(uuid.uuid4(), 1), Cursor(end.feed, 3)):
            with pytest.raises(ForeignCursorError) as raised:
                await feed.checked(connection, foreign)
            assert raised.value.resume_from is not None
            assert (raised.value.resume_from - NOW).total_seconds() == 1

    ask(plain_database, check)


def test_open_feed_on_the_same_system_keeps_its_id(database: FreshDatabase) -> None:
    """Cursors stay good over any number of starts."""

    async def opened(connection: AsyncDatabase) -> Cursor:
        await feed.open_feed(connection)
        return await feed.beginning(connection)

    assert ask(database, opened) == ask(database, opened)


@pytest.mark.parametrize("moved", ["system_identifier = 1", "timeline = timeline + 1"])
def test_open_feed_of_a_restored_database_changes_its_id(
    plain_database: FreshDatabase, moved: str
) -> None:
    """On another system or timeline old cursors are foreign, and numbers go on from the last."""
    fill(plain_database, [event(1), event(2)])
    before = ask(plain_database, feed.end)

    async def restore(connection: AsyncDatabase) -> None:
        await connection.execute(f"UPDATE feed SET {moved}".encode())
        await feed.open_feed(connection)
        with pytest.raises(ForeignCursorError):
            await feed.checked(connection, before)

    ask(plain_database, restore)
    fill(plain_database, [event(3)])
    after = ask(plain_database, feed.end)
    assert (after.feed == before.feed, after.number) == (False, 3)
