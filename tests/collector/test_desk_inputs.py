"""Inputs and rules of desks as JSON: what is taken, and what each refusal says."""

import json
import uuid
from dataclasses import fields
from typing import Any

import pytest

from milepost_collector.delivery.desk import (
    DeskRules,
    DeskRulesError,
    InputError,
    desk_rules_from_json,
    input_json,
    input_of_json,
)
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
    planned_day,
)
from milepost_collector.delivery.desk.rules import desk_rules_json
from milepost_collector.delivery.source import Source
from milepost_collector.delivery.states import IncidentKind
from milepost_schemas.event import Event
from milepost_schemas.plan import read_plan

AT_MS = 1_790_000_000_000

PLAN = read_plan(
    {
        "id": "p1",
        "vehicle": "van-1",
        "date": "2026-09-21",
        "depot": {"lat_deg": 48, "lon_deg": 11, "departs_at": "2026-09-21T06:00:00Z"},
        "stops": [
            {
                "id": "s1",
                "lat_deg": 48.1,
                "lon_deg": 11.1,
                "address": "Mill Lane 3",
                "window": {"from": "2026-09-21T08:00:00Z", "to": "2026-09-21T09:00:00Z"},
                "orders": [
                    {
                        "id": "o1",
                        "parcels": ["x1", "x2"],
                        "contact": {"name": "Ada Byron", "phone": "+4917012345678", "note": "ring"},
                    }
                ],
            },
            {"id": "s2", "address": "somewhere"},
        ],
    }
)

EVERY: list[Input] = [
    PlanInput(1, AT_MS, planned_day(PLAN, {"s1": AT_MS}), Source.IMPORT, ("s9",)),
    TrackInput(
        *(2, AT_MS, 17),
        Event(uuid.UUID(int=5), "stop.arrived", "unit-1", "van-1", AT_MS, {"plan": "p1"}),
    ),
    TapInput(3, AT_MS, "key-1", TapKind.SCAN, AT_MS, parcels=("x1", "x2")),
    TapInput(
        *(4, AT_MS, "k", TapKind.INCIDENT, AT_MS, Source.DISPATCHER, "s1", (48.1, 11.1), "proof"),
        *(IncidentKind.DAMAGED, "note", "photo"),
    ),
    ForecastInput(5, AT_MS, AT_MS, None, (StopEta("s1", AT_MS, AT_MS, AT_MS, 12.5),)),
    ForecastInput(6, AT_MS, AT_MS, 5000, (StopEta("s1", AT_MS, AT_MS, AT_MS),)),
    SilentInput(7, AT_MS, "unit-1", AT_MS, "no network"),
    SilentInput(8, AT_MS, "unit-1", AT_MS),
    HeardInput(9, AT_MS, "unit-1", AT_MS),
    RulesInput(10, AT_MS, DeskRules(left_after_s=None, approach_m=500.0)),
    TickInput(11, AT_MS),
]


@pytest.mark.parametrize("entry", EVERY, ids=lambda entry: f"{entry.number}")
def test_input_is_the_same_out_of_json(entry: Input) -> None:
    """Each kind is stored as JSON and read again without a loss."""
    assert input_of_json(json.loads(json.dumps(input_json(entry)))) == entry


def test_every_kind_of_input_is_tried() -> None:
    """A kind that is added is added here."""
    kinds = {kind.__name__ for kind in Input.__subclasses__()}
    assert {type(entry).__name__ for entry in EVERY} == kinds


def test_plan_in_the_log_holds_nothing_of_people() -> None:
    """Names, numbers, addresses and notes are not in the log; places are, and can be erased."""
    stored = json.dumps(input_json(EVERY[0]))
    for personal in ("Ada", "+49", "Mill", "ring", "somewhere"):
        assert personal not in stored
    value = json.loads(stored)
    for stop in value["planned"]["stops"]:
        stop["place"] = None
    value["planned"]["depot"] = None
    erased = input_of_json(value)
    assert isinstance(erased, PlanInput)
    assert [stop.place for stop in erased.planned.stops] == [None, None]


