"""Which satellites stand over a place, as a receiver's GSA and GSV tell it.

In flow a time and a place, out flow satellites with elevation, azimuth and signal. The orbits are
circles with the planes, inclinations and radii of the real systems (interface control documents
IS-GPS-200, GLONASS ICD 5.1, OS-SIS-ICD and BDS-SIS-ICD), but the satellites stand in them evenly:
a sky as full, and turning as fast, as the real one, that needs no almanac.

Pure: the same minute and place give the same sky.
"""

import math
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

_EARTH_KM = 6371.0
# Of the sidereal day, radians a second.
_EARTH_TURN = 7.2921150e-5
_GRAVITY_KM3_S2 = 398_600.4418
# Below this a receiver sees nothing, and below the second it does not use what it sees.
_HORIZON_DEG = 3.0
_MASK_DEG = 8.0


class System(Enum):
    """A satellite system: its talker, NMEA 4.11 system and signal identifiers, and orbits.

    The value is (talker, system id, signal id of its first civil signal, first satellite number,
    planes, satellites a plane, radius in km, inclination in degrees).
    """

    GPS = ("GP", 1, 1, 1, 6, 5, 26_560.0, 55.0)
    GLONASS = ("GL", 2, 1, 65, 3, 8, 25_508.0, 64.8)
    GALILEO = ("GA", 3, 7, 1, 3, 8, 29_600.0, 56.0)
    BEIDOU = ("GB", 4, 1, 19, 3, 8, 27_906.0, 55.0)

    @property
    def talker(self) -> str:
        """Return the talker of its GSV."""
        return self.value[0]

    @property
    def system_id(self) -> int:
        """Return what NMEA 4.11 writes at the end of GSA."""
        return self.value[1]

    @property
    def signal_id(self) -> int:
        """Return what NMEA 4.11 writes at the end of GSV."""
        return self.value[2]


@dataclass(frozen=True, slots=True)
class Satellite:
    """One satellite in view.

    Attributes:
        number: As NMEA numbers it.
        elevation_deg: Above the horizon, 3 to 90.
        azimuth_deg: Clockwise from north, 0 to 359.
        signal_dbhz: Carrier to noise density.
    """

    number: int
    elevation_deg: int
    azimuth_deg: int
    signal_dbhz: int

    @property
    def usable(self) -> bool:
        """Say whether it stands high enough to be used in a fix."""
        return self.elevation_deg >= _MASK_DEG


def satellites_over(
    system: System, time_s: float, lat_deg: float, lon_deg: float
) -> tuple[Satellite, ...]:
    """Return the satellites in view, highest first.

    Args:
        system: Which ones.
        time_s: Unix seconds; the sky stands still for a minute.
        lat_deg: Place, WGS 84; rounded to whole degrees, over which the sky looks the same.
        lon_deg: Likewise.
    """
    return _sky(system, math.floor(time_s / 60.0), round(lat_deg), round(lon_deg))


@lru_cache(maxsize=64)
def _sky(system: System, minute: int, lat_deg: int, lon_deg: int) -> tuple[Satellite, ...]:
    _, _, _, first, planes, slots, _, _ = system.value
    seen = []
    for index in range(planes * slots):
        elevation_deg, azimuth_deg = _direction(system, index, minute * 60.0, lat_deg, lon_deg)
        if elevation_deg >= _HORIZON_DEG:
            # A patch antenna: some 20 dBHz at the horizon, 45 overhead, a little by chance.
            chance = (index * 7 + minute * 3) % 5
            signal = round(20.0 + 23.0 * math.sin(math.radians(elevation_deg))) + chance
            azimuth = round(azimuth_deg) % 360
            seen.append(Satellite(first + index, round(elevation_deg), azimuth, signal))
    return tuple(sorted(seen, key=lambda one: (-one.elevation_deg, one.number)))


def _direction(
    system: System, index: int, time_s: float, lat_deg: float, lon_deg: float
) -> tuple[float, float]:
    """Return elevation and azimuth of a satellite in degrees, over a round Earth."""
    _, _, _, _, planes, slots, radius_km, inclination_deg = system.value
    plane, slot = index % planes, index // planes
    turn = math.sqrt(_GRAVITY_KM3_S2 / radius_km**3)
    # Planes are staggered, so that neighbours do not cross the equator together.
    along = math.tau * (slot / slots + plane / (planes * slots)) + turn * time_s
    node = math.tau * plane / planes - _EARTH_TURN * time_s
    incline = math.radians(inclination_deg)
    x = math.cos(along) * math.cos(node) - math.sin(along) * math.cos(incline) * math.sin(node)
    y = math.cos(along) * math.sin(node) + math.sin(along) * math.cos(incline) * math.cos(node)
    z = math.sin(along) * math.sin(incline)
    lat, lon = math.radians(lat_deg), math.radians(lon_deg)
    east = -math.sin(lon) * x + math.cos(lon) * y
    ahead = math.cos(lon) * x + math.sin(lon) * y
    north = -math.sin(lat) * ahead + math.cos(lat) * z
    up = math.cos(lat) * ahead + math.sin(lat) * z - _EARTH_KM / radius_km
    elevation = math.atan2(up, math.hypot(east, north))
    return math.degrees(elevation), math.degrees(math.atan2(east, north)) % 360.0
