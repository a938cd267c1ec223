"""NMEA 0183 sentences, read: from what stands between `$` and `*` to what it says.

In flow bodies whose checksum was right, out flow readings with the values as the receiver stated
them. Fields are numbered as in NMEA 0183 v4.11, section 6 (field 0 is the head). Field values are
right or unsaid: out of range, half a position, or not of the standard's form is unsaid, never
guessed, and nothing here raises.
"""

from collections.abc import Callable
from datetime import date
from math import hypot
from typing import NamedTuple

from milepost_schemas.fix import FixKind
from milepost_schemas.nmea.values import (
    KMPH_MPS,
    KNOT_MPS,
    Position,
    read_altitude,
    read_course,
    read_day,
    read_hdop,
    read_number,
    read_position,
    read_satellites,
    read_speed,
    read_time,
)

# GGA quality (v4.11, GGA field 6). 7 is a place typed in; 8, a demonstration, is no measurement.
_KIND_OF_QUALITY = {
    b"1": FixKind.NONE,
    b"2": FixKind.DIFFERENTIAL,
    b"3": FixKind.DIFFERENTIAL,
    b"4": FixKind.RTK,
    b"5": FixKind.RTK,
    b"6": FixKind.ESTIMATED,
    b"7": FixKind.ESTIMATED,
}
# Positioning system mode indicator of RMC, GLL and GNS (v2.3 on); N and S are no measurement.
_KIND_OF_MODE = {
    b"A": FixKind.NONE,
    b"D": FixKind.DIFFERENTIAL,
    b"P": FixKind.DIFFERENTIAL,
    b"R": FixKind.RTK,
    b"F": FixKind.RTK,
    b"E": FixKind.ESTIMATED,
    b"M": FixKind.ESTIMATED,
}
_MODES_WITHOUT_FIX = (b"N", b"S")
# A deviation of more is no statement about a place on this planet.
_WORST_M = 1e7
_KIND_OF_GSA = {b"2": FixKind.TWO_D, b"3": FixKind.THREE_D}


class Reading(NamedTuple):
    """What one sentence says; None is unsaid.

    A named tuple because it is made for most sentences: a frozen dataclass costs three times as
    much, which would be a fifth of all the reading.

    Attributes:
        type: `RMC`, `GGA`, `GNS`, `GLL`, `GSA`, `VTG`, `GST` or `ZDA`.
        time_of_day_ms: UTC, milliseconds since midnight; 0 to 86,401,000 (leap second).
        to_the_second: The time was written without a fraction.
        day: UTC date.
        valid: Whether the sentence claims a fix; None where it has no say.
        position: The place; never exactly 0, 0, which is what receivers write for none.
        altitude_m: Height above mean sea level; -2,000 to 100,000.
        speed_mps: Speed over ground; 0 to 1,000.
        course_deg: Course over ground from true north; 0 to below 360.
        hdop: Horizontal dilution of precision, above 0.
        satellites: Satellites used; 0 to 255.
        quality: DIFFERENTIAL, RTK or ESTIMATED, or NONE for a plain fix.
        dimension: TWO_D or THREE_D.
        error_m: Horizontal error, one sigma.
    """

    type: str
    time_of_day_ms: int | None = None
    to_the_second: bool = False
    day: date | None = None
    valid: bool | None = None
    position: Position | None = None
    altitude_m: float | None = None
    speed_mps: float | None = None
    course_deg: float | None = None
    hdop: float | None = None
    satellites: int | None = None
    quality: FixKind | None = None
    dimension: FixKind | None = None
    error_m: float | None = None


def read_sentence(body: bytes) -> Reading | None:
    """Read what stands between `$` and `*`; None for a sentence that no fix needs.

    Any talker is read, as receivers change theirs (GP to GN at the first fix); proprietary
    sentences, which begin with P, are not.
    """
    known = _READERS.get(body[2:6])
    if known is None or body[0] == _PROPRIETARY:
        return None
    reader, last_field = known
    fields = body.split(b",")
    if _BLANK in body:
        fields = [field.strip() for field in fields]
    if len(fields) <= last_field:
        fields += [b""] * last_field
    return reader(fields)


# Makes a named tuple of all its fields at once, in half the time of its own constructor.
_new = tuple.__new__

_PROPRIETARY = ord("P")
_BLANK = ord(" ")


