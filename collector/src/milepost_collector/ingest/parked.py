"""Engines that were parked by a fault of ours: run again over what was stored meanwhile."""

import structlog

from milepost_collector.clock import Clock
from milepost_collector.engine import EngineState, EngineStateError
from milepost_collector.ingest.settle import run_or_park
from milepost_collector.store import definitions as stored_definitions
from milepost_collector.store import locked as rows
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.writes import Writes, write

_log = structlog.get_logger(__name__)


async def resume_parked(database: AsyncDatabase, clock: Clock) -> None:
    """Try every parked engine once; one that fails again stays parked.

    Raises:
        OperationalError, InterfaceError: The database is lost or too busy.
    """
    for device in await rows.parked_devices(database):
        async with database.transaction():
            locked = (await rows.lock_devices(database, {device: 0})).get(device)
            if locked is None or locked.engine_parked is None:
                continue
            try:
                last = EngineState.decode(locked.engine_state).last
            except EngineStateError as error:
                _log.warning("A parked engine stays parked.", device=device, cause=str(error))
                continue
            fixes = await rows.fixes_after(database, locked.no, last.time_ms if last else None)
            definitions = await stored_definitions.load(database)
            state, events, parked = run_or_park(locked, fixes, definitions)
            writes = Writes(engine={locked.no: (state, parked)}, events=events)
            await write(database, writes, clock.now_ms())
        if parked is None:
            _log.info("A parked engine runs again.", device=device, events=len(events))
