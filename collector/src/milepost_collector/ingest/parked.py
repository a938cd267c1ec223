"""Engines that were parked by a fault of ours: run again over what was stored meanwhile."""

import structlog

from milepost_collector.clock import Clock
from milepost_collector.engine import Definitions, EngineState, EngineStateError
from milepost_collector.ingest.thinking import doubted_rows, think
from milepost_collector.store import definitions as stored_definitions
from milepost_collector.store import locked as rows
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.planned_stops import PlannedStops
from milepost_collector.store.writes import Writes, write

_log = structlog.get_logger(__name__)


# So many fixes are run over in one transaction.
_AT_ONCE = 10_000


async def resume_parked(database: AsyncDatabase, clock: Clock) -> None:
    """Try every parked engine once; one that fails again stays parked.

    Raises:
        OperationalError, InterfaceError: The database is lost or too busy.
    """
    parked = await rows.parked_devices(database)
    if not parked:
        return
    plans = PlannedStops(parked)
    definitions = await stored_definitions.load(database, plans, clock.now_ms())
    for device in parked:
        has_more = True
        while has_more:
            has_more = await _resume(database, clock, device, definitions)


async def _resume(
    database: AsyncDatabase, clock: Clock, device: str, definitions: Definitions
) -> bool:
    """Run the engine over the next fixes of a device; say whether there may be more."""
    async with database.transaction():
        locked = (await rows.lock_devices(database, {device: 0})).get(device)
        if locked is None or locked.engine_parked is None:
            return False
        try:
            newest_ms = EngineState.decode(locked.engine_state).newest_ms
        except EngineStateError as error:
            _log.warning("A parked engine stays parked.", device=device, cause=str(error))
            return False
        fixes = await rows.fixes_after(database, locked.no, newest_ms, _AT_ONCE)
        thought = think([(locked, 0, len(fixes))], fixes.rows, definitions)
        state, cause = thought.engine[locked.no]
        has_more = cause is None and len(fixes) == _AT_ONCE
        engine = {locked.no: (state, locked.engine_parked if has_more else cause)}
        doubted = doubted_rows(thought, fixes)
        writes = Writes(engine=engine, events=thought.events, doubted=doubted)
        await write(database, writes, clock.now_ms())
    if cause is None:
        _log.info(
            "A parked engine runs again.",
            device=device,
            events=len(thought.events),
            has_more=has_more,
        )
    return has_more
