"""What may become of stops and orders: two tables, and nothing that decides beside them.

In flow a standing and what is to become of it, out flows the next standing, or an error that names
what is allowed. Nothing here knows time: whoever changes a state says when.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

_State = TypeVar("_State", bound=StrEnum)


class StopState(StrEnum):
    """How far a stop is."""

    PENDING = "pending"
    EN_ROUTE = "en_route"
    ARRIVED = "arrived"
    COMPLETED = "completed"
    INCIDENT = "incident"
    RETURNED = "returned"
    SKIPPED = "skipped"


class IncidentKind(StrEnum):
    """Why a stop could not be completed."""

    LATE = "late"
    DAMAGED = "damaged"
    LOST = "lost"
    REFUSED = "refused"
    NOT_HOME = "not_home"
    WRONG_ADDRESS = "wrong_address"
    OTHER = "other"


class OrderState(StrEnum):
    """How far an order is."""

    ORDERED = "ordered"
    PACKED = "packed"
    LOADED = "loaded"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"
    RETURNED = "returned"


_TOLD = frozenset({StopState.COMPLETED, StopState.INCIDENT, StopState.SKIPPED})

# A driver out of reach is heard late, and fences are not everywhere: a stop may be completed, or
# not, from wherever it is. Who leaves a stop undone is on the way to it again, or to another one.
STOP_CHANGES: Mapping[StopState, frozenset[StopState]] = {
    StopState.PENDING: _TOLD | {StopState.EN_ROUTE, StopState.ARRIVED},
    StopState.EN_ROUTE: _TOLD | {StopState.PENDING, StopState.ARRIVED},
    StopState.ARRIVED: _TOLD | {StopState.PENDING, StopState.EN_ROUTE},
    StopState.COMPLETED: frozenset(),
    # Pending: it is tried again. Returned: what was to be left there is back at the depot.
    StopState.INCIDENT: frozenset({StopState.PENDING, StopState.RETURNED, StopState.SKIPPED}),
    StopState.RETURNED: frozenset(),
    StopState.SKIPPED: frozenset({StopState.PENDING}),
}

# A fleet that scans nothing leaves states out. What came back may go out again.
ORDER_CHANGES: Mapping[OrderState, frozenset[OrderState]] = {
    OrderState.ORDERED: frozenset(OrderState) - {OrderState.ORDERED},
    OrderState.PACKED: frozenset(OrderState) - {OrderState.ORDERED, OrderState.PACKED},
    OrderState.LOADED: frozenset(
        {
            OrderState.PACKED,
            OrderState.OUT_FOR_DELIVERY,
            OrderState.DELIVERED,
            OrderState.RETURNED,
        }
    ),
    OrderState.OUT_FOR_DELIVERY: frozenset({OrderState.DELIVERED, OrderState.RETURNED}),
    OrderState.DELIVERED: frozenset(),
    OrderState.RETURNED: frozenset(
        {OrderState.PACKED, OrderState.LOADED, OrderState.OUT_FOR_DELIVERY}
    ),
}

# What a change of a stop does to its orders, where their own table allows it.
ORDERS_FOLLOW: Mapping[StopState, OrderState] = {
    StopState.EN_ROUTE: OrderState.OUT_FOR_DELIVERY,
    StopState.ARRIVED: OrderState.OUT_FOR_DELIVERY,
    StopState.COMPLETED: OrderState.DELIVERED,
    StopState.RETURNED: OrderState.RETURNED,
}

# Nothing is to be done there any more. After an incident somebody has still to decide.
FINISHED = frozenset({StopState.COMPLETED, StopState.RETURNED})

# The vehicle is still to come there.
OPEN = frozenset({StopState.PENDING, StopState.EN_ROUTE, StopState.ARRIVED})


class IllegalChangeError(ValueError):
    """A state cannot follow another one.

    Attributes:
        allowed: What can.
    """

    def __init__(self, what: str, now: StrEnum, to: StrEnum, allowed: frozenset[_State]) -> None:
        self.allowed: tuple[str, ...] = tuple(sorted(allowed))
        can = f"it can become {', '.join(self.allowed)}" if allowed else "that is its end"
        super().__init__(f"{what} is {now} and cannot become {to}: {can}")


class IncidentError(ValueError):
    """A change says too little or too much of an incident."""


@dataclass(frozen=True, slots=True)
class Incident:
    """What went wrong at a stop.

    Attributes:
        kind: Which kind of thing.
        note: What was said of it; personal.
        photo: The id of its picture.
    """

    kind: IncidentKind
    note: str | None = None
    photo: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a stop stands.

    Attributes:
        state: How far it is.
        attempts: The one that is due, or was made, included; from 1.
        incident: The newest; it stays known when the stop is tried again.
    """

    state: StopState = StopState.PENDING
    attempts: int = 1
    incident: Incident | None = None


def changed_stop(
    standing: Standing, to: StopState, incident: Incident | None = None, *, stop: str = "the stop"
) -> Standing:
    """Return how a stop stands after a change.

    Args:
        standing: As it stands now.
        to: What it is to become.
        incident: What went wrong; exactly where it becomes an incident.
        stop: How errors call it.

    Raises:
        IllegalChangeError: It cannot become that.
        IncidentError: An incident is not said, or said of something else.
    """
    allowed = STOP_CHANGES[standing.state]
    if to not in allowed:
        raise IllegalChangeError(stop, standing.state, to, allowed)
    if (to is StopState.INCIDENT) != (incident is not None):
        kinds = ", ".join(IncidentKind)
        raise IncidentError(
            f"{stop}: an incident needs its kind: {kinds}"
            if incident is None
            else f"{stop}: {to} is no incident and has no kind"
        )
    again = standing.state is StopState.INCIDENT and to is StopState.PENDING
    return Standing(to, standing.attempts + again, incident or standing.incident)


def changed_order(state: OrderState, to: OrderState, *, order: str = "the order") -> OrderState:
    """Return the state of an order after a change.

    Raises:
        IllegalChangeError: It cannot become that.
    """
    allowed = ORDER_CHANGES[state]
    if to not in allowed:
        raise IllegalChangeError(order, state, to, allowed)
    return to


def order_after(state: OrderState, stop: StopState) -> OrderState:
    """Return the state of an order after its stop has changed."""
    to = ORDERS_FOLLOW.get(stop, state)
    return to if to in ORDER_CHANGES[state] else state
