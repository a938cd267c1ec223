"""The broker's edge: messages in, acks out, connected again for ever.

Acks are handed to paho directly: awaiting each costs four times as much, and nothing is lost by an
ack that does not arrive, because the unit asks again.
"""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Iterable

import aiomqtt
import structlog

from milepost_collector.backoff import Backoff
from milepost_collector.config import BrokerConfig
from milepost_collector.ingest.arrival import Message
from milepost_schemas.ack import Ack, encode_ack
from milepost_schemas.topics import Address, Channel, TopicError, every, parse_topic

_log = structlog.get_logger(__name__)

OnMessage = Callable[[Message], None]
OnStatus = Callable[[Address, dict[str, object]], Awaitable[None]]


class Broker:
    """The collector's link to the broker.

    Args:
        config: Where it is.
        on_message: Takes what came on an `up` topic.
        on_status: Takes a unit's status.
    """

    def __init__(self, config: BrokerConfig, on_message: OnMessage, on_status: OnStatus) -> None:
        self.ready = asyncio.Event()
        self._config = config
        self._on_message = on_message
        self._on_status = on_status
        self._client: aiomqtt.Client | None = None
        self._backoff = Backoff()

    async def run(self) -> None:
        """Receive for ever."""
        while True:
            try:
                await self._receive()
            except aiomqtt.MqttError as error:
                self._client = None
                if self._backoff.failures == 0:
                    _log.warning("The broker is away; trying again.", cause=str(error))
                await asyncio.sleep(self._backoff.failed())

    def answer(self, answers: Iterable[tuple[Address, Ack]]) -> None:
        """Send acks; without a link they are dropped, and the units ask again."""
        client = self._client
        if client is None:
            return
        for address, ack in answers:
            client._client.publish(address.topic(Channel.ACK), encode_ack(ack), qos=0)

    async def _receive(self) -> None:
        async with aiomqtt.Client(
            self._config.host,
            self._config.port,
            identifier=f"collector-{secrets.token_hex(6)}",
            protocol=aiomqtt.ProtocolVersion.V311,
            keepalive=self._config.keepalive_s,
            clean_session=True,
        ) as client:
            await client.subscribe([(every(Channel.UP), 0), (every(Channel.STATUS), 0)])
            self._client = client
            if self._backoff.failures or not self.ready.is_set():
                _log.info("The broker is there.", host=self._config.host, port=self._config.port)
            self._backoff.succeeded()
            self.ready.set()
            async for message in client.messages:
                await self._hand_on(message)

    async def _hand_on(self, message: aiomqtt.Message) -> None:
        try:
            address, channel = parse_topic(str(message.topic))
        except TopicError as error:
            _log.warning("A message came on a topic that is not ours.", cause=str(error))
            return
        payload = message.payload if isinstance(message.payload, bytes) else b""
        if channel is Channel.UP:
            self._on_message(Message(address, str(message.topic), payload))
        elif channel is Channel.STATUS:
            status = _read_status(payload)
            if status is None:
                _log.warning("A status cannot be read.", device=address.device)
            else:
                await self._on_status(address, status)


def _read_status(payload: bytes) -> dict[str, object] | None:
    """Read a status: a small JSON object in which `online` says yes or no."""
    if len(payload) > 4096:
        return None
    try:
        status = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(status, dict) or not isinstance(status.get("online"), bool):
        return None
    # PostgreSQL's jsonb holds no NUL character.
    return None if "\\u0000" in json.dumps(status) else status