def _rmc(fields: list[bytes]) -> Reading:
    time_of_day_ms, to_the_second = read_time(fields[1])
    # Field 13, the navigational status of v4.1, says V on every good fix of many receivers.
    mode = fields[12]
    return _new(
        Reading,
        (
            "RMC",
            time_of_day_ms,
            to_the_second,
            read_day(fields[9]),
            fields[2] == b"A" and mode not in _MODES_WITHOUT_FIX,
            read_position(fields[3], fields[4], fields[5], fields[6]),
            None,
            read_speed(fields[7], KNOT_MPS),
            read_course(fields[8]),
            None,
            None,
            _KIND_OF_MODE.get(mode),
            None,
            None,
        ),
    )


def _gga(fields: list[bytes]) -> Reading:
    time_of_day_ms, to_the_second = read_time(fields[1])
    quality = _KIND_OF_QUALITY.get(fields[6])
    return _new(
        Reading,
        (
            "GGA",
            time_of_day_ms,
            to_the_second,
            None,
            quality is not None,
            read_position(fields[2], fields[3], fields[4], fields[5]),
            read_altitude(fields[9]),
            None,
            None,
            read_hdop(fields[8]),
            read_satellites(fields[7]),
            quality,
            None,
            None,
        ),
    )


def _gns(fields: list[bytes]) -> Reading:
    # One mode letter for each satellite system; the fix is as good as the best of them.
    modes = fields[6]
    kinds = [_KIND_OF_MODE[mode] for mode in _KIND_OF_MODE if mode in modes]
    measured = [kind for kind in kinds if kind is not FixKind.ESTIMATED]
    time_of_day_ms, to_the_second = read_time(fields[1])
    return Reading(
        "GNS",
        time_of_day_ms,
        to_the_second,
        None,
        bool(kinds),
        read_position(fields[2], fields[3], fields[4], fields[5]),
        read_altitude(fields[9]),
        hdop=read_hdop(fields[8]),
        satellites=read_satellites(fields[7]),
        quality=max(measured or kinds, default=None),
    )


def _gll(fields: list[bytes]) -> Reading | None:
    status, mode = fields[6], fields[7]
    if not status:  # before v2.0 it had neither time nor status
        return None
    time_of_day_ms, to_the_second = read_time(fields[5])
    return Reading(
        "GLL",
        time_of_day_ms,
        to_the_second,
        None,
        status == b"A" and mode not in _MODES_WITHOUT_FIX,
        read_position(fields[1], fields[2], fields[3], fields[4]),
        quality=_KIND_OF_MODE.get(mode),
    )


def _gsa(fields: list[bytes]) -> Reading:
    return Reading("GSA", hdop=read_hdop(fields[16]), dimension=_KIND_OF_GSA.get(fields[2]))


def _vtg(fields: list[bytes]) -> Reading:
    speed_mps = read_speed(fields[7], KMPH_MPS)
    if speed_mps is None:
        speed_mps = read_speed(fields[5], KNOT_MPS)
    return Reading("VTG", speed_mps=speed_mps, course_deg=read_course(fields[1]))


def _gst(fields: list[bytes]) -> Reading:
    time_of_day_ms, to_the_second = read_time(fields[1])
    lat_m, lon_m = read_number(fields[6]), read_number(fields[7])
    error_m = None
    if lat_m is not None and lon_m is not None and 0 <= lat_m < _WORST_M and 0 <= lon_m < _WORST_M:
        error_m = hypot(lat_m, lon_m)
    return Reading("GST", time_of_day_ms, to_the_second, error_m=error_m)


def _zda(fields: list[bytes]) -> Reading:
    time_of_day_ms, to_the_second = read_time(fields[1])
    day = read_day(fields[2] + fields[3] + fields[4]) if len(fields[4]) == 4 else None
    return Reading("ZDA", time_of_day_ms, to_the_second, day)


# How each type is read, and the last field that is asked for: a shorter one leaves it unsaid.
_READERS: dict[bytes, tuple[Callable[[list[bytes]], Reading | None], int]] = {
    b"RMC,": (_rmc, 12),
    b"GGA,": (_gga, 9),
    b"GNS,": (_gns, 9),
    b"GLL,": (_gll, 7),
    b"GSA,": (_gsa, 16),
    b"VTG,": (_vtg, 7),
    b"GST,": (_gst, 7),
    b"ZDA,": (_zda, 4),
}
