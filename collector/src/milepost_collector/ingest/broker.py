"""The broker's edge: messages of some shards in, acks out, connected again for ever.

Messages are taken from paho directly, in its callback: a queue between would grow without bounds
while the database is away, and a task a message costs more than all else here. Acks are handed to
paho's queue directly too, all of a round at once: nothing is lost by an ack that does not arrive,
because the unit asks again.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable

import aiomqtt
import structlog
from paho.mqtt.client import MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import MessageType

from milepost_collector.backoff import Backoff
from milepost_collector.config import BrokerConfig
from milepost_collector.ingest.ack_packets import ack_packets
from milepost_collector.ingest.arrival import Message
from milepost_collector.ingest.statuses import UnitStatus, read_status
from milepost_collector.mqtt_client import mqtt_client
from milepost_schemas.ack import Ack
from milepost_schemas.topics import Address, Channel, TopicError, every, parse_topic

_log = structlog.get_logger(__name__)

OnMessage = Callable[[Message], None]
OnStatus = Callable[[UnitStatus], None]

# A broker that does not answer a subscription in this time is as good as away.
_ANSWER_S = 2.0


class Broker:
    """The collector's link to the broker.

    Args:
        config: Where it is.
        on_message: Takes what came on an `up` topic.
        on_status: Takes a unit's status.

    Attributes:
        up: Set while the broker is there.
    """

    def __init__(self, config: BrokerConfig, on_message: OnMessage, on_status: OnStatus) -> None:
        self.up = asyncio.Event()
        self._config = config
        self._on_message = on_message
        self._on_status = on_status
        self._client: aiomqtt.Client | None = None
        self._backoff = Backoff()
        self._shards: frozenset[int] = frozenset()
        self._subscribed: frozenset[int] = frozenset()
        self._aligning = asyncio.Lock()

    async def run(self) -> None:
        """Receive for ever."""
        while True:
            try:
                await self._receive()
            except aiomqtt.MqttError as error:
                # A goodbye that fails must not hide that we were told to end.
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise asyncio.CancelledError from error
                if self._backoff.failures == 0:
                    _log.warning("The broker is away; trying again.", cause=str(error))
                await asyncio.sleep(self._backoff.failed())
            finally:
                self._client = None
                self.up.clear()

    async def subscribe(self, shards: Collection[int]) -> bool:
        """Subscribe to more shards; say whether the broker has heard it."""
        self._shards |= frozenset(shards)
        return await self._align()

    async def keep_only(self, shards: Collection[int]) -> None:
        """Unsubscribe from all other shards."""
        self._shards &= frozenset(shards)
        await self._align()

    def answer(self, answers: Iterable[tuple[Address, Ack]]) -> None:
        """Send acks; without a link they are dropped, and the units ask again."""
        client = self._client
        if client is None:
            return
        packets = ack_packets(answers)
        if packets:
            client._client._packet_queue(MessageType.PUBLISH, packets, 0, 0, MQTTMessageInfo(0))

    async def _receive(self) -> None:
        client = mqtt_client(self._config, "collector")
        client._client.on_message = self._hand_on
        # Nothing of ours waits for a QoS 0 publish, and paho would make three objects of each.
        client._client.on_publish = None
        async with client:
            self._subscribed = frozenset()
            self._client = client
            _log.info("The broker is there.", host=self._config.host, port=self._config.port)
            self._backoff.succeeded()
            await self._align()
            self.up.set()
            async for _ in client.messages:  # none comes here: it ends when the link does
                pass

    async def _align(self) -> bool:
        """Make the subscriptions those that are wanted; return False without a link."""
        async with self._aligning:
            client = self._client
            if client is None:
                return False
            more, less = self._shards - self._subscribed, self._subscribed - self._shards
            try:
                if more:
                    wanted = [(topic, 0) for topic in _topics(more)]
                    await client.subscribe(wanted, timeout=_ANSWER_S)
                if less:
                    await client.unsubscribe(_topics(less), timeout=_ANSWER_S)
            except aiomqtt.MqttError as error:
                _log.warning("The broker does not answer a subscription.", cause=str(error))
                return False
            self._subscribed = (self._subscribed | more) - less
            return True

    def _hand_on(self, _client: object, _data: object, message: MQTTMessage) -> None:
        try:
            address, channel = parse_topic(message.topic)
        except (TopicError, UnicodeDecodeError) as error:
            _log.warning("A message came on a topic that is not ours.", cause=str(error))
            return
        if channel is Channel.UP:
            self._on_message(Message(address, message.topic, bytes(message.payload)))
        elif channel is Channel.STATUS:
            status = read_status(address, bytes(message.payload))
            if status is None:
                _log.warning("A status cannot be read.", device=address.device)
            else:
                self._on_status(status)


def _topics(shards: Collection[int]) -> list[str]:
    return [every(channel, n) for n in sorted(shards) for channel in (Channel.UP, Channel.STATUS)]
