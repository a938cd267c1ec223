"""What is different of the orders of a plan, and of orders outside of any."""

from collections.abc import Iterator
from typing import Any

from milepost_collector.delivery.changes import (
    ChangeKind,
    Difference,
    Known,
    KnownOrder,
    Moves,
    PersonalKind,
    contact_of,
)
from milepost_collector.delivery.states import OPEN, OrderState
from milepost_schemas.plan import Order, Plan


class PlanConflictError(ValueError):
    """A plan cannot be put in the place of the one that there is; the message says why."""


def order_placed(
    known: Known, plan: str, stop: str, order: Order, *, is_moved: bool
) -> Iterator[Difference]:
    """Return what is different of an order that a stop of the new plan has.

    Raises:
        PlanConflictError: It is elsewhere, or its end is reached.
    """
    was = known.orders.get(order.id)
    contact = (PersonalKind.CONTACT, contact_of(order))
    if was is None:
        yield Difference(ChangeKind.ORDER_MADE, stop, order.id, order_told(order), contact)
    else:
        yield from order_changed(was, order, stop)
    if known.placed.get(order.id) == stop and stop not in known.skipped:
        return
    if was is not None and not is_moved:
        refuse_elsewhere(was, plan, stop)
    origin = {} if was is None or was.plan is None else {"from": [was.plan, was.stop]}
    yield Difference(ChangeKind.ORDER_PLACED, stop, order.id, origin)


def order_told(order: Order) -> dict[str, Any]:
    """Return what is not personal of an order."""
    return {"parcels": list(order.parcels)}


def order_changed(was: KnownOrder, order: Order, stop: str | None) -> Iterator[Difference]:
    """Return what is different of an order's content.

    Raises:
        PlanConflictError: What was erased would be known again.
    """
    contact = contact_of(order)
    is_other_contact = contact_of(was.order) != contact
    if is_other_contact and was.is_erased:
        raise PlanConflictError(
            f"order {order.id} was erased: who waits for it is not stored again"
        )
    is_other = was.order.parcels != order.parcels
    if is_other or is_other_contact:
        yield Difference(
            ChangeKind.ORDER_CHANGED,
            stop,
            order.id,
            {"parcels": {"from": list(was.order.parcels), "to": list(order.parcels)}}
            if is_other
            else {},
            (PersonalKind.CONTACT, contact) if is_other_contact else None,
        )


def refuse_elsewhere(was: KnownOrder, plan: str, stop: str) -> None:
    """Refuse to bring an order to a stop, if that cannot be.

    Raises:
        PlanConflictError: It is delivered, or at a stop of another plan that is still to be made.
    """
    if (was.plan, was.stop) == (plan, stop):
        return
    order = was.order.id
    if was.state is OrderState.DELIVERED:
        raise PlanConflictError(f"order {order} is delivered and cannot be planned again")
    if was.plan not in (None, plan) and was.stop_state in OPEN:
        raise PlanConflictError(
            f"order {order} is at stop {was.stop} of plan {was.plan}, which is {was.stop_state}: "
            "move or drop that"
        )


def orders_left(known: Known, new: Plan, moves: Moves) -> Iterator[Difference]:
    """Tell of orders that no stop has any more; those of a dropped stop stay with it."""
    named = {order.id for stop in new.stops for order in stop.orders}
    in_force = {stop.id for stop in new.stops}
    for order, stop in known.placed.items():
        if order not in named and stop in in_force and stop not in moves.away:
            yield Difference(ChangeKind.ORDER_LEFT, stop, order)
