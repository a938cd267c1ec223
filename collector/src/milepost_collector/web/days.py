"""A vehicle's day over HTTP: as JSON, GeoJSON, GPX and CSV."""

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from milepost_collector.delivery.day import (
    DayRecord,
    Span,
    as_csv,
    as_geojson,
    as_gpx,
    as_json,
    build,
)
from milepost_collector.events.difference import standing
from milepost_collector.store.days import UnknownVehicleError, read_day
from milepost_collector.store.definitions import rules_at
from milepost_collector.store.plans.reading import list_plans, snapshot
from milepost_collector.store.plans.rows import stored_plan
from milepost_collector.web.answers import Refusal
from milepost_collector.web.day_answers import Day as DayAnswer
from milepost_collector.web.day_answers import DayMap
from milepost_collector.web.endpoint import Asked, Endpoint
from milepost_collector.web.parameters import Day, In, Text, Zone
from milepost_collector.web.reply import RequestError, to_json
from milepost_schemas.fix import instant

_VEHICLE = Text("vehicle", "Its name.", In.PATH)
_DATE = Day("date", "The day, where the vehicle was.", In.PATH)
_ZONE = Zone("zone", "Where that is; else the zone of the day's plan, or UTC.")

# More plans of one day than anybody makes.
_MOST_PLANS = 100


async def _record(asked: Asked) -> DayRecord:
    vehicle, day = asked[_VEHICLE], asked[_DATE]
    assert day is not None  # noqa: S101 - a path has it
    async with asked.pool.lend() as database, snapshot(database):
        rows = await list_plans(database, vehicle=vehicle, day=day, limit=_MOST_PLANS)
        known = [(await stored_plan(database, row.id)).known for row in rows]
        plans = [(each.plan, dict(each.standings)) for each in known if each.plan is not None]
        zones = [plan.time_zone for plan, _ in plans]
        span = Span(day, asked[_ZONE] or (min(zones) if zones else "UTC"))
        try:
            # No text of PostgreSQL holds NUL, so no vehicle has one in its name.
            name = vehicle.replace("\0", " ")
            stored = await read_day(database, name, span.begin_ms, span.end_ms)
        except UnknownVehicleError as error:
            raise RequestError(404, str(error)) from None
        rules = await rules_at(database, instant(span.begin_ms))
    events = standing(stored.events)
    # Beside the event loop: a day of ten fixes a second takes a second.
    return await asyncio.to_thread(
        build, vehicle, span, stored.fixes, events, plans, rules, stored.late
    )


def _endpoint(
    name: str,
    form: str,
    write: Callable[[DayRecord], Any],
    summary: str,
    gives: type,
    media_type: str,
) -> Endpoint:
    async def answer(asked: Asked) -> Response:
        record = await _record(asked)

        def written() -> bytes:
            value = write(record)
            return value.encode() if isinstance(value, str) else to_json(value)

        content = await asyncio.to_thread(written)
        return Response(content, 200, {"Cache-Control": "no-store"}, media_type=media_type)

    answer.__name__ = name  # as the API's document calls it
    return Endpoint(
        f"/v1/vehicles/{{vehicle}}/days/{{date}}{form}",
        answer,
        summary,
        gives,
        media_type=media_type,
        parameters=(_VEHICLE, _DATE, _ZONE),
        refuses={404: Refusal},
    )


DAY = _endpoint("_day", "", as_json, "The record of a vehicle's day", DayAnswer, "application/json")
DAY_GEOJSON = _endpoint(
    "_day_geojson",
    "/geojson",
    as_geojson,
    "The record of a day for maps",
    DayMap,
    "application/geo+json",
)
DAY_GPX = _endpoint(
    "_day_gpx", "/gpx", as_gpx, "The track and stops of a day", str, "application/gpx+xml"
)
DAY_CSV = _endpoint(
    "_day_csv", "/csv", as_csv, "What happened on a day, as a table", str, "text/csv"
)
DAYS = (DAY, DAY_GEOJSON, DAY_GPX, DAY_CSV)
