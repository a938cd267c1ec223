"""Desks in the database: one transaction takes one input and writes all that follows from it.

The desk's row is locked, the input gets the next number, the desk decides, and the input, its
events, the stops that stand differently and the new state are written together. A tap that is
refused, or that had counted before, leaves nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from milepost_collector.delivery.desk import DeskState, Told, desk, input_json
from milepost_collector.delivery.desk.inputs import Input, StopEta, TapInput
from milepost_collector.delivery.source import Source
from milepost_collector.delivery.states import StopState
from milepost_collector.engine.planned import holds_ms
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.plans.locking import By
from milepost_collector.store.plans.stopping import stand_stop
from milepost_collector.store.writes import Writes, write
from milepost_schemas.fix import instant

PLAN, VEHICLE = "plan/", "vehicle/"

# Nobody goes there any more, unless it is tried again.
_DONE = (StopState.COMPLETED, StopState.INCIDENT, StopState.RETURNED, StopState.SKIPPED)

# Of plans of so long ago desks are told when they are put or edited.
_TOLD_OF = timedelta(days=7)

# Makes the input that has this number, at this time (UTC milliseconds since 1970).
Made = Callable[[int, int], Input]


async def enter(database: AsyncDatabase, name: str, made: Made, now_ms: int) -> Told:
    """Put an input into the log of a desk, and do what follows from it.

    Args:
        database: In autocommit mode, or inside a transaction.
        name: The desk, `plan/ID` or `vehicle/ID`; one that is not there yet is made.
        made: The input.
        now_ms: Our time, milliseconds since 1970.

    Raises:
        OperationalError: The database is lost, or busy (`connection.LOST`).
        DeskStateError: What is stored of the desk cannot be read.
    """
    async with database.transaction():
        state = await _locked(database, name)
        entry = made(state.number + 1, max(now_ms, state.at_ms))
        told = desk(state, entry)
        if told.refusal is None and not told.repeated:
            await _write(database, state, entry, told)
    return told


async def _locked(database: AsyncDatabase, name: str) -> DeskState:
    await database.execute(
        "INSERT INTO desk (name, number, at_ms, state) VALUES (%s, 0, 0, %s) "
        "ON CONFLICT DO NOTHING",
        (name, _new(name).encode()),
    )
    cursor = await database.execute("SELECT state FROM desk WHERE name = %s FOR UPDATE", (name,))
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - it has just been made, and none is ever deleted
    return DeskState.decode(row[0])


def _new(name: str) -> DeskState:
    if name.startswith(PLAN):
        return DeskState.of_plan(name.removeprefix(PLAN))
    return DeskState.of_vehicle(name.removeprefix(VEHICLE))


async def _write(database: AsyncDatabase, state: DeskState, entry: Input, told: Told) -> None:
    await database.execute(
        "INSERT INTO desk_input (desk, number, at_ms, body) VALUES (%s, %s, %s, %s)",
        (state.desk, entry.number, entry.at_ms, Jsonb(input_json(entry))),
    )
    if told.events:
        await write(database, Writes(events=list(told.events)), entry.at_ms)
    source = entry.source if isinstance(entry, TapInput) else Source.FENCE
    by = By(source, f"desk input {entry.number}", instant(entry.at_ms))
    for change in told.changes if state.plan is not None else ():
        at = instant(change.since_ms)
        await stand_stop(database, state.plan or "", change.stop, change.standing, by, at)
    await database.execute(
        "UPDATE desk SET number = %s, at_ms = %s, state = %s, due_ms = %s WHERE name = %s",
        (state.number, state.at_ms, state.encode(), state.due_ms, state.desk),
    )


async def read_desk(database: AsyncDatabase, name: str) -> DeskState | None:
    """Return a desk as it is; None: there is none yet."""
    cursor = await database.execute("SELECT state FROM desk WHERE name = %s", (name,))
    row = await cursor.fetchone()
    return None if row is None else DeskState.decode(row[0])


async def due_desks(database: AsyncDatabase, now_ms: int) -> list[str]:
    """Return the desks for which it is time, by our clock in milliseconds since 1970."""
    cursor = await database.execute(
        "SELECT name FROM desk WHERE due_ms <= %s ORDER BY due_ms, name", (now_ms,)
    )
    return [name async for (name,) in cursor]


async def untold_plans(database: AsyncDatabase, now_ms: int) -> list[str]:
    """Return the plans whose desk has not been told of their newest version.

    Those of days that were over long ago are left out: nothing happens to them any more.
    """
    cursor = await database.execute(
        "SELECT plan.id FROM plan LEFT JOIN desk ON desk.name = 'plan/' || plan.id "
        "WHERE plan.day >= %s AND plan.version > coalesce(desk.plan_version, 0) ORDER BY plan.id",
        (instant(now_ms).date() - _TOLD_OF,),
    )
    return [name async for (name,) in cursor]


async def known_stops(database: AsyncDatabase, name: str) -> tuple[list[str], int | None]:
    """Lock a desk; return the stops that it knows in their order, and of which version.

    Args:
        database: Inside a transaction.
        name: The desk of a plan; one that is not there yet is made.
    """
    state = await _locked(database, name)
    cursor = await database.execute("SELECT plan_version FROM desk WHERE name = %s", (name,))
    row = await cursor.fetchone()
    return state.order, None if row is None else row[0]


async def told_plan(database: AsyncDatabase, plan: str, version: int) -> None:
    """Remember that a plan's desk was told of a version of it."""
    await database.execute(
        "UPDATE desk SET plan_version = %s WHERE name = %s", (version, f"{PLAN}{plan}")
    )


