"""Vehicles, tracks and fences over HTTP, and what holds for every answer."""

import asyncio

import httpx
from psycopg.conninfo import make_conninfo

from milepost_collector.store.connection import connect
from milepost_collector.store.definitions import publish
from milepost_schemas.fix import Fix
from tests.collector.batches import NOW, NOW_MS, drive, message, take
from tests.collector.fences import circle, collection
from tests.collector.test_web_events import get
from tests.collector.web_server import served
from tests.fixtures.servers import FreshDatabase

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def test_vehicles_tell_where_each_is_and_what_waits(database: FreshDatabase) -> None:
    """Each vehicle has its newest position, when it was heard, and how much is still to come."""
    take(
        database,
        message(drive(1, 5), newest=12, device="van-2"),
        message(live=Fix(NOW_MS, 48_250_000, -11_500_000), device="van-1"),
    )
    take(database, message(device="van-3"))
    (answer,) = get(database, "/v1/vehicles")
    assert answer.status_code == 200
    assert set(answer.json()) == {"now", "vehicles"}
    nowhere = dict.fromkeys(
        ["position_time", "lat_deg", "lon_deg", "altitude_m", "speed_mps", "course_deg", "online"]
    )
    heard = {"heard_at": "2026-11-19T12:00:00Z", "stored": 0, "waiting": 0}
    first, second, third = answer.json()["vehicles"]
    assert first == {
        **nowhere,
        **heard,
        "id": "van-1",
        "position_time": "2026-11-19T12:00:00Z",
        "lat_deg": 48.25,
        "lon_deg": -11.5,
    }
    assert second == {
        **heard,
        "id": "van-2",
        "position_time": "2026-11-19T11:00:05Z",
        "lat_deg": 48.00045,
        "lon_deg": 11.0,
        "altitude_m": 500.0,
        "speed_mps": 10.0,
        "course_deg": 0,
        "online": None,
        "stored": 5,
        "waiting": 7,
    }
    assert third == {**nowhere, **heard, "id": "van-3"}


def test_track_gives_the_newest_positions_oldest_first(database: FreshDatabase) -> None:
    """A track is the last positions by GPS time, also where a late stream came after."""
    take(database, message(drive(1, 5)))
    take(database, message(drive(1, 3, start_ms=NOW_MS - 9_000_000), stream=b"the-late"))
    whole, last, wrong = get(
        database,
        "/v1/vehicles/van-1/track",
        "/v1/vehicles/van-1/track?last=2",
        "/v1/vehicles/van-1/track?last=0",
    )
    assert len(whole.json()["points"]) == 8
    times = [point["time"] for point in whole.json()["points"]]
    assert times == sorted(times)
    assert last.json() == {
        "vehicle": "van-1",
        "points": [
            {"time": f"2026-11-19T11:00:0{n}Z", "lat_deg": 48 + n * 90 / 1e6, "lon_deg": 11.0}
            for n in (4, 5)
        ],
    }
    assert wrong.status_code == 400


def test_track_of_a_vehicle_without_one_is_not_found(plain_database: FreshDatabase) -> None:
    """An unknown vehicle, one without positions and a name that cannot be have no track."""
    take(plain_database, message(device="van-1"))
    names = ["nobody", "van-1", "%00", "..%2F..", "%F0%9F%9A%9A"]
    for answer in get(plain_database, *(f"/v1/vehicles/{name}/track" for name in names)):
        assert answer.status_code == 404
        assert answer.json()["error"]


def test_fences_are_the_newest_as_geojson(plain_database: FreshDatabase) -> None:
    """The fences are the newest version as it was published, and an empty collection without."""
    (without,) = get(plain_database, "/v1/fences")
    assert without.json() == collection()
    fences = collection(circle("yard", Fix(NOW_MS, 48_000_000, 11_000_000), 80))
    with connect(plain_database.dsn) as connection:
        publish(connection, fences, NOW)
    (answer,) = get(plain_database, "/v1/fences")
    assert answer.json() == fences


ANSWERS = {
    "/": 200,
    "/healthz": 200,
    "/static/index.html": 200,
    "/static/none.js": 404,
    "/static/..%2fapp.py": 404,
    "/v1/events": 200,
    "/v1/events?limit=x": 400,
    "/v1/events?after=00000000000000000000000000000000-1": 410,
    "/v1/vehicles": 200,
    "/v1/nothing": 404,
}


def test_answer_of_any_kind_carries_the_security_headers(plain_database: FreshDatabase) -> None:
    """Pages, files, JSON and errors all say what a browser may do with them."""
    for answer, status in zip(get(plain_database, *ANSWERS), ANSWERS.values(), strict=True):
        assert answer.status_code == status, answer.url
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_stream_carries_the_security_headers(plain_database: FreshDatabase) -> None:
    """A stream says so too, and that nobody may keep or hold it."""

    async def story() -> None:
        async with (
            served(plain_database.dsn) as client,
            client.stream("GET", "/v1/events/stream") as answer,
        ):
            assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-accel-buffering"] == "no"

    asyncio.run(story())


def test_answer_to_another_method_is_refused(plain_database: FreshDatabase) -> None:
    """Nothing can be written over this API."""

    async def story() -> httpx.Response:
        async with served(plain_database.dsn) as client:
            return await client.post("/v1/events", json={})

    answer = asyncio.run(story())
    assert answer.status_code == 405
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_answer_without_a_database_is_503(plain_server: str) -> None:
    """While the database is away questions are answered 503, and the program lives."""

    async def story() -> list[httpx.Response]:
        async with served(make_conninfo(plain_server, dbname="never_made")) as client:
            paths = ["/v1/events", "/v1/events/stream", "/v1/vehicles", "/v1/fences"]
            asked = [client.get(path) for path in paths]
            return [await client.get("/healthz"), *await asyncio.gather(*asked)]

    alive, *answers = asyncio.run(story())
    assert alive.status_code == 200
    for answer in answers:
        assert answer.status_code == 503
        assert answer.json() == {"error": "the database is away; try again"}
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
