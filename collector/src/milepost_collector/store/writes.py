"""Everything that one transaction over batches writes, in bulk."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from psycopg import DataError, IntegrityError
from psycopg.errors import CheckViolation

from milepost_collector.store.arrays import Kind, binary_array
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.engine_writes import (
    DoubtedRows,
    EngineWrites,
    write_doubted,
    write_engines,
    write_events,
)
from milepost_collector.store.fix_copy import OwnedRows, copy_fixes, copy_quarantined
from milepost_collector.store.summaries import (
    LATE_MS,
    NO_SPEED,
    Summaries,
    add_summaries,
    summarise,
)
from milepost_schemas.batch import Gap
from milepost_schemas.bulk import MISSING
from milepost_schemas.event import Event
from milepost_schemas.fix import instant

# Raised when a value of a batch cannot be stored, by anybody, ever.
NOT_STORABLE = (DataError, IntegrityError)

# Raised when a fix's week has no partition; no other check stands on the tables that are copied to.
NO_PLACE = CheckViolation


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that can never be applied."""

    digest: bytes
    topic: str
    reason: str
    detail: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class StreamWrites:
    """What a batch adds to one stream.

    Attributes:
        no: The stream's row number.
        newest: The newest number that the unit told of.
        fixes: How many came, quarantined ones included.
        thinned: How many numbers were thinned.
    """

    no: int
    last_seq: int
    newest: int
    volatile: bool
    fixes: int
    thinned: int
    gaps: Sequence[Gap]

    @property
    def missing(self) -> int:
        """Numbers inside the gaps."""
        return sum(gap.last - gap.first + 1 for gap in self.gaps)


@dataclass(slots=True)
class Writes:
    """Everything that one transaction writes.

    Attributes:
        fixes: To be stored.
        quarantined: Those whose GPS time cannot be.
        streams: What batches add to streams.
        heard: The row numbers of the devices that spoke; none where a file speaks for them.
        positions: The newest fix of devices, at most one each; the streams do not matter.
        engine: State and parking cause of a device, by its row's number.
        events: In the order in which they came about.
        doubted: Fixes that the engine does not believe.
        dead_letters: Messages that were refused.
    """

    fixes: OwnedRows | None = None
    quarantined: OwnedRows | None = None
    streams: list[StreamWrites] = field(default_factory=list)
    heard: list[int] = field(default_factory=list)
    positions: OwnedRows | None = None
    engine: EngineWrites = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    doubted: DoubtedRows | None = None
    dead_letters: list[DeadLetter] = field(default_factory=list)


async def write(connection: AsyncDatabase, writes: Writes, now_ms: int) -> None:
    """Write everything; the caller commits.

    Args:
        connection: In a transaction that holds the rows of the devices.
        writes: What to write.
        now_ms: Our time, milliseconds since 1970.

    Raises:
        DataError, IntegrityError: A value cannot be stored (`NOT_STORABLE`).
        OperationalError: The server is lost or too busy.
    """
    recorded_at = instant(now_ms)
    if writes.fixes is not None:
        await copy_fixes(connection, writes.fixes)
        await add_summaries(connection, _summarised(writes.fixes, now_ms))
    if writes.quarantined is not None:
        await copy_quarantined(connection, writes.quarantined, now_ms)
    await _write_streams(connection, writes.streams, recorded_at)
    await _write_devices(connection, writes, recorded_at)
    await write_engines(connection, writes.engine)
    await write_events(connection, writes.events, recorded_at)
    await write_doubted(connection, writes.doubted)
    await _write_dead_letters(connection, writes.dead_letters, recorded_at)


def _summarised(owned: OwnedRows, now_ms: int) -> Summaries:
    rows = owned.rows
    speed = np.where(rows.speed_dmps == MISSING, NO_SPEED, rows.speed_dmps)
    late = now_ms - rows.time_ms > LATE_MS
    return summarise(owned.device, rows.time_ms, rows.stands_for, rows.hole > 0, speed, late)


_ADD_TO_STREAMS = """
UPDATE stream
SET last_seq = new.last_seq, newest = greatest(stream.newest, new.newest),
    volatile = new.volatile, fixes = stream.fixes + new.fixes,
    thinned = stream.thinned + new.thinned, missing = stream.missing + new.missing
FROM unnest(%s::integer[], %s::bigint[], %s::bigint[], %s::boolean[], %s::bigint[], %s::bigint[],
            %s::bigint[]) AS new (no, last_seq, newest, volatile, fixes, thinned, missing)
WHERE stream.no = new.no
"""


