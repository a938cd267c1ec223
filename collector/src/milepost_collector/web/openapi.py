"""The API's description (OpenAPI 3.1), made from its endpoints.

`python -m milepost_collector.web.openapi` writes what `schemas/openapi.json` holds.
"""

import json
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from milepost_collector.web.answers import Problems, Refusal
from milepost_collector.web.body import Body
from milepost_collector.web.endpoint import Endpoint
from milepost_collector.web.parameters import In, Parameter

_COMPONENTS = "#/components/schemas/{name}"

_MEANINGS = {
    400: "A parameter or the body cannot be: the error names it, its value, what would be right.",
    404: "There is none.",
    409: "It cannot be done as things stand; where a state cannot follow, `allowed` can.",
    410: "The cursor is of another database, or of this one before it was restored.",
    413: "The body is too large.",
    415: "The body is not `application/json`.",
    422: "The key came with another request before.",
    503: "The database is away; try again.",
}


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """Describe endpoints."""
    kinds = {kind for each in endpoints for kind in (each.gives, *_refusals(each).values())}
    named = sorted((kind for kind in kinds if kind not in (str, dict)), key=lambda x: x.__name__)
    references, components = msgspec.json.schema_components(named, ref_template=_COMPONENTS)
    for body in (each.body for each in endpoints if each.body is not None):
        components |= body.parts
    schemas = {kind.__name__: schema for kind, schema in zip(named, references, strict=True)}
    schemas |= {"str": {"type": "string"}, "dict": {"type": "object"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Milepost",
            "version": "1",
            "description": "What the collector says over HTTP. Parameters that are not described "
            "are refused; members of answers that are not described may be added.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": _paths(endpoints, schemas),
        "components": {"schemas": dict(sorted(components.items()))},
    }


def _paths(endpoints: Sequence[Endpoint], schemas: dict[str, Any]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for each in endpoints:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, schemas)
    return paths


def _operation(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    good = {
        "description": endpoint.summary,
        "content": {endpoint.media_type: {"schema": schemas[endpoint.gives.__name__]}},
    }
    refused = {
        str(status): {
            "description": _MEANINGS[status],
            "content": {"application/json": {"schema": schemas[kind.__name__]}},
        }
        for status, kind in sorted(_refusals(endpoint).items())
    }
    described = {"description": endpoint.description} if endpoint.description else {}
    made = {"201": {**good, "description": "It was made."}} if endpoint.makes else {}
    body = {"requestBody": _body(endpoint.body)} if endpoint.body else {}
    return {
        "operationId": endpoint.handler.__name__.strip("_"),
        "summary": endpoint.summary,
        **described,
        "parameters": [_parameter(each) for each in endpoint.parameters],
        **body,
        "responses": {"200": good, **made, **refused},
    }


def _refusals(endpoint: Endpoint) -> dict[int, type]:
    away: dict[int, type] = {503: Refusal} if endpoint.asks_database else {}
    of_body: dict[int, type] = {400: Problems, 413: Refusal, 415: Refusal} if endpoint.body else {}
    return {400: Refusal, **of_body, **endpoint.refuses, **away}


def _body(body: Body) -> dict[str, Any]:
    content = {"application/json": {"schema": body.schema}}
    return {"description": body.description, "required": True, "content": content}


def _parameter(parameter: Parameter[Any]) -> dict[str, Any]:
    required = {"required": True} if parameter.stands is In.PATH else {}
    return {
        "name": parameter.name,
        "in": parameter.stands.value,
        "description": parameter.description,
        **required,
        "schema": parameter.schema(),
    }


def main() -> None:
    """Write the document."""
    from milepost_collector.web.app import ENDPOINTS  # which serves what is made here

    sys.stdout.write(json.dumps(document(ENDPOINTS), indent=2) + "\n")


if __name__ == "__main__":
    main()
