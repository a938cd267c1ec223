"""Edits and states as requests bring them: read with all that is wrong, and described."""

from typing import Any

from milepost_collector.delivery.states import Incident, IncidentKind, StopState
from milepost_collector.store.plans.writing import Drop, Edit, Insert, Move, Reorder
from milepost_collector.web.planning import part
from milepost_schemas.plan import PlanError, Problem, Stop, read_stop
from milepost_schemas.plan.reader import ID, MOST_STOPS, Reader

_ID_SCHEMA: dict[str, Any] = {"type": "string", "pattern": f"^{ID.pattern}$"}
_BEFORE = {"type": ["string", "null"], "pattern": f"^{ID.pattern}$"}
_RIGHT = f"an id: {ID.pattern}"


def _edit_schema(kind: str, optional: dict[str, Any], **needed: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["edit", *needed],
        "properties": {"edit": {"type": "string", "const": kind}, **needed, **optional},
        "additionalProperties": False,
    }


EDIT_SCHEMA = {
    "oneOf": [
        _edit_schema("insert", {"before": _BEFORE}, stop=part("PlanStop")),
        _edit_schema("drop", {}, stop=_ID_SCHEMA),
        _edit_schema(
            "reorder", {}, stops={"type": "array", "items": _ID_SCHEMA, "maxItems": MOST_STOPS}
        ),
        _edit_schema("move", {"before": _BEFORE}, stop=_ID_SCHEMA, to=_ID_SCHEMA),
    ]
}

# Of each edit: what it may say, and what it has to.
_FIELDS = {
    "insert": ("edit stop before", "stop"),
    "drop": ("edit stop", "stop"),
    "reorder": ("edit stops", "stops"),
    "move": ("edit stop to before", "stop to"),
}


def read_edit(value: Any) -> Edit:
    """Read an edit.

    Raises:
        PlanError: It is none; all problems are in it.
    """
    kind = value.get("edit") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in _FIELDS:
        right = f"an object whose `edit` is one of {', '.join(_FIELDS)}"
        raise PlanError([Problem("edit", f"{kind!r:.80} is not {right}")])
    reader = Reader()
    given = reader.fields(value, "", *_FIELDS[kind])

    def name(field: str) -> str:
        return reader.text(given[field], field, ID, _RIGHT) if field in given else ""

    before = name("before") or None
    edit: Edit
    if kind == "insert":
        stop = _stop(reader, given)
        if stop is None:
            raise PlanError(reader.problems)
        edit = Insert(stop, before)
    elif kind == "reorder":
        stops = reader.each(
            given.get("stops", []), "stops", MOST_STOPS, lambda v, w: reader.text(v, w, ID, _RIGHT)
        )
        edit = Reorder(stops)
    else:
        edit = Drop(name("stop")) if kind == "drop" else Move(name("stop"), name("to"), before)
    if reader.problems:
        raise PlanError(reader.problems)
    return edit


def _stop(reader: Reader, given: Any) -> Stop | None:
    """Read the stop that is inserted; None: it is none, as `reader` says."""
    if "stop" not in given:
        return None
    try:
        stop = read_stop(given["stop"], "stop")
    except PlanError as error:
        reader.problems += error.problems
        return None
    if stop.place.lat_deg is None:
        reader.problems.append(Problem("stop", "has no lat_deg and lon_deg"))
    return stop


def read_state(value: Any) -> tuple[StopState, Incident | None]:
    """Read what a stop is to become, and what went wrong there.

    Raises:
        PlanError: It is no state; all problems are in it.
    """
    reader = Reader()
    given = reader.fields(value, "", "state incident", "state")
    states, kinds = list(StopState), list(IncidentKind)
    state = given.get("state", StopState.PENDING)
    if state not in states:
        reader.wrong("state", state, f"one of {', '.join(states)}")
    incident = None
    if "incident" in given:
        told = reader.fields(given["incident"], "incident", "kind note", "kind")
        kind = told.get("kind", IncidentKind.OTHER)
        if kind not in kinds:
            reader.wrong("incident.kind", kind, f"one of {', '.join(kinds)}")
        note = reader.words(told["note"], "incident.note") if "note" in told else None
        incident = None if reader.problems else Incident(IncidentKind(kind), note)
    if reader.problems:
        raise PlanError(reader.problems)
    return StopState(state), incident
