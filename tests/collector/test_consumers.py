"""Places of consumers: found again, moved by one process at a time, right in restored databases."""

import asyncio
import uuid

import pytest

from milepost_collector.store import consumers, feed
from milepost_collector.store.connection import LOST, AsyncDatabase, connect_async
from milepost_collector.store.consumers import Place, Start
from milepost_collector.store.feed import Cursor
from tests.collector.events import event, fill
from tests.collector.test_feed import ask
from tests.fixtures.servers import FreshDatabase

DEADLINE_S = 60.0


def place(database: FreshDatabase, start: Start = Start.BEGINNING, name: str = "x") -> Place:
    """Look a place up."""
    return ask(database, lambda connection: consumers.find_place(connection, name, start))


def move(database: FreshDatabase, to: Cursor, name: str = "x") -> None:
    """Move a place."""
    ask(database, lambda connection: consumers.move(connection, name, to))


@pytest.mark.parametrize(("start", "number"), [(Start.BEGINNING, 0), (Start.END, 3)])
def test_place_of_a_new_consumer_is_where_it_is_to_begin(
    plain_database: FreshDatabase, start: Start, number: int
) -> None:
    """It begins where it was told, and stays there when it is asked again."""
    fill(plain_database, [event(1), event(2), event(3)])
    assert place(plain_database, start).at.number == number
    fill(plain_database, [event(4)])
    found = place(plain_database, start)
    assert (found.at.number, found.begun.number, found.is_restored) == (number, number, False)


def test_place_is_found_where_it_was_moved_to(plain_database: FreshDatabase) -> None:
    """A consumer's place is its own, over any number of connections."""
    fill(plain_database, [event(1), event(2), event(3)])
    here = place(plain_database).at.feed
    assert place(plain_database, name="y").at.number == 0
    move(plain_database, Cursor(here, 2))
    assert place(plain_database).at == Cursor(here, 2)
    assert place(plain_database, name="y").at == Cursor(here, 0)


def test_carrier_is_one_at_a_time(plain_database: FreshDatabase) -> None:
    """Each consumer has one, and the next one as soon as that one's connection ends."""

    async def story() -> list[bool]:
        async with await connect_async(plain_database.dsn, autocommit=True) as second:
            async with await connect_async(plain_database.dsn, autocommit=True) as first:
                got = [await consumers.become_the_carrier(each, "x") for each in (first, second)]
                got.append(await consumers.become_the_carrier(second, "y"))
            async with asyncio.timeout(DEADLINE_S):
                while not await consumers.become_the_carrier(second, "x"):
                    pass
        return got

    assert asyncio.run(story()) == [True, False, True]


def test_carrier_that_stands_still_is_succeeded(
    plain_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends a session that says nothing, and its lock with it."""
    monkeypatch.setattr(consumers, "SILENT_S", 1)

    async def story() -> None:
        async with await connect_async(plain_database.dsn, autocommit=True) as second:
            first = await connect_async(plain_database.dsn, autocommit=True)
            assert await consumers.become_the_carrier(first, "x")
            async with asyncio.timeout(DEADLINE_S):
                while not await consumers.become_the_carrier(second, "x"):
                    pass
            with pytest.raises(LOST):
                await consumers.move(first, "x", Cursor(uuid.uuid4(), 1))
            await first.close()

    asyncio.run(story())


def restore(database: FreshDatabase) -> None:
    """Let the database find itself in another system, as a copy does that is loaded there."""
    database.run("UPDATE feed SET system_identifier = 1")
    ask(database, feed.open_feed)


def test_place_in_a_restored_database_is_as_old_as_its_events(
    plain_database: FreshDatabase,
) -> None:
    """The number stays, under the new feed's id: what was confirmed later is carried again."""
    fill(plain_database, [event(1), event(2), event(3)])
    before = place(plain_database)
    move(plain_database, Cursor(before.at.feed, 2))
    restore(plain_database)
    found = place(plain_database)
    assert (found.at.number, found.is_restored) == (2, True)
    assert found.at.feed != before.at.feed
    assert place(plain_database) == Place(found.at, found.begun)


def test_place_beyond_the_end_of_the_feed_is_the_beginning(plain_database: FreshDatabase) -> None:
    """A place that was put beside other events begins with them from the first."""
    fill(plain_database, [event(1), event(2)])
    move(plain_database, Cursor(place(plain_database, Start.END).at.feed, 7))
    found = place(plain_database)
    assert (found.at.number, found.begun.number, found.is_restored) == (0, 0, True)


@pytest.mark.parametrize(("seen", "number"), [(1, 1), (4, 4), (9, 3)])
def test_place_that_the_other_side_knows_better_is_its_own(
    plain_database: FreshDatabase, seen: int, number: int
) -> None:
    """It has later events, or lacks some; an event behind the end of the feed is none of ours."""
    fill(plain_database, [event(n) for n in range(5)])
    stored = place(plain_database)
    move(plain_database, Cursor(stored.at.feed, 3))
    assert agreed(plain_database, Cursor(stored.at.feed, seen)).number == number


@pytest.mark.parametrize(("seen", "number"), [(1, 1), (3, 3), (9, 3)])
def test_place_that_the_other_side_names_of_before_a_restore_is_found(
    plain_database: FreshDatabase, seen: int, number: int
) -> None:
    """The feed knows how far it told of the same events under its old id."""
    fill(plain_database, [event(1), event(2), event(3)])
    old = place(plain_database).at.feed
    restore(plain_database)
    fill(plain_database, [event(4)])
    assert agreed(plain_database, Cursor(old, seen)).number == number


def test_place_that_the_other_side_names_of_another_database_is_not_believed(
    plain_database: FreshDatabase,
) -> None:
    """It stays where it was noted."""
    fill(plain_database, [event(1), event(2), event(3)])
    move(plain_database, Cursor(place(plain_database).at.feed, 2))
    assert agreed(plain_database, Cursor(uuid.uuid4(), 3)).number == 2


def test_place_that_somebody_else_wrote_to_the_other_side_is_not_believed(
    plain_database: FreshDatabase,
) -> None:
    """A cursor counts only with the id of its event."""
    fill(plain_database, [event(n) for n in range(5)])
    stored = place(plain_database)
    move(plain_database, Cursor(stored.at.feed, 2))
    assert agreed(plain_database, Cursor(stored.at.feed, 5), str(uuid.uuid4())).number == 2


def agreed(database: FreshDatabase, seen: Cursor, event_id: str | None = None) -> Cursor:
    """Return the place after the other side was heard: with the event's own id, or another."""
    found = database.rows("SELECT id::text FROM event WHERE number = %s", seen.number)
    its_id = found[0][0] if found else None

    async def question(connection: AsyncDatabase) -> Place:
        stored = await consumers.find_place(connection, "x", Start.BEGINNING)
        return await consumers.agreed(connection, stored, seen, event_id or its_id)

    return ask(database, question).at
