"""The words of changes: what the record says, and what is known before a change."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from milepost_collector.delivery.states import OrderState, Standing, StopState
from milepost_schemas.plan import Order, Plan, Stop, write_order, write_plan, write_stop


class ChangeKind(StrEnum):
    """Kinds of changes in the record."""

    PLAN_MADE = "plan.made"
    PLAN_CHANGED = "plan.changed"
    STOP_INSERTED = "stop.inserted"
    STOP_CHANGED = "stop.changed"
    STOP_DROPPED = "stop.dropped"
    STOP_RESTORED = "stop.restored"
    STOP_MOVED_AWAY = "stop.moved_away"
    STOP_MOVED_HERE = "stop.moved_here"
    STOP_STATE = "stop.state"
    STOPS_REORDERED = "stops.reordered"
    ORDER_MADE = "order.made"
    ORDER_PLACED = "order.placed"
    ORDER_LEFT = "order.left"
    ORDER_CHANGED = "order.changed"
    ORDER_STATE = "order.state"
    ERASED = "erased"


class PersonalKind(StrEnum):
    """What lies in rows that can be erased."""

    WAY = "way"
    PLACE = "place"
    CONTACT = "contact"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Difference:
    """One change.

    Attributes:
        kind: Of what kind.
        stop: The stop; None: the plan, or an order alone.
        order: The order.
        said: Ids, kinds and numbers: nothing personal.
        personal: What belongs to it and is personal, and can be erased.
    """

    kind: ChangeKind
    stop: str | None = None
    order: str | None = None
    said: Mapping[str, Any] = field(default_factory=dict)
    personal: tuple[PersonalKind, Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """An order as it is known.

    Attributes:
        order: What it is.
        state: How far it is.
        plan: The plan that brings it, or brought it last; None: none does.
        stop: Its stop there.
        stop_state: How that stands.
        is_erased: Whether what was personal of it is gone, for good.
    """

    order: Order
    state: OrderState
    plan: str | None = None
    stop: str | None = None
    stop_state: StopState | None = None
    is_erased: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What is known before a change.

    Attributes:
        plan: The stops in force; None: there is no such plan.
        standings: Of its stops, also of those that were skipped.
        skipped: Stops that were skipped, as they were planned.
        placed: The stop of each order of the plan, also of stops that were skipped.
        orders: All orders that the new plan names, as far as they are known.
        erased: Stops of which it is not known any more where they were, for good.
    """

    plan: Plan | None = None
    standings: Mapping[str, Standing] = field(default_factory=dict)
    skipped: Mapping[str, Stop] = field(default_factory=dict)
    placed: Mapping[str, str] = field(default_factory=dict)
    orders: Mapping[str, KnownOrder] = field(default_factory=dict)
    erased: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Moves:
    """Stops that change their plan, by id: the other plan; and how those stand that come."""

    away: Mapping[str, str] = field(default_factory=dict)
    here: Mapping[str, tuple[str, Standing]] = field(default_factory=dict)


def way_of(plan: Plan) -> dict[str, Any]:
    """Return where a plan goes, but for its stops, as it is stored: it shows where people live."""
    written = write_plan(plan)
    return {name: written[name] for name in ("depot", "path") if name in written}


def place_of(stop: Stop) -> dict[str, Any]:
    """Return where a stop is, as it is stored."""
    written = write_stop(stop)
    return {name: written[name] for name in ("lat_deg", "lon_deg", "address") if name in written}


def contact_of(order: Order) -> dict[str, Any]:
    """Return who waits for an order, as it is stored."""
    return dict(write_order(order).get("contact", {}))
