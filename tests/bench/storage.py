"""The storage: bytes a fix, and how long the map's questions take among 20 million fixes.

Each figure stands beside its limit. A database of our own is filled as the ingest fills it: rows
of many vehicles by turns, a tick's fixes together, 20,000 a transaction.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from milepost_collector.embedded import EmbeddedPostgres
from milepost_collector.store.connection import connect_async
from milepost_collector.store.migrate import migrate
from milepost_collector.store.tracks import drawn_track, whole_track
from milepost_collector.store.vehicles import last_positions
from tests.agent.recorded_tracks import recorded_tracks
from tests.fixtures.servers import ENVIRONMENT_KEY, created_database

DAY_FIXES = 36_000
DAYS = 5
VEHICLES = 112
POSITIONS = 10_000
ASKED = 25

MOST_PLAIN_BYTES = 130
MOST_PACKED_BYTES = 8
MOST_TRACK_MS = 60
MOST_DRAWN_MS = 20
MOST_POSITIONS_MS = 20

# A quarter of the memory of a small server, as PostgreSQL's documentation wants it; the embedded
# one's 64 MB are for a machine that has other things to do.
SETTINGS = {"shared_buffers": "1GB"}

_TODAY = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)  # noqa: TID251 - a test's
# The Monday of the week before the last one, so that the days are of one week and none is old.
BEGIN = (_TODAY - timedelta(days=14 + _TODAY.weekday())).replace(hour=6)

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

# So many fixes of a vehicle lie together, as in the benchmark of the ingest.
BATCH = 60
_DAY_MS = 86_400_000
_ROWS_A_TRANSACTION = 20_000

_COLUMNS: tuple[tuple[str, str], ...] = (
    ("time", ">i8"),
    ("seq", ">i8"),
    ("device", ">i4"),
    ("stream", ">i4"),
    ("lat_e6", ">i4"),
    ("lon_e6", ">i4"),
    ("altitude_dm", ">i4"),
    ("stands_for", ">i4"),
    ("speed_dmps", ">i2"),
    ("course_deg", ">i2"),
    ("hdop_tenths", ">i2"),
    ("satellites", ">i2"),
    ("kind", ">i2"),
    ("date_repaired", ">i1"),
    ("hole", ">i1"),
)
# COPY's binary form: the number of fields, then each behind its length.
_ROW = np.dtype(
    [("fields", ">i2")]
    + [pair for name, kind in _COLUMNS for pair in ((f"{name}_bytes", ">i4"), (name, kind))]
)
_BEGIN_COPY = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END_COPY = b"\xff\xff"


# As the ingest keeps them.
_HOURS = """
INSERT INTO fix_hour (device, hour, first_time, last_time, measured, fixes, holes, late)
SELECT device, date_trunc('hour', time, 'UTC'), min(time), max(time), sum(stands_for), count(*),
       count(*) FILTER (WHERE hole), 0
