"""Plans over HTTP: put, read, edited, and the record of all that changed."""

import asyncio
from typing import Any

from starlette.responses import Response

from milepost_collector.delivery.states import IncidentKind, StopState
from milepost_collector.planning.locating import addresses_of, located
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.plans.reading import (
    PlanRow,
    known_places,
    list_plans,
    plan_row,
    snapshot,
)
from milepost_collector.store.plans.record import PLAN as CHAIN
from milepost_collector.store.plans.record import changes
from milepost_collector.store.plans.rows import StoredPlan, UnknownPlanError, stored_plan
from milepost_collector.store.plans.stopping import change_stop
from milepost_collector.store.plans.writing import Written, edit_plan, put_plan
from milepost_collector.web.answers import Conflict, Refusal
from milepost_collector.web.body import Body
from milepost_collector.web.edits import EDIT_SCHEMA, read_edit, read_state
from milepost_collector.web.endpoint import Asked, Endpoint, Method
from milepost_collector.web.parameters import Day, Form, Whole
from milepost_collector.web.plan_answers import (
    Changed,
    Edited,
    IncidentTold,
    PlanList,
    PlanTold,
    Record,
    StopTold,
)
from milepost_collector.web.planning import (
    KEY,
    PARTS,
    by_dispatcher,
    done,
    id_parameter,
    part,
    problems,
    refusals,
    told,
)
from milepost_collector.web.reply import reply
from milepost_schemas.plan import Plan, Problem, read_plan, write_plan
from milepost_schemas.plan.reader import VEHICLE

_PLAN = id_parameter("plan", "Its id.")
_STOP = id_parameter("stop", "The stop's id.")
_OF_VEHICLE = Form(
    "vehicle", "Only plans of this vehicle.", pattern=VEHICLE.pattern, right="a vehicle"
)
_OF_DAY = Day("date", "Only plans of this day, where their vehicle is.")
_LIMIT = Whole("limit", "The most plans, or changes.", low=1, high=1_000, default=100)
_AFTER = Whole("after", "Only changes behind this one.", low=0, high=999_999_999)

# Each may cost the geocoder's pause: more than a request may take.
_MOST_ADDRESSES = 30


async def _put_plan(asked: Asked) -> Response:
    by, name, value = by_dispatcher(asked), asked[_PLAN], asked.body.value
    with refusals():
        plan = _named(name, value)
    plan = await _located(asked, plan)

    async def work(database: AsyncDatabase) -> tuple[int, Changed]:
        written = await put_plan(database, plan, by)
        return 201 if written.is_new else 200, await _changed(database, written)

    return await done(asked, work)


def _named(name: str, value: Any) -> Plan:
    """Read the plan of an address; it may leave its id to that.

    Raises:
        PlanError: It is no plan.
        RequestError: It is another one.
    """
    plan = read_plan({"id": name, **value} if isinstance(value, dict) else value)
    if plan.id != name:
        raise problems([Problem("id", f"{plan.id!r} is not that of the address, {name!r}")])
    return plan


async def _located(asked: Asked, plan: Plan) -> Plan:
    """Return a plan with coordinates.

    Raises:
        RequestError: A place is not found.
    """
    addresses = addresses_of(plan)
    if not addresses:
        return plan
    async with asked.pool.lend() as database:
        known = await known_places(database, plan.id, addresses)
    unknown = set(addresses) - set(known)
    if asked.geocoder and len(unknown) > _MOST_ADDRESSES:
        most = f"at most {_MOST_ADDRESSES} are found in a request: use `plans import`"
        raise problems([Problem("stops", f"{len(unknown)} addresses are not known: {most}")])
    find = asked.geocoder.find if asked.geocoder else None
    plan, missing = await asyncio.to_thread(located, plan, known, find)
    if missing:
        raise problems([problem for _, problem in missing])
    return plan


async def _changed(database: AsyncDatabase, written: Written) -> Changed:
    row = await _row(database, written.plan)
    return Changed(written.plan, row.version, row.effective_at, told(written.changes))


async def _row(database: AsyncDatabase, name: str) -> PlanRow:
    row = await plan_row(database, name)
    if row is None:
        raise UnknownPlanError(f"there is no plan {name}")
    return row


async def _get_plan(asked: Asked) -> Response:
    name = asked[_PLAN]
    async with asked.pool.lend() as database, snapshot(database):
        with refusals():
            row, stored = await _row(database, name), await stored_plan(database, name)
    stops = [_stop_told(stored, stop) for stop in stored.stops]
    plan = write_plan(stored.plan)
    return reply(PlanTold(plan, row.version, row.effective_at, row.is_erased, stops))


