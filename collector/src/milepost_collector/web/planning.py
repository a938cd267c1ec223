"""What requests that change plans share: keys, who does it, and why it cannot be done."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from starlette.responses import Response

from milepost_collector.delivery.chain import Linked
from milepost_collector.delivery.edits import EditError, UnknownStopError
from milepost_collector.delivery.order_changes import PlanConflictError
from milepost_collector.delivery.source import Source
from milepost_collector.delivery.states import IllegalChangeError, IncidentError
from milepost_collector.store.connection import AsyncDatabase
from milepost_collector.store.plans.locking import By
from milepost_collector.store.plans.requests import KeyReusedError, once
from milepost_collector.store.plans.rows import (
    UnknownOrderError,
    UnknownPlanError,
    UnknownStopOfPlanError,
)
from milepost_collector.web.answers import Conflict, Problems, Wrong
from milepost_collector.web.endpoint import Asked
from milepost_collector.web.parameters import Form, In
from milepost_collector.web.plan_answers import ChangeTold
from milepost_collector.web.reply import RequestError, reply, to_json
from milepost_schemas.plan import PlanError, Problem
from milepost_schemas.plan.reader import ID
from milepost_schemas.plan.schema import definitions

KEY = Form(
    "Idempotency-Key",
    "A name that you give this request: when it comes again within seven days it is answered as "
    "it was the first time, and done once.",
    In.HEADER,
    pattern="[A-Za-z0-9_.:-]{1,128}",
    right="a key: [A-Za-z0-9_.:-]{1,128}",
)

PARTS = definitions("#/components/schemas/{name}")


def part(name: str) -> dict[str, Any]:
    """Return what names a part of a plan in the API's document."""
    return {"$ref": f"#/components/schemas/{name}"}


def id_parameter(name: str, description: str) -> Form:
    """Return the parameter of a path that is an id."""
    right = f"an id: {ID.pattern}"
    return Form(name, description, In.PATH, pattern=ID.pattern, right=right)


def by_dispatcher(asked: Asked) -> By:
    """Return who asks: until there are keys of the API, anybody who can is a dispatcher."""
    key = asked[KEY]
    named = f"{asked.method} {asked.path}"
    return By(Source.DISPATCHER, f"{named} key={key}" if key else named, asked.clock.now())


@contextmanager
def refusals() -> Iterator[None]:
    """Answer what cannot be done with the status that says why.

    Raises:
        RequestError: In place of the errors of plans.
    """
    try:
        yield
    except PlanError as error:
        raise problems(error.problems) from None
    except (UnknownPlanError, UnknownStopOfPlanError, UnknownStopError, UnknownOrderError) as error:
        raise RequestError(404, str(error)) from None
    except IllegalChangeError as error:
        body = Conflict(str(error), list(error.allowed))
        raise RequestError(409, str(error), body=body) from None
    except (EditError, PlanConflictError) as error:
        raise RequestError(409, str(error), body=Conflict(str(error))) from None
    except IncidentError as error:
        raise problems([Problem("incident", str(error))]) from None
    except KeyReusedError as error:
        raise RequestError(422, str(error)) from None


def problems(found: Sequence[Problem]) -> RequestError:
    """Return the error that says all that is wrong with a body."""
    first = f"{found[0]}; {len(found) - 1} more problems" if len(found) > 1 else str(found[0])
    body = Problems(first, [Wrong(each.where, each.what) for each in found])
    return RequestError(400, first, body=body)


async def done(
    asked: Asked, work: Callable[[AsyncDatabase], Awaitable[tuple[int, Any]]]
) -> Response:
    """Do what is asked, once where it came with a key, and answer.

    Args:
        asked: The request.
        work: Does it; returns a status and what to answer, in which nothing is personal.
    """
    key = asked[KEY]

    async def written(database: AsyncDatabase) -> tuple[int, str]:
        status, answer = await work(database)
        return status, to_json(answer).decode()

    async with asked.pool.lend() as database:
        with refusals():
            if not key:
                status, text = await written(database)
            else:
                whole = json.dumps([asked.method, asked.path]).encode() + asked.body.data
                digest = hashlib.sha256(whole).digest()
                now = asked.clock.now()
                status, text = await once(database, key, digest, now, lambda: written(database))
    return reply(text.encode(), status)


def told(changes: Sequence[Linked]) -> list[ChangeTold]:
    """Return entries of the record as they are answered."""
    return [
        ChangeTold(
            *(it.n, it.at, it.source, it.input, it.kind, it.stop, it.order),
            said=json.loads(it.said),
            hash=row.hash.hex(),
        )
        for row in changes
        for it in [row.entry]
    ]
