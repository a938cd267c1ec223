"""The office that keeps all desks: one process at a time, behind a place in the feed of its own.

Invariants:
- A track event that was numbered is put into the log of its desk once: its number in the feed is
  in the log, and one that is not above the newest there is a repeat.
- A desk hears of a plan before it hears of anything that happens at its stops: a version of a plan
  is in force only some seconds after it is stored.
"""

import asyncio
from functools import partial

import structlog

from milepost_collector.backoff import Backoff
from milepost_collector.clock import Clock
from milepost_collector.config import CollectorConfig
from milepost_collector.delivery.desk.inputs import TickInput, TrackInput
from milepost_collector.delivery.desk.movement import TRACK_TYPES
from milepost_collector.desks.forecasts import Forecasts
from milepost_collector.desks.plans import tell_plan
from milepost_collector.desks.silence import Silence
from milepost_collector.feed.tail import Tail
from milepost_collector.store import consumers, desks, feed
from milepost_collector.store.connection import LOST, UNMADE, AsyncDatabase, connect_async
from milepost_collector.store.consumers import Start
from milepost_collector.store.desks import PLAN, enter
from milepost_collector.store.feed import Cursor, FeedEvent
from milepost_schemas.event import Event

_log = structlog.get_logger(__name__)

_CONSUMER = "desks"

# So many events are taken between two looks at the rest.
_AT_ONCE = 250

# So long the feed is waited for.
_LOOK_S = 1.0


async def keep_desks(config: CollectorConfig, tail: Tail) -> None:
    """Keep the desks for ever; a database that is away is tried again."""
    clock, backoff = Clock(), Backoff()
    while True:
        try:
            session = f"milepost-consumer-{_CONSUMER}"
            dsn = config.database.dsn
            async with await connect_async(dsn, autocommit=True, session=session) as database:
                await consumers.stand_by(database, _CONSUMER)
                # Events follow from inputs: what a crash took back would be told in another way.
                await database.execute("SET synchronous_commit = on")
                backoff.succeeded()
                await _Office(database, tail, clock).work()
        except (*LOST, UNMADE) as error:
            if backoff.failures == 0:
                cause = " ".join(str(error).split())
                _log.warning("The database is away; trying again.", work="desks", cause=cause)
            await asyncio.sleep(backoff.failed())


class _Office:
    def __init__(self, database: AsyncDatabase, tail: Tail, clock: Clock) -> None:
        self._database = database
        self._tail = tail
        self._clock = clock
        self._silence = Silence(database, clock)
        self._forecasts = Forecasts(database, clock)

    async def work(self) -> None:
        """Keep desks until the feed has another id."""
        place = (await consumers.find_place(self._database, _CONSUMER, Start.BEGINNING)).at
        while not self._tail.is_foreign(place):
            await self._tell_plans()
            place = await self._tell_events(place)
            await self._tell_time()
            await self._silence.look()
            await self._forecasts.look()
            await self._tail.wait_beyond(place, _LOOK_S)
            await consumers.stay(self._database)

    async def _tell_plans(self) -> None:
        now_ms = self._clock.now_ms()
        for plan in await desks.untold_plans(self._database, now_ms):
            await tell_plan(self._database, plan, now_ms)

    async def _tell_events(self, place: Cursor) -> Cursor:
        while events := await self._behind(place):
            for each in events:
                await self._tell_event(each)
            place = events[-1].cursor
            await consumers.move(self._database, _CONSUMER, place)
        return place

    async def _tell_event(self, told: FeedEvent) -> None:
        event, number = told.event, told.cursor.number
        if event.type not in TRACK_TYPES:
            return
        made = partial(TrackInput, feed=number, event=event)
        for name in await self._concerned(event):
            await enter(self._database, name, made, self._clock.now_ms())

    async def _concerned(self, event: Event) -> list[str]:
        """Return the desks that want to hear of a track event."""
        plan = event.data.get("plan")
        if plan is not None:
            return [f"{PLAN}{plan}"]
        held = await desks.held_plans(self._database, event.time_ms, event.subject)
        return [f"{PLAN}{each.id}" for each in held]

    async def _tell_time(self) -> None:
        now_ms = self._clock.now_ms()
        for name in await desks.due_desks(self._database, now_ms):
            await enter(self._database, name, TickInput, now_ms)

    async def _behind(self, place: Cursor) -> list[FeedEvent]:
        events = self._tail.after(place)
        if events is None:
            events = await feed.read(self._database, place, _AT_ONCE)
        return events[:_AT_ONCE]
