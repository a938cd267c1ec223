"""Events in a real JetStream: each once and in order, whatever stops in between."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from nats.js import JetStreamContext
from nats.js.api import PubAck, StreamConfig, StreamInfo
from structlog.testing import capture_logs

from milepost_collector.config import JetStreamConfig
from milepost_collector.feed.jetstream import JetStreamOutlet
from milepost_collector.store import feed
from milepost_collector.store.consumers import Start
from milepost_schemas.event import Event
from tests.collector.carriers import carried, number, until
from tests.collector.events import event, fill
from tests.collector.nats_server import NatsServer
from tests.collector.test_feed import ask
from tests.fixtures.servers import FreshDatabase
from tests.schemas.legal import SCHEMAS

CONSUMER = "jetstream:MILEPOST"

_ASYNCAPI = json.loads((SCHEMAS / "asyncapi.json").read_text(encoding="utf-8"))
HEADERS = Draft202012Validator(_ASYNCAPI["components"]["messages"]["eventInStream"]["headers"])


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A server that runs."""
    with NatsServer(tmp_path / "nats") as server:
        server.start()
        yield server


def some(first: int, last: int) -> list[Event]:
    """Events of three vehicles."""
    return [event(n, vehicle=f"van-{n % 3}") for n in range(first, last + 1)]


def carry(
    server: NatsServer,
    database: FreshDatabase,
    last: int,
    start: Start = Start.BEGINNING,
) -> None:
    """Carry until the place is the event with this number."""
    outlet = JetStreamOutlet(JetStreamConfig(url=server.url))

    async def story() -> None:
        async with carried(database, outlet, start=start):
            await until(lambda: number(database, CONSUMER) == last, f"event {last}")

    asyncio.run(story())


def numbers(server: NatsServer) -> list[int]:
    """The places of the events in the stream, in its order."""
    return [each.number for each in server.stored()]


def test_stream_holds_what_the_feed_holds(
    nats_server: NatsServer, plain_database: FreshDatabase
) -> None:
    """In the feed's order, each under its subject and its id; the stream is made as configured."""
    fill(plain_database, some(1, 600))
    carry(nats_server, plain_database, 600)
    stored = nats_server.stored()
    begin = ask(plain_database, feed.beginning)
    events = ask(plain_database, lambda connection: feed.read(connection, begin, 1000))
    assert [each.event for each in stored] == [each.as_cloud_event() for each in events]
    assert [each.id for each in stored] == [str(each.event.id) for each in events]
    for each in stored:
        HEADERS.validate(each.headers)
    for each in stored:
        head, part, rest = each.subject[:15], each.subject[16], each.subject[17:]
        assert (head, rest) == ("milepost.events", f".{each.event['subject']}.fence.entered")
        assert 0 <= int(part) < 8
    info: StreamInfo = nats_server.ask(lambda context: context.stream_info("MILEPOST"))
    found = info.config
    assert (found.subjects, found.storage, found.num_replicas) == (["milepost.events.>"], "file", 1)
    assert (found.max_age, found.max_bytes, found.duplicate_window) == (30 * 86_400, -1, 900)


def test_stream_gets_nothing_twice_after_a_lost_place(
    nats_server: NatsServer, plain_database: FreshDatabase
) -> None:
    """A crash between publish and place, long ago: the stream itself says how far it is."""
    nats_server.ask(
        lambda context: context.add_stream(
            StreamConfig(name="MILEPOST", subjects=["milepost.events.>"], duplicate_window=0.1)
        )
    )
    fill(plain_database, some(1, 10))
    carry(nats_server, plain_database, 10)
    plain_database.run("UPDATE consumer SET number = 3")
    fill(plain_database, some(11, 15))
    carry(nats_server, plain_database, 15)  # NATS has forgotten the ids of the first ten by now
    assert numbers(nats_server) == list(range(1, 16))


