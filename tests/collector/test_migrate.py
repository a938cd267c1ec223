"""Bringing databases up to date, on both kinds of storage."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from milepost_collector.store.migrate import MigrationError, known_migrations, migrate
from tests.fixtures.servers import FreshDatabase, created_database

NAMES = [step.name for step in known_migrations()]

FIX_COLUMNS = [
    ("time", "timestamp with time zone", "NO"),
    ("seq", "bigint", "NO"),
    ("device", "integer", "NO"),
    ("stream", "integer", "NO"),
    ("lat_e6", "integer", "NO"),
    ("lon_e6", "integer", "NO"),
    ("altitude_dm", "integer", "YES"),
    ("stands_for", "integer", "NO"),
    ("speed_dmps", "smallint", "YES"),
    ("course_deg", "smallint", "YES"),
    ("hdop_tenths", "smallint", "YES"),
    ("satellites", "smallint", "YES"),
    ("kind", "smallint", "NO"),
    ("error_dm", "integer", "YES"),
    ("date_repaired", "boolean", "NO"),
    ("hole", "boolean", "NO"),
]

IS_HYPERTABLE = (
    "SELECT count(*) FROM pg_extension JOIN pg_class ON pg_class.oid = 'fix'::regclass "
    "WHERE extname = 'timescaledb' AND relkind = 'r'"
)


def test_migrate_of_an_empty_database_applies_every_step_once(
    empty_database: FreshDatabase,
) -> None:
    """The first run applies all steps in order, the second none."""
    assert empty_database.migrate() == NAMES
    assert empty_database.migrate() == []


def test_migrate_with_a_changed_text_is_refused(database: FreshDatabase) -> None:
    """A step that was applied with another text is named and refused."""
    database.run("UPDATE migration SET digest = 'other' WHERE name = '0002_fixes'")
    with pytest.raises(MigrationError, match=r"0002_fixes was applied .* with another text"):
        database.migrate()


def test_migrate_of_a_newer_database_is_refused(database: FreshDatabase) -> None:
    """A step that this program does not know is named and refused."""
    database.run("INSERT INTO migration (name, digest) VALUES ('9999_later', 'x')")
    with pytest.raises(MigrationError, match="newer than this program: it has migration 9999_l"):
        database.migrate()


def test_migrate_with_a_failing_step_keeps_the_steps_before(empty_database: FreshDatabase) -> None:
    """A failing step is named and leaves nothing behind; a later run goes on from there."""
    empty_database.run("CREATE TABLE event (mine integer)")
    with pytest.raises(MigrationError, match='migration 0003_events: relation "event" already'):
        empty_database.migrate()
    assert empty_database.value("SELECT to_regclass('definitions') IS NULL")
    empty_database.run("DROP TABLE event")
    assert empty_database.migrate() == [name for name in NAMES if name >= "0003"]


def test_migrate_by_two_at_once_applies_each_step_once(empty_database: FreshDatabase) -> None:
    """Two programs that start together share the steps between them and both succeed."""
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(empty_database.migrate) for _ in range(2)]
        applied = [name for run in runs for name in run.result()]
    assert sorted(applied) == NAMES


def test_migrate_by_a_user_who_may_not_create_is_refused(plain_server: str) -> None:
    """A user without rights in the schema gets an error that says so, not a fault of ours."""
    with (
        psycopg.connect(plain_server, autocommit=True) as admin,
        created_database(plain_server) as dsn,
    ):
        admin.execute("DROP ROLE IF EXISTS nobody_much")
        admin.execute("CREATE ROLE nobody_much LOGIN")
        try:
            with pytest.raises(MigrationError, match="permission denied for schema public"):
                migrate(make_conninfo(dsn, user="nobody_much"))
        finally:
            admin.execute("DROP ROLE nobody_much")


def test_fix_columns_are_the_same_on_both_storages(database: FreshDatabase) -> None:
    """The table of fixes has the same columns, types and order on both kinds of storage."""
    columns = database.rows(
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns "
        "WHERE table_name = 'fix' ORDER BY ordinal_position"
    )
    assert columns == FIX_COLUMNS


def test_fix_table_is_a_hypertable_where_timescaledb_is(database: FreshDatabase) -> None:
    """Fixes lie in a hypertable under TimescaleDB and in native partitions elsewhere."""
    if database.storage == "timescale":
        hypertables = database.rows(
            "SELECT hypertable_name::text FROM timescaledb_information.hypertables"
        )
        assert hypertables == [("fix",)]
    else:
        assert database.value("SELECT relkind FROM pg_class WHERE oid = 'fix'::regclass") == "p"


def test_migrate_with_plain_on_timescaledb_makes_partitions(timescale_server: str) -> None:
    """Native partitions can be had on a server that has TimescaleDB."""
    with created_database(timescale_server) as dsn:
        fresh = FreshDatabase(dsn, "plain")
        fresh.migrate()
        assert fresh.value("SELECT relkind FROM pg_class WHERE oid = 'fix'::regclass") == "p"
        assert fresh.value(IS_HYPERTABLE) == 0


def test_partition_of_a_new_week_does_not_wait_for_a_reader(plain_database: FreshDatabase) -> None:
    """A long read of the fixes (an export) holds up nobody who needs a new week."""
    plain_database.run("SELECT make_fix_partition('2026-11-02T00:00Z')")
    with psycopg.connect(plain_database.dsn) as reader:
        reader.execute("SELECT count(*) FROM fix")
        with psycopg.connect(plain_database.dsn, options="-c lock_timeout=1s") as writer:
            writer.execute("SELECT make_fix_partition('2026-11-09T00:00Z')")


def test_partition_of_a_week_spans_monday_to_monday(plain_database: FreshDatabase) -> None:
    """A week's partition begins on Monday 00:00 UTC, whatever the session's time zone is."""
    with psycopg.connect(plain_database.dsn) as connection:
        connection.execute("SET timezone = 'Pacific/Auckland'")
        connection.execute("SELECT make_fix_partition('2026-11-08T23:59:59.999Z')")
        connection.execute("SELECT make_fix_partition('2026-11-09T00:00Z')")
    bounds = plain_database.rows(
        "SELECT relname::text, pg_get_expr(relpartbound, oid) FROM pg_class "
        "WHERE relispartition AND relkind = 'r' ORDER BY relname"
    )
    assert [name for name, _ in bounds] == ["fix_20261102", "fix_20261109"]
    assert "('2026-11-02 00:00:00+00') TO ('2026-11-09 00:00:00+00')" in bounds[0][1]
