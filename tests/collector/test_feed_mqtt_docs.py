"""The subscriber that the document on MQTT shows."""

import asyncio
from pathlib import Path

from milepost_collector.config import BrokerConfig
from milepost_collector.embedded import EmbeddedBroker
from milepost_collector.feed.mqtt import MqttOutlet
from tests.collector.carriers import carried, until
from tests.collector.events import event, fill
from tests.collector.snippets import consuming
from tests.fixtures.servers import FreshDatabase


def test_subscriber_of_the_document_hears_each_event_once(
    tmp_path: Path, servers_folder: Path, plain_database: FreshDatabase
) -> None:
    """Killed and started again, it hears what came meanwhile, and repeats nothing that it saw."""

    async def story(broker: EmbeddedBroker) -> None:
        config = BrokerConfig(host=broker.address.host, port=broker.address.port)
        where = (config.host, config.port)
        async with carried(plain_database, MqttOutlet(config)):
            with consuming(tmp_path, "mqtt.md", *where) as consumer:
                # Its session begins at some moment: from there on it hears everything.
                for number in range(1000):
                    await asyncio.to_thread(fill, plain_database, [event(number)])
                    if len(consumer.lines) > 5:
                        break
            heard = len(consumer.lines)
            more = [event(n, vehicle="van-2") for n in range(5)]
            await asyncio.to_thread(fill, plain_database, more)
            with consuming(tmp_path, "mqtt.md", *where) as consumer:
                await until(lambda: consumer.lines[-1:] == [line(4, "van-2")], "the last event")
        first = [each for each in consumer.lines if " van-1 " in each]
        assert len(first) >= heard
        assert first == [line(n, "van-1") for n in range(number - len(first) + 1, number + 1)]
        later = [each for each in consumer.lines if " van-2 " in each]
        assert later == [line(n, "van-2") for n in range(5)]

    with EmbeddedBroker(servers_folder / "documented") as broker:
        asyncio.run(story(broker))


def line(number: int, vehicle: str) -> str:
    """What it says of an event."""
    time = f"2026-11-19T12:00:{number // 1000:02}.{number % 1000:03}Z"
    return f"{time} {vehicle} org.milepost.fence.entered f{number}"
