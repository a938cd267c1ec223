"""An engine that fails costs no fix: it is parked, and run again later."""

import asyncio
from typing import Any

import pytest

from milepost_collector.engine import (
    Definitions,
    EngineState,
    Job,
    Version,
    fences_from_geojson,
    run_engine,
)
from milepost_collector.ingest import thinking
from milepost_collector.ingest.parked import resume_parked
from milepost_collector.store.connection import connect, connect_async
from milepost_collector.store.definitions import publish
from milepost_schemas.bulk import FixRows
from milepost_schemas.event import Event
from milepost_schemas.fix import instant
from tests.collector.batches import START_MS, StoppedClock, drive, message, only_ack, take
from tests.collector.fences import circle, collection
from tests.fixtures.servers import FreshDatabase

DRIVE = drive(1, 120)
YARD = collection(circle("yard", DRIVE[60].fix, radius_m=200))


def broken(*_: object, **__: object) -> Any:
    """An engine with a fault of ours."""
    raise ZeroDivisionError("a fault of ours")


def events_of(database: FreshDatabase) -> list[tuple[Any, ...]]:
    """Return the stored events in the order of writing."""
    return database.rows("SELECT id, type, subject, time, data FROM event ORDER BY entry")


def as_row(event: Event) -> tuple[Any, ...]:
    """An event as `events_of` returns it."""
    return (event.id, event.type, event.subject, instant(event.time_ms), event.data)


def expected() -> list[Event]:
    """The events of the whole drive."""
    definitions = Definitions(1, [(START_MS, Version.of(fences_from_geojson(YARD)))])
    job = Job(EngineState(), "van-1", "van-1", 0, len(DRIVE))
    return run_engine([job], FixRows.of([(0, DRIVE)]), definitions).events[0]


def resume(database: FreshDatabase) -> None:
    """Run parked engines again."""

    async def once() -> None:
        async with await connect_async(database.dsn, autocommit=True) as connection:
            await resume_parked(connection, StoppedClock())

    asyncio.run(once())


@pytest.fixture
def fenced(database: FreshDatabase) -> FreshDatabase:
    """A database with a fence in force since before the drive."""
    with connect(database.dsn) as connection:
        publish(connection, YARD, instant(START_MS))
    return database


def test_take_writes_events_with_their_cause(fenced: FreshDatabase) -> None:
    """A drive through a fence leaves one entry and one exit, and no trace of it is left twice."""
    take(fenced, message(DRIVE[:70]))
    take(fenced, message(DRIVE[50:]))
    take(fenced, message(DRIVE[50:], batch=2))
    told = ["trip.started", "fence.entered", "fence.exited"]
    assert [row[1] for row in events_of(fenced)] == told
    assert events_of(fenced) == [as_row(event) for event in expected()]


def test_take_with_a_failing_engine_stores_the_fixes_and_parks_it(
    fenced: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that raises refuses nothing: fixes are stored and acked, the cause is kept."""
    take(fenced, message(DRIVE[:30]))
    state = fenced.value("SELECT engine_state FROM device")
    monkeypatch.setattr(thinking, "run_engine", broken)
    ack = only_ack(take(fenced, message(DRIVE[30:60])))
    assert (ack.last_seq, ack.refused) == (60, None)
    assert fenced.value("SELECT count(*) FROM fix") == 60
    assert fenced.rows("SELECT engine_parked, engine_state FROM device") == [
        ("ZeroDivisionError: a fault of ours", state)
    ]
    resume(fenced)
    assert fenced.value("SELECT engine_parked FROM device") is not None


def test_resume_makes_the_events_that_were_not_made(
    fenced: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that runs again makes the same events over what was stored meanwhile."""
    take(fenced, message(DRIVE[:30]))
    with monkeypatch.context() as faulty:
        faulty.setattr(thinking, "run_engine", broken)
        take(fenced, message(DRIVE[30:60]))
    take(fenced, message(DRIVE[60:110]))
    assert events_of(fenced) == []
    resume(fenced)
    assert fenced.value("SELECT engine_parked FROM device") is None
    take(fenced, message(DRIVE[110:]))
    assert events_of(fenced) == [as_row(event) for event in expected()]


def test_take_with_a_state_of_another_version_parks_the_engine(fenced: FreshDatabase) -> None:
    """A state that another version of the engine left is kept as it is, and nothing is refused."""
    take(fenced, message(DRIVE[:30]))
    other = b"\x93\x63\xc0\x80"
    fenced.run("UPDATE device SET engine_state = %s", other)
    assert only_ack(take(fenced, message(DRIVE[30:60]))).last_seq == 60
    resume(fenced)
    parked, state = fenced.rows("SELECT engine_parked, engine_state FROM device")[0]
    assert parked == "EngineStateError: engine state 99, this engine knows 2"
    assert state == other


def test_take_meets_fences_that_were_published_meanwhile(fenced: FreshDatabase) -> None:
    """Fences that are published between two rounds are met from the time that they name."""
    take(fenced, message(DRIVE[:60]))
    place = DRIVE[80].fix
    with connect(fenced.dsn) as connection:
        publish(connection, collection(circle("gate", place, 50)), instant(DRIVE[65].fix.time_ms))
    take(fenced, message(DRIVE[60:]))
    fences = [(row[1], row[4]["fence"]) for row in events_of(fenced) if "fence" in row[4]]
    assert fences == [
        ("fence.entered", "yard"),
        ("fence.entered", "gate"),
        ("fence.exited", "gate"),
    ]
