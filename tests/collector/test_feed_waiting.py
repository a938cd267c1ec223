"""Waiting for events over HTTP: answers as soon as there is something, at the latest in time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx
import pytest

from milepost_collector.feed.tail import Tail
from milepost_collector.store import feed, feed_pages
from milepost_collector.store.connection import connect_async
from tests.collector.events import add, event, fill
from tests.collector.web_server import DEADLINE_S, served
from tests.fixtures.servers import FreshDatabase

T = TypeVar("T")

WAITERS = 600

# Sessions of the web program: those that are at work, and all.
SESSIONS = (
    "SELECT count(*) FILTER (WHERE state <> 'idle' OR xact_start IS NOT NULL), count(*) "
    "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND backend_type = 'client backend'"
)


def ask(database: FreshDatabase, question: Callable[[httpx.AsyncClient], Awaitable[T]]) -> T:
    """Serve a database and ask."""

    async def once() -> T:
        async with asyncio.timeout(2 * DEADLINE_S), served(database.dsn) as client:
            return await question(client)

    return asyncio.run(once())


async def write(database: FreshDatabase, *numbers: int, kind: str = "fence.entered") -> None:
    """Write and number events."""
    async with await connect_async(database.dsn, autocommit=True) as connection:
        await add(connection, [event(number, kind=kind) for number in numbers])


async def waited_for(count: int) -> None:
    """Wait until so many requests wait for the feed to grow; the server runs in this loop."""
    async with asyncio.timeout(DEADLINE_S):
        while sum(map(is_waiting, asyncio.all_tasks())) < count:  # noqa: ASYNC110 - of its tasks
            await asyncio.sleep(0.01)


def is_waiting(task: "asyncio.Task[Any]") -> bool:
    """Whether a task stands in `Tail.wait_beyond`."""
    inner: Any = task.get_coro()
    while inner is not None:
        if getattr(inner, "__qualname__", "") == Tail.wait_beyond.__qualname__:
            return True
        inner = getattr(inner, "cr_await", None)
    return False


async def page(client: httpx.AsyncClient, **asked: str | int) -> dict[str, Any]:
    """Get a page."""
    answer = await client.get("/v1/events", params=asked)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def fences(found: dict[str, Any]) -> list[str]:
    """Return the fences of the events of a page."""
    return [each["data"]["fence"] for each in found["events"]]


def test_wait_where_there_is_something_answers_at_once(plain_database: FreshDatabase) -> None:
    """Events that are there already are not waited for, nor any beside them."""
    fill(plain_database, [event(1)])

    async def question(client: httpx.AsyncClient) -> float:
        begin_s = time.monotonic()
        assert fences(await page(client, wait=60)) == ["f1"]
        return time.monotonic() - begin_s

    assert ask(plain_database, question) < 30


def test_wait_in_vain_ends_in_time_with_the_same_cursor(plain_database: FreshDatabase) -> None:
    """An empty page comes when the seconds are over, and `next` stands where it stood."""
    fill(plain_database, [event(1)])

    async def question(client: httpx.AsyncClient) -> None:
        end = (await page(client, after="end"))["next"]
        begin_s = time.monotonic()
        assert await page(client, after=end, wait=1) == {"events": [], "next": end}
        assert 1 <= time.monotonic() - begin_s < 30

    ask(plain_database, question)


def test_many_who_wait_are_told_and_hold_no_connection(plain_database: FreshDatabase) -> None:
    """Far more waiters than connections hear of an event together; meanwhile none is held."""
    fill(plain_database, [event(1)])

    async def question(client: httpx.AsyncClient) -> float:
        target = f"/v1/events?after={(await page(client))['next']}&wait=50"
        waiting = [asyncio.create_task(raw_answer(client, target)) for _ in range(WAITERS)]
        await waited_for(WAITERS)
        assert fences(await page(client)) == ["f1"]
        busy, sessions = 1, 0
        while busy:
            busy, sessions = plain_database.rows(SESSIONS)[0]
        assert sessions < WAITERS / 20
        assert not any(task.done() for task in waiting)
        await write(plain_database, 2)
        begin_s = time.monotonic()
        found = await asyncio.gather(*waiting)
        told_s = time.monotonic() - begin_s
        assert all(said.count('"fence":"f2"') == 1 for said in found)
        return told_s

    assert ask(plain_database, question) < 30


async def raw_answer(client: httpx.AsyncClient, target: str) -> str:
    """Ask over a connection of its own; the client's pool is slow with so many."""
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    said = await reader.read()
    writer.close()
    return said.decode()


