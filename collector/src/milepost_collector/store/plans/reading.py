"""What people and programs ask of plans: lists of them, and how the stops of one stand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime

from psycopg.rows import class_row

from milepost_collector.store.connection import AsyncDatabase


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan in a list.

    Attributes:
        id: Its id.
        vehicle: Who drives it.
        date: The day, where the vehicle is, YYYY-MM-DD.
        version: The newest version.
        effective_at: From when that is in force.
        stops: How many there are to make, and made.
        finished: How many of them are completed or returned.
        skipped: How many more were dropped.
        is_erased: Whether what was personal of it is gone.
    """

    id: str
    vehicle: str
    date: str
    version: int
    effective_at: datetime
    stops: int
    finished: int
    skipped: int
    is_erased: bool


_COUNTED = (
    "SELECT plan.id, plan.vehicle, plan.day::text AS date, plan.version, effective_at, "
    "counts.stops, finished, skipped, erased_at IS NOT NULL AS is_erased "
    "FROM ({chosen}) AS plan "
    "JOIN plan_version AS v ON v.plan = plan.id AND v.version = plan.version "
    "CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE state <> 'skipped') AS stops, "
    "count(*) FILTER (WHERE state IN ('completed', 'returned')) AS finished, "
    "count(*) FILTER (WHERE state = 'skipped') AS skipped "
    "FROM plan_stop AS s WHERE s.plan = plan.id) AS counts "
    "ORDER BY plan.day DESC, plan.id"
)
_LIST = _COUNTED.format(
    chosen="SELECT * FROM plan WHERE (%(vehicle)s::text IS NULL OR vehicle = %(vehicle)s) "
    "AND (%(day)s::date IS NULL OR day = %(day)s) ORDER BY day DESC, id LIMIT %(limit)s"
).encode()
_ONE = _COUNTED.format(chosen="SELECT * FROM plan WHERE id = %s").encode()


async def list_plans(
    database: AsyncDatabase, vehicle: str | None, day: date | None, limit: int
) -> list[PlanRow]:
    """Return plans, the newest days first.

    Args:
        database: An open connection.
        vehicle: Only of this one; None: of all.
        day: Only of this one; None: of all.
        limit: The most.
    """
    async with database.cursor(row_factory=class_row(PlanRow)) as cursor:
        await cursor.execute(_LIST, {"vehicle": vehicle, "day": day, "limit": limit})
        return await cursor.fetchall()


async def plan_row(database: AsyncDatabase, name: str) -> PlanRow | None:
    """Return one plan as it stands in a list; None: there is none."""
    async with database.cursor(row_factory=class_row(PlanRow)) as cursor:
        await cursor.execute(_ONE, (name,))
        return await cursor.fetchone()


@asynccontextmanager
async def snapshot(database: AsyncDatabase) -> AsyncIterator[None]:
    """Let all that is read in the block be of one moment."""
    async with database.transaction():
        await database.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


async def known_places(
    database: AsyncDatabase, plan: str, addresses: list[str]
) -> dict[str, tuple[float, float]]:
    """Return where addresses are that a plan had before: the newest answer of each.

    Returns:
        By address: latitude and longitude in degrees.
    """
    cursor = await database.execute(
        "SELECT DISTINCT ON (content::json ->> 'address') content::json ->> 'address', "
        "(content::json ->> 'lat_deg')::float8, (content::json ->> 'lon_deg')::float8 "
        "FROM personal WHERE plan = %s AND kind = 'place' AND content IS NOT NULL "
        "AND content::json ->> 'address' = ANY(%s) AND content::json ->> 'lat_deg' IS NOT NULL "
        "ORDER BY content::json ->> 'address', no DESC",
        (plan, addresses),
    )
    return {address: (lat, lon) for address, lat, lon in await cursor.fetchall()}
