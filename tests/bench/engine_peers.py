"""What the engine is measured beside: in which fences a fix is, asked without an engine.

A loop over prepared shapes, shapely's STRtree, and PostGIS with a GiST index, each over the same
fences as areas of longitude and latitude. What counts is processor time, of the server's session
as well. They answer that question and
no more: nothing is remembered between fixes, no way between two of them is looked at, no noise is
borne, no stops or trips are seen, no event comes out. All must give the same answer.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import psycopg
import shapely
from numpy.typing import NDArray

from milepost_collector.embedded import EmbeddedPostgres
from milepost_collector.engine import Fence
from milepost_schemas.fix import KeptFix

# "Near" as the engine means it: 60 m; in degrees of latitude.
_NEAR_DEG = 60 / 111_000

# How many fixes are asked for; one by one and in the loop fewer, since each takes longer.
_ASKED, _ASKED_SINGLY, _ASKED_IN_A_LOOP = 60_000, 5_000, 40
_ASKED_NEAR = 5_000

_TIMES = 3

_POSTGIS = "postgis.control"
_POSTGRES = Path("/usr/lib/postgresql/15/bin")
_EXTENSIONS = Path("/usr/share/postgresql/15/extension")

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a peer took for a fix, and how many pairs of a fix and a fence it is in there were."""

    took_us: float
    fixes: int
    pairs: int


def near_a_fix(
    fleet: Sequence[Sequence[KeptFix]], fences: Sequence[Fence], counts: Sequence[int]
) -> dict[int, float]:
    """Return how many of the first so many fences lie within some 60 m of a fix, in the mean."""
    points = shapely.points(_places(fleet, _ASKED_NEAR))
    tree = shapely.STRtree(_areas(fences))
    _, found = tree.query(points, predicate="dwithin", distance=_NEAR_DEG)
    return {count: float((found < count).sum() / _ASKED_NEAR) for count in counts}


def peer_rows(
    fleet: Sequence[Sequence[KeptFix]], fences: Sequence[Fence], cpu_us: float
) -> list[dict[str, Any]]:
    """Ask the peers.

    Args:
        fleet: Its fixes are asked for.
        fences: In which they may be.
        cpu_us: Processor time of the engine, a fix.
    """
    areas = _areas(fences)
    places = _places(fleet, _ASKED)
    asked = {
        "shapely: a loop over prepared shapes": _loop(areas, places[:_ASKED_IN_A_LOOP]),
        "shapely STRtree, one by one": _tree_singly(areas, places[:_ASKED_SINGLY]),
        "shapely STRtree, in bulk": _tree(areas, places),
    }
    if (_EXTENSIONS / _POSTGIS).exists():
        with _postgis(areas, places) as database:
            asked["PostGIS ST_Contains, one by one"] = _postgis_singly(
                database, places[:_ASKED_SINGLY]
            )
            asked["PostGIS ST_Contains, in bulk"] = _postgis_bulk(database)
    else:
        sys.stderr.write(f"no row beside PostGIS: there is no {_EXTENSIONS / _POSTGIS}\n")
    tree = shapely.STRtree(areas)
    for name, each in asked.items():
        true = len(tree.query(shapely.points(places[: each.fixes]), predicate="within")[0])
        assert each.pairs == true, f"{name}: {each.pairs} pairs, not {true}"
    return [
        {
            "what": f"engine: {len(fences):,} fences, all that it does: processor a fix",
            "ours": cpu_us,
            "peer": f"{name}, {each.fixes:,} fixes, no state, no events",
            "peers": each.took_us,
            "unit": "µs",
        }
        for name, each in asked.items()
    ]


def _areas(fences: Sequence[Fence]) -> list[Any]:
    """Return fences as areas of longitude and latitude."""
    found = []
    for fence in fences:
        shape, plane = fence.shape, fence.shape.plane
        area = shape.core.buffer(shape.round_m) if shape.round_m else shape.core
        per_deg = np.array([plane.x_m_per_deg, plane.y_m_per_deg])
        middle = np.array([plane.lon_deg, plane.lat_deg])
        points = shapely.get_coordinates(area) / per_deg + middle
        found.append(shapely.set_coordinates(shapely.from_wkb(shapely.to_wkb(area)), points))
    return found


