"""The ingest without a broker: fixes into the table, beside binary COPY of the same rows.

The limits hold without the engine; with it, and fences around the drive, it is measured as well. A
round is what waits at once: where that is more than one transaction takes, two intakes take it side
by side, as in the program. A round and the COPY of its rows take turns, and of their times the
medians count. With MILEPOST_TEST_DSN all is measured on TimescaleDB too.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from milepost_collector.clock import Clock
from milepost_collector.embedded import EmbeddedPostgres
from milepost_collector.ingest.transaction import Intake
from milepost_collector.store.connection import connect, connect_async
from milepost_collector.store.definitions import publish
from milepost_collector.store.migrate import migrate
from milepost_schemas.fix import instant
from tests.bench.copy_limit import CopyLimit
from tests.bench.engine_load import scattered
from tests.bench.ingest_load import Fleet, fix_of
from tests.fixtures.servers import ENVIRONMENT_KEY, created_database

ROUNDS = 13

# About the most fixes of a transaction for each intake; of single ones, as many as wait at 5,000 a
# second, which one takes alone.
FLEETS = (
    (Fleet("sixty-", 640, 60), 2),
    (Fleet("ten-", 3840, 10), 2),
    (Fleet("one-", 1000, 1), 1),
    (Fleet("many-", 64, 600), 2),
)

# With the engine: as many fences around the drive as the engine's own rows have in all, over so
# large a city that a vehicle meets as many.
THINKING = ((Fleet("thinking-sixty-", 640, 60), 2), (Fleet("thinking-one-", 1000, 1), 1))
FENCES, CITY_M = 10_000, 18_000.0
_DRIVE_FIXES = 2_400

_CPU_LIMITS_US = {60: ("a fix in batches of 60", 3.0), 1: ("a batch of 1", 90.0)}


@dataclass(frozen=True, slots=True)
class Speed:
    """What rounds of one fleet took: medians of seconds."""

    ours_s: float
    cpu_s: float
    copy_s: float


def ingest_rows(folder: Path) -> list[dict[str, Any]]:
    """Measure on plain PostgreSQL and, where there is one, on TimescaleDB."""
    rows = []
    plain: dict[int, Speed] = {}
    for storage, database in _databases(folder):
        with database as dsn:
            for fleet, intakes in FLEETS:
                speed = asyncio.run(_measured(dsn, fleet, intakes, events=False))
                rows += _rows(f"ingest, {storage}", fleet, speed)
                plain[fleet.size] = speed
            _put_in_force(dsn)
            for fleet, intakes in THINKING:
                speed = asyncio.run(_measured(dsn, fleet, intakes, events=True))
                rows += _thinking_rows(storage, fleet, speed, plain[fleet.size])
    return rows


def _put_in_force(dsn: str) -> None:
    """Put fences around the drive in force, since before its fixes."""
    fixes = [fix_of(0, seq) for seq in range(0, _DRIVE_FIXES, 10)]
    with connect(dsn) as database:
        publish(database, scattered(fixes, FENCES, CITY_M), instant(0))


def _databases(folder: Path) -> Iterator[tuple[str, Any]]:
    yield "PostgreSQL", plain_database(folder)
    if dsn := os.environ.get(ENVIRONMENT_KEY):
        yield "TimescaleDB", _timescale_database(dsn)


@contextmanager
def plain_database(folder: Path) -> Iterator[str]:
    """Start a PostgreSQL, and give an empty database on it that is up to date."""
    with EmbeddedPostgres(folder / "pg") as postgres, created_database(postgres.dsn) as dsn:
        migrate(dsn, plain=True)
        yield dsn


@contextmanager
def _timescale_database(server: str) -> Iterator[str]:
    with created_database(server) as dsn:
        migrate(dsn)
        yield dsn


async def _measured(dsn: str, fleet: Fleet, lanes: int, *, events: bool) -> Speed:
    ours, cpu, copied = [], [], []
    count = fleet.devices * fleet.size
    async with AsyncExitStack() as stack:
        opened = [await connect_async(dsn, autocommit=True) for _ in range(lanes)]
        databases = [await stack.enter_async_context(each) for each in opened]
        intakes = [Intake(database, Clock(), events=events) for database in databases]
        limit = stack.enter_context(CopyLimit(dsn))
        for number in range(ROUNDS):
            messages = fleet.messages(number)
            begin_s, begin_cpu_s = time.perf_counter(), time.process_time()
            outcomes = await asyncio.gather(
                *(intake.take(messages[lane::lanes]) for lane, intake in enumerate(intakes))
            )
            cpu_s, took_s = time.process_time() - begin_cpu_s, time.perf_counter() - begin_s
            stored = sum(outcome.fixes for outcome in outcomes)
            assert stored == count, f"{stored} fixes were stored, not {count}"
            copy_s = limit.took_s(fleet, number)
            if number:  # the first one makes devices, streams and the partition
                ours.append(took_s)
                cpu.append(cpu_s)
                copied.append(copy_s)
    return Speed(median(ours), median(cpu), median(copied))


def _rows(what: str, fleet: Fleet, speed: Speed) -> list[dict[str, Any]]:
    rows = [_beside_copy(what, fleet, speed)]
    if fleet.size in _CPU_LIMITS_US:
        per, limit_us = _CPU_LIMITS_US[fleet.size]
        cpu_us = speed.cpu_s / (fleet.devices * fleet.size) * 1e6
        rows.append(_row(f"{what}: processor {per}", cpu_us, "limit", limit_us, "µs"))
    return rows


def _thinking_rows(storage: str, fleet: Fleet, speed: Speed, plain: Speed) -> list[dict[str, Any]]:
    """Put the ingest with the engine beside COPY, and beside itself without."""
    what, count = f"ingest with {FENCES:,} fences, {storage}", fleet.devices * fleet.size
    cpu_us, plain_us = speed.cpu_s / count * 1e6, plain.cpu_s / count * 1e6
    per, _ = _CPU_LIMITS_US[fleet.size]
    without = "without the engine"
    named = f"{what}: batches of {fleet.size}, {count:,} fixes at once"
    return [
        _beside_copy(what, fleet, speed),
        _row(named, count / speed.ours_s, without, count / plain.ours_s, "fixes/s"),
        _row(f"{what}: processor {per}", cpu_us, without, plain_us, "µs"),
    ]


def _beside_copy(what: str, fleet: Fleet, speed: Speed) -> dict[str, Any]:
    count = fleet.devices * fleet.size
    named = f"{what}: batches of {fleet.size}, {count:,} fixes at once"
    peer = "binary COPY of the same rows"
    return _row(named, count / speed.ours_s, peer, count / speed.copy_s, "fixes/s")


def _row(what: str, ours: float, peer: str, peers: float, unit: str) -> dict[str, Any]:
    return {"what": what, "ours": ours, "peer": peer, "peers": peers, "unit": unit}
