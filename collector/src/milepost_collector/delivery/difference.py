"""What is different between a plan as it stands and as it is to be: the changes of the record.

In flow the plan in force with how its stops and orders stand, and the new one; out flow changes in
the order in which they are recorded, and how the stops stand then. Two plans of equal content have
no difference. What was made, or is over, cannot be changed afterwards.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from milepost_collector.delivery.changes import (
    ChangeKind,
    Difference,
    Known,
    KnownOrder,
    Moves,
    PersonalKind,
    place_of,
    way_of,
)
from milepost_collector.delivery.order_changes import PlanConflictError, order_placed, orders_left
from milepost_collector.delivery.states import (
    FINISHED,
    Standing,
    StopState,
    changed_stop,
)
from milepost_schemas.plan import Contact, Order, Plan, Stop

_NO_MOVES = Moves()


def completed(plan: Plan, orders: Mapping[str, KnownOrder]) -> Plan:
    """Return a plan whose orders say all that is known of them.

    A plan may name an order by its id alone: it then brings what is known, to whom it is known.
    """

    def whole(order: Order) -> Order:
        known = orders.get(order.id)
        if known is None:
            return order
        contact = known.order.contact if order.contact == Contact() else order.contact
        return replace(order, parcels=order.parcels or known.order.parcels, contact=contact)

    stops = (replace(s, orders=tuple(whole(order) for order in s.orders)) for s in plan.stops)
    return replace(plan, stops=tuple(stops))


def differences(
    known: Known, new: Plan, moves: Moves = _NO_MOVES
) -> tuple[list[Difference], dict[str, Standing]]:
    """Return what changes, and how the stops of the new plan stand then, with those skipped.

    Args:
        known: As it is.
        new: As it is to be; its orders are `completed`.
        moves: Stops that are neither new nor dropped, but come from another plan or go there.

    Raises:
        PlanConflictError: A stop that is finished would change, or an order is elsewhere.
        IllegalChangeError: A stop cannot be skipped.
    """
    found = list(_of_plan(known.plan, new))
    standings = dict(known.standings)
    for gone, to in moves.away.items():
        del standings[gone]
        found.append(Difference(ChangeKind.STOP_MOVED_AWAY, gone, said={"to": to}))
    found += _dropped(known, new, moves, standings)
    _refuse_erased(known, new)
    before = {stop.id: stop for stop in known.plan.stops} if known.plan else {}
    for position, stop in enumerate(new.stops):
        if stop.id in before:
            found += _changed(before[stop.id], stop, standings[stop.id])
        else:
            found.append(_came(known, stop, position, moves, standings))
    found += _reordered(known.plan, new)
    for stop in new.stops:
        for order in stop.orders:
            found += order_placed(known, new.id, stop.id, order, is_moved=stop.id in moves.here)
    found += orders_left(known, new, moves)
    return found, standings


def _refuse_erased(known: Known, new: Plan) -> None:
    for stop in new.stops:
        if stop.id in known.erased and place_of(stop):
            raise PlanConflictError(f"stop {stop.id} was erased: where it is is not stored again")


def _of_plan(old: Plan | None, new: Plan) -> Iterator[Difference]:
    way = (PersonalKind.WAY, way_of(new))
    said = {"vehicle": new.vehicle, "date": new.date.isoformat(), "time_zone": new.time_zone}
    if old is None:
        told = {**said, "stops": len(new.stops)}
        yield Difference(ChangeKind.PLAN_MADE, said=told, personal=way)
        return
    was = {"vehicle": old.vehicle, "date": old.date.isoformat(), "time_zone": old.time_zone}
    changed = {
        name: {"from": was[name], "to": said[name]} for name in said if was[name] != said[name]
    }
    is_other_way = way_of(old) != way[1]
    if changed or is_other_way:
        yield Difference(
            ChangeKind.PLAN_CHANGED, said=changed, personal=way if is_other_way else None
        )


def _dropped(
    known: Known, new: Plan, moves: Moves, standings: dict[str, Standing]
) -> Iterator[Difference]:
    stays = {stop.id for stop in new.stops} | set(moves.away)
    for stop in known.plan.stops if known.plan else ():
        if stop.id not in stays:
            was = standings[stop.id]
            standings[stop.id] = changed_stop(was, StopState.SKIPPED, stop=f"stop {stop.id}")
            yield Difference(ChangeKind.STOP_DROPPED, stop.id, said={"was": was.state})


def _came(
    known: Known, stop: Stop, position: int, moves: Moves, standings: dict[str, Standing]
) -> Difference:
    """Return the change that a stop is in the plan, and note how it stands."""
    said: dict[str, Any] = {"position": position, **_told(stop)}
    place = (PersonalKind.PLACE, place_of(stop))
    if stop.id in moves.here:
        origin, standing = moves.here[stop.id]
        standings[stop.id] = standing
        said |= {"from": origin, "state": standing.state, "attempts": standing.attempts}
        return Difference(ChangeKind.STOP_MOVED_HERE, stop.id, said=said, personal=place)
    was = known.skipped.get(stop.id)
    if was is None:
        standings[stop.id] = Standing()
        return Difference(ChangeKind.STOP_INSERTED, stop.id, said=said, personal=place)
    standings[stop.id] = changed_stop(standings[stop.id], StopState.PENDING)
    is_elsewhere = place_of(was) != place[1]
    return Difference(
        ChangeKind.STOP_RESTORED, stop.id, said=said, personal=place if is_elsewhere else None
    )


def _changed(old: Stop, new: Stop, standing: Standing) -> Iterator[Difference]:
    was, told = _told(old), _told(new)
    changed = {
        name: {"from": was[name], "to": told[name]} for name in told if was[name] != told[name]
    }
    place = place_of(new)
    is_elsewhere = place_of(old) != place
    if not changed and not is_elsewhere:
        return
    if standing.state in FINISHED:
        names = ", ".join([*changed, *(["place"] if is_elsewhere else [])])
        raise PlanConflictError(f"stop {new.id} is {standing.state}: its {names} cannot change")
    personal = (PersonalKind.PLACE, place) if is_elsewhere else None
    yield Difference(ChangeKind.STOP_CHANGED, new.id, said=changed, personal=personal)


def _told(stop: Stop) -> dict[str, Any]:
    """Return what is not personal of a stop."""
    window = stop.window
    return {
        "radius_m": stop.radius_m,
        "window": None if window is None else [window.from_ms, window.to_ms],
        "service_s": stop.service_s,
        "priority": stop.priority,
        "orders": [order.id for order in stop.orders],
    }


def _reordered(old: Plan | None, new: Plan) -> Iterator[Difference]:
    was = [stop.id for stop in old.stops] if old else []
    now = [stop.id for stop in new.stops]
    common = set(was) & set(now)
    if [each for each in was if each in common] != [each for each in now if each in common]:
        yield Difference(ChangeKind.STOPS_REORDERED, said={"stops": now})
