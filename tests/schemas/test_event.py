"""Events: ids that are the same for ever, and CloudEvents that others can read."""

import json
import uuid

import jsonschema
import pytest

from milepost_schemas.event import Event, cloud_event, event_id, rfc3339

FIRST_MS = 1_700_000_000_000

# CloudEvents 1.0.2, JSON format, as far as an event without binary data goes:
# https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
CLOUD_EVENT = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "minLength": 1, "pattern": "^[^ ]+$"},
        "type": {"type": "string", "minLength": 1},
        "subject": {"type": "string", "minLength": 1},
        "time": {"$ref": "#/$defs/instant"},
        "recordedat": {"$ref": "#/$defs/instant"},
        "datacontenttype": {"const": "application/json"},
        "data": {"type": "object"},
    },
    "propertyNames": {"pattern": "^[a-z0-9]{1,20}$"},
    "additionalProperties": {"type": ["string", "boolean", "integer"]},
    "$defs": {
        "instant": {
            "type": "string",
            "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$",
        }
    },
}


def test_event_id_is_the_same_for_ever() -> None:
    """Ids that were once given are given again; a change here breaks every consumer's memory."""
    assert event_id("van-01", FIRST_MS, "fence.entered", "depot") == uuid.UUID(
        "1ce31796-f528-5b9d-ac5d-f4138e3f2048"
    )
    assert event_id("van-01", FIRST_MS, "trip.started", "", 1) == uuid.UUID(
        "09d8ca01-06c7-5d5d-a02e-8c03e9d6eaf3"
    )


def test_event_ids_differ_in_every_part_of_the_cause() -> None:
    """Two fences entered at one fix, another kind, device, instant or ordinal: another id."""
    ids = [
        event_id("van-01", FIRST_MS, "fence.entered", "depot"),
        event_id("van-01", FIRST_MS, "fence.entered", "harbour"),
        event_id("van-01", FIRST_MS, "fence.exited", "depot"),
        event_id("van-02", FIRST_MS, "fence.entered", "depot"),
        event_id("van-01", FIRST_MS + 1, "fence.entered", "depot"),
        event_id("van-01", FIRST_MS, "fence.entered", "depot", 1),
        event_id("van-01", FIRST_MS, "fence.entered", ""),
    ]
    assert len(set(ids)) == len(ids)
    assert {each.version for each in ids} == {5}


@pytest.mark.parametrize("data", [{}, {"fence": "depot", "speed_mps": 3.5, "inside": [1, None]}])
def test_cloud_event_is_valid(data: dict[str, object]) -> None:
    """An event in its outer form is a CloudEvent 1.0 that survives JSON."""
    event = Event(
        id=event_id("van-01", FIRST_MS, "fence.entered", "depot"),
        type="fence.entered",
        device="van-01",
        subject="WL-23",
        time_ms=FIRST_MS + 250,
        data=data,
    )
    written = cloud_event(event, recorded_ms=FIRST_MS + 5_000, cursor="a7-12")
    jsonschema.validate(json.loads(json.dumps(written)), CLOUD_EVENT)
    assert written["type"] == "org.milepost.fence.entered"
    assert written["source"] == "milepost/van-01"
    assert written["subject"] == "WL-23"
    assert written["time"] == "2023-11-14T22:13:20.250Z"
    assert written["recordedat"] == "2023-11-14T22:13:25.000Z"
    assert written["cursor"] == "a7-12"
    assert written["data"] == data


def test_cloud_event_schema_refuses_what_is_none() -> None:
    """The schema of this test is able to fail."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"specversion": "1.0", "id": "1", "source": "milepost"}, CLOUD_EVENT)


def test_instants_are_written_in_utc_with_milliseconds() -> None:
    """Every instant is written alike, so that texts sort as the instants do."""
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(FIRST_MS + 7) == "2023-11-14T22:13:20.007Z"
