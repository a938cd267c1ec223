"""Hour and day rows: what fixes come to, however they come."""

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import DataError

from milepost_collector.store.arrays import Kind, binary_array
from milepost_collector.store.connection import connect_async
from milepost_collector.store.summaries import (
    DAY_MS,
    HOUR_MS,
    NO_SPEED,
    Summaries,
    add_summaries,
    summarise,
)
from tests.fixtures.servers import FreshDatabase

NOON_MS = 1_795_089_600_000  # 2026-11-19T12:00:00Z

# Device, time, stands for, hole, speed, late.
Row = tuple[int, int, int, bool, int, bool]

ROWS = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.integers(NOON_MS - DAY_MS, NOON_MS + DAY_MS),
        st.integers(1, 2**31 - 1),
        st.booleans(),
        st.integers(NO_SPEED, 2**15 - 1),
        st.booleans(),
    ),
    max_size=40,
)


def summed(rows: list[Row]) -> Summaries:
    """Sum rows up."""
    columns = list(zip(*rows, strict=True)) or [()] * 6
    device, time_ms, stands_for, hole, speed, late = columns
    return summarise(
        np.array(device, np.int32),
        np.array(time_ms, np.int64),
        np.array(stands_for, np.int64),
        np.array(hole, np.bool_),
        np.array(speed, np.int64),
        np.array(late, np.bool_),
    )


def plainly(rows: list[Row], span_ms: int) -> list[tuple[int, ...]]:
    """Sum rows up one by one: device, span, first, last, measured, fixes, holes, late, speed."""
    spans: dict[tuple[int, int], list[Row]] = {}
    for row in rows:
        spans.setdefault((row[0], row[1] // span_ms * span_ms), []).append(row)
    return [
        (
            *key,
            min(row[1] for row in found),
            max(row[1] for row in found),
            sum(row[2] for row in found),
            len(found),
            sum(row[3] for row in found),
            sum(row[5] for row in found),
            max(row[4] for row in found),
        )
        for key, found in sorted(spans.items())
    ]


def listed(summaries: Summaries) -> list[tuple[int, ...]]:
    """Return the rows of summaries."""
    columns = [getattr(summaries, name).tolist() for name in Summaries.__slots__]
    return list(zip(*columns, strict=True))


def stored(database: FreshDatabase, span: str) -> list[tuple[int, ...]]:
    """Return the rows of `fix_hour` or `fix_day` in the form of `plainly`."""
    query = (
        f"SELECT device, {span}, first_time, last_time, measured, fixes, holes, late, "
        f"coalesce(max_speed_dmps, -1) FROM fix_{span} ORDER BY device, {span}"
    )
    rows = database.rows(query)
    return [
        (row[0], *(round(each.timestamp() * 1000) for each in row[1:4]), *row[4:]) for row in rows
    ]


def add(database: FreshDatabase, *batches: list[Row]) -> None:
    """Add what batches come to, each in a transaction of its own."""

    async def story() -> None:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            for batch in batches:
                async with connection.transaction():
                    await add_summaries(connection, summed(batch))

    asyncio.run(story())


@pytest.fixture
def with_devices(database: FreshDatabase) -> FreshDatabase:
    """A database that knows the devices 1 to 3."""
    for name in ("van-1", "van-2", "van-3"):
        database.run("INSERT INTO device (device, shard) VALUES (%s, 0)", name)
    return database


@given(ROWS)
@settings(deadline=None)
def test_summarise_of_any_rows_in_any_order_is_their_sum(rows: list[Row]) -> None:
    """By hour and by day, the arrays say what a loop over the rows says."""
    hours = summed(rows)
    assert listed(hours) == plainly(rows, HOUR_MS)
    assert listed(hours.by_day()) == plainly(rows, DAY_MS)


def test_summaries_of_batches_in_any_order_are_those_of_all(with_devices: FreshDatabase) -> None:
    """Rows added in three transactions, the oldest last, come to what all of them come to."""
    chance = np.random.default_rng(1)
    rows: list[Row] = [
        (int(chance.integers(1, 4)), NOON_MS + n * 400_000, n + 1, n % 7 == 0, n % 90 - 1, n > 50)
        for n in range(300)
    ]
    add(with_devices, rows[200:], rows[80:200], [], rows[:80])
    assert stored(with_devices, "hour") == plainly(rows, HOUR_MS)
    assert stored(with_devices, "day") == plainly(rows, DAY_MS)


def test_summary_of_fixes_without_a_speed_knows_none(with_devices: FreshDatabase) -> None:
    """An unknown speed is NULL, never 0; a speed that comes later is the highest."""
    add(with_devices, [(1, NOON_MS, 1, False, NO_SPEED, False)])
    assert with_devices.value("SELECT max_speed_dmps FROM fix_hour") is None
    add(with_devices, [(1, NOON_MS + 1, 1, False, 0, False)])
    assert with_devices.value("SELECT max_speed_dmps FROM fix_hour") == 0


def test_summaries_of_one_round_are_one_statement_a_table(with_devices: FreshDatabase) -> None:
    """However many devices a round has, it takes two statements."""

    async def story() -> list[str]:
        sent: list[str] = []
        async with await connect_async(with_devices.dsn, autocommit=True) as connection:
            rows: list[Row] = [(n % 3 + 1, NOON_MS + n, 1, False, 5, False) for n in range(999)]
            execute = connection.execute

            async def counted(query: bytes, *values: object) -> object:
                sent.append(query.decode())
                return await execute(query, *values)  # type: ignore[call-overload]

            # Watched, not replaced: what is sent is what the server gets.
            connection.execute = counted  # type: ignore[assignment, method-assign]
            await add_summaries(connection, summed(rows))
        return sent

    sent = asyncio.run(story())
    assert len(sent) == 2
    assert with_devices.value("SELECT sum(fixes) FROM fix_day") == 999


def test_array_of_a_number_that_does_not_fit_is_refused() -> None:
    """A number too large for its type is an error, and never another number."""
    with pytest.raises(DataError, match="is no SMALLINT"):
        binary_array(np.array([1, 2**15]), Kind.SMALLINT)
