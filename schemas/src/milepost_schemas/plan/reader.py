"""The forms that plans are made of, and a reader that goes on past what is wrong.

What is wrong is told where it stands, and read as something harmless meanwhile, so that all that is
wrong with a plan is told at once. The JSON Schema (`schema`) is made of the same forms.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from milepost_schemas.fix import milliseconds

T = TypeVar("T")

MOST_STOPS = 1_000
MOST_ORDERS = 200
MOST_PARCELS = 1_000
MOST_PATH = 20_000
MOST_TEXT = 500

ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
VEHICLE = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
PHONE = re.compile(r"\+[1-9][0-9]{5,14}", re.ASCII)
EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")
LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)

# Years that both ISO 8601 and every calendar in use here hold.
DATE = re.compile(r"(19[7-9]|20[0-9]|21[0-9])[0-9]-[0-9]{2}-[0-9]{2}", re.ASCII)

# RFC 3339, 5.6, without leap seconds.
INSTANT = re.compile(
    DATE.pattern
    + r"[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
    + r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])",
    re.ASCII,
)
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


class Reader:
    """Collects what is wrong.

    Attributes:
        problems: All of it so far.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def wrong(self, where: str, value: object, right: str) -> None:
        """Say that a value is not what it should be."""
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
                self.problems.append(Problem(at(where, str(name)[:_SHOWN]), told))
        for name in needed.split():
            if value.get(name) is None:
                self.problems.append(Problem(at(where, name), "is missing"))
        return {name: value[name] for name in names if value.get(name) is not None}

    def text(self, value: object, where: str, form: re.Pattern[str], right: str) -> str:
        """Return a text of some form."""
        if isinstance(value, str) and form.fullmatch(value):
            return value
        self.wrong(where, value, right)
        return ""

    def one_of(self, value: object, where: str, known: Sequence[str]) -> str:
        """Return one of some words."""
        if isinstance(value, str) and value in known:
            return value
        self.wrong(where, value, f"one of {', '.join(known)}")
        return known[0]

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
        return float(low)

    def time_ms(self, value: object, where: str) -> int:
        """Return a time."""
        try:
            if isinstance(value, str) and INSTANT.fullmatch(value):
                return milliseconds(datetime.fromisoformat(value.upper()))
        except ValueError:  # no such day
            pass
        self.wrong(where, value, "a time with an offset (RFC 3339), in the years 1970 to 2199")
        return 0

    def date(self, value: object, where: str) -> date:
        """Return a day."""
        try:
            if isinstance(value, str) and DATE.fullmatch(value):
                return date.fromisoformat(value)
        except ValueError:
            pass
        self.wrong(where, value, "a date, YYYY-MM-DD, in the years 1970 to 2199")
        return date(1970, 1, 1)

    def zone(self, value: object, where: str) -> str:
        """Return the name of a time zone."""
        try:
            if isinstance(value, str):
                return ZoneInfo(value).key
        except (ValueError, OSError, LookupError):  # what zoneinfo raises of names that are none
            pass
        self.wrong(where, value, "a time zone by its IANA name")
        return "UTC"

    def each(
        self, value: object, where: str, most: int, read: Callable[[object, str], T]
    ) -> tuple[T, ...]:
        """Return the members of a list."""
        if not isinstance(value, list) or len(value) > most:
            self.wrong(where, value, f"a list of at most {most}")
            return ()
        return tuple(read(each, f"{where}[{place}]") for place, each in enumerate(value))


def at(where: str, name: str) -> str:
    """Return where a field stands."""
    return f"{where}.{name}" if where else name
