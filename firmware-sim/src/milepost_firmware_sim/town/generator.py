"""Draws a town from a seed: the same seed, the same town, byte for byte.

It lies at 51.53 N, 10.48 E, in open hill country in the middle of Germany, where no such town is.
Order of the work: land, crossings, what is taken away, greens, names, one-way streets, tunnels.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from random import Random

import networkx as nx

from milepost_firmware_sim.plane import Point, Projection, bend
from milepost_firmware_sim.town.ground import Ground
from milepost_firmware_sim.town.names import Names
from milepost_firmware_sim.town.town import Feature, Street, Town
from milepost_firmware_sim.town.tunnels import BEND_PARTS, with_tunnels
from milepost_firmware_sim.town.web import (
    OLD_RING,
    RING_ROAD,
    RINGS,
    SOUTH_ROWS_M,
    SPOKES,
    Crossing,
    Run,
    Web,
)

PLACE = Projection(lat_deg=51.53, lon_deg=10.48)
EDGE_M = 2700.0

# Speed limits in metres a second: 50, 50, 30, 20 and 10 km/h.
SPEED_MPS = {
    "primary": 13.89,
    "secondary": 13.89,
    "residential": 8.33,
    "lane": 5.56,
    "service": 2.78,
}
# Share of the stretches between two crossings that are not built.
_NOT_BUILT = {"residential": 0.24, "lane": 0.1}
# Names change after so many stretches, at least and at most.
_NAME_STRETCHES = {"primary": (7, 11), "secondary": (5, 8), "residential": (4, 7), "lane": (3, 5)}
_DEPOT: Crossing = ("depot", 0, 0)
_PARK_RINGS = (7, 10, 11)

Stretch = tuple[Crossing, Crossing]


@lru_cache(maxsize=8)
def generate_town(seed: int) -> Town:
    """Draw the town of a seed; drawn once, it is kept."""
    random = Random(seed)  # noqa: S311 - a drawing, not a secret
    ground = Ground(random)
    web = Web(ground, random)
    names = Names(random)
    parks = [_clear_park(web, random, ring) for ring in _PARK_RINGS]
    depot_line, depot_run = _place_depot(web, ground)
    whole = [*_built(list(web.runs()), web, random), depot_run]
    runs = _named_parts(_connected(whole), random)
    streets = _with_oneways(_streets(runs, web, ground, names), random)
    streets = list(with_tunnels(streets, PLACE, seed))
    name, river = names.town(), names.river()
    features = [
        _line("river", "river", river, [(x, ground.river_north_m(x)) for x in _across()], ground),
        _line(
            "railway", "railway", "", [(x, ground.railway_north_m(x)) for x in _across()], ground
        ),
        _area("quarter", "quarter", "Old Quarter", _old_quarter(web), ground),
        _area("depot", "depot", "Depot", depot_line, ground),
    ]
    features += [
        _area(f"park-{number}", "park", names.street("park"), shape, ground)
        for number, shape in enumerate(parks, start=1)
    ]
    gate = PLACE.to_degrees(ground.bent(web.points[_DEPOT]))
    return Town(name, tuple(streets), tuple(features), gate)


def _clear_park(web: Web, random: Random, ring: int) -> list[Point]:
    """Take one crossing away and let the green grow over the four blocks around it."""
    step = SPOKES // RINGS[ring][1]
    places = []
    for spoke in range(step, SPOKES, step):
        corners = _around(ring, spoke, step)
        on_main = spoke % (SPOKES // 16) == 0
        if not on_main and all(one in web.points for one in (*corners, ("north", ring, spoke))):
            places.append((spoke, corners))
    spoke, corners = random.choice(places)
    middle = web.points.pop(("north", ring, spoke))
    points = [web.points[corner] for corner in corners]
    shape = [_toward(point, middle, 0.2) for point in points]
    return [*shape, shape[0]]


def _around(ring: int, spoke: int, step: int) -> list[Crossing]:
    left, right = (spoke - step) % SPOKES, (spoke + step) % SPOKES
    rings = (ring - 1, ring, ring + 1)
    return [
        ("north", rings[0], left), ("north", rings[0], spoke), ("north", rings[0], right),
        ("north", rings[1], right), ("north", rings[2], right), ("north", rings[2], spoke),
        ("north", rings[2], left), ("north", rings[1], left),
    ]  # fmt: skip


def _toward(point: Point, middle: Point, share: float) -> Point:
    return point[0] + (middle[0] - point[0]) * share, point[1] + (middle[1] - point[1]) * share


def _place_depot(web: Web, ground: Ground) -> tuple[list[Point], Run]:
    """Put the depot between the last street of the south bank and the railway."""
    last: Crossing = ("south", len(SOUTH_ROWS_M) - 1, web.depot_column)
    east_m = web.points[last][0]
    web.points[_DEPOT] = (east_m + 15.0, web.points[last][1] - 60.0)
    north_m, rail_m = web.points[_DEPOT][1], ground.railway_north_m(east_m) + 22.0
    shape = [
        (east_m - 75.0, rail_m),
        (east_m + 85.0, rail_m),
        (east_m + 85.0, north_m),
        (east_m - 75.0, north_m),
    ]
    return [*shape, shape[0]], Run("depot", 0, "service", (last, _DEPOT))


def _built(runs: list[Run], web: Web, random: Random) -> Iterator[Run]:
    """Cut runs where a crossing is missing or a stretch is not built."""
    for run in runs:
        part: list[Crossing] = []
        for crossing in run.crossings:
            if crossing not in web.points:
                yield from _part(run, part)
                part = []
                continue
            if part and random.random() < _NOT_BUILT.get(run.rank, 0.0):
                yield from _part(run, part)
                part = []
            part.append(crossing)
        yield from _part(run, part)


def _part(run: Run, crossings: list[Crossing]) -> Iterator[Run]:
    if len(crossings) > 1:
        yield Run(run.group, run.number, run.rank, tuple(crossings))


def _connected(runs: list[Run]) -> list[Run]:
    """Keep what can be reached from the depot."""
    graph: nx.Graph[Crossing] = nx.Graph()
    for run in runs:
        nx.add_path(graph, run.crossings)
    reached = nx.node_connected_component(graph, _DEPOT)
    return [run for run in runs if run.crossings[0] in reached]


def _named_parts(runs: list[Run], random: Random) -> list[Run]:
    """Cut long runs into streets of their own name."""
    parts: list[Run] = []
    for run in runs:
        rest = run.crossings
        shortest, longest = _NAME_STRETCHES.get(run.rank, (9, 9))
        while len(rest) - 1 > longest:
            cut = random.randint(shortest, min(longest, len(rest) - 2))
            parts.append(Run(run.group, run.number, run.rank, rest[: cut + 1]))
            rest = rest[cut:]
        parts.append(Run(run.group, run.number, run.rank, rest))
    return parts


def _streets(runs: list[Run], web: Web, ground: Ground, names: Names) -> list[Street]:
    streets = []
    bridges = iter(("Old Bridge", "New Bridge"))
    for number, run in enumerate(runs, start=1):
        bridge = run.group == "bridge"
        line = bend([ground.bent(web.points[crossing]) for crossing in run.crossings], BEND_PARTS)
        streets.append(
            Street(
                id=f"street-{number:03}",
                name=next(bridges) if bridge else _name(run, names),
                rank=run.rank,
                speed_mps=SPEED_MPS[run.rank],
                oneway=False,
                bridge=bridge,
                line=tuple(PLACE.to_degrees(point) for point in line),
            )
        )
    return streets


def _name(run: Run, names: Names) -> str:
    if run.group == "depot":
        return "Depot Yard"
    if run.group == "ring" and run.number == 0:
        return "Market Place"
    if run.group == "ring" and run.number == RING_ROAD:
        return _ring_name(run)
    return names.street(run.rank)


def _ring_name(run: Run) -> str:
    """Name a part of the ring road after the side of the town it is on."""
    spokes = [crossing[2] for crossing in run.crossings]
    eighth = ((spokes[0] + (spokes[-1] - spokes[0]) % SPOKES // 2) % SPOKES) // (SPOKES // 8)
    sides = (
        "East",
        "North East",
        "North",
        "North West",
        "West",
        "South West",
        "South",
        "South East",
    )
    return f"{sides[eighth]} Ring"


def _with_oneways(streets: list[Street], random: Random) -> list[Street]:
    """Make lanes one-way, in either direction, as long as everything stays reachable."""
    chosen = {street.id: street for street in streets}
    graph: nx.DiGraph[object] = nx.DiGraph()
    for street in streets:
        nx.add_path(graph, street.line)
        nx.add_path(graph, street.line[::-1])
    lanes = [street for street in streets if street.rank == "lane"]
    random.shuffle(lanes)
    for lane in lanes:
        line = lane.line if random.random() < 0.5 else lane.line[::-1]
        against = [(other, one) for one, other in pairwise(line)]
        graph.remove_edges_from(against)
        if not nx.is_strongly_connected(graph):
            graph.add_edges_from(against)
            continue
        chosen[lane.id] = Street(
            lane.id, lane.name, lane.rank, lane.speed_mps, True, lane.bridge, line
        )
    return list(chosen.values())


def _old_quarter(web: Web) -> list[Point]:
    step = SPOKES // RINGS[OLD_RING][1]
    wall = [web.points["north", OLD_RING, spoke] for spoke in range(0, SPOKES, step)]
    return [*wall, wall[0]]


def _across() -> list[float]:
    return [EDGE_M * part / 30.0 for part in range(-30, 31)]


def _line(id_: str, kind: str, name: str, points: list[Point], ground: Ground) -> Feature:
    line = tuple(PLACE.to_degrees(ground.bent(point)) for point in points)
    return Feature(id_, kind, name, "LineString", line)


def _area(id_: str, kind: str, name: str, points: list[Point], ground: Ground) -> Feature:
    bent = points if kind == "depot" else bend(points)
    line = tuple(PLACE.to_degrees(ground.bent(point)) for point in bent)
    return Feature(id_, kind, name, "Polygon", line)
