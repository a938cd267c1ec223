"""The JSON Schema of plans, made of the forms that the reader has.

`python -m milepost_schemas.plan.schema` writes what `schemas/json/plan.schema.json` holds. What no
schema says (ids that stand twice, a window that ends before it begins, a zone that nobody knows) is
in the descriptions.
"""

import json
import re
import sys
from typing import Any

from milepost_schemas.plan.plan import USUAL_PRIORITY, USUAL_RADIUS_M, USUAL_SERVICE_S
from milepost_schemas.plan.reader import (
    DATE,
    EMAIL,
    ID,
    INSTANT,
    LOCALE,
    MOST_ORDERS,
    MOST_PARCELS,
    MOST_PATH,
    MOST_STOPS,
    MOST_TEXT,
    PHONE,
    VEHICLE,
)

_Schema = dict[str, Any]


def definitions(reference: str = "#/$defs/{name}") -> dict[str, _Schema]:
    """Return the schemas of all parts of a plan, and of itself, by name.

    Args:
        reference: How they name one another.
    """

    def ref(name: str) -> _Schema:
        return {"$ref": reference.format(name=name)}

    place = {
        "lat_deg": _optional(_number(-90, 90, "WGS 84; only with lon_deg.")),
        "lon_deg": _optional(_number(-180, 180, "WGS 84; only with lat_deg.")),
        "address": _optional(_words("As people write it; found on the map where need be.")),
    }
    radius = _optional(_number(10, 1000, "Metres; who is so near is there.", USUAL_RADIUS_M))
    return {
        "Plan": _object(
            "A vehicle's route of a day. No stop, order or parcel stands twice.",
            "id vehicle date stops",
            id=_text(ID, "Unique in the fleet."),
            vehicle=_text(VEHICLE, "Who drives it."),
            date=_text(DATE, "The day, where the vehicle is.", "date"),
            time_zone=_optional(_string("IANA name of the zone there.", default="UTC")),
            depot=_optional(ref("PlanDepot")),
            stops=_list(ref("PlanStop"), MOST_STOPS, "In the order in which they are made."),
            path=_optional(
                _list(
                    {
                        "type": "array",
                        "prefixItems": [_number(-90, 90), _number(-180, 180)],
                        "items": False,
                        "minItems": 2,
                    },
                    MOST_PATH,
                    "The way that it should take: [latitude, longitude].",
                )
            ),
        ),
        "PlanDepot": _placed(
            "Where the vehicle is loaded, and where it returns to.",
            "",
            **place,
            radius_m=radius,
            departs_at=_optional(_instant("When it should leave.")),
        ),
        "PlanStop": _placed(
            "A place to go to.",
            "id",
            id=_text(ID, "Unique in its plan."),
            **place,
            radius_m=radius,
            window=_optional(ref("PlanWindow")),
            service_s=_optional(
                _number(0, 86_400, "Seconds that it takes there.", USUAL_SERVICE_S)
            ),
            priority=_optional(
                _number(-100, 100, "More is more important.", USUAL_PRIORITY) | {"type": "integer"}
            ),
            orders=_optional(_list(ref("PlanOrder"), MOST_ORDERS, "What is brought there.")),
        ),
        "PlanWindow": _object(
            "When somebody expects it; `to` is later than `from`.",
            "from to",
            **{"from": _instant("Not before."), "to": _instant("Not after.")},
        ),
        "PlanOrder": _object(
            "What somebody ordered.",
            "id",
            id=_text(ID, "Unique in the fleet."),
            parcels=_optional(
                _list(_text(ID), MOST_PARCELS, "What is scanned; each unique in the fleet.")
            ),
            contact=_optional(ref("PlanContact")),
        ),
        "PlanContact": _object(
            "Who waits for an order, and how to tell them.",
            "",
            name=_optional(_words("As it stands at the door.")),
            phone=_optional(_text(PHONE, "E.164.")),
            email=_optional(_text(EMAIL, "With one `@`.")),
            locale=_optional(_text(LOCALE, "BCP 47.")),
            note=_optional(_words("What the driver should know.")),
        ),
    }


def schema() -> _Schema:
    """Return the whole schema."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:milepost:json:plan",
        "title": "Plan",
        "description": "A vehicle's route of a day: what `PUT /v1/plans/{id}` and `milepost-"
        "collector plans import` take. Null is the same as a field that is not there.",
        "$ref": "#/$defs/Plan",
        "$defs": definitions(),
    }


def _object(description: str, required: str, /, **properties: _Schema) -> _Schema:
    needed = {"required": required.split()} if required else {}
    return {
        "type": "object",
        "description": description,
        **needed,
        "properties": properties,
        "additionalProperties": False,
    }


def _placed(description: str, required: str, /, **properties: _Schema) -> _Schema:
    """Return an object that has a place: both coordinates, or an address and neither."""
    there: _Schema = {"not": {"type": "null"}}
    unknown: _Schema = {"type": "null"}
    both = {"lat_deg": there, "lon_deg": there}
    neither = {"lat_deg": unknown, "lon_deg": unknown, "address": there}
    return _object(description, required, **properties) | {
        "anyOf": [
            {"properties": both, "required": list(both)},
            {"properties": neither, "required": ["address"]},
        ]
    }


def _optional(schema: _Schema) -> _Schema:
    if "type" in schema:
        return schema | {"type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def _string(description: str, **more: Any) -> _Schema:
    return {"type": "string", "description": description, **more}


def _text(form: re.Pattern[str], description: str = "", kind: str = "") -> _Schema:
    told = {"description": description} if description else {}
    return {"type": "string", **told, "pattern": f"^{form.pattern}$"} | (
        {"format": kind} if kind else {}
    )


def _words(description: str) -> _Schema:
    return _string(
        f"{description} One line, printable.",
        minLength=1,
        maxLength=MOST_TEXT,
        pattern="^[^\\u0000-\\u001f\\u007f-\\u00a0]*$",
    )


def _instant(description: str) -> _Schema:
    return _text(INSTANT, f"{description} RFC 3339.", "date-time")


def _number(low: float, high: float, description: str = "", usual: float | None = None) -> _Schema:
    told = {"description": description} if description else {}
    default = {} if usual is None else {"default": usual}
    return {"type": "number", **told, "minimum": low, "maximum": high, **default}


def _list(items: _Schema, most: int, description: str) -> _Schema:
    return {"type": "array", "description": description, "items": items, "maxItems": most}


def main() -> None:
    """Write the schema."""
    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")


if __name__ == "__main__":
    main()