@dataclass(frozen=True, slots=True)
class HeldPlan:
    """A plan that holds now, and where its vehicle is.

    Attributes:
        id: The plan.
        version: Its newest version.
        vehicle: Whose it is.
        day: Its day, in `time_zone`.
        position_time: Of the vehicle's newest position; None: there is none.
        lat_e6: Millionths of a degree; likewise `lon_e6`.
    """

    id: str
    version: int
    vehicle: str
    day: date
    time_zone: str
    position_time: datetime | None
    lat_e6: int | None
    lon_e6: int | None


async def held_plans(
    database: AsyncDatabase, time_ms: int, vehicle: str | None = None
) -> list[HeldPlan]:
    """Return the plans that hold at a time, of one vehicle or of all.

    Args:
        database: An open connection.
        time_ms: UTC milliseconds since 1970.
        vehicle: None: all.
    """
    day = instant(time_ms).astimezone(UTC).date()
    near = timedelta(days=2)
    async with database.cursor(row_factory=class_row(HeldPlan)) as cursor:
        await cursor.execute(
            "SELECT id, version, vehicle, day, time_zone, position_time, lat_e6, lon_e6 "
            "FROM plan LEFT JOIN device ON device = vehicle WHERE day BETWEEN %s AND %s "
            "AND (%s::text IS NULL OR vehicle = %s) ORDER BY id",
            (day - near, day + near, vehicle, vehicle),
        )
        found = await cursor.fetchall()
    return [each for each in found if _holds(each, time_ms)]


def _holds(plan: HeldPlan, time_ms: int) -> bool:
    begin_ms, end_ms = holds_ms(plan.day, plan.time_zone)
    return begin_ms <= time_ms < end_ms


async def write_etas(
    database: AsyncDatabase, plan: str, made_ms: int, etas: Sequence[StopEta]
) -> None:
    """Put the newest forecast of a plan in the place of the one before."""
    await database.execute("DELETE FROM stop_eta WHERE plan = %s", (plan,))
    async with database.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO stop_eta (plan, stop, eta, low, high, made_at) "
            "VALUES (%s, %s, %s, %s, %s, %s)",
            [
                (
                    plan,
                    each.stop,
                    *(instant(ms) for ms in (each.eta_ms, each.low_ms, each.high_ms, made_ms)),
                )
                for each in etas
            ],
        )


@dataclass(frozen=True, slots=True)
class Heard:
    """When something came of a unit last.

    Attributes:
        device: The unit.
        heard_ms: When, by our clock.
        reason: Why it would be silent, as far as its last status says; None: it does not.
    """

    device: str
    heard_ms: int
    reason: str | None


async def heard_since(database: AsyncDatabase, since_ms: int) -> list[Heard]:
    """Return the units of which something has come since a time, by our clock."""
    async with database.cursor(row_factory=class_row(Heard)) as cursor:
        await cursor.execute(
            "SELECT device, (extract(epoch FROM heard_at) * 1000)::bigint AS heard_ms, "
            "status ->> 'reason' AS reason FROM device WHERE heard_at >= %s ORDER BY device",
            (instant(since_ms),),
        )
        return await cursor.fetchall()


async def silent_vehicles(database: AsyncDatabase) -> set[str]:
    """Return the vehicles that are silent as their desks were told."""
    cursor = await database.execute(
        "SELECT state FROM desk WHERE starts_with(name, %s)", (VEHICLE,)
    )
    states = [DeskState.decode(data) async for (data,) in cursor]
    return {state.vehicle for state in states if state.silence is not None}


async def done_stops(database: AsyncDatabase, plan: str) -> frozenset[str]:
    """Return the stops of a plan to which nobody will go any more."""
    cursor = await database.execute(
        "SELECT id FROM plan_stop WHERE plan = %s AND state = ANY(%s)",
        (plan, [state.value for state in _DONE]),
    )
    return frozenset([name async for (name,) in cursor])
