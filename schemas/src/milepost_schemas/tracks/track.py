"""A track: what a file of positions holds, in the order of its times.

Readers (`gpx`, `table`) make it, `order` sorts it, `fixes` makes fixes of it. Unknown is None.
"""

import math
from dataclasses import dataclass
from enum import Enum

from milepost_schemas.fix import FixKind

_EARTH_M = 6_371_008.8


class TrackError(ValueError):
    """The bytes of a file hold no track as asked."""


class Timing(Enum):
    """What the times of a track mean."""

    DATED = "dated"  # Unix seconds
    UNDATED = "undated"  # seconds from somewhere: elapsed, or since some midnight
    NONE = "none"  # the file has no times: the number of the point


@dataclass(frozen=True, slots=True)
class TrackPoint:
    """One point of a track.

    Attributes:
        time_s: As `Track.timing` says.
        lat_deg: WGS 84; None (with `lon_deg`) in an epoch without a position.
        lon_deg: Likewise.
        altitude_m: Above mean sea level.
        speed_mps: Over ground.
        course_deg: 0 to below 360, clockwise from true north.
        hdop: Horizontal dilution of precision.
        satellites: How many were used.
        geoid_m: Height of the geoid over the ellipsoid.
        kind: Which kind of fix, where it is said; `NONE` is a void epoch.
    """

    time_s: float
    lat_deg: float | None
    lon_deg: float | None
    altitude_m: float | None = None
    speed_mps: float | None = None
    course_deg: float | None = None
    hdop: float | None = None
    satellites: int | None = None
    geoid_m: float | None = None
    kind: FixKind | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """Points that one receiver gave, one after the other.

    Attributes:
        name: As the file names it.
        points: In the order of the file; of their times, once `order.sorted_by_time`
            saw them.
        timing: What their times mean.
        left_out: Points of the file that could not be believed or used.
    """

    name: str
    points: tuple[TrackPoint, ...]
    timing: Timing
    left_out: int = 0


def distance_m(one: TrackPoint, other: TrackPoint) -> float:
    """Return the length of the short way between two points on a sphere (haversine), metres.

    0 where one of them has no position.
    """
    if one.lat_deg is None or one.lon_deg is None or other.lat_deg is None or other.lon_deg is None:
        return 0.0
    lat_1, lat_2 = math.radians(one.lat_deg), math.radians(other.lat_deg)
    half_lat = (lat_2 - lat_1) / 2
    half_lon = math.radians(other.lon_deg - one.lon_deg) / 2
    chord = math.sin(half_lat) ** 2 + math.cos(lat_1) * math.cos(lat_2) * math.sin(half_lon) ** 2
    return 2 * _EARTH_M * math.asin(min(1.0, math.sqrt(chord)))


def bearing_deg(one: TrackPoint, other: TrackPoint) -> float | None:
    """Return the course from one point to the other; None without positions."""
    if one.lat_deg is None or one.lon_deg is None or other.lat_deg is None or other.lon_deg is None:
        return None
    lat_1, lat_2 = math.radians(one.lat_deg), math.radians(other.lat_deg)
    east = math.radians(other.lon_deg - one.lon_deg)
    ahead = math.cos(lat_1) * math.sin(lat_2) - math.sin(lat_1) * math.cos(lat_2) * math.cos(east)
    return math.degrees(math.atan2(math.sin(east) * math.cos(lat_2), ahead)) % 360.0


def believable(lat_deg: float | None, lon_deg: float | None) -> bool:
    """Say whether these are a place on Earth; 0, 0 is what broken recorders write."""
    if lat_deg is None or lon_deg is None:
        return False
    return abs(lat_deg) <= 90.0 and abs(lon_deg) <= 180.0 and (lat_deg, lon_deg) != (0.0, 0.0)
