"""Desks at work: the real web program over plans and track events, and what it tells of them."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from milepost_collector.clock import Clock
from milepost_collector.delivery.desk import DeskState, desk, input_of_json
from milepost_collector.store.connection import connect_async
from milepost_collector.store.feed import number_fresh
from milepost_schemas.event import Event, rfc3339
from milepost_schemas.fix import KeptFix, instant, milliseconds
from milepost_schemas.plan import Order, Place, Plan, Stop, Window
from tests.collector import plans
from tests.collector.batches import NOW, START_MS, drive, message, take
from tests.collector.programs import running, settings, wait_until
from tests.collector.web_program import free_port
from tests.collector.web_server import served
from tests.fixtures.servers import FreshDatabase

DRIVE = drive(1, 400)
DAY_MS = 86_400_000

TOLD = "SELECT type, data ->> 'stop' FROM event WHERE device = 'desk' ORDER BY entry"


def stop(name: str, at: KeptFix) -> Stop:
    """Plan a stop of 200 m radius where a fix is."""
    return Stop(name, Place(at.fix.lat_deg, at.fix.lon_deg), 200.0)


def put(database: FreshDatabase, *stops: Stop) -> None:
    """Put van-1's plan in force since before its drive."""
    plan = Plan("tour-1", "van-1", NOW.date(), stops)
    plans.put(database, plan, effective_at=instant(START_MS))


def clock_at(now: datetime, factor: int) -> str:
    """The setting of a clock that stands there now, and goes so many times as fast."""
    start_ms = (factor * Clock().real_ms() - milliseconds(now)) // (factor - 1)
    return f"{rfc3339(start_ms)},{factor}"


@contextmanager
def office(
    folder: Path, database: FreshDatabase, now: datetime = NOW, factor: int = 2
) -> Iterator[str]:
    """Run the web program, which keeps the desks, at the time of the intake of these tests."""
    port = free_port()
    more = {
        **settings(database.dsn),
        "MILEPOST_WEB__PORT": str(port),
        "MILEPOST_CLOCK": clock_at(now, factor),
    }
    with running(folder, "web", more=more) as program:
        assert program.line() == "ready\n"
        yield f"http://127.0.0.1:{port}"


def told(database: FreshDatabase, question: str = TOLD) -> list[tuple[Any, ...]]:
    """Number what is new, as an ingest does, and return what desks have told."""

    async def once() -> None:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            await number_fresh(connection)

    asyncio.run(once())
    return database.rows(question)


def log_of(database: FreshDatabase, name: str) -> list[dict[str, Any]]:
    """The inputs of a desk, as they are stored."""
    rows = database.rows("SELECT body FROM desk_input WHERE desk = %s ORDER BY number", name)
    return [body for (body,) in rows]


def as_stored(event: Event) -> tuple[Any, ...]:
    """An event as the table holds it."""
    return event.id, event.type, event.subject, instant(event.time_ms), dict(event.data)


def canonical(rows: list[tuple[Any, ...]]) -> str:
    """Events as text: a JSON column does not keep the order of keys."""
    return json.dumps(rows, default=str, sort_keys=True)


def test_desk_tells_of_a_driven_plan_and_its_log_replays_byte_for_byte(
    tmp_path: Path, plain_database: FreshDatabase
) -> None:
    """Nobody taps: the stops were left without completion, and the log gives the same again."""
    database = plain_database
    put(database, stop("A", DRIVE[60]), stop("B", DRIVE[200]), stop("C", DRIVE[340]))
    take(database, message(DRIVE))
    left = ("stop.left_without_completion", "A")
    with office(tmp_path, database, factor=100):
        wait_until(lambda: left in told(database), "a stop that was left")
    state = DeskState.of_plan("tour-1")
    replayed = [
        as_stored(event)
        for body in log_of(database, "plan/tour-1")
        for event in desk(state, input_of_json(body)).events
    ]
    stored = database.rows(
        "SELECT id, type, subject, time, data FROM event WHERE device = 'desk' "
        "AND data ->> 'plan' = 'tour-1' ORDER BY entry"
    )
    assert canonical(replayed) == canonical(stored)
    assert database.value("SELECT state FROM desk WHERE name = 'plan/tour-1'") == state.encode()
    states = dict(database.rows("SELECT id, state FROM plan_stop"))
    assert states["A"] == states["B"] == "arrived"


def test_office_that_is_killed_tells_nothing_twice(
    tmp_path: Path, plain_database: FreshDatabase
) -> None:
    """Begun again, it goes on where it was: each event of the track is in the log once."""
    database = plain_database
    put(database, stop("A", DRIVE[60]))
    take(database, message(DRIVE[:200]))
    for fixes in (DRIVE[200:300], DRIVE[300:]):
        with office(tmp_path, database):
            told(database)
            wait_until(lambda: len(log_of(database, "plan/tour-1")) >= 3, "the log of a desk")
        take(database, message(fixes))
    feeds = [body["feed"] for body in log_of(database, "plan/tour-1") if "feed" in body]
    assert feeds == sorted(set(feeds))
    events = told(database)
    assert len(set(events)) == len(events) > 0