def test_stream_that_lost_its_newest_events_gets_them_again(
    nats_server: NatsServer, plain_database: FreshDatabase
) -> None:
    """What it had confirmed and then lost, in a power cut or a restore, is sent again."""

    async def lose(context: JetStreamContext) -> None:
        for sequence in (8, 9, 10):
            await context.delete_msg("MILEPOST", sequence)

    fill(plain_database, some(1, 10))
    carry(nats_server, plain_database, 10)
    nats_server.ask(lose)
    nats_server.kill()  # its memory of ids goes with it, and is made anew from what is left
    nats_server.start()
    fill(plain_database, some(11, 12))
    carry(nats_server, plain_database, 12)
    assert numbers(nats_server) == list(range(1, 13))


@pytest.mark.parametrize(("start", "first"), [(Start.BEGINNING, 1), (Start.END, 5)])
def test_stream_that_was_wiped_is_filled_from_where_it_began(
    nats_server: NatsServer, plain_database: FreshDatabase, start: Start, first: int
) -> None:
    """A server that lost everything gets all that it ever got, not only what comes."""
    fill(plain_database, some(1, 4))
    carry(nats_server, plain_database, 4, start)
    fill(plain_database, some(5, 8))
    carry(nats_server, plain_database, 8)
    nats_server.kill()
    nats_server.wipe()
    nats_server.start()
    fill(plain_database, some(9, 9))
    carry(nats_server, plain_database, 9)
    assert numbers(nats_server) == list(range(first, 10))


def test_stream_whose_events_are_too_old_goes_on(
    nats_server: NatsServer, plain_database: FreshDatabase
) -> None:
    """Empty because its age limit emptied it, it gets what comes, and the old events no more."""
    fill(plain_database, some(1, 5))
    carry(nats_server, plain_database, 5)
    nats_server.ask(lambda context: context.purge_stream("MILEPOST"))
    fill(plain_database, some(6, 7))
    carry(nats_server, plain_database, 7)
    assert numbers(nats_server) == [6, 7]


def test_stream_that_is_there_is_not_changed(
    nats_server: NatsServer, plain_database: FreshDatabase
) -> None:
    """What it has otherwise than configured is told of once, and stays."""
    nats_server.ask(
        lambda context: context.add_stream(
            StreamConfig(name="MILEPOST", subjects=["milepost.>"], max_age=3600)
        )
    )
    fill(plain_database, some(1, 5))
    with capture_logs() as logs:
        carry(nats_server, plain_database, 5)
    (told,) = [each for each in logs if each["event"] == "The stream is used as it is."]
    assert told["differs"] == [
        "subjects ['milepost.>'], not ['milepost.events.>']",
        "max_age 3600.0, not 2592000.0",
        "duplicate_window 120.0, not 900",
    ]
    info: StreamInfo = nats_server.ask(lambda context: context.stream_info("MILEPOST"))
    assert (info.config.max_age, info.config.subjects) == (3600, ["milepost.>"])
    assert numbers(nats_server) == [1, 2, 3, 4, 5]


def test_stream_that_takes_other_subjects_gets_nothing(
    nats_server: NatsServer, plain_database: FreshDatabase
) -> None:
    """Events that would land nowhere, or elsewhere, are kept back until somebody mends it."""
    for name, subject in (("MILEPOST", "other.>"), ("ELSE", "milepost.>")):
        config = StreamConfig(name=name, subjects=[subject])
        nats_server.ask(lambda context, config=config: context.add_stream(config))  # type: ignore[misc]
    fill(plain_database, some(1, 5))

    async def story() -> None:
        async with carried(plain_database, JetStreamOutlet(JetStreamConfig(url=nats_server.url))):
            await until(lambda: any("is away" in each["event"] for each in logs), "a refusal")
            await nats_server.asked(lambda context: context.delete_stream("ELSE"))
            await nats_server.asked(lambda context: context.delete_stream("MILEPOST"))
            await until(lambda: number(plain_database, CONSUMER) == 5, "events after all")

    with capture_logs() as logs:
        asyncio.run(story())
    assert numbers(nats_server) == [1, 2, 3, 4, 5]


