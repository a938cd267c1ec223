"""What people type for a place in a town: an address, or a latitude and a longitude."""

import math
import re

from milepost_firmware_sim.plane import LonLat
from milepost_firmware_sim.town.addresses import Address, AddressBook
from milepost_firmware_sim.town.town import TownError

_LAT_LON = re.compile(r"\s*([-+]?[0-9]+(?:\.[0-9]*)?)\s*,\s*([-+]?[0-9]+(?:\.[0-9]*)?)\s*")
# Beyond, a van meets the pole before a street, and the plane of a drive ends.
_LAST_LAT_DEG = 85.0


def find_place(book: AddressBook, text: str) -> Address:
    """Find an address by its name, or the place on a street nearest to `LAT,LON`.

    Raises:
        TownError: There is no such address, or the place is outside the town.
    """
    place = parse_lat_lon(text)
    return book.find(text) if place is None else book.nearest(place, text)


def parse_lat_lon(text: str) -> LonLat | None:
    """Read `LAT,LON` in degrees as (longitude, latitude); None where it is something else.

    Raises:
        TownError: There is no such place on Earth, or nobody drives there.
    """
    match = _LAT_LON.fullmatch(text)
    if match is None:
        return None
    lat_deg, lon_deg = float(match[1]), float(match[2])
    check_place(lon_deg, lat_deg, text)
    return lon_deg, lat_deg


def check_place(lon_deg: float, lat_deg: float, told: str) -> None:
    """Refuse a place that nobody can drive to.

    Raises:
        TownError: Naming `told`.
    """
    if not (math.isfinite(lat_deg) and abs(lat_deg) <= _LAST_LAT_DEG):
        raise TownError(f"{told}: latitude {lat_deg:g} is not between -85 and 85")
    if not (math.isfinite(lon_deg) and abs(lon_deg) <= 180.0):
        raise TownError(f"{told}: longitude {lon_deg:g} is not between -180 and 180")
