"""The JSON of gpsd: from its reports to fixes.

In flow bytes of the protocol (gpsd_json(5), protocol 3.1 to 3.26), out flow fixes. What a report
says is said again as the sentences that it would be, so that instants, dates, repetitions and holes
are those of NMEA. Pure, as the decoder of NMEA is; its methods are the same.

A TPV comes up to three times an instant while gpsd learns the receiver's cycle: the first place and
the first altitude hold. SKY has no time of its own in many versions; what it says belongs to the
next TPV. GST is the receiver's own estimate of its error; without any, `eph` is gpsd's.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from math import hypot
from typing import Any

from milepost_schemas.dating import Dating
from milepost_schemas.fix import FixKind
from milepost_schemas.nmea.epoch import EpochJoiner, MadeFix, Unfixed
from milepost_schemas.nmea.order import SentenceOrder
from milepost_schemas.nmea.sentence import Reading
from milepost_schemas.nmea.values import YEARS, Position

# gpsd itself writes no line longer than 10,240 bytes.
_LONGEST_LINE_BYTES = 65_536

# Another of gpsd's receivers is believed when the one so far gave no fix for so long.
_FAITHFUL_S = 5.0

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(\.\d{1,9})?Z", re.ASCII
)

# TPV's `status`, as numbered since gpsd 3.20. A simulated place (8) is no measurement, a surveyed
# one (7) is typed in.
_QUALITIES: dict[float | None, FixKind] = {
    2: FixKind.DIFFERENTIAL,
    3: FixKind.RTK,
    4: FixKind.RTK,
    5: FixKind.ESTIMATED,
    7: FixKind.ESTIMATED,
}
_SIMULATED = 8
_DIMENSIONS: dict[float | None, FixKind] = {2: FixKind.TWO_D, 3: FixKind.THREE_D}


class GpsdReject(StrEnum):
    """Why a line is no report for us."""

    UNREADABLE = "unreadable"  # no JSON object with a class
    LONG = "long"


def watch_command(device: str) -> bytes:
    """Return what to send to gpsd for its reports; of one of its devices, or of all of them."""
    asked = {"enable": True, "json": True, **({"device": device} if device else {})}
    return b"?WATCH=" + json.dumps(asked).encode() + b";\n"


class GpsdDecoder:
    """Makes fixes of gpsd's reports.

    Args:
        dating: Knows the days.

    Attributes:
        sentences: Reports of receivers so far.
        rejects: Lines that were no report so far, by kind.
    """

    def __init__(self, dating: Dating) -> None:
        self.sentences = 0
        self.rejects: Counter[GpsdReject] = Counter()
        self._order = SentenceOrder()
        self._joiner = EpochJoiner(dating, self._order)
        self._rest = b""
        self._is_skipping = False
        self._heard_s = 0.0
        self._device = ""
        self._device_fixed_s = 0.0
        self._sky: dict[str, Any] | None = None
        self._has_gst = False

    @property
    def unfixed(self) -> Counter[Unfixed]:
        """Instants that became no fix so far, by reason."""
        return self._joiner.unfixed

    def items(self, data: bytes, now_s: float) -> Iterator[bytes | MadeFix]:
        """Take bytes, and yield each line and each fix; see `NmeaDecoder.items`."""
        self._heard_s = now_s
        for line in self._lines(data):
            yield line
            report = _report(line)
            if report is None:
                self.rejects[GpsdReject.UNREADABLE] += 1
                continue
            for reading in self._readings(report, now_s):
                made = self._joiner.add(reading, now_s)
                if made is not None:
                    yield made

    def feed(self, data: bytes, now_s: float) -> list[MadeFix]:
        """Take bytes; return the fixes that they complete; see `items`."""
        return [item for item in self.items(data, now_s) if isinstance(item, MadeFix)]

    def quiet_at_s(self) -> float | None:
        """Return when the open instant is over if no further bytes come; None without one."""
        return self._heard_s + self._order.quiet_s if self._joiner.is_open else None

    def quiet(self, now_s: float) -> list[MadeFix]:
        """Take that no bytes have come until now; return the fix that this completes."""
        quiet_at_s = self.quiet_at_s()
        return self.close() if quiet_at_s is not None and now_s >= quiet_at_s else []

    def close(self) -> list[MadeFix]:
        """Take that no bytes will come; return the fix that this completes."""
        made = self._joiner.close()
        return [] if made is None else [made]

    def _lines(self, data: bytes) -> list[bytes]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._is_skipping and lines:
            del lines[0]
            self._is_skipping = False
        if len(self._rest) > _LONGEST_LINE_BYTES:
            self._rest = b""
            self.rejects[GpsdReject.LONG] += not self._is_skipping
            self._is_skipping = True
        short = [line for line in lines if len(line) <= _LONGEST_LINE_BYTES]
        if len(short) < len(lines):
            self.rejects[GpsdReject.LONG] += len(lines) - len(short)
        return [line.rstrip(b"\r") for line in short if line.strip()]

    def _readings(self, report: dict[str, Any], now_s: float) -> list[Reading]:
        """Say a report again as sentences."""
        kind, device = report["class"], str(report.get("device", ""))
        if kind not in ("TPV", "SKY", "GST"):
            return []
        self.sentences += 1
        if device != self._device:
            has_fix = kind == "TPV" and _number(report, "mode", 2, 3) is not None
            has_failed = now_s - self._device_fixed_s > _FAITHFUL_S
            if self._device and not (has_fix and has_failed):
                return []
            self._device, self._device_fixed_s = device, now_s
            self._sky, self._has_gst = None, False  # they were of the other receiver
        if kind == "SKY":
            self._sky = (self._sky or {}) | report  # gpsd may tell it in parts
            return []
        if kind == "GST":
            return self._gst(report)
        readings = self._tpv(report)
        if readings[0].valid:
            self._device_fixed_s = now_s
        return readings

    def _gst(self, report: dict[str, Any]) -> list[Reading]:
        lat_m, lon_m = _number(report, "lat", 0, 1e6), _number(report, "lon", 0, 1e6)
        _, time_of_day_ms = _time(report)
        if lat_m is None or lon_m is None or time_of_day_ms is None:
            return []
        self._has_gst = True
        return [Reading("GST", time_of_day_ms, error_m=hypot(lat_m, lon_m))]

    def _tpv(self, report: dict[str, Any]) -> list[Reading]:
        day, time_of_day_ms = _time(report)
        mode, status = _number(report, "mode", 0, 9), _number(report, "status", 0, 99)
        valid = mode in _DIMENSIONS and status != _SIMULATED
        placed = Reading(
            "RMC",
            time_of_day_ms,
            day=day,
            valid=valid,
            position=_position(report) if valid else None,
            speed_mps=_number(report, "speed", 0, 1000),
            course_deg=_course(report),
            quality=_QUALITIES.get(status, FixKind.NONE),
        )
        sky, self._sky = self._sky, None
        if not valid or time_of_day_ms is None:
            return [placed]
        return [placed, *self._details(report, sky, placed, mode)]

    def _details(
        self,
        report: dict[str, Any],
        sky: dict[str, Any] | None,
        placed: Reading,
        mode: float | None,
    ) -> list[Reading]:
        """Say what a TPV and the SKY before it say of a fix besides place and movement."""
        again = Reading("", placed.time_of_day_ms, valid=True, position=placed.position)
        readings = [Reading("GSA", dimension=_DIMENSIONS.get(mode))]
        altitude_m, error_m = _altitude(report), _error(report)
        if altitude_m is not None:
            readings.append(again._replace(type="GGA", altitude_m=altitude_m))
        if sky is not None:
            hdop, satellites = _number(sky, "hdop", 0.01, 999), _satellites(sky)
            readings.append(again._replace(type="GNS", hdop=hdop, satellites=satellites))
        if error_m is not None and not self._has_gst:
            readings.append(Reading("GST", placed.time_of_day_ms, error_m=error_m))
        return readings


def _report(line: bytes) -> dict[str, Any] | None:
    try:
        report = json.loads(line)
    except (ValueError, RecursionError):
        return None
    is_report = isinstance(report, dict) and isinstance(report.get("class"), str)
    return report if is_report else None


def _number(report: dict[str, Any], key: str, low: float, high: float) -> float | None:
    value = report.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if low <= value <= high else None  # which NaN and infinity are not


def _time(report: dict[str, Any]) -> tuple[date | None, int | None]:
    text = report.get("time")
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None, None
    hours, minutes, seconds = int(match[4]), int(match[5]), int(match[6])
    time_of_day_ms = ((hours * 60 + minutes) * 60 + seconds) * 1000
    time_of_day_ms += round(float(match[7] or 0) * 1000)
    year = int(match[1])
    if year not in YEARS:
        return None, time_of_day_ms
    try:
        return date(year, int(match[2]), int(match[3])), time_of_day_ms
    except ValueError:
        return None, time_of_day_ms


def _position(report: dict[str, Any]) -> Position | None:
    lat_deg, lon_deg = _number(report, "lat", -90, 90), _number(report, "lon", -180, 180)
    if lat_deg is None or lon_deg is None or not (lat_deg or lon_deg):
        return None
    return Position(lat_deg, lon_deg)


def _course(report: dict[str, Any]) -> float | None:
    course_deg = _number(report, "track", 0, 360)
    return None if course_deg is None else course_deg % 360


def _altitude(report: dict[str, Any]) -> float | None:
    """Return the height above mean sea level; before gpsd 3.20, `alt` was all there is."""
    altitude_m = _number(report, "altMSL", -2000, 100_000)
    if altitude_m is None and "altHAE" not in report:
        altitude_m = _number(report, "alt", -2000, 100_000)
    return altitude_m


def _error(report: dict[str, Any]) -> float | None:
    """Return the horizontal error at one sigma; gpsd states 95 %, as two of it."""
    eph_m = _number(report, "eph", 0, 1e6)
    if eph_m is None:
        epx_m, epy_m = _number(report, "epx", 0, 1e6), _number(report, "epy", 0, 1e6)
        eph_m = None if epx_m is None or epy_m is None else hypot(epx_m, epy_m)
    return None if eph_m is None else eph_m / 2


def _satellites(sky: dict[str, Any]) -> int | None:
    """Return how many satellites are used, which older versions do not count."""
    counted = _number(sky, "uSat", 0, 255)
    if counted is not None:
        return int(counted)
    satellites = sky.get("satellites")
    if not isinstance(satellites, list):
        return None
    used = sum(isinstance(each, dict) and each.get("used") is True for each in satellites)
    return min(used, 255)
