"""Delivery days out of the database: plans, stop events and fixes.

Of each plan that is of one of the days the version counts that was in force when the vehicle came
to its first stop; visits to stops that were put in later are no part of it. Planned times of stops
are not stored: the plan's baseline gets them from distances.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from milepost_collector.delivery.eta.day import Day, left_ms, positions
from milepost_collector.delivery.eta.route import Position, Visit, route_of
from milepost_collector.eta.folder import day_number, offset_s
from milepost_collector.events.difference import WITHDRAWN, standing
from milepost_collector.store import feed
from milepost_collector.store.connection import AsyncDatabase, connect_async
from milepost_collector.store.feed_pages import Choice, read_page
from milepost_collector.store.plans.versions import load_versions
from milepost_collector.store.tracks import whole_track
from milepost_schemas.event import Event
from milepost_schemas.fix import instant
from milepost_schemas.plan import Plan

_ARRIVED, _DEPARTED = "stop.arrived", "stop.departed"
_PAGE = 5_000
# A vehicle is loaded before it leaves.
_BEFORE = timedelta(hours=6)


def stored_days(dsn: str, begin: datetime, end: datetime) -> list[Day]:
    """Return the days of all plans of which a stop was made in some time.

    Args:
        dsn: The database.
        begin: From this GPS time on.
        end: Until before it.

    Raises:
        OperationalError, InterfaceError: The database is lost (`connection.LOST`).
    """
    return asyncio.run(_stored_days(dsn, begin, end))


async def _stored_days(dsn: str, begin: datetime, end: datetime) -> list[Day]:
    database = await connect_async(dsn, autocommit=True, session="milepost eta")
    try:
        made = visits_by_plan(await _events(database, begin, end))
        since = (begin - timedelta(days=1)).date()
        versions = await load_versions(database, since) if made else {}
        found = []
        for plan, visits in made.items():
            if plan in versions:
                in_force = _in_force(versions[plan], visits[0].arrived_ms)
                found.append(await _day(database, in_force, visits))
        return found
    finally:
        await database.close()


async def _events(database: AsyncDatabase, begin: datetime, end: datetime) -> list[Event]:
    """Return the stop events of some time, without those that were withdrawn."""
    choice = Choice(types=frozenset([_ARRIVED, _DEPARTED, WITHDRAWN]))
    cursor, is_last = await feed.beginning(database), False
    told: list[Event] = []
    while not is_last:
        page = await read_page(database, cursor, _PAGE, choice)
        cursor, is_last = page.next, page.is_last
        told += (each.event for each in page.events)
    return [event for event in standing(told) if begin <= instant(event.time_ms) < end]


def visits_by_plan(events: Iterable[Event]) -> dict[str, list[Visit]]:
    """Return the visits that stop events tell of, by plan, in the order of arrival.

    Of several visits to a stop the first counts for its arrival, and its own departure with it.
    """
    made: dict[tuple[str, str], Visit] = {}
    for event in sorted(events, key=lambda event: (event.time_ms, event.type)):
        key = event.data.get("plan"), event.data.get("stop")
        if not (isinstance(key[0], str) and isinstance(key[1], str)):
            continue
        place = key[0], key[1]
        known = made.get(place)
        if event.type == _ARRIVED and known is None:
            made[place] = Visit(key[1], event.time_ms)
        elif event.type == _DEPARTED and known is not None and known.departed_ms is None:
            made[place] = Visit(key[1], known.arrived_ms, event.time_ms)
    found: dict[str, list[Visit]] = {}
    for (plan, _), visit in made.items():
        found.setdefault(plan, []).append(visit)
    for visits in found.values():
        visits.sort(key=lambda visit: visit.arrived_ms)
    return found


def _in_force(versions: Sequence[tuple[int, Plan]], at_ms: int) -> Plan:
    """Return the version that was in force at a time; before all of them, the first."""
    in_force = versions[0][1]
    for from_ms, plan in versions:
        if from_ms <= at_ms:
            in_force = plan
    return in_force


async def _day(database: AsyncDatabase, plan: Plan, visits: Sequence[Visit]) -> Day:
    route = route_of(plan, offset_s(plan))
    begin_ms = visits[0].arrived_ms - round(_BEFORE.total_seconds() * 1000)
    ends_ms = visits[-1].departed_ms or visits[-1].arrived_ms
    track = await _track(database, plan.vehicle, begin_ms, ends_ms)
    left = left_ms(route, track, visits[0].arrived_ms)
    return Day(plan.id, day_number(plan), route, left, tuple(visits), track)


async def _track(
    database: AsyncDatabase, vehicle: str, begin_ms: int, end_ms: int
) -> tuple[Position, ...]:
    track = await whole_track(database, vehicle, instant(begin_ms), instant(end_ms + 1))
    return positions(zip(track.time_ms, track.lat_deg, track.lon_deg, strict=True))
