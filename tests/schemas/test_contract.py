"""The contract for tools: JSON Schemas, and AsyncAPI for all topics; both hold for what is said."""

import copy
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator, ValidationError
from referencing import Registry, Resource

from milepost_agent.board import Power
from milepost_agent.buffer import Buffer
from milepost_agent.health import Condition, Silence, health
from milepost_collector.config import JetStreamConfig
from milepost_collector.engine import (
    Definitions,
    EngineState,
    Job,
    Version,
    fences_from_geojson,
    run_engine,
)
from milepost_collector.events.difference import Difference
from milepost_collector.events.revision import revision
from milepost_collector.feed.addresses import jetstream_subject, mqtt_topic
from milepost_collector.ingest.statuses import MAX_STATUS_BYTES, read_status
from milepost_firmware_sim.fleet.figures import Tally
from milepost_firmware_sim.fleet.vehicle import Vehicle
from milepost_schemas.bulk import FixRows
from milepost_schemas.event import Event, cloud_event, event_id
from milepost_schemas.fix import Fix
from milepost_schemas.message import MAX_MESSAGE_BYTES
from milepost_schemas.topics import Address, Channel
from tests.collector.batches import START_MS, drive
from tests.collector.fences import circle, collection
from tests.schemas.legal import SCHEMAS

JSON = SCHEMAS / "json"
NAMES = sorted(path.name.removesuffix(".schema.json") for path in JSON.iterdir())
STREAM = bytes(range(8))


def load(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def schema(name: str) -> Any:
    """Return one of our JSON Schemas."""
    return load(JSON / f"{name}.schema.json")


def strict(part: Any) -> Any:
    """Return a schema that also refuses members which it does not describe."""
    if isinstance(part, list):
        return [strict(each) for each in part]
    if not isinstance(part, dict):
        return part
    closed = {name: strict(each) for name, each in part.items()}
    if part.get("type") == "object" and "properties" in part:
        closed["additionalProperties"] = False
    return closed


def validator(described: Any) -> Draft202012Validator:
    """Return what validates against a schema, which may name the others."""
    known = [(each["$id"], Resource.from_contents(each)) for each in map(schema, NAMES)]
    return Draft202012Validator(described, registry=Registry().with_resources(known))


@pytest.mark.parametrize("name", NAMES)
def test_json_schemas_are_such(name: str) -> None:
    """Each file is a JSON Schema 2020-12 of a name of its own."""
    Draft202012Validator.check_schema(schema(name))
    assert schema(name)["$id"] == f"urn:milepost:json:{name}"
    assert schema(name)["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


def said_online(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    """Return a status as an agent puts it together."""
    buffer = Buffer(tmp_path / "buffer.db")
    buffer.begin_stream()
    usual: dict[str, Any] = {
        "receiver": "receiving",
        "receiver_reason": "NMEA 0183",
        "hears": True,
        "has_fix": True,
        "link": "up",
        "refused": "",
        "buffer": buffer.health(),
        "power": Power(),
        "asleep": False,
    }
    buffer.close()
    told = health(
        Condition(**{**usual, **changes}),
        boot="5c7e6f9a-0000-4000-8000-000000000000",
        up_s=71.4,
        sentences_per_s=8.04,
        rejects={"checksum": 3},
        temperature_c=changes.get("heat"),
        disk_free_bytes=None,
        clock_offset_s=None,
    )
    return {"online": True, **told, "run": STREAM.hex(), "connection": 1}


@pytest.mark.parametrize(
    ("changes", "silent"),
    [
        ({}, None),
        ({"power": Power(ignition=True, low_voltage=True, throttled=False)}, Silence.NO_POWER),
        ({"hears": False}, Silence.NO_SERIAL),
        ({"has_fix": False}, Silence.NO_FIX),
        ({"link": "down"}, Silence.NO_NETWORK),
        ({"refused": "version", "asleep": True}, Silence.REFUSED),
    ],
)
def test_status_of_an_agent_is_described(
    tmp_path: Path, changes: dict[str, Any], silent: str | None
) -> None:
    """What an agent says of itself fits the schema, which describes each of its members."""
    status = said_online(tmp_path, **changes)
    assert status["silent"] == silent
    validator(strict(schema("status"))).validate(json.loads(json.dumps(status)))


def test_status_of_a_simulated_vehicle_is_described() -> None:
    """Greeting, goodbye and will fit the schema, and the collector reads them."""
    address = Address(3, "sim-1")
    vehicle = Vehicle(address, lambda at: Fix(at, 0, 0), Tally(), random.Random(1))
    vehicle.start(STREAM, 1_700_000_000)
    for said in (vehicle.will(), vehicle.greeting("0.1.0"), vehicle.goodbye()):
        validator(strict(schema("status"))).validate(json.loads(said))
        assert read_status(address, said) is not None
        assert len(said) <= MAX_STATUS_BYTES


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": ""},
        {"online": "yes"},
        {"run": "F0E1D2C3B4A59687"},
        {"connection": 0},
        {"silent": True},
        {"buffer": {"oldest": "yesterday"}},
        {"buffer": {"rows": -1}},
        {"board": {"ignition": "on"}},
        {"receiver": {"rejects": {"checksum": 1.5}}},
        {"reason": "lost"},
        {"online": False, "reason": "bored"},
        {"online": False},
    ],
)
def test_status_that_is_none_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    """The schema of the status is able to fail."""
    with pytest.raises(ValidationError):
        validator(schema("status")).validate({**said_online(tmp_path), **wrong})


@pytest.mark.parametrize("name", ["online", "run", "connection", "version"])
def test_status_without_what_is_always_there_is_refused(tmp_path: Path, name: str) -> None:
    """What a reader needs is required."""
    status = said_online(tmp_path)
    del status[name]
    with pytest.raises(ValidationError):
        validator(schema("status")).validate(status)


def test_status_of_the_wire_document_is_that_of_the_schema() -> None:
    """wire.md and the schema name the same members, and its examples fit."""
    text = (SCHEMAS / "wire.md").read_text(encoding="utf-8")
    part = text.split("## Status")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)) == set(
        schema("status")["properties"]
    )
    examples = [line for line in part.splitlines() if line.startswith("    {")]
    for line in examples:
        shown = re.sub(r'"\w+": \{\.\.\.\}, ', "", line)
        validator(schema("status")).validate(json.loads(shown))
    assert len(examples) == 3


