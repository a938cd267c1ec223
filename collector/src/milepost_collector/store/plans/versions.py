"""What was in force when: versions of plans, never overwritten, each from a time of its own.

A version holds from its `effective_at` until that of the next one; a plan is of a day, and what
that means is the engine's matter. Where a place was erased its stop is left out.
"""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.plans.rows import place_from, plan_from
from milepost_schemas.fix import milliseconds
from milepost_schemas.plan import Plan, Stop, Window


async def add_version(database: AsyncDatabase, plan: str, effective_at: datetime) -> int:
    """Store how a plan is now as its newest version; return its number.

    Args:
        database: Inside the transaction that has changed the plan, after `lock_plans`.
        plan: Its id.
        effective_at: From when it is in force; never before an older version.
    """
    cursor = await database.execute(
        "UPDATE plan SET version = version + 1 WHERE id = %s RETURNING version", (plan,)
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - the caller has just written it
    await database.execute(
        "INSERT INTO plan_version (plan, version, effective_at, vehicle, day, time_zone, way, "
        "stops) SELECT id, version, greatest(%s, (SELECT max(effective_at) FROM plan_version "
        "WHERE plan = id)), vehicle, day, time_zone, way, coalesce((SELECT jsonb_agg("
        "jsonb_build_array(s.id, place, radius_m, from_ms, to_ms, service_s) ORDER BY position) "
        "FROM plan_stop AS s WHERE s.plan = plan.id AND state <> 'skipped'), '[]') "
        "FROM plan WHERE id = %s",
        (effective_at, plan),
    )
    await database.execute("UPDATE plan_counter SET version = version + 1")
    return int(row[0])


async def load_versions(
    database: AsyncDatabase,
    since: date | None = None,
    vehicles: Collection[str] | None = None,
) -> dict[str, list[tuple[int, Plan]]]:
    """Return the versions of plans, by plan: each with the time from which it is in force.

    Args:
        database: An open connection.
        since: Only of plans that ever were of this day or a later one; None: all.
        vehicles: Only of plans that ever were of these; None: all.

    Returns:
        By plan, in order: UTC milliseconds since 1970, and the plan with the stops that were in
        force, without their orders. Those whose place was erased are left out.
    """
    cursor = await database.execute(
        "SELECT v.plan, effective_at, vehicle, day, time_zone, content, stops "
        "FROM plan_version AS v JOIN personal ON no = way WHERE v.plan IN ("
        "SELECT plan FROM plan_version WHERE day >= %(since)s "
        "AND (%(vehicles)s::text[] IS NULL OR vehicle = ANY(%(vehicles)s))) "
        "ORDER BY v.plan, v.version",
        {
            "since": since or date.min,
            "vehicles": None if vehicles is None else sorted(vehicles),
        },
    )
    rows = await cursor.fetchall()
    numbers = {stop[1] for row in rows for stop in row[6]}
    places = await _contents(database, sorted(numbers))
    found: dict[str, list[tuple[int, Plan]]] = {}
    for plan, effective_at, vehicle, day, time_zone, way, stops in rows:
        known = tuple(_stop(stop, places[stop[1]]) for stop in stops if stop[1] in places)
        version = plan_from(plan, vehicle, day, time_zone, way, known)
        found.setdefault(plan, []).append((milliseconds(effective_at), version))
    return found


async def _contents(database: AsyncDatabase, numbers: list[int]) -> dict[int, str]:
    cursor = await database.execute(
        "SELECT no, content FROM personal WHERE no = ANY(%s) AND content IS NOT NULL", (numbers,)
    )
    return dict(await cursor.fetchall())


def _stop(stored: list[Any], place: str) -> Stop:
    name, _, radius_m, from_ms, to_ms, service_s = stored
    window = None if from_ms is None else Window(from_ms, to_ms)
    return Stop(name, place_from(place), float(radius_m), window, float(service_s))
