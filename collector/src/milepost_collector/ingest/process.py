"""The ingest program: broker to waiting room to transaction to ack, and the numbering of events.

It may run several times over one database and one broker: see `holding`.
"""

import asyncio
import os
import platform
import re
import secrets
import sys
from collections.abc import Awaitable, Callable

import structlog

from milepost_collector.backoff import MAX_S, Backoff
from milepost_collector.clock import Clock
from milepost_collector.config import CollectorConfig
from milepost_collector.ingest.broker import Broker
from milepost_collector.ingest.gathering import gather_s
from milepost_collector.ingest.holding import Holding
from milepost_collector.ingest.parked import resume_parked
from milepost_collector.ingest.statuses import StatusRoom, UnitStatus
from milepost_collector.ingest.transaction import Intake
from milepost_collector.ingest.waiting import WaitingRoom
from milepost_collector.store import feed
from milepost_collector.store.connection import LOST, UNMADE, AsyncDatabase, connect_async
from milepost_collector.store.engine_writes import EVENTS_CHANNEL
from milepost_collector.store.leases import session_name
from milepost_collector.store.maintenance import maintain
from milepost_collector.store.migrate import MigrationError, refuse_newer
from milepost_collector.store.statuses import set_statuses
from milepost_collector.store.writes import NOT_STORABLE

_log = structlog.get_logger(__name__)

READY = "ready\n"

# A device whose row somebody else holds is tried again after this, then twice that, and so on.
_HELD_FIRST_S = 0.05
_HELD_MAX_S = 0.5

_STATUSES_AT_ONCE = 200

# A task that is told to end and does not is told again after this.
_CANCEL_S = 1.0

# Without a notification events are looked for so often.
_NUMBERING_S = 1.0

_MAINTENANCE_S = 3600.0


async def run_ingest(config: CollectorConfig) -> None:
    """Run until cancelled; then leave the shards to the other collectors.

    Raises:
        MigrationError: A newer release is in charge of the database.
    """
    try:
        await _run(_Ingest(config))
    except* MigrationError as errors:
        raise errors.exceptions[0] from None


async def _run(ingest: "_Ingest") -> None:
    async with asyncio.TaskGroup() as group:
        tasks = {
            group.create_task(ingest.broker.run()),
            group.create_task(ingest.keep_at(ingest.holding.run, "leases")),
            group.create_task(ingest.keep_at(ingest.take_messages, "intake")),
            group.create_task(ingest.keep_at(ingest.take_more, "second intake")),
            group.create_task(ingest.keep_at(ingest.take_statuses, "status")),
            group.create_task(ingest.keep_at(ingest.number_events, "numbering")),
            group.create_task(ingest.keep_at(ingest.maintain, "maintenance")),
        }
        try:
            await ingest.tell_when_ready()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if not any(task.done() for task in tasks):
                await ingest.leave()
            await _cancel(tasks)
            raise


async def _cancel(tasks: set[asyncio.Task[None]]) -> None:
    """End tasks, also one that misses being told: before Python 3.12 `wait_for` can."""
    while tasks:
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=_CANCEL_S)


