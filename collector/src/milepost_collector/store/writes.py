"""Everything that one transaction over batches writes, in bulk."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import DataError, IntegrityError
from psycopg.types.json import Jsonb

from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.locked import OpenStream
from milepost_schemas.batch import Gap
from milepost_schemas.event import Event
from milepost_schemas.fix import Fix, KeptFix, instant

# Raised when a value of a batch cannot be stored, by anybody, ever.
NOT_STORABLE = (DataError, IntegrityError)

EVENTS_CHANNEL = "milepost_events"

_FIX_COLUMNS = (
    "device, stream, seq, time, lat_e6, lon_e6, altitude_dm, speed_dmps, course_deg, hdop_tenths, "
    "satellites, kind, error_dm, date_repaired, stands_for, hole"
)


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
        fixes: To be stored.
        quarantined: Whose GPS time cannot be.
        newest: The newest number that the unit told of.
    """

    stream: OpenStream
    last_seq: int
    newest: int
    volatile: bool
    fixes: Sequence[KeptFix]
    quarantined: Sequence[KeptFix]
    gaps: Sequence[Gap]
    thinned: int

    @property
    def missing(self) -> int:
        """Numbers inside the gaps."""
        return sum(gap.last - gap.first + 1 for gap in self.gaps)


@dataclass(slots=True)
class Writes:
    """Everything that one transaction writes.

    Attributes:
        streams: What batches add to streams.
        positions: The newest fix of a device, by its row's number.
        engine: State and parking cause of a device, by its row's number.
        events: In the order in which they came about.
        dead_letters: Messages that were refused.
    """

    streams: list[StreamWrites] = field(default_factory=list)
    positions: dict[int, Fix] = field(default_factory=dict)
    engine: dict[int, tuple[bytes | None, str | None]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)


async def write(connection: AsyncDatabase, writes: Writes, recorded_at: datetime) -> None:
    """Write everything; the caller commits.

    Raises:
        DataError, IntegrityError: A value cannot be stored (`NOT_STORABLE`).
        OperationalError: The server is lost or too busy.
    """
    await _copy(connection, "fix", "", [(s, kept, ()) for s in writes.streams for kept in s.fixes])
    quarantined = [(s, kept, (recorded_at,)) for s in writes.streams for kept in s.quarantined]
    await _copy(connection, "fix_quarantine", ", quarantined_at", quarantined)
    await _write_streams(connection, writes.streams, recorded_at)
    await _write_devices(connection, writes, recorded_at)
    await _write_events(connection, writes.events, recorded_at)
    await _write_dead_letters(connection, writes.dead_letters, recorded_at)


async def _copy(
    connection: AsyncDatabase,
    table: str,
    extra_columns: str,
    rows: Sequence[tuple[StreamWrites, KeptFix, tuple[object, ...]]],
) -> None:
    if not rows:
        return
    async with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({_FIX_COLUMNS}{extra_columns}) FROM STDIN".encode()) as copy,
    ):
        for stream, kept, extra in rows:
            await copy.write_row(_fix_row(stream, kept) + extra)


def _fix_row(stream: StreamWrites, kept: KeptFix) -> tuple[object, ...]:
    fix, row = kept.fix, stream.stream
    flags = (kept.stands_for, kept.hole)
    return (row.device, row.no, kept.seq, instant(fix.time_ms), *fix.measured(), *flags)


async def _write_streams(
    connection: AsyncDatabase, streams: Sequence[StreamWrites], recorded_at: datetime
) -> None:
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "UPDATE stream SET last_seq = %s, newest = greatest(newest, %s), volatile = %s, "
            "fixes = fixes + %s, thinned = thinned + %s, missing = missing + %s WHERE no = %s",
            [
                (
                    each.last_seq,
                    each.newest,
                    each.volatile,
                    len(each.fixes) + len(each.quarantined),
                    each.thinned,
                    each.missing,
                    each.stream.no,
                )
                for each in streams
            ],
        )
        gaps = [(each.stream.no, gap) for each in streams for gap in each.gaps]
        if gaps:
            await cursor.executemany(
                "INSERT INTO gap (stream, first_seq, last_seq, reason, recorded_at) "
                "VALUES (%s, %s, %s, %s, %s)",
                [(no, gap.first, gap.last, int(gap.reason), recorded_at) for no, gap in gaps],
            )


async def _write_devices(connection: AsyncDatabase, writes: Writes, recorded_at: datetime) -> None:
    async with connection.cursor() as cursor:
        heard = sorted({each.stream.device for each in writes.streams} | set(writes.positions))
        if heard:
            await cursor.execute(
                "UPDATE device SET heard_at = %s WHERE no = ANY(%s)", (recorded_at, heard)
            )
        await cursor.executemany(
            "UPDATE device SET position_time = %s, lat_e6 = %s, lon_e6 = %s, altitude_dm = %s, "
            "speed_dmps = %s, course_deg = %s, hdop_tenths = %s, satellites = %s, kind = %s, "
            "error_dm = %s, date_repaired = %s "
            "WHERE no = %s AND (position_time IS NULL OR position_time < %s)",
            [_position_row(no, fix) for no, fix in writes.positions.items()],
        )
        await cursor.executemany(
            "UPDATE device SET engine_state = %s, engine_parked = %s WHERE no = %s",
            [(state, parked, no) for no, (state, parked) in writes.engine.items()],
        )


def _position_row(no: int, fix: Fix) -> tuple[object, ...]:
    moment = instant(fix.time_ms)
    return (moment, *fix.measured(), no, moment)


async def _write_events(
    connection: AsyncDatabase, events: Sequence[Event], recorded_at: datetime
) -> None:
    if not events:
        return
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO event (time, id, type, device, subject, data, recorded_at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [
                (
                    instant(event.time_ms),
                    event.id,
                    event.type,
                    event.device,
                    event.subject,
                    Jsonb(dict(event.data)),
                    recorded_at,
                )
                for event in events
            ],
        )
        await cursor.execute("SELECT pg_notify(%s, '')", (EVENTS_CHANNEL,))


async def _write_dead_letters(
    connection: AsyncDatabase, letters: Sequence[DeadLetter], recorded_at: datetime
) -> None:
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
