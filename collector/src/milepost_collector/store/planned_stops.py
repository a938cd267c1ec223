"""Stops and ways of plans as the engine takes them, kept up with the database.

Of all vehicles the plans of the last days are at hand; of a vehicle whose fixes come later those of
their days, too. A plan that has no new version since it was read is not made ready again.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from milepost_collector.engine import Fence, planned_fences
from milepost_collector.engine.nearby import FenceIndex
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.plans.versions import load_versions
from milepost_schemas.plan import Plan

# A plan of the day before yesterday can still hold: its day may begin and end later than in UTC.
_HOLDS = timedelta(days=2)

_Versions = list[tuple[int, Plan]]


def first_day(time_ms: int) -> date:
    """Return the first day whose plans may hold at a GPS time, milliseconds since 1970."""
    return datetime.fromtimestamp(max(0, time_ms) / 1000, UTC).date() - _HOLDS


class PlannedStops:
    """What is at hand of plans.

    Args:
        vehicles: Those of which all plans are to be at hand, however old.
    """

    def __init__(self, vehicles: Iterable[str] = ()) -> None:
        self._since: date | None = None
        self._earlier = dict.fromkeys(vehicles, date.min)
        self._ready: dict[str, tuple[int, list[Fence]]] = {}
        self._index = FenceIndex(())

    def lacks(self, vehicle: str, time_ms: int) -> bool:
        """Whether plans that may hold for a vehicle at a GPS time are not at hand.

        What is lacking will be from the next `load` on.
        """
        if self._since is None:
            return False
        day = first_day(time_ms)
        if day >= self._earlier.get(vehicle, self._since):
            return False
        self._earlier[vehicle] = day
        return True

    async def load(self, database: AsyncDatabase, time_ms: int) -> FenceIndex:
        """Return the stops and ways of all plans that are at hand.

        Args:
            database: An open connection.
            time_ms: GPS time from which on all of them are, milliseconds since 1970.
        """
        self._since = first_day(time_ms)
        self._earlier = {v: day for v, day in self._earlier.items() if day < self._since}
        versions = await load_versions(database, self._since)
        for vehicle, day in self._earlier.items():
            versions |= await load_versions(database, day, [vehicle])
        self._index = await asyncio.to_thread(self._made_ready, versions)
        return self._index

    def _made_ready(self, versions: dict[str, _Versions]) -> FenceIndex:
        known, self._ready = self._ready, {}
        changed = known.keys() != versions.keys()
        for plan, own in versions.items():
            count, fences = known.get(plan, (0, []))
            if count != len(own):
                count, fences, changed = len(own), planned_fences(own), True
            self._ready[plan] = count, fences
        if not changed:
            return self._index
        return FenceIndex([fence for _, fences in self._ready.values() for fence in fences])
