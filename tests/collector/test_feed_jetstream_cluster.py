"""Events in a JetStream of three servers, one of which dies."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TypeVar

import nats
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.errors import ServiceUnavailableError

from milepost_collector.config import JetStreamConfig
from milepost_collector.feed.jetstream import JetStreamOutlet
from tests.collector.carriers import DEADLINE_S, carried, number, until
from tests.collector.events import event, fill
from tests.collector.nats_server import NatsServer, Stored, everything, reserved_port
from tests.fixtures.servers import FreshDatabase

T = TypeVar("T")

CONSUMER = "jetstream:MILEPOST"
TOTAL = 4000
FIRST = 3500


def cluster(stack: ExitStack, folder: Path) -> dict[str, NatsServer]:
    """Start three servers that know each other, by their names."""
    ports = [stack.enter_context(reserved_port()).getsockname()[1] for _ in range(3)]
    routes = ",".join(f"nats://127.0.0.1:{port}" for port in ports)
    servers = {}
    for place, port in enumerate(ports):
        name = f"n{place}"
        own = ("-n", name, "--cluster_name", "c", "--cluster", f"nats://127.0.0.1:{port}")
        servers[name] = NatsServer(folder / name, *own, "--routes", routes)
        stack.enter_context(servers[name]).start()
    return servers


async def asked(url: str, question: Callable[[JetStreamContext], Awaitable[T]]) -> T:
    """Ask until there is an answer: a request that meets an election has none."""
    client = await nats.connect(url.split(","))
    try:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                with suppress(NatsTimeoutError, ServiceUnavailableError):
                    return await question(client.jetstream())
    finally:
        await client.close()


async def leader(context: JetStreamContext) -> str:
    """Return the name of the server that leads the stream."""
    info = await context.stream_info("MILEPOST")
    assert info.cluster is not None
    assert info.cluster.leader is not None
    return info.cluster.leader


def test_stream_of_a_cluster_holds_each_event_once_when_its_leader_dies(
    tmp_path: Path, plain_database: FreshDatabase
) -> None:
    """What the election swallows is sent again in order; no id needs to be known again for it."""
    events = [event(n, vehicle=f"van-{n % 9}") for n in range(1, TOTAL + 1)]
    fill(plain_database, events[:FIRST])
    with ExitStack() as stack:
        servers = cluster(stack, tmp_path)
        url = ",".join(server.url for server in servers.values())
        config = JetStreamConfig(url=url, replicas=3, duplicate_window_s=1)

        async def story() -> list[Stored]:
            async with carried(plain_database, JetStreamOutlet(config)):
                await until(lambda: number(plain_database, CONSUMER) > 0, "a beginning")
                servers[await asked(url, leader)].kill()
                # However quick the first were carried, some come while a leader is elected.
                await asyncio.to_thread(fill, plain_database, events[FIRST:])
                await until(lambda: number(plain_database, CONSUMER) == TOTAL, "all events")
            return await asked(url, everything)

        stored = asyncio.run(story())
    assert [each.number for each in stored] == list(range(1, TOTAL + 1))
