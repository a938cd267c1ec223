"""Which column of a table holds what: the header's words, read as people write them.

A name is split into words (`Speed (km/h)`, `speed_kmh` and `speedKmh` are the same); units are
taken off, and what is left must be the words of one field. `speed_accuracy` is therefore no speed.
"""

import re
from dataclasses import dataclass
from enum import Enum


class Field(Enum):
    """What a column can hold."""

    TIME = "time"
    DATE = "date"
    LAT = "lat"
    LON = "lon"
    ALTITUDE = "altitude"
    SPEED = "speed"
    COURSE = "course"
    HDOP = "hdop"
    SATELLITES = "satellites"
    IDENTITY = "identity"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is understood.

    Attributes:
        index: Its place in the row.
        header: As it stands in the file.
        field: What it holds.
        scale: Its values times this are metres, metres a second or degrees.
    """

    index: int
    header: str
    field: Field
    scale: float


_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_NAMES = {
    Field.TIME: {
        "time", "timestamp", "datetime", "ts", "utc", "epoch", "t", "time stamp", "date time",
        "time utc", "utc time", "fix time", "unix time", "unixtime", "elapsed", "seconds",
        "recorded at", "when",
    },
    Field.DATE: {"date", "day"},
    Field.LAT: {"lat", "latitude"},
    Field.LON: {"lon", "lng", "long", "longitude"},
    Field.ALTITUDE: {"alt", "altitude", "ele", "elevation", "height"},
    Field.SPEED: {"speed", "velocity", "spd", "sog", "ground speed", "speed over ground"},
    Field.COURSE: {"course", "heading", "bearing", "cog", "azimuth", "course over ground"},
    Field.HDOP: {"hdop"},
    Field.SATELLITES: {"satellites", "sats", "sat", "nsat", "num sat", "num sats"},
    Field.IDENTITY: {
        "track", "trip", "vehicle", "device", "id", "journey", "driver", "user", "imei", "unit",
        "track name", "trip name", "vehicle name", "device name", "object",
    },
}  # fmt: skip
_FIELD_OF = {name: field for field, names in _NAMES.items() for name in names}
# Said in front of the field without changing it.
_PREFIXES = {"gps", "gnss", "position", "location", "point", "loc", "pos", "vehicle", "device"}
_UNITS = {
    Field.SPEED: {
        "km h": 1 / 3.6, "kmh": 1 / 3.6, "kph": 1 / 3.6, "kmph": 1 / 3.6, "knots": 1852 / 3600,
        "knot": 1852 / 3600, "kn": 1852 / 3600, "kt": 1852 / 3600, "kts": 1852 / 3600,
        "mph": 0.44704, "m s": 1.0, "mps": 1.0, "ms": 1.0,
    },
    Field.ALTITUDE: {"ft": 0.3048, "feet": 0.3048, "m": 1.0, "meters": 1.0, "metres": 1.0},
    Field.LAT: {"deg": 1.0, "degrees": 1.0},
    Field.LON: {"deg": 1.0, "degrees": 1.0},
    Field.COURSE: {"deg": 1.0, "degrees": 1.0},
    Field.TIME: {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 0.001, "millis": 0.001, "utc": 1.0},
}  # fmt: skip


def columns_of(headers: list[str]) -> list[Column]:
    """Return the columns that are understood; of two with the same field the first one.

    Several columns may say together whose row it is.
    """
    found: list[Column] = []
    for index, header in enumerate(headers):
        known = _field_of([word.lower() for word in _WORD.findall(header)])
        if known is None:
            continue
        field, scale = known
        if field is Field.IDENTITY or all(one.field is not field for one in found):
            found.append(Column(index, header.strip(), field, scale))
    return found


def _field_of(words: list[str]) -> tuple[Field, float] | None:
    if len(words) > 1 and words[-1] == "id":
        return (Field.IDENTITY, 1.0) if _FIELD_OF.get(words[-2]) is Field.IDENTITY else None
    while words:
        for cut in range(len(words), 0, -1):
            field = _FIELD_OF.get(" ".join(words[:cut]))
            if field is None:
                continue
            unit = " ".join(words[cut:])
            scale = _UNITS.get(field, {}).get(unit) if unit else 1.0
            if scale is not None:
                return field, scale
        if words[0] not in _PREFIXES:
            return None
        words = words[1:]
    return None
