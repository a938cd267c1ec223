"""Delivering to one receiver: from its queue, by as many workers as it may have requests at a time.

Runs in one process at a time for a webhook. What it knows beyond the rows is only when lanes are
due; when it dies, what was on its way and not yet struck off is sent again.
"""

import asyncio
import random
import ssl
from contextlib import suppress

import structlog

from milepost_collector.clock import Clock
from milepost_collector.config import WebhooksConfig
from milepost_collector.failpoint import Failpoint, passing
from milepost_collector.store import webhook_queue, webhooks
from milepost_collector.store.connection import LOST, AsyncDatabase
from milepost_collector.store.pool import Pool
from milepost_collector.store.webhook_queue import Failed, Pending
from milepost_collector.store.webhooks import Subscription
from milepost_collector.webhooks.answer import Answer, Meaning
from milepost_collector.webhooks.lanes import Failure, Lanes
from milepost_collector.webhooks.message import Signer, message_of
from milepost_collector.webhooks.schedule import Patience
from milepost_collector.webhooks.sending import Sender
from milepost_collector.webhooks.settling import Settling
from milepost_collector.webhooks.url import parse_url

_log = structlog.get_logger(__name__)

# Of a vehicle's events so many are held in memory at a time, after which others get their turn.
_SLICE = 50

# The feed is read on while no more than so many events could be sent at once.
_READY = 1_000
_QUEUED_AT_ONCE = 1_000

# A wake-up may be missed; the feed is looked at so often in any case.
_LOOK_S = 5.0

_FAREWELL_S = 2.0


