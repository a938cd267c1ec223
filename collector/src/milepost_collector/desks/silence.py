"""Who is not heard: units of which nothing has come for long, and that come back."""

from functools import partial

from milepost_collector.clock import Clock
from milepost_collector.delivery.desk.inputs import HeardInput, SilentInput
from milepost_collector.store import desks
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.desks import PLAN, VEHICLE, enter

# A parked unit says something once a minute, and after an outage waits up to some minutes.
SILENT_MS = 180_000

# Who was not heard for longer when it is looked for first has not fallen silent now.
_OLDEST_MS = 86_400_000

_LOOK_MS = 5_000


class Silence:
    """Watches all units.

    Args:
        database: In autocommit mode.
        clock: Our time.
    """

    def __init__(self, database: AsyncDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._silent: set[str] | None = None
        self._looked_ms = 0

    async def look(self) -> None:
        """Tell of units that have fallen silent, and of those that are heard again."""
        now_ms = self._clock.now_ms()
        if abs(now_ms - self._looked_ms) < _LOOK_MS:
            return
        self._looked_ms = now_ms
        if self._silent is None:
            self._silent = await desks.silent_vehicles(self._database)
        heard = await desks.heard_since(self._database, now_ms - _OLDEST_MS)
        for unit in heard:
            is_silent = now_ms - unit.heard_ms > SILENT_MS
            if is_silent and unit.device not in self._silent:
                await self._tell(unit, now_ms, silent=True)
                self._silent.add(unit.device)
            elif not is_silent and unit.device in self._silent:
                await self._tell(unit, now_ms, silent=False)
                self._silent.remove(unit.device)

    async def _tell(self, unit: desks.Heard, now_ms: int, *, silent: bool) -> None:
        device, heard_ms = unit.device, unit.heard_ms
        made = (
            partial(SilentInput, device=device, since_ms=heard_ms, reason=unit.reason)
            if silent
            else partial(HeardInput, device=device, heard_ms=heard_ms)
        )
        plans = await desks.held_plans(self._database, now_ms, device)
        for name in (f"{VEHICLE}{device}", *(f"{PLAN}{plan.id}" for plan in plans)):
            await enter(self._database, name, made, now_ms)
