"""What people tap at stops over HTTP: it goes into the log of the plan's desk, which decides."""

import math
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
from milepost_schemas.fix import instant, milliseconds
from milepost_schemas.plan import Problem

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
_ID = "^[A-Za-z0-9_.:-]{1,64}$"
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
    said = _Said(asked.body.value)
    made = partial(
        TapInput,
        key=_key(asked),
        tap=said.kind(),
        tapped_ms=said.time_ms(asked.clock.now_ms()),
        source=Source.DRIVER,
        stop=asked[_STOP],
        place=said.place(),
        proof=said.name("proof"),
        incident=said.incident(),
        photo=said.name("photo"),
    )
    said.refuse()
    return await _entered(asked, made)


async def _scan(asked: Asked) -> Response:
    said = _Said(asked.body.value)
    made = partial(
        TapInput,
        key=_key(asked),
        tap=TapKind.SCAN,
        tapped_ms=said.time_ms(asked.clock.now_ms()),
        source=Source.DRIVER,
        parcels=said.parcels(),
    )
    said.refuse()
    return await _entered(asked, made)


def _key(asked: Asked) -> str:
    key = asked[_KEY]
    if not key:
        raise RequestError(400, "there is no Idempotency-Key: a tap that is sent again counts once")
    return key


async def _entered(asked: Asked, made: "partial[TapInput]") -> Response:
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


class _Said:
    """What a tap says, with all that is wrong with it."""

    def __init__(self, value: Any) -> None:
        self._problems: list[Problem] = []
        if not isinstance(value, dict):
            raise problems([Problem("", "is no JSON object")])
        self._value = value

    def refuse(self) -> None:
        """Refuse what is wrong, and what nobody has asked for.

        Raises:
            RequestError: With all of it.
        """
        known = {"tap", "tapped_at", "place", "incident", "proof", "photo", "parcels"}
        for name in self._value.keys() - known:
            told = f"unknown field; known are {', '.join(sorted(known))}"
            self._problems.append(Problem(str(name)[:80], told))
        if self._problems:
            raise problems(self._problems)

    def kind(self) -> TapKind:
        said = self._value.get("tap")
        if said in list(_AT_STOPS):
            return TapKind(said)
        self._wrong("tap", said, f"one of {', '.join(_AT_STOPS)}")
        return TapKind.START

    def time_ms(self, otherwise_ms: int) -> int:
        said = self._value.get("tapped_at")
        if said is None:
            return otherwise_ms
        try:
            found = datetime.fromisoformat(said)
            if found.tzinfo is not None:
                return milliseconds(found)
        except (TypeError, ValueError, OverflowError):
            pass
        self._wrong("tapped_at", said, "a time with an offset (RFC 3339)")
        return otherwise_ms

    def place(self) -> tuple[float, float] | None:
        said = self._value.get("place")
        if said is None:
            return None
        if isinstance(said, dict) and said.keys() == {"lat_deg", "lon_deg"}:
            lat_deg, lon_deg = said["lat_deg"], said["lon_deg"]
            if _is_within(lat_deg, 90) and _is_within(lon_deg, 180):
                return float(lat_deg), float(lon_deg)
        self._wrong("place", said, "lat_deg and lon_deg on Earth")
        return None

    def incident(self) -> IncidentKind | None:
        said = self._value.get("incident")
        wants = self._value.get("tap") == TapKind.INCIDENT
        if said is None and not wants:
            return None
        if wants and said in list(IncidentKind):
            return IncidentKind(said)
        right = f"one of {', '.join(IncidentKind)}" if wants else "said without an incident"
        self._wrong("incident", said, right)
        return None

    def name(self, field: str) -> str | None:
        said = self._value.get(field)
        if said is None or (isinstance(said, str) and 0 < len(said) <= 64 and said.isascii()):
            return said
        self._wrong(field, said, "an id of at most 64 characters")
        return None

    def parcels(self) -> tuple[str, ...]:
        said = self._value.get("parcels")
        if (
            isinstance(said, list)
            and 0 < len(said) <= _MOST_PARCELS
            and all(isinstance(each, str) and 0 < len(each) <= 64 for each in said)
        ):
            return tuple(said)
        self._wrong("parcels", said, f"a list of 1 to {_MOST_PARCELS} parcels")
        return ()

    def _wrong(self, field: str, said: object, right: str) -> None:
        self._problems.append(Problem(field, f"{said!r:.80} is not {right}"))


def _is_within(value: object, most: float) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and abs(value) <= most  # type: ignore[arg-type]


_TIME = {
    "type": "string",
    "format": "date-time",
    "description": "When it was tapped, by the phone's clock; without it, now.",
}
_NAME = {"type": ["string", "null"], "pattern": _ID}
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