def test_wait_with_a_filter_moves_on_past_what_is_not_wanted(
    plain_database: FreshDatabase,
) -> None:
    """Events of other types do not end the waiting, and `next` stands behind them."""
    fill(plain_database, [event(1)])

    async def question(client: httpx.AsyncClient) -> None:
        end = (await page(client, after="end"))["next"]
        waiting = asyncio.create_task(page(client, after=end, wait=2, type="trip.ended"))
        for number in range(2, 5):
            await write(plain_database, number)
        found = await waiting
        assert found["events"] == []
        assert found["next"] == (await page(client, after="end"))["next"]

        waiting = asyncio.create_task(page(client, after=end, wait=50, type="trip.ended"))
        await write(plain_database, 5)
        await write(plain_database, 6, kind="trip.ended")
        assert fences(await waiting) == ["f6"]

    ask(plain_database, question)


def test_filtered_pages_look_at_each_event_once(
    plain_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rare type is found in bounded steps; every page goes on where the one before stopped."""
    monkeypatch.setattr(feed_pages, "_RANGE", 7)  # a million events would take too long to write
    kinds = ["trip.ended" if number in (3, 90, 91) else "fence.entered" for number in range(200)]
    fill(plain_database, [event(number, kind=kinds[number]) for number in range(200)])

    async def question(client: httpx.AsyncClient) -> tuple[list[str], list[int]]:
        found: list[str] = []
        ends: list[int] = []
        after = "beginning"
        while True:
            asked = await page(client, after=after, type="trip.ended", vehicle="van-1", limit=1)
            if asked["next"] == after:
                return found, ends
            after = asked["next"]
            found += fences(asked)
            ends.append(int(after.partition("-")[2]))

    found, ends = ask(plain_database, question)
    assert found == ["f3", "f90", "f91"]
    assert ends == [4, 74, 91, 92, 162, 200]


def test_wait_over_a_restore_is_told(plain_database: FreshDatabase) -> None:
    """Who waits while the database is restored hears 410, not silence."""
    fill(plain_database, [event(1)])

    async def question(client: httpx.AsyncClient) -> int:
        end = (await page(client, after="end"))["next"]
        asked = {"after": end, "wait": 50}
        waiting = asyncio.create_task(client.get("/v1/events", params=asked))
        await waited_for(1)
        plain_database.run("UPDATE feed SET timeline = timeline + 1")
        return (await waiting).status_code

    assert ask(plain_database, question) == 410


def test_wait_over_a_database_that_went_back_is_told(plain_database: FreshDatabase) -> None:
    """Also when it was put back from an image of its disk, which shows by its numbers alone."""
    fill(plain_database, [event(number) for number in range(5)])

    async def question(client: httpx.AsyncClient) -> tuple[int, str]:
        end = (await page(client, after="end"))["next"]
        waiting = asyncio.create_task(client.get("/v1/events", params={"after": end, "wait": 50}))
        await waited_for(1)
        plain_database.run("UPDATE feed SET last_number = 3")
        answer = await waiting
        return answer.status_code, str(answer.json()["resume_from"])

    assert ask(plain_database, question) == (410, "2026-11-19T12:00:01Z")


def test_events_from_a_time_over_http(plain_database: FreshDatabase) -> None:
    """`after` takes a time in any zone, also with a plus that was not escaped."""
    fill(plain_database, [event(number) for number in range(3)])

    async def question(client: httpx.AsyncClient) -> list[int]:
        paths = [
            "2026-11-19T12:00:01Z",
            "2026-11-19T12:00:01.000Z",
            "2026-11-19t12:00:01z",
            "2026-11-19T14:00:01%2B02:00",
            "2026-11-19T14:00:01+02:00",
            "2026-11-19T12:00:01.001Z",
            "2026-11-19T12:00:02-00:00",
            "0001-01-01T00:00:00%2B23:59",
            "9999-12-31T23:59:59-23:59",
        ]
        answers = [await client.get(f"/v1/events?after={path}") for path in paths]
        return [len(answer.json()["events"]) for answer in answers]

    assert ask(plain_database, question) == [3, 3, 3, 3, 3, 0, 0, 3, 0]


def test_numbers_beside_a_question_are_never_behind_its_page(
    plain_database: FreshDatabase,
) -> None:
    """A filtered page that is read while events are numbered misses none of them."""

    async def story() -> None:
        chosen = feed_pages.Choice(types=frozenset(["trip.ended"]))
        found: list[int] = []
        async with (
            await connect_async(plain_database.dsn, autocommit=True) as writer,
            await connect_async(plain_database.dsn, autocommit=True) as reader,
        ):

            async def keep_writing() -> None:
                for number in range(0, 400, 2):
                    pair = [event(number), event(number + 1, kind="trip.ended")]
                    await add(writer, pair)

            writing = asyncio.create_task(keep_writing())
            cursor = await feed.beginning(reader)
            while True:
                over = writing.done()
                read = await feed_pages.read_page(reader, cursor, 3, chosen)
                found += [each.cursor.number for each in read.events]
                cursor = read.next
                if over and read.is_last:
                    break
            await writing
        assert found == list(range(2, 401, 2))

    asyncio.run(story())
