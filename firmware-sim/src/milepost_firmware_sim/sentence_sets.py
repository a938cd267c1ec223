"""The one writer of NMEA 0183: what a receiver of a known make says of one epoch.

In flows what was measured at one instant, out flow the bytes of its sentences with right checksums
and CR LF. A make of receiver is a row of differences (`receiver_makes`); every sentence has one
form that reads them. Forms: NMEA 0183 v4.11, and the makers' public protocol manuals.

Pure. What is unknown (None) is an empty field, as receivers write it; only the satellites, of which
every receiver speaks, come from the simulated sky where nobody counted them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from milepost_firmware_sim.receiver_makes import MAKES, Make
from milepost_firmware_sim.receiver_makes import ReceiverSet as ReceiverSet
from milepost_firmware_sim.sentence import checksum_of
from milepost_firmware_sim.sky import Satellite, System, satellites_over

_KNOT_MPS = 1852 / 3600
_GSA_PLACES = 12
_GSV_PLACES = 4
# Below this u-blox writes no course.
_NO_COURSE_MPS = 0.5
# HDOP of a sky like the simulated one, times the satellites used.
_DILUTION_OF_ONE = 8.5
_PDOP_SHARE, _VDOP_SHARE = 1.9, 1.6


class FixKind(Enum):
    """How good a fix is: mode letter (RMC, VTG, GLL), quality digit of GGA, mode digit of GSA."""

    NONE = ("N", 0, 1)
    FLAT = ("A", 1, 2)
    SOLID = ("A", 1, 3)
    DIFFERENTIAL = ("D", 2, 3)
    RTK_FIXED = ("R", 4, 3)
    RTK_FLOAT = ("F", 5, 3)
    ESTIMATED = ("E", 6, 2)

    @property
    def mode(self) -> str:
        """Return the mode letter (NMEA 0183 v2.3 and later)."""
        return self.value[0]

    @property
    def quality(self) -> int:
        """Return the quality digit of GGA."""
        return self.value[1]

    @property
    def dimensions(self) -> int:
        """Return the mode digit of GSA: 1 none, 2 or 3 dimensions."""
        return self.value[2]


@dataclass(frozen=True, slots=True)
class Measured:
    """One epoch of a receiver. None is unknown.

    Attributes:
        time: Aware UTC; written with the resolution of the receiver, cut, not rounded.
        lon_deg: WGS 84; None (with `lat_deg`) where the receiver has no position.
        lat_deg: Likewise.
        altitude_m: Above mean sea level.
        speed_mps: Over ground.
        course_deg: Clockwise from true north, 0 to below 360.
        satellites: How many are used; which ones, the sky says.
        hdop: Horizontal dilution of precision.
        geoid_m: Height of the geoid over the ellipsoid.
        kind: Void (`NONE`), or which kind of fix.
    """

    time: datetime
    lon_deg: float | None
    lat_deg: float | None
    altitude_m: float | None
    speed_mps: float | None
    course_deg: float | None
    satellites: int | None
    hdop: float | None
    geoid_m: float | None = None
    kind: FixKind = FixKind.SOLID


def start_sentences(receiver_set: ReceiverSet) -> bytes:
    """Return what the receiver says of itself after power came."""
    return b"".join(_sentence(body) for body in MAKES[receiver_set].start)


def epoch_sentences(measured: Measured, receiver_set: ReceiverSet) -> bytes:
    """Return the sentences of one epoch, in the order in which the receiver sends them."""
    epoch = _Epoch(measured, MAKES[receiver_set])
    return b"".join(
        _sentence(body) for formatter in epoch.make.order for body in _FORMS[formatter](epoch)
    )


class _Epoch:
    """One epoch in the writing of a make: the parts that its sentences share."""

    def __init__(self, at: Measured, make: Make) -> None:
        self.at = at
        self.make = make
        fraction = f"{at.time.microsecond:06}"[: make.second_decimals]
        self.clock = f"{at.time:%H%M%S}.{fraction}"
        decimals = make.minute_decimals
        self.place = f"{_angle(at.lat_deg, 2, 'NS', decimals)},"
        self.place += _angle(at.lon_deg, 3, "EW", decimals)
        self.status = "V" if at.kind is FixKind.NONE else "A"
        speed = at.speed_mps
        self.knots = _number(None if speed is None else speed / _KNOT_MPS, make.speed_decimals)
        self.kmh = _number(None if speed is None else speed * 3.6, make.speed_decimals)
        standing = speed is not None and speed < _NO_COURSE_MPS
        hidden = standing and not make.course_when_standing
        self.course = "" if hidden else _course(at.course_deg)
        self.sky = self._sky()
        self.used = self._used()

    def dilution(self, share: float = 1.0) -> str:
        """Return HDOP times `share`: as measured, else what so many satellites give."""
        hdop = self.at.hdop
        if hdop is None and self.used:
            hdop = max(0.5, _DILUTION_OF_ONE / len(self.used))
        if hdop is None or self.at.kind is FixKind.NONE:
            return self.make.no_dilution
        return _number(hdop * share, self.make.dilution_decimals)

    def _sky(self) -> list[tuple[System, tuple[Satellite, ...]]]:
        at = self.at
        if at.lat_deg is None or at.lon_deg is None:
            return [(system, ()) for system in self.make.systems]
        time_s = at.time.timestamp()
        return [
            (system, satellites_over(system, time_s, at.lat_deg, at.lon_deg))
            for system in self.make.systems
        ]

    def _used(self) -> list[tuple[System, Satellite]]:
        """Return the satellites that the fix uses, the highest of all systems."""
        if self.at.kind is FixKind.NONE:
            return []
        usable = [(system, one) for system, seen in self.sky for one in seen if one.usable]
        usable.sort(key=lambda each: -each[1].elevation_deg)
        return usable[: self.at.satellites]


def _rmc(epoch: _Epoch) -> Iterator[str]:
    at, talker = epoch.at, epoch.make.talker
    status = ",V" if epoch.make.identified else ""
    yield (
        f"{talker}RMC,{epoch.clock},{epoch.status},{epoch.place},{epoch.knots},{epoch.course},"
        f"{at.time:%d%m%y},,,{at.kind.mode}{status}"
    )


def _vtg(epoch: _Epoch) -> Iterator[str]:
    yield (
        f"{epoch.make.talker}VTG,{epoch.course},T,,M,{epoch.knots},N,{epoch.kmh},K,"
        f"{epoch.at.kind.mode}"
    )


def _gga(epoch: _Epoch) -> Iterator[str]:
    at = epoch.at
    yield (
        f"{epoch.make.talker}GGA,{epoch.clock},{epoch.place},{at.kind.quality},"
        f"{len(epoch.used):02},{epoch.dilution()},"
        f"{_number(at.altitude_m, 1)},M,{_number(at.geoid_m, 1)},M,{epoch.make.gga_tail}"
    )


def _gll(epoch: _Epoch) -> Iterator[str]:
    yield (
        f"{epoch.make.talker}GLL,{epoch.place},{epoch.clock},{epoch.status},{epoch.at.kind.mode}"
    )


def _gsa(epoch: _Epoch) -> Iterator[str]:
    make = epoch.make
    dilutions = ",".join(epoch.dilution(share) for share in (_PDOP_SHARE, 1.0, _VDOP_SHARE))
    for system in make.systems:
        numbers = [one.number for owner, one in epoch.used if owner is system][:_GSA_PLACES]
        places = [*(f"{one:02}" for one in sorted(numbers)), *[""] * (_GSA_PLACES - len(numbers))]
        talker = system.talker if make.gsa_by_system else make.talker
        tail = f",{system.system_id:X}" if make.identified else ""
        yield f"{talker}GSA,A,{epoch.at.kind.dimensions},{','.join(places)},{dilutions}{tail}"


def _gsv(epoch: _Epoch) -> Iterator[str]:
    make, time = epoch.make, epoch.at.time
    if time.second % make.sky_every_s or (make.sky_every_s > 1 and time.microsecond):
        return
    for system, seen in epoch.sky:
        tail = f",{system.signal_id:X}" if make.identified else ""
        groups = [seen[at : at + _GSV_PLACES] for at in range(0, len(seen), _GSV_PLACES)] or [()]
        for number, group in enumerate(groups, 1):
            told = "".join(
                f",{one.number:02},{one.elevation_deg:02},{one.azimuth_deg:03},{one.signal_dbhz:02}"
                for one in group
            )
            yield f"{system.talker}GSV,{len(groups)},{number},{len(seen):02}{told}{tail}"


_FORMS: dict[str, Callable[[_Epoch], Iterator[str]]] = {
    "RMC": _rmc,
    "VTG": _vtg,
    "GGA": _gga,
    "GLL": _gll,
    "GSA": _gsa,
    "GSV": _gsv,
}


def _number(value: float | None, decimals: int) -> str:
    return "" if value is None else f"{value:.{decimals}f}"


def _course(course_deg: float | None) -> str:
    # 359.996 would be written as 360.00, which is no course.
    return _number(None if course_deg is None else course_deg % 360.0, 2).replace("360.00", "0.00")


def _angle(angle_deg: float | None, digits: int, sides: str, decimals: int) -> str:
    """Write an angle as degrees and minutes, and its side."""
    if angle_deg is None:
        return ","
    minute = 10**decimals
    degrees, minutes = divmod(round(abs(angle_deg) * 60.0 * minute), 60 * minute)
    side = sides[0] if angle_deg >= 0.0 else sides[1]
    return f"{degrees:0{digits}}{minutes // minute:02}.{minutes % minute:0{decimals}},{side}"


def _sentence(body: str) -> bytes:
    raw = body.encode()
    return b"$" + raw + b"*%02X\r\n" % checksum_of(raw)
