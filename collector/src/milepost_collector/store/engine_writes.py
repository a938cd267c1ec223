"""What the engine makes, as it is stored: states, events, and fixes that it does not believe."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from milepost_collector.store.arrays import Kind, binary_array
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.fix_copy import OwnedRows
from milepost_schemas.bulk.rows import Integers
from milepost_schemas.event import Event
from milepost_schemas.fix import instant

EVENTS_CHANNEL = "milepost_events"

# State and parking cause of devices, by their row numbers.
EngineWrites = dict[int, tuple[bytes | None, str | None]]


@dataclass(frozen=True, slots=True)
class DoubtedRows:
    """Fixes that the engine does not believe.

    Attributes:
        fixes: Whose they are, their numbers and times.
        doubt: Why, as `milepost_collector.engine.Doubt`: of each.
    """

    fixes: OwnedRows
    doubt: Integers


_THINK = """
UPDATE device
SET engine_state = new.state, engine_parked = new.parked
FROM unnest(%b::integer[], %b::bytea[], %b::text[]) AS new (no, state, parked)
WHERE device.no = new.no
"""


async def write_engines(connection: AsyncDatabase, engine: EngineWrites) -> None:
    """Write the states of engines, and why they are parked."""
    if engine:
        states, parked = zip(*engine.values(), strict=True)
        await connection.execute(_THINK, (list(engine), list(states), list(parked)))


async def write_doubted(connection: AsyncDatabase, doubted: DoubtedRows | None) -> None:
    """Write which fixes are not believed, and why."""
    if doubted is None:
        return
    rows = doubted.fixes
    await connection.execute(
        "INSERT INTO doubted_fix (device, stream, seq, time, doubt) "
        "SELECT * FROM unnest(%s::integer[], %s::integer[], %s::bigint[], %s::timestamptz[], "
        "%s::integer[]) ON CONFLICT DO NOTHING",
        (
            binary_array(rows.device, Kind.INTEGER),
            binary_array(rows.stream, Kind.INTEGER),
            binary_array(rows.rows.seq, Kind.BIGINT),
            binary_array(rows.rows.time_ms, Kind.TIMESTAMPTZ),
            binary_array(doubted.doubt, Kind.INTEGER),
        ),
    )


async def write_events(
    connection: AsyncDatabase, events: Sequence[Event], recorded_at: datetime
) -> None:
    """Write events in their order; one that is there already is not written again."""
    if not events:
        return
    columns = (
        [instant(event.time_ms) for event in events],
        [event.id for event in events],
        [event.type for event in events],
        [event.device for event in events],
        [event.subject for event in events],
        [Jsonb(dict(event.data)) for event in events],
    )
    await connection.execute(
        "INSERT INTO event (time, id, type, device, subject, data, recorded_at) "
        "SELECT *, %b FROM unnest(%b::timestamptz[], %b::uuid[], %b::text[], %b::text[], "
        "%b::text[], %b::jsonb[]) ON CONFLICT DO NOTHING",
        (recorded_at, *columns),
    )
    await connection.execute("SELECT pg_notify(%s, '')", (EVENTS_CHANNEL,))
