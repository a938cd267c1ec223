"""Webhooks delivered by the real code in a thread of the test, beside a real feed."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from milepost_collector.config import CollectorConfig, DatabaseConfig, WebhooksConfig
from milepost_collector.feed.tail import Tail
from milepost_collector.store import feed, webhooks
from milepost_collector.store.connection import connect_async
from milepost_collector.store.webhooks import Account
from milepost_collector.webhooks.message import make_secret
from milepost_collector.webhooks.office import deliver_webhooks
from tests.fixtures.servers import FreshDatabase

SECRET = "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

# Fast enough for tests, and still growing.
RETRY_S = (0.05, 0.1, 0.2)

QUICK: dict[str, Any] = {
    "allow_private": ("127.0.0.0/8",),
    "retry_s": RETRY_S,
    "probe_s": 0.1,
    "timeout_s": 20.0,
}


def webhooks_config(**more: Any) -> WebhooksConfig:
    """A configuration for tests."""
    return WebhooksConfig(**{**QUICK, **more})


def add(
    database: FreshDatabase,
    url: str,
    *,
    types: Sequence[str] | None = None,
    vehicles: Sequence[str] | None = None,
    secret: str | None = None,
    after: int = 0,
) -> int:
    """Add a subscription without a look at its URL; return its number."""

    async def once() -> int:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            await feed.open_feed(connection)
            return await webhooks.add(
                connection,
                url,
                secret or make_secret(),
                types=types,
                vehicles=vehicles,
                after=after,
            )

    return asyncio.run(once())


def account(database: FreshDatabase, webhook: int) -> Account:
    """Return how a subscription stands."""

    async def once() -> Account:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            (found,) = [each for each in await webhooks.accounts(connection) if each.id == webhook]
            return found

    return asyncio.run(once())


@contextmanager
def delivering(database: FreshDatabase, **more: Any) -> Iterator[None]:
    """Deliver until the end of the block."""
    config = CollectorConfig().model_copy(
        update={
            "database": DatabaseConfig(dsn=database.dsn),
            "webhooks": webhooks_config(**more),
        }
    )
    loop = asyncio.new_event_loop()
    begun = threading.Event()
    tasks: list[asyncio.Task[None]] = []
    failures: list[BaseException] = []

    async def run() -> None:
        tail = Tail(database.dsn)
        tasks.extend(asyncio.ensure_future(w) for w in (tail.run(), deliver_webhooks(config, tail)))
        begun.set()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        failures.extend(error for error in ended if isinstance(error, Exception))

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        for task in tasks:
            loop.call_soon_threadsafe(task.cancel)
        thread.join()
        loop.close()
    assert failures == []