FROM fix GROUP BY device, date_trunc('hour', time, 'UTC')
"""


def storage_rows(
    folder: Path, *, vehicles: int = VEHICLES, days: int = DAYS, fixes: int = DAY_FIXES
) -> list[dict[str, Any]]:
    """Measure on plain PostgreSQL, and on TimescaleDB where MILEPOST_TEST_DSN names one."""
    with EmbeddedPostgres(folder / "storage", settings=SETTINGS) as postgres:
        migrate(postgres.dsn, plain=True)
        count = fill(postgres.dsn, vehicles=vehicles, days=days, fixes=fixes)
        size = _value(postgres.dsn, "SELECT sum(pg_total_relation_size(part)) FROM fix_parts()")
        rows = [_row("plain, bytes a fix with index", size / count, MOST_PLAIN_BYTES, "B")]
        rows += asyncio.run(_reads(postgres.dsn, "plain", days, fixes))
    server = os.environ.get(ENVIRONMENT_KEY)
    if server is None:
        return rows
    with created_database(server) as dsn:
        migrate(dsn)
        if recorded := fill_recorded(dsn, copies=5):
            size = _packed_size(dsn)
            rows.append(
                _row("packed, bytes a recorded fix", size / recorded, MOST_PACKED_BYTES, "B")
            )
    with created_database(server) as dsn:
        migrate(dsn)
        fill(dsn, vehicles=vehicles, days=days, fixes=fixes)
        rows += asyncio.run(_reads(dsn, "TimescaleDB", days, fixes))
        _packed_size(dsn)
        return rows + asyncio.run(_reads(dsn, "TimescaleDB packed", days, fixes))


def _row(what: str, ours: float, limit: float, unit: str) -> dict[str, Any]:
    return {"what": f"storage: {what}", "ours": ours, "peer": "limit", "peers": limit, "unit": unit}


def _value(dsn: str, query: str) -> float:
    with psycopg.connect(dsn, autocommit=True) as database:
        row = database.execute(query.encode()).fetchone()
        assert row is not None
        return float(row[0])


def _packed_size(dsn: str) -> float:
    with psycopg.connect(dsn, autocommit=True) as database:
        for part in database.execute("SELECT part::text FROM fix_parts()").fetchall():
            database.execute("CALL convert_to_columnstore(%s)", part)
    return _value(
        dsn, "SELECT sum(after_compression_total_bytes) FROM chunk_columnstore_stats('fix')"
    )


async def _reads(dsn: str, storage: str, days: int, fixes: int) -> list[dict[str, Any]]:
    """Measure the map's questions: each of another vehicle and day, none asked before."""
    await asyncio.to_thread(_place_vehicles, dsn)

    def asked(number: int) -> tuple[str, datetime, datetime]:
        begin = BEGIN.replace(hour=0) + timedelta(days=number % days)
        return f"van-{1 + number}", begin, begin + timedelta(days=1)

    async with (
        await connect_async(dsn, autocommit=True) as database,
        await connect_async(dsn, autocommit=True) as beside,
    ):

        async def whole(number: int) -> None:
            track = await whole_track(database, *asked(number))
            assert len(track.time_ms) == fixes, "the day is not whole"

        async def drawn(number: int) -> None:
            assert (await drawn_track([database, beside], *asked(number + ASKED))).fixes == fixes

        async def positions(_: int) -> None:
            assert len(await last_positions(database)) == POSITIONS

        asked_for = {
            f"track of {fixes:,} fixes": (whole, MOST_TRACK_MS),
            "the same for the map": (drawn, MOST_DRAWN_MS),
            f"last positions of {POSITIONS:,}": (positions, MOST_POSITIONS_MS),
        }
        taken_ms = await _by_turns([read for read, _ in asked_for.values()])
        return [
            _row(f"{storage}, {what}", median(taken), limit, "ms")
            for (what, (_, limit)), taken in zip(asked_for.items(), taken_ms, strict=True)
        ]


async def _by_turns(reads: list[Callable[[int], Awaitable[None]]]) -> list[list[float]]:
    """Time each of the readings so often, by turns: the machine is not the same at all times."""
    taken_ms: list[list[float]] = [[] for _ in reads]
    for number in range(ASKED):
        for read, taken in zip(reads, taken_ms, strict=True):
            begin_s = time.perf_counter()
            await read(number)
            taken.append((time.perf_counter() - begin_s) * 1000)
    return taken_ms


def _place_vehicles(dsn: str) -> None:
    """Have as many vehicles with a position as are asked for; the rest of a row as it is."""
    with psycopg.connect(dsn, autocommit=True) as database:
        database.execute(
            "INSERT INTO device (device, shard) SELECT 'more-' || n, n %% 64 "
            "FROM generate_series((SELECT count(*) FROM device) + 1, %s) AS n",
            (POSITIONS,),
        )
        database.execute(
            "UPDATE device SET position_time = %s, lat_e6 = 48000000 + no, lon_e6 = 11000000 - no, "
            "altitude_dm = 5000, speed_dmps = 100, course_deg = no %% 360, kind = 2, "
            "date_repaired = false, engine_state = convert_to(repeat('x', 300), 'UTF8'), "
            """status = '{"online": true, "version": "0.1.0", "receiver": "ok"}'""",
            (BEGIN,),
        )
        database.execute("VACUUM ANALYZE device")
        # What the filling left to be written is not the readers' work.
        database.execute("CHECKPOINT")


