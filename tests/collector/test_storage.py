"""The table of fixes: how small it is, and that late fixes find their place in it."""

import asyncio
from typing import LiteralString

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from milepost_collector.store.audit import audit
from milepost_collector.store.connection import connect, connect_async
from milepost_collector.store.tracks import whole_track
from milepost_schemas.fix import instant
from tests.agent.line import needs_recorded
from tests.bench.storage import fill, fill_recorded
from tests.collector.batches import NOW_MS, START_MS, drive, message, take
from tests.fixtures.servers import FreshDatabase, Stock

MOST_PLAIN_BYTES = 130
MOST_PACKED_BYTES = 8

TWO_WEEKS_MS = 14 * 86_400_000
LATE_MS = NOW_MS - TWO_WEEKS_MS - 7_200_000

PARTS: LiteralString = "SELECT part::text FROM fix_parts()"
UNPACKED_BY_ONE: LiteralString = (
    "SELECT setting FROM pg_settings "
    "WHERE name = 'timescaledb.max_tuples_decompressed_per_dml_transaction'"
)


def pack(database: FreshDatabase) -> None:
    """Pack all chunks into columns, as the extension's job does; nothing on plain PostgreSQL."""
    if database.storage == "timescale":
        for (part,) in database.rows(PARTS):
            database.run("CALL convert_to_columnstore(%s)", part)


def packed_parts(database: FreshDatabase) -> int:
    """Return how many chunks are packed."""
    if database.storage == "plain":
        return 0
    count: int = database.value(
        "SELECT count(*) FROM timescaledb_information.chunks WHERE is_compressed"
    )
    return count


def times_of(database: FreshDatabase, device: str) -> list[int]:
    """Return the GPS times of all fixes of a device."""

    async def story() -> list[int]:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            begin = instant(NOW_MS - 3 * TWO_WEEKS_MS)
            return (await whole_track(connection, device, begin, instant(NOW_MS))).time_ms

    return asyncio.run(story())


def test_late_fixes_are_stored_among_packed_ones(database: FreshDatabase) -> None:
    """More than 100,000 fixes two weeks late go into packed chunks, and are packed in their turn.

    20,000 a transaction, with the extension's limit of rows unpacked by one as it comes.
    """
    names = [f"van-{number}" for number in range(26)]
    early = [message(drive(1, 50, start_ms=LATE_MS), device=name) for name in names]
    assert take(database, *early).fixes == 26 * 50
    pack(database)
    before = packed_parts(database)
    late = drive(51, 4050, start_ms=LATE_MS)
    outcome = take(database, *(message(late, device=name) for name in names))
    assert outcome.fixes == 104_000
    assert all(ack.last_seq == 4050 for _, ack in outcome.answers)
    assert packed_parts(database) == before
    if database.storage == "timescale":
        assert database.value(UNPACKED_BY_ONE) == "100000"
    expected = [LATE_MS + 1000 * number for number in range(1, 4051)]
    assert times_of(database, "van-25") == expected
    pack(database)
    assert times_of(database, "van-25") == expected
    assert database.value("SELECT count(*) FROM fix") == 26 * 4050
    assert database.rows("SELECT sum(fixes), sum(late) FROM fix_day") == [(26 * 4050,) * 2]
    with connect(database.dsn) as connection:
        assert audit(connection).is_sound


def test_late_fixes_come_to_the_same_summaries(database: FreshDatabase) -> None:
    """Hour and day rows do not tell in what order fixes came, only how many were late."""
    take(database, message(drive(1, 100)), message(drive(1, 50), device="van-2"))
    take(database, message(drive(51, 100), device="van-2"))
    one, other = database.rows(
        "SELECT fixes, measured, holes, first_time, last_time, max_speed_dmps FROM fix_hour "
        "ORDER BY device"
    )
    assert one == other
    assert one[0] == 100
    assert one[3] == instant(START_MS + 1000)


def test_position_is_read_in_degrees_also_when_packed(database: FreshDatabase) -> None:
    """The view of positions says degrees, metres and names, whatever lies beneath."""
    take(database, message(drive(1, 3)))
    for _ in range(2):
        assert database.rows(
            "SELECT device, seq, lat_deg, lon_deg, altitude_m, speed_mps, hdop FROM position "
            "WHERE seq = 2"
        ) == [("van-1", 2, 48.00018, 11.0, 500.0, 10.0, 0.9)]
        pack(database)


def test_fix_takes_few_bytes_with_its_index(database: FreshDatabase) -> None:
    """A fix of many vehicles by turns takes at most 130 bytes, with all that belongs to it."""
    fixes = fill(database.dsn, vehicles=40, days=2, fixes=2400)
    if database.storage == "timescale":
        sizes = "SELECT sum(total_bytes) FROM chunks_detailed_size('fix')"
    else:
        sizes = "SELECT sum(pg_total_relation_size(part)) FROM fix_parts()"
    assert database.value(sizes) / fixes <= MOST_PLAIN_BYTES


@needs_recorded
def test_recorded_fix_takes_few_bytes_when_packed(timescale_stock: Stock) -> None:
    """The fixes of the recorded drives take at most 8 bytes each when packed."""
    with timescale_stock.lent() as database:
        fixes = fill_recorded(database.dsn, copies=2)
        pack(database)
        assert packed_parts(database) > 0
        packed = database.value(
            "SELECT sum(after_compression_total_bytes) FROM chunk_columnstore_stats('fix')"
        )
        assert packed / fixes <= MOST_PACKED_BYTES


@pytest.mark.parametrize("packed", [False, True])
def test_fixes_are_stored_while_somebody_reads(database: FreshDatabase, packed: bool) -> None:
    """An open reader of all fixes holds up nobody who stores some, packed or not."""
    take(database, message(drive(1, 5, start_ms=LATE_MS)))
    if packed:
        pack(database)
    with psycopg.connect(database.dsn) as reader:
        reader.execute("SELECT count(*) FROM fix")
        assert take(database, message(drive(6, 9, start_ms=LATE_MS))).fixes == 4
        assert reader.info.transaction_status is TransactionStatus.INTRANS
