"""The vehicles over HTTP: where each is, where it has been, and the fences around."""

from starlette.requests import Request
from starlette.responses import Response

from milepost_collector.clock import Clock
from milepost_collector.store import definitions, vehicles
from milepost_collector.store.pool import Pool
from milepost_collector.web.reply import RequestError, reply, whole_parameter

_MAX_TRACK = 10_000


async def list_vehicles(request: Request) -> Response:
    """Answer `GET /v1/vehicles`: the last position of each, and our time to tell its age by."""
    pool: Pool = request.app.state.pool
    clock: Clock = request.app.state.clock
    async with pool.lend() as database:
        found = await vehicles.all_vehicles(database)
    return reply({"now": clock.now(), "vehicles": found})


async def vehicle_track(request: Request) -> Response:
    """Answer `GET /v1/vehicles/{vehicle}/track?last=`: its newest positions, oldest first."""
    pool: Pool = request.app.state.pool
    vehicle = request.path_params["vehicle"]
    last = whole_parameter(request, "last", 600, 1, _MAX_TRACK)
    async with pool.lend() as database:
        # No text of PostgreSQL holds NUL, so no vehicle has one in its name.
        points = [] if "\0" in vehicle else await vehicles.track(database, vehicle, last)
    if not points:
        raise RequestError(404, f"there is no track of a vehicle {vehicle!r}")
    return reply({"vehicle": vehicle, "points": points})


async def newest_fences(request: Request) -> Response:
    """Answer `GET /v1/fences`: the newest fences as GeoJSON."""
    pool: Pool = request.app.state.pool
    async with pool.lend() as database:
        return reply(await definitions.newest_fences(database))
