"""Weeks of fixes are made ahead and dropped behind, and nobody waits long for it."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_collector.config import ConfigError, StorageConfig, read_config
from milepost_collector.store.connection import connect_async
from milepost_collector.store.maintenance import (
    WEEKS_AHEAD,
    Maintained,
    Part,
    doomed_parts,
    maintain,
    missing_weeks,
    oldest_kept,
)
from tests.collector.batches import NOW, drive, message, take
from tests.fixtures.servers import FreshDatabase, Stock

# Mondays long ago: old by every clock.
OLD = [datetime(2024, 1, 1, tzinfo=UTC) + number * timedelta(weeks=1) for number in range(3)]
KEEP_A_YEAR = StorageConfig(keep_days=365)


def week(first: datetime) -> Part:
    """The part of a week."""
    return Part(f"fix_{first:%Y%m%d}", first, first + timedelta(weeks=1))


def maintained(
    database: FreshDatabase, config: StorageConfig = KEEP_A_YEAR, now: datetime = NOW
) -> Maintained:
    """Maintain a database over a connection of its own."""

    async def story() -> Maintained:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            return await maintain(connection, now, config)

    return asyncio.run(story())


def store(database: FreshDatabase, *weeks: datetime, fixes: int = 100) -> None:
    """Store fixes of a stream in some weeks, and the hour and day rows of them."""
    database.run(
        "INSERT INTO device (device, shard) VALUES ('van-9', 0) ON CONFLICT DO NOTHING;"
        "INSERT INTO stream (device, stream) SELECT no, '8 bytes.' FROM device "
        "WHERE device = 'van-9' ON CONFLICT DO NOTHING"
    )
    for first in weeks:
        database.run("SELECT make_fix_partition(%s)", first)
        database.run(
            "INSERT INTO fix (time, seq, device, stream, lat_e6, lon_e6, stands_for, kind, "
            "date_repaired, hole) SELECT %s::timestamptz + n * interval '1 minute', "
            "n + stream.last_seq, stream.device, no, n, n, 1, 2, false, false "
            "FROM stream, generate_series(1, %s) AS n WHERE stream = '8 bytes.'",
            first,
            fixes,
        )
        database.run("UPDATE stream SET last_seq = last_seq + %s WHERE stream = '8 bytes.'", fixes)
        for span in ("hour", "day"):
            query = (
                f"INSERT INTO fix_{span} SELECT no, %s, %s, %s, 1, 1, 0, 0, NULL FROM device "
                "WHERE device = 'van-9' ON CONFLICT DO NOTHING"
            )
            database.run(query, first, first, first)


@given(st.integers(0, 20 * 365 * 86_400))
def test_weeks_are_made_for_a_month_ahead(second: int) -> None:
    """Where no week is made, this one and the next four are; where all are, none."""
    now = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    monday = now.date() - timedelta(days=now.weekday())
    first = datetime(monday.year, monday.month, monday.day, tzinfo=UTC)
    ahead = [week(first + number * timedelta(weeks=1)) for number in range(WEEKS_AHEAD + 1)]
    missing = missing_weeks(now, [])
    assert len(missing) == len(ahead)
    for moment, part in zip(missing, ahead, strict=True):
        assert part.first_time <= moment < part.end_time
    assert missing_weeks(now, ahead) == []
    assert missing_weeks(now, ahead[:2] + ahead[3:]) == [missing[2]]


def test_parts_are_doomed_when_their_last_fix_is_too_old() -> None:
    """A part goes when its end is as old as fixes are kept, the oldest first."""
    parts = [week(first) for first in (OLD[1], OLD[0], OLD[2])]
    limit = oldest_kept(OLD[2] + timedelta(days=10), 10)
    assert doomed_parts(limit, parts) == [week(OLD[0]), week(OLD[1])]
    assert doomed_parts(limit - timedelta(microseconds=1), parts) == [week(OLD[0])]
    assert doomed_parts(limit, []) == []


def test_maintain_makes_weeks_once(plain_database: FreshDatabase) -> None:
    """After the first run there is a place for the fixes of five weeks; a second adds none."""
    for _ in range(2):
        maintained(plain_database)
        spans = plain_database.rows("SELECT first_time, end_time FROM fix_parts() ORDER BY 1")
        assert len(spans) == WEEKS_AHEAD + 1
        assert spans[0][0] <= NOW < spans[0][1]
        assert all(a[1] == b[0] for a, b in pairwise(spans))


def test_maintain_drops_old_weeks_and_accounts_for_them(database: FreshDatabase) -> None:
    """Old fixes and their hours go and are counted by stream; young ones and old days stay."""
    store(database, *OLD, fixes=50)
    take(database, message(drive(1, 5)))
    done = maintained(database)
    assert (done.dropped >= 3, done.fixes, done.left) == (True, 150, 0)
    assert database.value("SELECT count(*) FROM fix") == 5
    assert database.rows("SELECT fixes FROM expired") == [(150,)]
    assert database.value("SELECT count(*) FROM fix_hour WHERE hour < '2025-01-01'") == 0
    assert database.value("SELECT count(*) FROM fix_day WHERE day < '2025-01-01'") == 3
    assert database.value("SELECT count(*) FROM fix_parts() WHERE first_time < '2025-01-01'") == 0
    assert maintained(database) == Maintained()
    store(database, OLD[0], fixes=7)
    assert maintained(database).fixes == 7
    assert database.rows("SELECT fixes FROM expired") == [(157,)]


def test_maintain_forgets_old_quarantined_fixes(database: FreshDatabase) -> None:
    """What was quarantined long ago goes too, and is counted."""
    store(database, OLD[0], fixes=4)
    database.run("INSERT INTO fix_quarantine SELECT *, %s FROM fix", OLD[1])
    database.run("INSERT INTO fix_quarantine SELECT *, %s FROM fix", NOW)
    maintained(database)
    assert database.rows("SELECT fixes FROM expired") == [(8,)]
    assert database.value("SELECT count(*) FROM fix_quarantine") == 4


def test_maintain_keeps_all_where_fixes_are_kept_for_ever(database: FreshDatabase) -> None:
    """With `keep_days = 0` nothing is dropped."""
    store(database, *OLD)
    assert maintained(database, StorageConfig(keep_days=0)) == Maintained()
    assert database.value("SELECT count(*) FROM fix") == 300


def test_maintain_with_a_clock_that_is_ahead_drops_nothing(database: FreshDatabase) -> None:
    """A clock of ours that is wrong by years costs no fix: the server's must agree."""
    now: datetime = database.value("SELECT now()")
    monday = now - timedelta(days=now.weekday() + 14)
    store(database, monday)
    assert maintained(database, now=now + timedelta(days=4000)) == Maintained()
    assert database.value("SELECT count(*) FROM fix") == 100