def test_forecasts_stand_beside_the_stops_that_remain(
    tmp_path: Path, plain_database: FreshDatabase
) -> None:
    """Of the stop ahead there is a time and an interval, of the one behind there is none."""
    database = plain_database
    ahead = drive(1, 900)[-1]
    window = Window(START_MS, START_MS + DAY_MS)
    to_b = replace(stop("B", ahead), window=window, orders=(Order("o-1"),))
    put(database, stop("A", DRIVE[60]), to_b)
    take(database, message(DRIVE))
    etas = "SELECT stop, low <= eta AND eta <= high, eta >= %s FROM stop_eta"
    with office(tmp_path, database) as url:
        told(database)
        wait_until(lambda: database.rows(etas, NOW) == [("B", True, True)], "a forecast")
        order = httpx.get(f"{url}/v1/orders/o-1", trust_env=False).json()["at"]
    assert (order["stop"], order["state"], order["is_late"]) == ("B", "en_route", False)
    assert order["expected"]["earliest"] <= order["expected"]["at"] <= order["expected"]["latest"]
    assert order["vehicle_at"]["lat_deg"] == pytest.approx(DRIVE[-1].fix.lat_deg)


def test_unit_that_falls_silent_and_is_heard_again_is_told_once_each(
    tmp_path: Path, plain_database: FreshDatabase
) -> None:
    """Three minutes without a word are silence; the next message ends it."""
    database = plain_database
    take(database, message(DRIVE[:10]))
    types = "SELECT type FROM event WHERE device = 'desk' AND subject = 'van-1' ORDER BY entry"
    silent, heard = ("vehicle.silent",), ("vehicle.heard",)
    later = NOW + timedelta(minutes=10)
    with office(tmp_path, database, later):
        wait_until(lambda: told(database, types) == [silent], "silence")
        database.run("UPDATE device SET heard_at = %s", later + timedelta(hours=1))
        wait_until(lambda: told(database, types) == [silent, heard], "a word")
    with office(tmp_path, database, later + timedelta(minutes=1)):
        put(database, stop("A", DRIVE[60]))
        wait_until(lambda: log_of(database, "plan/tour-1"), "a look at everything")
    assert told(database, types) == [silent, heard]


@pytest.mark.parametrize("kept", ["A", "B"])
def test_stop_that_is_dropped_is_told_to_the_desk(
    tmp_path: Path, plain_database: FreshDatabase, kept: str
) -> None:
    """A version that drops a stop is an input of the log, and the stop is skipped."""
    database = plain_database
    stops = {"A": stop("A", DRIVE[60]), "B": stop("B", DRIVE[200])}
    put(database, *stops.values())
    (dropped,) = stops.keys() - {kept}
    with office(tmp_path, database):
        wait_until(lambda: len(log_of(database, "plan/tour-1")) >= 1, "the plan")
        put(database, stops[kept])
        wait_until(lambda: ("stop.skipped", dropped) in told(database), "a skipped stop")


def test_tap_over_http_counts_once_and_an_illegal_one_says_what_is_allowed(
    plain_database: FreshDatabase,
) -> None:
    """A driver completes a stop: its state follows, and sent again it changes nothing."""
    database = plain_database
    put(database, stop("A", DRIVE[60]))
    path = "/v1/plans/tour-1/stops/A/taps"
    complete = {"tap": "complete", "tapped_at": NOW.isoformat()}
    unknown = "/v1/plans/tour-1/stops/Z/taps"

    tapped = (
        ("first-tap", path, complete),
        ("first-tap", path, complete),
        ("other-tap", path, {"tap": "reattempt"}),
        ("third-tap", unknown, complete),
        ("fourth-tap", path, {"tap": "fly", "height_m": 3}),
    )

    async def taps() -> list[httpx.Response]:
        async with served(database.dsn) as client:
            return [
                await client.post(where, json=what, headers={"Idempotency-Key": key})
                for key, where, what in tapped
            ]

    first, again, illegal, lost, wrong = asyncio.run(taps())
    assert [each["state"] for each in first.json()["stops"]] == ["completed"]
    assert (again.status_code, again.json()) == (200, {"repeated": True, "stops": []})
    assert (illegal.status_code, lost.status_code, wrong.status_code) == (409, 404, 400)
    assert isinstance(illegal.json()["allowed"], list)
    fields = {each["where"] for each in wrong.json()["problems"]}
    assert fields == {"tap", "height_m"}
    assert database.value("SELECT state FROM plan_stop") == "completed"
