"""Drafts into the database: places found, what cannot be stored refused, what became of each line.

A stop of which a line was refused stays as it is stored, if it is: a slip of the pen drops nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

from milepost_collector.clock import Clock
from milepost_collector.delivery.order_changes import PlanConflictError
from milepost_collector.delivery.source import Source
from milepost_collector.delivery.states import IllegalChangeError
from milepost_collector.planning.drafts import Draft, Told
from milepost_collector.planning.locating import Find, addresses_of, located
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.plans.locking import By
from milepost_collector.store.plans.reading import known_places
from milepost_collector.store.plans.rows import UnknownPlanError, stored_plan
from milepost_collector.store.plans.writing import put_plan
from milepost_schemas.plan import Plan, PlanError, read_plan, write_plan


@dataclass(frozen=True, slots=True)
class Stored:
    """A plan that was stored.

    Attributes:
        plan: Its id.
        is_new: Whether there was none before.
        version: Its newest version.
        stops: How many it has now.
        changes: How many changes were recorded; 0: it stood so already.
        kept: Stops that stay as they were, because lines of them were refused.
    """

    plan: str
    is_new: bool
    version: int
    stops: int
    changes: int
    kept: list[str]


class Importer:
    """Stores drafts.

    Args:
        database: In autocommit mode.
        clock: Our time.
        find: Finds addresses; None: nobody can be asked.
        is_recorded: Whether the plans are of days gone by: in force from the beginning of theirs.
    """

    def __init__(
        self, database: AsyncDatabase, clock: Clock, find: Find | None, *, is_recorded: bool
    ) -> None:
        self._database = database
        self._clock = clock
        self._find = find
        self._is_recorded = is_recorded

    async def store(self, draft: Draft, file: str) -> tuple[Stored | None, Sequence[Told]]:
        """Store a plan; return what was stored, and what became of all its lines."""
        await self._locate(draft)
        plan, kept = await self._with_kept(draft)
        by = By(Source.IMPORT, f"{file}:{_first(draft)}", self._clock.now())
        try:
            plan = read_plan(write_plan(plan))
            effective = _beginning(plan) if self._is_recorded else None
            written = await put_plan(self._database, plan, by, effective_at=effective)
        except (PlanError, PlanConflictError, IllegalChangeError) as error:
            return None, [
                each if each.why_refused else replace(each, why_refused=str(error))
                for each in draft.all_told()
            ]
        counts = (written.version, len(plan.stops), len(written.changes))
        return Stored(plan.id, written.is_new, *counts, kept), draft.all_told()

    async def _locate(self, draft: Draft) -> None:
        """Find addresses; refuse the lines of stops that are not found."""
        plan = draft.whole()
        addresses = addresses_of(plan)
        if not addresses:
            return
        known = await known_places(self._database, plan.id, addresses)
        # Nobody else waits for this program: the service may be asked in the midst of it.
        found, problems = located(plan, known, self._find)
        for number, problem in problems:
            if number is None:
                draft.told.append(Told("depot", plan.id, why_refused=problem.what))
            else:
                draft.leave_out(plan.stops[number].id, problem.what)
        draft.plan = replace(found, stops=())
        draft.stops = {stop.id: stop for stop in found.stops}

    async def _with_kept(self, draft: Draft) -> tuple[Plan, list[str]]:
        """Return the plan with the stops that stay as they are stored, and which those are."""
        plan = draft.whole()
        if not draft.refused:
            return plan, []
        try:
            stored = (await stored_plan(self._database, plan.id)).plan
        except UnknownPlanError:
            return plan, []
        stops = list(plan.stops)
        kept = []
        for place, stop in enumerate(stored.stops):
            if stop.id in draft.refused:
                kept.append(stop.id)
                stops = [each for each in stops if each.id != stop.id]
                stops.insert(place, stop)
        return replace(plan, stops=tuple(stops)), kept


def _first(draft: Draft) -> str:
    """Return the first of the lines that a plan is made of."""
    taken = [told.line for lines in draft.lines.values() for told in lines]
    return taken[0].partition(".")[0] if taken else "1"


def _beginning(plan: Plan) -> datetime:
    return datetime.combine(plan.date, time(), ZoneInfo(plan.time_zone))