def test_stream_of_a_server_that_wants_a_password(
    tmp_path: Path, plain_database: FreshDatabase
) -> None:
    """The right one opens it; the wrong one is told of, and stands in no log."""

    async def story(url: str, seen: str) -> None:
        async with carried(plain_database, JetStreamOutlet(JetStreamConfig(url=url))):
            await until(lambda: seen in str(logs), seen)

    fill(plain_database, some(1, 5))
    with NatsServer(tmp_path / "nats", "--user", "me", "--pass", "right") as server:
        server.start()
        with capture_logs() as logs:
            asyncio.run(story(f"nats://me:wrong@127.0.0.1:{server.port}", "is away"))
        assert "NATS at 127.0.0.1: " in str(logs)
        assert "wrong" not in str(logs)
        with capture_logs() as logs:
            asyncio.run(story(f"nats://me:right@127.0.0.1:{server.port}", "are carried"))
        assert "right" not in str(logs)


def test_stream_is_filled_once_over_restarts_of_nats(
    nats_server: NatsServer, plain_database: FreshDatabase
) -> None:
    """Away at the start, killed again and again under a backlog: each event once, in order."""
    total = 4000
    nats_server.kill()
    fill(plain_database, some(1, total))

    async def story() -> None:
        async with carried(plain_database, JetStreamOutlet(JetStreamConfig(url=nats_server.url))):
            await until(lambda: any("is away" in each["event"] for each in logs), "a word")
            for part in range(1, 5):
                await asyncio.to_thread(nats_server.start)
                enough = part * 600
                await until(lambda n=enough: number(plain_database, CONSUMER) >= n, f"{enough}")  # type: ignore[misc]
                nats_server.kill()
            await asyncio.to_thread(nats_server.start)
            await until(lambda: number(plain_database, CONSUMER) == total, "all of them")

    with capture_logs() as logs:
        asyncio.run(story())
    assert numbers(nats_server) == list(range(1, total + 1))


@pytest.mark.parametrize("knows", [True, False])
def test_stream_gets_nothing_twice_after_a_restore_of_the_database(
    nats_server: NatsServer, plain_database: FreshDatabase, *, knows: bool
) -> None:
    """By the feed's old id, or where that is not known by the events' own ids."""
    fill(plain_database, some(1, 10))
    carry(nats_server, plain_database, 10)
    # As in a copy from when four were confirmed; from a foreign server even without a past.
    plain_database.run("UPDATE feed SET system_identifier = 1")
    ask(plain_database, feed.open_feed)
    plain_database.run("UPDATE consumer SET number = 4")
    if not knows:
        plain_database.run("DELETE FROM feed_past")
    fill(plain_database, some(11, 300))
    carry(nats_server, plain_database, 300)
    assert numbers(nats_server) == list(range(1, 301))


def test_stream_to_which_somebody_else_writes_goes_on(
    nats_server: NatsServer, plain_database: FreshDatabase
) -> None:
    """A message of another hand costs a new connection, and no event."""

    async def intrude(context: JetStreamContext) -> PubAck:
        headers = {"Nats-Msg-Id": "other"}
        event = b'{"cursor": "%s-0"}' % (b"0" * 32)
        return await context.publish("milepost.events.0.x.y", event, headers=headers)

    async def story() -> None:
        async with carried(plain_database, JetStreamOutlet(JetStreamConfig(url=nats_server.url))):
            await until(lambda: number(plain_database, CONSUMER) == 5, "five events")
            await nats_server.asked(intrude)
            await asyncio.to_thread(fill, plain_database, some(6, 9))
            await until(lambda: number(plain_database, CONSUMER) == 9, "nine events")

    fill(plain_database, some(1, 5))
    asyncio.run(story())
    assert numbers(nats_server) == [1, 2, 3, 4, 5, 0, 6, 7, 8, 9]
