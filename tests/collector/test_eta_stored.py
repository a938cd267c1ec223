"""Delivery days out of the database: plans, stop events and fixes that ingest has stored."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta

from milepost_collector.eta.stored import stored_days, visits_by_plan
from milepost_collector.ingest.transaction import Intake
from milepost_collector.store import feed
from milepost_collector.store.connection import AsyncDatabase, connect_async
from milepost_schemas.event import Event, event_id
from milepost_schemas.fix import KeptFix, instant
from tests.collector.batches import NOW, START_MS, StoppedClock, drive, message
from tests.collector.programs import run, settings
from tests.collector.test_planned_ingest import DAY_MS, plan, put
from tests.fixtures.servers import FreshDatabase

TOURS = [drive(1, 200, start_ms=START_MS - days * DAY_MS) for days in (3, 2, 0)]


def fill(database: FreshDatabase, tours: Sequence[Sequence[KeptFix]]) -> None:
    """Plan tours, let them be driven, and number what was told."""

    async def number(connection: AsyncDatabase) -> None:
        assert await feed.become_the_numberer(connection)
        while await feed.number_fresh(connection):
            pass

    async def once() -> None:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            intake = Intake(connection, StoppedClock())
            for each, tour in enumerate(tours, 1):
                planned = plan(tour[60], tour[120], name=f"tour-{each}")
                await put(connection, planned, tour[0].fix.time_ms)
                stream = f"tour-{each}".encode().ljust(8, b".")
                await intake.take([message(tour, stream=stream, batch=1)])
            await number(connection)

    asyncio.run(once())


def test_stored_days_hold_what_was_planned_and_driven(plain_database: FreshDatabase) -> None:
    """Each plan that was driven in the time that is asked for is a day, with visits and track."""
    fill(plain_database, TOURS)
    begin_ms, end_ms = TOURS[0][0].fix.time_ms, TOURS[2][0].fix.time_ms
    days = stored_days(plain_database.dsn, instant(begin_ms), instant(end_ms))
    assert sorted(day.name for day in days) == ["tour-1", "tour-2"]
    first, second = sorted(days, key=lambda day: day.name)
    assert second.number == first.number + 1
    assert first.route.vehicle == "van-1"
    assert [call.id for call in first.route.calls] == ["s1", "s2"]
    assert [visit.id for visit in first.visits] == ["s1", "s2"]
    for visit in first.visits:
        assert visit.departed_ms is not None
        assert visit.arrived_ms < visit.departed_ms
    assert first.track[0].time_ms == TOURS[0][0].fix.time_ms
    assert [at.time_ms for at in first.track] == sorted(at.time_ms for at in first.track)


def test_command_measures_stored_days(plain_database: FreshDatabase) -> None:
    """`eta backtest --from --to` learns the first calendar days and forecasts the last."""
    fill(plain_database, TOURS)
    period = ("--from", (NOW - timedelta(days=6)).isoformat(), "--to", NOW.isoformat())
    asked = ("eta", "backtest", *period, "--learn", "2", "--every", "10", "--json")
    done = run(*asked, more=settings(plain_database.dsn))
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert (figures["learned_days"], figures["held_out_days"]) == (2, 1)
    assert figures["held_out_arrivals"] == 1  # it begins at the first stop: no depot is known


def test_time_without_days_is_refused(plain_database: FreshDatabase) -> None:
    """A time in which nothing was driven leaves nothing to forecast: one line, exit code 2."""
    period = ("--from", "2020-01-01", "--to", "2020-02-01")
    done = run("eta", "backtest", *period, more=settings(plain_database.dsn))
    assert done.returncode == 2
    assert "none is left to forecast" in done.stderr


def test_first_visit_to_a_stop_counts() -> None:
    """Coming back to a stop later that day changes neither its arrival nor its departure."""
    told = [
        Event(
            event_id("van-1", time_ms, kind, stop),
            kind,
            "van-1",
            "van-1",
            time_ms,
            {"plan": "p", "stop": stop},
        )
        for time_ms, kind, stop in (
            (5_000, "stop.arrived", "s1"),
            (1_000, "stop.arrived", "s2"),
            (2_000, "stop.departed", "s2"),
            (6_000, "stop.departed", "s1"),
            (8_000, "stop.arrived", "s2"),
            (9_000, "stop.departed", "s2"),
        )
    ]
    (visits,) = visits_by_plan(told).values()
    assert [(v.id, v.arrived_ms, v.departed_ms) for v in visits] == [
        ("s2", 1_000, 2_000),
        ("s1", 5_000, 6_000),
    ]
