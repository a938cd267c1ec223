"""Acks as MQTT packets, read by a client that shares nothing with their writer."""

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from milepost_collector.embedded import Address as BrokerAddress
from milepost_collector.ingest.ack_packets import ack_packets
from milepost_schemas.ack import Ack, decode_ack
from milepost_schemas.topics import Address
from tests.system.world import wait_until

ANSWERS = [
    (Address(0, "a"), Ack(b"stream-1", 1, 2, 29_000_000)),
    (Address(63, "x" * 32), Ack(b"stream-2", 7, None, 29_000_000, refused="r" * 64)),
    (Address(7, "van-7"), Ack(b"stream-3", 2**53 - 1, None, 29_000_000)),
]


def test_acks_of_a_round_reach_their_topics(broker: BrokerAddress) -> None:
    """Packets one behind the other, short and long, are what a broker makes messages of."""
    heard: dict[str, Ack] = {}
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _data, message: heard.update(
        {message.topic: decode_ack(bytes(message.payload))}
    )
    client.connect(broker.host, broker.port)
    client.loop_start()
    subscribed: list[bool] = []
    client.on_subscribe = lambda *_: subscribed.append(True)
    client.subscribe("milepost/v1/+/+/ack", 0)
    wait_until(lambda: bool(subscribed), 10, "a subscription")
    client._packet_queue(paho.PUBLISH, ack_packets(ANSWERS), 0, 0, paho.MQTTMessageInfo(0))
    wait_until(lambda: len(heard) == len(ANSWERS), 10, "all acks")
    client.disconnect()
    client.loop_stop()
    assert heard == {f"milepost/v1/{a.shard}/{a.device}/ack": ack for a, ack in ANSWERS}


def test_no_acks_are_no_packets() -> None:
    """A round that answers nobody writes nothing."""
    assert ack_packets([]) == b""
