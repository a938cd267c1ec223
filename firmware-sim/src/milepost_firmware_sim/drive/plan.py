"""Which drive was asked for: a line, waypoints, places in a town, or a delivery round.

In flow the options as they were typed, out flows a drive with the plane that it lies on.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from milepost_firmware_sim.drive.delivery_round import drive_through
from milepost_firmware_sim.drive.drive import Drive, DriveError
from milepost_firmware_sim.drive.itinerary import Itinerary, drive_along
from milepost_firmware_sim.drive.journey import journey
from milepost_firmware_sim.drive.line_file import checked_speed_kmh, read_line
from milepost_firmware_sim.drive.own_line import along_line, along_waypoints, place_of
from milepost_firmware_sim.drive.parking import parse_parking
from milepost_firmware_sim.drive.wishes import Wish, parse_wish
from milepost_firmware_sim.plane import LonLat, Projection
from milepost_firmware_sim.town.addresses import DEPOT
from milepost_firmware_sim.town.generator import generate_town
from milepost_firmware_sim.town.geojson import read_town
from milepost_firmware_sim.town.town import Town

_USUAL_KMH = 50.0


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of a drive as they were typed; None and empty where nothing was.

    Attributes:
        begin: `--from`.
        end: `--to`.
        stop: Each `--stop`.
        via: Each `--via`.
        line: A GeoJSON file.
        straight: Waypoints are joined by straight lines in a town too.
        speed_kmh: Speed limit where a line has none, and between waypoints.
        stops: How many stops a round has.
        minutes: How long a round is.
        park: Each `--park`.
        tunnel: Each `--tunnel`.
    """

    seed: int
    town: Path | None = None
    begin: str | None = None
    end: str | None = None
    stop: Sequence[str] = ()
    via: Sequence[str] = ()
    line: Path | None = None
    straight: bool = False
    speed_kmh: float | None = None
    stops: int | None = None
    minutes: float | None = None
    park: Sequence[str] = ()
    tunnel: Sequence[str] = ()


def plan_drive(asked: Asked) -> tuple[Drive, Projection]:
    """Plan and drive what was asked for.

    Raises:
        DriveError: It cannot be driven.
        TownError: The town's file cannot be read.
    """
    _check(asked)
    parkings = [parse_parking(text) for text in asked.park]
    tunnels = [_parse_tunnel(text) for text in asked.tunnel]
    own = _own_way(asked)
    if own is None:
        place = _town(asked)
        projection = place.projection
        drive = drive_through(
            place, asked.seed, stops=asked.stops, minutes=asked.minutes, parkings=parkings
        )
    else:
        projection, drive = own.projection, drive_along(own, parkings)
    for begin_s, _ in tunnels:
        if begin_s >= drive.duration_s:
            raise DriveError(f"--tunnel {begin_s:g}: the drive lasts {drive.duration_s:.0f} s")
    return replace(drive, underground=tuple(tunnels)), projection


def _check(asked: Asked) -> None:
    """Refuse options that do not go together."""
    given = {name for name, value in _given(asked) if value}
    ways = [("--line",), ("--stops", "--minutes"), ("--from", "--to", "--stop", "--via")]
    used = [[name for name in way if name in given] for way in ways]
    used = [names for names in used if names]
    if "--line" in given and given & {"--stop"}:
        used = [names for names in used if names != ["--stop"]]
    if len(used) > 1:
        raise DriveError(f"{used[0][0]} and {used[1][0]} do not go together")
    if {"--via", "--stop"} <= given:
        raise DriveError("--via and --stop: their order is not known; --stop PLACE@0s passes")
    if "--straight" in given and ("--via" not in given or given & {"--from", "--to"}):
        raise DriveError("--straight: goes with --via alone")
    if "--speed-kmh" in given and not given & {"--line", "--via"}:
        raise DriveError("--speed-kmh: the streets of a town have their own speed limits")
    if "--town" in given and given & {"--line", "--straight"}:
        raise DriveError("--town: a line, or a straight way, leads through no town")


def _given(asked: Asked) -> Iterator[tuple[str, bool]]:
    yield "--line", asked.line is not None
    yield "--stops", asked.stops is not None
    yield "--minutes", asked.minutes is not None
    yield "--from", asked.begin is not None
    yield "--to", asked.end is not None
    yield "--stop", bool(asked.stop)
    yield "--via", bool(asked.via)
    yield "--town", asked.town is not None
    yield "--straight", asked.straight
    yield "--speed-kmh", asked.speed_kmh is not None


def _own_way(asked: Asked) -> Itinerary | None:
    """Return the way that was asked for; None for a delivery round."""
    stops = [parse_wish("--stop", text) for text in asked.stop]
    vias = [parse_wish("--via", text) for text in asked.via]
    limit_mps = _limit_mps(asked)
    if asked.line is not None:
        return along_line(read_line(asked.line, limit_mps), stops)
    if asked.begin is None and asked.end is None and vias:
        if asked.straight or not _in_town(asked, vias):
            return along_waypoints(vias, limit_mps)
        first, *between, last = vias if len(vias) > 1 else (vias[0], vias[0])
        return _through_town(asked, first, between, last)
    if asked.begin is None and asked.end is None and not stops:
        return None
    first = parse_wish("--from", DEPOT if asked.begin is None else asked.begin)
    last = parse_wish("--to", DEPOT if asked.end is None else asked.end)
    return _through_town(asked, first, stops or vias, last)


def _through_town(asked: Asked, first: Wish, between: Sequence[Wish], last: Wish) -> Itinerary:
    if asked.speed_kmh is not None:
        raise DriveError("--speed-kmh: the streets of a town have their own speed limits")
    passed = [
        replace(wish, dwell_s=0.0) if wish.option == "--via" and wish.dwell_s is None else wish
        for wish in between
    ]
    return journey(_town(asked), asked.seed, [first, *passed, last])


def _in_town(asked: Asked, vias: Sequence[Wish]) -> bool:
    """Say whether waypoints are in the town.

    Raises:
        DriveError: Some are, and others are not.
    """
    town = _town(asked)
    inside = [_within(town, place_of(wish)) for wish in vias]
    if any(inside) and not all(inside):
        wish = vias[inside.index(False)]
        raise DriveError(
            f"{wish.option} {wish.place}: outside {town.name}, where other waypoints are; "
            "--straight drives straight from each to the next"
        )
    return inside[0]


def _within(town: Town, place: LonLat) -> bool:
    """Say whether a place is in the rectangle that holds all streets."""
    corners = [axis for street in town.streets for axis in street.line]
    lons, lats = [one[0] for one in corners], [one[1] for one in corners]
    return min(lons) <= place[0] <= max(lons) and min(lats) <= place[1] <= max(lats)


def _town(asked: Asked) -> Town:
    return generate_town(asked.seed) if asked.town is None else read_town(asked.town)


def _limit_mps(asked: Asked) -> float:
    speed_kmh = _USUAL_KMH if asked.speed_kmh is None else asked.speed_kmh
    try:
        return checked_speed_kmh("--speed-kmh", speed_kmh) / 3.6
    except ValueError as error:
        raise DriveError(str(error)) from None


def _parse_tunnel(text: str) -> tuple[float, float]:
    """Read `FROM_S,LENGTH_S` as begin and end."""
    try:
        begin_s, length_s = (float(part) for part in text.split(","))
    except ValueError:
        begin_s = length_s = math.nan
    if not (0.0 <= begin_s < math.inf and 0.0 < length_s < math.inf):
        raise DriveError(f"--tunnel {text}: not FROM_S,LENGTH_S, such as 120,30")
    return begin_s, begin_s + length_s