IN_USE: dict[str, LiteralString] = {
    "a reader": "SELECT count(*) FROM fix",
    "a late writer": "INSERT INTO fix SELECT * FROM fix WHERE time < '2024-01-08' LIMIT 1",
}


@pytest.mark.parametrize("user", IN_USE)
def test_maintain_leaves_a_week_that_somebody_uses(database: FreshDatabase, user: str) -> None:
    """A part in use is left whole for the next time; its user goes on, nobody waits long."""
    store(database, OLD[0])
    with psycopg.connect(database.dsn) as other:
        other.execute(IN_USE[user])
        done = maintained(database)
        assert (done.dropped, done.fixes) == (0, 0)
        assert done.left >= 1
        assert other.execute("SELECT count(*) FROM fix").fetchone() in [(100,), (101,)]
        assert database.value("SELECT count(*) FROM expired") == 0
    assert maintained(database).fixes in (100, 101)
    assert database.value("SELECT count(*) FROM fix") == 0


def test_maintain_does_not_wait_for_a_transaction_that_stores(database: FreshDatabase) -> None:
    """A stream's row that a transaction holds is no reason to wait, nor one for it to wait."""
    store(database, OLD[0])
    with psycopg.connect(database.dsn) as other:
        other.execute("UPDATE stream SET newest = newest + 1")
        assert maintained(database).fixes == 100


def test_maintain_by_two_at_once_is_done_by_one(database: FreshDatabase) -> None:
    """While one collector maintains, another has nothing to do."""
    store(database, OLD[0])
    with psycopg.connect(database.dsn, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(hashtext('milepost.maintain'))")
        assert maintained(database) == Maintained()
        assert database.value("SELECT count(*) FROM fix") == 100
    assert maintained(database).fixes == 100


def test_maintain_sets_when_chunks_are_packed(database: FreshDatabase) -> None:
    """On TimescaleDB its own job packs chunks, as late as configured; the job is set once."""
    if database.storage == "plain":
        maintained(database)
        assert (
            database.value("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'") == 0
        )
        return
    jobs: LiteralString = (
        "SELECT job_id, (config ->> 'compress_after')::interval "
        "FROM timescaledb_information.jobs WHERE hypertable_name = 'fix'"
    )
    maintained(database)
    ((first, after),) = database.rows(jobs)
    assert after == timedelta(days=30)
    maintained(database)
    assert database.rows(jobs) == [(first, after)]
    maintained(database, StorageConfig(compress_after_days=45))
    assert [after for _, after in database.rows(jobs)] == [timedelta(days=45)]
    maintained(database, StorageConfig(compress_after_days=0))
    assert database.rows(jobs) == []


def test_job_packs_old_weeks_and_what_comes_late(timescale_stock: Stock) -> None:
    """The extension's job packs old chunks, and packs again what was stored in them afterwards."""
    with timescale_stock.lent() as database:
        store(database, OLD[0])
        maintained(database, StorageConfig(keep_days=0))
        (job,) = database.rows(
            "SELECT job_id FROM timescaledb_information.jobs WHERE hypertable_name = 'fix'"
        )
        for fixes in (100, 107):
            database.run("CALL run_job(%s)", *job)
            for (part,) in database.rows("SELECT part::text FROM fix_parts()"):
                assert database.rows(f"SELECT FROM ONLY {part}") == []
            assert database.value("SELECT count(*) FROM fix") == fixes
            store(database, OLD[0], fixes=7)
        assert maintained(database).fixes == 114
        assert database.value("SELECT count(*) FROM fix_parts()") == 0


def test_storage_settings_come_from_the_configuration(tmp_path: Path) -> None:
    """How long fixes are kept and when they are packed is read; less than no day is refused."""
    path = tmp_path / "collector.toml"
    path.write_text("[storage]\nkeep_days = 0\ncompress_after_days = 45\n")
    assert read_config(path).storage == StorageConfig(keep_days=0, compress_after_days=45)
    path.write_text("[storage]\nkeep_days = -1\n")
    with pytest.raises(ConfigError, match=r"storage\.keep_days = -1"):
        read_config(path)
