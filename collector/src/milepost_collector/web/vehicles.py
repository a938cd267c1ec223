"""The vehicles over HTTP: where each is, where it has been, and the fences around."""

from starlette.responses import Response

from milepost_collector.store import definitions, vehicles
from milepost_collector.web.answers import Fences, Refusal, Track, Vehicles
from milepost_collector.web.endpoint import Asked, Endpoint
from milepost_collector.web.parameters import In, Text, Whole
from milepost_collector.web.reply import RequestError, reply

_MAX_TRACK = 10_000

_VEHICLE = Text("vehicle", "Its name.", In.PATH)
_LAST = Whole("last", "How many of its newest positions.", low=1, high=_MAX_TRACK, default=600)


async def _list_vehicles(asked: Asked) -> Response:
    async with asked.pool.lend() as database:
        found = await vehicles.all_vehicles(database)
    return reply(Vehicles(asked.clock.now(), found))


async def _vehicle_track(asked: Asked) -> Response:
    vehicle, last = asked[_VEHICLE], asked[_LAST]
    async with asked.pool.lend() as database:
        # No text of PostgreSQL holds NUL, so no vehicle has one in its name.
        points = [] if "\0" in vehicle else await vehicles.track(database, vehicle, last)
    if not points:
        raise RequestError(404, f"there is no track of a vehicle {vehicle!r}")
    return reply(Track(vehicle, points))


async def _newest_fences(asked: Asked) -> Response:
    async with asked.pool.lend() as database:
        return reply(await definitions.newest_fences(database))


VEHICLES = Endpoint(
    "/v1/vehicles", _list_vehicles, "The last position of each vehicle, by name", Vehicles
)
TRACK = Endpoint(
    "/v1/vehicles/{vehicle}/track",
    _vehicle_track,
    "The newest positions of a vehicle, oldest first",
    Track,
    parameters=(_VEHICLE, _LAST),
    refuses={404: Refusal},
)
FENCES = Endpoint("/v1/fences", _newest_fences, "The newest fences as GeoJSON", Fences)
