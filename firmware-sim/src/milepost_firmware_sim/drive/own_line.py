"""A drive along a line of one's own, or straight from waypoint to waypoint, anywhere on Earth.

In flow a line or waypoints, and stops, out flows an itinerary.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from milepost_firmware_sim.drive.drive import DriveError
from milepost_firmware_sim.drive.itinerary import READY_S, Itinerary, Leg
from milepost_firmware_sim.drive.line_file import Line
from milepost_firmware_sim.drive.wishes import Wish
from milepost_firmware_sim.path import Path, Stretch
from milepost_firmware_sim.plane import LonLat, Point, Projection, half_turn_deg
from milepost_firmware_sim.town.addresses import foot_on
from milepost_firmware_sim.town.places import parse_lat_lon
from milepost_firmware_sim.town.town import TownError

# What is nearer to the line than this is the noise of who drew it.
_DRAWN_M = 0.5
# Land without altitudes is flat.
_LEVEL_M = 100.0
_STOP_M = 50.0
_STOP_S = 60.0
# Points that are nearer to each other are one.
_SAME_M = 0.01


@dataclass(frozen=True, slots=True)
class _Place:
    """A place on a path: on which stretch, where, how high, and what the van does there."""

    stretch: int
    point: Point
    altitude_m: float
    name: str
    dwell_s: float


def along_line(line: Line, stops: Sequence[Wish]) -> Itinerary:
    """Plan a drive from the begin of a line to its end.

    Args:
        line: Where to drive.
        stops: Each `LAT,LON`, within 50 m of the line, in its order.

    Raises:
        DriveError: A stop is no such place, or the line has no length.
    """
    projection = _middle(line.places)
    path = _simplified(_flat(line, projection))
    begin = _at_vertex(path, 0, _told(line.places[0]), READY_S)
    places = [begin]
    for wish in stops:
        point = projection.to_plane(place_of(wish))
        places.append(_nearest(path, places[-1], point, wish))
    places.append(_at_vertex(path, len(path.stretches), _told(line.places[-1]), READY_S))
    return _itinerary(projection, path, places)


def along_waypoints(wishes: Sequence[Wish], limit_mps: float) -> Itinerary:
    """Plan a drive straight from each waypoint to the next; it stops where a dwell is given.

    Raises:
        DriveError: Fewer than two waypoints, one is no `LAT,LON`, or two in a row are the same.
    """
    if len(wishes) < 2:
        raise DriveError(f"{wishes[0].option} {wishes[0].place}: a way needs two waypoints")
    on_earth = tuple(place_of(wish) for wish in wishes)
    for (one, other), wish in zip(pairwise(on_earth), wishes[1:], strict=True):
        if one == other:
            raise DriveError(f"{wish.option} {wish.place}: the van is there already")
    stretches = (Stretch(limit_mps),) * (len(wishes) - 1)
    projection = _middle(on_earth)
    path = _flat(Line(on_earth, (None,) * len(wishes), stretches), projection)
    places = []
    for number, wish in enumerate(wishes):
        at_end = number in (0, len(wishes) - 1)
        dwell_s = (READY_S if at_end else 0.0) if wish.dwell_s is None else wish.dwell_s
        if at_end or dwell_s > 0.0:
            places.append(_at_vertex(path, number, wish.place, dwell_s))
    return _itinerary(projection, path, places)


def place_of(wish: Wish) -> LonLat:
    """Return the place that a wish names by latitude and longitude.

    Raises:
        DriveError: It names none.
    """
    try:
        place = parse_lat_lon(wish.place)
    except TownError as error:
        raise wish.told(error) from None
    if place is None:
        raise DriveError(f"{wish.option} {wish.place}: not LAT,LON in degrees")
    return place


def _itinerary(projection: Projection, path: Path, places: Sequence[_Place]) -> Itinerary:
    legs = []
    for one, other in pairwise(places):
        part = _part(path, one, other)
        if part is None:
            raise DriveError(f"{other.name}: no way leads there from {one.name}")
        legs.append(Leg(part, other.name, other.dwell_s))
    return Itinerary(projection, places[0].name, places[0].dwell_s, tuple(legs))


def _part(path: Path, one: _Place, other: _Place) -> Path | None:
    """Return the path between two places on it; None where they are the same."""
    rows = [
        (path.points[number], path.altitudes_m[number], path.stretches[number - 1])
        for number in range(one.stretch + 1, other.stretch + 1)
    ]
    last = min(other.stretch, len(path.stretches) - 1)
    rows.append((other.point, other.altitude_m, path.stretches[last]))
    points, altitudes, stretches = [one.point], [one.altitude_m], list[Stretch]()
    for point, altitude_m, stretch in rows:
        if math.dist(points[-1], point) < _SAME_M:
            continue
        points.append(point)
        altitudes.append(altitude_m)
        stretches.append(stretch)
    return Path(tuple(points), tuple(stretches), tuple(altitudes)) if stretches else None


def _at_vertex(path: Path, vertex: int, name: str, dwell_s: float) -> _Place:
    return _Place(vertex, path.points[vertex], path.altitudes_m[vertex], name, dwell_s)


def _nearest(path: Path, after: _Place, point: Point, wish: Wish) -> _Place:
    """Return the place on a path that is nearest to a point and not before another place."""
    best_m, best = math.inf, after
    for number in range(after.stretch, len(path.stretches)):
        one, other = path.points[number], path.points[number + 1]
        foot = foot_on(after.point if number == after.stretch else one, other, point)
        if math.dist(foot, point) < best_m:
            best_m = math.dist(foot, point)
            share = math.dist(one, foot) / math.dist(one, other)
            low_m, high_m = path.altitudes_m[number], path.altitudes_m[number + 1]
            altitude_m = low_m + (high_m - low_m) * share
            dwell_s = _STOP_S if wish.dwell_s is None else wish.dwell_s
            best = _Place(number, foot, altitude_m, wish.place, dwell_s)
    if best_m > _STOP_M:
        raise DriveError(f"{wish.option} {wish.place}: {best_m:.0f} m from the line ahead")
    return best


def _flat(line: Line, projection: Projection) -> Path:
    """Put a line on the plane, leaving out vertices that are the same as the one before.

    Raises:
        DriveError: Nothing is left to drive along.
    """
    known = [altitude_m for altitude_m in line.altitudes_m if altitude_m is not None]
    altitude_m = known[0] if known else _LEVEL_M
    points, altitudes, stretches = list[Point](), list[float](), list[Stretch]()
    for number, place in enumerate(line.places):
        point = projection.to_plane(place)
        given_m = line.altitudes_m[number]
        altitude_m = altitude_m if given_m is None else given_m
        if points and math.dist(points[-1], point) < _SAME_M:
            continue
        if points:
            stretches.append(line.stretches[number - 1])
        points.append(point)
        altitudes.append(altitude_m)
    if not stretches:
        raise DriveError(f"a line at {_told(line.places[0])} has no length")
    return Path(tuple(points), tuple(stretches), tuple(altitudes))


def _simplified(path: Path) -> Path:
    """Leave out vertices that hardly bend the line (Douglas and Peucker, 1973)."""
    kept = {0, len(path.stretches)}
    changes = (
        number for number, (one, other) in enumerate(pairwise(path.stretches), 1) if one != other
    )
    edges = [0, *changes, len(path.stretches)]
    open_runs = list(pairwise(edges))
    kept.update(edges)
    while open_runs:
        first, last = open_runs.pop()
        one, other = path.points[first], path.points[last]
        away_m, number = max(
            (
                (math.dist(path.points[each], foot_on(one, other, path.points[each])), each)
                for each in range(first + 1, last)
            ),
            default=(0.0, first),
        )
        if away_m > _DRAWN_M:
            kept.add(number)
            open_runs += [(first, number), (number, last)]
    order = sorted(kept)
    return Path(
        tuple(path.points[number] for number in order),
        tuple(path.stretches[number] for number in order[:-1]),
        tuple(path.altitudes_m[number] for number in order),
    )


def _middle(places: Sequence[LonLat]) -> Projection:
    """Return a plane around the middle of some places."""
    # Seen from the first one, so that a line across the date line stays in one piece.
    turns = [half_turn_deg(place[0] - places[0][0]) for place in places]
    lats = [place[1] for place in places]
    lon_deg = places[0][0] + (min(turns) + max(turns)) / 2.0
    return Projection((min(lats) + max(lats)) / 2.0, half_turn_deg(lon_deg))


def _told(place: LonLat) -> str:
    return f"{place[1]:.6f},{place[0]:.6f}"
