"""The stream's own promises: where it begins, what it passes over, and readers that do not read."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from pathlib import Path

import httpx
import pytest
from psycopg import connect
from psycopg.types.json import Jsonb

from milepost_collector.store import feed
from milepost_collector.store.connection import connect_async
from milepost_collector.web import stream
from tests.collector.batches import NOW
from tests.collector.events import add, event, fill
from tests.collector.web_program import web_program
from tests.collector.web_server import DEADLINE_S, served
from tests.fixtures.servers import FreshDatabase

RARE = "org.milepost.trip.ended"

READERS = 24
BACKLOG = 12_000
BODY_BYTES = 1_500

# What a reader that does not read may cost the program: a page, and the buffers of its connection.
READER_MAX_BYTES = 1_000_000


async def messages(
    client: httpx.AsyncClient, path: str, last_id: str | None = None
) -> AsyncGenerator[dict[str, str], None]:
    """Give the fields of each message of a stream, also of one without data."""
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    async with client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if line and name:
                fields[name] = value
            elif not line and fields:
                yield fields
                fields = {}


async def write(database: FreshDatabase, *numbers: int, kind: str = "fence.entered") -> None:
    """Write and number events."""
    async with await connect_async(database.dsn, autocommit=True) as connection:
        await add(connection, [event(number, kind=kind) for number in numbers])


def test_stream_says_first_where_it_begins(plain_database: FreshDatabase) -> None:
    """A stream from the end that is cut before its first event resumes where it began."""
    fill(plain_database, [event(1)])

    async def story() -> str:
        async with asyncio.timeout(DEADLINE_S), served(plain_database.dsn) as client:
            path = "/v1/events/stream?after=end"
            async with aclosing(messages(client, path)) as reading:
                first = await anext(reading)
            assert set(first) == {"id", "retry"}
            await write(plain_database, 2)
            async with aclosing(messages(client, path, first["id"])) as reading:
                assert (await anext(reading))["id"] == first["id"]
                found = json.loads((await anext(reading))["data"])
        return str(found["data"]["fence"])

    assert asyncio.run(story()) == "f2"


def test_stream_with_a_filter_moves_on_past_what_is_not_wanted(
    plain_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its reader's id follows the feed while nothing is for him, also while others never cease."""
    monkeypatch.setattr(stream, "_SILENCE_MAX_S", 0.3)  # three seconds would be waited for in vain
    fill(plain_database, [event(1), event(2, kind="trip.ended")])

    async def story() -> None:
        async with asyncio.timeout(DEADLINE_S), served(plain_database.dsn) as client:
            path = "/v1/events/stream?type=trip.ended&type=trip.started&vehicle=van-1"
            async with aclosing(messages(client, path)) as reading:
                await anext(reading)
                assert (await anext(reading))["event"] == RARE

                async def keep_writing() -> None:
                    for number in range(3, 1000):
                        await write(plain_database, number)

                writing = asyncio.create_task(keep_writing())
                passed = await anext(reading)
                writing.cancel()
                assert set(passed) == {"id"}
                number = int(passed["id"].partition("-")[2])
                assert number > 2
                await write(plain_database, 2000, kind="trip.ended")
                async for each in reading:
                    if "data" in each:
                        break
                assert json.loads(each["data"])["data"]["fence"] == "f2000"
            # Who resumes from a message without data skips nothing either.
            async with aclosing(messages(client, path, passed["id"])) as reading:
                await anext(reading)
                assert json.loads((await anext(reading))["data"])["data"]["fence"] == "f2000"

    asyncio.run(story())


def test_stream_ends_when_the_database_went_back(plain_database: FreshDatabase) -> None:
    """Put back from an image of its disk, a feed is another for all who stream it."""
    fill(plain_database, [event(number) for number in range(5)])

    async def story() -> tuple[int, str]:
        async with asyncio.timeout(DEADLINE_S), served(plain_database.dsn) as client:
            path = "/v1/events/stream?after=end"
            async for each in messages(client, path):
                last_id = each["id"]
                # The tail must have seen the end that is lost.
                assert (await client.get(f"/v1/events?after={last_id}&wait=1")).status_code == 200
                plain_database.run("UPDATE feed SET last_number = 3")
            answer = await client.get(path, headers={"Last-Event-ID": last_id})
            return answer.status_code, str(answer.json()["resume_from"])

    assert asyncio.run(story()) == (410, "2026-11-19T12:00:01Z")


def test_stream_refuses_what_it_cannot_read(plain_database: FreshDatabase) -> None:
    """A wrong id, place or filter is a 400 that says what; the head alone ends by itself."""

    async def story() -> None:
        async with asyncio.timeout(DEADLINE_S), served(plain_database.dsn) as client:
            path = "/v1/events/stream"
            wrong_id = await client.get(path, headers={"Last-Event-ID": "x"})
            assert wrong_id.status_code == 400
            assert wrong_id.json()["error"] == "Last-Event-ID: cursor 'x' cannot be read"
            for query in ("after=x", "type=", "vehicle=", "limit=5", "after=end&after=end"):
                assert (await client.get(f"{path}?{query}")).status_code == 400
            head = await client.head(path)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-type"].startswith("text/event-stream")

    asyncio.run(story())


def write_backlog(database: FreshDatabase) -> None:
    """Write many large events at once, and number them."""
    with connect(database.dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO event (time, id, type, device, subject, data, recorded_at) SELECT "
            "%s::timestamptz + n * '1 ms'::interval, gen_random_uuid(), 'fence.entered', 'van-1', "
            "'van-1', %s::jsonb || jsonb_build_object('fence', n), %s FROM generate_series(1, %s) "
            "AS n",
            (NOW, Jsonb({"body": "x" * BODY_BYTES}), NOW, BACKLOG),
        )

    async def number() -> None:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            while await feed.number_fresh(connection):
                pass

    asyncio.run(number())


def test_readers_that_do_not_read_cost_a_page_each(
    tmp_path: Path, plain_database: FreshDatabase
) -> None:
    """Behind by 20 MB each they hold no more than a page; who reads on then has every event."""
    with web_program(tmp_path, plain_database) as (url, process), ExitStack() as stack:
        address = httpx.URL(url)
        asked = f"GET /v1/events/stream HTTP/1.1\r\nHost: {address.host}\r\n\r\n".encode()
        httpx.get(f"{url}/v1/events", trust_env=False, timeout=DEADLINE_S)
        before_bytes = process.memory_info().rss
        readers = []
        for _ in range(READERS):
            reader = stack.enter_context(socket.create_connection((address.host, address.port)))
            reader.sendall(asked)
            assert reader.recv(15) == b"HTTP/1.1 200 OK"
            readers.append(reader)
        write_backlog(plain_database)

        deadline_s, most_bytes = time.monotonic() + 4, 0
        while time.monotonic() < deadline_s:
            most_bytes = max(most_bytes, process.memory_info().rss)
            assert (
                httpx.get(f"{url}/healthz", trust_env=False, timeout=DEADLINE_S).status_code == 200
            )
        assert most_bytes - before_bytes < READERS * READER_MAX_BYTES

        readers[0].settimeout(DEADLINE_S)
        said = b""
        while said.count(b"\nevent: ") < BACKLOG:
            said += readers[0].recv(1 << 20)
        fences = [
            json.loads(line.removeprefix(b"data: "))["data"]["fence"]
            for line in said.split(b"\n")
            if line.startswith(b"data: ") and line.endswith(b"}")
        ]
        assert fences == list(range(1, BACKLOG + 1))
