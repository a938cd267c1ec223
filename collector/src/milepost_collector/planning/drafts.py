"""Plans out of rows: one row for each order or stop, in the order in which they are to be made.

A row that cannot be used is refused by its number, and the plan is made of the others. Rows of one
stop may stand anywhere; what the first of them says of the stop holds.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from milepost_schemas.event import rfc3339
from milepost_schemas.fix import milliseconds
from milepost_schemas.plan import Order, Plan, PlanError, Stop, read_order, read_plan, read_stop

OF_PLAN = ("plan", "vehicle", "date", "time_zone")
OF_STOP = (*("stop", "lat", "lon", "address", "radius_m", "from", "to", "service_s", "priority"),)
OF_ORDER = ("order", "parcels", "name", "phone", "email", "locale", "note")
COLUMNS = (*OF_PLAN, *OF_STOP, *OF_ORDER)

_NUMBERS = ("lat", "lon", "radius_m", "service_s", "priority")
_NUMBER = re.compile(r"[+-]?\d{1,12}([.,]\d{1,15})?", re.ASCII)
_CLOCK = re.compile(r"([01]?\d|2[0-3]):[0-5]\d", re.ASCII)
_SEPARATORS = re.compile(r"[\s|]+")


class DraftError(ValueError):
    """A row cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a file.

    Attributes:
        line: Its number there, from 1.
        fields: What it says, by column; what is empty is not there.
    """

    line: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a line.

    Attributes:
        line: Its number, or where it stands in a JSON file.
        plan: Whose it is, as far as that is known.
        stop: Likewise.
        order: Likewise.
        why_refused: None: it was taken.
    """

    line: str
    plan: str | None = None
    stop: str | None = None
    order: str | None = None
    why_refused: str | None = None