class _Ingest:
    def __init__(self, config: CollectorConfig) -> None:
        self._dsn = config.database.dsn
        self._storage = config.storage
        self._makes_events = config.events.make
        self._clock = Clock()
        self._owner = _owner_name()
        self._waiting = WaitingRoom()
        self._statuses = StatusRoom()
        self._held = Backoff(_HELD_FIRST_S, _HELD_MAX_S)
        self._database_seen = asyncio.Event()
        self.broker = Broker(config.broker, self._waiting.put, self._statuses.put)
        self.holding = Holding(self._owner, self.broker)

    async def keep_at(self, work: Callable[[AsyncDatabase], Awaitable[None]], what: str) -> None:
        """Do some work over a connection of its own, connecting again for ever."""
        backoff = Backoff()
        while True:
            begun_s = self._clock.monotonic_s()
            try:
                async with await self._connect() as database:
                    await refuse_newer(database)
                    if backoff.failures:
                        _log.info("The database is there.", work=what)
                    await work(database)
            except (*LOST, UNMADE) as error:
                # One that connects and fails again at once, on a full disk, say, waits longer too.
                if self._clock.monotonic_s() - begun_s > MAX_S:
                    backoff.succeeded()
                if backoff.failures == 0:
                    cause = " ".join(str(error).split())
                    _log.warning("The database is away; trying again.", work=what, cause=cause)
                await asyncio.sleep(backoff.failed())

    async def tell_when_ready(self) -> None:
        """Say on standard output, once, that both links are up and the shards are taken."""
        await self.holding.begun.wait()
        await self._database_seen.wait()
        sys.stdout.write(READY)
        sys.stdout.flush()

    async def leave(self) -> None:
        """Hand the shards over in order, while everything else goes on."""
        try:
            async with await self._connect() as database:
                await self.holding.leave(database)
        except (*LOST, UNMADE) as error:
            _log.warning("The shards are left without a word.", cause=str(error))

    async def take_messages(self, database: AsyncDatabase) -> None:
        """Take what waits, transaction by transaction."""
        intake = Intake(database, self._clock, events=self._makes_events)
        self._database_seen.set()
        while True:
            await self._waiting.some()
            await self._take_round(intake)

    async def take_more(self, database: AsyncDatabase) -> None:
        """Take beside it what is more than one round, so that neither side waits for the other."""
        intake = Intake(database, self._clock, events=self._makes_events)
        while True:
            await self._waiting.enough()
            await self._take_round(intake)

    async def _take_round(self, intake: Intake) -> None:
        messages = self._waiting.take()
        if not messages:  # the other one was here first
            return
        begun_s = self._clock.monotonic_s()
        try:
            outcome = await intake.take(messages)
        except (*LOST, UNMADE):
            self._waiting.put_back(messages)
            raise
        self.broker.answer(outcome.answers)
        if outcome.left:
            self._waiting.put_aside(outcome.left)
            asyncio.get_running_loop().call_later(self._held.failed(), self._waiting.bring_back)
        else:
            self._held.succeeded()
        if not self._waiting.holds_enough:
            await asyncio.sleep(gather_s(self._clock.monotonic_s() - begun_s))

    async def take_statuses(self, database: AsyncDatabase) -> None:
        """Store what units say of themselves."""
        held = Backoff(_HELD_FIRST_S, _HELD_MAX_S)
        while True:
            await self._statuses.some()
            statuses = self._statuses.take(_STATUSES_AT_ONCE)
            try:
                left = await self._store(database, statuses)
            except (*LOST, UNMADE):
                self._statuses.put_back(statuses)  # a will is said once
                raise
            self._statuses.put_back(left)
            if len(left) == len(statuses):
                await asyncio.sleep(held.failed())
            else:
                held.succeeded()

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

    async def maintain(self, database: AsyncDatabase) -> None:
        """Look after parked engines and the table of fixes at the start, and each hour."""
        while True:
            if self._makes_events:
                await resume_parked(database, self._clock)
            await maintain(database, self._clock.now(), self._storage)
            await asyncio.sleep(_MAINTENANCE_S)

    async def _store(self, database: AsyncDatabase, statuses: list[UnitStatus]) -> list[UnitStatus]:
        """Store statuses; return those whose row somebody holds."""
        shards = {status.address.device: status.address.shard for status in statuses}
        words = {status.address.device: status.words for status in statuses}
        try:
            left = await set_statuses(database, shards, words)
        except NOT_STORABLE as error:
            if len(statuses) > 1:  # each alone, so that it fails alone
                return [x for status in statuses for x in await self._store(database, [status])]
            _log.warning("A status cannot be stored.", device=list(words), cause=str(error))
            return []
        return [status for status in statuses if status.address.device in left]

    async def _connect(self) -> AsyncDatabase:
        return await connect_async(self._dsn, autocommit=True, session=session_name(self._owner))


def _owner_name() -> str:
    """Return a name that no other collector has, and by which people find this one."""
    host = re.sub(r"[^A-Za-z0-9-]", "-", platform.node())[:24]
    return f"{host}-{os.getpid()}-{secrets.token_hex(3)}"
