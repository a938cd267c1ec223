"""What the sentences of one instant say together.

In flow readings of one instant, out flows one measurement, and the fix that it becomes at the
resolution that travels. Place, speed and course are of the instant itself. Receivers send GGA, GSA
and GST in each n-th instant only, when they are so configured (SiRF: GGA each fourth second); what
these say of altitude, quality and precision changes slowly, and is carried for up to 5 s, never
across a hole. What a sentence of the instant leaves empty is unknown.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import NamedTuple

from milepost_schemas.fix import Fix, FixKind
from milepost_schemas.nmea.sentence import Reading
from milepost_schemas.nmea.values import Position

# How old a value may be that is carried; a silence of more is a hole. A car climbs 10 m in it.
CARRIED_MS = 5000

# Where fields of the wire end; what is worse is said to be as bad as can be said.
_WORST_HDOP_TENTHS = 999
_WORST_ERROR_DM = 65_535

(
    _set_time_ms,
    _set_lat_e6,
    _set_lon_e6,
    _set_altitude_dm,
    _set_speed_dmps,
    _set_course_deg,
    _set_hdop_tenths,
    _set_satellites,
    _set_kind,
    _set_error_dm,
    _set_date_repaired,
) = (getattr(Fix, each.name).__set__ for each in fields(Fix))


class Measured(NamedTuple):
    """What was measured at an instant, not rounded; a named tuple because it is made for each.

    Attributes:
        lat_deg: Latitude, as stated; -90 to 90.
        lon_deg: Longitude, as stated; -180 to 180.
        altitude_m: Height above mean sea level, or None.
        altitude_carried: The altitude is not of this instant but up to 5 s older.
        speed_mps: Speed over ground, or None; 0 to 1,000.
        course_deg: Course over ground from true north, or None; 0 to below 360.
        hdop: Horizontal dilution of precision, or None; above 0.
        satellites: Satellites used, or None; 0 to 255.
        kind: How the position came about.
        error_m: Horizontal error, one sigma, as the receiver states it, or None.
    """

    lat_deg: float
    lon_deg: float
    altitude_m: float | None = None
    altitude_carried: bool = False
    speed_mps: float | None = None
    course_deg: float | None = None
    hdop: float | None = None
    satellites: int | None = None
    kind: FixKind = FixKind.TWO_D
    error_m: float | None = None

    def as_fix(self, time_ms: int, *, date_repaired: bool) -> Fix:
        """Round to the nearest at the resolution that travels.

        The fields are set one by one: the constructor of a frozen dataclass takes three times as
        long, which is a tenth of all the reading.
        """
        lat_deg, lon_deg, altitude_m, _, speed_mps, course_deg, hdop, satellites, kind, error_m = (
            self
        )
        fix = object.__new__(Fix)
        _set_time_ms(fix, time_ms)
        _set_lat_e6(fix, round(lat_deg * 1e6))
        _set_lon_e6(fix, round(lon_deg * 1e6))
        _set_altitude_dm(fix, None if altitude_m is None else round(altitude_m * 10))
        _set_speed_dmps(fix, None if speed_mps is None else round(speed_mps * 10))
        _set_course_deg(fix, None if course_deg is None else round(course_deg) % 360)
        _set_hdop_tenths(fix, None if hdop is None else min(round(hdop * 10), _WORST_HDOP_TENTHS))
        _set_satellites(fix, satellites)
        _set_kind(fix, kind)
        _set_error_dm(fix, None if error_m is None else min(round(error_m * 10), _WORST_ERROR_DM))
        _set_date_repaired(fix, date_repaired)
        return fix


class Measurer:
    """Joins what sentences say, and carries what the receiver says seldom."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Carry nothing on, because the receiver has lost its fix."""
        self._solution = _NO_SOLUTION
        self._quality: FixKind | None = None
        self._gsa = self._gst = _NOTHING
        self._solution_ms = self._quality_ms = self._gsa_ms = self._gst_ms = -CARRIED_MS - 1

    def measure(self, position: Position, held: Mapping[str, Reading], time_ms: int) -> Measured:
        """Join the sentences of an instant, one of each type."""
        since_ms = time_ms - CARRIED_MS
        rmc, vtg = held.get("RMC", _NOTHING), held.get("VTG")
        speed_mps, course_deg = rmc.speed_mps, rmc.course_deg
        if vtg is not None:
            speed_mps = vtg.speed_mps if speed_mps is None else speed_mps
            course_deg = vtg.course_deg if course_deg is None else course_deg
        self._hear(held, rmc.quality, time_ms)
        altitude_m, hdop, satellites = _NO_SOLUTION
        if self._solution_ms >= since_ms:
            altitude_m, hdop, satellites = self._solution
        gsa = self._gsa if self._gsa_ms >= since_ms else _NOTHING
        if hdop is None or self._solution_ms < self._gsa_ms:
            hdop = hdop if gsa.hdop is None else gsa.hdop
        quality = self._quality if self._quality_ms >= since_ms else None
        return tuple.__new__(  # in half the time of the class's own constructor
            Measured,
            (
                position.lat_deg,
                position.lon_deg,
                altitude_m,
                altitude_m is not None and self._solution_ms != time_ms,
                speed_mps,
                course_deg,
                hdop,
                satellites,
                # A fix of which nothing more is said is at least two-dimensional.
                quality or gsa.dimension or FixKind.TWO_D,
                self._gst.error_m if self._gst_ms >= since_ms else None,
            ),
        )

    def take(self, reading: Reading, time_ms: int) -> None:
        """Carry on what a sentence says that came too late for its instant."""
        self._hear({reading.type: reading}, reading.quality, time_ms)

    def _hear(self, held: Mapping[str, Reading], quality: FixKind | None, time_ms: int) -> None:
        gga, gns = held.get("GGA"), held.get("GNS")
        if gga is not None or gns is not None:
            self._solution = _solution(gga or _NOTHING, gns or _NOTHING)
            self._solution_ms = time_ms
        for each in (gga, gns, held.get("GLL")):
            better = None if each is None else each.quality
            if better is not None and (quality is None or better > quality):
                quality = better
        if quality is not None:
            self._quality, self._quality_ms = quality, time_ms
        if "GSA" in held:
            self._gsa, self._gsa_ms = held["GSA"], time_ms
        if "GST" in held:
            self._gst, self._gst_ms = held["GST"], time_ms


_Solution = tuple[float | None, float | None, int | None]

_NOTHING = Reading("")
_NO_SOLUTION: _Solution = (None, None, None)


def _solution(gga: Reading, gns: Reading) -> _Solution:
    """Return altitude, HDOP and satellites; GGA counts up to 12, or those of one system only."""
    return (
        gns.altitude_m if gga.altitude_m is None else gga.altitude_m,
        gns.hdop if gga.hdop is None else gga.hdop,
        gga.satellites if gns.satellites is None else gns.satellites,
    )
