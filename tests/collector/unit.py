"""A unit at a real broker: sends payloads on its topics and hears its acks."""

import json
import queue
import threading
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from milepost_collector.embedded import Address as BrokerAddress
from milepost_schemas.ack import Ack, decode_ack
from milepost_schemas.topics import Address, Channel

DEADLINE_S = 60.0


class Unit:
    """A connected unit, inside the `with` block.

    Args:
        broker: Where the broker listens.
        device: Its id.
        will: What the broker says on its status topic when it goes without a goodbye.
    """

    def __init__(
        self, broker: BrokerAddress, device: str, *, will: dict[str, Any] | None = None
    ) -> None:
        self._broker = broker
        self._address = Address(0, device)
        self._acks: queue.Queue[Ack] = queue.Queue()
        self._subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        if will is not None:
            topic = self._address.topic(Channel.STATUS)
            self._client.will_set(topic, json.dumps(will), qos=1, retain=True)

    def __enter__(self) -> Self:
        self._client.connect(self._broker.host, self._broker.port)
        self._client.loop_start()
        assert self._subscribed.wait(DEADLINE_S)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def vanish(self) -> None:
        """Cut the link without a goodbye, so that the broker says the will."""
        self._client.loop_stop()
        link = self._client.socket()
        assert link is not None
        link.close()

    def send(self, payload: bytes) -> None:
        """Send bytes on the `up` topic, as a batch is sent."""
        self._client.publish(self._address.topic(Channel.UP), payload, qos=0)

    def say(self, status: dict[str, Any]) -> None:
        """Say a status, retained, and wait until the broker has it."""
        topic = self._address.topic(Channel.STATUS)
        said = self._client.publish(topic, json.dumps(status), qos=1, retain=True)
        said.wait_for_publish(DEADLINE_S)

    def ack(self, timeout_s: float = DEADLINE_S) -> Ack:
        """Return the next ack.

        Raises:
            queue.Empty: None came in time.
        """
        return self._acks.get(timeout=timeout_s)

    def _on_connect(
        self, client: mqtt.Client, _data: Any, _flags: Any, _code: ReasonCode, _properties: Any
    ) -> None:
        client.subscribe(self._address.topic(Channel.ACK))

    def _on_subscribe(
        self, _client: mqtt.Client, _data: Any, _mid: int, _codes: Any, _properties: Any
    ) -> None:
        self._subscribed.set()

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        self._acks.put(decode_ack(bytes(message.payload)))
