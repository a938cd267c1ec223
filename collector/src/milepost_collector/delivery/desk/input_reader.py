"""The forms that inputs are made of, and a reader of them that goes on past what is wrong."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from milepost_collector.delivery.desk.inputs import Degrees
from milepost_schemas.plan.reader import ID, Reader
from milepost_schemas.plan.reader import at as under

KEY = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
TYPE = re.compile(r"[a-z_]+(\.[a-z_]+)+", re.ASCII)
_LATEST_MS = 2**47

_Word = TypeVar("_Word", bound=StrEnum)


class InputReader(Reader):
    """Collects what is wrong with an input."""

    def of(self, value: object, known: str, needed: str) -> Mapping[str, Any]:
        """Return the fields of an input beside those that all have."""
        every = "version kind number at_ms"
        return self.fields(value, "", f"{every} {known}", f"{every} {needed}")

    def whole(self, given: Mapping[str, Any], name: str, low: int = 0, where: str = "") -> int:
        """Return a whole number."""
        value = given.get(name, low)
        if type(value) is int and low <= value <= _LATEST_MS:
            return value
        self.wrong(under(where, name), value, f"a whole number from {low} to {_LATEST_MS}")
        return low

    def known(self, given: Mapping[str, Any], name: str, where: str = "") -> int | None:
        """Return a time that may be unknown."""
        return self.whole(given, name, where=where) if name in given else None

    def id(self, given: Mapping[str, Any], name: str, where: str = "") -> str | None:
        """Return an id that may be missing."""
        if name not in given:
            return None
        return self.text(given[name], under(where, name), ID, f"an id: {ID.pattern}")

    def degrees(self, given: Mapping[str, Any], name: str, where: str = "") -> Degrees | None:
        """Return a place that may be unknown."""
        value, where = given.get(name), under(where, name)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) != 2:
            self.wrong(where, value, "[latitude, longitude]")
            return None
        return self.number(value[0], where, -90, 90), self.number(value[1], where, -180, 180)

    def ids(self, given: Mapping[str, Any], name: str, most: int, where: str = "") -> Any:
        """Return a list of ids."""

        def one(value: object, place: str) -> str:
            return self.text(value, place, ID, f"an id: {ID.pattern}")

        return self.each(given.get(name, []), under(where, name), most, one)

    def word(self, given: Mapping[str, Any], name: str, words: type[_Word]) -> _Word:
        """Return a member of an enumeration; the first where there is none."""
        if given.get(name) in list(words):
            return words(given[name])
        self.wrong(name, given.get(name), f"one of {', '.join(words)}")
        return next(iter(words))
