"""The record of plans: it only grows, any change of it is found, and erasure is no change of it."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.errors import InsufficientPrivilege

from milepost_collector.delivery.chain import (
    FIRST,
    Entry,
    Linked,
    PersonalRow,
    canonical,
    digest,
    linked,
    walk,
)
from milepost_collector.delivery.states import Incident, IncidentKind, StopState
from milepost_collector.store.plans.erasing import EraseError, erase_order, erase_plans
from milepost_collector.store.plans.orders import put_order
from milepost_collector.store.plans.stopping import change_stop
from milepost_collector.store.plans.writing import Move, edit_plan
from milepost_schemas.plan import Order
from tests.collector.plans import BY, NOW, a_plan, causes, put, within
from tests.collector.programs import run, settings
from tests.fixtures.servers import FreshDatabase

ADA = canonical({"name": "Ada"})
SALT = b"0123456789abcdef"

ENTRIES = [
    Entry("plan/p1", n, datetime(2026, 11, 19, tzinfo=UTC), "import", "f:1", "k", stop, order, said)
    for n, (stop, order, said) in enumerate(
        [
            (None, None, "{}"),
            ("s1", None, '{"a":1}'),
            ("s1", "o1", canonical({"personal": [7, digest(SALT, ADA)]})),
            (None, "o1", "{}"),
        ],
        1,
    )
]
ROWS = linked(FIRST, ENTRIES)
HEAD = (len(ROWS), ROWS[-1].hash)
PERSONAL = {7: PersonalRow(SALT, ADA)}

CHANGED: dict[str, st.SearchStrategy[Any]] = {
    "chain": st.text(max_size=8),
    "n": st.integers(0, 9),
    "at": st.integers(0, 10**9).map(lambda n: NOW + timedelta(microseconds=n)),
    "source": st.text(max_size=8),
    "input": st.text(max_size=8),
    "kind": st.text(max_size=8),
    "stop": st.none() | st.text(max_size=8),
    "order": st.none() | st.text(max_size=8),
    "said": st.text(max_size=8),
}


def broken(rows: list[Linked], personal: dict[int, PersonalRow] | None = None) -> int | None:
    """Return the first change that the walk finds broken."""
    return walk("plan/p1", rows, HEAD, PERSONAL if personal is None else personal, []).broken_at


def test_walk_along_what_was_written_finds_it_intact() -> None:
    """And says how many changes there are, and the last one's hash."""
    found = walk("plan/p1", ROWS, HEAD, PERSONAL, [])
    assert (found.cause, found.changes, found.head) == (None, 4, ROWS[-1].hash.hex())


@given(st.sampled_from(range(len(ROWS))), st.sampled_from(sorted(CHANGED)), st.data())
def test_any_change_of_any_entry_is_found_where_it_is(
    place: int, column: str, data: st.DataObject
) -> None:
    """Whichever column of whichever row holds something else, the walk names that row."""
    value = data.draw(CHANGED[column])
    was = ROWS[place].entry
    now = replace(was, **{column: value})
    rows = [*ROWS]
    rows[place] = replace(ROWS[place], entry=now)
    assert broken(rows) == (None if now == was else place + 1)


@given(st.sampled_from(range(len(ROWS))), st.binary(min_size=32, max_size=32), st.booleans())
def test_any_change_of_any_hash_is_found(place: int, value: bytes, is_previous: bool) -> None:
    """Likewise for the hashes, also where a row was made anew with a hash that fits it."""
    rows = [*ROWS]
    changes: Any = {"previous": value} if is_previous else {"hash": value}
    rows[place] = replace(ROWS[place], **changes)
    assert broken(rows) == place + 1
    anew = replace(ROWS[place].entry, said=canonical({"x": value.hex()}))
    before = ROWS[place - 1].hash if place else FIRST
    rows[place] = Linked(anew, before, anew.hash(before))
    assert broken(rows) is not None


@given(st.sets(st.sampled_from(range(len(ROWS))), min_size=1))
def test_any_missing_entry_is_found(missing: set[int]) -> None:
    """Also the last ones, of which no other row holds the hash."""
    assert broken([row for at, row in enumerate(ROWS) if at not in missing]) is not None


def test_personal_row_that_is_not_what_was_written_is_found() -> None:
    """Changed, missing, or emptied without a word; emptied with a word it is counted."""
    assert broken(ROWS, {7: PersonalRow(SALT, canonical({"name": "Eve"}))}) == 3
    assert broken(ROWS, {}) == 3
    empty = {7: PersonalRow(None, None)}
    assert broken(ROWS, empty) == 3
    found = walk("plan/p1", ROWS, HEAD, empty, [7])
    assert (found.cause, found.erased) == (None, 1)


