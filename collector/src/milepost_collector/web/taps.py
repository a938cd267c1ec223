"""What people tap at stops over HTTP: it goes into the log of the plan's desk, which decides."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from msgspec import Meta
from starlette.responses import Response

from milepost_collector.delivery.desk.inputs import TapInput, TapKind
from milepost_collector.delivery.desk.tapping import Refusal as TapRefusal
from milepost_collector.delivery.source import Source
from milepost_collector.delivery.states import IncidentKind
from milepost_collector.desks.plans import tell_plan
from milepost_collector.store.desks import PLAN, enter
from milepost_collector.web.answers import Conflict, Refusal
from milepost_collector.web.body import Body
from milepost_collector.web.endpoint import Asked, Endpoint, Method
from milepost_collector.web.parameters import Form, In
from milepost_collector.web.planning import id_parameter, problems, refusals
from milepost_collector.web.reply import RequestError, reply
from milepost_schemas.fix import instant
from milepost_schemas.plan.reader import ID, Reader

_PLAN = id_parameter("plan", "Its id.")
_STOP = id_parameter("stop", "The stop's id in its plan.")
_KEY = Form(
    "Idempotency-Key",
    "A name that the phone gives this tap: however often it is sent, it counts once.",
    In.HEADER,
    pattern="[A-Za-z0-9_.:-]{8,128}",
    right="a key: [A-Za-z0-9_.:-]{8,128}",
)

# Those that concern one stop; parcels are scanned for a plan.
_AT_STOPS = tuple(kind for kind in TapKind if kind is not TapKind.SCAN)
_PARCEL = re.compile(r".{1,64}", re.DOTALL)
_MOST_PARCELS = 1_000


@dataclass(frozen=True, slots=True)
class StopStands:
    """How a stop stands now."""

    stop: str
    state: str
    attempts: int
    since: datetime


@dataclass(frozen=True, slots=True)
class TapTaken:
    """A tap was taken."""

    repeated: Annotated[bool, Meta(description="It had counted before, and counts once.")]
    stops: Annotated[list[StopStands], Meta(description="Those that stand differently now.")]


async def _tap(asked: Asked) -> Response:
    reader = Reader()
    given = reader.fields(asked.body.value, "", "tap tapped_at place incident proof photo", "tap")
    tap = reader.one_of(given["tap"], "tap", _AT_STOPS) if "tap" in given else _AT_STOPS[0]
    made = partial(
        TapInput,
        key=_key(asked),
        tap=TapKind(tap),
        tapped_ms=_tapped_ms(reader, given, asked),
        source=Source.DRIVER,
        stop=asked[_STOP],
        place=_place(reader, given),
        proof=_name(reader, given, "proof"),
        incident=_incident(reader, given),
        photo=_name(reader, given, "photo"),
    )
    return await _entered(asked, reader, made)


async def _scan(asked: Asked) -> Response:
    reader = Reader()
    given = reader.fields(asked.body.value, "", "parcels tapped_at", "parcels")

    def parcel(value: object, where: str) -> str:
        return reader.text(value, where, _PARCEL, "a parcel of 1 to 64 characters")

    made = partial(
        TapInput,
        key=_key(asked),
        tap=TapKind.SCAN,
        tapped_ms=_tapped_ms(reader, given, asked),
        source=Source.DRIVER,
        parcels=reader.each(given.get("parcels", []), "parcels", _MOST_PARCELS, parcel),
    )
    if given.get("parcels") == []:
        reader.wrong("parcels", [], "a list of 1 or more")
    return await _entered(asked, reader, made)


def _tapped_ms(reader: Reader, given: Mapping[str, Any], asked: Asked) -> int:
    said = given.get("tapped_at")
    return asked.clock.now_ms() if said is None else reader.time_ms(said, "tapped_at")


def _place(reader: Reader, given: Mapping[str, Any]) -> tuple[float, float] | None:
    if "place" not in given:
        return None
    names = "lat_deg lon_deg"
    place = reader.fields(given["place"], "place", names, names)
    return (
        reader.number(place.get("lat_deg", 0), "place.lat_deg", -90, 90),
        reader.number(place.get("lon_deg", 0), "place.lon_deg", -180, 180),
    )


def _incident(reader: Reader, given: Mapping[str, Any]) -> IncidentKind | None:
    said = given.get("incident")
    if given.get("tap") == TapKind.INCIDENT:
        return IncidentKind(reader.one_of(said, "incident", tuple(IncidentKind)))
    if said is not None:
        reader.wrong("incident", said, "said without an incident")
    return None


def _name(reader: Reader, given: Mapping[str, Any], field: str) -> str | None:
    said = given.get(field)
    return None if said is None else reader.text(said, field, ID, f"an id: {ID.pattern}")


def _key(asked: Asked) -> str:
    key = asked[_KEY]
    if not key:
        raise RequestError(400, "there is no Idempotency-Key: a tap that is sent again counts once")
    return key


async def _entered(asked: Asked, reader: Reader, made: "partial[TapInput]") -> Response:
    if reader.problems:
        raise problems(reader.problems)
    plan = asked[_PLAN]
    async with asked.pool.lend() as database:
        now_ms = asked.clock.now_ms()
        with refusals():
            await tell_plan(database, plan, now_ms)
        told = await enter(database, f"{PLAN}{plan}", made, now_ms)
    if told.refusal is not None:
        raise _refused(told.refusal)
    stops = [
        StopStands(
            each.stop,
            each.standing.state.value,
            each.standing.attempts,
            instant(each.since_ms),
        )
        for each in told.changes
    ]
    return reply(TapTaken(told.repeated, stops))


def _refused(refusal: TapRefusal) -> RequestError:
    if refusal.is_unknown:
        return RequestError(404, refusal.message)
    body = Conflict(refusal.message, list(refusal.allowed))
    return RequestError(409, refusal.message, body=body)


_TIME = {
    "type": "string",
    "format": "date-time",
    "description": "When it was tapped, by the phone's clock; without it, now.",
}
_NAME = {"type": ["string", "null"], "pattern": f"^{ID.pattern}$"}
_TAP_SCHEMA = {
    "type": "object",
    "required": ["tap"],
    "additionalProperties": False,
    "properties": {
        "tap": {"type": "string", "enum": list(_AT_STOPS)},
        "tapped_at": _TIME,
        "place": {
            "type": "object",
            "description": "Where the phone was.",
            "required": ["lat_deg", "lon_deg"],
            "additionalProperties": False,
            "properties": {
                "lat_deg": {"type": "number", "minimum": -90, "maximum": 90},
                "lon_deg": {"type": "number", "minimum": -180, "maximum": 180},
            },
        },
        "incident": {
            "type": "string",
            "enum": list(IncidentKind),
            "description": "What went wrong, exactly where `tap` is `incident`.",
        },
        "proof": {**_NAME, "description": "The id of the proof of delivery."},
        "photo": {**_NAME, "description": "The id of a picture."},
    },
}
_SCAN_SCHEMA = {
    "type": "object",
    "required": ["parcels"],
    "additionalProperties": False,
    "properties": {
        "parcels": {
            "type": "array",
            "minItems": 1,
            "maxItems": _MOST_PARCELS,
            "items": {"type": "string", "minLength": 1, "maxLength": 64},
        },
        "tapped_at": _TIME,
    },
}

TAPS = (
    Endpoint(
        "/v1/plans/{plan}/stops/{stop}/taps",
        _tap,
        "Say what a driver tapped at a stop",
        TapTaken,
        method=Method.POST,
        parameters=(_PLAN, _STOP, _KEY),
        body=Body("What was tapped, and when.", _TAP_SCHEMA, {}),
        refuses={404: Refusal, 409: Conflict},
    ),
    Endpoint(
        "/v1/plans/{plan}/scans",
        _scan,
        "Say which parcels were scanned when the vehicle was loaded",
        TapTaken,
        method=Method.POST,
        parameters=(_PLAN, _KEY),
        body=Body("The parcels.", _SCAN_SCHEMA, {}),
        refuses={404: Refusal, 409: Conflict},
    ),
)
