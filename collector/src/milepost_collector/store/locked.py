"""The rows that a transaction over batches stands on: devices locked, their streams opened.

Whoever holds a device's row is the only one who can store a fix of it. The caller opens a
transaction, calls `lock_devices` and `open_streams`, decides, calls `writes.write`, and commits.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

import numpy as np
from psycopg.rows import class_row

from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.fix_copy import OwnedRows
from milepost_schemas.bulk import FixRows
from milepost_schemas.fix import Fix, KeptFix, instant, milliseconds


@dataclass(frozen=True, slots=True)
class LockedDevice:
    """A device's row, locked until the transaction ends."""

    no: int
    device: str
    shard: int
    engine_state: bytes | None
    engine_parked: str | None
    definitions: int


@dataclass(frozen=True, slots=True)
class OpenStream:
    """A stream's row; its device is locked."""

    no: int
    device: int
    stream: bytes
    last_seq: int


async def lock_devices(
    connection: AsyncDatabase, shards: dict[str, int]
) -> dict[str, LockedDevice]:
    """Lock the rows of devices; those that another transaction holds are left out.

    Args:
        connection: In a transaction.
        shards: The shard of each device; rows of unknown devices are made.
    """
    locked = await _lock(connection, sorted(shards))
    unlocked = sorted(shards.keys() - locked.keys())
    if unlocked:
        cursor = await connection.execute(
            "INSERT INTO device (device, shard) "
            "SELECT * FROM unnest(%s::text[], %s::smallint[]) AS new (device, shard) "
            "WHERE NOT EXISTS (SELECT FROM device WHERE device.device = new.device) "
            "ORDER BY device ON CONFLICT DO NOTHING RETURNING device",
            (unlocked, [shards[name] for name in unlocked]),
        )
        made = sorted([name async for (name,) in cursor])
        locked |= await _lock(connection, made) if made else {}
    return locked


async def _lock(connection: AsyncDatabase, names: list[str]) -> dict[str, LockedDevice]:
    async with connection.cursor(row_factory=class_row(LockedDevice)) as cursor:
        await cursor.execute(
            "SELECT no, device, shard, engine_state, engine_parked, "
            "(SELECT newest_definitions()) AS definitions "
            "FROM device WHERE device = ANY(%b) ORDER BY no FOR UPDATE SKIP LOCKED",
            (names,),
        )
        return {row.device: row for row in await cursor.fetchall()}


async def open_streams(
    connection: AsyncDatabase,
    pairs: Collection[tuple[int, bytes]],
    begun: Collection[tuple[int, bytes]],
) -> dict[tuple[int, bytes], OpenStream]:
    """Return the streams of locked devices.

    Args:
        connection: In a transaction that holds the devices' rows.
        pairs: Device's row number and stream.
        begun: Those of them of which something is stored now; rows of unknown ones are made. Of
            others that are unknown nothing is stored, and the row number is 0.
    """
    found = await _open(connection, _FIND, pairs)
    unknown = set(pairs) - found.keys()
    if not unknown:
        return found
    if made := unknown & set(begun):
        found |= await _open(connection, _MAKE, made)
    return {pair: OpenStream(0, *pair, 0) for pair in unknown} | found


async def previous_last_seqs(
    connection: AsyncDatabase, pairs: Collection[tuple[int, bytes]]
) -> dict[tuple[int, bytes], int]:
    """Return what is stored of streams that batches call the one before; unknown ones left out."""
    if not pairs:
        return {}
    found = await _open(connection, _FIND, pairs)
    return {pair: stream.last_seq for pair, stream in found.items()}


_FIND = """
SELECT no, stream.device, stream.stream, last_seq
FROM stream
JOIN unnest(%b::integer[], %b::bytea[]) AS asked (device, stream)
  ON (stream.device, stream.stream) = (asked.device, asked.stream)
"""
_MAKE = """
INSERT INTO stream (device, stream)
SELECT * FROM unnest(%b::integer[], %b::bytea[])
RETURNING no, device, stream, last_seq
"""


async def _open(
    connection: AsyncDatabase, statement: LiteralString, pairs: Collection[tuple[int, bytes]]
) -> dict[tuple[int, bytes], OpenStream]:
    ordered = sorted(pairs)
    arrays = ([device for device, _ in ordered], [stream for _, stream in ordered])
    async with connection.cursor(row_factory=class_row(OpenStream)) as cursor:
        await cursor.execute(statement, arrays)
        return {(row.device, row.stream): row for row in await cursor.fetchall()}


async def parked_devices(connection: AsyncDatabase) -> list[str]:
    """Return the devices whose engine stands still."""
    cursor = await connection.execute(
        "SELECT device FROM device WHERE engine_parked IS NOT NULL ORDER BY device"
    )
    return [device async for (device,) in cursor]


async def fixes_after(
    connection: AsyncDatabase, device: int, after_ms: int, limit: int
) -> OwnedRows:
    """Return the first stored fixes of a device after a GPS time, in the order of time."""
    cursor = await connection.execute(
        "SELECT stream, seq, time, lat_e6, lon_e6, altitude_dm, speed_dmps, course_deg, "
        "hdop_tenths, satellites, kind, error_dm, date_repaired, stands_for, hole FROM fix "
        "WHERE device = %s AND time > %s ORDER BY time, stream, seq LIMIT %s",
        (device, instant(after_ms), limit),
    )
    streams, fixes = [], []
    async for stream, seq, time, *measured, stands_for, hole in cursor:
        streams.append(stream)
        fixes.append(KeptFix(seq, Fix.of(milliseconds(time), measured), stands_for, hole))
    return OwnedRows(
        FixRows.of([(0, fixes)]), np.full(len(fixes), device), np.array(streams, np.int64)
    )


async def make_partitions(connection: AsyncDatabase, moments: Iterable[datetime]) -> None:
    """Make sure that fixes of these instants have a place; runs in its own transactions."""
    for moment in moments:
        await connection.execute("SELECT make_fix_partition(%s)", (moment,))
