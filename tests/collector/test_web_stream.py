"""The feed as it grows, as server-sent events."""

import asyncio
from contextlib import aclosing, suppress

import httpx

from milepost_collector.feed.tail import Tail
from milepost_collector.store import feed
from milepost_collector.store.connection import connect_async
from milepost_collector.store.feed import Cursor
from tests.collector.events import add, event, fill
from tests.collector.web_server import DEADLINE_S, served, streamed
from tests.fixtures.servers import FreshDatabase

COUNT = 240


def test_stream_that_is_cut_and_resumed_skips_nothing(database: FreshDatabase) -> None:
    """With `Last-Event-ID` a stream goes on behind the last event, while more are written."""

    async def write() -> None:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            for number in range(0, COUNT, 3):
                await add(connection, [event(number + n) for n in range(3)])

    async def follow(client: httpx.AsyncClient) -> tuple[list[str], int]:
        seen: list[str] = []
        last_id: str | None = None
        cuts = 0
        while len(seen) < COUNT:
            async with aclosing(streamed(client, "/v1/events/stream", last_id)) as stream:
                async for event_id, found in stream:
                    last_id = event_id
                    seen.append(found["data"]["fence"])
                    if len(seen) % 17 == 0 or len(seen) == COUNT:
                        break
            cuts += 1
        return seen, cuts

    async def story() -> tuple[list[str], int]:
        async with asyncio.timeout(DEADLINE_S), served(database.dsn) as client:
            writing = asyncio.create_task(write())
            result = await follow(client)
            await writing
            return result

    seen, cuts = asyncio.run(story())
    assert seen == [f"f{n}" for n in range(COUNT)]
    assert cuts > 10


def test_stream_from_the_end_tells_what_comes(plain_database: FreshDatabase) -> None:
    """`after=end` begins with the next event, which arrives without being asked for."""
    fill(plain_database, [event(1)])

    async def story() -> str:
        async with asyncio.timeout(DEADLINE_S), served(plain_database.dsn) as client:
            path = "/v1/events/stream?after=end"
            async with aclosing(streamed(client, path)) as stream:
                coming = asyncio.ensure_future(anext(stream))
                async with await connect_async(plain_database.dsn, autocommit=True) as connection:
                    number = 2
                    while not coming.done():
                        await add(connection, [event(number)])
                        number += 1
                        await asyncio.wait([coming], timeout=0.1)
                _, found = await coming
                return str(found["data"]["fence"])

    # The events that were written before the stream was open are not told.
    assert asyncio.run(story()) != "f1"


def test_stream_after_the_database_was_away_misses_nothing(plain_database: FreshDatabase) -> None:
    """A stream whose connections were cut, or its successor, tells what was written meanwhile."""
    fill(plain_database, [event(1)])

    async def cut_and_write() -> None:
        plain_database.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        async with await connect_async(plain_database.dsn, autocommit=True) as connection:
            await add(connection, [event(2), event(3)])

    async def story() -> list[str]:
        seen: list[str] = []
        last_id: str | None = None
        async with asyncio.timeout(DEADLINE_S), served(plain_database.dsn) as client:
            while len(seen) < 3:
                async with aclosing(streamed(client, "/v1/events/stream", last_id)) as stream:
                    async for event_id, found in stream:
                        last_id = event_id
                        seen.append(found["data"]["fence"])
                        if len(seen) == 1:
                            await cut_and_write()
                        if len(seen) == 3:
                            break
        return seen

    assert asyncio.run(story()) == ["f1", "f2", "f3"]


def test_stream_ends_when_the_feed_is_another(plain_database: FreshDatabase) -> None:
    """After a restore a stream ends, so that its reader comes again and hears 410."""
    fill(plain_database, [event(1)])

    async def story() -> int:
        async with asyncio.timeout(DEADLINE_S), served(plain_database.dsn) as client:
            ids = []
            async for last_id, _ in streamed(client, "/v1/events/stream"):
                ids.append(last_id)
                plain_database.run("UPDATE feed SET id = gen_random_uuid()")
            headers = {"Last-Event-ID": ids[-1]}
            return (await client.get("/v1/events/stream", headers=headers)).status_code

    assert asyncio.run(story()) == 410


def test_tail_with_a_listener_ahead_of_it_lets_it_wait(plain_database: FreshDatabase) -> None:
    """A cursor that the tail has not reached yet is no reason to look again at once."""
    fill(plain_database, [event(1), event(2)])

    async def story() -> None:
        tail = Tail(plain_database.dsn)
        following = asyncio.create_task(tail.run())
        async with await connect_async(plain_database.dsn, autocommit=True) as connection:
            end = await feed.end(connection)
        async with asyncio.timeout(DEADLINE_S):
            assert await tail.wait_beyond(Cursor(end.feed, 0), DEADLINE_S)
        ahead = Cursor(end.feed, end.number + 1)
        assert tail.after(ahead) == []
        assert not await tail.wait_beyond(ahead, 0.05)
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following

    asyncio.run(story())
