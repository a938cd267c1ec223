"""All webhooks of this process: who is delivered to, and that one process does it.

A webhook belongs to the process whose session holds its lock. The session ends with the process, or
after some seconds of silence where that stands still; then another one goes on from the rows.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from milepost_collector.backoff import MAX_S, Backoff
from milepost_collector.clock import Clock
from milepost_collector.config import CollectorConfig
from milepost_collector.feed.tail import Tail
from milepost_collector.store import feed, webhook_queue, webhooks
from milepost_collector.store.connection import LOST, UNMADE, AsyncDatabase, connect_async
from milepost_collector.store.pool import Pool
from milepost_collector.store.webhooks import Subscription
from milepost_collector.webhooks.delivering import Delivering
from milepost_collector.webhooks.sending import tls_context

_log = structlog.get_logger(__name__)

_SESSION = "milepost-webhooks"
_CONNECTIONS = 6

# So often subscriptions are looked at, without a notification.
_LOOK_S = 1.0

_LISTEN_S = 5.0


@dataclass(slots=True)
class _Desk:
    """A webhook that is ours.

    Attributes:
        subscription: As it was when it was looked at last.
        delivering: What delivers; None: its row cannot be used.
        task: Its run; None: it ended and waits to begin again.
        begun_s: When it began.
        again_at_s: When it may begin again.
        backoff: After faults.
    """

    subscription: Subscription
    delivering: Delivering | None = None
    task: "asyncio.Task[None] | None" = None
    begun_s: float = 0.0
    again_at_s: float = 0.0
    backoff: Backoff = field(default_factory=Backoff)


async def deliver_webhooks(config: CollectorConfig, tail: Tail) -> None:
    """Deliver to all webhooks, for ever.

    Args:
        config: Where the database is, and what is allowed.
        tail: The end of the feed, which somebody follows.
    """
    if config.webhooks.deliver:
        await _Office(config, tail).run()


class _Office:
    def __init__(self, config: CollectorConfig, tail: Tail) -> None:
        self._dsn = config.database.dsn
        self._config = config.webhooks
        self._tail = tail
        self._clock = Clock()
        self._pool = Pool(self._dsn, _CONNECTIONS)
        self._tls = tls_context()
        self._desks: dict[int, _Desk] = {}

    async def run(self) -> None:
        listening = asyncio.create_task(self._listen())
        await self._pool.open()
        backoff = Backoff()
        try:
            while True:
                try:
                    async with await connect_async(
                        self._dsn, autocommit=True, session=_SESSION
                    ) as database:
                        await webhook_queue.begin_session(database)
                        await self._keep(database, backoff)
                except (*LOST, UNMADE) as error:
                    # Our locks went with the session.
                    await self._close(list(self._desks))
                    if backoff.failures == 0:
                        _log.warning(
                            "The database is away; trying again.",
                            work="webhooks",
                            cause=" ".join(str(error).split()),
                        )
                    await asyncio.sleep(backoff.failed())
        finally:
            listening.cancel()
            await self._close(list(self._desks))
            await self._pool.close()

    async def _keep(self, database: AsyncDatabase, backoff: Backoff) -> None:
        while True:
            found = {each.id: each for each in await webhooks.subscriptions(database)}
            backoff.succeeded()
            enabled = {key: each for key, each in found.items() if each.disabled_because is None}
            await self._leave(database, enabled)
            for key, subscription in enabled.items():
                if key in self._desks:
                    self._look_after(self._desks[key], subscription)
                elif await webhook_queue.become_the_sender(database, key):
                    self._desks[key] = _Desk(subscription)
                    self._begin(self._desks[key])
            await webhook_queue.wait_for_change(database, _LOOK_S)

    async def _leave(self, database: AsyncDatabase, enabled: Mapping[int, Subscription]) -> None:
        left = [
            key
            for key, desk in self._desks.items()
            if key not in enabled or enabled[key].url != desk.subscription.url
        ]
        await self._close(left)
        for key in left:
            await webhook_queue.leave_to_others(database, key)

    def _look_after(self, desk: _Desk, now: Subscription) -> None:
        before, desk.subscription = desk.subscription, now
        if desk.task is not None and desk.task.done():
            self._end(desk, desk.task)
        if desk.task is None:
            if self._clock.monotonic_s() >= desk.again_at_s and (
                desk.delivering is not None or now != before
            ):
                self._begin(desk)
        elif desk.delivering is not None and now != before:
            try:
                desk.delivering.changed(now, is_replayed=now.replays != before.replays)
            except ValueError as error:
                _tell_broken(now, error)

    def _begin(self, desk: _Desk) -> None:
        try:
            desk.delivering = Delivering(
                desk.subscription, self._config, self._pool, self._clock, self._tls
            )
        except ValueError as error:
            desk.delivering = None
            _tell_broken(desk.subscription, error)
            return
        desk.begun_s = self._clock.monotonic_s()
        desk.task = asyncio.create_task(desk.delivering.run())

    def _end(self, desk: _Desk, task: "asyncio.Task[None]") -> None:
        """Take leave of a run that ended by itself, and say when to begin again."""
        desk.task = None
        now_s = self._clock.monotonic_s()
        if now_s - desk.begun_s > MAX_S:
            desk.backoff.succeeded()
        error = task.exception()
        if error is not None and desk.backoff.failures == 0:
            _tell_ended(desk.subscription, error)
        desk.again_at_s = now_s + desk.backoff.failed()

    async def _close(self, keys: list[int]) -> None:
        tasks = []
        for key in keys:
            task = self._desks.pop(key).task
            if task is not None:
                task.cancel()
                tasks.append(task)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self) -> None:
        """Wake those who deliver when the feed has grown; they look by themselves when it fails."""
        while True:
            try:
                async with self._pool.lend() as database:
                    end = await feed.end(database)
                while await self._tail.wait_beyond(end, _LISTEN_S):
                    for desk in self._desks.values():
                        if desk.delivering is not None:
                            desk.delivering.wake()
                    events = self._tail.after(end)
                    if self._tail.is_foreign(end) or not events:
                        await asyncio.sleep(_LOOK_S)
                        break
                    end = events[-1].cursor
            except (*LOST, UNMADE):
                await asyncio.sleep(_LOOK_S)


def _tell_broken(subscription: Subscription, error: Exception) -> None:
    _log.error("A webhook cannot be used.", webhook=subscription.id, cause=str(error))


def _tell_ended(subscription: Subscription, error: BaseException) -> None:
    if isinstance(error, ExceptionGroup) and error.split(LOST)[1] is None:
        cause = " ".join(str(error.exceptions[0]).split())
        _log.warning("A webhook waits for the database.", webhook=subscription.id, cause=cause)
    else:
        _log.error("A webhook fails by our fault.", webhook=subscription.id, exc_info=error)
