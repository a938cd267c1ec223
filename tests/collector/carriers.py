"""Carriers at work inside a test's event loop, and a subscriber that hears what they publish."""

import asyncio
import json
import secrets
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from milepost_collector.embedded import Address
from milepost_collector.feed.carrying import Carrier, Outlet
from milepost_collector.feed.tail import Tail
from milepost_collector.store.consumers import Start
from milepost_collector.store.feed import Cursor
from tests.fixtures.servers import FreshDatabase

DEADLINE_S = 60.0


@asynccontextmanager
async def carried(
    database: FreshDatabase, *outlets: Outlet, start: Start = Start.BEGINNING
) -> AsyncIterator[None]:
    """Follow the feed and carry it to the outlets, inside the `with` block."""
    tail = Tail(database.dsn)
    carriers = [Carrier(database.dsn, tail, outlet, start) for outlet in outlets]
    tasks = [asyncio.create_task(work) for work in (tail.run(), *(c.run() for c in carriers))]
    try:
        yield
        assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition, which may take a moment to look at."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"{what}: not within {DEADLINE_S:g} s") from None


def number(database: FreshDatabase, consumer: str) -> int:
    """Return up to where a consumer's events are confirmed; 0 while it has no place."""
    rows = database.rows("SELECT number FROM consumer WHERE name = %s", consumer)
    return int(rows[0][0]) if rows else 0


@dataclass(frozen=True)
class Heard:
    """A message as a subscriber gets it."""

    topic: str
    qos: int
    retained: bool
    event: dict[str, Any]

    @property
    def number(self) -> int:
        """The event's place in the feed."""
        return Cursor.parse(self.event["cursor"]).number


class Subscriber:
    """Hears all events, inside the `with` block, also those from while the broker was away.

    Args:
        broker: Where.

    Attributes:
        heard: All messages, in their order.
    """

    def __init__(self, broker: Address) -> None:
        self.heard: list[Heard] = []
        self._broker = broker
        self._subscribed = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"backend-{secrets.token_hex(4)}",
            protocol=mqtt.MQTTv311,
            clean_session=False,
        )
        self._client.on_connect = lambda client, *_: client.subscribe("milepost/v1/events/#", 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)

    def __enter__(self) -> Self:
        self._client.connect(self._broker.host, self._broker.port)
        self._client.loop_start()
        assert self._subscribed.wait(DEADLINE_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.unsubscribe("milepost/v1/events/#")  # else the broker keeps events for it
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def numbers(self) -> list[int]:
        """The places of the events that were heard, in the order in which they came first."""
        return list(dict.fromkeys(each.number for each in self.heard))

    def _on_message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        event = json.loads(message.payload)
        self.heard.append(Heard(message.topic, message.qos, message.retain, event))
