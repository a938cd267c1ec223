"""Those who carry events out of the house, each behind a cursor of its own."""

from collections.abc import Coroutine, Iterator

from milepost_collector.config import CollectorConfig
from milepost_collector.desks.office import keep_desks
from milepost_collector.feed.carrying import Carrier
from milepost_collector.feed.mqtt import MqttOutlet
from milepost_collector.feed.tail import Tail
from milepost_collector.notices.office import tell_people
from milepost_collector.webhooks.office import deliver_webhooks


def following(config: CollectorConfig, tail: Tail) -> list[Coroutine[None, None, None]]:
    """Return what is to run beside the pages: each for ever, until it is cancelled.

    Args:
        config: What is configured runs.
        tail: The end of the feed, which is followed already.
    """
    carried = [carrier.run() for carrier in carriers(config, tail)]
    return [
        *carried,
        deliver_webhooks(config, tail),
        keep_desks(config, tail),
        tell_people(config, tail),
    ]


def carriers(config: CollectorConfig, tail: Tail) -> Iterator[Carrier]:
    """Make those who carry the feed to MQTT and to JetStream, where these are configured."""
    dsn = config.database.dsn
    if config.events.mqtt and config.broker.host:
        yield Carrier(dsn, tail, MqttOutlet(config.broker), config.events.mqtt_start)
    if config.jetstream.url:
        # nats costs 0.1 s to import, and few have one.
        from milepost_collector.feed.jetstream import JetStreamOutlet

        yield Carrier(dsn, tail, JetStreamOutlet(config.jetstream), config.jetstream.start)
