"""The values in the fields of a sentence: right or unsaid.

In flow texts of fields, out flow values in range, or None: nothing is guessed, and nothing raises.

The sentences of one instant repeat time and place, and instants repeat date, HDOP and numbers of
satellites; so what was read last is remembered.
"""

from datetime import date
from functools import lru_cache
from typing import NamedTuple

KNOT_MPS = 1852 / 3600
KMPH_MPS = 1000 / 3600

_NUMERIC = b"0123456789.-"
_MINUTES_MS = {
    b"%02d%02d" % (hour, minute): (hour * 60 + minute) * 60_000
    for hour in range(24)
    for minute in range(60)
}
# GPS time began in 1980, and no receiver of today lives to see the other end.
YEARS = range(1980, 2200)
_SECONDS_MS = {b"%02d" % second: second * 1000 for second in range(61)}

_SIGNS = {
    (north, east): (north_sign, east_sign)
    for north, north_sign in ((b"N", 1.0), (b"S", -1.0))
    for east, east_sign in ((b"E", 1.0), (b"W", -1.0))
}
_SCALE_DEG = [10.0**-digits / 60 for digits in range(13)]


class Position(NamedTuple):
    """A place in WGS 84, in degrees; north and east positive."""

    lat_deg: float
    lon_deg: float


def read_number(text: bytes) -> float | None:
    """Read a decimal number; float() alone takes nan, inf, 1e3, 1_0 and +1 as well."""
    if not text or text.translate(None, _NUMERIC):
        return None
    try:
        return float(text)
    except ValueError:
        return None


def read_speed(text: bytes, unit_mps: float) -> float | None:
    """Read a speed in some unit; metres a second, 0 to 1,000."""
    value = read_number(text)
    return value * unit_mps if value is not None and 0 <= value * unit_mps <= 1000 else None


def read_course(text: bytes) -> float | None:
    """Read a course; degrees, 0 to below 360."""
    course_deg = read_number(text)
    return course_deg % 360 if course_deg is not None and 0 <= course_deg <= 360 else None


def read_altitude(text: bytes) -> float | None:
    """Read a height; metres, -2,000 to 100,000."""
    altitude_m = read_number(text)
    return altitude_m if altitude_m is not None and -2000 <= altitude_m <= 100_000 else None


@lru_cache(maxsize=64)
def read_hdop(text: bytes) -> float | None:
    """Read a dilution of precision; above 0, which receivers write for none."""
    hdop = read_number(text)
    return hdop if hdop is not None and 0 < hdop < 1000 else None


@lru_cache(maxsize=64)
def read_satellites(text: bytes) -> int | None:
    """Read a number of satellites; 0 to 255."""
    satellites = read_number(text)
    return int(satellites) if satellites is not None and 0 <= satellites <= 255 else None


@lru_cache(maxsize=16)
def read_time(text: bytes) -> tuple[int | None, bool]:
    """Read `hhmmss` with or without a fraction.

    Returns:
        Milliseconds since midnight, 0 to 86,401,000 (leap second); whether there was no fraction.
    """
    minute_ms = _MINUTES_MS.get(text[:4])
    second_ms = _SECONDS_MS.get(text[4:6])
    fraction_ms = _read_fraction(text[6:])
    if minute_ms is None or second_ms is None or fraction_ms is None:
        return None, False
    return minute_ms + second_ms + fraction_ms, len(text) <= 7


@lru_cache(maxsize=64)
def _read_fraction(text: bytes) -> int | None:
    if text in (b"", b"."):
        return 0
    if text[:1] != b"." or not text[1:].isdigit():
        return None
    return round(float(text) * 1000)


@lru_cache(maxsize=4)
def read_day(text: bytes) -> date | None:
    """Read `ddmmyy`, `ddmmyyyy`, or the `yyyymmdd` of Mapbar navigators; from 1980, as GPS is."""
    if not text.isdigit():
        return None
    if len(text) == 6:
        year = int(text[4:])
        year, rest = year + (1900 if year >= 80 else 2000), text[:4]
    elif len(text) == 8 and int(text[:4]) in YEARS:
        year, rest = int(text[:4]), text[6:] + text[4:6]
    elif len(text) == 8 and int(text[4:]) in YEARS:
        year, rest = int(text[4:]), text[:4]
    else:
        return None
    try:
        return date(year, int(rest[2:]), int(rest[:2]))
    except ValueError:
        return None


@lru_cache(maxsize=8)
def read_position(lat: bytes, north: bytes, lon: bytes, east: bytes) -> Position | None:
    """Read `ddmm.mmmm`, N or S, `dddmm.mmmm`, E or W; exactly 0, 0 is what is written for none."""
    signs = _SIGNS.get((north, east))
    lat_whole, _, lat_digits = lat.partition(b".")
    lon_whole, _, lon_digits = lon.partition(b".")
    lat_deg, lon_deg = _minutes_deg(lat_whole, 4), _minutes_deg(lon_whole, 5)
    if signs is None or lat_deg is None or lon_deg is None:
        return None
    if lat_digits:
        if not lat_digits.isdigit() or len(lat_digits) >= len(_SCALE_DEG):
            return None
        lat_deg += int(lat_digits) * _SCALE_DEG[len(lat_digits)]
    if lon_digits:
        if not lon_digits.isdigit() or len(lon_digits) >= len(_SCALE_DEG):
            return None
        lon_deg += int(lon_digits) * _SCALE_DEG[len(lon_digits)]
    if lat_deg > 90 or lon_deg > 180 or not (lat_deg or lon_deg):
        return None
    # Zero has no sign.
    return Position(lat_deg * signs[0] + 0.0, lon_deg * signs[1] + 0.0)


@lru_cache(maxsize=16)
def _minutes_deg(text: bytes, digits: int) -> float | None:
    if len(text) != digits or not text.isdigit():
        return None
    degrees, minutes = divmod(int(text), 100)
    return degrees + minutes / 60 if minutes < 60 else None
