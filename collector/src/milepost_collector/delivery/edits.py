"""Edits of a plan during its day: insert, drop, reorder, move to another vehicle's plan.

In flows a plan as it is in force, with how its stops stand; out flows the plan as it is to be. A
stop that was made, or is over, stays where it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from milepost_collector.delivery.states import FINISHED, Standing, StopState
from milepost_schemas.plan import Plan, PlanError, Problem, Stop, read_plan, write_plan

Standings = Mapping[str, Standing]

_MOVABLE = frozenset({StopState.PENDING, StopState.EN_ROUTE, StopState.INCIDENT})


class UnknownStopError(LookupError):
    """A plan has no such stop."""


class EditError(ValueError):
    """An edit cannot be made to this plan as it stands; the message says why."""


def inserted(plan: Plan, standings: Standings, stop: Stop, before: str | None = None) -> Plan:
    """Return a plan with one more stop.

    Args:
        plan: As it is in force.
        standings: Of its stops, and of those that were skipped.
        stop: The new one; one that was skipped may come back.
        before: The stop that it goes before; None: it is the last.

    Raises:
        UnknownStopError: There is no stop `before`.
        EditError: It is in the plan already, or would come before one that is finished.
        PlanError: The plan would be none, as with an order that stands twice.
    """
    if any(stop.id == each.id for each in plan.stops):
        raise EditError(f"stop {stop.id} is in plan {plan.id} already")
    place = len(plan.stops)
    if before is not None:
        place = _place(plan, before)
        if any(_standing(standings, each).state in FINISHED for each in plan.stops[place:]):
            raise EditError(f"stop {stop.id} cannot come before one that is finished")
    return _checked(plan, (*plan.stops[:place], stop, *plan.stops[place:]))


def dropped(plan: Plan, standings: Standings, stop: str) -> Plan:
    """Return a plan without a stop: it is skipped.

    Raises:
        UnknownStopError: There is none of that name.
        EditError: It is finished.
    """
    place = _place(plan, stop)
    _refuse_finished(plan.stops[place], standings, "dropped")
    return replace(plan, stops=plan.stops[:place] + plan.stops[place + 1 :])


def reordered(plan: Plan, standings: Standings, stops: Sequence[str]) -> Plan:
    """Return a plan whose stops stand in another order; finished ones stay where they are.

    Args:
        plan: As it is in force.
        standings: Of its stops.
        stops: All that are not finished, each once, in their new order.

    Raises:
        EditError: They are not those.
    """
    free = [at for at, stop in enumerate(plan.stops) if not _is_finished(stop, standings)]
    by_id = {plan.stops[at].id: plan.stops[at] for at in free}
    if len(stops) != len(by_id) or set(stops) != set(by_id):
        raise EditError(_unlike(plan, stops, by_id))
    placed = list(plan.stops)
    for at, stop in zip(free, stops, strict=True):
        placed[at] = by_id[stop]
    return replace(plan, stops=tuple(placed))


def moved(
    plan: Plan, standings: Standings, stop: str, to: tuple[Plan, Standings], before: str | None
) -> tuple[Plan, Plan]:
    """Return two plans, one without a stop and the other with it.

    Args:
        plan: That has it, as it is in force.
        standings: Of its stops.
        stop: Which.
        to: The other plan, and how its stops stand.
        before: The stop of the other plan that it goes before; None: it is the last.

    Raises:
        UnknownStopError, EditError, PlanError: As for the others; or the vehicle is there now, or
            it is over.
    """
    place = _place(plan, stop)
    taken, (target, others) = plan.stops[place], to
    if target.id == plan.id:
        raise EditError(f"stop {stop} is in plan {plan.id} already: reorder it")
    state = _standing(standings, taken).state
    if state not in _MOVABLE:
        raise EditError(
            f"stop {stop} is {state} and cannot be moved: only one that is "
            f"{', '.join(sorted(_MOVABLE))} can"
        )
    if taken.id in others:
        raise EditError(f"plan {target.id} has, or had, a stop {stop} of its own")
    left = replace(plan, stops=plan.stops[:place] + plan.stops[place + 1 :])
    return left, inserted(target, others, taken, before)


def after_move(standing: Standing) -> Standing:
    """Return how a stop stands that was moved: nobody is on the way to it any more."""
    if standing.state is StopState.EN_ROUTE:
        return replace(standing, state=StopState.PENDING)
    return standing


def _place(plan: Plan, stop: str) -> int:
    for at, each in enumerate(plan.stops):
        if each.id == stop:
            return at
    raise UnknownStopError(f"plan {plan.id} has no stop {stop}")


def _standing(standings: Standings, stop: Stop) -> Standing:
    return standings.get(stop.id, Standing())


def _is_finished(stop: Stop, standings: Standings) -> bool:
    return _standing(standings, stop).state in FINISHED


def _refuse_finished(stop: Stop, standings: Standings, done: str) -> None:
    if _is_finished(stop, standings):
        state = _standing(standings, stop).state
        raise EditError(f"stop {stop.id} is {state} and cannot be {done}")


def _unlike(plan: Plan, stops: Sequence[str], right: Iterable[str]) -> str:
    """Say in what a list of stops is not the right one."""
    given, wanted = set(stops), list(right)
    foreign = [stop for stop in dict.fromkeys(stops) if stop not in wanted]
    missing = [stop for stop in wanted if stop not in given]
    faults = [f"{', '.join(foreign)} cannot be reordered"] if foreign else []
    faults += [f"{', '.join(missing)} are missing"] if missing else []
    if len(given) != len(stops):
        faults.append("a stop stands twice")
    told = "; ".join(faults)
    return f"the new order of plan {plan.id} must name all unfinished stops once: {told}"


def _checked(plan: Plan, stops: tuple[Stop, ...]) -> Plan:
    """Return a plan with other stops, if it still is one."""
    try:
        return read_plan(write_plan(replace(plan, stops=stops)))
    except PlanError as error:
        raise PlanError([Problem("", str(each)) for each in error.problems]) from None
