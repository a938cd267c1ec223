"""The API's document: it says what the code does, all of it and nothing else."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openapi_spec_validator
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_hypothesis
from schemathesis.config import SchemathesisConfig
from starlette.requests import Request
from starlette.routing import Mount, Route

from milepost_collector import web
from milepost_collector.clock import Clock
from milepost_collector.config import CollectorConfig
from milepost_collector.web.app import ENDPOINTS, make_app
from milepost_collector.web.endpoint import Asked, Endpoint
from milepost_collector.web.events import TYPES, VEHICLES
from milepost_collector.web.openapi import document
from milepost_collector.web.parameters import In, Parameter
from tests.collector.events import event, fill
from tests.collector.web_program import web_program
from tests.collector.web_server import served
from tests.fixtures.servers import FreshDatabase
from tests.schemas.legal import SCHEMAS

WRITTEN = (SCHEMAS / "openapi.json").read_text(encoding="utf-8")
DOCUMENT = document(ENDPOINTS)
STREAM = "/v1/events/stream"

EXAMPLES = 60
SECONDS = 20

# Waiting is for tests of its own. A cursor may be of another feed, a vehicle unknown, a plan
# against what was done already; and no schema says that a time zone is unknown (400).
SCHEMATHESIS = """
[parameters]
"query.wait" = 0

