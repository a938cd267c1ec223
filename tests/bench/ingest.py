"""The ingest without a broker: fixes into the table, beside binary COPY of the same rows.

No fences are in force. A round is what waits at once: where that is more than one transaction
takes, two intakes take it side by side, as in the program. A round and the COPY of its rows take
turns, and of their times the medians count. With MILEPOST_TEST_DSN all is measured on TimescaleDB
too.
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
from milepost_collector.store.connection import connect_async
from milepost_collector.store.migrate import migrate
from tests.bench.copy_limit import CopyLimit
from tests.bench.ingest_load import Fleet
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
    for storage, database in _databases(folder):
        with database as dsn:
            for fleet, intakes in FLEETS:
                rows += _rows(storage, fleet, asyncio.run(_measured(dsn, fleet, intakes)))
    return rows


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


async def _measured(dsn: str, fleet: Fleet, lanes: int) -> Speed:
    ours, cpu, copied = [], [], []
    count = fleet.devices * fleet.size
    async with AsyncExitStack() as stack:
        opened = [await connect_async(dsn, autocommit=True) for _ in range(lanes)]
        databases = [await stack.enter_async_context(each) for each in opened]
        intakes = [Intake(database, Clock()) for database in databases]
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


def _rows(storage: str, fleet: Fleet, speed: Speed) -> list[dict[str, Any]]:
    count = fleet.devices * fleet.size
    rows = [
        {
            "what": f"ingest, {storage}: batches of {fleet.size}, {count:,} fixes at once",
            "ours": count / speed.ours_s,
            "peer": "binary COPY of the same rows",
            "peers": count / speed.copy_s,
            "unit": "fixes/s",
        }
    ]
    if fleet.size in _CPU_LIMITS_US:
        what, limit_us = _CPU_LIMITS_US[fleet.size]
        rows.append(
            {
                "what": f"ingest, {storage}: processor {what}",
                "ours": speed.cpu_s / count * 1e6,
                "peer": "limit",
                "peers": limit_us,
                "unit": "µs",
            }
        )
    return rows