def _places(fleet: Sequence[Sequence[KeptFix]], count: int) -> Points:
    """Return longitudes and latitudes of so many fixes, from all over the fleet."""
    fixes = [kept.fix for sent in fleet for kept in sent]
    chosen = (fixes[number * len(fixes) // count * 7919 % len(fixes)] for number in range(count))
    return np.array([(fix.lon_deg, fix.lat_deg) for fix in chosen])


def _asked(ask: Callable[[], int], fixes: int, session: int | None = None) -> _Asked:
    """Ask some times, and take the least; `session` is the process that works for us."""
    took_s, pairs = [], 0
    for _ in range(_TIMES):
        begin_s = _cpu_s(session)
        pairs = ask()
        took_s.append(_cpu_s(session) - begin_s)
    return _Asked(min(took_s) / fixes * 1e6, fixes, pairs)


def _cpu_s(session: int | None) -> float:
    mine_s = time.process_time()
    if session is None:
        return mine_s
    times = psutil.Process(session).cpu_times()
    return mine_s + times.user + times.system


def _loop(areas: Sequence[Any], places: Points) -> _Asked:
    for area in areas:
        shapely.prepare(area)

    def ask() -> int:
        points = (shapely.Point(*place) for place in places.tolist())
        return sum(area.contains(point) for point in points for area in areas)

    return _asked(ask, len(places))


def _tree_singly(areas: Sequence[Any], places: Points) -> _Asked:
    tree = shapely.STRtree(areas)

    def ask() -> int:
        points = (shapely.Point(*place) for place in places.tolist())
        return sum(len(tree.query(point, predicate="within")) for point in points)

    return _asked(ask, len(places))


def _tree(areas: Sequence[Any], places: Points) -> _Asked:
    tree = shapely.STRtree(areas)

    def ask() -> int:
        return len(tree.query(shapely.points(places), predicate="within")[0])

    return _asked(ask, len(places))


_SETTING_UP = """
CREATE EXTENSION postgis;
CREATE TABLE fence (no integer, area geometry);
CREATE TABLE fix (no integer, place geometry);
SET max_parallel_workers_per_gather = 0;
"""


@contextmanager
def _postgis(areas: Sequence[Any], places: Points) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Put fences and fixes into tables of a server of our own."""
    folder = Path(tempfile.mkdtemp(prefix="mp-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        with (
            EmbeddedPostgres(folder / "pg", bin_dir=_POSTGRES) as postgres,
            psycopg.connect(postgres.dsn, autocommit=True) as database,
        ):
            database.execute(_SETTING_UP)
            for table, shapes in (("fence", areas), ("fix", shapely.points(places))):
                _copy(database, table, np.asarray(shapely.to_wkb(shapes, hex=True)).tolist())
            database.execute("CREATE INDEX ON fence USING gist (area)")
            database.execute("ANALYZE")
            yield database
    finally:
        shutil.rmtree(folder)


def _copy(database: psycopg.Connection[tuple[Any, ...]], table: str, shapes: Sequence[str]) -> None:
    statement = psycopg.sql.SQL("COPY {} FROM STDIN").format(psycopg.sql.Identifier(table))
    with database.cursor() as cursor, cursor.copy(statement) as copy:
        for row in enumerate(shapes):
            copy.write_row(row)


def _postgis_bulk(database: psycopg.Connection[tuple[Any, ...]]) -> _Asked:
    query = (
        "SELECT count(fix.no + fence.no) FROM fix JOIN fence ON ST_Contains(fence.area, fix.place)"
    )

    def ask() -> int:
        ((pairs,),) = database.execute(query).fetchall()
        return int(pairs)

    return _asked(ask, _ASKED, database.info.backend_pid)


def _postgis_singly(database: psycopg.Connection[tuple[Any, ...]], places: Points) -> _Asked:
    query = "SELECT no FROM fence WHERE ST_Contains(area, ST_MakePoint(%s, %s))"

    def ask() -> int:
        return sum(
            len(database.execute(query, place, prepare=True).fetchall())
            for place in places.tolist()
        )

    return _asked(ask, len(places), database.info.backend_pid)
