"""The ingest program: broker to waiting room to transaction to ack, and the numbering of events."""

import asyncio
import sys
from collections.abc import Awaitable, Callable

import structlog

from milepost_collector.backoff import Backoff
from milepost_collector.clock import Clock
from milepost_collector.config import CollectorConfig
from milepost_collector.ingest.broker import Broker
from milepost_collector.ingest.parked import resume_parked
from milepost_collector.ingest.transaction import Intake
from milepost_collector.ingest.waiting import WaitingRoom
from milepost_collector.store import feed, vehicles
from milepost_collector.store.connection import LOST, UNMADE, AsyncDatabase, connect_async
from milepost_collector.store.writes import EVENTS_CHANNEL, NOT_STORABLE
from milepost_schemas.topics import Address

_log = structlog.get_logger(__name__)

READY = "ready\n"

# Messages are gathered for so long, unless the transaction before took longer anyway.
GATHER_S = 0.05
MAX_DEVICES = 5_000

# A device whose row another collector holds is tried again after this.
_HELD_S = 0.05

# Without a notification events are looked for so often.
_NUMBERING_S = 1.0


async def run_ingest(config: CollectorConfig) -> None:
    """Run until cancelled."""
    ingest = _Ingest(config)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ingest.broker.run())
        tasks.create_task(ingest.keep_at(ingest.take_messages, "intake"))
        tasks.create_task(ingest.keep_at(ingest.take_statuses, "status"))
        tasks.create_task(ingest.keep_at(ingest.number_events, "numbering"))
        tasks.create_task(ingest.tell_when_ready())


class _Ingest:
    def __init__(self, config: CollectorConfig) -> None:
        self._dsn = config.database.dsn
        self._clock = Clock()
        self._waiting = WaitingRoom()
        self._statuses: asyncio.Queue[tuple[Address, dict[str, object]]] = asyncio.Queue(1000)
        self._status: tuple[Address, dict[str, object]] | None = None
        self._database_seen = asyncio.Event()
        self.broker = Broker(config.broker, self._waiting.put, self._put_status)

    async def keep_at(self, work: Callable[[AsyncDatabase], Awaitable[None]], what: str) -> None:
        """Do some work over a connection of its own, connecting again for ever."""
        backoff = Backoff()
        while True:
            try:
                async with await connect_async(self._dsn, autocommit=True) as database:
                    if backoff.failures:
                        _log.info("The database is there.", work=what)
                    backoff.succeeded()
                    await work(database)
            except (*LOST, UNMADE) as error:
                if backoff.failures == 0:
                    cause = " ".join(str(error).split())
                    _log.warning("The database is away; trying again.", work=what, cause=cause)
                await asyncio.sleep(backoff.failed())

    async def tell_when_ready(self) -> None:
        """Say on standard output, once, that both links are up."""
        await self.broker.ready.wait()
        await self._database_seen.wait()
        sys.stdout.write(READY)
        sys.stdout.flush()

    async def take_messages(self, database: AsyncDatabase) -> None:
        """Take what waits, transaction by transaction."""
        intake = Intake(database, self._clock)
        await resume_parked(database, self._clock)
        self._database_seen.set()
        ended_s = self._clock.monotonic_s()
        while True:
            await self._waiting.some()
            gathered_s = self._clock.monotonic_s() - ended_s
            await asyncio.sleep(max(0.0, GATHER_S - gathered_s))
            messages = self._waiting.take(MAX_DEVICES)
            try:
                outcome = await intake.take(messages)
            except LOST:
                self._waiting.put_back(messages)
                raise
            self.broker.answer(outcome.answers)
            ended_s = self._clock.monotonic_s()
            if outcome.left:
                await asyncio.sleep(_HELD_S)
                self._waiting.put_back(outcome.left)

    async def take_statuses(self, database: AsyncDatabase) -> None:
        """Store what units say of themselves."""
        while True:
            # Kept over a lost database: a will is said once.
            self._status = self._status or await self._statuses.get()
            address, status = self._status
            try:
                await vehicles.set_status(database, address.device, address.shard, status)
            except NOT_STORABLE as error:
                _log.warning("A status cannot be stored.", device=address.device, cause=str(error))
            self._status = None

    async def number_events(self, database: AsyncDatabase) -> None:
        """Number events as they are committed, while no other process does."""
        await feed.open_feed(database)
        await database.execute(f"LISTEN {EVENTS_CHANNEL}".encode())
        numbering = False
        while True:
            numbering = numbering or await feed.become_the_numberer(database)
            while numbering and await feed.number_fresh(database):
                pass
            async for _ in database.notifies(timeout=_NUMBERING_S, stop_after=1):
                pass

    async def _put_status(self, address: Address, status: dict[str, object]) -> None:
        await self._statuses.put((address, status))
