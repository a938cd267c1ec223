"""Plans as JSON: read and written, all that is wrong told; the schema agrees with the reader."""

import copy
import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from milepost_schemas.plan import (
    PlanError,
    read_order,
    read_plan,
    read_stop,
    write_order,
    write_plan,
    write_stop,
)
from milepost_schemas.plan.schema import schema
from tests.schemas.legal import SCHEMAS

WRITTEN = SCHEMAS / "json" / "plan.schema.json"
VALIDATOR = Draft202012Validator(schema())

WHOLE: dict[str, Any] = {
    "id": "tour.1",
    "vehicle": "van-1",
    "date": "2026-11-19",
    "time_zone": "Europe/Berlin",
    "depot": {"address": "Bahnhof 1", "radius_m": 80, "departs_at": "2026-11-19T06:30:00+01:00"},
    "stops": [
        {
            "id": "s1",
            "lat_deg": 48.1,
            "lon_deg": -11.5,
            "address": "Ringstraße 7",
            "radius_m": 35.5,
            "window": {"from": "2026-11-19T08:00:00Z", "to": "2026-11-19T10:00:00.250Z"},
            "service_s": 0,
            "priority": -3,
            "orders": [
                {
                    "id": "o1",
                    "parcels": ["k:1", "k:2"],
                    "contact": {
                        "name": "Ada",
                        "phone": "+4917012345678",
                        "email": "ada@example.org",
                        "locale": "de-AT",
                        "note": "ring twice",
                    },
                },
                {"id": "o2"},
            ],
        },
        {"id": "s2", "address": "Ringstraße 8"},
    ],
    "path": [[48.0, 11.0], [48.1, 11.5]],
}
LEAST = {"id": "p", "vehicle": "v", "date": "2026-11-19", "stops": []}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the whole plan with another value somewhere; `...` takes it away."""
    plan: Any = copy.deepcopy(WHOLE)
    *there, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    at = plan
    for step in there:
        at = at[step]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return dict(plan)


# What the schema can say, and where the reader tells it.
WRONG_BY_FORM = [
    ("id", ..., "id"),
    ("id", "", "id"),
    ("id", "a b", "id"),
    ("id", "x" * 65, "id"),
    ("id", 5, "id"),
    ("vehicle", "van.1", "vehicle"),
    ("vehicle", ..., "vehicle"),
    ("date", "20261119", "date"),
    ("date", "1969-01-01", "date"),
    ("date", None, "date"),
    ("time_zone", 1, "time_zone"),
    ("depot", [], "depot"),
    ("depot/address", ..., "depot"),
    ("depot/departs_at", "2026-11-19 06:30:00Z", "depot.departs_at"),
    ("depot/departs_at", "2026-11-19T06:30:00", "depot.departs_at"),
    ("stops", ..., "stops"),
    ("stops", {}, "stops"),
    ("stops/0", "s1", "stops[0]"),
    ("stops/0/lat_deg", 90.1, "stops[0].lat_deg"),
    ("stops/0/lat_deg", True, "stops[0].lat_deg"),
    ("stops/0/lat_deg", "48", "stops[0].lat_deg"),
    ("stops/0/lat_deg", ..., "stops[0].lat_deg"),
    ("stops/0/lon_deg", ..., "stops[0].lon_deg"),
    ("stops/0/radius_m", 9, "stops[0].radius_m"),
    ("stops/0/service_s", -1, "stops[0].service_s"),
    ("stops/0/priority", 0.5, "stops[0].priority"),
    ("stops/0/priority", 101, "stops[0].priority"),
    ("stops/0/window/to", ..., "stops[0].window.to"),
    ("stops/0/window/from", "24:00", "stops[0].window.from"),
    ("stops/0/orders/0/parcels/1", "k 2", "stops[0].orders[0].parcels[1]"),
    ("stops/0/orders/0/parcels", "k1", "stops[0].orders[0].parcels"),
    ("stops/0/orders/0/contact/phone", "0170", "stops[0].orders[0].contact.phone"),
    ("stops/0/orders/0/contact/email", "ada", "stops[0].orders[0].contact.email"),
    ("stops/0/orders/0/contact/locale", "german", "stops[0].orders[0].contact.locale"),
    ("stops/0/orders/0/contact/note", "a\nb", "stops[0].orders[0].contact.note"),
    ("stops/0/orders/0/contact/name", "", "stops[0].orders[0].contact.name"),
    ("stops/0/orders/0/contact/fax", "1", "stops[0].orders[0].contact.fax"),
    ("stops/1/address", ..., "stops[1]"),
    ("stops/1/address", "x" * 501, "stops[1].address"),
    ("stops/1/colour", None, "stops[1].colour"),
    ("path/0", [48.0], "path[0]"),
    ("path/0", [48.0, 11.0, 500.0], "path[0]"),
    ("path/0/1", 181, "path[0]"),
    ("path", None, ""),
]

# What no schema can say.
WRONG_BY_SENSE = [
    ("time_zone", "Europe/Atlantis", "time_zone"),
    ("date", "2026-02-30", "date"),
    ("stops/0/window/to", "2026-11-19T08:00:00Z", "stops[0].window.to"),
    ("stops/1/id", "s1", "stops"),
    ("stops/0/orders/1/id", "o1", "stops"),
    ("stops/0/orders/0/parcels/1", "k:1", "stops"),
]


def test_schema_in_the_folder_is_that_of_the_code() -> None:
    """What is committed is what the module writes, and is a schema."""
    command = [sys.executable, "-m", "milepost_schemas.plan.schema"]
    made = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert made.stdout == WRITTEN.read_text(encoding="utf-8")
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("value", [WHOLE, LEAST, changed("depot", None), changed("path", ...)])
def test_plan_that_is_one_is_read_and_written(value: dict[str, Any]) -> None:
    """The schema takes it, and what is written of it is read as the same."""
    VALIDATOR.validate(value)
    plan = read_plan(value)
    written = json.loads(json.dumps(write_plan(plan)))
    VALIDATOR.validate(written)
    assert read_plan(written) == plan


@pytest.mark.parametrize(("path", "value", "where"), WRONG_BY_FORM)
def test_plan_of_a_wrong_form_is_refused_by_reader_and_schema(
    path: str, value: Any, where: str
) -> None:
    """Both refuse it, and the reader says where; null is the same as nothing where it may be."""
    wrong = changed(path, value)
    if (path, value) == ("path", None):
        VALIDATOR.validate(wrong)
        assert read_plan(wrong) == replace(read_plan(WHOLE), path=())
        return
    assert not VALIDATOR.is_valid(wrong)
    with pytest.raises(PlanError) as refused:
        read_plan(wrong)
    assert where in [problem.where for problem in refused.value.problems]


@pytest.mark.parametrize(("path", "value", "where"), WRONG_BY_SENSE)
def test_plan_that_makes_no_sense_is_refused_by_the_reader(
    path: str, value: Any, where: str
) -> None:
    """Whatever the schema says of it."""
    with pytest.raises(PlanError) as refused:
        read_plan(changed(path, value))
    assert where in [problem.where for problem in refused.value.problems]


def test_all_that_is_wrong_is_told_at_once() -> None:
    """Each problem, in the order of the plan, in one error."""
    wrong = changed("stops/0/radius_m", 5) | {"vehicle": "a b", "time_zone": "Mars"}
    with pytest.raises(PlanError) as refused:
        read_plan(wrong)
    places = [problem.where for problem in refused.value.problems]
    assert sorted(places) == ["stops[0].radius_m", "time_zone", "vehicle"]


def test_parts_of_plans_are_read_by_themselves() -> None:
    """A stop and an order, as an edit and an order's own address bring them."""
    stop = read_stop(WHOLE["stops"][0])
    assert read_stop(write_stop(stop)) == stop
    order = read_order(WHOLE["stops"][0]["orders"][0])
    assert read_order(write_order(order)) == order
    with pytest.raises(PlanError, match=r"stop: order 'o1' stands 2 times"):
        read_stop({**WHOLE["stops"][0], "orders": [{"id": "o1"}, {"id": "o1"}]}, "stop")
    with pytest.raises(PlanError, match="parcel 'k' stands 2 times"):
        read_order({"id": "o1", "parcels": ["k", "k"]})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda each: (
        st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each, max_size=3)
    ),
    max_leaves=8,
)
PLACES = [
    *("id", "vehicle", "date", "time_zone", "depot", "depot/departs_at", "stops", "stops/0"),
    *("stops/0/lat_deg", "stops/0/window", "stops/0/window/to", "stops/0/orders", "path", "path/0"),
    *("stops/0/orders/0/contact", "stops/0/orders/0/contact/phone", "stops/0/priority"),
]


@given(st.sampled_from(PLACES), JSON)
def test_anything_anywhere_is_a_plan_or_a_plan_error(path: str, value: Any) -> None:
    """No other exception; what is read the schema takes too."""
    try:
        plan = read_plan(changed(path, value))
    except PlanError:
        return
    VALIDATOR.validate(changed(path, value))
    assert read_plan(write_plan(plan)) == plan


@given(JSON)
def test_anything_at_all_is_a_plan_or_a_plan_error(value: Any) -> None:
    """Likewise for the whole."""
    with pytest.raises(PlanError):
        read_plan(value)
