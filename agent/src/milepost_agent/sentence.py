"""NMEA 0183 sentences: found in a stream of bytes, checked, and read.

In flow bytes as the receiver sends them, at any cut; out flow readings. Nothing that lacks a right
checksum is ever read. A line end means nothing: a sentence begins at `$` and ends with its
checksum, so prefixes, glued sentences and missing line ends cost nothing, and a spliced line is
betrayed by its checksum.

pynmea2 splits a sentence into named fields and is trusted with nothing else: it answers 0,0 for
empty positions, accepts latitude 92, and raises at odd dates.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import reduce
from operator import xor

import pynmea2

from milepost_schemas.fix import FixKind

# NMEA 0183 allows 82 characters; receivers' own sentences run longer.
MAX_SENTENCE_BYTES = 256

_SENTENCE = re.compile(rb"\$([A-Z][ -#%-)+-~]{3,250})\*([0-9A-Fa-f]{2})")
_NUMBER = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{0,12})?\Z")
_TIME = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{2})(?:\.([0-9]{0,9}))?\Z")
_LAT = re.compile(r"([0-9]{2})([0-9]{2}(?:\.[0-9]{0,12})?)\Z")
_LON = re.compile(r"([0-9]{3})([0-9]{2}(?:\.[0-9]{0,12})?)\Z")

KNOT_MPS = 1852 / 3600
_DAY_MS = 86_400_000

# GGA quality (NMEA 0183 v4.11, GGA field 6); 7 and 8 are manual input and simulator.
_KIND_OF_QUALITY = {
    "1": FixKind.NONE,
    "2": FixKind.DIFFERENTIAL,
    "3": FixKind.DIFFERENTIAL,
    "4": FixKind.RTK,
    "5": FixKind.RTK,
    "6": FixKind.ESTIMATED,
    "7": FixKind.ESTIMATED,
    "8": FixKind.ESTIMATED,
}
# Positioning system mode indicator of RMC, GLL, VTG (v2.3 on); "A" alone says nothing of 2D or 3D.
_KIND_OF_MODE = {
    "D": FixKind.DIFFERENTIAL,
    "R": FixKind.RTK,
    "F": FixKind.RTK,
    "E": FixKind.ESTIMATED,
    "M": FixKind.ESTIMATED,
    "S": FixKind.ESTIMATED,
}
_TIMED = ("RMC", "GGA", "GLL")
_KIND_OF_GSA = {"2": FixKind.TWO_D, "3": FixKind.THREE_D}


class Reject(StrEnum):
    """Why something on the line is no sentence for us."""

    CHECKSUM = "checksum"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Reading:
    """What one sentence says; None is unsaid.

    Attributes:
        type: `RMC`, `GGA`, `GSA`, `VTG` or `GLL`.
        time_of_day_ms: UTC, milliseconds since midnight; 0 to 86,400,999 (leap second).
        day: UTC date.
        valid: Whether the sentence claims a fix; None where it has no say.
    """

    type: str
    time_of_day_ms: int | None = None
    day: date | None = None
    valid: bool | None = None
    lat_e6: int | None = None
    lon_e6: int | None = None
    altitude_dm: int | None = None
    speed_dmps: int | None = None
    course_deg: int | None = None
    hdop_tenths: int | None = None
    satellites: int | None = None
    kind: FixKind | None = None

    @property
    def is_timed(self) -> bool:
        """Whether sentences of this type state the time; they may leave it empty."""
        return self.type in _TIMED


class Framer:
    """Finds whole sentences in a stream of bytes.

    Attributes:
        sentences: Sentences with a right checksum so far, read or not.
        rejects: What was refused so far, by reason.
    """

    def __init__(self) -> None:
        self.sentences = 0
        self.rejects: Counter[Reject] = Counter()
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[str]:
        """Take bytes, and yield what stood between `$` and `*` of each sound sentence in them."""
        data = self._rest + data
        end = 0
        for match in _SENTENCE.finditer(data):
            end = match.end()
            body = match[1]
            if reduce(xor, body) == int(match[2], 16):
                self.sentences += 1
                yield body.decode("ascii")
            else:
                self.rejects[Reject.CHECKSUM] += 1
        begin = data.rfind(b"$", max(end, len(data) - MAX_SENTENCE_BYTES))
        self._rest = data[begin:] if begin >= 0 else b""


def read_sentence(body: str) -> Reading | None:
    """Read what stands between `$` and `*`; None for a sentence that no fix needs.

    Values out of range, and positions that are not whole, are unsaid rather than guessed.

    Raises:
        ValueError: A sentence of a type that we read cannot be split into fields.
    """
    if body.startswith("P") or body[2:5] not in _READERS:
        return None
    try:
        message = pynmea2.parse(f"${body}")
    except pynmea2.ParseError as error:
        raise ValueError(f"sentence {body!r}: {error}") from None
    return _READERS[body[2:5]](_Fields(message))


class _Fields:
    """The named fields of a sentence as texts; empty where the sentence is short of them."""

    def __init__(self, message: pynmea2.NMEASentence) -> None:
        self._message = message

    def __getitem__(self, name: str) -> str:
        index = self._message.name_to_idx.get(name)
        data: list[str] = self._message.data
        return data[index].strip() if index is not None and index < len(data) else ""

    def at(self, index: int) -> str:
        """Return a field that pynmea2 has no name for in older sentences."""
        data: list[str] = self._message.data
        return data[index].strip() if index < len(data) else ""


def _rmc(fields: _Fields) -> Reading:
    mode = fields.at(11)
    lat_e6, lon_e6 = _position(fields)
    return Reading(
        type="RMC",
        time_of_day_ms=_time_of_day(fields["timestamp"]),
        day=_day(fields["datestamp"]),
        # Field 12, the navigational status of NMEA 4.1, says V on every fix of many receivers.
        valid=fields["status"] == "A" and mode != "N",
        lat_e6=lat_e6,
        lon_e6=lon_e6,
        speed_dmps=_scaled(fields["spd_over_grnd"], KNOT_MPS * 10, 0, 10_000),
        course_deg=_course(fields["true_course"]),
        kind=_KIND_OF_MODE.get(mode),
    )


def _gga(fields: _Fields) -> Reading:
    quality = fields["gps_qual"]
    lat_e6, lon_e6 = _position(fields)
    return Reading(
        type="GGA",
        time_of_day_ms=_time_of_day(fields["timestamp"]),
        valid=quality in _KIND_OF_QUALITY,
        lat_e6=lat_e6,
        lon_e6=lon_e6,
        altitude_dm=_scaled(fields["altitude"], 10, -20_000, 1_000_000),
        hdop_tenths=_scaled(fields["horizontal_dil"], 10, 0, 999),
        satellites=_scaled(fields["num_sats"], 1, 0, 255),
        kind=_KIND_OF_QUALITY.get(quality) or None,
    )


def _gll(fields: _Fields) -> Reading:
    mode = fields.at(6)
    lat_e6, lon_e6 = _position(fields)
    return Reading(
        type="GLL",
        time_of_day_ms=_time_of_day(fields["timestamp"]),
        valid=fields["status"] == "A" and mode != "N",
        lat_e6=lat_e6,
        lon_e6=lon_e6,
        kind=_KIND_OF_MODE.get(mode),
    )


def _gsa(fields: _Fields) -> Reading:
    return Reading(
        type="GSA",
        valid=None,
        hdop_tenths=_scaled(fields["hdop"], 10, 0, 999),
        kind=_KIND_OF_GSA.get(fields["mode_fix_type"]),
    )


def _vtg(fields: _Fields) -> Reading:
    return Reading(
        type="VTG",
        speed_dmps=_scaled(fields["spd_over_grnd_kmph"], 10 / 3.6, 0, 10_000),
        course_deg=_course(fields["true_track"]),
    )


_READERS = {"RMC": _rmc, "GGA": _gga, "GLL": _gll, "GSA": _gsa, "VTG": _vtg}


def _scaled(text: str, factor: float, low: int, high: int) -> int | None:
    if not _NUMBER.match(text):
        return None
    value = round(float(text) * factor)
    return value if low <= value <= high else None


def _course(text: str) -> int | None:
    degrees = _scaled(text, 1, 0, 360)
    return None if degrees is None else degrees % 360


def _time_of_day(text: str) -> int | None:
    match = _TIME.match(text)
    if match is None:
        return None
    hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3])
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    fraction_ms = round(float(f"0.{match[4]}") * 1000) if match[4] else 0
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + fraction_ms


def _day(text: str) -> date | None:
    if not (text.isascii() and text.isdigit() and len(text) in (6, 8)):
        return None
    if len(text) == 8:  # yyyymmdd (seen from Mapbar navigators) or ddmmyyyy
        year_first = 1980 <= int(text[:4]) < 2200
        year, rest = (text[:4], text[6:] + text[4:6]) if year_first else (text[4:], text[:4])
    else:  # ddmmyy; GPS time began in 1980
        century = "19" if text[4:] >= "80" else "20"
        year, rest = century + text[4:], text[:4]
    try:
        return date(int(year), int(rest[2:]), int(rest[:2]))
    except ValueError:
        return None


def _position(fields: _Fields) -> tuple[int, int] | tuple[None, None]:
    lat_e6 = _angle(_LAT, fields["lat"], fields["lat_dir"], "NS", 90)
    lon_e6 = _angle(_LON, fields["lon"], fields["lon_dir"], "EW", 180)
    if lat_e6 is None or lon_e6 is None:
        return None, None
    return lat_e6, lon_e6


def _angle(
    form: re.Pattern[str], text: str, hemisphere: str, letters: str, limit_deg: int
) -> int | None:
    match = form.match(text)
    if match is None or len(hemisphere) != 1 or hemisphere not in letters:
        return None
    minutes = float(match[2])
    angle_e6 = round((int(match[1]) + minutes / 60) * 1e6)
    if minutes >= 60 or angle_e6 > limit_deg * 1_000_000:
        return None
    return -angle_e6 if hemisphere == letters[1] else angle_e6