def events() -> Iterator[Any]:
    """Yield events as the feed writes them: of a drive, one withdrawn, one of an unknown type."""
    fixes = drive(1, 120)
    yard = fences_from_geojson(collection(circle("yard", fixes[60].fix, radius_m=200)))
    job = Job(EngineState(), "van-1", "WL-23", 0, len(fixes))
    definitions = Definitions.always(Version.of(yard))
    (made,) = run_engine([job], FixRows.of([(0, fixes)]), definitions).events
    fenced = [event for event in made if event.type.startswith("fence.")]
    assert [event.type for event in fenced] == ["fence.entered", "fence.exited"]
    withdrawn = revision(Difference(gone=fenced[:1]), set())
    unknown = Event(event_id("van-1", 5, "route.left", ""), "route.left", "van-1", "WL-23", 5)
    for event in (*fenced, *made, *withdrawn, unknown):
        written = cloud_event(event, recorded_ms=START_MS + 7, cursor=f"{'0f' * 16}-12")
        yield json.loads(json.dumps(written))


def test_events_are_described() -> None:
    """What the feed says fits the schema, which describes each of its members."""
    for event in events():
        validator(strict(schema("event"))).validate(event)
    page = {"events": list(events()), "next": f"{'0f' * 16}-12"}
    validator(schema("event_page")).validate(page)


@pytest.mark.parametrize(
    "wrong",
    [
        {"specversion": "0.3"},
        {"id": "1"},
        {"source": "van-1"},
        {"type": "fence.entered"},
        {"time": "2023-11-14 22:13:20"},
        {"data": []},
        {"data": {"fence": "yard"}},
        {"cursor": ""},
        {"Extra": 1},
        {"extra": 1.5},
    ],
)
def test_event_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    """The schema of the event, and of a page of them, is able to fail."""
    event = {**next(events()), **wrong}
    with pytest.raises(ValidationError):
        validator(schema("event")).validate(event)
    with pytest.raises(ValidationError):
        validator(schema("event_page")).validate({"events": [event], "next": "x-1"})


ASYNCAPI = load(SCHEMAS / "asyncapi.json")
OF_ASYNCAPI = Draft7Validator(load(Path(__file__).with_name("asyncapi-3.0.0.schema.json")))


