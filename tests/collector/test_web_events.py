"""The events over HTTP: pages by cursor, filters, and what is refused."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx
import pytest

from milepost_collector.store import feed
from milepost_collector.store.connection import connect_async
from tests.collector.events import event, fill
from tests.collector.web_server import served
from tests.fixtures.servers import FreshDatabase

T = TypeVar("T")

KINDS = ["fence.entered", "fence.exited", "gap"]


def ask(database: FreshDatabase, question: Callable[[httpx.AsyncClient], Awaitable[T]]) -> T:
    """Serve a database and ask."""

    async def once() -> T:
        async with served(database.dsn) as client:
            return await question(client)

    return asyncio.run(once())


def get(database: FreshDatabase, *paths: str) -> list[httpx.Response]:
    """Serve a database and get the answers to some paths."""

    async def question(client: httpx.AsyncClient) -> list[httpx.Response]:
        return [await client.get(path) for path in paths]

    return ask(database, question)


def names(answer: httpx.Response) -> list[str]:
    """Return the fences of the events of a page."""
    assert answer.status_code == 200
    return [each["data"]["fence"] for each in answer.json()["events"]]


@pytest.fixture
def filled(plain_database: FreshDatabase) -> FreshDatabase:
    """A database with twelve events, f0 to f11, of three types and two vehicles."""
    fill(plain_database, [event(n, kind=KINDS[n % 3], vehicle=f"van-{n % 2}") for n in range(12)])
    return plain_database


def test_events_paged_by_cursor_give_each_once(database: FreshDatabase) -> None:
    """Reading on from `next` until a page is empty gives every event once, in order."""
    fill(database, [event(n) for n in range(12)])

    async def pages(client: httpx.AsyncClient) -> list[list[str]]:
        found, cursor = [], "beginning"
        while True:
            answer = await client.get("/v1/events", params={"after": cursor, "limit": 5})
            found.append(names(answer))
            cursor = answer.json()["next"]
            if not found[-1]:
                return found

    found = ask(database, pages)
    assert [len(page) for page in found] == [5, 5, 2, 0]
    assert [name for page in found for name in page] == [f"f{n}" for n in range(12)]


def test_event_is_a_cloud_event(filled: FreshDatabase) -> None:
    """An event is CloudEvents 1.0 with our times and its place in the feed."""
    (answer,) = get(filled, "/v1/events?limit=1")
    (found,) = answer.json()["events"]
    assert found == {
        "specversion": "1.0",
        "id": str(event(0, vehicle="van-0").id),
        "source": "milepost/van-0",
        "type": "org.milepost.fence.entered",
        "subject": "van-0",
        "time": "2026-11-19T12:00:00.000Z",
        "recordedat": "2026-11-19T12:00:01.000Z",
        "cursor": answer.json()["next"],
        "datacontenttype": "application/json",
        "data": {"fence": "f0"},
    }


def test_events_are_narrowed_by_type_and_vehicle(filled: FreshDatabase) -> None:
    """Types (with or without prefix, any number of them) and a vehicle narrow a page."""
    answers = get(
        filled,
        "/v1/events?type=gap",
        "/v1/events?type=org.milepost.gap&type=fence.exited&limit=4",
        "/v1/events?vehicle=van-1",
        "/v1/events?vehicle=van-0&type=gap",
        "/v1/events?vehicle=nobody",
        "/v1/events?vehicle=van-0&vehicle=van-1&type=gap",
        "/v1/events?last=3&type=gap",
        "/v1/events?last=3",
        "/v1/events?last=1000",
        "/v1/events?after=end",
        "/v1/events?after=",
    )
    assert [[int(name[1:]) for name in names(answer)] for answer in answers] == [
        [2, 5, 8, 11],
        [1, 2, 4, 5],
        [1, 3, 5, 7, 9, 11],
        [2, 8],
        [],
        [2, 5, 8, 11],
        [11],
        [9, 10, 11],
        list(range(12)),
        [],
        list(range(12)),
    ]
    ends = {answers[n].json()["next"] for n in (0, 2, 3, 4, 5, 6, 7, 8, 9, 10)}
    assert len(ends) == 1


def test_events_of_a_database_without_any_have_a_cursor(plain_database: FreshDatabase) -> None:
    """A feed that nothing was ever written to can be read, and followed from its end."""
    answers = get(plain_database, "/v1/events", "/v1/events?last=5", "/v1/events?after=end")
    assert [names(answer) for answer in answers] == [[], [], []]
    assert len({answer.json()["next"] for answer in answers}) == 1


WRONG = {
    "limit=0": "limit='0' is not a whole number from 1 to 1000",
    "limit=1001": "limit='1001' is not a whole number from 1 to 1000",
    "limit=-1": "limit='-1' is not a whole number from 1 to 1000",
    "limit=1e3": "limit='1e3' is not a whole number from 1 to 1000",
    "limit=": "limit='' is not a whole number from 1 to 1000",
    "limit=%C2%B2": "limit='²' is not a whole number from 1 to 1000",
    "limit=99999999999999999999": "limit='99999999999999999999' is not a whole number",
    "last=1001": "last='1001' is not a whole number from 1 to 1000",
    "last=0": "last='0' is not a whole number from 1 to 1000",
    "wait=61": "wait='61' is not a whole number from 0 to 60",
    "after=nonsense": "after: cursor 'nonsense' cannot be read",
    "after=%00": "after: cursor '\\x00' cannot be read",
    "after=2026-11-19T12:00:00": "after: cursor '2026-11-19T12:00:00' cannot be read",
    "after=2026-02-30T12:00:00Z": "after='2026-02-30T12:00:00Z': day is out of range for month",
    "vehicle=%00": "vehicle='\\x00' is not a name of a vehicle",
    "vehicle=": "vehicle='' is not a name of a vehicle",
    "type=%00": "type='\\x00' is not a type of event, as fence.entered is",
    "type=fence.*": "type='fence.*' is not a type of event, as fence.entered is",
    "typ=gap": "there is no parameter 'typ': known are after, type, vehicle, limit, wait, last",
    "limit=5&limit=6": "limit is given 2 times, not 1",
    "&".join(["vehicle=van-1"] * 101): "vehicle is given 101 times, not 100",
}


def test_events_with_a_wrong_question_are_refused(filled: FreshDatabase) -> None:
    """A parameter that cannot be is answered 400 with its name, its value and what is right."""
    answers = get(filled, *(f"/v1/events?{query}" for query in WRONG))
    for answer, error in zip(answers, WRONG.values(), strict=True):
        assert (answer.status_code, answer.json()["error"][: len(error)]) == (400, error)


def test_events_after_a_foreign_cursor_are_gone(filled: FreshDatabase) -> None:
    """A cursor of another feed, or from before a restore, answers 410 and when to resume from."""

    async def question(client: httpx.AsyncClient) -> list[Any]:
        end = (await client.get("/v1/events?after=end")).json()["next"]
        feed_id, _, number = end.partition("-")
        foreign = [f"{uuid.uuid4().hex}-1", f"{feed_id}-{int(number) + 1}"]
        paths = ["/v1/events", "/v1/events/stream"]
        return [
            await client.get(path, params={"after": cursor}) for cursor in foreign for path in paths
        ]

    answers = ask(filled, question)
    for answer in answers:
        assert answer.status_code == 410
        assert answer.json()["resume_from"] == "2026-11-19T12:00:01Z"
    whys = [answer.json()["error"].partition(" is ")[2] for answer in answers]
    assert whys == ["of another feed"] * 2 + ["beyond the end of the feed"] * 2


def test_events_after_a_restore_are_gone(filled: FreshDatabase) -> None:
    """The cursors that a consumer holds are foreign once the database was restored."""
    (before,) = get(filled, "/v1/events?after=end")
    filled.run("UPDATE feed SET system_identifier = 1")

    async def question(client: httpx.AsyncClient) -> httpx.Response:
        async with await connect_async(filled.dsn, autocommit=True) as connection:
            await feed.open_feed(connection)
        return await client.get("/v1/events", params={"after": before.json()["next"]})

    assert ask(filled, question).status_code == 410
