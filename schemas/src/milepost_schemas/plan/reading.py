"""Plans out of JSON values: all that is wrong with one is told at once, each thing where it stands.

Numbers are checked to be finite and in range, times to be RFC 3339 with an offset, ids to be unique
and of a form that topics, addresses and files can carry.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from milepost_schemas.fix import milliseconds
from milepost_schemas.plan.plan import (
    USUAL_PRIORITY,
    USUAL_RADIUS_M,
    USUAL_SERVICE_S,
    Contact,
    Depot,
    Order,
    Place,
    Plan,
    Stop,
    Window,
)

T = TypeVar("T")

MOST_STOPS = 1_000
MOST_ORDERS = 200
MOST_PARCELS = 1_000
MOST_PATH = 20_000
MOST_TEXT = 500

_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
_VEHICLE = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
_PHONE = re.compile(r"\+[1-9][0-9]{5,14}", re.ASCII)
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")
_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with a plan.

    Attributes:
        where: As `stops[3].window.to`; empty: the whole.
        what: What is wrong, with the value.
    """

    where: str
    what: str

    def __str__(self) -> str:
        """Return both as one text."""
        return f"{self.where}: {self.what}" if self.where else self.what


class PlanError(ValueError):
    """A plan cannot be used.

    Attributes:
        problems: All that is wrong with it.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = tuple(problems)


def read_plan(value: object) -> Plan:
    """Read a plan; fields that nobody knows are refused, so that a misspelt one is not lost.

    Raises:
        PlanError: It says something that is no plan; all problems are in it.
    """
    reader = _Reader()
    plan = _plan(reader, value)
    reader.problems += _twice(plan)
    if reader.problems:
        raise PlanError(reader.problems)
    return plan


def _twice(plan: Plan) -> Iterator[Problem]:
    """Say what stands twice that may stand once."""
    orders = [order for stop in plan.stops for order in stop.orders]
    for what, ids in (
        ("stop", [stop.id for stop in plan.stops]),
        ("order", [order.id for order in orders]),
        ("parcel", [parcel for order in orders for parcel in order.parcels]),
    ):
        for each, times in Counter(ids).items():
            if times > 1 and each:
                yield Problem("stops", f"{what} {each!r} stands {times} times")


class _Reader:
    """Collects what is wrong; what is wrong is read as something harmless meanwhile."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def wrong(self, where: str, value: object, right: str) -> None:
        self.problems.append(Problem(where, f"{value!r:.{_SHOWN}} is not {right}"))

    def fields(self, value: object, where: str, known: str, needed: str = "") -> Mapping[str, Any]:
        """Return an object's fields, as far as they are known."""
        if not isinstance(value, Mapping):
            self.wrong(where, value, "a JSON object")
            return {}
        names = known.split()
        for name in value:
            if name not in names:
                told = f"unknown field; known are {', '.join(names)}"
                self.problems.append(Problem(_at(where, str(name)[:_SHOWN]), told))
        for name in needed.split():
            if value.get(name) is None:
                self.problems.append(Problem(_at(where, name), "is missing"))
        return {name: value[name] for name in names if value.get(name) is not None}

    def text(self, value: object, where: str, form: re.Pattern[str], right: str) -> str:
        """Return a text of some form."""
        if isinstance(value, str) and form.fullmatch(value):
            return value
        self.wrong(where, value, right)
        return ""

    def words(self, value: object, where: str) -> str:
        """Return a text that people wrote."""
        if isinstance(value, str) and 0 < len(value) <= MOST_TEXT and value.isprintable():
            return value
        self.wrong(where, value, f"a line of 1 to {MOST_TEXT} characters")
        return ""

    def number(self, value: object, where: str, low: float, high: float) -> float:
        """Return a number within limits."""
        if type(value) in (int, float) and math.isfinite(value) and low <= value <= high:  # type: ignore[arg-type, operator]
            return float(value)  # type: ignore[arg-type]
        self.wrong(where, value, f"a number from {low:g} to {high:g}")
        return low

    def time_ms(self, value: object, where: str) -> int:
        """Return a time."""
        try:
            found = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            self.wrong(where, value, "a time with an offset (RFC 3339)")
            return 0
        return milliseconds(found)

    def each(
        self, value: object, where: str, most: int, read: Callable[[object, str], T]
    ) -> tuple[T, ...]:
        """Return the members of a list."""
        if not isinstance(value, list) or len(value) > most:
            self.wrong(where, value, f"a list of at most {most}")
            return ()
        return tuple(read(each, f"{where}[{place}]") for place, each in enumerate(value))