class Delivering:
    """Delivers to one receiver.

    Args:
        subscription: What is subscribed.
        config: What is allowed, and for how long.
        pool: Connections to the database.
        clock: Our clock.
        tls: From `sending.tls_context`.

    Raises:
        ValueError: The stored URL or a secret cannot be read, or there is no secret.
    """

    def __init__(
        self,
        subscription: Subscription,
        config: WebhooksConfig,
        pool: Pool,
        clock: Clock,
        tls: ssl.SSLContext,
    ) -> None:
        self._id = subscription.id
        self._pool = pool
        self._clock = clock
        self._patience = Patience(config.retry_s, config.probe_s)
        self._lanes = Lanes(self._patience, config.parallel)
        self._settling = Settling(pool, subscription.id)
        self._signer = Signer(subscription.secrets)
        self._sender = Sender(parse_url(subscription.url), config, tls, clock)
        self._log = _log.bind(webhook=subscription.id, url=subscription.url)
        self._workers: set[asyncio.Task[None]] = set()
        self._awake = asyncio.Event()
        self._is_stale = True
        self._has_more = True
        self._is_ended = False

    def wake(self) -> None:
        """Hear that the feed has grown."""
        self._has_more = True
        self._awake.set()

    def changed(self, subscription: Subscription, *, is_replayed: bool) -> None:
        """Hear what of the subscription has changed; its URL has not.

        Args:
            subscription: As it is now.
            is_replayed: Whether somebody else has changed the queue.
        """
        self._signer = Signer(subscription.secrets)
        if is_replayed:
            self._is_stale = self._has_more = True
            self._awake.set()

    async def run(self) -> None:
        """Deliver for ever, or until the receiver is gone.

        Raises:
            ExceptionGroup: Of what the database raises when it is lost or busy.
        """
        try:
            async with asyncio.TaskGroup() as group:
                settling = group.create_task(self._settling.run())
                while not self._is_ended:
                    await self._turn(group)
                if self._workers:
                    await asyncio.wait(self._workers)
                settling.cancel()
        finally:
            await self._sender.close()
            with suppress(TimeoutError, *LOST):
                async with asyncio.timeout(_FAREWELL_S):
                    await self._settling.flush()

    async def _turn(self, group: asyncio.TaskGroup) -> None:
        self._awake.clear()
        if self._is_stale:
            await self._load()
        if self._has_more and self._lanes.ready < _READY:
            await self._queue()
        now_s = self._clock.monotonic_s()
        while (vehicle := self._lanes.pick(now_s)) is not None:
            worker = group.create_task(self._work(vehicle))
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        if self._has_more and self._lanes.ready < _READY:
            return
        try:
            async with asyncio.timeout(min(self._lanes.wait_s(now_s), _LOOK_S)):
                await self._awake.wait()
        except TimeoutError:
            self._has_more = True

    async def _load(self) -> None:
        self._is_stale = False
        await self._settling.done()
        async with self._pool.lend() as database:
            waiting = await webhook_queue.waiting(database, self._id)
        self._lanes.load(waiting, self._clock.monotonic_s(), _draw())

    async def _queue(self) -> None:
        self._has_more = False
        async with self._pool.lend() as database:
            queued = await webhook_queue.enqueue(database, self._id, _QUEUED_AT_ONCE)
        self._has_more = self._has_more or queued.looked_at == _QUEUED_AT_ONCE
        self._lanes.add(queued.added, self._clock.monotonic_s())

    async def _work(self, vehicle: str) -> None:
        """Send the events of a vehicle one after the other, until one fails or others are due."""
        async with self._pool.lend() as database:
            pending = await webhook_queue.first_of(database, self._id, vehicle, _SLICE)
        if not pending:  # what we know of this lane is wrong
            self._is_stale = True
        for each in pending:
            if self._is_ended:
                break
            passing(Failpoint.BEFORE_PUBLISH)
            answer = await self._sender.send(message_of(each.found.as_cloud_event()), self._signer)
            passing(Failpoint.AFTER_PUBLISH)
            if answer.meaning is not Meaning.TAKEN:
                await self._failed(vehicle, each, answer)
                break
            if self._lanes.is_down:
                self._log.info("A webhook's receiver is there again.")
            self._settling.add(each.number)
            self._lanes.taken(vehicle, self._clock.monotonic_s())
        # Whoever works on this lane next must not find what was sent already.
        await self._settling.done()
        self._lanes.release(vehicle, self._clock.monotonic_s())
        self._awake.set()

    async def _failed(self, vehicle: str, pending: Pending, answer: Answer) -> None:
        now_s = self._clock.monotonic_s()
        was_down = self._lanes.is_down
        failure = Failure(
            answer.meaning is Meaning.AWAY, pending.waited_s, pending.tried_s + answer.took_s
        )
        verdict = self._lanes.failed(vehicle, failure, now_s, _draw())
        if answer.retry_after_s is not None:
            self._lanes.hold(now_s + answer.retry_after_s)
        self._tell(pending, answer, was_down=was_down, is_dead=verdict.delay_s is None)
        stored = Failed(
            pending.number, verdict.failures, verdict.delay_s, answer.status, answer.error
        )
        async with self._pool.lend() as database:
            failing_s = await webhook_queue.failed(database, self._id, stored)
            if answer.meaning is Meaning.GONE:
                await webhooks.disable(database, self._id, "the receiver answered 410 Gone")
                self._is_ended = True
            elif failing_s >= self._patience.total_s and self._lanes.is_down:
                await self._give_up(database)

    async def _give_up(self, database: AsyncDatabase) -> None:
        """Give up what has waited for as long as a schedule lasts, and nothing got through."""
        count = await webhook_queue.give_up(database, self._id, self._patience.total_s)
        if count:
            self._is_stale = True
            self._log.error("Nothing got through for long; dead letters now.", events=count)

    def _tell(self, pending: Pending, answer: Answer, *, was_down: bool, is_dead: bool) -> None:
        told = {"event_id": str(pending.found.event.id), "cause": answer.error}
        if answer.meaning is Meaning.GONE:
            self._log.error("A webhook is disabled: its receiver answered 410 Gone.", **told)
        elif is_dead:
            self._log.error("An event is a dead letter now.", **told)
        elif self._lanes.is_down and not was_down:
            self._log.warning("A webhook's receiver is away; trying again.", cause=answer.error)
        elif not self._lanes.is_down:
            self._log.info("An event was not taken; trying again.", **told)


def _draw() -> float:
    return random.random()  # noqa: S311 - jitter, no secret
