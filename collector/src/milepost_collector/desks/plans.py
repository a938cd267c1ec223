"""Versions of plans, told to their desks: before anything that happens at their stops."""

from functools import partial

from milepost_collector.delivery.desk.inputs import PlanInput, planned_day
from milepost_collector.store import desks
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.desks import PLAN, enter
from milepost_collector.store.plans.record import newest_source
from milepost_collector.store.plans.rows import stored_plan


async def tell_plan(database: AsyncDatabase, plan: str, now_ms: int) -> None:
    """Tell a plan's desk of its newest version, unless it knows it.

    Args:
        database: In autocommit mode, or inside a transaction.
        plan: Its id.
        now_ms: Our time, milliseconds since 1970.

    Raises:
        UnknownPlanError: There is none.
        OperationalError: The database is lost, or busy (`connection.LOST`).
    """
    name = f"{PLAN}{plan}"
    async with database.transaction():
        # Whoever tells it locks the desk first, so that it is told once.
        known, version = await desks.known_stops(database, name)
        stored = await stored_plan(database, plan)
        if stored.version == version:
            return
        # Those that were skipped are stored still; those that are not went elsewhere.
        away = tuple(stop for stop in known if stop not in stored.stops)
        made = partial(
            PlanInput,
            planned=planned_day(stored.plan),
            source=await newest_source(database, plan),
            moved_away=away,
        )
        await enter(database, name, made, now_ms)
        await desks.told_plan(database, plan, stored.version)
