"""A TCP proxy that does to a link what mobile networks do: delay, a thin line, loss, a black hole.

Loss is shown as TCP shows it to a program: the segment and all behind it come later, by the time
that a retransmission takes.
"""

import asyncio
import random
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_SEGMENT_BYTES = 1400


@dataclass
class Line:
    """How the line is at this moment; both ways alike.

    Attributes:
        delay_s: Seconds that each segment is under way.
        rate_bps: Bits a second; None: as fast as it goes.
        loss: Share of segments that are lost and sent again, 0 to 1.
        black_hole: Nothing comes through, and nobody is told.
    """

    delay_s: float = 0.0
    rate_bps: float | None = None
    loss: float = 0.0
    black_hole: bool = False


class Proxy:
    """Passes TCP connections on, inside the `with` block.

    Args:
        host: Where to.
        port: Where to.
        seed: Chooses which segments are lost.
        context: Speaks TLS on the side where it listens; None: TCP alone.

    Attributes:
        line: How the line is; may be changed at any time.
        port: Where it listens, on 127.0.0.1.
        connections: How many were taken.
        up_bytes: How many bytes went to the other side.
        down_bytes: How many came from it.
    """

    def __init__(
        self, host: str, port: int, seed: int = 1, context: ssl.SSLContext | None = None
    ) -> None:
        self.line = Line()
        self.port = 0
        self.connections = 0
        self.up_bytes = 0
        self.down_bytes = 0
        self._target = (host, port)
        self._context = context
        self._random = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._pipes: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen).result(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._run(self._end).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Break all connections, as a lost carrier does."""
        self._run(self._close_all).result(10)

    def _run(self, what: Callable[[], object]) -> "Future[None]":
        return asyncio.run_coroutine_threadsafe(what(), self._loop)  # type: ignore[arg-type]

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        self._server.close()
        await self._close_all()
        await asyncio.sleep(0.2)  # transports that ended in their TLS handshake close in the loop

    async def _close_all(self) -> None:
        for pipe in list(self._pipes):
            pipe.cancel()
        for writer in list(self._writers):
            writer.close()
        await asyncio.gather(*self._pipes, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        self._writers.add(far_writer)
        self._pipe(reader, far_writer, up=True)
        self._pipe(far_reader, writer, up=False)

    def _pipe(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool
    ) -> None:
        pipe = asyncio.ensure_future(self._carry(reader, writer, up=up))
        self._pipes.add(pipe)
        pipe.add_done_callback(self._pipes.discard)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool
    ) -> None:
        """Carry one direction; what is under way is delivered in order, each at its time."""
        under_way: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()
        delivery = asyncio.ensure_future(self._deliver(under_way, writer))
        free_at_s = 0.0
        try:
            while data := await reader.read(_SEGMENT_BYTES):
                now_s = self._loop.time()
                rate = self.line.rate_bps
                free_at_s = max(free_at_s, now_s) + (len(data) * 8 / rate if rate else 0.0)
                while self._random.random() < self.line.loss:
                    free_at_s += max(0.2, 2 * self.line.delay_s)
                await asyncio.sleep(max(0.0, free_at_s - now_s))
                under_way.put_nowait((free_at_s + self.line.delay_s, data))
                if up:
                    self.up_bytes += len(data)
                else:
                    self.down_bytes += len(data)
            under_way.put_nowait(None)
            await delivery
        finally:
            delivery.cancel()
            writer.close()
            self._writers.discard(writer)

    async def _deliver(
        self,
        under_way: "asyncio.Queue[tuple[float, bytes] | None]",
        writer: asyncio.StreamWriter,
    ) -> None:
        while (item := await under_way.get()) is not None:
            due_s, data = item
            await asyncio.sleep(max(0.0, due_s - self._loop.time()))
            while self.line.black_hole:  # noqa: ASYNC110 - set by the thread of the test
                await asyncio.sleep(0.05)
            writer.write(data)
            with suppress(ConnectionError):
                await writer.drain()
