"""What the table of fixes needs from time to time: weeks made ahead, old ones dropped, packing.

In flow our time and the configuration, out flows what was done. The ingest program calls `maintain`
at its start and then hourly, in as many collectors as there are: one works, the others have nothing
to do.

What is dropped is accounted for in the same transaction (table `expired`), so that `check` still
proves that nothing else is missing. That is why retention is ours on TimescaleDB too and no job of
the extension's, which cannot tell. Nobody waits long: dropping locks readers out for a moment, and
a part that cannot have its lock at once is left for the next time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString

import structlog
from psycopg.errors import DeadlockDetected, LockNotAvailable
from psycopg.rows import class_row

from milepost_collector.config import StorageConfig
from milepost_collector.store.connection import AsyncDatabase

_log = structlog.get_logger(__name__)

# A month in which nobody maintains is no reason to make a week while its fixes wait.
WEEKS_AHEAD = 4

_WEEK = timedelta(weeks=1)

# Readers and writers of fixes wait at most so long for a part to be dropped.
_LOCK = "SET LOCAL lock_timeout = '200ms'"

_ONE_AT_A_TIME = "SELECT pg_try_advisory_lock(hashtext('milepost.maintain'))"
_FORGET_QUARANTINED = """
WITH gone AS (DELETE FROM fix_quarantine WHERE quarantined_at < %s RETURNING stream)
INSERT INTO expired SELECT stream, count(*) FROM gone GROUP BY stream
ON CONFLICT (stream) DO UPDATE SET fixes = expired.fixes + excluded.fixes
"""

# Days stay: they are few, and tell of the time before.
_FORGET_HOURS = "DELETE FROM fix_hour WHERE hour >= %s AND hour < %s"
_FORGET_DOUBTS = "DELETE FROM doubted_fix WHERE time >= %s AND time < %s"

_DONE = "SELECT pg_advisory_unlock(hashtext('milepost.maintain'))"


@dataclass(frozen=True, slots=True)
class Part:
    """A week of fixes (on TimescaleDB a chunk), a table of its own.

    Attributes:
        name: The table, as SQL writes it.
        first_time: GPS time from which it holds fixes.
        end_time: GPS time before which it does.
    """

    name: str
    first_time: datetime
    end_time: datetime


@dataclass(frozen=True, slots=True)
class Maintained:
    """What was done.

    Attributes:
        dropped: Parts that were dropped.
        fixes: How many fixes those held.
        left: Parts that somebody used, for the next time.
    """

    dropped: int = 0
    fixes: int = 0
    left: int = 0


def missing_weeks(now: datetime, parts: Sequence[Part]) -> list[datetime]:
    """Return an instant in each week, this one and the next `WEEKS_AHEAD`, that has no part yet."""
    return [
        moment
        for moment in (now + number * _WEEK for number in range(WEEKS_AHEAD + 1))
        if not any(part.first_time <= moment < part.end_time for part in parts)
    ]


def oldest_kept(now: datetime, keep_days: int) -> datetime:
    """Return the GPS time before which fixes may be dropped."""
    return now - timedelta(days=keep_days)


def doomed_parts(limit: datetime, parts: Sequence[Part]) -> list[Part]:
    """Return the parts all of whose fixes are from before `limit`, oldest first."""
    doomed = (part for part in parts if part.end_time <= limit)
    return sorted(doomed, key=lambda part: part.end_time)


async def maintain(database: AsyncDatabase, now: datetime, config: StorageConfig) -> Maintained:
    """Make weeks ahead, drop old parts, and have the rest packed; say what was done.

    Args:
        database: An open connection in autocommit mode that nobody else uses meanwhile.
        now: Our time. Fixes are dropped only when they are old by the server's clock too: what a
            wrong clock drops is gone.
        config: How long fixes are kept, and when they are packed.

    Raises:
        OperationalError, InterfaceError: The database is lost (`connection.LOST`).
    """
    if not await _value(database, _ONE_AT_A_TIME):
        return Maintained()
    try:
        done = await _maintain(database, now, config)
    finally:
        if not database.broken:
            await database.execute(_DONE)
    if done.dropped:
        _log.info("Old fixes were dropped.", parts=done.dropped, fixes=done.fixes)
    if done.left:
        _log.info("Old fixes are in use and are dropped later.", parts=done.left)
    return done


async def _maintain(database: AsyncDatabase, now: datetime, config: StorageConfig) -> Maintained:
    await database.execute("SELECT pack_fixes_after(%s)", (config.compress_after_days,))
    async with database.cursor(row_factory=class_row(Part)) as cursor:
        await cursor.execute("SELECT part::text AS name, first_time, end_time FROM fix_parts()")
        parts = await cursor.fetchall()
    for moment in missing_weeks(now, parts):
        await database.execute("SELECT make_fix_partition(%s)", (moment,))
    if not config.keep_days:
        return Maintained()
    limit = oldest_kept(min(now, await _value(database, "SELECT now()")), config.keep_days)
    doomed = doomed_parts(limit, parts)
    dropped = [await _drop(database, part) for part in doomed]
    await database.execute(_FORGET_QUARANTINED, (limit,))
    gone = [part for part, fixes in zip(doomed, dropped, strict=True) if fixes is not None]
    return Maintained(len(gone), sum(filter(None, dropped)), len(doomed) - len(gone))


async def _drop(database: AsyncDatabase, part: Part) -> int | None:
    """Drop a part; return how many fixes it held, None where somebody uses it."""
    try:
        async with database.transaction():
            await database.execute(_LOCK)
            fixes: int = await _value(database, "SELECT drop_fix_part(%s::regclass)", part.name)
            for forget in (_FORGET_HOURS, _FORGET_DOUBTS):
                await database.execute(forget, (part.first_time, part.end_time))
    except (LockNotAvailable, DeadlockDetected):
        return None
    return fixes


async def _value(database: AsyncDatabase, query: LiteralString, *values: object) -> Any:
    row = await (await database.execute(query, values)).fetchone()
    if row is None:
        raise LookupError(f"{query} has one row")
    return row[0]