def references(part: Any) -> Iterator[str]:
    """Yield all references in a document."""
    for name, each in part.items() if isinstance(part, dict) else enumerate(part):
        if name == "$ref":
            yield each
        elif isinstance(each, dict | list):
            yield from references(each)


def resolved(reference: str) -> Any:
    """Return what a reference in the AsyncAPI document leads to."""
    file, _, pointer = reference.partition("#")
    found = load(SCHEMAS / file) if file else ASYNCAPI
    for name in pointer.split("/")[1:]:
        found = found[name]
    return found


def test_asyncapi_document_is_one() -> None:
    """It fits AsyncAPI 3.0's own schema, and every reference in it leads somewhere."""
    OF_ASYNCAPI.validate(ASYNCAPI)
    led = [resolved(reference) for reference in references(ASYNCAPI)]
    assert len(led) > 20
    for name in NAMES:
        if name not in ("event_page", "plan"):  # what goes over HTTP, no message
            assert f"json/{name}.schema.json" in set(references(ASYNCAPI))


@pytest.mark.parametrize("path", [("info",), ("operations", "takeBatches", "action")])
def test_asyncapi_document_without_a_part_is_none(path: tuple[str, ...]) -> None:
    """The schema of this test is able to fail."""
    broken = copy.deepcopy(ASYNCAPI)
    part = broken
    for name in path[:-1]:
        part = part[name]
    del part[path[-1]]
    with pytest.raises(ValidationError):
        OF_ASYNCAPI.validate(broken)


def test_asyncapi_names_every_topic() -> None:
    """Its channels over MQTT are those that the programs use, at the same addresses."""
    channels = ASYNCAPI["channels"]
    over_mqtt = {
        name: each["address"]
        for name, each in channels.items()
        if each["servers"] == [{"$ref": "#/servers/broker"}]
    }
    over_mqtt.pop("eventsOverMqtt")
    filled = {name: address.format(shard=17, device="van-1") for name, address in over_mqtt.items()}
    assert filled == {str(channel): Address(17, "van-1").topic(channel) for channel in Channel}
    assert all(set(channels[name]["parameters"]) == {"shard", "device"} for name in over_mqtt)


@pytest.mark.parametrize("kind", ["fence.entered", "vehicle.gap"])
def test_asyncapi_names_where_events_go(kind: str) -> None:
    """Topics and subjects of events are those that the collector publishes to."""
    event = Event(event_id("unit", 5, kind, ""), kind, "unit", "van-1", 5)
    told = {"vehicle": "van-1", "prefix": JetStreamConfig().subject_prefix, "partition": "3"}
    channels = ASYNCAPI["channels"]
    topic = channels["eventsOverMqtt"]["address"].format(type=kind.replace(".", "/"), **told)
    assert topic == mqtt_topic(event)
    subject = channels["eventsOverJetStream"]["address"].format(type=kind, **told)
    config = JetStreamConfig()
    assert subject == jetstream_subject(event, config.subject_prefix, config.partitions)
    for name in ("eventsOverMqtt", "eventsOverJetStream"):
        levels = set(re.findall(r"\{(\w+)\}", channels[name]["address"]))
        assert set(channels[name]["parameters"]) == levels
    assert resolved("#/components/parameters/prefix")["default"] == config.subject_prefix
    assert f"({config.partitions})" in resolved("#/components/parameters/partition")["description"]


def test_asyncapi_examples_and_limits_are_true() -> None:
    """What it shows of a status fits its schema, and its limits are those of the programs."""
    messages = ASYNCAPI["components"]["messages"]
    for example in messages["status"]["examples"]:
        validator(schema("status")).validate(example["payload"])
    last_will = ASYNCAPI["servers"]["broker"]["bindings"]["mqtt"]["lastWill"]
    validator(schema("status")).validate(json.loads(last_will["message"]))
    assert messages["batch"]["payload"]["maxLength"] == MAX_MESSAGE_BYTES


def test_links_of_the_contract_lead_somewhere() -> None:
    """Each link to a file or a heading in the contract's documents is there."""
    wire = (SCHEMAS / "wire.md").read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ")).strip().lower().replace(" ", "-")
        for line in wire.splitlines()
        if line.startswith("#")
    }
    told = wire + json.dumps(ASYNCAPI)
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", told) if "://" not in link]
    assert len(links) > 5
    for link in links:
        file, _, heading = link.partition("#")
        assert (SCHEMAS / (file or "wire.md")).exists(), link
        assert not heading or heading in headings, link
