"""Orders over HTTP: known before any plan, and where each is."""

from typing import Any

from starlette.responses import Response

from milepost_collector.delivery.states import OrderState
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.plans.orders import WhereOrder, WhereStop, put_order, where_order
from milepost_collector.store.plans.reading import snapshot
from milepost_collector.web.answers import Conflict, Refusal
from milepost_collector.web.body import Body
from milepost_collector.web.endpoint import Asked, Endpoint, Method
from milepost_collector.web.plan_answers import (
    Expected,
    LastSeen,
    OrderChanged,
    OrderTold,
    StopOfOrder,
)
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
from milepost_schemas.fix import instant, milliseconds
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
    return reply(OrderTold(*known, _at(where, asked.clock.now_ms())))


def _at(where: WhereOrder, now_ms: int) -> StopOfOrder | None:
    it = where.at
    if it is None:
        return None
    there = (it.plan, it.vehicle, it.date, it.stop, it.state)
    is_due = it.stops_before is not None
    window = None
    if it.from_ms is not None and it.to_ms is not None:
        window = {"from": instant(it.from_ms), "to": instant(it.to_ms)}
    expected = _expected(it) if is_due else None
    is_late = None
    if is_due and it.to_ms is not None:
        comes_ms = now_ms if expected is None else max(now_ms, milliseconds(expected.at))
        is_late = comes_ms > it.to_ms
    return StopOfOrder(
        *(*there, it.state_at, it.attempts, it.stops_before, window, expected, is_late),
        _last_seen(it) if is_due else None,
    )


def _expected(it: WhereStop) -> Expected | None:
    if it.eta is None or it.low is None or it.high is None or it.made_at is None:
        return None
    return Expected(it.eta, it.low, it.high, it.made_at)


def _last_seen(it: WhereStop) -> LastSeen | None:
    if it.position_time is None or it.lat_e6 is None or it.lon_e6 is None:
        return None
    return LastSeen(it.position_time, it.lat_e6 / 1e6, it.lon_e6 / 1e6)


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
