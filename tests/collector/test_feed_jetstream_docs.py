"""The consumer that the document on JetStream shows."""

import asyncio
from pathlib import Path

from milepost_collector.config import JetStreamConfig
from milepost_collector.feed.addresses import partition
from milepost_collector.feed.jetstream import JetStreamOutlet
from tests.collector.carriers import carried, number, until
from tests.collector.events import event, fill
from tests.collector.nats_server import NatsServer
from tests.collector.programs import wait_until
from tests.collector.snippets import consuming
from tests.fixtures.servers import FreshDatabase

TOTAL = 300


def test_consumer_of_the_document_sees_each_event_at_least_once_in_order(
    tmp_path: Path, plain_database: FreshDatabase
) -> None:
    """Killed again and again it goes on where it was: all events of its partition, in order."""
    vehicles = [name for name in (f"van-{n}" for n in range(50)) if partition(name, 8) == 3][:3]
    mine = [event(n, vehicle=vehicles[n % 3]) for n in range(TOTAL)]
    others = [event(n, vehicle=f"other-{n}") for n in range(TOTAL)]
    others = [each for each in others if partition(each.subject, 8) != 3]
    with NatsServer(tmp_path / "nats") as nats:
        nats.start()
        outlet = JetStreamOutlet(JetStreamConfig(url=nats.url))

        async def story() -> None:
            async with carried(plain_database, outlet):
                count = len(mine) + len(others)
                name = "jetstream:MILEPOST"
                await until(lambda: number(plain_database, name) == count, "all events")

        fill(plain_database, [each for pair in zip(mine, others, strict=False) for each in pair])
        fill(plain_database, [*mine, *others])
        asyncio.run(story())
        for enough in (20, 100, TOTAL):
            with consuming(tmp_path, "jetstream.md", nats.url, 3) as consumer:
                wait_until(
                    lambda: len(set(consumer.lines)) >= enough,  # noqa: B023
                    f"{enough} events",
                )
    expected = [f"{each.subject} org.milepost.{each.type} {each.id}" for each in mine]
    assert list(dict.fromkeys(consumer.lines)) == expected
    # What is in hand at a kill comes again, and not all from the beginning.
    assert len(consumer.lines) < TOTAL + 20
