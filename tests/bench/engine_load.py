"""What the engine's benchmarks are fed with: a fleet on recorded drives, and fences around them.

In: how many vehicles, rounds and fences. Out: the columns of each call, as the collector reads
them, and fences. The vehicles begin at different places of the recorded drives (of drawn ones
where those are absent), each drive as often as it is long; all fixes are kept.

Fences are scattered evenly within `AROUND_M` of fixes chosen at random. Of 10,000 there are some 10
a square kilometre around a vehicle in the mean, as if all were in one city of 18 km radius (half of
the vehicles meet 4 or fewer). A third are circles of 30 to 300 m, a third polygons of 4 to 12
corners of that size, a third corridors 20 m wide.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from milepost_collector.engine import Fence, fences_from_geojson
from milepost_collector.engine.shape import metres_per_degree
from milepost_schemas.bulk import FixRows
from milepost_schemas.fix import Fix, KeptFix
from tests.agent.recorded_tracks import Track, recorded_tracks
from tests.bench.drawn import drawn_log, fixes_of

VEHICLES = 1000
SIZE = 60
AT_ONCE = 200
ROUNDS = 4

AROUND_M = 5_000.0

_RADIUS_M = (30.0, 300.0)
_CORNERS = (4, 12)
_WIDTH_M = 20.0
_DRAWN = 4


@dataclass(frozen=True, slots=True)
class Call:
    """Batches that the engine takes at once: whose they are, from which row to which, and rows."""

    vehicles: list[int]
    bounds: list[tuple[int, int]]
    rows: FixRows


@cache
def drives() -> tuple[str, list[Track]]:
    """Return the recorded drives that are long enough, or drawn ones, and what they are."""
    long = [track for track in recorded_tracks() if len(track.fixes) >= SIZE * ROUNDS]
    if long:
        return f"{len(long)} recorded drives", long
    drawn = [fixes_of(drawn_log(seed, 40)) for seed in range(_DRAWN)]
    tracks = [Track(f"drawn {n}", fixes, [False] * len(fixes)) for n, fixes in enumerate(drawn)]
    return f"{_DRAWN} drawn drives", tracks


@cache
def fleet() -> list[list[KeptFix]]:
    """Return what each vehicle sends in all rounds."""
    starts = [
        (track, first)
        for track in drives()[1]
        for first in range(len(track.fixes) - SIZE * ROUNDS + 1)
    ]
    chosen = (starts[number * len(starts) // VEHICLES] for number in range(VEHICLES))
    return [_kept(track, first) for track, first in chosen]


def _kept(track: Track, first: int) -> list[KeptFix]:
    rows = range(first, first + SIZE * ROUNDS)
    return [
        KeptFix(seq, track.fixes[row], hole=track.holes[row]) for seq, row in enumerate(rows, 1)
    ]


def calls(sent: Sequence[Sequence[KeptFix]], number: int, at_once: int = AT_ONCE) -> list[Call]:
    """Return the calls of a round; rounds count from 0.

    Args:
        sent: By each vehicle, in all rounds.
        number: Of the round.
        at_once: Batches in a call.
    """
    made = []
    for first in range(0, len(sent), at_once):
        vehicles = list(range(first, min(first + at_once, len(sent))))
        batches = [sent[vehicle][number * SIZE : (number + 1) * SIZE] for vehicle in vehicles]
        rows = FixRows.of(list(enumerate(batches)))
        bounds = [(place * SIZE, (place + 1) * SIZE) for place in range(len(vehicles))]
        made.append(Call(vehicles, bounds, rows))
    return made


def fences_around(count: int) -> tuple[Fence, ...]:
    """Scatter fences around the drives."""
    fixes = [fix for track in drives()[1] for fix in track.fixes]
    return fences_from_geojson(scattered(fixes, count, AROUND_M))


def fences_elsewhere(count: int) -> tuple[Fence, ...]:
    """Scatter fences where no drive comes near: as `fences_around`, 10 degrees north of it."""
    fixes = [fix for track in drives()[1] for fix in track.fixes]
    moved = [Fix(0, fix.lat_e6 + 10_000_000, fix.lon_e6) for fix in fixes]
    return fences_from_geojson(scattered(moved, count, AROUND_M))


def scattered(fixes: Sequence[Fix], count: int, around_m: float) -> dict[str, Any]:
    """Return a GeoJSON collection of fences evenly over all that is so near to some fix."""
    rng = random.Random(1)
    features = [_feature(rng, rng.choice(fixes), number, around_m) for number in range(count)]
    return {"type": "FeatureCollection", "features": features}


def _feature(rng: random.Random, fix: Fix, number: int, around_m: float) -> dict[str, Any]:
    x_m, y_m = (float(each) for each in metres_per_degree(fix.lat_deg))

    def moved(place: tuple[float, float], way_m: float, turn: float) -> tuple[float, float]:
        return place[0] + way_m * math.sin(turn) / x_m, place[1] + way_m * math.cos(turn) / y_m

    way_m, turn = around_m * math.sqrt(rng.random()), rng.uniform(0, math.tau)
    middle = moved((fix.lon_deg, fix.lat_deg), way_m, turn)
    size_m = rng.uniform(*_RADIUS_M)
    geometry: dict[str, Any]
    if number % 3 == 0:
        geometry = {"type": "Point", "coordinates": list(middle)}
        properties = {"radius_m": size_m}
    elif number % 3 == 1:
        corners = rng.randint(*_CORNERS)
        ring = [list(moved(middle, size_m, math.tau * n / corners)) for n in range(corners)]
        geometry, properties = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}, {}
    else:
        line = [moved(middle, size_m, turn), middle, moved(middle, size_m, turn + 2)]
        geometry = {"type": "LineString", "coordinates": [list(point) for point in line]}
        properties = {"width_m": _WIDTH_M}
    return {"type": "Feature", "id": str(number), "geometry": geometry, "properties": properties}