def day(database: FreshDatabase) -> None:
    """Let a day pass: two plans, a stop that is moved, an incident, an order outside of plans."""
    put(database, a_plan(3))
    put(database, a_plan(1, name="p2", prefix="x"))
    not_home = Incident(IncidentKind.NOT_HOME, "a red door")

    async def work(connection: Any) -> None:
        await edit_plan(connection, "p1", Move("s3", "p2"), BY)
        await change_stop(connection, "p1", "s1", StopState.COMPLETED, BY)
        await change_stop(connection, "p1", "s2", StopState.INCIDENT, BY, incident=not_home)
        await put_order(connection, Order("alone"), BY)

    within(database, work)


def test_database_refuses_to_change_the_record(database: FreshDatabase) -> None:
    """UPDATE, DELETE and TRUNCATE fail, for its owner too, and as a replica."""
    day(database)
    for table in ("plan_change", "plan_version"):
        for statement in (
            f"UPDATE {table} SET {'input' if table == 'plan_change' else 'vehicle'} = 'x'",
            f"DELETE FROM {table}",
            f"DELETE FROM {table} WHERE false",
            f"TRUNCATE {table}",
            f"SET session_replication_role = replica; DELETE FROM {table}",
        ):
            with (
                psycopg.connect(database.dsn, autocommit=True) as connection,
                pytest.raises(InsufficientPrivilege, match="a record that only grows"),
            ):
                connection.execute(statement.encode())


TAMPERINGS = [
    "UPDATE plan_change SET said = '{}' WHERE chain = 'plan/p1' AND n = 5",
    "UPDATE plan_change SET at = at + interval '1 ms' WHERE chain = 'plan/p1' AND n = 5",
    "UPDATE plan_change SET source = 'driver' WHERE chain = 'plan/p1' AND n = 5",
    "UPDATE plan_change SET input = '' WHERE chain = 'plan/p1' AND n = 5",
    "UPDATE plan_change SET kind = 'x' WHERE chain = 'plan/p1' AND n = 5",
    "UPDATE plan_change SET stop = 's2' WHERE chain = 'plan/p1' AND n = 5",
    "UPDATE plan_change SET order_id = 'o2' WHERE chain = 'plan/p1' AND n = 5",
    "UPDATE plan_change SET chain = 'plan/p3' WHERE chain = 'plan/p1' AND n = 5",
    "UPDATE plan_change SET n = 500 WHERE chain = 'plan/p1' AND n = 5",
    "UPDATE plan_change SET hash = sha256('x') WHERE chain = 'plan/p1' AND n = 5",
    "DELETE FROM plan_change WHERE chain = 'plan/p1' AND n = 5",
    "DELETE FROM plan_change WHERE chain = 'plan/p1' AND n >= 5",
    "DELETE FROM plan_change WHERE chain = 'order/alone'",
    "INSERT INTO plan_change SELECT chain, n + 100, at, source, input, kind, stop, order_id, "
    "said, previous, hash FROM plan_change WHERE chain = 'plan/p1' AND n = 5",
    "UPDATE personal SET content = content || ' ' WHERE kind = 'note'",
    "UPDATE personal SET salt = 'x' WHERE kind = 'contact'",
    "UPDATE personal SET salt = NULL, content = NULL, erased_at = now() WHERE kind = 'place'",
    "UPDATE plan SET head = sha256('x') WHERE id = 'p1'",
]


KEPT = """
    DELETE FROM plan_change;
    INSERT INTO plan_change SELECT * FROM kept_change;
    UPDATE personal SET salt = k.salt, content = k.content, erased_at = k.erased_at
    FROM kept_personal AS k WHERE k.no = personal.no;
    UPDATE plan SET head = k.head FROM kept_plan AS k WHERE k.id = plan.id;
"""


