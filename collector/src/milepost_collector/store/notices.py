"""Notices: made with the move of the cursor, and what becomes of each.

A notice waits, is `sending` from before its call until the answer is stored, and ends as sent,
failed, dropped, or unknown: then nobody can say whether it went out. Times are ours, which may be
scaled, but for waits after failures, which are the server's.

All functions are called by the one process whose session holds the lock of the consumer `CONSUMER`.
What becomes of a notice is stored by `notice_marks`; the commands of people are in
`notice_accounts`.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from psycopg.rows import class_row

from milepost_collector.delivery.notices.deciding import Before, Dropped, Notice, OrderAt
from milepost_collector.delivery.notices.rules import NoticeKind
from milepost_collector.delivery.notices.told import Happening, Span
from milepost_collector.store import consumers
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.consumers import Place, Start
from milepost_schemas.fix import instant, milliseconds

CONSUMER = "notices"


class NoticeState(StrEnum):
    """What has become of a notice."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Begun:
    """Where to go on.

    Attributes:
        place: In the feed.
        fresh_from_ms: What happened before is history, our time in milliseconds since 1970.
    """

    place: Place
    fresh_from_ms: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notice that is due.

    Attributes:
        number: Of its row; they grow in the order of making.
        notice: The notice.
        tries: Calls that began so far.
        failures: Calls in a row that reached nobody.
    """

    number: int
    notice: Notice
    tries: int
    failures: int


async def begin(database: AsyncDatabase, now_ms: int) -> Begun:
    """Return where to go on, and from when on people are told.

    Notices begin at the end of the feed. In a restored database nobody knows what was sent since
    the copy was made, so what happened before now is told to nobody.

    Args:
        database: Of the one whose consumer it is, in autocommit mode, as for all functions here.
        now_ms: Our time, milliseconds since 1970.
    """
    # What is `sending` must be on the disk before the call: a server's crash takes nothing back.
    await database.execute("SET synchronous_commit = on")
    async with database.transaction():
        place = await consumers.find_place(database, CONSUMER, Start.END)
        cursor = await database.execute(
            "INSERT INTO notice_office (fresh_from) VALUES (%(now)s) ON CONFLICT (one) DO UPDATE "
            "SET fresh_from = CASE WHEN %(restored)s THEN excluded.fresh_from "
            "ELSE notice_office.fresh_from END RETURNING fresh_from",
            {"now": instant(now_ms), "restored": place.is_restored},
        )
        row = await cursor.fetchone()
        assert row is not None  # noqa: S101 - it is written here
    return Begun(place, milliseconds(row[0]))


async def make(database: AsyncDatabase, notices: Iterable[Notice], now_ms: int) -> int:
    """Store notices in the caller's transaction; return how many of them are new.

    One that was made already, or tells once more what somebody was told, is not made again.
    """
    rows = [_written(notice, now_ms) for notice in notices]
    count = 0
    for row in rows:
        cursor = await database.execute(_MAKE, row)
        count += cursor.rowcount
    return count


_MAKE = """
INSERT INTO notice (id, once, event, type, time, kind, channel, order_id, plan, stop, attempt,
    from_ms, to_ms, eta_ms, was_ms, cause, state, reason, made_at, stale_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING
"""


def _written(notice: Notice, now_ms: int) -> tuple[object, ...]:
    it, at = notice.happening, notice.at
    span = (it.span.from_ms, it.span.to_ms, it.span.eta_ms) if it.span else (None, None, None)
    state = NoticeState.WAITING if notice.dropped is None else NoticeState.DROPPED
    stale_at = None if notice.stale_ms is None else instant(notice.stale_ms)
    return (
        *(notice.id, notice.once, it.event, it.type, instant(it.time_ms)),
        *(notice.kind, notice.channel, at.order, at.plan, at.stop, at.attempt),
        *(*span, it.was_ms, it.cause, state, notice.dropped, instant(now_ms), stale_at),
    )


async def withdraw(database: AsyncDatabase, events: Sequence[uuid.UUID]) -> int:
    """Drop what waits because of events that were taken back; return how many notices that are."""
    cursor = await database.execute(
        "UPDATE notice SET state = 'dropped', reason = %s, changed_at = clock_timestamp() "
        "WHERE state = 'waiting' AND event = ANY(%s)",
        (Dropped.WITHDRAWN, list(events)),
    )
    return cursor.rowcount


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    id: uuid.UUID
    once: str
    event: uuid.UUID
    type: str
    time: datetime
    kind: str
    channel: str
    order_id: str | None
    plan: str
    stop: str
    attempt: int
    from_ms: int | None
    to_ms: int | None
    eta_ms: int | None
    was_ms: int | None
    cause: str | None
    stale_at: datetime | None
    tries: int
    failures: int

    def waiting(self) -> Waiting:
        span = _span(self.from_ms, self.to_ms, self.eta_ms)
        happening = Happening(
            self.event,
            self.type,
            milliseconds(self.time),
            self.plan,
            self.stop,
            self.order_id,
            span,
            self.cause,
            self.attempt,
            self.was_ms,
        )
        notice = Notice(
            self.id,
            self.once,
            OrderAt(self.order_id, self.plan, self.stop, self.attempt),
            NoticeKind(self.kind),
            self.channel,
            happening,
            None if self.stale_at is None else milliseconds(self.stale_at),
        )
        return Waiting(self.number, notice, self.tries, self.failures)


def _span(from_ms: int | None, to_ms: int | None, eta_ms: int | None) -> Span | None:
    if from_ms is None or to_ms is None or eta_ms is None:
        return None
    return Span(from_ms, to_ms, eta_ms)


_COLUMNS = (
    "number, id, once, event, type, time, kind, channel, order_id, plan, stop, attempt, from_ms, "
    "to_ms, eta_ms, was_ms, cause, stale_at, tries, failures"
)


async def due(database: AsyncDatabase, now_ms: int, limit: int) -> list[Waiting]:
    """Return notices that are due, the oldest first.

    While one of an order is on its way by a channel, no other of that order and channel is due.

    Args:
        database: An open connection.
        now_ms: Our time, milliseconds since 1970.
        limit: The most.
    """
    async with database.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM notice AS n WHERE state = 'waiting' "  # noqa: S608 - ours
            "AND (held_to IS NULL OR held_to <= %s) "
            "AND (retry_at IS NULL OR retry_at <= clock_timestamp()) "
            "AND NOT EXISTS (SELECT FROM notice AS other "
            "WHERE other.state = 'sending' AND other.channel = n.channel "
            "AND other.order_id IS NOT DISTINCT FROM n.order_id "
            "AND (n.order_id IS NOT NULL OR (other.plan, other.stop) = (n.plan, n.stop))) "
            "ORDER BY number LIMIT %s",
            (instant(now_ms), limit),
        )
        return [row.waiting() async for row in cursor]


async def before(database: AsyncDatabase, waiting: Waiting) -> list[Before]:
    """Return the others of the same order or stop, attempt and channel, the oldest first."""
    at = waiting.notice.at
    cursor = await database.execute(
        _BEFORE_OF_STOP if at.order is None else _BEFORE_OF_ORDER,
        {
            "number": waiting.number,
            "channel": waiting.notice.channel,
            "not_moved": Dropped.NOT_MOVED,
            "order": at.order,
            "plan": at.plan,
            "stop": at.stop,
            "attempt": at.attempt,
        },
    )
    return [
        Before(
            NoticeKind(kind),
            is_newer,
            None if told_at is None else milliseconds(told_at),
            _span(*span),
            was_ms,
        )
        for kind, is_newer, told_at, was_ms, *span in await cursor.fetchall()
    ]


_BEFORE = """
SELECT kind, number > %(number)s, told_at, was_ms, from_ms, to_ms, eta_ms FROM notice
WHERE channel = %(channel)s AND number <> %(number)s AND plan = %(plan)s
AND attempt = %(attempt)s AND (state <> 'dropped' OR reason = %(not_moved)s)
"""
_OF_STOP = "AND order_id IS NULL AND stop = %(stop)s "
_BEFORE_OF_ORDER = _BEFORE + "AND order_id = %(order)s ORDER BY number"
_BEFORE_OF_STOP = _BEFORE + _OF_STOP + "ORDER BY number"


async def forget(database: AsyncDatabase, keep_days: float) -> int:
    """Delete notices that ended so long ago; return how many."""
    cursor = await database.execute(
        "DELETE FROM notice WHERE state NOT IN ('waiting', 'sending') "
        "AND changed_at < clock_timestamp() - make_interval(secs => %s)",
        (keep_days * 86_400.0,),
    )
    return cursor.rowcount
