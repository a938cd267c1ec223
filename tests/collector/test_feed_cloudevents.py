"""Events as they are served are CloudEvents 1.0.2, by the schema and by the text of its standard.

The schema leaves open what the text demands: the form of extension attributes, of URI-references
and of instants. The sections are those of github.com/cloudevents/spec, tag v1.0.2, spec.md.
"""

import asyncio
import json
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker, ValidationError

from tests.collector.events import event, fill
from tests.collector.web_server import served, streamed
from tests.fixtures.servers import FreshDatabase

SCHEMA = json.loads(Path(__file__).with_name("cloudevents-1.0.2.schema.json").read_text())
OF_STANDARD = Draft7Validator(SCHEMA, format_checker=FormatChecker())
DEFINED = set(SCHEMA["properties"])

# RFC 3986, 4.1 and 3: what a URI-reference is made of.
URI_REFERENCE = re.compile(r"([A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")
# RFC 3339, 5.6.
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@pytest.fixture
def told(plain_database: FreshDatabase) -> list[dict[str, Any]]:
    """The same events, from a page and from a stream."""
    kinds = ["fence.entered", "trip.started", "vehicle.idling"]
    events = [replace(event(n, kind=kinds[n]), subject=f"WL {n} ü") for n in range(3)]
    fill(plain_database, events)

    async def both() -> list[dict[str, Any]]:
        async with served(plain_database.dsn) as client:
            found = list((await client.get("/v1/events")).json()["events"])
            async for _, each in streamed(client, "/v1/events/stream"):
                found.append(each)
                if len(found) == 6:
                    break
        return found

    return asyncio.run(both())


def test_events_told_fit_the_schema_of_the_standard(told: list[dict[str, Any]]) -> None:
    """Pages and streams tell the same, and each event fits the schema."""
    assert told[:3] == told[3:]
    for each in told:
        OF_STANDARD.validate(each)
    with pytest.raises(ValidationError):
        OF_STANDARD.validate({**told[0], "source": ""})


def test_events_told_keep_the_text_of_the_standard(told: list[dict[str, Any]]) -> None:
    """What the schema leaves open holds as well."""
    for each in told:
        # "Context Attributes": names of small letters and digits, SHOULD have at most 20.
        assert all(re.fullmatch("[a-z0-9]{1,20}", name) for name in each)
        # "Type System": extensions are of simple types, and null stands for absent.
        extensions = [each[name] for name in each.keys() - DEFINED]
        assert len(extensions) == 2
        assert all(isinstance(value, str | bool | int) for value in extensions)
        assert None not in each.values()
        # "source": a non-empty URI-reference; "type": reversed DNS name; "specversion": 1.0.
        assert URI_REFERENCE.fullmatch(each["source"])
        assert each["type"].startswith("org.milepost.")
        assert each["specversion"] == "1.0"
        # "time" (and our time beside it): RFC 3339.
        for name in ("time", "recordedat"):
            assert INSTANT.fullmatch(each[name])
            assert datetime.fromisoformat(each[name]).utcoffset() is not None
        # JSON format, 3.1: data that is JSON stands in `data` as it is.
        assert each["datacontenttype"] == "application/json"
        assert isinstance(each["data"], dict)


def test_events_told_are_unique_by_source_and_id(told: list[dict[str, Any]]) -> None:
    """Two events never have the same `source` and `id` ("id")."""
    assert len({(each["source"], each["id"]) for each in told}) == 3