def test_verify_finds_what_a_superuser_has_changed(plain_database: FreshDatabase) -> None:
    """Who silences the triggers is still found, and where: nothing is broken before that change."""
    day(plain_database)
    with psycopg.connect(plain_database.dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE plan_change DISABLE TRIGGER ALL")
        connection.execute("CREATE TABLE kept_change AS SELECT * FROM plan_change")
        connection.execute("CREATE TABLE kept_personal AS SELECT * FROM personal")
        connection.execute("CREATE TABLE kept_plan AS SELECT * FROM plan")
        for tampering in TAMPERINGS:
            connection.execute(tampering.encode())
            found = {each: cause for each, cause in causes(plain_database).items() if cause}
            assert found, tampering
            if "n = 5" in tampering and "n + 100" not in tampering:
                assert found["plan/p1"][0] == 5, (tampering, found)
            connection.execute(KEPT.encode())
            assert set(causes(plain_database).values()) == {None}, tampering


def test_verifying_command_names_the_first_broken_change(plain_database: FreshDatabase) -> None:
    """Exit code 0 and what there is, or 1 and what is broken."""
    day(plain_database)
    more = settings(plain_database.dsn)
    assert run("plans", "verify", "p1", more=more).stdout.startswith("intact: 1 chains, ")
    with psycopg.connect(plain_database.dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE plan_change DISABLE TRIGGER ALL")
        connection.execute(TAMPERINGS[0])
    found = run("plans", "verify", more=more)
    first, last = found.stdout.splitlines()
    assert found.returncode == 1
    assert first == "tampered: plan/p1: change 5: it is not what was written"
    assert last.startswith("tampered: 3 chains, ")
    told = json.loads(run("plans", "verify", "--json", more=more).stdout)
    assert told["intact"] is False
    assert [each["broken_at"] for each in told["chains"]] == [None, 5, None]


PERSONAL_WORDS = ("Ada", "+4917", "ring", "Ringstrasse", "a red door", "48.0", "11.5")


def everything(database: FreshDatabase) -> str:
    """Return all rows of all tables of plans, as text."""
    tables = database.rows(
        "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relname ~ "
        "'^(personal|plan|customer_order|parcel)' AND relnamespace = 'public'::regnamespace"
    )
    told = ""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        for (table,) in tables:
            query = f"SELECT array_agg(t::text)::text FROM {table} AS t"
            ((text,),) = connection.execute(query.encode()).fetchall()
            told += text or ""
    return told


def test_what_is_personal_lies_in_the_rows_that_can_be_erased(database: FreshDatabase) -> None:
    """No other table holds any of it; after erasure none does, and the record is whole."""
    day(database)
    before = everything(database)
    assert all(word in before for word in PERSONAL_WORDS)
    whole = within(
        database, lambda c: erase_plans(c, BY, before=date(2026, 11, 20), vehicle="van-1")
    )
    assert (whole.plans, whole.kept) == (["p1", "p2"], [])
    assert sorted(whole.orders) == ["o1", "o2", "o3", "xo1"]
    after = everything(database)
    assert [word for word in PERSONAL_WORDS if word in after] == []
    assert set(causes(database).values()) == {None}
    told = run("plans", "verify", more=settings(database.dsn))
    assert (told.returncode, f"{whole.rows} personal rows erased" in told.stdout) == (0, True)


def test_erasure_of_an_order_takes_its_place_and_leaves_others(database: FreshDatabase) -> None:
    """Who waited and where is gone, and does not come back; what is still to be brought stays."""
    day(database)
    with pytest.raises(EraseError, match="order o3 is at stop s3 of plan p2, which is pending"):
        within(database, lambda c: erase_order(c, "o3", BY))
    within(database, lambda c: erase_order(c, "o1", BY))
    assert database.rows(
        "SELECT DISTINCT order_id, stop FROM personal WHERE content IS NULL ORDER BY 1, 2"
    ) == [("o1", None), (None, "s1")]
    assert set(causes(database).values()) == {None}
    with pytest.raises(ValueError, match="erased"):
        put(database, a_plan(3))


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["erase"], "erase: give either --before DATE, with or without --vehicle, or --order"),
        (["erase", "--order", "o1", "--vehicle", "v"], "erase: give either --before"),
        (["erase", "--order", "nix"], "there is no order nix"),
        (["erase", "--before", "2026-13-01"], "'2026-13-01' is not a date, YYYY-MM-DD"),
        (["erase", "--before", "2199-01-01"], "--before 2199-01-01 is not over yet"),
        (["verify", "nix"], "there is no plan nix"),
    ],
)
def test_wrong_command_is_one_line(
    plain_database: FreshDatabase, arguments: list[str], line: str
) -> None:
    """It says what to mend, and exits with 2."""
    done = run("plans", *arguments, more=settings(plain_database.dsn))
    assert done.returncode == 2
    assert line in done.stderr
    assert done.stderr.count("\n") == 1


def test_erasing_command_tells_what_it_did(plain_database: FreshDatabase) -> None:
    """By vehicle and day; a second time there is nothing left."""
    day(plain_database)
    command = ["plans", "erase", "--vehicle", "van-1", "--before", "2026-11-20"]
    more = settings(plain_database.dsn)
    told: list[Callable[[str], bool]] = [
        lambda said: "of 2 plans and 4 orders" in said,
        lambda said: said == "erased: 0 personal rows of 0 plans and 0 orders\n",
    ]
    for right in told:
        done = run(*command, more=more)
        assert (done.returncode, right(done.stdout)) == (0, True), done.stdout
