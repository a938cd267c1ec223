"""Tracks as pages and maps read them: every fix as columns, or as few as a map needs."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import asin, cos, hypot, radians, sin, sqrt
from typing import TypeVar

import numpy as np
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost_collector.store import tracks
from milepost_collector.store.arrays import Kind, binary_array, numbers_of
from milepost_collector.store.connection import AsyncDatabase, connect_async
from milepost_collector.store.simplifying import MAX_POINTS, TOLERANCE_M, simplified
from milepost_collector.store.tracks import DrawnTrack, Track, drawn_track, whole_track
from milepost_collector.store.vehicles import LastPosition, last_positions
from milepost_schemas.fix import Fix, KeptFix
from tests.bench.storage import BEGIN, fill
from tests.collector.batches import NOW, OTHER_STREAM, START_MS, drive, message, take
from tests.fixtures.servers import FreshDatabase

T = TypeVar("T")
Read = Callable[[AsyncDatabase, str, datetime, datetime], Awaitable[T]]

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def read(database: FreshDatabase, what: Callable[[AsyncDatabase], Awaitable[T]]) -> T:
    """Read something over a connection of its own, as a pool lends it."""

    async def story() -> T:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            return await what(connection)

    return asyncio.run(story())


def whole(
    database: FreshDatabase, device: str, begin: datetime = LONG_AGO, end: datetime = LATER
) -> Track:
    """Read a whole track."""
    return read(database, lambda connection: whole_track(connection, device, begin, end))


def drawn(
    database: FreshDatabase, device: str, begin: datetime = LONG_AGO, end: datetime = LATER
) -> DrawnTrack:
    """Read a simplified track."""
    return read(database, lambda connection: drawn_track([connection], device, begin, end))


ODD = (
    KeptFix(1, Fix(START_MS, -90_000_000, -180_000_000, -4300, 0, 0), 1, hole=True),
    KeptFix(2, Fix(START_MS + 1, 90_000_000, 180_000_000, 89_000, 10_000, 359)),
    KeptFix(3, Fix(START_MS + 2, 0, 0)),
    KeptFix(4, Fix(START_MS + 3, -1, -1, None, 5, None), 1, hole=True),
    KeptFix(5, Fix(START_MS + 4, 1, -1, 0, None, 7)),
)


def test_whole_track_says_of_each_fix_what_is_stored(database: FreshDatabase) -> None:
    """Extremes, zeros and what the receiver left out come back as they are; unknown is None."""
    take(database, message(ODD))
    assert whole(database, "van-1") == Track(
        time_ms=[START_MS + n for n in range(5)],
        lat_deg=[-90.0, 90.0, 0.0, -1e-6, 1e-6],
        lon_deg=[-180.0, 180.0, 0.0, -1e-6, -1e-6],
        altitude_m=[-430.0, 8900.0, None, None, 0.0],
        speed_mps=[0.0, 1000.0, None, 0.5, None],
        course_deg=[0, 359, None, None, 7],
        holes=[0, 3],
    )


def test_track_is_of_the_time_and_the_vehicle_asked_for(database: FreshDatabase) -> None:
    """It begins with `begin` and ends before `end`, by GPS time, whatever came late."""
    take(database, message(drive(1, 60)), message(drive(1, 9), device="van-2"))
    take(database, message(drive(1, 5, start_ms=START_MS - 60_000), stream=OTHER_STREAM))
    times = whole(database, "van-1").time_ms
    assert len(times) == 65
    assert times == sorted(times)
    begin = datetime.fromtimestamp(START_MS / 1000 + 10, UTC)
    part = whole(database, "van-1", begin, begin + timedelta(seconds=5))
    assert part.time_ms == [START_MS + 1000 * n for n in range(10, 15)]


def test_track_of_nobody_is_empty(database: FreshDatabase) -> None:
    """A vehicle that is unknown, or has nothing in the time asked for, has no points."""
    take(database, message(drive(1, 3)))
    assert whole(database, "nobody") == Track([], [], [], [], [], [], [])
    assert drawn(database, "nobody") == DrawnTrack([], [], [], [], TOLERANCE_M, 0)
    assert drawn(database, "van-1", LONG_AGO, LONG_AGO + timedelta(days=9)).fixes == 0


def test_drawn_track_of_a_straight_drive_is_its_ends(database: FreshDatabase) -> None:
    """A straight line is two points, and each hole adds the ends of two lines."""
    straight = list(drive(1, 300))
    take(database, message(straight))
    assert drawn(database, "van-1").time_ms == [START_MS + 1000, START_MS + 300_000]
    straight[99] = replace(straight[99], hole=True)
    take(database, message(straight, device="van-2"))
    found = drawn(database, "van-2")
    assert found.time_ms == [START_MS + 1000 * n for n in (1, 99, 100, 300)]
    assert (found.holes, found.tolerance_m, found.fixes) == ([2], TOLERANCE_M, 300)


def test_last_positions_are_of_all_that_have_one(database: FreshDatabase) -> None:
    """Each vehicle's newest position, and none of a vehicle that has none."""
    take(database, message(drive(1, 5)), message(device="van-2"))
    assert read(database, last_positions) == [
        LastPosition(
            "van-1", NOW - timedelta(minutes=59, seconds=55), 48_000_450, 11_000_000, 100, 0
        )
    ]


