"""Plans that are stored, and the drives that meet them: live, late, and again."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from milepost_collector.ingest.transaction import Intake
from milepost_collector.store.connection import AsyncDatabase, connect_async
from milepost_collector.store.plans.writing import put_plan
from milepost_schemas.fix import KeptFix, instant
from milepost_schemas.plan import Place, Plan, Stop
from tests.collector.batches import NOW, START_MS, StoppedClock, drive, message
from tests.collector.plans import BY
from tests.collector.programs import run, settings
from tests.fixtures.servers import FreshDatabase

DAY_MS = 86_400_000
DRIVE = drive(1, 200)


def plan(*at: KeptFix, name: str = "tour-1", vehicle: str = "van-1") -> Plan:
    """Plan a stop of 200 m radius at each of some fixes, on the day of the first."""
    day = datetime.fromtimestamp(at[0].fix.time_ms / 1000, UTC).date()
    places = [Place(each.fix.lat_deg, each.fix.lon_deg) for each in at]
    stops = tuple(Stop(f"s{n}", place, 200.0) for n, place in enumerate(places, 1))
    return Plan(name, vehicle, day, stops)


async def put(database: AsyncDatabase, planned: Plan, effective_ms: int) -> None:
    """Put a plan in force from some time on."""
    await put_plan(database, planned, BY, effective_at=instant(effective_ms))


def story(
    database: FreshDatabase, told: Callable[[AsyncDatabase, Intake], Awaitable[None]]
) -> list[tuple[Any, ...]]:
    """Let something happen to one intake; return type, seconds and stop of what it has told."""

    async def once() -> None:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            await told(connection, Intake(connection, StoppedClock()))

    asyncio.run(once())
    return database.rows(
        "SELECT type, data ->> 'plan', data ->> 'stop' FROM event WHERE type LIKE 'stop.%%' "
        "ORDER BY entry"
    )


ARRIVED, DEPARTED = "stop.arrived", "stop.departed"


def test_drive_past_a_stored_plan_arrives_and_departs(database: FreshDatabase) -> None:
    """Nobody taps anything: the movement alone tells, and only of the vehicle's own plan."""

    async def told(connection: AsyncDatabase, intake: Intake) -> None:
        await put(connection, plan(DRIVE[60]), START_MS)
        await put(connection, plan(DRIVE[90], name="tour-2", vehicle="van-2"), START_MS)
        await intake.take([message(DRIVE)])

    events = story(database, told)
    assert events == [(ARRIVED, "tour-1", "s1"), (DEPARTED, "tour-1", "s1")]


def test_plan_that_is_put_and_edited_meanwhile_is_met(plain_database: FreshDatabase) -> None:
    """An intake that runs sees a new plan, and a version that adds a stop, before they hold."""

    async def told(connection: AsyncDatabase, intake: Intake) -> None:
        await intake.take([message(DRIVE[:10])])
        await put(connection, plan(DRIVE[60]), DRIVE[20].fix.time_ms)
        await intake.take([message(DRIVE[10:100], batch=2)])
        await put(connection, plan(DRIVE[60], DRIVE[150]), DRIVE[105].fix.time_ms)
        await intake.take([message(DRIVE[100:], batch=3)])

    events = story(plain_database, told)
    assert events == [
        (ARRIVED, "tour-1", "s1"),
        (DEPARTED, "tour-1", "s1"),
        (ARRIVED, "tour-1", "s2"),
        (DEPARTED, "tour-1", "s2"),
    ]


def test_drive_that_comes_days_late_meets_the_plans_of_then(plain_database: FreshDatabase) -> None:
    """Plans of long ago are not at hand, and are fetched for who needs them."""
    old = drive(1, 200, start_ms=START_MS - 9 * DAY_MS)

    async def told(connection: AsyncDatabase, intake: Intake) -> None:
        await put(connection, plan(old[60], name="old"), old[0].fix.time_ms)
        await put(connection, plan(DRIVE[60], vehicle="van-2"), START_MS)
        await intake.take([message(DRIVE[:100], device="van-2")])
        await intake.take([message(old)])
        await intake.take([message(DRIVE[100:], device="van-2", batch=2)])

    events = story(plain_database, told)
    assert sorted(events) == sorted(
        [(ARRIVED, name, "s1") for name in ("old", "tour-1")]
        + [(DEPARTED, name, "s1") for name in ("old", "tour-1")]
    )


def test_first_drive_of_an_intake_may_be_days_late(plain_database: FreshDatabase) -> None:
    """Nothing is at hand yet when it comes, and then only the plans of the last days."""
    old = drive(1, 200, start_ms=START_MS - 9 * DAY_MS)

    async def told(connection: AsyncDatabase, intake: Intake) -> None:
        await put(connection, plan(old[60], name="old"), old[0].fix.time_ms)
        await intake.take([message(old)])

    assert story(plain_database, told) == [(ARRIVED, "old", "s1"), (DEPARTED, "old", "s1")]


def drives(*tours: Sequence[KeptFix]) -> Callable[[AsyncDatabase, Intake], Awaitable[None]]:
    """Plan and drive some tours."""

    async def told(connection: AsyncDatabase, intake: Intake) -> None:
        for number, tour in enumerate(tours, 1):
            name = f"tour-{number}"
            await put(connection, plan(tour[60], tour[120], name=name), tour[0].fix.time_ms)
            await intake.take([message(tour, stream=name.encode().ljust(8, b"."), batch=1)])

    return told


def test_replay_of_stored_fixes_tells_the_same_of_plans(plain_database: FreshDatabase) -> None:
    """`events replay` finds no difference, whichever day is asked for."""
    first = drive(1, 200, start_ms=START_MS - 3 * DAY_MS)
    assert len(story(plain_database, drives(first, DRIVE))) == 8
    for days in (3, 0):
        begin = NOW - timedelta(days=days, hours=2)
        period = ("--from", begin.isoformat(), "--to", (begin + timedelta(hours=4)).isoformat())
        done = run("events", "replay", "--json", *period, more=settings(plain_database.dsn))
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert json.loads(done.stderr)["same"] >= 4
