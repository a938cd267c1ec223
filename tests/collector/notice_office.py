"""Notices made and sent by the real code in a thread of the test, for the orders of a real plan."""

import asyncio
import json
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from milepost_collector.clock import Clock
from milepost_collector.config import CollectorConfig, DatabaseConfig, NoticesConfig
from milepost_collector.delivery.source import Source
from milepost_collector.feed.tail import Tail
from milepost_collector.notices.office import tell_people
from milepost_collector.notices.sending import LinkOf, no_link
from milepost_collector.store.connection import AsyncDatabase, connect_async
from milepost_collector.store.plans.locking import By
from milepost_collector.store.plans.writing import put_plan
from milepost_schemas.event import Event, rfc3339
from milepost_schemas.plan import Contact, Order, Place, Plan, Stop
from tests.collector.events import fill
from tests.collector.programs import wait_until
from tests.fixtures.servers import FreshDatabase

T = TypeVar("T")

ANNA = Contact(name="Anna Muster", phone="+4915112345678", email="anna@example.org", locale="de")
BEN = Contact(name="Ben Doe", phone="+447700900123", email="ben@example.org")

NEAR = {"on": "stop.approaching", "notice": "near", "by": ["sms"]}


def ask(database: FreshDatabase, work: Callable[[AsyncDatabase], Awaitable[T]]) -> T:
    """Do some work over a connection of its own."""

    async def once() -> T:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            return await work(connection)

    return asyncio.run(once())


def by_test() -> By:
    """Who changes plans."""
    return By(Source.DISPATCHER, "a test", Clock().now())


def put(
    database: FreshDatabase,
    contacts: Mapping[str, Contact] | None = None,
    *,
    name: str = "p",
    zone: str = "UTC",
) -> None:
    """Plan one stop `s` for these orders: of Anna (`a`) and Ben (`b`) unless told otherwise."""
    given = {"a": ANNA, "b": BEN} if contacts is None else contacts
    orders = tuple(Order(order, (), contact) for order, contact in given.items())
    stops = (Stop("s", Place(52.5, 13.4), orders=orders),)
    plan = Plan(name, "van-1", Clock().now().date(), stops, zone)
    effective_at = Clock().now() + timedelta(seconds=10)
    ask(
        database,
        lambda connection: put_plan(connection, plan, by_test(), effective_at=effective_at),
    )


def event(kind: str, *, age_s: float = 0, **data: Any) -> Event:
    """An event of the plan's stop, of now or so long ago."""
    told = {"plan": "p", "stop": "s", **data}
    now_ms = Clock().now_ms()
    return Event(uuid.uuid4(), kind, "desk", "van-1", now_ms - round(age_s * 1000), told)


def expected(in_min: float) -> dict[str, Any]:
    """What an event says of an arrival in so many minutes."""
    eta_ms = Clock().now_ms() + round(in_min * 60_000)
    return {
        "eta_at": rfc3339(eta_ms),
        "earliest_at": rfc3339(eta_ms - 300_000),
        "latest_at": rfc3339(eta_ms + 300_000),
    }


def states(database: FreshDatabase) -> list[tuple[str, str, str | None, str, str | None]]:
    """Return kind, channel, order, state and reason of all notices."""
    return database.rows(
        "SELECT kind, channel, order_id, state, reason FROM notice ORDER BY number"
    )


def sink(folder: Path) -> list[dict[str, str]]:
    """Return what lies in the file sink."""
    file = folder / "sink.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def settings_of(
    folder: Path,
    rules: Sequence[Mapping[str, Any]],
    channels: Mapping[str, str] | None = None,
    **book: Any,
) -> dict[str, Any]:
    """Return what `[notices]` holds: these rules, and `sms` into the file sink unless told."""
    file = folder / "notices.json"
    file.write_text(json.dumps({"rules": [dict(rule) for rule in rules], **book}))
    usual = {"sms": f"file://{folder}/sink.jsonl?to={{phone}}"}
    return {"rules": file, "channels": usual if channels is None else dict(channels)}


@contextmanager
def telling(
    database: FreshDatabase, settings: Mapping[str, Any], link_of: LinkOf = no_link, **more: Any
) -> Iterator[None]:
    """Tell people until the end of the block; begins when the office has its place."""
    notices = NoticesConfig(**{"retry_s": (0.05, 0.1, 0.2), **settings, **more})
    config = CollectorConfig().model_copy(
        update={"database": DatabaseConfig(dsn=database.dsn), "notices": notices}
    )
    loop = asyncio.new_event_loop()
    begun = threading.Event()
    tasks: list[asyncio.Task[None]] = []
    failures: list[BaseException] = []

    async def run() -> None:
        tail = Tail(database.dsn)
        works = (tail.run(), tell_people(config, tail, link_of))
        tasks.extend(asyncio.ensure_future(work) for work in works)
        begun.set()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        failures.extend(error for error in ended if isinstance(error, Exception))

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    begun.wait()
    try:
        wait_until(lambda: database.rows("SELECT FROM notice_office"), "a place in the feed")
        yield
    finally:
        for task in tasks:
            loop.call_soon_threadsafe(task.cancel)
        thread.join()
        loop.close()
    assert failures == []


def tell(database: FreshDatabase, *events: Event) -> None:
    """Write events as desks do."""
    fill(database, events)


def wait_states(database: FreshDatabase, wanted: Sequence[str]) -> None:
    """Wait until notices stand so, in their order."""
    wait_until(
        lambda: [state for *_, state, _ in states(database)] == list(wanted),
        f"notices that are {wanted}",
    )
