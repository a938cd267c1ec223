"""Bringing databases up to date, on both kinds of storage."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from milepost_collector.store.migrate import MigrationError, known_migrations, migrate
from tests.collector.batches import drive, message, take
from tests.collector.programs import run, settings
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

# What stands in a database of an older schema, one file a step: each adds what its step brought.
# A release is listed by the last step that it has.
OLDER = sorted(Path(__file__).with_name("schemas").glob("*.sql"))

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


def make_older(database: FreshDatabase, last: str) -> None:
    """Make the database of an older release, with data: of a program that knows fewer steps."""
    steps = [step for step in known_migrations() if step.name <= last]
    names = migrate(database.dsn, plain=database.storage == "plain", steps=steps)
    assert names == [step.name for step in steps]
    for path in OLDER:
        if path.stem <= last:
            database.run(path.read_text(encoding="utf-8"))


def contents(
    database: FreshDatabase, columns: dict[str, list[str]]
) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of some columns of tables."""
    found = {}
    for table, names in columns.items():
        query = f"SELECT {', '.join(names)} FROM {table} ORDER BY {', '.join(names)}"
        found[table] = database.rows(query)
    return found


def made_columns(database: FreshDatabase) -> dict[str, list[str]]:
    """Return the tables of ours and their columns, as text, which all types can be."""
    rows = database.rows(
        "SELECT relname::text, array_agg(attname || '::text' ORDER BY attnum) "
        "FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid "
        "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
        "AND NOT relispartition AND attnum > 0 AND NOT attisdropped AND relname <> 'migration' "
        "GROUP BY relname"
    )
    return dict(rows)


@pytest.mark.parametrize("last", [path.stem for path in OLDER])
def test_migrate_from_an_older_schema_keeps_what_is_stored(
    empty_database: FreshDatabase, last: str
) -> None:
    """A database of any older schema, with data, comes up to date whole, sound and in use."""
    make_older(empty_database, last)
    columns = made_columns(empty_database)
    before = contents(empty_database, columns)
    assert sum(map(len, before.values())) >= 4

    assert empty_database.migrate() == [name for name in NAMES if name > last]
    assert contents(empty_database, columns) == before

    take(empty_database, message(drive(1, 5), device="old-2", shard=63))
    checked = run("check", "--json", more=settings(empty_database.dsn))
    assert checked.returncode == 0, checked.stderr
    assert json.loads(checked.stdout)["fixes"] == len(before.get("fix", [])) + 5


def test_migrate_makes_hour_and_day_rows_of_what_is_stored(
    empty_database: FreshDatabase,
) -> None:
    """Fixes from before there were hour and day rows have theirs; how many were late is unknown."""
    make_older(empty_database, "0002_fixes")
    empty_database.migrate()
    take(empty_database, message(drive(1, 5), device="old-2", shard=63))
    for span, unit, spans in (("hour", 3600, 5), ("day", 86400, 3)):
        summed = empty_database.rows(
            f"SELECT device, {span}, fixes, measured, holes, first_time, last_time, "
            f"max_speed_dmps FROM fix_{span} ORDER BY {span}"
        )
        assert summed == empty_database.rows(
            "SELECT device, to_timestamp(floor(extract(epoch FROM time) / %s) * %s) AS span, "
            "count(*), sum(stands_for)::bigint, count(*) FILTER (WHERE hole), min(time), "
            "max(time), max(speed_dmps) FROM fix GROUP BY device, span ORDER BY span",
            unit,
            unit,
        )
        assert len(summed) == spans
    assert empty_database.value(
        "SELECT bool_and((late IS NULL) = (day < '2026-02-01')) FROM fix_day"
    )
