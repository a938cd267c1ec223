"""Events in a NATS JetStream, the log for backend teams: the server, and the stream there.

In: the configuration. Out: a link that knows how far the stream is.

Invariants:
- The last message says how far the stream is. It is asked at each connection, and goes before the
  stored place: nothing is there twice after a crash between publish and place, however long that
  was ago, and what the server confirmed and then lost (it syncs its disk every two minutes) is sent
  again.
- A stream that is there already is never changed.

Rejected: to trust in the window of duplicates alone. It counts from the first publish, so a server
that is down for longer gets the last events twice; and it keeps no order.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import Header, StorageType, StreamConfig, StreamInfo
from nats.js.errors import NotFoundError

from milepost_collector.config import JetStreamConfig
from milepost_collector.feed.carrying import AwayError
from milepost_collector.feed.jetstream_link import JetStreamLink, StreamEnd, cursor_in

_log = structlog.get_logger(__name__)

_ANSWER_S = 5

_DAY_S = 86_400.0


def wanted_stream(config: JetStreamConfig) -> StreamConfig:
    """Return the stream as we make it."""
    return StreamConfig(
        name=config.stream,
        description="Events of Milepost, in the order of its feed.",
        subjects=[f"{config.subject_prefix}.>"],
        storage=StorageType.FILE,
        num_replicas=config.replicas,
        max_age=config.max_age_days * _DAY_S,
        max_bytes=config.max_bytes or -1,
        duplicate_window=config.duplicate_window_s,
    )


def differences(found: StreamConfig, wanted: StreamConfig) -> list[str]:
    """Return in words what a stream has otherwise than we would make it."""
    names = ("subjects", "storage", "num_replicas", "max_age", "max_bytes", "duplicate_window")
    pairs = [(name, getattr(found, name), getattr(wanted, name)) for name in names]
    return [f"{name} {has!r}, not {asked!r}" for name, has, asked in pairs if has != asked]


class JetStreamOutlet:
    """The stream.

    Args:
        config: Where it is, and how it is made when it is missing.

    Attributes:
        consumer: The name of the stored place; each stream has its own.
    """

    def __init__(self, config: JetStreamConfig) -> None:
        self._config = config
        self.consumer = f"jetstream:{config.stream}"
        self._compared = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[JetStreamLink]:
        """Connect, find or make the stream, ask how far it is; disconnect at the end.

        Raises:
            AwayError: NATS cannot be reached, goes away, or refuses.
        """
        link_ended = asyncio.Event()
        client = await _connect(self._config.url, link_ended)
        try:
            context = client.jetstream(timeout=_ANSWER_S)
            info = await self._stream(context)
            end = await self._end(context, info.state.last_seq)
            link = JetStreamLink(self._config, client, link_ended, end)
            await link.listen()
            yield link
        except (NatsError, OSError) as error:
            raise AwayError(f"JetStream: {_cause(error)}") from None
        finally:
            await _close(client)

    async def _stream(self, context: JetStreamContext) -> StreamInfo:
        wanted = wanted_stream(self._config)
        try:
            info = await context.stream_info(self._config.stream)
        except NotFoundError:
            _log.info("The stream is made.", stream=wanted.name, subjects=wanted.subjects)
            return await context.add_stream(wanted)
        others = differences(info.config, wanted)
        if others and not self._compared:
            # It may be shared, or have been changed on purpose: it is theirs to change.
            _log.warning("The stream is used as it is.", stream=wanted.name, differs=others)
        self._compared = True
        return info

    async def _end(self, context: JetStreamContext, last_sequence: int) -> StreamEnd:
        if last_sequence == 0:
            return StreamEnd(is_empty=True)
        try:
            message = await context.get_last_msg(
                self._config.stream, f"{self._config.subject_prefix}.>"
            )
        except NotFoundError:  # too old, or removed by somebody
            return StreamEnd()
        # Behind a newer message that was removed the server may know no id any more.
        event_id = (message.headers or {}).get(Header.MSG_ID)
        message_id = event_id if message.seq == last_sequence else None
        return StreamEnd(cursor=cursor_in(message.data), event_id=event_id, message_id=message_id)


def _cause(error: Exception) -> str:
    return str(error) or type(error).__name__


async def _connect(url: str, ended: asyncio.Event) -> Client:
    errors: list[Exception] = []

    async def on_closed() -> None:
        ended.set()

    async def on_error(error: Exception) -> None:
        """Keep the cause; what goes wrong later comes out where the link is used."""
        errors[:] = [error]

    client = Client()
    try:
        await client.connect(
            url.split(","),
            name="milepost",
            connect_timeout=_ANSWER_S,
            # A new connection asks first how far the stream is, so it is made by us; here each
            # server is tried twice.
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            closed_cb=on_closed,
            error_cb=on_error,
        )
    except BaseException as error:
        await _close(client)
        if not isinstance(error, NatsError | OSError):
            raise
        where = urlsplit(url.split(",")[0]).hostname  # without name and password
        raise AwayError(f"NATS at {where}: {_cause((errors or [error])[-1])}") from None
    # A server that dies can break its tasks before they tell of the end; and asyncio logs errors of
    # tasks that nobody has looked at.
    for task in (client._flusher_task, client._reading_task):
        if task is not None:
            task.add_done_callback(lambda done: _looked_at(done, ended))
    return client


async def _close(client: Client) -> None:
    """Close a connection, and what nats-py (2.16) leaves open of one that broke while it wrote."""
    with suppress(NatsError, OSError):
        await client.close()
    for subscription in list(client._subs.values()):
        subscription._stop_processing()
    if client._transport is not None:
        client._transport.close()  # type: ignore[no-untyped-call]


def _looked_at(task: "asyncio.Task[None]", ended: asyncio.Event) -> None:
    ended.set()
    if not task.cancelled():
        task.exception()
