"""When vehicles will be where: forecasts of all plans that hold, told to their desks as they move.

A forecast is made of what is known at an instant and entered into the desk's log as it is, so that
a replay of the log does not depend on what the fleet has learned since. It is entered when it
differs from the one before, not each time.
"""

from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from milepost_collector.clock import Clock
from milepost_collector.delivery.desk import DeskState
from milepost_collector.delivery.desk.inputs import ForecastInput, StopEta
from milepost_collector.delivery.eta import (
    Book,
    Estimates,
    Eta,
    Now,
    Outlook,
    Position,
    Visit,
    forecast,
    measured,
)
from milepost_collector.delivery.eta.route import route_of
from milepost_collector.store import desks
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.desks import PLAN, HeldPlan, enter
from milepost_collector.store.plans.rows import stored_plan
from milepost_schemas.fix import milliseconds
from milepost_schemas.plan import Plan

_LOOK_MS = 15_000

# Another forecast is told when a time of it has moved so far, or so long after the one before.
_MOVED_MS = 30_000
_AGAIN_MS = 120_000


class Forecasts:
    """Makes forecasts.

    Args:
        database: In autocommit mode.
        clock: Our time.
    """

    def __init__(self, database: AsyncDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._estimates = Estimates.of(Book())
        self._outlooks: dict[tuple[str, int], Outlook] = {}
        self._told: dict[str, tuple[int, dict[str, int]]] = {}
        self._looked_ms = 0

    async def look(self) -> None:
        """Make the forecasts of all plans that hold."""
        now_ms = self._clock.now_ms()
        if abs(now_ms - self._looked_ms) < _LOOK_MS:
            return
        self._looked_ms = now_ms
        held = await desks.held_plans(self._database, now_ms)
        current = {(each.id, each.version) for each in held}
        self._outlooks = {key: made for key, made in self._outlooks.items() if key in current}
        for plan in held:
            await self._foresee(plan, now_ms)

    async def _foresee(self, held: HeldPlan, now_ms: int) -> None:
        state = await desks.read_desk(self._database, f"{PLAN}{held.id}")
        if state is None:
            return
        outlook = await self._outlook(held)
        done = await desks.done_stops(self._database, held.id)
        now = _known(state, held, done, now_ms)
        etas = forecast(outlook, now)
        if not self._is_news(held.id, now_ms, etas):
            return
        age_ms = None if now.position is None else max(0, now_ms - now.position.time_ms)
        told = _told(outlook, now, etas)
        async with self._database.transaction():
            made = partial(ForecastInput, made_ms=now_ms, age_ms=age_ms, etas=told)
            await enter(self._database, f"{PLAN}{held.id}", made, now_ms)
            await desks.write_etas(self._database, held.id, now_ms, told)
        self._told[held.id] = now_ms, {each.id: each.point_ms for each in etas}

    async def _outlook(self, held: HeldPlan) -> Outlook:
        key = held.id, held.version
        if key not in self._outlooks:
            plan = (await stored_plan(self._database, held.id)).plan
            route = route_of(plan, _offset_s(plan))
            course = measured(route, self._estimates.detour)
            self._outlooks[key] = Outlook(course, self._estimates)
        return self._outlooks[key]

    def _is_news(self, plan: str, now_ms: int, etas: tuple[Eta, ...]) -> bool:
        told_ms, before = self._told.get(plan, (None, {}))
        if told_ms is None or before.keys() != {each.id for each in etas}:
            return True
        if not etas:
            return False
        moved_ms = max(abs(each.point_ms - before[each.id]) for each in etas)
        return moved_ms >= _MOVED_MS or now_ms - told_ms >= _AGAIN_MS


def _offset_s(plan: Plan) -> float:
    noon = datetime.combine(plan.date, datetime.min.time(), ZoneInfo(plan.time_zone)).replace(
        hour=12
    )
    offset = noon.utcoffset()
    return offset.total_seconds() if offset is not None else 0.0


def _known(state: DeskState, held: HeldPlan, done: frozenset[str], now_ms: int) -> Now:
    """Return what is known of a vehicle's day now."""
    visits = [
        Visit(stop.id, visit.arrived_ms, visit.departed_ms)
        for stop in state.stops.values()
        for visit in stop.visits[-1:]
    ]
    position = None
    if held.position_time is not None and held.lat_e6 is not None and held.lon_e6 is not None:
        lat_deg, lon_deg = held.lat_e6 / 1e6, held.lon_e6 / 1e6
        position = Position(lat_deg, lon_deg, milliseconds(held.position_time))
    left = [*state.exits, *state.starts]
    return Now(
        now_ms,
        tuple(sorted(visits, key=lambda each: each.arrived_ms)),
        position,
        min(time_ms for _, time_ms in left) if left else None,
        done - {visit.id for visit in visits},
    )


def _told(outlook: Outlook, now: Now, etas: tuple[Eta, ...]) -> tuple[StopEta, ...]:
    """Return a forecast as desks take it, with how far it is to each stop along the way."""
    course = outlook.course
    last = course.numbers.get(now.visits[-1].id) if now.visits else None
    told, away_m = list[StopEta](), 0.0
    for eta in etas:
        number = course.numbers[eta.id]
        leg = course.leg_between(last, number)
        if told or now.position is None:
            away_m += leg.length_m
        else:
            place = now.position.lat_deg, now.position.lon_deg
            away_m = course.rest_m(leg, place, 0.5) + leg.arrives_m
        known_m = None if now.position is None else round(away_m, 1)
        told.append(StopEta(eta.id, eta.point_ms, eta.low_ms, eta.high_ms, known_m))
        last = number
    return tuple(told)
