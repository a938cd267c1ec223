"""Inputs as JSON values, as the log stores them, and out of them again.

`version` stands in each, so that a log that was written by an older collector stays readable.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from milepost_collector.delivery.desk.input_reader import KEY, TYPE, InputReader
from milepost_collector.delivery.desk.inputs import (
    ForecastInput,
    HeardInput,
    Input,
    PlanInput,
    RulesInput,
    SilentInput,
    StopEta,
    TapInput,
    TapKind,
    TickInput,
    TrackInput,
)
from milepost_collector.delivery.desk.planned_json import read_day
from milepost_collector.delivery.desk.rules import (
    DeskRulesError,
    desk_rules_from_json,
    desk_rules_json,
)
from milepost_collector.delivery.source import Source
from milepost_collector.delivery.states import IncidentKind
from milepost_schemas.event import Event
from milepost_schemas.plan.reader import MOST_ORDERS, MOST_PARCELS, MOST_STOPS, VEHICLE
from milepost_schemas.plan.reader import at as under

INPUT_VERSION = 1


_KINDS: dict[type[Input], str] = {
    PlanInput: "plan",
    TrackInput: "track",
    TapInput: "tap",
    ForecastInput: "forecast",
    SilentInput: "silent",
    HeardInput: "heard",
    RulesInput: "rules",
    TickInput: "tick",
}


class InputError(ValueError):
    """A value is no input; the message says all that is wrong, and where."""


def input_json(entry: Input) -> dict[str, Any]:
    """Write an input."""
    written = asdict(entry)
    if isinstance(entry, TrackInput):
        written["event"]["id"] = str(entry.event.id)
        written["event"]["data"] = dict(entry.event.data)
    elif isinstance(entry, RulesInput):
        written["rules"] = desk_rules_json(entry.rules)
    return {"version": INPUT_VERSION, "kind": _KINDS[type(entry)], **_listed(written)}


def input_of_json(value: object) -> Input:
    """Read an input.

    Raises:
        InputError: It is none, or of a version that this collector does not know.
    """
    if not isinstance(value, Mapping):
        raise InputError(f"{value!r:.80} is not a JSON object")
    if value.get("version") != INPUT_VERSION:
        raise InputError(f"version {value.get('version')!r:.80}, known is {INPUT_VERSION}")
    read = _READERS.get(str(value.get("kind")))
    if read is None:
        raise InputError(f"kind {value.get('kind')!r:.80} is none of {', '.join(_READERS)}")
    reader = InputReader()
    entry = read(reader, value)
    if reader.problems:
        raise InputError("; ".join(map(str, reader.problems)))
    return entry


def _listed(value: Any) -> Any:
    """Return a value with lists for tuples, as JSON has them."""
    if isinstance(value, dict):
        return {name: _listed(each) for name, each in value.items()}
    return [_listed(each) for each in value] if isinstance(value, (list, tuple)) else value


def _plan(reader: InputReader, value: object) -> PlanInput:
    given = reader.of(value, "planned source moved_away", "planned source")
    planned = read_day(reader, given.get("planned", {}))
    source = reader.word(given, "source", Source)
    moved = reader.ids(given, "moved_away", MOST_STOPS)
    return PlanInput(*_numbered(reader, given), planned, source, moved)


def _track(reader: InputReader, value: object) -> TrackInput:
    given = reader.of(value, "feed event", "feed event")
    told = reader.fields(
        given.get("event", {}),
        "event",
        *["id type device subject time_ms data"] * 2,
    )
    try:
        identity = uuid.UUID(str(told.get("id", "")))
    except ValueError:
        reader.wrong("event.id", told.get("id"), "a UUID")
        identity = uuid.UUID(int=0)
    data = told.get("data", {})
    if not isinstance(data, Mapping):
        reader.wrong("event.data", data, "a JSON object")
        data = {}
    event = Event(
        identity,
        reader.text(told.get("type", ""), "event.type", TYPE, "a type of events"),
        reader.text(told.get("device", ""), "event.device", VEHICLE, "a device"),
        str(told.get("subject", "")),
        reader.whole(told, "time_ms", where="event"),
        dict(data),
    )
    return TrackInput(*_numbered(reader, given), reader.whole(given, "feed"), event)


def _tap(reader: InputReader, value: object) -> TapInput:
    optional = "source stop place proof incident note photo parcels"
    given = reader.of(value, f"key kind tapped_ms tap {optional}", "key tap tapped_ms")
    kind = reader.word(given, "tap", TapKind)
    if (kind is TapKind.INCIDENT) != ("incident" in given):
        reader.wrong(
            "incident", given.get("incident"), "there exactly where an incident was tapped"
        )
    if "stop" not in given and kind not in (TapKind.START, TapKind.SCAN):
        reader.wrong("stop", None, f"there, as {kind} needs it")
    return TapInput(
        *_numbered(reader, given),
        reader.text(given.get("key", ""), "key", KEY, "a key of 1 to 128 printable characters"),
        kind,
        reader.whole(given, "tapped_ms"),
        reader.word(given, "source", Source) if "source" in given else Source.DRIVER,
        reader.id(given, "stop"),
        reader.degrees(given, "place"),
        reader.id(given, "proof"),
        reader.word(given, "incident", IncidentKind) if "incident" in given else None,
        reader.id(given, "note"),
        reader.id(given, "photo"),
        reader.ids(given, "parcels", MOST_ORDERS * MOST_PARCELS),
    )


def _forecast(reader: InputReader, value: object) -> ForecastInput:
    given = reader.of(value, "made_ms age_ms etas", "made_ms etas")
    return ForecastInput(
        *_numbered(reader, given),
        reader.whole(given, "made_ms"),
        reader.known(given, "age_ms"),
        reader.each(given.get("etas", []), "etas", MOST_STOPS, lambda v, w: _eta(reader, v, w)),
    )


def _eta(reader: InputReader, value: object, where: str) -> StopEta:
    needed = "stop eta_ms low_ms high_ms"
    given = reader.fields(value, where, f"{needed} distance_m", needed)
    distance_m = given.get("distance_m")
    if distance_m is not None:
        distance_m = reader.number(distance_m, under(where, "distance_m"), 0, 1e8)
    eta_ms, low_ms, high_ms = (
        reader.whole(given, name, where=where) for name in ("eta_ms", "low_ms", "high_ms")
    )
    return StopEta(reader.id(given, "stop", where) or "", eta_ms, low_ms, high_ms, distance_m)


def _silent(reader: InputReader, value: object) -> SilentInput:
    given = reader.of(value, "device since_ms reason", "device since_ms")
    device = reader.text(given.get("device", ""), "device", VEHICLE, "a device")
    reason = reader.words(given["reason"], "reason") if "reason" in given else None
    return SilentInput(*_numbered(reader, given), device, reader.whole(given, "since_ms"), reason)


def _heard(reader: InputReader, value: object) -> HeardInput:
    given = reader.of(value, "device heard_ms", "device heard_ms")
    device = reader.text(given.get("device", ""), "device", VEHICLE, "a device")
    return HeardInput(*_numbered(reader, given), device, reader.whole(given, "heard_ms"))


def _rules(reader: InputReader, value: object) -> RulesInput:
    given = reader.of(value, "rules", "rules")
    try:
        rules = desk_rules_from_json(given.get("rules", {}))
    except DeskRulesError as error:
        reader.wrong("rules", given.get("rules"), f"rules: {error}")
        rules = desk_rules_from_json({})
    return RulesInput(*_numbered(reader, given), rules)


def _tick(reader: InputReader, value: object) -> TickInput:
    return TickInput(*_numbered(reader, reader.of(value, "", "")))


def _numbered(reader: InputReader, given: Mapping[str, Any]) -> tuple[int, int]:
    return reader.whole(given, "number", 1), reader.whole(given, "at_ms")


_READERS: dict[str, Callable[[InputReader, object], Input]] = {
    "plan": _plan,
    "track": _track,
    "tap": _tap,
    "forecast": _forecast,
    "silent": _silent,
    "heard": _heard,
    "rules": _rules,
    "tick": _tick,
}