def far_m(lat_a: float, lon_a: float, lat_b: float, lon_b: float) -> float:
    """Great circle distance of two points given in 1e-6 degree (haversine)."""
    lat_a, lon_a, lat_b, lon_b = (radians(each / 1e6) for each in (lat_a, lon_a, lat_b, lon_b))
    half = sin((lat_b - lat_a) / 2) ** 2 + cos(lat_a) * cos(lat_b) * sin((lon_b - lon_a) / 2) ** 2
    return 2 * 6_371_000 * asin(sqrt(half))


def worst_m(lat: list[int], lon: list[int], kept: list[int]) -> float:
    """How far the farthest point is from the line between those kept before and after it."""
    worst = 0.0
    for first, last in pairwise(kept):
        scale = cos(radians(lat[first] / 1e6))
        x, y = (lon[last] - lon[first]) * scale, lat[last] - lat[first]
        for place in range(first + 1, last):
            a, b = (lon[place] - lon[first]) * scale, lat[place] - lat[first]
            share = min(max((a * x + b * y) / ((x * x + y * y) or 1), 0.0), 1.0)
            east, north = (a - share * x) / scale, b - share * y
            worst = max(worst, far_m(0, 0, north, hypot(east * scale, 0)))
    return worst


STEPS = st.lists(
    st.tuples(st.integers(-400, 400), st.integers(-400, 400), st.integers(0, 19)),
    min_size=1,
    max_size=300,
)


@given(STEPS, st.sampled_from([0, 48_000_000, -70_000_000]))
@settings(deadline=None)
def test_simplified_keeps_every_fix_within_the_tolerance(
    steps: list[tuple[int, int, int]], start: int
) -> None:
    """No fix is farther than said from the line drawn, and the ends of holes are kept."""
    lat, lon, chance = (np.array(column) for column in zip(*steps, strict=True))
    lat, lon, hole = start + np.cumsum(lat), np.cumsum(lon), chance == 0
    places, tolerance_m = simplified(lat, lon, hole)
    kept = places.tolist()
    assert tolerance_m == TOLERANCE_M
    assert kept[0] == 0
    assert kept[-1] == len(steps) - 1
    assert kept == sorted(set(kept))
    for behind in np.flatnonzero(hole).tolist():
        assert {max(behind - 1, 0), behind} <= set(kept)
    assert worst_m(lat.tolist(), lon.tolist(), kept) <= tolerance_m * 1.02


def test_simplified_over_the_date_line_is_as_elsewhere() -> None:
    """A track that crosses the date line keeps the same points as one that does not."""
    lat = np.cumsum(np.tile([30, -20, 60, 5], 200))
    lon = np.cumsum(np.tile([90, 90, 20, -40], 200))
    over = (lon + 179_990_000 + 180_000_000) % 360_000_000 - 180_000_000
    assert over.min() < -170_000_000 < 170_000_000 < over.max()
    nowhere = np.zeros(len(lat), np.bool_)
    there, _ = simplified(lat, over, nowhere)
    here, _ = simplified(lat, lon, nowhere)
    assert there.tolist() == here.tolist()


