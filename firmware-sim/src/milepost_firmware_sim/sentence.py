"""NMEA 0183 sentences as the simulator needs them: found, checked, and their times and places read.

In flow single pieces of a recording (at most one `$` each), out flow what they say. Nothing here
judges a receiver; a sentence with a wrong checksum simply says nothing.
"""

import re
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import reduce
from operator import xor

DAY_S = 86_400

_SENTENCE = re.compile(rb"\$([^$*\r\n]*)(?:\*([0-9A-Fa-f]{2}))?")
_ADDRESS = re.compile(rb"(?:[A-Z]{2}[A-Z0-9]{3}|P[A-Z0-9]{3,})\Z")
_AIS = re.compile(rb"![A-Z]{5},")
_TIME = re.compile(rb"([0-9]{2})([0-9]{2})([0-9]{2})(\.[0-9]*)?\Z")
_DATE = re.compile(rb"[0-9]{6}(?:[0-9]{2})?\Z")
_LAT = re.compile(rb"([0-9]{2})([0-9]{2}(?:\.[0-9]*)?)\Z")
_LON = re.compile(rb"([0-9]{3})([0-9]{2}(?:\.[0-9]*)?)\Z")
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()

# Field of the time of day, by sentence formatter (NMEA 0183 v4.11; GLG and LLQ are makers' own).
_TIME_FIELD = {
    b"RMC": 1,
    b"GGA": 1,
    b"GNS": 1,
    b"GST": 1,
    b"GBS": 1,
    b"GRS": 1,
    b"ZDA": 1,
    b"ZFO": 1,
    b"ZTG": 1,
    b"BWC": 1,
    b"BWR": 1,
    b"LLQ": 1,
    b"GLG": 4,
    b"GLL": 5,
}
_DATE_FIELD = {b"RMC": 9, b"LLQ": 2, b"GLG": 3}
# Field of the latitude, the first of four that make a place.
_PLACE_FIELD = {b"RMC": 3, b"GGA": 2, b"GNS": 2, b"GLL": 1}
# u-blox's own sentences, by the message number in their first field.
_UBX_TIME_FIELD = {b"00": 2, b"04": 2}
_UBX_DATE_FIELD = {b"04": 3}
_UBX_PLACE_FIELD = {b"00": 3}


class Checksum(Enum):
    """What the two digits at the end say of the sentence before them."""

    RIGHT = "right"
    WRONG = "wrong"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a piece.

    Attributes:
        fields: What stands between `$` and `*`, split at the commas; the address comes first.
        checksum: Whether the digits after `*` are right.
        start: Place of the `$` in the piece.
        end: Place after the last byte of the sentence in the piece.
        digits: The two hexadecimal digits as they stand; empty without a checksum.
    """

    fields: list[bytes]
    checksum: Checksum
    start: int
    end: int
    digits: bytes

    @property
    def formatter(self) -> bytes:
        """Say which sentence this is: `RMC` for any talker, the whole address of a maker's own."""
        address = self.fields[0]
        return address if address[:1] == b"P" else address[2:]


@dataclass(frozen=True, slots=True)
class TimeFields:
    """Where a sentence carries its time; `date_at` is None where it carries no date in one field.

    Attributes:
        time_at: Index of the field hhmmss.sss.
        date_at: Index of the field ddmmyy (or yyyymmdd).
        dated_by_parts: The three fields after the time are day, month and year (ZDA).
    """

    time_at: int
    date_at: int | None
    dated_by_parts: bool


@dataclass(frozen=True, slots=True)
class Stamp:
    """The time that a sentence carries.

    Attributes:
        second_of_day: Seconds since UTC midnight, 0 to below 86,401.
        day: Days since 1970-01-01, or None without a date.
        has_fix: The sentence says that its time and position come from satellites.
    """

    second_of_day: float
    day: int | None
    has_fix: bool


@dataclass(frozen=True, slots=True)
class Position:
    """A place in degrees of WGS 84."""

    lat_deg: float
    lon_deg: float


def checksum_of(body: bytes) -> int:
    """Return the exclusive or of all bytes between `$` and `*`, 0 to 255."""
    return reduce(xor, body, 0)


def find_sentence(piece: bytes) -> Sentence | None:
    """Find the sentence of a piece; None where nothing looks like one.

    A sentence has a right checksum, or at least an address and a comma.
    """
    match = _SENTENCE.search(piece)
    if match is None:
        return None
    body, digits = match.group(1), match.group(2) or b""
    fields = body.split(b",")
    if not digits:
        checksum = Checksum.MISSING
    elif int(digits, 16) == checksum_of(body):
        checksum = Checksum.RIGHT
    else:
        checksum = Checksum.WRONG
    addressed = len(fields) > 1 and _ADDRESS.match(fields[0]) is not None
    if not addressed and (checksum is not Checksum.RIGHT or len(body) < 3):
        return None
    return Sentence(fields, checksum, match.start(), match.end(), digits)


def holds_ais(piece: bytes) -> bool:
    """Say whether a piece holds an AIS sentence, which begins with `!` and carries no time."""
    return _AIS.search(piece) is not None