def drawn_days(vehicles: int, fixes: int) -> NDArray[np.int32]:
    """Draw a day's drive of each vehicle, a fix a second: latitudes and longitudes in 1e-6 degree.

    Straights of one to three minutes at 10 m/s between right angles, a stop of two minutes after
    every third, and a receiver's noise: 0.5 m, and a drift of some metres.
    """
    chance = np.random.default_rng(4)
    tracks = np.empty((vehicles, 2, fixes), np.int32)
    for vehicle in range(vehicles):
        lengths = chance.integers(60, 180, fixes // 60 + 1)
        leg = np.repeat(np.arange(len(lengths)), lengths)[:fixes]
        heading = np.cumsum(chance.choice((-1, 1), len(lengths)))[leg] * (np.pi / 2) + 0.3
        speed = np.where(leg % 4 == 3, 0.0, 10.0)
        for axis, part in enumerate((np.cos(heading), np.sin(heading))):
            drift = np.cumsum(chance.normal(0, 0.05, fixes))
            metres = np.cumsum(part * speed) + chance.normal(0, 0.5, fixes) + drift
            tracks[vehicle, axis] = (45 + axis + vehicle / 100) * 1e6 + metres * 9
    return tracks


def rows_of(tracks: NDArray[np.int32], day: int, first: int, last: int) -> NDArray[np.void]:
    """Make the rows of the fixes `first` to `last` of a day: vehicles by turns, a batch each."""
    vehicles = len(tracks)
    turns, ticks = np.meshgrid(np.arange(vehicles), np.arange(first, last, BATCH))
    vehicle = np.repeat(turns.ravel(), BATCH)
    fix = (ticks.reshape(-1, 1) + np.arange(BATCH)).ravel()
    rows = np.zeros(len(fix), _ROW)
    rows["fields"] = len(_COLUMNS)
    for name, _ in _COLUMNS:
        rows[f"{name}_bytes"] = _ROW[name].itemsize
    begin = BEGIN + timedelta(days=day) - _EPOCH
    rows["time"] = (int(begin.total_seconds()) + fix.astype(np.int64)) * 1_000_000
    rows["seq"] = day * tracks.shape[2] + fix + 1
    rows["device"] = rows["stream"] = vehicle + 1
    rows["lat_e6"], rows["lon_e6"] = tracks[vehicle, 0, fix], tracks[vehicle, 1, fix]
    rows["altitude_dm"] = 5000 + fix // 7 % 300
    rows["stands_for"] = 1
    rows["speed_dmps"] = 90 + fix % 20
    rows["course_deg"] = fix // 100 * 90 % 360
    rows["hdop_tenths"], rows["satellites"], rows["kind"] = 9, 11, 2
    return rows


def fill(dsn: str, *, vehicles: int = VEHICLES, days: int = DAYS, fixes: int = DAY_FIXES) -> int:
    """Fill an empty, migrated database with days of fixes; return how many."""
    tracks = drawn_days(vehicles, fixes)
    step = max(_ROWS_A_TRANSACTION // vehicles // BATCH, 1) * BATCH
    with psycopg.connect(dsn, autocommit=True) as database:
        database.execute(
            "INSERT INTO device (device, shard) "
            "SELECT 'van-' || n, n %% 64 FROM generate_series(1, %s) AS n",
            (vehicles,),
        )
        database.execute("INSERT INTO stream (device, stream) SELECT no, 'a stream' FROM device")
        for day in range(days):
            database.execute("SELECT make_fix_partition(%s)", (BEGIN + timedelta(days=day),))
            for first in range(0, fixes, step):
                _copy(database, rows_of(tracks, day, first, min(first + step, fixes)))
        database.execute("UPDATE stream SET last_seq = %s, fixes = %s", (days * fixes,) * 2)
        database.execute(_HOURS)
        database.execute("VACUUM ANALYZE fix")
    return vehicles * days * fixes


def _copy(database: psycopg.Connection[Any], rows: NDArray[np.void]) -> None:
    names = ", ".join(name for name, _ in _COLUMNS)
    with database.cursor() as cursor:
        statement = f"COPY fix ({names}) FROM STDIN (FORMAT binary)"
        with cursor.copy(statement.encode()) as copy:
            copy.write(_BEGIN_COPY + rows.tobytes() + _END_COPY)


def fill_recorded(dsn: str, *, copies: int) -> int:
    """Fill with the recorded drives, each on some days as a vehicle of its own; return how many."""
    drives = recorded_tracks()
    week = datetime(2026, 11, 2, tzinfo=UTC)
    with psycopg.connect(dsn, autocommit=True) as database:
        database.execute("SELECT make_fix_partition(%s)", (week,))
        names = ", ".join(name for name, _ in _COLUMNS)
        with (
            database.cursor() as cursor,
            cursor.copy(f"COPY fix ({names}, error_dm) FROM STDIN".encode()) as copy,
        ):
            for day, (device, track) in product(range(copies), enumerate(drives, 1)):
                begin = week + timedelta(days=day, hours=1)
                first_ms = track.fixes[0].time_ms
                for number, (fix, hole) in enumerate(zip(track.fixes, track.holes, strict=True), 1):
                    # A recording that goes over days is laid into one.
                    moment = begin + timedelta(milliseconds=(fix.time_ms - first_ms) % _DAY_MS)
                    lat, lon, *rest, kind, error, repaired = fix.measured()
                    place = (moment, number, device, device + 1000 * day, lat, lon, rest[0], 1)
                    copy.write_row((*place, *rest[1:], kind, repaired, hole, error))
    return copies * sum(len(track.fixes) for track in drives)