def _stop_told(stored: StoredPlan, stop: str) -> StopTold:
    standing = stored.known.standings[stop]
    it = standing.incident
    incident = None if it is None else IncidentTold(it.kind, it.note, it.photo)
    since = stored.stops[stop].state_at
    return StopTold(stop, standing.state, since, standing.attempts, incident)


async def _list_plans(asked: Asked) -> Response:
    vehicle, day, limit = asked[_OF_VEHICLE], asked[_OF_DAY], asked[_LIMIT]
    async with asked.pool.lend() as database:
        return reply(PlanList(await list_plans(database, vehicle or None, day, limit)))


async def _edit_plan(asked: Asked) -> Response:
    by, name = by_dispatcher(asked), asked[_PLAN]
    with refusals():
        edit = read_edit(asked.body.value)

    async def work(database: AsyncDatabase) -> tuple[int, Edited]:
        written = await edit_plan(database, name, edit, by)
        return 200, Edited([await _changed(database, each) for each in written])

    return await done(asked, work)


async def _put_stop_state(asked: Asked) -> Response:
    by, name, stop = by_dispatcher(asked), asked[_PLAN], asked[_STOP]
    with refusals():
        state, incident = read_state(asked.body.value)

    async def work(database: AsyncDatabase) -> tuple[int, Changed]:
        written = await change_stop(database, name, stop, state, by, incident=incident)
        return 200, await _changed(database, written)

    return await done(asked, work)


async def _list_changes(asked: Asked) -> Response:
    name, after, limit = asked[_PLAN], asked[_AFTER], asked[_LIMIT]
    async with asked.pool.lend() as database:
        with refusals():
            await _row(database, name)
        found = await changes(database, CHAIN + name, after, limit)
    return reply(Record(name, told(found), found[-1].entry.n if found else after))


_PLAN_BODY = {
    **part("Plan"),
    "description": "`id` may be left to the address.",
}
_STATE_SCHEMA = {
    "type": "object",
    "required": ["state"],
    "properties": {
        "state": {"type": "string", "enum": list(StopState)},
        "incident": {
            "type": "object",
            "required": ["kind"],
            "properties": {
                "kind": {"type": "string", "enum": list(IncidentKind)},
                "note": PARTS["PlanContact"]["properties"]["note"],
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}

_REFUSED: dict[int, type] = {404: Refusal, 409: Conflict, 422: Refusal}

PLANS = (
    Endpoint(
        "/v1/plans",
        _list_plans,
        "Plans, the newest days first",
        PlanList,
        parameters=(_OF_VEHICLE, _OF_DAY, _LIMIT),
    ),
    Endpoint(
        "/v1/plans/{plan}",
        _get_plan,
        "A plan, and how its stops stand",
        PlanTold,
        parameters=(_PLAN,),
        refuses={404: Refusal},
    ),
    Endpoint(
        "/v1/plans/{plan}",
        _put_plan,
        "Make a plan, or put it in the place of the one that there is",
        Changed,
        description="What is different is recorded and done; a plan that stands so already changes "
        "nothing. A stop that the plan has no more is skipped, one that comes back is pending. An "
        "order of which it says the id alone brings what is known of it.",
        method=Method.PUT,
        parameters=(_PLAN, KEY),
        body=Body("The whole plan.", _PLAN_BODY, PARTS),
        refuses={409: Conflict, 422: Refusal},
        makes=True,
    ),
    Endpoint(
        "/v1/plans/{plan}/edits",
        _edit_plan,
        "Insert, drop, reorder or move stops",
        Edited,
        description="A stop that is dropped is skipped. `stops` of a reorder are all that are not "
        "finished, in their new order. `before` is the stop that another one goes before; without "
        "it that is the last.",
        method=Method.POST,
        parameters=(_PLAN, KEY),
        body=Body("One edit.", EDIT_SCHEMA, PARTS),
        refuses=_REFUSED,
    ),
    Endpoint(
        "/v1/plans/{plan}/stops/{stop}/state",
        _put_stop_state,
        "Change how a stop stands",
        Changed,
        description="Its orders follow. `pending` after an incident is another attempt.",
        method=Method.PUT,
        parameters=(_PLAN, _STOP, KEY),
        body=Body("The new state; with `incident` exactly where it is one.", _STATE_SCHEMA, {}),
        refuses=_REFUSED,
    ),
    Endpoint(
        "/v1/plans/{plan}/changes",
        _list_changes,
        "The record of a plan: who or what changed what, from which input, when",
        Record,
        parameters=(_PLAN, _AFTER, _LIMIT),
        refuses={404: Refusal},
    ),
)