[checks.positive_data_acceptance]
expected-statuses = ["2xx", 400, 404, 409, 410, 422]
"""

# A vehicle with a drive and a status, and a fence; written here, for they need no engine.
CONTENTS = (
    "INSERT INTO device (device, shard, position_time, lat_e6, lon_e6, heard_at, status) VALUES "
    "('van-1', 5, '2026-11-19T12:00Z', 48000000, 11000000, now(), '{\"online\": true}')",
    "INSERT INTO stream (device, stream, last_seq, newest, fixes) "
    "SELECT no, '\\x0001020304050607', 20, 25, 20 FROM device",
    "SELECT make_fix_partition('2026-11-19T12:00Z')",
    "INSERT INTO fix (time, seq, device, stream, lat_e6, lon_e6, stands_for, kind, date_repaired, "
    "hole) SELECT '2026-11-19T12:00Z'::timestamptz + n * '1 s'::interval, n, 1, 1, 48000000 + n, "
    "11000000, 1, 1, false, false FROM generate_series(1, 20) AS n",
    "INSERT INTO definitions (effective_at, digest, fences) VALUES (now(), 'x', "
    '\'{"type": "FeatureCollection", "features": [{"type": "Feature"}]}\')',
)


@pytest.fixture
def url(tmp_path: Path, plain_database: FreshDatabase) -> Iterator[str]:
    """The address of the real web program over a database that holds some of everything."""
    kinds = ["fence.entered", "trip.ended"]
    fill(plain_database, [event(number, kind=kinds[number % 2]) for number in range(20)])
    for statement in CONTENTS:
        plain_database.run(statement)
    with web_program(tmp_path, plain_database) as (address, _):
        yield address


def test_openapi_document_is_one() -> None:
    """It is valid OpenAPI 3.1, and the validator is able to refuse."""
    openapi_spec_validator.validate(DOCUMENT)
    broken = json.loads(json.dumps(DOCUMENT))
    del broken["paths"]["/v1/events"]["get"]["parameters"][0]["in"]
    with pytest.raises(openapi_spec_validator.validation.exceptions.OpenAPIValidationError):
        openapi_spec_validator.validate(broken)


def test_openapi_document_in_schemas_is_that_of_the_code() -> None:
    """What is committed is what `python -m milepost_collector.web.openapi` writes."""
    command = [sys.executable, "-m", "milepost_collector.web.openapi"]
    made = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert made.stdout == WRITTEN


def test_openapi_document_is_served(url: str) -> None:
    """The program serves the same document."""
    answer = httpx.get(f"{url}/v1/openapi.json", trust_env=False, timeout=60)
    assert answer.json() == json.loads(WRITTEN)


def test_openapi_document_holds_every_route() -> None:
    """All that is served is described, but for the page and its files; and nothing else is."""
    app = make_app(CollectorConfig(), Clock(), lambda: None)
    described = {each.path for each in app.routes if isinstance(each, Route)}
    others = {each.path for each in app.routes if isinstance(each, Mount)}
    assert described - {"/"} == set(DOCUMENT["paths"])
    assert others == {"/static"}
    for path in DOCUMENT["paths"].values():
        assert set(path) <= {"get", "put", "post"}


def test_parameters_are_read_through_their_endpoint_alone() -> None:
    """No other module looks at what a request says, so no parameter can be without description."""
    readers = {
        path.name
        for path in Path(web.__path__[0]).glob("*.py")
        if re.search(r"query_params|path_params|request\.headers", path.read_text("utf-8"))
    }
    assert readers == {"parameters.py", "endpoint.py", "body.py"}


def named(endpoint: Endpoint) -> str:
    """Return what tells an endpoint from the others."""
    return f"{endpoint.method} {endpoint.path}"


def path_of(endpoint: Endpoint) -> str:
    """Return a path of an endpoint."""
    return re.sub(r"\{\w+\}", "van-1", endpoint.path.replace("{date}", "2026-11-19"))


def brought(endpoint: Endpoint) -> dict[str, Any]:
    """Return what a request has to bring so that its parameters are looked at."""
    return {"json": {}} if endpoint.body else {}


def described_parameters() -> list[Any]:
    """Return each endpoint with each of its parameters that a request may leave out."""
    return [
        pytest.param(endpoint, parameter, id=f"{named(endpoint)}-{parameter.name}")
        for endpoint in ENDPOINTS
        for parameter in endpoint.parameters
        if parameter.stands is not In.PATH
    ]


@pytest.mark.parametrize(("endpoint", "parameter"), described_parameters())
def test_parameter_that_is_described_is_read(
    plain_database: FreshDatabase, endpoint: Endpoint, parameter: Parameter[Any]
) -> None:
    """A value that no parameter can have is refused by its name: nobody ignores it."""
    asked: dict[str, Any] = (
        {"headers": {parameter.name: "\x01"}}
        if parameter.stands is In.HEADER
        else {"params": {parameter.name: "\0"}}
    )

    async def once() -> httpx.Response:
        async with served(plain_database.dsn) as client:
            return await client.request(
                endpoint.method, path_of(endpoint), **asked, **brought(endpoint)
            )

    answer = asyncio.run(once())
    assert answer.status_code == 400
    assert parameter.name in answer.json()["error"]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=named)
def test_parameter_that_is_not_described_is_refused(
    plain_database: FreshDatabase, endpoint: Endpoint
) -> None:
    """A parameter of another name is an error, so that a slip of the pen never widens an answer."""

    async def once() -> httpx.Response:
        async with served(plain_database.dsn) as client:
            params = {"vehicel": "van-1"}
            return await client.request(
                endpoint.method, path_of(endpoint), params=params, **brought(endpoint)
            )

    answer = asyncio.run(once())
    assert answer.status_code == 400
    assert "there is no parameter 'vehicel'" in answer.json()["error"]


def test_event_is_described_as_in_its_own_schema() -> None:
    """The event of the API has the attributes that `json/event.schema.json` gives it."""
    whole = json.loads((SCHEMAS / "json" / "event.schema.json").read_text("utf-8"))
    ours = DOCUMENT["components"]["schemas"]["CloudEvent"]

    def bare(described: dict[str, Any]) -> dict[str, Any]:
        name = described.get("$ref", "#/").rpartition("/")[2]
        kept = {**whole["$defs"].get(name, {}), **described}
        if "enum" in kept:
            (kept["const"],) = kept["enum"]
        return {key: kept[key] for key in ("const", "format", "pattern") if key in kept}

    assert set(ours["required"]) == set(ours["properties"]) >= set(whole["required"])
    assert {name: bare(each) for name, each in ours["properties"].items()} == {
        name: bare(each) for name, each in whole["properties"].items()
    }


def test_answers_are_as_described_whatever_is_asked(url: str, tmp_path: Path) -> None:
    """Schemathesis asks what may be asked and what may not: no 5xx, and all answers conform."""
    config = tmp_path / "schemathesis.toml"
    config.write_text(SCHEMATHESIS)
    how = f"--max-time {SECONDS} --no-color --generation-database none"
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "--config-file", config, "run"),
            *(f"{url}/v1/openapi.json", "--exclude-path", STREAM, *how.split()),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=9 * SECONDS,
    )
    assert done.returncode == 0, done.stdout
    passed = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[2]) > 200


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_stream_answers_as_described_whatever_is_asked(
    url: str, mode: schemathesis.GenerationMode
) -> None:
    """The stream, which never ends, is asked the same way: its head or its refusal conforms."""
    config = SchemathesisConfig.from_str(SCHEMATHESIS)
    schema = schemathesis.openapi.from_url(f"{url}/v1/openapi.json", config=config)
    seen: set[int] = set()

    @settings_of_hypothesis(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=[*HealthCheck]
    )
    @given(case=schema[STREAM]["GET"].as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case[Any]) -> None:
        asked = {**case.as_transport_kwargs(), "timeout": 10, "stream": True}
        with requests.request(**asked) as answer:
            seen.add(answer.status_code)
            if answer.status_code == 200:
                assert answer.headers["content-type"].startswith("text/event-stream")
            else:
                answer.content  # noqa: B018 - read, for validation
                case.validate_response(answer)

    ask()
    assert seen <= {200, 400, 410}
    assert seen >= ({200} if mode is schemathesis.GenerationMode.POSITIVE else {400})


def test_parameter_that_is_not_declared_cannot_be_read() -> None:
    """A handler that reads what its endpoint does not declare fails at the first request."""
    app = make_app(CollectorConfig(), Clock(), lambda: None)
    scope = {"type": "http", "method": "GET", "headers": [], "query_string": b"", "app": app}
    with pytest.raises(LookupError, match="type is not declared"):
        Asked(Request(scope), (VEHICLES,))[TYPES]
