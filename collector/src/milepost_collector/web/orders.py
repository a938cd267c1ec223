"""Orders over HTTP: known before any plan, and where each is."""

from typing import Any

from starlette.responses import Response

from milepost_collector.delivery.states import OrderState
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.plans.orders import WhereOrder, put_order, where_order
from milepost_collector.store.plans.reading import snapshot
from milepost_collector.web.answers import Conflict, Refusal
from milepost_collector.web.body import Body
from milepost_collector.web.endpoint import Asked, Endpoint, Method
from milepost_collector.web.plan_answers import OrderChanged, OrderTold, StopOfOrder
from milepost_collector.web.planning import (
    KEY,
    PARTS,
    by_dispatcher,
    done,
    id_parameter,
    problems,
    refusals,
    told,
)
from milepost_collector.web.reply import reply
from milepost_schemas.plan import Order, Problem, read_order, write_order

_ORDER = id_parameter("order", "Its id.")

# What becomes of it at a stop, the stop says.
_STATES = [OrderState.ORDERED, OrderState.PACKED, OrderState.LOADED, OrderState.RETURNED]


async def _put_order(asked: Asked) -> Response:
    by, name = by_dispatcher(asked), asked[_ORDER]
    with refusals():
        order, state = _read(name, asked.body.value)

    async def work(database: AsyncDatabase) -> tuple[int, OrderChanged]:
        written = await put_order(database, order, by, state=state)
        return 201 if written.is_new else 200, OrderChanged(name, told(written.changes))

    return await done(asked, work)


def _read(name: str, value: Any) -> tuple[Order, OrderState | None]:
    """Read an order that may leave its id to the address, and how far it is.

    Raises:
        PlanError, RequestError: It is none, or another one.
    """
    state = None
    if isinstance(value, dict):
        value = {"id": name, **value}
        state = value.pop("state", None)
    order = read_order(value)
    if order.id != name:
        raise problems([Problem("id", f"{order.id!r} is not that of the address, {name!r}")])
    if state is not None and state not in list(_STATES):
        right = f"one of {', '.join(_STATES)}"
        raise problems([Problem("state", f"{state!r:.80} is not {right}")])
    return order, None if state is None else OrderState(state)


async def _get_order(asked: Asked) -> Response:
    name = asked[_ORDER]
    async with asked.pool.lend() as database, snapshot(database):
        with refusals():
            where = await where_order(database, name)
    known = (write_order(where.order), where.state, where.state_at, where.is_erased)
    return reply(OrderTold(*known, _at(where)))


def _at(where: WhereOrder) -> StopOfOrder | None:
    it = where.at
    if it is None:
        return None
    there = (it.plan, it.vehicle, it.date, it.stop, it.state)
    return StopOfOrder(*there, it.state_at, it.attempts, it.stops_before)


_ORDER_SCHEMA = {
    **PARTS["PlanOrder"],
    "description": "`id` may be left to the address; what is not said is not known any more.",
    "required": [],
    "properties": {
        **PARTS["PlanOrder"]["properties"],
        "state": {
            "type": ["string", "null"],
            "enum": [*_STATES, None],
            "description": "How far it is; without it, as it was.",
        },
    },
}

ORDERS = (
    Endpoint(
        "/v1/orders/{order}",
        _get_order,
        "An order, and where it is",
        OrderTold,
        parameters=(_ORDER,),
        refuses={404: Refusal},
    ),
    Endpoint(
        "/v1/orders/{order}",
        _put_order,
        "Make an order known, or say anew what it is",
        OrderChanged,
        method=Method.PUT,
        parameters=(_ORDER, KEY),
        body=Body("The whole order.", _ORDER_SCHEMA, {"PlanContact": PARTS["PlanContact"]}),
        refuses={409: Conflict, 422: Refusal},
        makes=True,
    ),
)
