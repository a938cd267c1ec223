"""The ingest: fixes a second into the table, beside COPY of the same rows into the same table."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from milepost_collector.clock import Clock
from milepost_collector.embedded import EmbeddedPostgres
from milepost_collector.ingest.arrival import Message
from milepost_collector.ingest.transaction import Intake
from milepost_collector.store.connection import AsyncDatabase, connect_async
from milepost_collector.store.migrate import migrate
from milepost_schemas.batch import Batch, Envelope, encode_batch
from milepost_schemas.fix import Fix, KeptFix
from milepost_schemas.topics import Address, Channel
from tests.bench.drawn import drawn_log, fixes_of

DEVICES = 200
ROUNDS = 20

_COLUMNS = (
    "time, seq, device, stream, lat_e6, lon_e6, altitude_dm, stands_for, speed_dmps, course_deg, "
    "hdop_tenths, satellites, kind, error_dm, date_repaired, hole"
)


def ingest_rows(folder: Path) -> list[dict[str, Any]]:
    """Measure batches of 60 and of 1, engine on and no fence."""
    with EmbeddedPostgres(folder / "pg") as postgres:
        migrate(postgres.dsn)
        return asyncio.run(_measure(postgres.dsn))


async def _measure(dsn: str) -> list[dict[str, Any]]:
    rows = []
    async with await connect_async(dsn, autocommit=True) as database:
        drive = _today(fixes_of(drawn_log(3, 25)))
        for size in (60, 1):
            count = DEVICES * ROUNDS * size
            ours_s = await _taken(database, drive, size)
            copied_s = await _copied(database, count)
            rows.append(
                {
                    "what": f"ingest: fixes a second in batches of {size}",
                    "ours": count / ours_s,
                    "peer": "COPY of the same rows",
                    "peers": count / copied_s,
                    "unit": "/s",
                }
            )
    return rows


def _today(fixes: list[Fix]) -> list[Fix]:
    shift_ms = Clock().now_ms() - fixes[-1].time_ms
    return [replace(fix, time_ms=fix.time_ms + shift_ms) for fix in fixes]


async def _taken(database: AsyncDatabase, drive: list[Fix], size: int) -> float:
    intake = Intake(database, Clock())
    rounds = [_messages(drive, size, number) for number in range(ROUNDS)]
    begin_s = time.perf_counter()
    for messages in rounds:
        outcome = await intake.take(messages)
        assert outcome.fixes == DEVICES * size, "the benchmark's batches were not stored"
    return time.perf_counter() - begin_s


def _messages(drive: list[Fix], size: int, number: int) -> list[Message]:
    first = number * size
    kept = tuple(KeptFix(first + i, fix) for i, fix in enumerate(drive[first : first + size], 1))
    stream = f"bench{size:03}".encode()
    envelope = Envelope(stream, number + 1, first, first + size, first + size)
    data = encode_batch(Batch(envelope, kept))
    addresses = [Address(device % 64, f"bench-{device}") for device in range(DEVICES)]
    return [Message(address, address.topic(Channel.UP), data) for address in addresses]


async def _copied(database: AsyncDatabase, count: int) -> float:
    """Copy the newest rows of the table into it once more, in one transaction, then undo it."""
    async with database.cursor() as cursor:
        copied = bytearray()
        async with cursor.copy(
            f"COPY (SELECT {_COLUMNS} FROM fix ORDER BY seq DESC LIMIT {count}) TO STDOUT".encode()
        ) as copy:
            async for block in copy:
                copied += block
        await cursor.execute("BEGIN")
        begin_s = time.perf_counter()
        async with cursor.copy(f"COPY fix ({_COLUMNS}) FROM STDIN".encode()) as copy:
            await copy.write(bytes(copied))
        took_s = time.perf_counter() - begin_s
        await cursor.execute("ROLLBACK")
    return took_s
