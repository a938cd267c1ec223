"""A fix: what a receiver measured at one instant, at the resolution that travels.

The numbers are integers in the unit of their last digit, so that the buffer, the wire and the
table hold the same value and equality is exact. Unknown is None, never 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FixKind(IntEnum):
    """How the position came about (NMEA 0183: GGA quality, GSA mode, RMC/GNS mode)."""

    NONE = 0
    TWO_D = 1
    THREE_D = 2
    DIFFERENTIAL = 3
    RTK = 4
    ESTIMATED = 5

    @property
    def label(self) -> str:
        """The kind as people write it."""
        return {FixKind.TWO_D: "2D", FixKind.THREE_D: "3D", FixKind.RTK: "RTK"}.get(
            self, self.name.lower()
        )


class ErrorSource(StrEnum):
    """Where a fix's error estimate comes from."""

    RECEIVER = "receiver"  # stated: GST, or gpsd's own estimate
    HDOP = "hdop"  # HDOP times a usual range error


# One sigma of the error of a range (UERE), by which HDOP becomes metres. gpsd 3.27 takes 15 m and
# 3.75 m at 95 % without and with differential corrections (two sigma); a carrier phase solution is
# some tenfold better again.
_RANGE_ERROR_PLAIN_M = 7.5
_RANGE_ERROR_M = {FixKind.DIFFERENTIAL: 1.9, FixKind.RTK: 0.2}


@dataclass(frozen=True, slots=True)
class Fix:
    """One measured instant, in WGS 84 and GPS time.

    Attributes:
        time_ms: GPS time as UTC, milliseconds since 1970; 0 to 2**47.
        lat_e6: Latitude in millionths of a degree; -90e6 to 90e6, north positive.
        lon_e6: Longitude in millionths of a degree; -180e6 to 180e6, east positive.
        altitude_dm: Height above mean sea level in decimetres, or None.
        speed_dmps: Speed over ground in decimetres a second, or None; 0 or more.
        course_deg: Course over ground in whole degrees from true north, 0 to 359, or None.
        hdop_tenths: Horizontal dilution of precision in tenths, or None; 0 to 999.
        satellites: Satellites used in the solution, or None; 0 to 255.
        kind: How the position came about.
        error_dm: Horizontal error, one sigma, in decimetres, as the receiver states it (NMEA 0183
            GST: the root of the sum of the squared deviations of latitude and longitude; gpsd:
            half of `eph`), or None; 0 to 65,535.
        date_repaired: The date is not the one that the receiver said: a week rollover was mended,
            or it said none.
    """

    time_ms: int
    lat_e6: int
    lon_e6: int
    altitude_dm: int | None = None
    speed_dmps: int | None = None
    course_deg: int | None = None
    hdop_tenths: int | None = None
    satellites: int | None = None
    kind: FixKind = FixKind.NONE
    error_dm: int | None = None
    date_repaired: bool = False

    @property
    def time(self) -> datetime:
        """The instant as an aware datetime in UTC."""
        return instant(self.time_ms)

    @classmethod
    def of(cls, time_ms: int, measured: Sequence[int | None]) -> "Fix":
        """Make a fix of its time and of what `measured` returns."""
        *values, kind, error_dm, repaired = measured
        known = FixKind(kind or 0)
        return cls(time_ms, *values, known, error_dm, bool(repaired))  # type: ignore[arg-type, call-arg]

    def measured(self) -> tuple[int | None, ...]:
        """Return all fields but the time, in their order, the kind as a plain number."""
        return (
            self.lat_e6,
            self.lon_e6,
            self.altitude_dm,
            self.speed_dmps,
            self.course_deg,
            self.hdop_tenths,
            self.satellites,
            int(self.kind),
            self.error_dm,
            self.date_repaired,
        )

    @property
    def lat_deg(self) -> float:
        """Latitude in degrees."""
        return self.lat_e6 / 1e6

    @property
    def lon_deg(self) -> float:
        """Longitude in degrees."""
        return self.lon_e6 / 1e6

    @property
    def altitude_m(self) -> float | None:
        """Height above mean sea level in metres."""
        return None if self.altitude_dm is None else self.altitude_dm / 10

    @property
    def speed_mps(self) -> float | None:
        """Speed over ground in metres a second."""
        return None if self.speed_dmps is None else self.speed_dmps / 10

    @property
    def hdop(self) -> float | None:
        """Horizontal dilution of precision."""
        return None if self.hdop_tenths is None else self.hdop_tenths / 10

    @property
    def error_m(self) -> float | None:
        """Horizontal error in metres, one sigma: as stated, else estimated from HDOP and kind."""
        if self.error_dm is not None:
            return self.error_dm / 10
        range_error_m = _RANGE_ERROR_M.get(self.kind, _RANGE_ERROR_PLAIN_M)
        return None if self.hdop_tenths is None else self.hdop_tenths / 10 * range_error_m

    @property
    def error_source(self) -> ErrorSource | None:
        """Where `error_m` comes from; None while it is unknown."""
        if self.error_dm is not None:
            return ErrorSource.RECEIVER
        return None if self.hdop_tenths is None else ErrorSource.HDOP


@dataclass(frozen=True, slots=True)
class KeptFix:
    """A fix with its number, as it is held, sent and stored.

    Attributes:
        seq: Its number in its stream; from 1, never used twice.
        fix: What was measured.
        stands_for: Raw fixes since the kept one before, this one included; 1 or more.
        hole: The receiver was silent or without a fix before this one.
    """

    seq: int
    fix: Fix
    stands_for: int = 1
    hole: bool = False


def instant(time_ms: int) -> datetime:
    """Turn milliseconds since 1970 into an aware datetime in UTC, to the millisecond."""
    return _EPOCH + timedelta(milliseconds=time_ms)


def milliseconds(moment: datetime) -> int:
    """Turn an aware datetime into milliseconds since 1970, rounded down.

    Raises:
        ValueError: The datetime is naive.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no offset from UTC")
    return (moment - _EPOCH) // timedelta(milliseconds=1)
