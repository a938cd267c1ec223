"""The end of the feed, read once for all who listen."""

import asyncio
from collections import deque
from itertools import takewhile

import structlog

from milepost_collector.backoff import Backoff
from milepost_collector.store import feed
from milepost_collector.store.connection import LOST, UNMADE, AsyncDatabase, connect_async
from milepost_collector.store.feed import Cursor, FeedEvent

_log = structlog.get_logger(__name__)

_KEPT_EVENTS = 2_000
_READ_AT_ONCE = 1_000

# A notification can be lost with its connection; the feed is looked at so often in any case.
_LOOK_S = 1.0


class Tail:
    """Follows the feed and wakes listeners.

    Args:
        dsn: The database.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._events: deque[FeedEvent] = deque(maxlen=_KEPT_EVENTS)
        self._end: Cursor | None = None
        self._growth = asyncio.Event()

    async def run(self) -> None:
        """Follow for ever."""
        backoff = Backoff()
        while True:
            try:
                async with await connect_async(self._dsn, autocommit=True) as database:
                    backoff.succeeded()
                    await self._follow(database)
            except (*LOST, UNMADE) as error:
                if backoff.failures == 0:
                    cause = " ".join(str(error).split())
                    _log.warning("The database is away; trying again.", work="tail", cause=cause)
                await asyncio.sleep(backoff.failed())

    async def wait_beyond(self, cursor: Cursor, timeout_s: float) -> bool:
        """Wait until the feed has grown beyond a cursor; False when `timeout_s` went by."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self._is_beyond(cursor):
                    await self._growth.wait()
        except TimeoutError:
            return False
        return True

    def is_foreign(self, cursor: Cursor) -> bool:
        """Whether a cursor is of another feed than the one that is followed now."""
        return self._end is not None and self._end.feed != cursor.feed

    def _is_beyond(self, cursor: Cursor) -> bool:
        if self._end is None:
            return False
        return self.is_foreign(cursor) or self._end.number > cursor.number

    def after(self, cursor: Cursor) -> list[FeedEvent] | None:
        """Return the events behind a cursor; None when they reach farther back than is kept."""
        if self._end is None or self.is_foreign(cursor):
            return None
        if cursor.number >= self._end.number:
            return []
        if not self._events or self._events[0].cursor.number > cursor.number + 1:
            return None
        # From the end: a listener mostly lacks the last few.
        newer = takewhile(lambda found: found.cursor.number > cursor.number, reversed(self._events))
        return list(newer)[::-1]

    async def _follow(self, database: AsyncDatabase) -> None:
        await feed.open_feed(database)
        await database.execute(f"LISTEN {feed.FEED_CHANNEL}".encode())
        while True:
            await self._catch_up(database)
            async for _ in database.notifies(timeout=_LOOK_S, stop_after=1):
                pass

    async def _catch_up(self, database: AsyncDatabase) -> None:
        newest = await feed.end(database)
        if self._end is not None and newest.number < self._end.number:
            await feed.went_back(database, self._end)
            newest = await feed.end(database)
        if self._end is None or self._end.feed != newest.feed:
            self._events.clear()
            self._grow(newest)
            return
        while self._end.number < newest.number:
            events = await feed.read(database, self._end, _READ_AT_ONCE)
            if not events:
                return
            self._events.extend(events)
            self._grow(events[-1].cursor)

    def _grow(self, end: Cursor) -> None:
        self._end = end
        growth, self._growth = self._growth, asyncio.Event()
        growth.set()
