"""What a request may say: each parameter with its form, its limits and its description, once.

In flow requests, out flow values; what is wrong is named with its value and what would be right.
The OpenAPI document shows the same parameters (`openapi`), so it cannot say anything else.
"""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

from starlette.requests import Request

from milepost_collector.store.feed import CURSOR_PATTERN, Cursor, CursorError
from milepost_collector.web.reply import RequestError

T = TypeVar("T")

# Any number of values would be any amount of work.
_MOST_VALUES = 100

# A wrong value is said again up to here.
_SAID_AGAIN = 100

# RFC 3339, 5.6, without leap seconds, which no clock of ours tells.
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# A `+` that was not escaped comes as a space.
_ESCAPED_PLUS = re.compile(r" (?=\d\d:\d\d$)", re.ASCII)


class Edge(Enum):
    """A place in the feed that is not behind an event."""

    BEGINNING = "beginning"
    END = "end"


Place = Cursor | datetime | Edge


class In(Enum):
    """Where a parameter stands in a request, in the words of OpenAPI."""

    QUERY = "query"
    HEADER = "header"
    PATH = "path"


@dataclass(frozen=True)
class Parameter(ABC, Generic[T]):
    """One parameter.

    Attributes:
        name: As it stands in the request.
        description: For those who read the API's document; CommonMark.
        stands: Where.
    """

    name: str
    description: str
    stands: In = In.QUERY

    # How many times it may be given.
    most = 1

    def of(self, request: Request) -> T:
        """Read it.

        Raises:
            RequestError: It is not of the form that `schema` describes.
        """
        return self.read(self._texts(request))

    @abstractmethod
    def read(self, texts: list[str]) -> T:
        """Read what stands there; an empty list where nothing does."""

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of its value."""

    def wrong(self, text: str, right: str) -> RequestError:
        """Return the error that says what would be right."""
        return RequestError(400, f"{self.name}={text[:_SAID_AGAIN]!r} is not {right}")

    def _texts(self, request: Request) -> list[str]:
        if self.stands is In.PATH:
            return [request.path_params[self.name]]
        if self.stands is In.HEADER:
            return request.headers.getlist(self.name)[:1]
        return request.query_params.getlist(self.name)


@dataclass(frozen=True)
class Whole(Parameter[int]):
    """A whole number.

    Attributes:
        low: The least.
        high: The most.
        default: Its value where it is absent.
    """

    low: int = 0
    high: int = 0
    default: int = 0

    def read(self, texts: list[str]) -> int:
        """Read it; decimal digits alone."""
        if not texts:
            return self.default
        text = texts[0]
        if not (text.isascii() and text.isdigit() and len(text) < 10) or not (
            self.low <= int(text) <= self.high
        ):
            raise self.wrong(text, f"a whole number from {self.low} to {self.high}")
        return int(text)

    def schema(self) -> dict[str, Any]:
        """Return its limits."""
        limits = {"type": "integer", "minimum": self.low, "maximum": self.high}
        return limits | {"default": self.default} if self.low <= self.default else limits


@dataclass(frozen=True)
class Names(Parameter[frozenset[str]]):
    """Any number of names.

    Attributes:
        pattern: What a whole name looks like.
        right: The same in words.
        prefix: What may stand before a name and says nothing.
    """

    pattern: str = ""
    right: str = ""
    prefix: str = ""

    most = _MOST_VALUES

    def read(self, texts: list[str]) -> frozenset[str]:
        """Read them, without prefix."""
        for text in texts:
            if not re.fullmatch(self.pattern, text):
                raise self.wrong(text, self.right)
        return frozenset(text.removeprefix(self.prefix) for text in texts)

    def schema(self) -> dict[str, Any]:
        """Return an array of them."""
        items = {"type": "string", "pattern": self.pattern}
        return {"type": "array", "items": items, "maxItems": self.most}


@dataclass(frozen=True)
class Text(Parameter[str]):
    """A text that may be anything."""

    def read(self, texts: list[str]) -> str:
        """Read it."""
        return texts[0]

    def schema(self) -> dict[str, Any]:
        """Return that it is there."""
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True)
class Form(Parameter[str]):
    """A text of some form; empty where it is absent.

    Attributes:
        pattern: What the whole of it looks like.
        right: The same in words.
    """

    pattern: str = ""
    right: str = ""

    def read(self, texts: list[str]) -> str:
        """Read it."""
        if not texts:
            return ""
        if not re.fullmatch(self.pattern, texts[0], re.ASCII):
            raise self.wrong(texts[0], self.right)
        return texts[0]

    def schema(self) -> dict[str, Any]:
        """Return its form."""
        return {"type": "string", "pattern": f"^{self.pattern}$"}


@dataclass(frozen=True)
class Day(Parameter[date | None]):
    """A day."""

    def read(self, texts: list[str]) -> date | None:
        """Read it; None where it is absent."""
        try:
            if not texts:
                return None
            if _DAY.fullmatch(texts[0]):
                return date.fromisoformat(texts[0])
        except ValueError:
            pass
        raise self.wrong(texts[0], "a date, YYYY-MM-DD")

    def schema(self) -> dict[str, Any]:
        """Return its form."""
        return {"type": "string", "format": "date"}


@dataclass(frozen=True)
class Zone(Parameter[str | None]):
    """A time zone."""

    def read(self, texts: list[str]) -> str | None:
        """Read it; None where it is absent."""
        try:
            return ZoneInfo(texts[0]).key if texts else None
        except (ValueError, OSError, LookupError):  # what zoneinfo raises of names that are none
            raise self.wrong(texts[0], "a time zone by its IANA name") from None

    def schema(self) -> dict[str, Any]:
        """Return its form."""
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True)
class PlaceInFeed(Parameter[Place | None]):
    """A place in the feed: a cursor, an edge or a time."""

    def read(self, texts: list[str]) -> Place | None:
        """Read it; None where it is absent or empty."""
        text = texts[0] if texts else ""
        if not text:
            return None
        if text in [edge.value for edge in Edge]:
            return Edge(text)
        instant = _ESCAPED_PLUS.sub("+", text)
        try:
            if _INSTANT.fullmatch(instant):
                return datetime.fromisoformat(instant.upper())
            return Cursor.parse(text)
        except CursorError as error:
            raise RequestError(400, f"{self.name}: {error}") from None
        except ValueError as error:
            raise RequestError(400, f"{self.name}={text[:_SAID_AGAIN]!r}: {error}") from None

    def schema(self) -> dict[str, Any]:
        """Return the forms."""
        return {
            "anyOf": [
                {"type": "string", "enum": [*(edge.value for edge in Edge), ""]},
                {"type": "string", "pattern": CURSOR_PATTERN},
                {"type": "string", "format": "date-time"},
            ]
        }
