"""Events over MQTT, through real brokers: where they go, how, and on from where after a break."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from milepost_collector.config import BrokerConfig, read_config
from milepost_collector.embedded import EmbeddedBroker
from milepost_collector.embedded.broker_kind import KINDS, KindName
from milepost_collector.feed.following import carriers
from milepost_collector.feed.mqtt import MqttLink, MqttOutlet
from milepost_collector.feed.tail import Tail
from milepost_collector.store import feed
from milepost_collector.store.consumers import Start
from milepost_schemas.event import TYPE_PREFIX
from tests.collector.carriers import Subscriber, carried, number, until
from tests.collector.events import event, fill
from tests.collector.test_feed import ask
from tests.fixtures.servers import FreshDatabase


@pytest.fixture(params=[kind.name for kind in KINDS])
def lasting_broker(
    request: pytest.FixtureRequest, servers_folder: Path
) -> Iterator[EmbeddedBroker]:
    """A broker that keeps sessions over its restarts."""
    kind: KindName = request.param
    if next(each for each in KINDS if each.name == kind).find() is None:
        pytest.skip(f"no {kind}")
    folder = servers_folder / f"lasting-{kind}"
    with EmbeddedBroker(folder, kind=kind, persistent=True) as broker:
        yield broker
    broker.wipe()


def outlet(broker: EmbeddedBroker) -> MqttOutlet:
    """An outlet to a broker."""
    return MqttOutlet(BrokerConfig(host=broker.address.host, port=broker.address.port))


class CountingOutlet(MqttOutlet):
    """An outlet that counts how often it was tried."""

    def __init__(self, broker: EmbeddedBroker) -> None:
        super().__init__(BrokerConfig(host=broker.address.host, port=broker.address.port))
        self.opened = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[MqttLink]:
        self.opened += 1
        async with super().open() as link:
            yield link


def test_events_go_out_as_they_stand_in_the_feed(
    lasting_broker: EmbeddedBroker, plain_database: FreshDatabase
) -> None:
    """Each on its vehicle's topic, as CloudEvents, at QoS 1, not retained, in order."""
    kinds = ["fence.entered", "trip.ended", "vehicle.gap"]
    names = ["van-1", "van-2", "a/+#"]
    events = [event(n, kind=kinds[n % 3], vehicle=names[n // 3 % 3]) for n in range(18)]

    async def story(subscriber: Subscriber) -> None:
        async with carried(plain_database, outlet(lasting_broker)):
            await asyncio.to_thread(fill, plain_database, events)
            await until(lambda: len(subscriber.heard) >= len(events), "all events")

    with Subscriber(lasting_broker.address) as subscriber:
        asyncio.run(story(subscriber))
    begin = ask(plain_database, feed.beginning)
    stored = ask(plain_database, lambda connection: feed.read(connection, begin, 100))
    assert [each.event for each in subscriber.heard] == [x.as_cloud_event() for x in stored]
    assert {(each.qos, each.retained) for each in subscriber.heard} == {(1, False)}
    for heard in subscriber.heard:
        vehicle = heard.event["subject"].replace("a/+#", "a%2F%2B%23")
        kind = heard.event["type"].removeprefix(TYPE_PREFIX).replace(".", "/")
        assert heard.topic == f"milepost/v1/events/{vehicle}/{kind}"


def test_carrier_goes_on_from_its_stored_place(
    lasting_broker: EmbeddedBroker, plain_database: FreshDatabase
) -> None:
    """What was confirmed is not sent again by the next one, and what came between is sent."""

    async def once(subscriber: Subscriber, count: int) -> None:
        async with carried(plain_database, outlet(lasting_broker)):
            await until(lambda: len(subscriber.heard) >= count, f"{count} events")
            await until(lambda: number(plain_database, "mqtt") == count, "a place")

    with Subscriber(lasting_broker.address) as subscriber:
        fill(plain_database, [event(n) for n in range(5)])
        asyncio.run(once(subscriber, 5))
        fill(plain_database, [event(n) for n in range(5, 9)])
        asyncio.run(once(subscriber, 9))
    assert [each.number for each in subscriber.heard] == list(range(1, 10))


def test_carrier_that_begins_at_the_end_sends_what_comes(
    lasting_broker: EmbeddedBroker, plain_database: FreshDatabase
) -> None:
    """Events from before its first start are not sent."""

    async def story(subscriber: Subscriber) -> None:
        async with carried(plain_database, outlet(lasting_broker), start=Start.END):
            await until(lambda: number(plain_database, "mqtt") == 5, "a place")
            await asyncio.to_thread(fill, plain_database, [event(n) for n in range(5, 9)])
            await until(lambda: len(subscriber.heard) >= 4, "four events")

    fill(plain_database, [event(n) for n in range(5)])
    with Subscriber(lasting_broker.address) as subscriber:
        asyncio.run(story(subscriber))
    assert [each.number for each in subscriber.heard] == [6, 7, 8, 9]


def test_carrier_outlives_a_broker_that_is_away(
    lasting_broker: EmbeddedBroker, plain_database: FreshDatabase
) -> None:
    """Away at the start and again later: told of once each time, and nothing is lost."""

    trying = CountingOutlet(lasting_broker)

    async def story(subscriber: Subscriber) -> None:
        async with carried(plain_database, trying):
            await asyncio.to_thread(fill, plain_database, [event(n) for n in range(1000)])
            await until(lambda: told() == 1, "a word about the broker")
            await until(lambda: trying.opened >= 4, "some more tries")
            assert told() == 1
            lasting_broker.start()
            await until(lambda: subscriber.numbers == list(range(1, 1001)), "a thousand")
            # Else the new session might be in the middle of what follows.
            await until(lambda: number(plain_database, "mqtt") == 1000, "a place")
            await asyncio.to_thread(lasting_broker.stop)
            await asyncio.to_thread(fill, plain_database, [event(n) for n in range(1000, 2000)])
            await until(lambda: told() == 2, "another word")
            lasting_broker.start()
            await until(lambda: subscriber.numbers == list(range(1, 2001)), "two thousand")

    def told() -> int:
        return sum(each["event"] == "The link is away; trying again." for each in logs)

    with capture_logs() as logs, Subscriber(lasting_broker.address) as subscriber:
        lasting_broker.stop()
        asyncio.run(story(subscriber))


def test_carriers_of_two_processes_take_turns(
    lasting_broker: EmbeddedBroker, plain_database: FreshDatabase
) -> None:
    """One carries; when its connection is cut again and again, nothing is skipped."""

    async def story(subscriber: Subscriber) -> None:
        first, second = outlet(lasting_broker), outlet(lasting_broker)
        async with carried(plain_database, first), carried(plain_database, second):
            for part in range(4):
                events = [event(n) for n in range(part * 500, part * 500 + 500)]
                await asyncio.to_thread(fill, plain_database, events)
                await until(lambda: bool(plain_database.rows(CUT)), "a carrier to cut")
            await until(lambda: subscriber.numbers == list(range(1, 2001)), "two thousand")

    with Subscriber(lasting_broker.address) as subscriber:
        asyncio.run(story(subscriber))


CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity JOIN pg_locks USING (pid) "
    "WHERE application_name = 'milepost-consumer-mqtt' AND locktype = 'advisory' AND granted "
    "AND datname = current_database()"
)


@pytest.mark.parametrize(
    ("variables", "consumers"),
    [
        ({}, []),  # `web` alone, which brings no broker along
        ({"BROKER__HOST": "here"}, ["mqtt"]),
        ({"BROKER__HOST": "here", "EVENTS__MQTT": "false"}, []),
        ({"JETSTREAM__URL": "nats://here"}, ["jetstream:MILEPOST"]),
        ({"JETSTREAM__URL": "nats://here", "JETSTREAM__STREAM": "X"}, ["jetstream:X"]),
    ],
)
def test_carriers_are_those_that_are_configured(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], consumers: list[str]
) -> None:
    """MQTT wherever there is a broker, unless it is off; a stream where there is an address."""
    for name, value in variables.items():
        monkeypatch.setenv(f"MILEPOST_{name}", value)
    found = carriers(read_config(None), Tail(""))
    assert [carrier.consumer for carrier in found] == consumers