async def _write_streams(
    connection: AsyncDatabase, streams: Sequence[StreamWrites], recorded_at: datetime
) -> None:
    if not streams:
        return
    table = np.array([(s.no, s.last_seq, s.newest, s.fixes, s.thinned, s.missing) for s in streams])
    no, last_seq, newest, fixes, thinned, missing = table.T
    await connection.execute(
        _ADD_TO_STREAMS,
        (
            binary_array(no, Kind.INTEGER),
            binary_array(last_seq, Kind.BIGINT),
            binary_array(newest, Kind.BIGINT),
            [each.volatile for each in streams],
            binary_array(fixes, Kind.BIGINT),
            binary_array(thinned, Kind.BIGINT),
            binary_array(missing, Kind.BIGINT),
        ),
    )
    gaps = [(each.no, gap) for each in streams for gap in each.gaps]
    if gaps:
        async with connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO gap (stream, first_seq, last_seq, reason, recorded_at) "
                "VALUES (%s, %s, %s, %s, %s)",
                [(no, gap.first, gap.last, int(gap.reason), recorded_at) for no, gap in gaps],
            )


# What a row of the map may lack, and is handed over as `MISSING`.
_PLACE = f"""
UPDATE device
SET heard_at = coalesce(%s, heard_at), position_time = new.time,
    lat_e6 = new.lat_e6, lon_e6 = new.lon_e6,
    altitude_dm = nullif(new.altitude_dm, {MISSING}),
    speed_dmps = nullif(new.speed_dmps, {MISSING}),
    course_deg = nullif(new.course_deg, {MISSING}),
    hdop_tenths = nullif(new.hdop_tenths, {MISSING}),
    satellites = nullif(new.satellites, {MISSING}),
    kind = new.kind, error_dm = nullif(new.error_dm, {MISSING}),
    date_repaired = new.date_repaired > 0
FROM unnest(%s::integer[], %s::timestamptz[], %s::integer[], %s::integer[], %s::integer[],
            %s::integer[], %s::integer[], %s::integer[], %s::integer[], %s::integer[],
            %s::integer[], %s::integer[])
     AS new (no, time, lat_e6, lon_e6, altitude_dm, speed_dmps, course_deg, hdop_tenths,
             satellites, kind, error_dm, date_repaired)
WHERE device.no = new.no
  AND (device.position_time IS NULL OR device.position_time < new.time)
"""  # noqa: S608 - put together from constants


async def _write_devices(connection: AsyncDatabase, writes: Writes, recorded_at: datetime) -> None:
    if writes.positions is not None and len(writes.positions):
        rows = writes.positions.rows
        values = (rows.lat_e6, rows.lon_e6, rows.altitude_dm, rows.speed_dmps, rows.course_deg)
        others = (rows.hdop_tenths, rows.satellites, rows.kind, rows.error_dm, rows.date_repaired)
        arrays = [binary_array(each, Kind.INTEGER) for each in (*values, *others)]
        no = binary_array(writes.positions.device, Kind.INTEGER)
        times = binary_array(rows.time_ms, Kind.TIMESTAMPTZ)
        heard_at = recorded_at if writes.heard else None
        await connection.execute(_PLACE, (heard_at, no, times, *arrays))
    if writes.heard:
        # Those that were placed just now have heard already.
        await connection.execute(
            "UPDATE device SET heard_at = %s WHERE no = ANY(%s) "
            "AND (heard_at IS NULL OR heard_at <> %s)",
            (recorded_at, sorted(writes.heard), recorded_at),
        )


async def _write_dead_letters(
    connection: AsyncDatabase, letters: Sequence[DeadLetter], recorded_at: datetime
) -> None:
    if not letters:
        return
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO dead_letter (digest, topic, reason, detail, payload, first_at, last_at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (digest) DO UPDATE "
            "SET count = dead_letter.count + 1, last_at = excluded.last_at",
            [
                (
                    letter.digest,
                    letter.topic,
                    letter.reason,
                    letter.detail,
                    letter.payload,
                    recorded_at,
                    recorded_at,
                )
                for letter in letters
            ],
        )
