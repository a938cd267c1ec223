"""All notices of a database: one process at a time makes and sends them, behind a session's lock.

In: the feed. Out: rows of notices, calls, and what came of them. Whoever takes over says of what
the one before left in the middle that it is unknown.
"""

import asyncio
from contextlib import suppress
from typing import Any

import structlog

from milepost_collector.backoff import MAX_S, Backoff
from milepost_collector.clock import Clock
from milepost_collector.config import CollectorConfig
from milepost_collector.feed.tail import Tail
from milepost_collector.notices.making import take_in
from milepost_collector.notices.preparing import Prepared, prepare
from milepost_collector.notices.sending import LinkOf, Sending, no_link
from milepost_collector.store import consumers, feed, notice_marks, notices
from milepost_collector.store.connection import LOST, UNMADE, AsyncDatabase, connect_async
from milepost_collector.store.feed import Cursor

_log = structlog.get_logger(__name__)

_SESSION = "milepost-consumer-notices"

_TAKEN_AT_ONCE = 250

# So often it is looked whether something is due; the session says a word, too.
_LOOK_S = 0.5

_FORGET_S = 3600.0

# How long calls may take when the program is told to end; the rest is unknown.
_FAREWELL_S = 4.0


async def tell_people(config: CollectorConfig, tail: Tail, link_of: LinkOf = no_link) -> None:
    """Make and send notices, for ever; return at once where there are no rules.

    Args:
        config: Where the database is, the rules, and the channels.
        tail: The end of the feed, which somebody follows.
        link_of: Gives the link to the page of an order.
    """
    if not config.notices.send:
        return
    # Rules and channels were checked when the program began; apprise is not imported in the loop.
    prepared = await asyncio.to_thread(prepare, config.notices)
    if prepared is not None:
        await _Office(config, prepared, tail, link_of).run()


class _Office:
    def __init__(
        self, config: CollectorConfig, prepared: Prepared, tail: Tail, link_of: LinkOf
    ) -> None:
        self._dsn = config.database.dsn
        self._keep_days = config.notices.keep_days
        self._prepared = prepared
        self._tail = tail
        self._clock = Clock()
        self._sending = Sending(config.notices, prepared, self._clock, link_of)
        self._forget_at_s = self._clock.monotonic_s()

    async def run(self) -> None:
        backoff = Backoff()
        try:
            while True:
                begun_s = self._clock.monotonic_s()
                try:
                    await self._work()
                    await asyncio.sleep(consumers.STAND_BY_S)  # the feed has another id
                except (*LOST, UNMADE) as error:
                    if self._clock.monotonic_s() - begun_s > MAX_S:
                        backoff.succeeded()
                    if backoff.failures == 0:
                        cause = " ".join(str(error).split())
                        _log.warning(
                            "The database is away; trying again.", work="notices", cause=cause
                        )
                    await asyncio.sleep(backoff.failed())
        finally:
            await self._take_leave()

    async def _work(self) -> None:
        async with await connect_async(self._dsn, autocommit=True, session=_SESSION) as database:
            await self._stand_by(database)
            begun = await notices.begin(database, self._clock.now_ms())
            if begun.place.is_restored:
                _log.warning("The database was restored; what happened before is told to nobody.")
            await self._sending.settle(database)
            unknown = await notice_marks.recover(
                database, self._prepared.repeatable, self._sending.in_flight
            )
            if unknown:
                _log.error(
                    "Whether notices were sent is unknown: a program ended during the call.",
                    notices=unknown,
                )
            await self._follow(database, begun.place.at, begun.fresh_from_ms)

    async def _stand_by(self, database: AsyncDatabase) -> None:
        while True:
            if await consumers.become_the_carrier(database, notices.CONSUMER):
                return
            # Whoever sends now takes our calls for unknown; we know what they have come to.
            await self._sending.settle(database)
            await asyncio.sleep(consumers.STAND_BY_S)

    async def _follow(self, database: AsyncDatabase, place: Cursor, fresh_from_ms: int) -> None:
        while not self._tail.is_foreign(place):
            events = self._tail.after(place)
            if events is None:
                events = await feed.read(database, place, _TAKEN_AT_ONCE)
            if events:
                place = await take_in(
                    database,
                    events[:_TAKEN_AT_ONCE],
                    self._prepared,
                    now_ms=self._clock.now_ms(),
                    fresh_from_ms=fresh_from_ms,
                )
            await self._sending.settle(database)
            has_more = await self._sending.send_due(database)
            await self._forget(database)
            if not events and not has_more:
                await self._wait(place)

    async def _wait(self, place: Cursor) -> None:
        """Wait until the feed has grown, a call has ended, or it is time to look."""
        growth = asyncio.create_task(self._tail.wait_beyond(place, _LOOK_S))
        try:
            either: set[asyncio.Future[Any]] = {growth, *self._sending.calls}
            await asyncio.wait(
                either,
                timeout=_LOOK_S,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            growth.cancel()
            await asyncio.wait({growth})

    async def _forget(self, database: AsyncDatabase) -> None:
        now_s = self._clock.monotonic_s()
        if now_s >= self._forget_at_s:
            self._forget_at_s = now_s + _FORGET_S
            await notices.forget(database, self._keep_days)

    async def _take_leave(self) -> None:
        """Wait for calls that have begun, and store what they come to."""
        await self._sending.finish(_FAREWELL_S)
        if self._sending.calls:
            with suppress(*LOST):
                async with await connect_async(self._dsn, autocommit=True) as database:
                    await database.execute("SET synchronous_commit = on")
                    await self._sending.settle(database)
