"""Events held against `schemas/json/event.schema.json`, for tests."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from jsonschema import Draft202012Validator

from milepost_schemas.event import Event, cloud_event
from tests.schemas.legal import SCHEMAS

EVENT_SCHEMA: dict[str, Any] = json.loads(
    (SCHEMAS / "json" / "event.schema.json").read_text(encoding="utf-8")
)
_VALIDATOR = Draft202012Validator(EVENT_SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)

# Of events that look alike so many are looked at: property tests make a hundred thousand.
_ALIKE = 50
_seen: Counter[tuple[str, frozenset[str]]] = Counter()


def assert_described(event: Mapping[str, Any]) -> None:
    """Check that a CloudEvent of ours is as the schema says, and of a type that it knows."""
    kind = str(event["type"]).removeprefix("org.milepost.")
    assert kind in EVENT_SCHEMA["$defs"], f"{kind} is not described"
    faults = [f"{each.json_path}: {each.message}" for each in _VALIDATOR.iter_errors(event)]
    assert not faults, f"{kind}: {faults}: {event}"


def assert_all_described(events: Iterable[Event]) -> None:
    """Check events of the engine; of many that look alike only the first ones."""
    for event in events:
        looks = event.type, frozenset(event.data)
        _seen[looks] += 1
        if _seen[looks] <= _ALIKE:
            assert_described(json.loads(json.dumps(cloud_event(event, recorded_ms=0, cursor="c"))))