def changed(which: int, /, **values: Any) -> dict[str, Any]:
    """Return an input as JSON, with other values; None: without them."""
    (entry,) = (each for each in EVERY if each.number == which)
    value = {**json.loads(json.dumps(input_json(entry))), **values}
    return {name: each for name, each in value.items() if each is not None}


BAD: list[tuple[object, str]] = [
    (None, "None is not a JSON object"),
    ([], "[] is not a JSON object"),
    (changed(11, version=2), "version 2, known is 1"),
    (changed(11, version=None), "version None, known is 1"),
    (changed(11, kind="tock"), "kind 'tock' is none of plan, track, tap, "),
    (changed(11, number=0), "number: 0 is not a whole number from 1"),
    (changed(11, number=True), "number: True is not a whole number"),
    (changed(11, at_ms=None), "at_ms: is missing"),
    (changed(11, at_ms=1.5), "at_ms: 1.5 is not a whole number"),
    (changed(11, more=1), "more: unknown field"),
    (changed(3, tap="shout"), "tap: 'shout' is not one of start, scan, complete"),
    (changed(3, key="a b"), "key: 'a b' is not a key"),
    (changed(3, parcels="x1"), "parcels: 'x1' is not a list"),
    (changed(4, incident=None), "incident: None is not there exactly where"),
    (changed(3, incident="late"), "incident: 'late' is not there exactly where"),
    (changed(4, incident="rain"), "incident: 'rain' is not one of late, damaged"),
    (changed(4, stop=None), "stop: None is not there, as incident needs it"),
    (changed(4, place=[91, 0]), "place: 91 is not a number from -90 to 90"),
    (changed(4, place=[48]), "place: [48] is not [latitude, longitude]"),
    (changed(5, etas=[{"stop": "s1"}]), "etas[0].eta_ms: is missing"),
    (changed(5, etas=[7]), "etas[0]: 7 is not a JSON object"),
    (changed(2, feed=-1), "feed: -1 is not a whole number"),
    (changed(2, event={}), "event.id: is missing"),
    (changed(2, event=3), "event: 3 is not a JSON object"),
    (changed(10, rules={"approach_m": -1}), "rules: approach_m = -1 is not from 0 to 50000"),
    (changed(1, planned={}), "planned.vehicle: is missing"),
    (changed(1, source="weather"), "source: 'weather' is not one of dispatcher"),
]


@pytest.mark.parametrize(("value", "says"), BAD, ids=lambda each: str(each)[:60])
def test_value_that_is_no_input_is_refused_by_what_is_wrong(value: object, says: str) -> None:
    """Each refusal names the place and the value."""
    with pytest.raises(InputError) as caught:
        input_of_json(value)
    assert says in str(caught.value)


@pytest.mark.parametrize("each", fields(DeskRules), ids=lambda each: str(each.name))
def test_rules_hold_their_own_defaults(each: Any) -> None:
    """Every default is one that could have been written."""
    assert desk_rules_from_json({each.name: each.default}) == DeskRules()


def test_rules_are_the_same_out_of_json() -> None:
    """What is not said is as usual, and all that is written is read."""
    rules = desk_rules_from_json({"approach_m": 500, "left_after_s": None})
    assert rules == DeskRules(approach_m=500.0, left_after_s=None)
    assert desk_rules_from_json(json.loads(json.dumps(desk_rules_json(rules)))) == rules
    assert desk_rules_from_json({}) == DeskRules()


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "is no JSON object of rules"),
        ({"speed": 5}, "unknown rule 'speed'"),
        ({"approach_m": None}, "approach_m = None is no number"),
        ({"approach_m": True}, "approach_m = True is no number"),
        ({"approach_m": float("nan")}, "approach_m = nan is no number"),
        ({"eta_moved_s": 10}, "eta_moved_s = 10 is not from 30 to 14400"),
        ({"left_after_s": 90_000}, "left_after_s = 90000 is not from 0 to 86400"),
    ],
)
def test_rule_that_cannot_be_is_refused(value: object, says: str) -> None:
    """The refusal names the rule and the value."""
    with pytest.raises(DeskRulesError) as caught:
        desk_rules_from_json(value)
    assert str(caught.value) == says