@dataclass(slots=True)
class Draft:
    """A plan that is being made.

    Attributes:
        plan: Without its stops; what has been read of those is in `stops`.
        stops: In order.
        lines: The lines of each stop.
        refused: Stops of which a line was refused.
        told: What became of its lines.
    """

    plan: Plan
    stops: dict[str, Stop] = field(default_factory=dict)
    lines: dict[str, list[Told]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    told: list[Told] = field(default_factory=list)

    def refuse(self, told: Told, why: str) -> None:
        """Note that a line cannot be used."""
        self.told.append(replace(told, why_refused=why))
        if told.stop is not None:
            self.refused.add(told.stop)

    def leave_out(self, stop: str, why: str) -> None:
        """Refuse all lines of a stop."""
        for told in self.lines.pop(stop, []):
            self.refuse(told, why)
        self.stops.pop(stop, None)

    def all_told(self) -> list[Told]:
        """Return what became of all lines, those that were taken among them."""
        return [*self.told, *(told for lines in self.lines.values() for told in lines)]

    def whole(self) -> Plan:
        """Return the plan with its stops."""
        return replace(self.plan, stops=tuple(self.stops.values()))


def drafts(
    rows: Sequence[Row], usual: Mapping[str, str], path: Sequence[Sequence[float]] = ()
) -> tuple[list[Draft], list[Told]]:
    """Make plans of rows.

    Args:
        rows: As they stand in the file.
        usual: What holds where a row does not say its plan, vehicle, date or time zone.
        path: The way of all of them, [latitude, longitude] in degrees.

    Returns:
        The plans, and rows that belong to none.
    """
    found: dict[str, Draft] = {}
    lost: list[Told] = []
    for row in rows:
        said = {**usual, **row.fields}
        try:
            draft = _draft(found, said, path)
        except DraftError as error:
            told = Told(str(row.line), said.get("plan"), said.get("stop"), said.get("order"))
            lost.append(replace(told, why_refused=str(error)))
            continue
        _take(draft, row, said)
    return list(found.values()), lost


def _draft(found: dict[str, Draft], said: dict[str, Any], path: Sequence[Any]) -> Draft:
    missing = [name for name in ("vehicle", "date") if not said.get(name)]
    if missing:
        raise DraftError(f"{' and '.join(missing)} not said")
    name = said.setdefault("plan", f"{said['vehicle']}.{said['date']}")
    columns = {
        "id": name,
        "vehicle": said["vehicle"],
        "date": said["date"],
        "time_zone": said.get("time_zone", "UTC"),
    }
    try:
        plan = read_plan({**columns, "stops": [], "path": [list(each) for each in path]})
    except PlanError as error:
        raise DraftError(str(error)) from None
    draft = found.setdefault(name, Draft(plan))
    if draft.plan != plan:
        was = f"{draft.plan.vehicle} on {draft.plan.date} in {draft.plan.time_zone}"
        raise DraftError(f"plan {name} is of {was} in the lines before")
    return draft


def _take(draft: Draft, row: Row, said: Mapping[str, Any]) -> None:
    name = str(said.get("stop") or said.get("order") or f"{len(draft.stops) + 1}")
    told = Told(str(row.line), draft.plan.id, name, said.get("order"))
    try:
        order = _order(said)
        known = draft.stops.get(name)
        stop = _stop(draft.plan, name, said) if known is None else known
        if order is not None:
            _refuse_twice(draft, order)
            stop = replace(stop, orders=(*stop.orders, order))
        elif known is not None:
            raise DraftError(f"stop {name} stands in a line before, and no order is said")
    except (DraftError, PlanError) as error:
        draft.refuse(told, str(error))
        return
    draft.stops[name] = stop
    draft.lines.setdefault(name, []).append(told)


def _refuse_twice(draft: Draft, order: Order) -> None:
    for stop in draft.stops.values():
        for other in stop.orders:
            if other.id == order.id:
                raise DraftError(f"order {order.id} stands in a line before")
            both = set(other.parcels) & set(order.parcels)
            if both:
                raise DraftError(f"parcel {min(both)} is of order {other.id} in a line before")


def _stop(plan: Plan, name: str, said: Mapping[str, Any]) -> Stop:
    value: dict[str, Any] = {"id": name}
    for column in _NUMBERS:
        if column in said:
            field_name = {"lat": "lat_deg", "lon": "lon_deg"}.get(column, column)
            value[field_name] = _number(column, said[column])
    if "address" in said:
        value["address"] = said["address"]
    between = {edge: _instant(plan, edge, said[edge]) for edge in ("from", "to") if edge in said}
    if between:
        value["window"] = between
    return read_stop(value)


def _order(said: Mapping[str, Any]) -> Order | None:
    more = [name for name in OF_ORDER if name in said]
    if not more:
        return None
    if "order" not in said:
        raise DraftError(f"{', '.join(more)} said, and no order")
    value: dict[str, Any] = {"id": said["order"]}
    if "parcels" in said:
        parcels = said["parcels"]
        value["parcels"] = (
            [each for each in _SEPARATORS.split(parcels) if each]
            if isinstance(parcels, str)
            else parcels
        )
    contact = {name: said[name] for name in OF_ORDER[2:] if name in said}
    return read_order({**value, **({"contact": contact} if contact else {})})


def _number(column: str, value: object) -> float | int:
    if type(value) in (int, float):
        return value  # type: ignore[return-value]
    text = str(value).strip()
    if not _NUMBER.fullmatch(text):
        raise DraftError(f"{column}: {text!r:.80} is not a number")
    number = float(text.replace(",", "."))
    return int(number) if number.is_integer() and "." not in text else number


def _instant(plan: Plan, column: str, value: object) -> object:
    """Return a time: RFC 3339, or hours and minutes of the plan's day."""
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        return value
    hour, minute = map(int, value.split(":"))
    day: date = plan.date
    at = datetime.combine(day, time(hour, minute), ZoneInfo(plan.time_zone))
    return rfc3339(milliseconds(at))