def _at(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _plan(reader: _Reader, value: object) -> Plan:
    known = "id vehicle date time_zone depot stops path"
    given = reader.fields(value, "", known, "id vehicle date stops")
    depot = given.get("depot")
    return Plan(
        reader.text(given["id"], "id", _ID, f"an id: {_ID.pattern}") if "id" in given else "",
        reader.text(given["vehicle"], "vehicle", _VEHICLE, f"a vehicle: {_VEHICLE.pattern}")
        if "vehicle" in given
        else "",
        _date(reader, given["date"]) if "date" in given else date.min,
        reader.each(given.get("stops", []), "stops", MOST_STOPS, lambda v, w: _stop(reader, v, w)),
        _zone(reader, given.get("time_zone", "UTC")),
        None if depot is None else _depot(reader, depot),
        reader.each(given.get("path", []), "path", MOST_PATH, lambda v, w: _point(reader, v, w)),
    )


def _date(reader: _Reader, value: object) -> date:
    try:
        if isinstance(value, str) and _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    reader.wrong("date", value, "a date, YYYY-MM-DD")
    return date.min


def _zone(reader: _Reader, value: object) -> str:
    try:
        if isinstance(value, str):
            return ZoneInfo(value).key
    except (ValueError, OSError, LookupError):  # what zoneinfo raises of names that are none
        pass
    reader.wrong("time_zone", value, "a time zone by its IANA name")
    return "UTC"


def _depot(reader: _Reader, value: object) -> Depot:
    given = reader.fields(value, "depot", "lat_deg lon_deg address radius_m departs_at")
    departs = given.get("departs_at")
    return Depot(
        _place(reader, given, "depot"),
        reader.number(given.get("radius_m", USUAL_RADIUS_M), "depot.radius_m", 10, 1000),
        None if departs is None else reader.time_ms(departs, "depot.departs_at"),
    )


def _place(reader: _Reader, given: Mapping[str, Any], where: str) -> Place:
    lat, lon = given.get("lat_deg"), given.get("lon_deg")
    address = given.get("address")
    if (lat is None) != (lon is None):
        missing = "lat_deg" if lat is None else "lon_deg"
        reader.problems.append(Problem(_at(where, missing), "is missing beside the other"))
    elif lat is None and address is None:
        reader.problems.append(Problem(where, "has neither lat_deg and lon_deg nor an address"))
    return Place(
        None if lat is None else reader.number(lat, _at(where, "lat_deg"), -90, 90),
        None if lon is None else reader.number(lon, _at(where, "lon_deg"), -180, 180),
        None if address is None else reader.words(address, _at(where, "address")),
    )


def _point(reader: _Reader, value: object, where: str) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        reader.wrong(where, value, "[latitude, longitude]")
        return 0.0, 0.0
    return reader.number(value[0], where, -90, 90), reader.number(value[1], where, -180, 180)


def _stop(reader: _Reader, value: object, where: str) -> Stop:
    known = "id lat_deg lon_deg address radius_m window service_s priority orders"
    given = reader.fields(value, where, known, "id")
    window, orders = given.get("window"), given.get("orders", [])
    priority = reader.number(
        given.get("priority", USUAL_PRIORITY), _at(where, "priority"), -100, 100
    )
    if not priority.is_integer():
        reader.wrong(_at(where, "priority"), priority, "a whole number")
    return Stop(
        reader.text(given["id"], _at(where, "id"), _ID, f"an id: {_ID.pattern}")
        if "id" in given
        else "",
        _place(reader, given, where),
        reader.number(given.get("radius_m", USUAL_RADIUS_M), _at(where, "radius_m"), 10, 1000),
        None if window is None else _window(reader, window, _at(where, "window")),
        reader.number(given.get("service_s", USUAL_SERVICE_S), _at(where, "service_s"), 0, 86_400),
        int(priority),
        reader.each(orders, _at(where, "orders"), MOST_ORDERS, lambda v, w: _order(reader, v, w)),
    )


def _window(reader: _Reader, value: object, where: str) -> Window:
    given = reader.fields(value, where, "from to", "from to")
    times = {name: reader.time_ms(given[name], _at(where, name)) for name in given}
    window = Window(times.get("from", 0), times.get("to", 0))
    if len(times) == 2 and all(times.values()) and window.to_ms <= window.from_ms:
        reader.wrong(_at(where, "to"), given["to"], f"after from, {given['from']}")
    return window


def _order(reader: _Reader, value: object, where: str) -> Order:
    given = reader.fields(value, where, "id parcels contact", "id")
    contact = given.get("contact")

    def parcel(value: object, where: str) -> str:
        return reader.text(value, where, _ID, f"a parcel: {_ID.pattern}")

    return Order(
        reader.text(given["id"], _at(where, "id"), _ID, f"an id: {_ID.pattern}")
        if "id" in given
        else "",
        reader.each(given.get("parcels", []), _at(where, "parcels"), MOST_PARCELS, parcel),
        Contact() if contact is None else _contact(reader, contact, _at(where, "contact")),
    )


def _contact(reader: _Reader, value: object, where: str) -> Contact:
    given = reader.fields(value, where, "name phone email locale note")
    forms = {
        "phone": (_PHONE, "a number in the form +4917012345678 (E.164)"),
        "email": (_EMAIL, "an e-mail address"),
        "locale": (_LOCALE, "a language tag (BCP 47)"),
    }
    read = {
        name: reader.text(text, _at(where, name), *forms[name])
        if name in forms
        else reader.words(text, _at(where, name))
        for name, text in given.items()
    }
    return Contact(**read)