def test_simplified_of_a_wild_track_has_few_points_and_says_so() -> None:
    """Where a tolerance leaves too many points it is doubled until it does not, and told."""
    chance = np.random.default_rng(3)
    lat, lon = (np.cumsum(chance.integers(-900, 900, 36_000)) for _ in range(2))
    places, tolerance_m = simplified(lat, lon, np.zeros(36_000, np.bool_))
    assert len(places) <= MAX_POINTS
    assert tolerance_m > TOLERANCE_M
    holes = np.ones(3000, np.bool_)
    every, _ = simplified(lat[:3000], lon[:3000], holes)
    assert every.tolist() == list(range(3000))


@given(st.lists(st.integers(-(2**62), 2**62)))
def test_array_read_back_is_what_was_written(numbers: list[int]) -> None:
    """Numbers come back from an array's binary form."""
    written = binary_array(np.array(numbers, np.int64), Kind.BIGINT)
    assert numbers_of(written.data, Kind.BIGINT).tolist() == numbers


def test_array_is_understood_by_the_server(plain_database: FreshDatabase) -> None:
    """The server reads and writes each kind of array as we do, an empty one too."""
    casts = {
        Kind.SMALLINT: "smallint[]",
        Kind.INTEGER: "integer[]",
        Kind.BIGINT: "bigint[]",
        Kind.TIMESTAMPTZ: "timestamptz[]",
    }
    with psycopg.connect(plain_database.dsn) as connection:
        for kind, cast in casts.items():
            for numbers in ([], [-3, 0, 32_767]):
                cursor = connection.cursor(binary=True)
                array = binary_array(np.array(numbers, np.int64), kind)
                cursor.execute(f"SELECT %s::{cast}".encode(), (array,))
                assert cursor.pgresult is not None
                assert numbers_of(cursor.pgresult.get_value(0, 0), kind).tolist() == numbers


def plan_of(database: FreshDatabase, query: str) -> str:
    """Return the plan of a reading of tracks, with the server's settings as they are."""
    day = BEGIN.replace(hour=0)
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        rows = connection.execute(
            f"EXPLAIN {query}".encode(),
            {"device": 3, "begin": day, "end": day + timedelta(days=1)},
        ).fetchall()
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize("query", [tracks.LINE, tracks.TRACK])
def test_track_is_read_by_the_index(database: FreshDatabase, query: str) -> None:
    """No plan reads a table of fixes as a whole, nor, on TimescaleDB, a packed one."""
    fill(database.dsn, vehicles=30, days=3, fixes=1200)
    plan = plan_of(database, query)
    assert "Index" in plan
    assert "Seq Scan" not in plan
    if database.storage == "timescale":
        for (part,) in database.rows("SELECT part::text FROM fix_parts()"):
            database.run("CALL convert_to_columnstore(%s)", part)
        packed = plan_of(database, query)
        assert "ColumnarScan" in packed
        assert "Index" in packed
        assert "Seq Scan" not in packed


def test_drawn_track_is_the_same_over_several_connections(database: FreshDatabase) -> None:
    """Parts that are read at the same time are put together without a seam, holes and all."""
    early = drive(1, 3000, start_ms=START_MS - 7_200_000)
    fixes = [replace(kept, hole=kept.seq == 700) for kept in early]
    later = drive(3001, 6000)
    take(database, message(fixes, device="van-1"))
    take(database, message(later, device="van-1"))

    async def story(count: int) -> DrawnTrack:
        async with AsyncExitStack() as stack:
            opened = [await connect_async(database.dsn, autocommit=True) for _ in range(count)]
            connections = [await stack.enter_async_context(each) for each in opened]
            return await drawn_track(connections, "van-1", LONG_AGO, LATER)

    alone = asyncio.run(story(1))
    assert alone.fixes == 6000
    assert [asyncio.run(story(count)) for count in (2, 3, 7)] == [alone] * 3
