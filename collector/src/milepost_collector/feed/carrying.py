"""Carrying events out of the house: on from a stored place, in order, confirmed before it moves.

In: the feed. Out: events on a link, and the place behind the last one that was confirmed.

Invariants:
- The place moves only over events that the other side has confirmed, so each is carried at least
  once, in the order of the feed; after a crash or a lost confirmation some are carried again, with
  the ids that they had.
- One process at a time carries for a consumer (`store.consumers`); the others stand by.
- Nothing is given up: a link or a database that is away is tried again for ever, told of once.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from typing import Protocol

import msgspec
import structlog

from milepost_collector.backoff import MAX_S, Backoff
from milepost_collector.clock import Clock
from milepost_collector.failpoint import Failpoint, passing
from milepost_collector.feed.tail import Tail
from milepost_collector.store import consumers, feed
from milepost_collector.store.connection import LOST, UNMADE, AsyncDatabase, connect_async
from milepost_collector.store.consumers import Place, Start
from milepost_collector.store.feed import Cursor, FeedEvent

_log = structlog.get_logger(__name__)

# The place is written once for so many events; what a crash repeats is at most this.
_CARRIED_AT_ONCE = 250

# So often the session says a word (`consumers.SILENT_S`).
_WORD_S = 2.0

_encoder = msgspec.json.Encoder()


class AwayError(Exception):
    """The other side cannot be reached or does not take events now; the message says why."""


class Link(Protocol):
    """An open way to the other side."""

    is_empty: bool
    """Whether the other side should hold events and has never had any."""

    last: Cursor | None
    """The cursor of the last event that the other side has, where it keeps them and can tell."""

    last_event: str | None
    """The id of that event."""

    async def publish(self, events: Sequence[FeedEvent]) -> None:
        """Carry events in this order; return when all of them are confirmed.

        Raises:
            AwayError: Some of them may not be.
        """


class Outlet(Protocol):
    """Where events are carried."""

    consumer: str
    """The name under which the place is stored."""

    def open(self) -> AbstractAsyncContextManager[Link]:
        """Open a link; raises AwayError on entry or exit."""


def payload(event: FeedEvent) -> bytes:
    """Write an event as it travels: CloudEvents 1.0 in structured mode, JSON."""
    return _encoder.encode(event.as_cloud_event())


class Carrier:
    """Carries the feed to one outlet.

    Args:
        dsn: The database.
        tail: The end of the feed, which somebody follows.
        outlet: Where to.
        start: Where it begins for the first time.

    Attributes:
        consumer: The name under which the place is stored.
    """

    def __init__(self, dsn: str, tail: Tail, outlet: Outlet, start: Start) -> None:
        self._dsn = dsn
        self._tail = tail
        self._outlet = outlet
        self.consumer = outlet.consumer
        self._start = start
        self._clock = Clock()
        self._backoff = Backoff()
        # When the link was opened that carries now; one that breaks at once is no success.
        self._opened_s = math.inf

    async def run(self) -> None:
        """Carry for ever."""
        while True:
            self._opened_s = math.inf
            try:
                await self._carry()
                await asyncio.sleep(consumers.STAND_BY_S)  # the feed has another id
            except (*LOST, UNMADE, AwayError) as error:
                if self._clock.monotonic_s() - self._opened_s > MAX_S:
                    self._backoff.succeeded()
                if self._backoff.failures == 0:
                    away = "link" if isinstance(error, AwayError) else "database"
                    cause = " ".join(str(error).split())
                    _log.warning(
                        f"The {away} is away; trying again.", consumer=self.consumer, cause=cause
                    )
                await asyncio.sleep(self._backoff.failed())

    async def _carry(self) -> None:
        session = f"milepost-consumer-{self.consumer}"
        async with await connect_async(self._dsn, autocommit=True, session=session) as database:
            await consumers.stand_by(database, self.consumer)
            # Only now: those who stand by need no link, and without one another gets his turn.
            async with _kept_alive(database), self._outlet.open() as link:
                place = await self._place(database, link)
                self._opened_s = self._clock.monotonic_s()
                if self._backoff.failures == 0:
                    _log.info("Events are carried.", consumer=self.consumer, number=place.number)
                await self._follow(database, link, place)

    async def _place(self, database: AsyncDatabase, link: Link) -> Cursor:
        stored = await consumers.find_place(database, self.consumer, self._start)
        if stored.is_restored:
            _log.warning(
                "The database was restored; events that it had not sent then are sent again.",
                consumer=self.consumer,
                number=stored.at.number,
            )
        place = await _known(database, link, stored)
        if place.at != stored.at:
            _log.info(
                "The other side has other events than was noted; going by what it has.",
                consumer=self.consumer,
                noted=stored.at.number,
                number=place.at.number,
            )
            await consumers.move(database, self.consumer, place.at)
        return place.at

    async def _follow(self, database: AsyncDatabase, link: Link, place: Cursor) -> None:
        while not self._tail.is_foreign(place):
            events = await self._behind(database, place)
            if not events:
                await self._tail.wait_beyond(place, _WORD_S)
                await consumers.stay(database)
                continue
            passing(Failpoint.BEFORE_PUBLISH)
            await link.publish(events)
            passing(Failpoint.AFTER_PUBLISH)
            place = events[-1].cursor
            await consumers.move(database, self.consumer, place)
            passing(Failpoint.AFTER_CURSOR)
            if self._backoff.failures > 0:
                _log.info("Events are carried again.", consumer=self.consumer, number=place.number)
            self._backoff.succeeded()

    async def _behind(self, database: AsyncDatabase, place: Cursor) -> list[FeedEvent]:
        events = self._tail.after(place)
        if events is None:
            events = await feed.read(database, place, _CARRIED_AT_ONCE)
        return events[:_CARRIED_AT_ONCE]


async def _known(database: AsyncDatabase, link: Link, stored: Place) -> Place:
    """Return the place, corrected by what the other side says that it has."""
    if link.is_empty:
        return replace(stored, at=stored.begun)
    if link.last is None:
        return stored
    return await consumers.agreed(database, stored, link.last, link.last_event)


@asynccontextmanager
async def _kept_alive(database: AsyncDatabase) -> AsyncIterator[None]:
    """Keep a session from being ended for silence, also while the other side takes its time."""

    async def say_words() -> None:
        with suppress(*LOST):  # whoever uses the session next is told
            while True:
                await asyncio.sleep(_WORD_S)
                await consumers.stay(database)

    words = asyncio.create_task(say_words())
    try:
        yield
    finally:
        words.cancel()
        await asyncio.wait({words})