def time_fields(sentence: Sentence) -> TimeFields | None:
    """Tell where the sentence carries its time; None where it carries none."""
    fields = sentence.fields
    if fields[0] == b"PUBX":
        time_at = _UBX_TIME_FIELD.get(fields[1], len(fields))
        date_at = _UBX_DATE_FIELD.get(fields[1])
    elif len(fields[0]) == 5:
        time_at = _TIME_FIELD.get(sentence.formatter, len(fields))
        date_at = _DATE_FIELD.get(sentence.formatter)
    else:
        return None
    if time_at >= len(fields):
        return None
    if date_at is not None and date_at >= len(fields):
        date_at = None
    return TimeFields(time_at, date_at, sentence.formatter == b"ZDA" and len(fields) > 4)


def second_of_day(field: bytes) -> float | None:
    """Read hhmmss.sss as seconds since midnight; 60 seconds stand for a leap second."""
    match = _TIME.match(field)
    if match is None:
        return None
    hour, minute, second = int(match[1]), int(match[2]), int(match[3])
    if hour > 23 or minute > 59 or second > 60:
        return None
    fraction = float(match[4]) if match[4] and len(match[4]) > 1 else 0.0
    return hour * 3600 + minute * 60 + second + fraction


def day_number(year: int, month: int, day: int) -> int | None:
    """Return the days since 1970-01-01; None where there is no such day."""
    try:
        return date(year, month, day).toordinal() - _EPOCH_ORDINAL
    except ValueError:
        return None


def date_of_day(day: int) -> date:
    """Return the calendar day of a number of days since 1970-01-01."""
    return date.fromordinal(day + _EPOCH_ORDINAL)


def day_of_field(field: bytes) -> int | None:
    """Read ddmmyy (80 to 99 are of the last century) or yyyymmdd as days since 1970-01-01."""
    if _DATE.match(field) is None:
        return None
    if len(field) == 8:
        return day_number(int(field[:4]), int(field[4:6]), int(field[6:]))
    short = int(field[4:6])
    return day_number(short + (1900 if short >= 80 else 2000), int(field[2:4]), int(field[:2]))


def day_of_parts(fields: list[bytes], time_at: int) -> int | None:
    """Read the day, month and year after the time (ZDA) as days since 1970-01-01."""
    parts = fields[time_at + 1 : time_at + 4]
    if [len(part) for part in parts] != [2, 2, 4] or not all(part.isdigit() for part in parts):
        return None
    return day_number(int(parts[2]), int(parts[1]), int(parts[0]))


def stamp_of(sentence: Sentence) -> Stamp | None:
    """Read the time of a sentence; None without one, and where the checksum is wrong.

    A sentence without a checksum has a time, but never a fix: nothing vouches for it.
    """
    places = time_fields(sentence)
    if places is None or sentence.checksum is Checksum.WRONG:
        return None
    time_s = second_of_day(sentence.fields[places.time_at])
    if time_s is None:
        return None
    day = None
    if places.dated_by_parts:
        day = day_of_parts(sentence.fields, places.time_at)
    elif places.date_at is not None:
        day = day_of_field(sentence.fields[places.date_at])
    return Stamp(time_s, day, sentence.checksum is Checksum.RIGHT and _has_fix(sentence))


def _has_fix(sentence: Sentence) -> bool:
    fields = sentence.fields
    match sentence.formatter:
        case b"RMC":
            return fields[2] == b"A"
        case b"GGA":
            return len(fields) > 6 and fields[6].isdigit() and int(fields[6]) > 0
        case b"GLL":
            return len(fields) > 6 and fields[6] == b"A"
        case b"GNS":
            return len(fields) > 6 and fields[6].strip(b"N") != b""
        case _:
            return False


def place_field(sentence: Sentence) -> int | None:
    """Tell which field is the latitude, the first of four of a place; None where there is none."""
    fields = sentence.fields
    if fields[0] == b"PUBX":
        first = _UBX_PLACE_FIELD.get(fields[1])
    else:
        first = _PLACE_FIELD.get(sentence.formatter)
    return None if first is None or len(fields) < first + 4 else first


def place_of(sentence: Sentence) -> Position | None:
    """Read the place that a sentence names, whether it has a fix or not; None without one."""
    first = place_field(sentence)
    if first is None:
        return None
    lat, north, lon, east = sentence.fields[first : first + 4]
    lat_deg = _angle_deg(_LAT.match(lat), north, b"NS")
    lon_deg = _angle_deg(_LON.match(lon), east, b"EW")
    if lat_deg is None or lon_deg is None or abs(lat_deg) > 90.0 or abs(lon_deg) > 180.0:
        return None
    return Position(lat_deg, lon_deg)


def position_of(sentence: Sentence) -> Position | None:
    """Read the position of an RMC or GGA that has a fix and a right checksum; else None."""
    if sentence.formatter not in (b"RMC", b"GGA") or sentence.checksum is not Checksum.RIGHT:
        return None
    return place_of(sentence) if _has_fix(sentence) else None


def rewritten(piece: bytes, sentence: Sentence, fields: list[bytes]) -> bytes:
    """Return the piece with other fields in its sentence, and the right checksum for them.

    Hexadecimal letters of the checksum keep their case.
    """
    body = b",".join(fields)
    lower = sentence.digits != sentence.digits.upper()
    digits = format(checksum_of(body), "02x" if lower else "02X").encode()
    return piece[: sentence.start] + b"$" + body + b"*" + digits + piece[sentence.end :]


def _angle_deg(match: re.Match[bytes] | None, side: bytes, sides: bytes) -> float | None:
    if match is None or len(side) != 1 or side not in sides:
        return None
    angle = int(match[1]) + float(match[2]) / 60.0
    return angle if side == sides[:1] else -angle
