"""Sending what is due: decided, marked, called in a thread, and what came of it stored.

Invariants:
- `sending` is committed before the call begins, and no call begins that is not marked.
- What a call came to is kept until it is stored; what is not known is said to be unknown, and only
  the channel's provider, which knows a repeat, or a person makes it be sent again.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import structlog

from milepost_collector.clock import Clock
from milepost_collector.config import NoticesConfig
from milepost_collector.delivery.notices.deciding import (
    Drop,
    Dropped,
    Hold,
    OrderAt,
    Recipient,
    decided,
)
from milepost_collector.delivery.notices.rules import WEBHOOK
from milepost_collector.delivery.notices.texts import (
    CATALOGUES,
    About,
    Text,
    language,
    text_of,
)
from milepost_collector.failpoint import Failpoint, passing
from milepost_collector.notices.channel import Channel
from milepost_collector.notices.event import notice_event
from milepost_collector.notices.outcome import Outcome, Result
from milepost_collector.notices.preparing import Prepared
from milepost_collector.store import notice_marks, notice_people, notices
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.engine_writes import write_events
from milepost_collector.store.notice_people import Known
from milepost_collector.store.notices import Waiting
from milepost_collector.webhooks.schedule import Patience
from milepost_schemas.fix import instant

_log = structlog.get_logger(__name__)

LinkOf = Callable[[AsyncDatabase, str], Awaitable[str | None]]

_LOOKED_AT_ONCE = 20

_TIMED_OUT = "the provider did not answer in time"


async def no_link(_database: AsyncDatabase, _order: str) -> str | None:
    """Return no link to the page of an order: texts do without."""
    return None


@dataclass(slots=True)
class _Flight:
    """A call that has begun.

    Attributes:
        number: The notice's; `tries`: of the call.
        channel: By what.
        failures: Calls in a row before this one that reached nobody.
        until_s: Then it takes too long, monotonic.
        is_given_up: Whether that is stored; what it comes to later is stored all the same.
    """

    number: int
    tries: int
    channel: str
    failures: int
    until_s: float
    is_given_up: bool = False


@dataclass(slots=True)
class Sending:
    """Sends notices.

    Args:
        config: How.
        prepared: Rules and channels.
        clock: Our clock.
        link_of: Gives the link to the page of an order.
    """

    config: NoticesConfig
    prepared: Prepared
    clock: Clock
    link_of: LinkOf = no_link
    _flights: dict["asyncio.Future[Outcome]", _Flight] = field(default_factory=dict)
    _threads: ThreadPoolExecutor = field(init=False)
    _patience: Patience = field(init=False)

    def __post_init__(self) -> None:
        self._threads = ThreadPoolExecutor(self.config.parallel, thread_name_prefix="notice")
        self._patience = Patience(self.config.retry_s, 0.0)

    @property
    def in_flight(self) -> Collection[int]:
        """The numbers of the notices that are being called about."""
        return [flight.number for flight in self._flights.values()]

    @property
    def calls(self) -> Collection["asyncio.Future[Outcome]"]:
        """The calls that have not been stored; each is done when there is something to store."""
        return self._flights.keys()

    async def send_due(self, database: AsyncDatabase) -> bool:
        """Decide about what is due, and begin as many calls as may be; return whether more is."""
        taken: set[tuple[str, str]] = set()
        found = await notices.due(database, self.clock.now_ms(), _LOOKED_AT_ONCE)
        for waiting in found:
            if len(self._flights) >= self.config.parallel:
                return False
            # One at a time to one person, in order.
            lane = (waiting.notice.channel, _whose(waiting.notice.at))
            if lane not in taken and await self._begin(database, waiting):
                taken.add(lane)
        return len(found) == _LOOKED_AT_ONCE

    async def settle(self, database: AsyncDatabase) -> None:
        """Store what calls have come to, and give up waiting for those that take too long."""
        now_s = self.clock.monotonic_s()
        for future, flight in list(self._flights.items()):
            if future.done():
                await self._store(database, flight, _outcome(future))
                # Only now: what could not be stored is stored by the next session.
                del self._flights[future]
            elif now_s >= flight.until_s and not flight.is_given_up:
                await self._store(database, flight, Outcome(Result.UNKNOWN, _TIMED_OUT))
                flight.is_given_up = True

    async def finish(self, timeout_s: float) -> None:
        """Begin nothing more; wait so long for what is on its way."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._flights:
            await asyncio.wait(self._flights, timeout=timeout_s)

    async def _begin(self, database: AsyncDatabase, waiting: Waiting) -> bool:
        """Do with a notice what is to be done now; return whether it is on its way."""
        notice, now_ms = waiting.notice, self.clock.now_ms()
        known = await notice_people.known_of(database, notice.at)
        if known is None:
            await notice_marks.drop(database, waiting.number, Dropped.ERASED)
            return False
        zone = ZoneInfo(known.time_zone)
        channel = self.prepared.channels.get(notice.channel)
        if channel is None and notice.channel != WEBHOOK:
            await notice_marks.drop(database, waiting.number, Dropped.NO_RULE)
            return False
        recipient = await self._recipient(database, known, channel, notice.at, zone)
        before = await notices.before(database, waiting)
        what = decided(notice, recipient, before, self.prepared.rules, now_ms)
        if isinstance(what, Drop):
            await notice_marks.drop(database, waiting.number, what.why)
            return False
        if isinstance(what, Hold):
            await notice_marks.hold(database, waiting.number, what.until_ms)
            return False
        if channel is None:
            await _tell_webhooks(database, waiting, known, now_ms)
            return False
        text = await self._text(database, waiting, known, zone, now_ms)
        if not await notice_marks.mark_sending(database, waiting, now_ms):
            return False
        passing(Failpoint.BEFORE_CALL)
        self._call(channel, what.to, text, waiting)
        return True

    async def _recipient(
        self,
        database: AsyncDatabase,
        known: Known,
        channel: Channel | None,
        at: OrderAt,
        zone: ZoneInfo,
    ) -> Recipient:
        if known.contact is None or at.order is None:
            return Recipient("", known.contact is None, False, zone)
        to = "" if channel is None else channel.address(known.contact, at.order)
        # Who has opted out by one address is told nothing by another one either.
        every = notice_people.addresses(known.contact, at.order)
        return Recipient(to, False, await notice_people.have_opted_out(database, every), zone)

    async def _text(
        self, database: AsyncDatabase, waiting: Waiting, known: Known, zone: ZoneInfo, now_ms: int
    ) -> Text:
        it, at = waiting.notice.happening, waiting.notice.at
        locale = known.contact.locale if known.contact is not None else None
        words = CATALOGUES[language(locale, self.prepared.rules.locale)]
        link = None if at.order is None else await self.link_of(database, at.order)
        about = About(
            *(waiting.notice.kind, at.order, at.plan, at.stop, it.time_ms, it.span, it.cause),
            link=link,
        )
        return text_of(about, words, zone, now_ms)

    def _call(self, channel: Channel, to: str, text: Text, waiting: Waiting) -> None:
        # Only who has channels imports apprise; `prepare` has done it by now.
        from milepost_collector.notices.calling import call

        key = str(waiting.notice.id)

        def work() -> Outcome:
            outcome = call(channel.url(to, key), text, key)
            passing(Failpoint.AFTER_CALL)
            return outcome

        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        self._flights[future] = _Flight(
            waiting.number,
            waiting.tries + 1,
            channel.name,
            waiting.failures,
            self.clock.monotonic_s() + self.config.timeout_s,
        )

    async def _store(self, database: AsyncDatabase, flight: _Flight, outcome: Outcome) -> None:
        number, tries, reason = flight.number, flight.tries, outcome.reason
        if outcome.result is Result.SENT:
            await notice_marks.mark_sent(database, number, tries)
            return
        told = {"notice": number, "channel": flight.channel, "cause": reason}
        failures = flight.failures + 1
        is_over = failures > len(self.config.retry_s)
        may_repeat = self.prepared.channels[flight.channel].is_repeatable
        if outcome.result is Result.UNKNOWN and (is_over or not may_repeat):
            _log.error("Whether a notice was sent is unknown; it is not repeated.", **told)
            await notice_marks.mark_unknown(database, number, tries, reason)
        elif outcome.result is Result.REFUSED or is_over:
            _log.error("A notice could not be sent; it is given up.", **told)
            await notice_marks.mark_unsent(database, number, tries, reason, None)
        else:
            if failures == 1:
                _log.warning("A notice could not be sent; trying again.", **told)
            delay_s = self._patience.delay_s(failures, random.random())  # noqa: S311 - jitter
            await notice_marks.mark_unsent(database, number, tries, reason, delay_s)


def _whose(at: OrderAt) -> str:
    return at.order or f"{at.plan}/{at.stop}"


def _outcome(future: "asyncio.Future[Outcome]") -> Outcome:
    if future.cancelled():
        return Outcome(Result.UNSENT, "the program ended before the call")
    error = future.exception()
    if error is not None:  # a plugin's fault; its words may hold anything
        return Outcome(Result.UNKNOWN, f"the provider's plugin failed: {type(error).__name__}")
    return future.result()


async def _tell_webhooks(
    database: AsyncDatabase, waiting: Waiting, known: Known, now_ms: int
) -> None:
    """Make an event of a notice: webhooks deliver it at least once, by its id."""
    async with database.transaction():
        if await notice_marks.mark_sending(database, waiting, now_ms):
            event = notice_event(waiting.notice, known.vehicle, now_ms)
            await write_events(database, [event], instant(now_ms))
            await notice_marks.mark_sent(database, waiting.number, waiting.tries + 1)
