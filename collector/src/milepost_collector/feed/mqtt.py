"""Events over MQTT: QoS 1, never retained, to `milepost/v1/events/{vehicle}/{type}`.

In: events in order. Out: their topics at the broker that the units use.

A confirmation is the broker's PUBACK, nothing more: it has the event, and passes it on to those who
are subscribed. For a subscriber that is away it keeps it as far as its own limits allow, and for
nobody it keeps nothing. A consumer that must not miss any reads the feed itself (HTTP, JetStream).

Events are handed to paho's own client, of which aiomqtt makes a task and a future each: 25,000
events a second against 13,000, and 5,000 when each is waited for (mosquitto, two cores).
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt
from paho.mqtt.enums import MQTTErrorCode

from milepost_collector.config import BrokerConfig
from milepost_collector.feed.addresses import mqtt_topic
from milepost_collector.feed.carrying import AwayError, payload
from milepost_collector.mqtt_client import mqtt_client
from milepost_collector.store.feed import Cursor, FeedEvent

_CONFIRMED_S = 10.0

# Unconfirmed at a time; and handed over without letting anybody else have a turn (1 ms).
_WINDOW = 250
_WITHOUT_PAUSE = 20


class MqttOutlet:
    """The broker.

    Args:
        config: Where it is.

    Attributes:
        consumer: The name of the stored place.
    """

    consumer = "mqtt"

    def __init__(self, config: BrokerConfig) -> None:
        self._config = config

    @asynccontextmanager
    async def open(self) -> AsyncIterator["MqttLink"]:
        """Connect, and disconnect at the end.

        Raises:
            AwayError: The broker cannot be reached, or goes away.
        """
        client = mqtt_client(self._config, "events", unconfirmed=_WINDOW)
        try:
            async with client:
                yield MqttLink(client)
        except aiomqtt.MqttError as error:
            # A goodbye that fails must not hide that we were told to end.
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise asyncio.CancelledError from error
            raise AwayError(f"the broker: {error}") from None
        finally:
            if client._disconnected.done():
                client._disconnected.exception()  # asyncio logs those that nobody has looked at


class MqttLink:
    """A connection to the broker.

    Attributes:
        is_empty: Never: a broker keeps no events for us.
        last: Unknown: the broker cannot be asked.
    """

    is_empty = False
    last: Cursor | None = None
    last_event: str | None = None

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self._unconfirmed: set[int] = set()
        self._confirmed = asyncio.Event()
        client._client.on_publish = self._on_publish

    async def publish(self, events: Sequence[FeedEvent]) -> None:
        """Publish events in this order and wait for the PUBACK of each.

        Raises:
            AwayError: The link broke, or no PUBACK came for 10 s.
        """
        for number, event in enumerate(events, 1):
            self._hand_over(event)
            if number % _WITHOUT_PAUSE == 0:
                await asyncio.sleep(0)
            if len(self._unconfirmed) >= _WINDOW:
                await self._wait_until(_WINDOW // 2)
        await self._wait_until(0)

    def _hand_over(self, event: FeedEvent) -> None:
        told = self._client._client.publish(mqtt_topic(event.event), payload(event), qos=1)
        if told.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise AwayError(f"the broker: {told.rc.name}")
        self._unconfirmed.add(told.mid)

    async def _wait_until(self, left: int) -> None:
        while len(self._unconfirmed) > left:
            self._confirmed.clear()
            confirmed = asyncio.create_task(self._confirmed.wait())
            either: set[asyncio.Future[Any]] = {confirmed, self._client._disconnected}
            try:
                await asyncio.wait(
                    either, timeout=_CONFIRMED_S, return_when=asyncio.FIRST_COMPLETED
                )
                if not confirmed.done():
                    raise AwayError("the broker: no confirmation")
            finally:
                confirmed.cancel()

    def _on_publish(
        self, _client: object, _data: object, mid: int, _code: object, _properties: object
    ) -> None:
        self._unconfirmed.discard(mid)
        self._confirmed.set()
